"""Training: one epoch against hand-written steps, fit against d2l, interruption, divergence, checkpoints."""

import contextlib
import copy
import dataclasses
import json
import re
import signal
import threading
import xml.etree.ElementTree as ET
from base64 import b64decode
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnnlab import models
from cnnlab.train import (
    DivergedError,
    epoch_seed,
    evaluate,
    fit,
    init_xavier,
    loop,
    train_epoch,
)
from cnnlab.train.history import History
from cnnlab.train.seeding import own_random
from tests.conftest import blobs

QUICK = {"epochs": 2, "lr": 0.05, "batch_size": 64, "precision": "fp32"}


def small(seed: int = 0, dropout: float = 0.0) -> nn.Sequential:
    with own_random(seed):
        return nn.Sequential(
            nn.Conv2d(1, 4, 5, stride=2), nn.ReLU(), nn.Flatten(), nn.Dropout(dropout), nn.Linear(4 * 12 * 12, 10)
        )


def test_epoch_against_gradients_by_autograd(tiny_data):
    """Two steps of plain SGD, written with torch.autograd.grad instead of backward and an optimiser."""
    model, lr = small(), 0.1
    mine = copy.deepcopy(model)
    batches = list(tiny_data.train.batches(300))
    losses, right = [], 0
    for X, y in batches:
        y_hat = model(X)
        loss = F.cross_entropy(y_hat, y)
        losses.append(loss.item())
        right += (y_hat.argmax(1) == y).sum().item()
        for parameter, slope in zip(
            model.parameters(), torch.autograd.grad(loss, list(model.parameters())), strict=True
        ):
            parameter.data -= lr * slope
    loss, accuracy = train_epoch(mine, batches, nn.CrossEntropyLoss(), torch.optim.SGD(mine.parameters(), lr=lr))
    assert loss == pytest.approx(sum(losses) / 2, rel=1e-6)
    assert accuracy == right / 600
    for ours, theirs in zip(mine.parameters(), model.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-7)


def test_mean_loss_weighs_a_short_last_batch_by_its_size(tiny_data):
    model = small()
    batches = list(tiny_data.train.batches(500))
    by_hand = sum(F.cross_entropy(model(X), y, reduction="sum").item() for X, y in batches) / 600
    loss, _ = train_epoch(model, batches, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=1e-12))
    assert loss == pytest.approx(by_hand, rel=1e-5)


def test_evaluate_counts_in_evaluation_mode(tiny_data):
    model = small(dropout=0.9).train()
    X, y = next(tiny_data.test.batches(100))
    model.eval()
    by_hand = sum(int(model(x[None]).argmax() == label) for x, label in zip(X, y, strict=True)) / 100
    model.train()
    assert evaluate(model, tiny_data.test) == by_hand
    assert evaluate(model, tiny_data.test.with_augment("flip")) == by_hand
    assert model.training


def test_fit_learns_and_reports(tiny_data):
    model = small()
    history = fit(model, tiny_data, **{**QUICK, "epochs": 6, "lr": 0.1})
    assert history.valid_accuracy > 0.9
    assert history.valid_accuracy == evaluate(model, tiny_data.valid)
    assert history.column("epoch") == [1, 2, 3, 4, 5, 6]
    assert history.column("train_loss") == sorted(history.column("train_loss"), reverse=True)
    assert history.stopped is None
    for row in history.rows:
        assert 0 < row.seconds_loading < row.seconds
        assert row.seconds_without_loading == pytest.approx(row.seconds - row.seconds_loading)
    assert re.match(r"History\(6 of 6 epochs, train loss 0\.\d{3}, validation accuracy [01]\.\d{4}\)", repr(history))


def test_same_seed_same_run_and_random_state_is_given_back(tiny_data):
    state = torch.random.get_rng_state()
    runs = [fit(small(dropout=0.5), tiny_data, seed=seed, **QUICK) for seed in (1, 1, 2)]
    losses = [run.column("train_loss") for run in runs]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("settings", [{"optimizer": "adamw", "lr": 2e-3}, {"schedule": "one-cycle", "lr": 0.3}])
