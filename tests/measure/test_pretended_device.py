"""What takes a device, on a pretended one: nothing of the processor's is mixed in, and values are seldom read."""

import copy
import dataclasses
from functools import wraps

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab import models
from cnnlab.explore import FeatureMapExplorer
from cnnlab.explore.training.running import Run as ExplorerRun
from cnnlab.explore.training.running import train as train_in_thread
from cnnlab.measure.journal import remember
from cnnlab.measure.recipes import rows
from cnnlab.measure.record import Mirrored
from cnnlab.measure.reference import measure as measuring
from cnnlab.plots import feature_maps
from cnnlab.trace import trace
from cnnlab.trace.effective import effective_field
from cnnlab.train import evaluate, fit, init_xavier, seeding
from cnnlab.train.live import Silent
from cnnlab.train.seeding import own_random
from tests.conftest import blobs
from tests.pretended import On, Pretended
from tests.train.test_train import StopAt, small

pytestmark = pytest.mark.slow  # networks are trained on the pretended device

QUICK = {"epochs": 1, "lr": 0.05, "batch_size": 100, "precision": "fp32"}


def line() -> nn.Module:
    with own_random(0):
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def numbers(history) -> list[float]:
    return [v for row in history.rows for v in (row.train_loss, row.train_accuracy, row.valid_accuracy, row.lr)]


@pytest.fixture
def gpu(monkeypatch):
    """A pretended GPU of Apple's; its generators are the processor's, so the same seeds give the same numbers."""
    there = torch.backends.mps.is_available
    monkeypatch.setattr(torch.backends.mps, "is_available", wraps(there)(lambda: True))
    make = seeding.own_random.generator
    monkeypatch.setattr(seeding.own_random, "generator", lambda self, _device: make(self, torch.device("cpu")))
    with Pretended() as device:
        yield device


def test_it_refuses_what_a_gpu_refuses(gpu):
    X, Y = torch.ones(2, 3), torch.ones(2, 3, device="mps")
    assert (Y.device, Y.to("cpu").device, (Y + 1).device) == (torch.device("mps:0"), torch.device("cpu"), Y.device)
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        X + Y
    with pytest.raises(TypeError, match="can't convert mps:0 device type tensor to numpy"):
        Y.numpy()
    before = gpu.reads
    assert (Y.sum().item(), (Y * 2).tolist()[0]) == (6, [2, 2, 2])
    assert gpu.reads == before + 2
    assert isinstance(nn.Linear(3, 3).to("mps").weight, On)


@pytest.mark.parametrize("settings", [{}, {"optimizer": "adamw", "lr": 1e-3, "schedule": "one-cycle"}])
def test_fit_gives_the_same_there(gpu, tiny_data, settings):
    data = type(tiny_data)(tiny_data.train.with_augment("flip", "crop"), tiny_data.valid, tiny_data.test, "drawn")
    here, there = small(dropout=0.5), small(dropout=0.5)
    expected = fit(here, data, device="cpu", channels_last=False, **{**QUICK, **settings})
    found = fit(there, data, device="mps", progress=False, **{**QUICK, **settings})
    assert numbers(found) == pytest.approx(numbers(expected), rel=1e-4)
    assert found.settings["channels_last"] is False
    assert found.environment["device"].startswith("mps (")
    assert next(there.parameters()).device == torch.device("mps:0")
    assert evaluate(there, data.test.to("mps")) == evaluate(here, data.test)
    with pytest.raises(ValueError, match=r"Sequential is on mps:0 and the images are on cpu; move one of them"):
        evaluate(there, data.test)


def test_losses_are_read_twenty_at_a_time_and_shown_one_by_one(gpu, tiny_data):
    steps = []

    class View(Silent):
        def step(self, history, step, steps_, loss, lr):
            steps.append((step, loss))

    data = type(tiny_data)(blobs(900, 1), tiny_data.valid, tiny_data.test, "drawn").to("mps")
    settings = {**QUICK, "epochs": 1, "batch_size": 10}
    fit(line(), data, progress=lambda _: View(), **settings)
    there, steps[:] = list(steps), []
    fit(line(), data.to("cpu"), progress=lambda _: View(), **settings)
    assert [step for step, _ in there] == list(range(1, 91))
    assert [loss for _, loss in there] == pytest.approx([loss for _, loss in steps], rel=1e-4)
    counts = []
    for count in (100, 900):
        before = gpu.reads
        part = type(data)(data.train.subset(count), data.valid, data.test, "drawn")
        fit(line(), part, progress=False, **settings)
        counts.append(gpu.reads - before)
    assert counts[1] - counts[0] == 4  # 90 losses are read five times, 10 once


