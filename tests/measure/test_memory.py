"""Peak memory of a training step against what autograd keeps, by another count."""

import json
import subprocess
import sys

import pytest
import torch

from cnnlab import models
from cnnlab.measure import memory
from cnnlab.measure.memory import peak_resident, step_memory, training_step

SMALL = {"width": 0.25, "stem": "half"}


def kept_for_backward(batch_size: int, **settings) -> int:
    """Bytes of everything autograd saves in one forward pass, each storage once."""
    storages = {}

    def keep(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()  # alive, so no address comes twice
        return tensor

    model = models.build("densenet", image_size=64, **settings)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(torch.randn(batch_size, 1, 64, 64)).sum()
    return sum(storage.nbytes() for storage in storages.values())


@pytest.mark.slow
def test_an_image_more_takes_what_autograd_keeps_for_it():
    """The difference of two batches is free of weights and of the libraries; the peak holds a little more."""
    batches = (16, 64)
    less, more = (kept_for_backward(batch, **SMALL) for batch in batches)
    ballast = torch.ones(2**27)  # 512 MiB here must not be counted there  # noqa: F841
    found = [step_memory("densenet", 64, batch, device="cpu", **SMALL) for batch in batches]
    assert 0.85 < (found[1] - found[0]) / (more - less) < 1.5


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here")
def test_a_gpu_counts_weights_and_gradients():
    model = models.build("resnet18", image_size=32)
    weights = 4 * sum(p.numel() for p in model.parameters())
    workspace = 2**30  # what cuDNN takes for its scratch space beside them is its own choice
    assert 2 * weights <= step_memory("resnet18", 32, 2, device="cuda") < 4 * weights + workspace


def test_a_step_moves_every_weight():
    torch.manual_seed(0)
    model = models.build("lenet")
    before = [p.detach().clone() for p in model.parameters()]
    training_step(model, torch.rand(4, 1, 28, 28))
    assert all((p != q).any() for p, q in zip(before, model.parameters(), strict=True))


def test_other_systems(monkeypatch, tmp_path):
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(memory, "STATUS", tmp_path / "none")
    unit = 1 if sys.platform == "darwin" else 1024
    assert peak_resident() == unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    monkeypatch.setitem(sys.modules, "resource", None)
    with pytest.raises(RuntimeError, match="this system does not tell a process's peak memory; measure on a GPU"):
        peak_resident()


def test_what_cannot_be_measured(monkeypatch):
    with pytest.raises(ValueError, match="image_size 8 is too small for DenseNet"):
        step_memory("densenet", 8, 2)
    monkeypatch.setattr(memory, "pick_device", lambda _device: torch.device("mps"))
    with pytest.raises(ValueError, match="device 'mps' keeps no peak of its memory; measure on device='cpu'"):
        step_memory("lenet", 28, 2, device="mps")


def test_a_step_that_does_not_fit(monkeypatch):
    killed = subprocess.CompletedProcess([], -9, "", "")
    jobs = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: jobs.append(json.loads(command[-1])) or killed)
    with pytest.raises(RuntimeError, match=r"lenet with batch_size 9 .* code -9 \(no message\); lower batch_size or"):
        step_memory("lenet", 28, 9, device="cpu")
    assert jobs == [["lenet", 9, {"in_channels": 1, "image_size": 28}]]
