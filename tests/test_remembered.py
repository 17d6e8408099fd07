"""Trainings that the tests remember: the second time nothing is trained, and all that is seen of it is the same."""

import torch

from cnnlab import models
from cnnlab.check.frame.watched import Notes, noted, watched
from cnnlab.train import fit
from tests.remembered import Remembered, beside_training

SETTINGS = {"epochs": 2, "lr": 0.1, "batch_size": 100, "progress": False}


def trained(fit, data, seed=0, frozen=False, **changes):
    """A small network with dropout, trained; its weights, history and the notes of it."""
    torch.manual_seed(seed)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(784, 10))
    net[2].bias.requires_grad_(not frozen)
    notes = Notes()
    with noted(notes):
        history = fit(net, watched(data, notes), **SETTINGS | changes)
    rows = [(row.train_loss, row.valid_accuracy) for row in history.rows]
    return [value.tolist() for value in net.state_dict().values()], rows, vars(notes)


def test_what_is_remembered_is_what_was_trained(tiny_data):
    times = []
    remembered = Remembered(lambda *args, **settings: times.append(1) or fit(*args, **settings))
    first, second = trained(remembered, tiny_data), trained(remembered, tiny_data)
    assert len(times) == 1
    assert first == second == trained(fit, tiny_data)
    assert first[2]["steps"] == 12
    assert first[2]["dropped"]


def test_another_training_is_no_remembered_one(tiny_data):
    times = []
    remembered = Remembered(lambda *args, **settings: times.append(1) or fit(*args, **settings))
    trained(remembered, tiny_data)
    trained(remembered, tiny_data, seed=1)
    trained(remembered, tiny_data, lr=0.2)
    trained(remembered, tiny_data, frozen=True)
    trained(remembered, tiny_data.__class__(tiny_data.train.subset(500), *list(vars(tiny_data).values())[1:]))
    remembered.other_code = beside_training("class Part(nn.Module):\n    p = 1\n\nanswer = 'lower'")
    trained(remembered, tiny_data)
    assert len(times) == 6
    hooked = models.build("lenet")
    hooked.register_forward_hook(lambda *_: None)
    for _ in range(2):
        remembered(hooked, tiny_data, **SETTINGS)
    assert len(times) == 8


def test_the_function_that_trains_and_the_conclusion_are_left_out():
    answer = (
        "def net(p):\n    return p\n\n"
        "def accuracy(p, seed, data):\n    return fit(net(p), data)\n\n"
        "conclusion = 'lower'"
    )
    assert beside_training(answer) == beside_training(answer.replace("lower", "higher")) != ""
    assert beside_training(answer.replace("return p", "return 2 * p")) != beside_training(answer)
    assert beside_training(answer.replace("fit(net(p), data)", "fit(net(1), data)")) == beside_training(answer)