def test_the_explorers_curve_has_the_same_points(gpu, tiny_data):
    settings = {"network": "own", "lr": 0.05, "batch_size": 60, "epochs": 2, "optimizer": "sgd", "schedule": "constant"}
    trails = []
    for data in (tiny_data, tiny_data.to("mps")):
        run = ExplorerRun("A", 0, {**settings, "images": 600, "seed": 0})
        train_in_thread(run, fit, line, data, lambda: None)
        assert (run.state, run.failed) == ("done", "")
        trails.append(run.trail)
    assert [at for at, _ in trails[0]] == [at for at, _ in trails[1]]
    assert len(trails[1]) == 20


@pytest.mark.parametrize("first", ["mps", "cpu"])
def test_a_checkpoint_goes_from_one_device_to_another(gpu, tiny_data, tmp_path, first):
    """AdamW's counts of steps stay on the processor, where it wants them."""
    settings = {**QUICK, "epochs": 3, "optimizer": "adamw", "lr": 1e-3, "progress": False}
    reference = fit(small(), tiny_data, **settings)
    path, other = tmp_path / "run.pt", {"mps": "cpu", "cpu": "mps"}[first]
    fit(nn.Sequential(*small(), StopAt(14)), tiny_data, device=first, checkpoint=path, **settings)
    resumed = fit(nn.Sequential(*small(9), StopAt(0)), tiny_data, device=other, checkpoint=path, **settings)
    assert numbers(resumed) == pytest.approx(numbers(reference), rel=1e-4)


def test_faults_are_seen_there_too(gpu, tiny_data):
    net = nn.Sequential(nn.Conv2d(1, 10, 28), nn.BatchNorm2d(10), nn.Flatten())
    with pytest.raises(ValueError, match="the last batch of an epoch has 1 image"):
        fit(net, tiny_data, device="mps", **{**QUICK, "batch_size": 599})
    bad = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    with torch.no_grad():
        bad[1].weight[0, 0] = torch.nan
    with pytest.warns(RuntimeWarning, match="weight of layer '1' holds NaN before the first step"):
        fit(bad, tiny_data, device="mps", **QUICK)


def test_what_looks_at_a_network_there(gpu, tiny_data, tmp_path):
    data = tiny_data.to("mps")
    net = models.build("lenet")
    history = fit(net, data, progress=False, **{**QUICK, "epochs": 1})
    here = copy.deepcopy(models.copy_weights(net, models.build("lenet")))
    assert isinstance(next(net.parameters()), On)
    assert [row.out_shape for row in trace(net, (1, 1, 28, 28))] == [
        row.out_shape for row in trace(here, (1, 1, 28, 28))
    ]
    assert remember("05", "LeNet", net, history, tmp_path)[0].macs == 416_520
    assert evaluate(Mirrored(net), data.test) == evaluate(Mirrored(here), tiny_data.test)
    X = data.test.example(0)[0][None]
    maps = [feature_maps(each, X.to(where), ["conv1"])["conv1"] for each, where in ((net, "mps"), (here, "cpu"))]
    torch.testing.assert_close(maps[0], maps[1])
    fields = [effective_field(each, "conv2", 28) for each in (net, here)]
    np.testing.assert_allclose(fields[0], fields[1], rtol=1e-4)
    explorers = [FeatureMapExplorer(each, split) for each, split in ((net, data.valid), (here, tiny_data.valid))]
    assert str(explorers[0].static()) == str(explorers[1].static())
    init_xavier(net, 3)
    assert torch.equal(net.fc1.weight.cpu(), init_xavier(here, 3).fc1.weight)


def test_a_reference_is_measured_there(gpu, monkeypatch, tiny_data):
    monkeypatch.setattr(measuring, "step_memory", lambda *_, **__: 0)
    row = dataclasses.replace(rows("bn_lenet")["notes"], training={**QUICK, "batch_size": 200})
    here, there = (measuring.measure(row, data, [0], lambda _: None) for data in (tiny_data, tiny_data.to("mps")))
    assert there.valid == pytest.approx(here.valid, abs=0.02)
    assert (there.stopped, there.machine["device"]) == ([], "mps:0")
