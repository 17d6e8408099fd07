"""Peak memory of one training step: forward, backward, one step of plain SGD.

On a GPU the allocator's own statistics say it, with the scratch space that cuDNN chooses for its convolutions. On a
CPU a fresh process does the step, and its peak resident memory before the network was built is taken from that after
the step. Scratch space of the libraries and whole pages are in that number: it is good to some megabytes, so measure
networks and batches well above these.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from cnnlab import models
from cnnlab.device import pick_device

STATUS = Path("/proc/self/status")  # Linux
# The C library under Linux keeps freed blocks for later unless it is told to give those of 64 kB and more back.
AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


def step_memory(name: str, image_size: int, batch_size: int, device: str = "auto", **settings) -> int:
    """Bytes at the peak of one training step in float32 of models.build(name, image_size=…, **settings).

    Weights, gradients and the batch are counted; the libraries themselves are not. device: "auto" takes a GPU where
    there is one. Raises ValueError for a network or device that cannot be, RuntimeError where nothing was measured.
    """
    settings = {"in_channels": 1, **settings, "image_size": image_size}
    with torch.device("meta"):
        models.build(name, **settings)  # refuses here what cannot be built, before a process is started
    where = pick_device("cpu" if device == "auto" and not torch.cuda.is_available() else device)
    if where.type == "mps":
        raise ValueError("device 'mps' keeps no peak of its memory; measure on device='cpu'")
    if where.type == "cuda":
        return _on_gpu(name, batch_size, settings, where)
    return _in_fresh_process(name, batch_size, settings)


def training_step(model: nn.Module, X: torch.Tensor) -> None:
    """Forward, backward and one step of SGD on images X, all of class 0."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    F.cross_entropy(model(X), torch.zeros(len(X), dtype=torch.long, device=X.device)).backward()
    optimizer.step()


def peak_resident() -> int:
    """The most memory this process has had in use, in bytes."""
    # What `getrusage` says begins, under Linux, with what the parent had when it started this process.
    found = re.search(r"VmHWM:\s*(\d+) kB", STATUS.read_text()) if STATUS.exists() else None
    if found:
        return 1024 * int(found[1])
    try:
        import resource
    except ImportError:
        raise RuntimeError("this system does not tell a process's peak memory; measure on a GPU instead") from None
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _step(name: str, batch_size: int, settings: dict, device: torch.device) -> None:
    model = models.build(name, **settings).to(device, memory_format=torch.channels_last)
    size = settings["image_size"]
    training_step(model, torch.randn(batch_size, settings["in_channels"], size, size, device=device))


def _small_step(device: torch.device) -> None:
    """What the libraries take once, at their first step, is no part of a network."""
    _step("lenet", 2, {"in_channels": 1, "image_size": 28}, device)


def _on_gpu(name: str, batch_size: int, settings: dict, device: torch.device) -> int:
    _small_step(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    _step(name, batch_size, settings, device)
    return torch.cuda.max_memory_allocated(device) - before


def _in_fresh_process(name: str, batch_size: int, settings: dict) -> int:
    command = [sys.executable, "-m", "cnnlab.measure.memory", json.dumps([name, batch_size, settings])]
    done = subprocess.run(command, env=os.environ | AT_ONCE, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(
            f"{name} with batch_size {batch_size} could not be measured: its process ended with code "
            f"{done.returncode} ({last}); lower batch_size or image_size"
        )
    return int(done.stdout)


def _main(job: str) -> None:
    device = torch.device("cpu")
    _small_step(device)
    before = peak_resident()
    _step(*json.loads(job), device)
    print(peak_resident() - before)


if __name__ == "__main__":
    _main(sys.argv[1])
