"""Every recipe of the course, once: network, data, settings of the training, and the accuracy it must reach.

NOTES has the notes' own recipes, `rows` the notes' and ours for the reference table, `chapter_recipe` what a chapter
trains, RECORD the recipes of the record in chapter 14.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import torch

from cnnlab import models
from cnnlab.course.run_size import by_scale
from cnnlab.data import FashionMNIST, fashion_mnist
from cnnlab.train import init_xavier
from cnnlab.train.seeding import own_random

EPOCHS = 10  # in the notes
TRAIN_IMAGES, TEST_IMAGES = 55_000, 10_000  # our training split; the notes train on the other 5,000 too


@dataclass(frozen=True)
class Recipe:
    """One network and how it is trained. `settings` go to models.build, `training` to fit.

    kind: whose recipe it is, such as "notes" or "ours". image_size: in pixels. xavier: whether the weights start as in
    the notes, else as the network's own. augment: of the training images. images: so many of them, None is all.
    name: what tables call the network. floor: the validation accuracy that a run exceeds, whatever the machine.
    why: how the recipe differs from the network's recipe in the reference table, and the reason.
    """

    network: str
    kind: str
    image_size: int
    settings: dict[str, Any]
    training: dict[str, Any]
    xavier: bool = False
    augment: tuple[str, ...] = ()
    images: int | None = None
    # What is said of a recipe and changes nothing in it.
    name: str = field(default="", compare=False)
    floor: float | None = field(default=None, compare=False)
    why: str = field(default="", compare=False)

    @property
    def batch_size(self) -> int:
        return self.training["batch_size"]

    @property
    def lr(self) -> float:
        return self.training["lr"]

    @property
    def form(self) -> str:
        """The network with what is changed of it, but for its activation.
        >>> [rows("vgg11", device_type)["notes"].form for device_type in ("cpu", "cuda")]
        ['vgg11: width 1/4, stem small, dense 256', 'vgg11: width 1/4']
        """
        words = said({name: value for name, value in self.settings.items() if name != "activation"})
        return f"{self.network}: {words}" if words else self.network

    def model(self, seed: int = 0) -> torch.nn.Module:
        """The network with the first weights of that seed, the same as after torch.manual_seed(seed)."""
        with own_random(seed):
            net = models.build(self.network, image_size=self.image_size, **self.settings)
        return init_xavier(net, seed) if self.xavier else net

    def data(self, device: str | torch.device = "auto") -> FashionMNIST:
        """The images as the recipe wants them, on the device."""
        return fashion_mnist(self.image_size, device, subset=self.images, augment=self.augment)

    def __repr__(self) -> str:
        """
        >>> NOTES["vgg11"]
        vgg11: width 1/4
        data      224×224, all training images
        training  10 epochs, batches of 128, SGD at rate 0.05, precision fp32; weights start by Xavier
        """
        augmented = f", augmented by {' and '.join(self.augment)}" if self.augment else ""
        images = "all" if self.images is None else f"{self.images:,}"
        lines = [
            self.name or self.form,
            f"network   {self.form}" if self.name else "",
            f"data      {self.image_size}×{self.image_size}, {images} training images{augmented}",
            f"training  {self._trained()}{'; weights start by Xavier' if self.xavier else ''}",
            f"floor     validation accuracy {self.floor:.2f}" if self.floor else "",
            f"why       {self.why}" if self.why else "",
        ]
        return "\n".join(filter(None, lines))

    def _trained(self) -> str:
        rest = {name: value for name, value in self.training.items() if (name, value) != ("precision", "auto")}
        epochs, batch_size, lr = (rest.pop(name) for name in ("epochs", "batch_size", "lr"))
        optimizer = {"sgd": "SGD", "adamw": "AdamW"}[rest.pop("optimizer", "sgd")]
        rate = f"in one cycle up to rate {lr:g}" if rest.pop("schedule", "") == "one-cycle" else f"at rate {lr:g}"
        words = [f"{epochs} epochs", f"batches of {batch_size}", f"{optimizer} {rate}", *([said(rest)] if rest else [])]
        return ", ".join(words)


def said(settings: dict[str, Any]) -> str:
    """Settings in words.
    >>> said({"growth_rate": 16, "num_convs": (3, 3), "width": 0.25, "batch_norm": True, "last_relu": False})
    'growth rate 16, num convs 3·3, width 1/4, batch norm, no last relu'
    """
    return ", ".join(_setting(name.replace("_", " "), value) for name, value in settings.items())


def _setting(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return name if value else f"no {name}"
    if name == "width":
        value = Fraction(value)
    return f"{name} {'·'.join(map(str, value)) if isinstance(value, list | tuple) else value}"


def notes(network: str, image_size: int, batch_size: int, lr: float, **settings: Any) -> Recipe:
    """Plain SGD from a Xavier start, as in the notes."""
    training = {"epochs": EPOCHS, "batch_size": batch_size, "lr": lr, "precision": "fp32"}
    return Recipe(network, "notes", image_size, settings, training, xavier=True)


NOTES = {
    recipe.network: recipe
    for recipe in (
        notes("lenet", 28, 256, 0.9, activation="sigmoid"),
        notes("alexnet", 224, 128, 0.01),
        notes("vgg11", 224, 128, 0.05, width=0.25),
        notes("nin", 224, 128, 0.1),
        notes("googlenet", 96, 128, 0.1),
        notes("bn_lenet", 28, 256, 1.0),
        notes("resnet18_notes", 96, 256, 0.05),
        notes("densenet", 96, 256, 0.1),
    )
}
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


# Our recipes: AdamW, a rate that rises and falls once, smooth labels, mirrored images.
def training(epochs: int, lr: float, batch_size: int, **more: Any) -> dict[str, Any]:
    """The settings that all of our recipes share, and those of one."""
    shared = {"precision": "auto", "epochs": epochs, "optimizer": "adamw", "schedule": "one-cycle"}
    return {**shared, "label_smoothing": 0.1, "batch_size": batch_size, "lr": lr, **more}


def ours(network: str, image_size: int, settings: dict[str, Any], **fit: Any) -> Recipe:
    return Recipe(network, "ours", image_size, settings, training(**fit), augment=("flip",))


# At the notes' size.
BETTER = {"lenet": {"activation": "relu"}, "bn_lenet": {"activation": "relu"}, "nin": {"last_relu": False}}
FULL = {
    network: ours(
        network,
        recipe.image_size,
        {**recipe.settings, **BETTER.get(network, {})},
        epochs=EPOCHS,
        lr=1e-2 if network == "bn_lenet" else 4e-3,
        batch_size=min(256, recipe.training["batch_size"]),
    )
    for network, recipe in NOTES.items()
}
# At 28 px and narrower, for a processor: the form that both recipes train, and the recipe that is ours, which changes
# the form a little more.
FORMS: dict[str, dict[str, Any]] = {
    "alexnet": {"width": 1 / 8, "stem": "small", "dense": 256},
    "vgg11": {"width": 1 / 4, "stem": "small", "dense": 256},
    "nin": {"width": 1 / 4, "stem": "small", "last_channels": 96},
    "googlenet": {"width": 1 / 4, "stem": "half"},
    "resnet18_notes": {"width": 1 / 4, "stem": "small"},
    "densenet": {"growth_rate": 16, "stem_channels": 32, "num_convs": (3, 3, 3), "stem": "half"},
}


def small(network: str, added: dict[str, Any], **fit: Any) -> Recipe:
    return ours(network, 28, {**FORMS[network], **added}, **fit)


SMALL = {
    recipe.network: recipe
    for recipe in (
        small("alexnet", {"dropout": 0.2}, epochs=5, lr=3e-3, batch_size=128),
        small("vgg11", {"dropout": 0.0, "batch_norm": True}, epochs=10, lr=4e-3, batch_size=128, weight_decay=0.05),
        small("nin", {"dropout": 0.1, "last_relu": False}, epochs=4, lr=3e-3, batch_size=64),
        small("googlenet", {"batch_norm": True}, epochs=4, lr=8e-3, batch_size=256),
        small("resnet18_notes", {}, epochs=8, lr=8e-3, batch_size=128, weight_decay=0.2),
        small("densenet", {}, epochs=5, lr=5e-3, batch_size=128),
    )
}
# A form that takes less time, to compare bf16 with fp32.
SHORTER = {
    "resnet18_notes": replace(
        small("resnet18_notes", {"stem": "half"}, epochs=4, lr=8e-3, batch_size=256), kind="short"
    )
}
KINDS = ("notes", "ours")
SHORT, FP32 = "short", "fp32"  # two more, to say what bf16 costs


def rows(network: str, device_type: str = "cpu") -> dict[str, Recipe]:
    """The recipes of a network by kind, as such a device can train them. Raises ValueError for another network."""
    if network not in NOTES:
        raise ValueError(f"network {network!r} is not one of {', '.join(NOTES)}; the notes have no recipe for it")
    found = {"notes": NOTES[network], "ours": FULL[network]}
    if device_type == "cpu" and network in SMALL:
        mine = SMALL[network]
        same_epochs = {**NOTES[network].training, "epochs": mine.training["epochs"]}
        theirs = replace(NOTES[network], image_size=28, settings=FORMS[network], training=same_epochs)
        found = {"notes": theirs, "ours": mine}
        if network in SHORTER:
            found[SHORT] = SHORTER[network]
    return {**found, FP32: in_fp32(found.get(SHORT, found["ours"]))}


def in_fp32(recipe: Recipe) -> Recipe:
    """The same in float32."""
    return replace(recipe, kind=FP32, training={**recipe.training, "precision": "fp32"})


# What the chapters train. Quick: the recipe that is ours, shortened. Full: the notes' own.
def quick(recipe: Recipe, name: str, floor: float, why: str, /, **changes: Any) -> Recipe:
    """A recipe of the reference table for a chapter: `changes` of its fields, those of `training` one by one."""
    fit = {**recipe.training, **changes.pop("training", {})}
    fit = {setting: value for setting, value in fit.items() if value is not None}
    return replace(recipe, kind="chapter", training=fit, name=name, floor=floor, why=why, **changes)


def full(network: str, name: str, floor: float, **settings: Any) -> Recipe:
    """The notes' recipe for a chapter, in the precision that the device is fastest with."""
    recipe = NOTES[network]
    fit = {setting: value for setting, value in recipe.training.items() if setting != "precision"}
    settings = {**recipe.settings, **settings}
    return replace(recipe, kind="chapter", settings=settings, training=fit, name=name, floor=floor)


