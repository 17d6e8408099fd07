"""The process that answers run in: global switches set as usual and given back, replaced functions found out."""

from __future__ import annotations

import builtins
import contextlib
import math
import random
import sys
import warnings
from collections.abc import Iterator
from types import FunctionType, ModuleType

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

RESTART = "so no check can be trusted; restart the kernel (Kernel → Restart Kernel…) and run the notebook from the top"
LEAST_RECURSION = 500  # calls deep; PyTorch's own modules need some hundred


@contextlib.contextmanager
def usual_settings() -> Iterator[None]:
    """Global switches as in a fresh kernel, so that none of them judges; they and the generators are given back."""
    generators = random.getstate(), np.random.get_state()
    switches = [
        (torch.set_default_dtype, torch.get_default_dtype(), torch.float32),
        (torch.set_grad_enabled, torch.is_grad_enabled(), True),
        (torch.set_float32_matmul_precision, torch.get_float32_matmul_precision(), "highest"),
        (torch.autograd.set_detect_anomaly, torch.is_anomaly_enabled(), False),
        (_set_deterministic, _deterministic(), (False, False)),
        (_set_default_device, torch.get_default_device(), torch.device("cpu")),
        # Threads of one process wait for each other, on a busy machine ten times as long as they compute.
        (torch.set_num_threads, torch.get_num_threads(), 1),
        (sys.setrecursionlimit, sys.getrecursionlimit(), None),
    ]
    # A warning is no verdict, and what stands on stderr a grader would take for a failure.
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings(), np.errstate():
        warnings.simplefilter("ignore")
        try:
            for switch, now, usual in switches:
                if usual is not None and now != usual:
                    switch(usual)
            yield
        finally:
            for switch, before, _ in switches:
                switch(before)
            random.setstate(generators[0])
            np.random.set_state(generators[1])


def _deterministic() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _set_deterministic(switches: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(switches[0], warn_only=switches[1])


def _set_default_device(device: torch.device) -> None:
    if torch.get_default_device() != device:
        # None and not "cpu": a default device makes every call of PyTorch a little slower.
        torch.set_default_device(None if device == torch.device("cpu") else device)


LAYERS = (
    nn.Module, nn.Sequential, nn.Conv2d, nn.Linear, nn.ReLU, nn.Sigmoid, nn.BatchNorm1d, nn.BatchNorm2d, nn.MaxPool2d,
    nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Dropout, nn.CrossEntropyLoss,
)  # fmt: skip
OWNERS = (builtins, math, torch, F, nn, nn.init, torch.Tensor, torch.autograd, np, *LAYERS)


def _functions(owner: object) -> dict[str, object]:
    found = {name: value for name, value in vars(owner).items() if callable(value)}
    return {name: value for name, value in found.items() if not isinstance(value, ModuleType) and name != "_"}


_KNOWN = [(owner, _functions(owner)) for owner in OWNERS]


def replaced() -> str:
    """The name of a function of Python, NumPy or PyTorch that the notebook has replaced by another; empty for none.

    Libraries wrap their own functions while they run; those wrappers stand in files of a library and keep the name.
    """
    for owner, functions in _KNOWN:
        now = vars(owner)
        for name, function in functions.items():
            new = now.get(name)
            # A kernel puts an input() and an open() of its own in place of Python's.
            other = new is not function and owner is not builtins and not isinstance(new, type)
            if _written_here(new) or (other and not _by_compiler(new) and getattr(new, "__name__", name) != name):
                return f"{owner.__name__}.{name}".removeprefix("builtins.")
    return ""


def _by_compiler(function: object) -> bool:
    """Whether torch.compile put it there: it wraps the constructor of modules under another name."""
    return getattr(function, "__module__", "").startswith("torch._dynamo")


def _written_here(function: object) -> bool:
    if isinstance(function, FunctionType):
        return function.__globals__.get("__name__") in ("__main__", None)
    return isinstance(function, type) and function.__module__ == "__main__"


def poisoned() -> str:
    """One sentence where this process can no longer be trusted with a verdict; empty where it can."""
    if name := replaced():
        return f"{name} is no longer the library's own function, {RESTART}."
    if sys.getrecursionlimit() < LEAST_RECURSION:
        return f"The recursion limit is {sys.getrecursionlimit()}, and PyTorch needs {LEAST_RECURSION} at least, {RESTART}."
    return ""
