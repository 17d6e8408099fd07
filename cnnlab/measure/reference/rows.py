"""The rows of the reference table: each network of the notes by the notes' recipe and by ours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from cnnlab import models
from cnnlab.measure.recipes import EPOCHS, RECIPES
from cnnlab.train import init_xavier
from cnnlab.train.seeding import own_random

KINDS = ("notes", "ours")
# Two more, to say what bf16 costs: ours in a form that takes less time, and this, or else ours, in fp32.
SHORT, FP32 = "short", "fp32"
# The best test accuracy over many published builds of the notes, ten epochs each.
PUBLISHED = {
    "lenet": 0.828,
    "alexnet": 0.886,
    "vgg11": 0.925,
    "nin": 0.885,
    "googlenet": 0.900,
    "bn_lenet": 0.892,
    "resnet18_notes": 0.927,
    "densenet": 0.918,
}
# On a processor: epochs; settings of models.build; those that only our recipe adds; what it trains with.
Small = tuple[int, dict[str, Any], dict[str, Any], dict[str, Any]]
SMALL: dict[str, Small] = {
    "alexnet": (5, {"width": 1 / 8, "stem": "small", "dense": 256}, {"dropout": 0.2}, {"lr": 3e-3, "batch_size": 128}),
    "vgg11": (
        10,
        {"width": 1 / 4, "stem": "small", "dense": 256},
        {"dropout": 0.0, "batch_norm": True},
        {"lr": 4e-3, "batch_size": 128, "weight_decay": 0.05},
    ),
    "nin": (
        4,
        {"width": 1 / 4, "stem": "small", "last_channels": 96},
        {"dropout": 0.1, "last_relu": False},
        {"lr": 3e-3, "batch_size": 64},
    ),
    "googlenet": (4, {"width": 1 / 4, "stem": "half"}, {"batch_norm": True}, {"lr": 8e-3, "batch_size": 256}),
    "resnet18_notes": (
        8,
        {"width": 1 / 4, "stem": "small"},
        {},
        {"lr": 8e-3, "batch_size": 128, "weight_decay": 0.2},
    ),
    "densenet": (
        5,
        {"growth_rate": 16, "stem_channels": 32, "num_convs": (3, 3, 3), "stem": "half"},
        {},
        {"lr": 5e-3, "batch_size": 128},
    ),
}
SHORTER: dict[str, Small] = {
    "resnet18_notes": (4, {"width": 1 / 4, "stem": "half"}, {}, {"lr": 8e-3, "batch_size": 256}),
}
SMALL_SIZE = 28
OURS = {
    "precision": "auto",
    "epochs": EPOCHS,
    "optimizer": "adamw",
    "schedule": "one-cycle",
    "label_smoothing": 0.1,
    "batch_size": 256,
}


@dataclass(frozen=True)
class Row:
    """One network by one recipe. `settings` go to models.build, `training` to fit; `xavier`: the notes' start."""

    network: str
    recipe: str
    image_size: int
    settings: dict[str, Any]
    training: dict[str, Any]
    xavier: bool = False
    augment: tuple[str, ...] = ()

    def model(self, seed: int) -> torch.nn.Module:
        with own_random(seed):
            net = models.build(self.network, image_size=self.image_size, **self.settings)
        return init_xavier(net, seed) if self.xavier else net


def rows(network: str, device_type: str = "cpu") -> dict[str, Row]:
    """The rows of a network, as that kind of device can do them. Raises ValueError for another network."""
    if network not in RECIPES:
        raise ValueError(f"network {network!r} is not one of {', '.join(RECIPES)}; the notes have no recipe for it")
    small = device_type == "cpu" and network in SMALL
    found = small_rows(network, SMALL[network]) if small else full_rows(network)
    if small and network in SHORTER:
        found[SHORT] = replace(small_rows(network, SHORTER[network])["ours"], recipe=SHORT)
    return {**found, FP32: in_fp32(found.get(SHORT, found["ours"]))}


def in_fp32(row: Row) -> Row:
    """The same in float32."""
    return replace(row, recipe=FP32, training={**row.training, "precision": "fp32"})


def full_rows(network: str) -> dict[str, Row]:
    """At the notes' size, for the notes' ten epochs."""
    notes = RECIPES[network]
    theirs = {"epochs": EPOCHS, "batch_size": notes.batch_size, "lr": notes.lr, "precision": "fp32"}
    ours = {**OURS, "lr": 1e-2 if network == "bn_lenet" else 4e-3, "batch_size": min(256, notes.batch_size)}
    better = {"lenet": {"activation": "relu"}, "bn_lenet": {"activation": "relu"}, "nin": {"last_relu": False}}
    settings = {**notes.settings, **better.get(network, {})}
    return {
        "notes": Row(network, "notes", notes.image_size, notes.settings, theirs, xavier=True),
        "ours": Row(network, "ours", notes.image_size, settings, ours, augment=("flip",)),
    }


def small_rows(network: str, small: Small) -> dict[str, Row]:
    """At the size that a processor can do, with the notes' learning rate and batch size or ours."""
    notes, (epochs, shared, added, training) = RECIPES[network], small
    theirs = {"epochs": epochs, "batch_size": notes.batch_size, "lr": notes.lr, "precision": "fp32"}
    ours = {**OURS, "epochs": epochs, **training}
    return {
        "notes": Row(network, "notes", SMALL_SIZE, shared, theirs, xavier=True),
        "ours": Row(network, "ours", SMALL_SIZE, {**shared, **added}, ours, augment=("flip",)),
    }