LENET = quick(
    FULL["lenet"], "LeNet", 0.89, "Smooth labels and mirrored images come in later chapters.",
    settings={}, augment=(), training={"label_smoothing": None},
)  # fmt: skip
BN_LENET = quick(
    FULL["bn_lenet"], "BN-LeNet, ReLU", 0.89, "Four epochs take ten seconds; no smooth labels, no mirrored images.",
    augment=(), training={"epochs": 4, "label_smoothing": None},
)  # fmt: skip
# Chapter: its quick recipes and the full ones, in the same order.
CHAPTERS: dict[str, tuple[list[Recipe], list[Recipe]]] = {
    "05": (both := [LENET, replace(LENET, network="lenet_max", name="LeNet, max pooling", floor=0.88)], both),
    "06": (
        [
            quick(
                SMALL["alexnet"], "AlexNet ÷ 8, small stem", 0.88,
                "Two epochs take ten seconds; the weights start by Xavier, as in the notes.", xavier=True,
                augment=(), training={"epochs": 2},
            ),
        ],
        [full("alexnet", "AlexNet", 0.84)],
    ),
    "07": (
        [
            quick(
                SMALL["vgg11"], "VGG-11 ÷ 8", 0.90, "Half the width and four epochs take half a minute.",
                settings={**SMALL["vgg11"].settings, "width": 1 / 8}, augment=(),
                training={"epochs": 4, "weight_decay": None},
            ),
        ],
        [full("vgg11", "VGG-11 ÷ 4", 0.88)],
    ),
    "08": (
        [
            quick(
                SMALL["nin"], "NiN ÷ 4", 0.88, "Two epochs take half a minute.",
                augment=(), training={"epochs": 2, "label_smoothing": None},
            ),
        ],
        [full("nin", "NiN", 0.70, last_relu=False)],
    ),
    "09": (
        [
            quick(
                SMALL["googlenet"], "GoogLeNet ÷ 4", 0.88, "Two epochs over 40,000 images take under a minute.",
                augment=(), images=40_000, training={"epochs": 2},
            ),
        ],
        [full("googlenet", "GoogLeNet", 0.80)],
    ),
    "10": ([BN_LENET], [replace(BN_LENET, training={**BN_LENET.training, "epochs": EPOCHS}, why="")]),
    "11": (
        [
            quick(
                SHORTER["resnet18_notes"], "ResNet-18 ÷ 4", 0.90,
                "The paper's form without biases, three epochs over 50,000 images: half a minute.",
                network="resnet18", augment=(), images=50_000, training={"epochs": 3},
            ),
        ],
        [full("resnet18_notes", "ResNet-18", 0.80)],
    ),
    "12": (
        [
            quick(
                SMALL["densenet"], "DenseNet, growth 16", 0.90, "Two epochs take half a minute.",
                augment=(), training={"epochs": 2},
            ),
        ],
        [full("densenet", "DenseNet", 0.80)],
    ),
}  # fmt: skip