def test_optimizers_and_schedules_learn(tiny_data, settings):
    history = fit(small(), tiny_data, **{**QUICK, "epochs": 5, **settings})
    assert history.valid_accuracy > 0.9
    assert all(history.settings[name] == value for name, value in settings.items())


def test_one_cycle_rises_to_its_peak_and_falls(tiny_data):
    rates = fit(small(), tiny_data, **{**QUICK, "epochs": 10, "schedule": "one-cycle", "lr": 0.2}).column("lr")
    peak = rates.index(max(rates))
    assert 0.18 < max(rates) <= 0.2
    assert 1 <= peak <= 4
    assert rates[-1] < 0.01
    assert fit(small(), tiny_data, **QUICK).column("lr") == [0.05, 0.05]


def test_label_smoothing_raises_the_floor_of_the_loss(tiny_data):
    """With smoothing 0.5 over ten classes no prediction can go below the entropy of the smoothed label."""
    target = torch.full((10,), 0.05).index_add(0, torch.tensor([0]), torch.tensor([0.5]))
    floor = -(target * target.log()).sum().item()
    smooth = fit(small(), tiny_data, label_smoothing=0.5, **{**QUICK, "epochs": 8}).rows[-1].train_loss
    assert smooth > floor > fit(small(), tiny_data, **{**QUICK, "epochs": 8}).rows[-1].train_loss


def test_bf16_learns_what_fp32_learns(tiny_data):
    accuracy = {
        name: fit(small(), tiny_data, **{**QUICK, "epochs": 6, "precision": name}).valid_accuracy
        for name in ("fp32", "bf16", "auto")
    }
    assert min(accuracy.values()) > 0.9


def test_channels_last_changes_the_layout_and_not_the_result(tiny_data):
    rows, layouts = [], []
    for channels_last in (True, False):
        model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(2304, 10))
        model = init_xavier(model, 3)
        for layer in (model[0], model[2], model[4]):
            nn.init.zeros_(layer.bias)
        rows.append(fit(model, tiny_data, channels_last=channels_last, **QUICK).column("train_loss"))
        layouts.append(model[2].weight.is_contiguous(memory_format=torch.channels_last))
    assert layouts == [True, False]
    assert rows[0] == pytest.approx(rows[1], rel=1e-4)


def test_the_faster_layout_is_taken(tiny_data):
    assert fit(models.build("bn_lenet"), tiny_data, **QUICK).settings["channels_last"] is False
    assert fit(small(), tiny_data, **QUICK).settings["channels_last"] is True


