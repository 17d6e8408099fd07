"""What a run leaves behind, and the clock it is measured with."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook


@dataclass(frozen=True)
class Run:
    """One training run. `seconds` are the training passes with loading; evaluation is in neither of the two.

    seconds_to_data: from asking for the data to having it; seconds_to_first_batch: from then to the end of the first
    step. peak_bytes: of the GPU's allocator, None elsewhere.
    """

    images: int
    seconds: float
    seconds_without_loading: float
    seconds_to_data: float
    seconds_to_first_batch: float
    seconds_to_second_batch: float
    loss: float
    train_accuracy: float
    test_accuracy: float
    peak_bytes: int | None = None

    @property
    def rate(self) -> float:
        """Images per second with loading."""
        return self.images / self.seconds

    @property
    def rate_without_loading(self) -> float:
        return self.images / self.seconds_without_loading


def now(device: torch.device) -> float:
    """Seconds on the processor's clock, when the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()


@contextlib.contextmanager
def first_steps(device: torch.device) -> Iterator[list[float]]:
    """The moments at which the first two steps of any optimizer in here were done."""
    moments: list[float] = []

    def note(*_: Any) -> None:
        if len(moments) < 2:  # later ones would only make the processor wait for the GPU
            moments.append(now(device))

    hook = register_optimizer_step_post_hook(note)
    try:
        yield moments
    finally:
        hook.remove()


def start_peak(device: torch.device) -> None:
    """From here on `read_peak` counts."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def read_peak(device: torch.device) -> int | None:
    """Bytes at the allocator's peak, or None where there is no such allocator."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None


@contextlib.contextmanager
def replaced(module: Any, **names: Any) -> Iterator[None]:
    """Other things under these names of a module while inside."""
    before = {name: getattr(module, name) for name in names}
    try:
        for name, value in names.items():
            setattr(module, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(module, name, value)
