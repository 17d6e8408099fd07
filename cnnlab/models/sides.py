"""The side of a network's last feature map by arithmetic: dense layers are sized by it before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

from cnnlab.shapes import ShapeError, out_size, pool_out_size
from cnnlab.shapes.sizes import whole

LARGE = 10_000  # pixels; any network that can work does so here


class Step(NamedTuple):
    """One layer that changes the height and width of a map."""

    name: str
    kernel: int
    stride: int = 1
    padding: int = 0
    pool: bool = False
    ceil_mode: bool = False


def last_side(network: str, image_size: int, steps: Sequence[Step]) -> int:
    """Height and width after all steps, in pixels; raises ValueError where a layer runs out of them.
    >>> last_side("LeNet", 28, [Step("conv1", 5, padding=2), Step("pool1", 2, stride=2, pool=True)])
    14
    """
    side = whole("image_size", image_size)
    for step in steps:
        try:
            side = _after(side, step)
        except ShapeError as error:
            if not _works(LARGE, steps):  # then it is a setting and not the size, and no size would do
                raise
            least = next(size for size in count(image_size + 1) if _works(size, steps))
            raise ValueError(
                f"image_size {image_size} is too small for {network}: {step.name} gets {side} px and needs"
                f" {step.kernel - 2 * step.padding}; the smallest that works is {least}"
            ) from error
    return side


def _after(side: int, step: Step) -> int:
    if step.pool:
        return pool_out_size(side, step.kernel, step.stride, step.padding, ceil_mode=step.ceil_mode)
    return out_size(side, step.kernel, step.stride, step.padding)


def _works(side: int, steps: Sequence[Step]) -> bool:
    try:
        for step in steps:
            side = _after(side, step)
    except ShapeError:
        return False
    return True


def scaled(channels: int, width: float) -> int:
    """A number of channels times the width factor, at least 1.
    >>> scaled(64, 0.25), scaled(64, 1)
    (16, 64)
    """
    if not width > 0:
        raise ValueError(f"width {width} is not above 0; 1 is the network of the paper, 0.25 a quarter of its channels")
    return max(1, round(channels * width))
