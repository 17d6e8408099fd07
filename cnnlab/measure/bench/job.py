"""What both sides of the benchmark are asked to do: one of the notes' recipes on a number of images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from cnnlab.device import pick_device, pick_precision
from cnnlab.measure.recipes import TEST_IMAGES, TRAIN_IMAGES, Recipe

FEWEST_BATCHES = 5  # train_ch6 draws after each fifth of an epoch and cannot do with fewer


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
        return self.recipe.model(self.seed)


def tests_for(images: int) -> int:
    """Evaluated images for so many trained ones: one in six as in the notes, at least one a class.
    >>> tests_for(1280), tests_for(60_000)
    (213, 10000)
    """
    return max(10, min(images // 6, TEST_IMAGES))


def affordable(recipe: Recipe, seconds_a_batch: float, seconds: float, images: int = TRAIN_IMAGES) -> int:
    """As many images, in whole batches, as are trained on within `seconds`; at most `images`, at least five batches.
    Raises ValueError where `images` are not five batches.
    >>> from cnnlab.measure.recipes import NOTES
    >>> affordable(NOTES["nin"], seconds_a_batch=3.0, seconds=20)
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
