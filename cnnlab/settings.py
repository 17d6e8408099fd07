"""The settings of a training run: what each may be, and the optimizer and the schedule that they ask for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

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
    params = sum(parameter.numel() for parameter in model.parameters())
    head = {
        "model": type(model).__name__,
        "parameters": params,
        "data": data.name,
        "image_size": data.train.size,
        "train_images": len(data.train),
        "augment": " and ".join(data.train.augment) or "none",
    }
    skipped = {"model", "data", "device", "checkpoint", "progress"}
    return head | {name: arguments[name] for name in names if name not in skipped}


def check(settings: dict[str, Any]) -> None:
    """Raises ValueError for the first setting that cannot be."""
    rules: list[tuple[str, Callable[[Any], bool], str]] = [
        ("epochs", lambda v: isinstance(v, int) and v >= 1, "a whole number of at least 1"),
        ("batch_size", lambda v: isinstance(v, int) and v >= 1, "a whole number of at least 1"),
        ("lr", lambda v: 0 < v < math.inf, "a number above 0"),
        ("momentum", lambda v: 0 <= v < 1, "at least 0 and below 1"),
        ("weight_decay", lambda v: v >= 0, "at least 0"),
        ("label_smoothing", lambda v: 0 <= v < 1, "at least 0 and below 1"),
        ("optimizer", lambda v: v in OPTIMIZERS, f"one of {', '.join(OPTIMIZERS)}"),
        ("schedule", lambda v: v in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
    ]
    for name, holds, rule in rules:
        if not holds(settings[name]):
            raise ValueError(f"{name}={settings[name]!r} cannot be; it must be {rule}")