class Own(nn.Module):
    """Freezes its batch norm where it is put in training mode, as learners write it."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.BatchNorm2d(1), *small(dropout=0.5))

    def train(self, mode=True):
        super().train(mode)
        self.net[0].eval()
        return self

    def forward(self, X):
        return self.net(X)


def test_a_frozen_batch_norm_stays_frozen(tiny_data):
    by_hand = nn.Sequential(nn.BatchNorm2d(1), *small(dropout=0.5))
    by_hand[0].eval()
    for model, norm in ((by_hand, by_hand[0]), (own := Own().train(), own.net[0])):
        before, modes = copy.deepcopy(norm.state_dict()), [module.training for module in model.modules()]
        fit(model, tiny_data, **QUICK)
        evaluate(model, tiny_data.valid)
        assert [module.training for module in model.modules()] == modes
        assert torch.equal(norm.running_mean, before["running_mean"])
        assert not torch.equal(norm.weight, before["weight"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_every_submodule_gets_its_own_mode_back(tiny_data, seed):
    model = nn.Sequential(nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.1)), small(dropout=0.5))
    draw = torch.Generator().manual_seed(seed)
    for module in model.modules():
        module.training = bool(torch.rand((), generator=draw) < 0.5)
    modes = [module.training for module in model.modules()]
    for work in (
        lambda: fit(model, tiny_data, **QUICK),
        lambda: evaluate(model, tiny_data.valid),
        lambda: fit(nn.Sequential(model, StopAt(3)), tiny_data, **QUICK),
        lambda: evaluate(nn.Sequential(model, nn.Linear(3, 3)), tiny_data.valid),
    ):
        with contextlib.suppress(RuntimeError):  # the last one does not fit
            work()
        assert [module.training for module in model.modules()] == modes


def test_a_network_in_evaluation_mode_is_trained_in_training_mode(tiny_data):
    model = nn.Sequential(nn.BatchNorm2d(1), *small()).eval()
    fit(model, tiny_data, **QUICK)
    assert model[0].num_batches_tracked == 20
    assert not model.training


def test_evaluation_in_batches_of_bounded_size(tiny_data):
    sizes = []
    model = small()
    model.register_forward_pre_hook(lambda _module, inputs: sizes.append(len(inputs[0])))
    big = torch.nn.Sequential(nn.AdaptiveAvgPool2d(28), small())
    big.register_forward_pre_hook(lambda _module, inputs: sizes.append(len(inputs[0])))
    evaluate(model, blobs(1500, 1))
    evaluate(big, dataclasses.replace(blobs(200, 1), size=224))
    assert sizes == [500, 500, 500, *[47] * 4, 12]  # 47 · 224² is the most that is not above 256 · 96²


def test_mode_is_given_back(tiny_data):
    for mode in (True, False):
        model = small().train(mode)
        fit(model, tiny_data, **QUICK)
        assert model.training is mode


class StopAt(nn.Module):
    """Passes its input on, and interrupts at its n-th training step as a learner's stop button does."""

    def __init__(self, step: int):
        super().__init__()
        self.left = step

    def forward(self, X):
        self.left -= self.training
        if self.left == 0 and self.training:
            raise KeyboardInterrupt
        return X


def test_interrupting_keeps_what_was_learned(tiny_data):
    model = nn.Sequential(StopAt(25), *small())
    before = copy.deepcopy(model.state_dict())
    history = fit(model, tiny_data, **{**QUICK, "epochs": 50})
    assert len(history) == 2  # ten steps an epoch: the third was under way
    assert history.stopped == "interrupted in epoch 3"
    assert repr(history).endswith("; stopped: interrupted in epoch 3)")
    assert any(not torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert evaluate(model, tiny_data.valid) > 0.5


@pytest.mark.parametrize("where", ["describe", "pick_precision", "make_optimizer", "make_schedule", "pick_progress"])
def test_interrupting_before_the_first_step_gives_the_history_too(tiny_data, monkeypatch, where):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, where, interrupted)
    history = fit(small(), tiny_data, **QUICK)
    assert (len(history), history.stopped) == (0, "interrupted in epoch 1")
    assert "none finished" in history._repr_html_()
    assert "0 of 2 epochs; stopped: interrupted in epoch 1" in repr(history)


