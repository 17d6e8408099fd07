"""The settings of a training run: what each may be, and the optimizer and the schedule that they ask for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("constant", "one-cycle")


def make_optimizer(
    model: nn.Module, name: str, lr: float, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    """One of OPTIMIZERS over all parameters of the model."""
    if name == "sgd":
        return torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay)
    return torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)


def make_schedule(optimizer, name: str, lr: float, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    """One of SCHEDULES over so many steps."""
    if name == "constant":
        return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=lr, total_steps=steps + 1, cycle_momentum=False)


def as_settings(arguments: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """These of the arguments of `fit` as plain values, with the model's and the data's names in front."""
    model, data = arguments["model"], arguments["data"]
    head = {
        "model": type(model).__name__,
        "parameters": count_parameters(model),
        "data": data.name,
        "image_size": data.train.size,
        "train_images": len(data.train),
        "augment": " and ".join(data.train.augment) or "none",
    }
    skipped = {"model", "data", "device", "checkpoint", "progress"}
    return head | {name: plain(arguments[name]) for name in names if name not in skipped}


def count_parameters(model: nn.Module) -> int:
    """Numbers in all parameters; those of a lazy layer count once it has seen an image."""
    return sum(parameter.numel() for parameter in model.parameters() if not is_lazy(parameter))


def plain(value: Any) -> Any:
    """A number of numpy or torch as Python's own; everything else as it is.
    >>> plain(torch.tensor(3)), plain("sgd")
    (3, 'sgd')
    """
    return value.item() if getattr(value, "ndim", None) == 0 else value


def number(value: Any, kind: type = Real) -> bool:
    """Whether it is a number; True and False are none."""
    return isinstance(value, kind) and not isinstance(value, bool)


RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "epochs": (lambda v: number(v, Integral) and v >= 1, "a whole number of at least 1"),
    "batch_size": (lambda v: number(v, Integral) and v >= 1, "a whole number of at least 1"),
    "lr": (lambda v: number(v) and 0 < v < math.inf, "a number above 0"),
    "momentum": (lambda v: number(v) and 0 <= v < 1, "at least 0 and below 1"),
    "weight_decay": (lambda v: number(v) and 0 <= v < math.inf, "at least 0"),
    "label_smoothing": (lambda v: number(v) and 0 <= v < 1, "at least 0 and below 1"),
    "seed": (lambda v: number(v, Integral) and abs(v) <= 10**12, "a whole number, such as 0"),
    "optimizer": (lambda v: isinstance(v, str) and v in OPTIMIZERS, f"one of {', '.join(OPTIMIZERS)}"),
    "schedule": (lambda v: isinstance(v, str) and v in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
    "channels_last": (lambda v: v is None or isinstance(v, bool), "True, False or None"),
}


def check(settings: dict[str, Any]) -> None:
    """Raises ValueError for the first setting that cannot be."""
    for name, (holds, rule) in RULES.items():
        if not holds(settings[name]):
            raise ValueError(f"{name}={' '.join(repr(settings[name]).split())} cannot be; it must be {rule}")