def chapter_recipe(chapter: str, network: str | None = None) -> Recipe:
    """What chapter `chapter` trains, small enough for a laptop, or the notes' recipe where CNNLAB_SCALE=full says so.

    network: one of several that the chapter trains, by its name in models.MODELS; None is the first.
    Raises ValueError for another chapter or network.
    """
    if chapter not in CHAPTERS:
        raise ValueError(f"chapter {chapter!r} is not one of {', '.join(CHAPTERS)}; no other trains a network in full")
    found = by_scale(*CHAPTERS[chapter])
    names = [recipe.network for recipe in found]
    if network is not None and network not in names:
        raise ValueError(f"chapter {chapter} trains {' and '.join(names)}, not {network!r}")
    return found[names.index(network) if network else 0]


@dataclass(frozen=True, repr=False, kw_only=True)
class Timed(Recipe):
    """A recipe of the record: it must reach `goal`, a test accuracy, within `limit` seconds of training.

    mirrored: whether an image is judged together with its mirror image, by the sum of the two scores.
    """

    mirrored: bool
    goal: float
    limit: float


def record(kind: str, settings: dict[str, Any], *, mirrored: bool, goal: float, limit: float, **fit: Any) -> Timed:
    settled = {"optimizer": "adamw", "schedule": "one-cycle", "label_smoothing": 0.1, "weight_decay": 0.01, **fit}
    return Timed("fast", kind, 28, settings, settled, augment=("flip",), mirrored=mirrored, goal=goal, limit=limit)


# Chosen by validation accuracy; the test images were looked at for the five seeds of the record only.
RECORD = {
    "short": record("short", {}, mirrored=False, goal=0.915, limit=30, epochs=5, lr=0.01, batch_size=128),
    "long": record(
        "long", {"dropout": 0.3}, mirrored=True, goal=0.93, limit=120,
        epochs=19, lr=0.01, batch_size=128, weight_decay=0.05,
    ),
}  # fmt: skip