def test_an_interrupt_does_not_break_off_an_import(tmp_path, monkeypatch):
    """What is broken off in the middle would be half there: torch's compiler cannot be imported a second time then."""
    (tmp_path / "slow_module.py").write_text(
        "import _thread\nfrom tests.train.test_train import GATE\n_thread.interrupt_main()\nwhole = GATE.wait(60)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.import_whole("slow_module")
    finally:
        signal.signal(signal.SIGINT, handler)
    GATE.set()
    import slow_module

    assert slow_module.whole
    assert loop.import_whole("slow_module") is None


GATE = threading.Event()


def test_a_loss_that_is_not_finite_stops_with_its_reason(tiny_data):
    with pytest.warns(
        RuntimeWarning, match=r"loss became (nan|inf) in epoch 1, step \d+, at learning rate 1e\+10; try"
    ):
        history = fit(small(), tiny_data, **{**QUICK, "lr": 1e10})
    assert "try a lower one, such as 3e+09" in history.stopped
    assert len(history) == 0
    assert "none finished" in history._repr_html_()


def test_the_step_named_is_the_first_bad_one(tiny_data):
    class BadAt(nn.Module):
        calls = 0

        def forward(self, X):
            self.calls += self.training
            return X * (float("nan") if self.calls == 13 and self.training else 1.0)

    with pytest.warns(RuntimeWarning, match="loss became nan in epoch 2, step 3, at learning rate 0.05"):
        history = fit(nn.Sequential(*small(), BadAt()), tiny_data, **QUICK)
    assert len(history) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings", [{}, {"optimizer": "adamw", "lr": 1e-3}, {"schedule": "one-cycle", "momentum": 0.9}]
)
def test_resumed_run_ends_where_an_uninterrupted_one_does(tiny_data, tmp_path, settings):
    """Weights and every number but the seconds, to the last bit, with dropout and augmentation in play."""
    data = type(tiny_data)(tiny_data.train.with_augment("flip", "crop"), tiny_data.valid, tiny_data.test, "drawn")
    settings = {**QUICK, "epochs": 4, **settings}
    whole = small(dropout=0.3)
    reference = fit(whole, data, **settings)

    path = tmp_path / "run.pt"
    first = fit(nn.Sequential(*small(dropout=0.3), StopAt(25)), data, checkpoint=path, **settings)
    assert len(first) == 2
    again = small(seed=99, dropout=0.3)  # other weights: everything must come from the file
    resumed = fit(nn.Sequential(*again, StopAt(0)), data, checkpoint=path, **settings)
    numbers = lambda run: [(r.epoch, r.train_loss, r.train_accuracy, r.valid_accuracy, r.lr) for r in run.rows]  # noqa: E731
    assert numbers(resumed) == numbers(reference)
    for ours, theirs in zip(again.parameters(), whole.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]


def test_checkpoint_can_be_continued_further_at_a_constant_rate(tiny_data, tmp_path):
    path = tmp_path / "run.pt"
    fit(small(), tiny_data, checkpoint=path, **QUICK)
    longer = fit(small(), tiny_data, checkpoint=path, **{**QUICK, "epochs": 4})
    assert longer.column("train_loss") == fit(small(), tiny_data, **{**QUICK, "epochs": 4}).column("train_loss")


def test_checkpoint_of_another_run_is_refused(tiny_data, tmp_path):
    path = tmp_path / "run.pt"
    fit(small(), tiny_data, checkpoint=path, **QUICK)
    with pytest.raises(ValueError, match=r"made with lr=0.05, not 0.5; use the same settings, or another file"):
        fit(small(), tiny_data, checkpoint=path, **{**QUICK, "lr": 0.5})


def damaged(state: dict, name: str) -> dict:
    return {key: value for key, value in state.items() if key != name}


