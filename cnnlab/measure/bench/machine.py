"""What this machine is, and how fast it multiplies matrices."""

from __future__ import annotations

import datetime
import os
import platform
from importlib.metadata import version

import torch

from cnnlab import __version__
from cnnlab.device import has_bf16, processor_name
from cnnlab.measure.bench.run import now

SIDES = {"cpu": 2048, "cuda": 8192, "mps": 4096}  # large enough to keep all of it busy
REPEATS = 8
# A multiply-accumulate is two operations, and a training step costs about three times its forward pass: backward
# computes a gradient for the input and one for the weights.
OPERATIONS_A_MAC = 2
PASSES = 3


def about(device: torch.device) -> dict[str, str]:
    """Machine, versions and date, in words."""
    gigabytes = 2**30
    words = {
        "processor": processor_name(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "GPU": "none",
        "device": str(device),
        **{name: version(name) for name in ("torch", "torchvision", "d2l", "numpy")},
        "python": platform.python_version(),
        "cnnlab": __version__,
        "system": f"{platform.system()} {platform.release()}",
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        words["memory"] = f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / gigabytes:.1f} GiB"
    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(device if device.type == "cuda" else 0)
        words["GPU"] = f"{card.name}, {card.total_memory / gigabytes:.0f} GiB"
    return words


def matrix_peak(precision: str, device: torch.device, side: int | None = None) -> float:
    """Operations per second of the fastest of eight products of two square matrices, in "fp32" or "bf16"."""
    side = side or SIDES[device.type]
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    left @ right  # the first one prepares
    shortest = min(_seconds(left, right, device) for _ in range(REPEATS))
    return OPERATIONS_A_MAC * side**3 / shortest


def _seconds(left: torch.Tensor, right: torch.Tensor, device: torch.device) -> float:
    began = now(device)
    left @ right
    return now(device) - began


def peaks(device: torch.device) -> dict[str, float]:
    """matrix_peak of each precision that the device has in hardware."""
    return {name: matrix_peak(name, device) for name in ("fp32", "bf16") if name == "fp32" or has_bf16(device)}


def share_of_peak(rate: float, macs: int, peak: float) -> float:
    """What part of `peak` a run reaches at `rate` images per second and `macs` for one image forward.
    >>> share_of_peak(rate=100, macs=10**9, peak=1.2e12)
    0.5
    """
    return PASSES * OPERATIONS_A_MAC * macs * rate / peak
