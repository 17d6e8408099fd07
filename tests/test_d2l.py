"""The d2l way beside ours: the same start, batches and steps give the same losses."""

import contextlib
import io

import IPython.display
import matplotlib.pyplot as plt
import pytest
import torch

from cnnlab import models
from cnnlab.compat import load_d2l
from cnnlab.data import FashionMNIST
from cnnlab.train import epoch_seed, evaluate, fit
from tests.conftest import blobs


@pytest.fixture
def d2l(monkeypatch):
    module = load_d2l()
    monkeypatch.setattr(plt, "show", lambda *_: None)
    monkeypatch.setattr(IPython.display, "display", lambda *_, **__: None)
    return module


class Loader:
    """What d2l wants from a data loader, giving in epoch e the very batches that `fit` takes in epoch e."""

    def __init__(self, split, batch_size: int, seed: int | None = None):
        self.split, self.batch_size, self.seed, self.epoch = split, batch_size, seed, 0

    def __len__(self):
        return -(-len(self.split) // self.batch_size)

    def __iter__(self):
        self.epoch += 1
        seed = None if self.seed is None else epoch_seed(self.seed, self.epoch)
        return self.split.batches(self.batch_size, seed)


def test_the_missing_name_is_back_and_the_format_of_pictures_stays(d2l, monkeypatch):
    asked = []
    monkeypatch.setattr(IPython.display, "set_matplotlib_formats", lambda *formats: asked.append(formats))
    d2l.plot([1, 2], [[3, 4]])
    assert asked == []
    assert callable(d2l.train_ch6)
    assert load_d2l() is d2l


@pytest.mark.slow
def test_train_ch6_and_fit_find_the_same_losses(d2l, monkeypatch):
    data = FashionMNIST(blobs(1200, 1), blobs(200, 2, "valid"), blobs(200, 3, "test"), source="drawn")
    epochs, lr, batch_size = 3, 0.9, 100
    seen = []
    add = d2l.Animator.add
    monkeypatch.setattr(d2l.Animator, "add", lambda self, x, y: (seen.append((x, y)), add(self, x, y)))

    theirs = models.build("lenet", activation="sigmoid")
    start = {name: value.clone() for name, value in theirs.state_dict().items()}
    torch.manual_seed(5)  # train_ch6 draws the weights anew (Xavier), in the order of the layers
    with contextlib.redirect_stdout(io.StringIO()):
        d2l.train_ch6(
            theirs, Loader(data.train, batch_size, 0), Loader(data.valid, batch_size), epochs, lr, torch.device("cpu")
        )

    ours = models.build("lenet", activation="sigmoid")
    ours.load_state_dict(start)
    torch.manual_seed(5)
    for module in ours.modules():
        if type(module) in (torch.nn.Linear, torch.nn.Conv2d):
            torch.nn.init.xavier_uniform_(module.weight)
    history = fit(ours, data, epochs=epochs, lr=lr, batch_size=batch_size, precision="fp32")

    ends = [(x, loss, accuracy) for x, (loss, accuracy, _) in seen if loss is not None and float(x).is_integer()]
    assert [x for x, *_ in ends] == [1, 2, 3]
    assert history.column("train_loss") == pytest.approx([loss for _, loss, _ in ends], rel=1e-4)
    assert history.column("train_accuracy") == pytest.approx([accuracy for *_, accuracy in ends], abs=1.5 / 1200)
    tests = [test for _, (loss, _, test) in seen if loss is None]
    assert history.column("valid_accuracy") == pytest.approx(tests, abs=1.5 / 200)
    assert evaluate(theirs, data.test) == pytest.approx(evaluate(ours, data.test), abs=1.5 / 200)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(mine, other, atol=1e-4)