DAMAGES = {
    "not a checkpoint": lambda path: path.write_bytes(b"not a checkpoint"),
    "empty": lambda path: path.write_bytes(b""),
    "another of torch's files": lambda path: torch.save(torch.ones(3), path),
    "a whole network": lambda path: torch.save(small(), path),
    **{f"cut at {part}": lambda path, part=part: path.write_bytes(path.read_bytes()[: path.stat().st_size * part // 8])
       for part in range(1, 8)},
    **{f"without {name}": lambda path, name=name: torch.save(damaged(torch.load(path), name), path)
       for name in ("model", "optimizer", "scheduler", "history")},
    **{f"other {name}": lambda path, name=name: torch.save(torch.load(path) | {name: {"a": 1}}, path)
       for name in ("model", "optimizer", "history")},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_refused_and_changes_nothing(tiny_data, tmp_path, damage):
    path, model = tmp_path / "run.pt", small(seed=7)
    fit(small(), tiny_data, checkpoint=path, **QUICK)
    DAMAGES[damage](path)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=r"run.pt cannot be read; delete it to start afresh"):
        fit(model, tiny_data, checkpoint=path, **QUICK)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_checkpoint_of_another_network_with_as_many_weights_is_refused(tiny_data, tmp_path):
    path = tmp_path / "run.pt"
    fit(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), tiny_data, checkpoint=path, **QUICK)
    other = nn.Sequential(nn.Flatten(), nn.Identity(), nn.Linear(784, 10))
    with pytest.raises(ValueError, match=r"run\.pt holds the weights of another network; use another file"):
        fit(other, tiny_data, checkpoint=path, **QUICK)


def test_a_checkpoint_that_cannot_be_read_or_written(tiny_data, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("where a folder should be")
    with pytest.warns(RuntimeWarning, match="could not be written .*; training goes on without it") as caught:
        assert len(fit(small(), tiny_data, checkpoint=blocked / "run.pt", **QUICK)) == 2
    assert len(caught) == 1


def test_checkpoints_are_loaded_through_the_processor(tiny_data, tmp_path, monkeypatch):
    """What AdamW counts its steps with has to stay there, wherever the weights are."""
    asked, load = [], torch.load
    monkeypatch.setattr(torch, "load", lambda *args, **more: asked.append(more["map_location"]) or load(*args, **more))
    for epochs in (1, 2):
        settings = {**QUICK, "epochs": epochs, "optimizer": "adamw", "lr": 1e-3}
        fit(small(), tiny_data, checkpoint=tmp_path / "run.pt", **settings)
    assert asked == ["cpu"]


def test_checkpoint_that_would_run_code_is_not_loaded(tiny_data, tmp_path):
    class Harmful:
        def __reduce__(self):
            return (tmp_path.joinpath("harm").touch, ())

    torch.save({"history": Harmful()}, tmp_path / "run.pt")
    with pytest.raises(ValueError, match="cannot be read"):
        fit(small(), tiny_data, checkpoint=tmp_path / "run.pt", **QUICK)
    assert not (tmp_path / "harm").exists()


def test_failed_save_leaves_the_last_checkpoint(tiny_data, tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    fit(small(), tiny_data, checkpoint=path, **QUICK)
    good = path.read_bytes()

    def full_disk(_state, file):
        Path(file).write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.warns(RuntimeWarning, match=r"could not be written \(no space left.*\); training goes on") as caught:
        history = fit(small(), tiny_data, checkpoint=path, **{**QUICK, "epochs": 4})
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert len(history) == 4
    assert path.read_bytes() == good
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("epochs", 0, "a whole number of at least 1"),
        ("batch_size", 2.5, "a whole number of at least 1"),
        ("lr", -1, "a number above 0"),
        ("momentum", 1.0, "at least 0 and below 1"),
        ("weight_decay", -0.1, "at least 0"),
        ("label_smoothing", 1.0, "at least 0 and below 1"),
        ("optimizer", "adam", "one of sgd, adamw"),
        ("schedule", "cosine", "one of constant, one-cycle"),
    ],
)
def test_settings_that_cannot_be(tiny_data, name, value, rule):
    with pytest.raises(ValueError, match=f"{name}={value!r} cannot be; it must be {rule}"):
        fit(small(), tiny_data, **{**QUICK, name: value})


def test_precision_and_device_that_cannot_be(tiny_data):
    with pytest.raises(ValueError, match="precision 'fp8' is not one of auto, fp32, bf16"):
        fit(small(), tiny_data, precision="fp8", epochs=1)
    with pytest.raises(ValueError, match="device 'tpu' is not one of"):
        fit(small(), tiny_data, device="tpu", epochs=1)


def test_history_goes_to_json_and_back(tiny_data, tmp_path):
    history = fit(small(), tiny_data, **QUICK)
    text = history.to_json(tmp_path / "run.json")
    assert (tmp_path / "run.json").read_text(encoding="utf-8") == text
    assert json.loads(text)["rows"][1]["train_loss"] == history.rows[1].train_loss
    assert History.from_json(text) == history


def test_report_names_environment_settings_result_and_curve(tiny_data):
    page = fit(small(), tiny_data, **QUICK)._repr_html_()
    for word in ("environment", "settings", "result", torch.__version__, "images per second", "5,874"):
        assert word in page
    curve = b64decode(re.search(r'base64,([^"]+)"', page)[1]).decode()
    assert ET.fromstring(curve).tag.endswith("svg")
    assert "training loss" in curve
    assert "var(" not in curve  # an image knows nothing of the page's colours


def test_xavier_bounds():
    """Glorot and Bengio 2010: uniform within the square root of 6 / (fan in + fan out)."""
    model = init_xavier(models.build("lenet"), seed=0)
    bound = (6 / (6 * 25 + 16 * 25)) ** 0.5
    largest = model.conv2.weight.abs().max().item()
    assert 0.97 * bound < largest <= bound
    again, other = (init_xavier(models.build("lenet"), seed).fc1.weight for seed in (0, 1))
    assert torch.equal(model.fc1.weight, again)
    assert not torch.equal(model.fc1.weight, other)


def test_xavier_draws_biases_too_and_leaves_the_shared_generator_alone():
    """As PyTorch's own layers do: uniform within one by the square root of a unit's inputs."""
    nets = [models.build("lenet"), models.build("lenet")]  # biases are not the same
    shared = torch.get_rng_state()
    for net in nets:
        init_xavier(net, seed=3)
    for one, other in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(one, other)
    for layer, inputs in (("conv2", 6 * 25), ("fc1", 400), ("fc2", 120)):
        largest = getattr(nets[0], layer).bias.abs().max().item()
        assert 0.7 * inputs**-0.5 < largest <= inputs**-0.5
    assert torch.equal(shared, torch.get_rng_state())
    grouped = init_xavier(nn.Conv2d(4, 8, 3, groups=4), seed=0)
    assert 18**-0.5 < grouped.bias.abs().max().item() <= 9**-0.5


def test_xavier_weights_are_those_of_the_seed_alone():
    net = models.build("lenet")
    torch.manual_seed(5)
    expected = [nn.init.xavier_uniform_(torch.empty_like(p)) for p in net.parameters() if p.dim() > 1]
    ours = [p for p in init_xavier(net, seed=5).parameters() if p.dim() > 1]
    assert all(map(torch.equal, ours, expected))


def test_xavier_without_layers_biases_or_sizes():
    assert list(init_xavier(nn.Sequential(nn.Flatten())).parameters()) == []
    assert init_xavier(nn.Linear(3, 2, bias=False)).bias is None
    with pytest.raises(ValueError, match=r"layer '1' is lazy and has no weights yet; give the network a batch first"):
        init_xavier(nn.Sequential(nn.Flatten(), nn.LazyLinear(10)))


def test_the_same_seed_gives_the_same_losses_while_another_thread_trains(tiny_data):
    def losses(seed: int) -> list[float]:
        return fit(small(dropout=0.5), tiny_data, seed=seed, progress=False, **QUICK).column("train_loss")

    alone, together = [losses(seed) for seed in range(3)], [None] * 3
    work = lambda seed: together.__setitem__(seed, losses(seed))  # noqa: E731
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    cells = []
    for _ in range(20):
        torch.manual_seed(0)
        cells.append([torch.randn(50).sum().item() for _ in range(20)])
    for thread in threads:
        thread.join()
    assert together == alone
    assert all(cell == cells[0] for cell in cells)


def test_diverged_error_is_an_arithmetic_error():
    assert issubclass(DivergedError, ArithmeticError)


def test_short_last_batches_of_any_size(tiny_data):
    for count in (600, 601, 599):
        data = type(tiny_data)(blobs(count, 1), tiny_data.valid, tiny_data.test, "drawn")
        history = fit(small(), data, **{**QUICK, "epochs": 1})
        assert history.settings["train_images"] == count


def test_epoch_seeds_of_different_runs_do_not_meet():
    seeds = {epoch_seed(seed, epoch) for seed in range(5) for epoch in range(1, 100)}
    assert len(seeds) == 5 * 99


def test_moments_are_those_of_the_devices_own_stream(monkeypatch):
    """On cuda:1 an event of the current stream of cuda:0 would measure another card."""
    marks = []

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self, stream):
            self.at = len(marks)
            marks.append(stream)

        def elapsed_time(self, end):
            return 1000 * (end.at - self.at)

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"stream of {device}")
    spent = []
    assert list(loop.timed([1, 2], torch.device("cuda:1"), spent)) == [1, 2]
    assert set(marks) == {"stream of cuda:1"}
    assert sum(loop.between(*pair) for pair in spent) == 3
