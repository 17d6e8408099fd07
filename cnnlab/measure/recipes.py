"""The notes' eight networks and their settings; a Job is one of them with a number of images."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from cnnlab import models
from cnnlab.device import pick_device, pick_precision
from cnnlab.train import init_xavier
from cnnlab.train.seeding import own_random

EPOCHS = 10  # in the notes
TRAIN_IMAGES, TEST_IMAGES = 55_000, 10_000  # our training split; the notes train on the other 5,000 too
FEWEST_BATCHES = 5  # train_ch6 draws after each fifth of an epoch and cannot do with fewer


@dataclass(frozen=True)
class Recipe:
    """A network of models.MODELS with its settings, side of the input in pixels, batch size and learning rate."""

    network: str
    image_size: int
    batch_size: int
    lr: float
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.image_size} px, batch {self.batch_size}, lr {self.lr:g}"


RECIPES = {
    "lenet": Recipe("lenet", 28, 256, 0.9, {"activation": "sigmoid"}),
    "alexnet": Recipe("alexnet", 224, 128, 0.01),
    "vgg11": Recipe("vgg11", 224, 128, 0.05, {"width": 0.25}),
    "nin": Recipe("nin", 224, 128, 0.1),
    "googlenet": Recipe("googlenet", 96, 128, 0.1),
    "bn_lenet": Recipe("bn_lenet", 28, 256, 1.0),
    "resnet18_notes": Recipe("resnet18_notes", 96, 256, 0.05),
    "densenet": Recipe("densenet", 96, 256, 0.1),
}


@dataclass(frozen=True)
class Job:
    """What both sides are asked to do: train on `images` images `epochs` times, each time evaluate `tests` others."""

    recipe: Recipe
    images: int
    tests: int
    epochs: int = 1
    device: str = "auto"
    precision: str = "auto"  # of our side; d2l knows only fp32
    seed: int = 0

    @property
    def torch_device(self) -> torch.device:
        return pick_device(self.device)

    @property
    def our_precision(self) -> str:
        return pick_precision(self.precision, self.torch_device)

    def model(self) -> nn.Module:
        """The network with its first weights, those that train_ch6 draws after torch.manual_seed(seed)."""
        recipe = self.recipe
        with own_random(self.seed):
            model = models.build(recipe.network, image_size=recipe.image_size, **recipe.settings)
        return init_xavier(model, self.seed)


def tests_for(images: int) -> int:
    """Evaluated images for so many trained ones: one in six as in the notes, at least one a class.
    >>> tests_for(1280), tests_for(60_000)
    (213, 10000)
    """
    return max(10, min(images // 6, TEST_IMAGES))


def affordable(recipe: Recipe, seconds_a_batch: float, seconds: float, images: int = TRAIN_IMAGES) -> int:
    """As many images, in whole batches, as are trained on within `seconds`; at most `images`, at least five batches.
    Raises ValueError where `images` are not five batches.
    >>> affordable(RECIPES["nin"], seconds_a_batch=3.0, seconds=20)
    768
    """
    batch_size = recipe.batch_size
    if images < FEWEST_BATCHES * batch_size:
        raise ValueError(
            f"images={images} is fewer than the {FEWEST_BATCHES} batches of {batch_size} that train_ch6 needs for "
            f"{recipe.network}; give at least {FEWEST_BATCHES * batch_size}"
        )
    batches = max(FEWEST_BATCHES, int(seconds / seconds_a_batch))
    return batches * batch_size if batches * batch_size <= images else images
