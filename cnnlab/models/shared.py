"""What the networks share: layers under names, settings, widths, the side of the last map, and the first weights."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from torch import nn

from cnnlab.shapes import ShapeError, out_size, pool_out_size
from cnnlab.shapes.sizes import whole

T = TypeVar("T")
LARGE = 10_000  # pixels; every network that can work at all works at this size


class Network(nn.Sequential):
    """Base class of the networks: layers under names, run one after the other unless a subclass has its own `forward`.

    A subclass makes its layers from its settings. A slice is a plain nn.Sequential of the same layers. A subclass that
    has its own `forward` runs the layers that it names there, and none that is appended later.
    """

    def __getitem__(self, index: int | slice) -> nn.Module:
        # PyTorch would call the subclass again, with the layers where it expects its settings.
        if isinstance(index, slice):
            return nn.Sequential(OrderedDict(list(self.named_children())[index]))
        return super().__getitem__(index)


class Stem(NamedTuple):
    """The first layers of a deep network: one convolution and, where `pool` is set, a 3×3 max pooling of stride 2."""

    kernel_size: int
    stride: int
    pool: bool


# The stems of GoogLeNet, ResNet and DenseNet.
STEMS = {
    "paper": Stem(7, 2, pool=True),  # leaves a quarter of the side: for 96 and 224 pixels
    "half": Stem(3, 2, pool=False),  # leaves half of it: for 64 pixels, or for 28 where time is short
    "small": Stem(3, 1, pool=False),  # leaves all of it: for 28 pixels, and for 32 as in the papers
}


def named(**layers: nn.Module | None) -> nn.Sequential:
    """An nn.Sequential of layers under names; None is left out.
    >>> list(dict(named(conv=nn.Conv2d(1, 6, 5), norm=None, relu=nn.ReLU()).named_children()))
    ['conv', 'relu']
    """
    return nn.Sequential(OrderedDict((name, layer) for name, layer in layers.items() if layer is not None))


def choose(what: str, name: str, table: Mapping[str, T]) -> T:
    """The entry of a table under a name; raises ValueError with the names that the table has.
    >>> choose("stem", "small", {"paper": 7, "small": 3})
    3
    """
    if name not in table:
        raise ValueError(f"{what} {name!r} is not one of {', '.join(table)}")
    return table[name]


def scaled(channels: int, width: float) -> int:
    """The number of channels times the width factor, at least 1.
    >>> scaled(64, 0.25), scaled(64, 1)
    (16, 64)
    """
    if not width > 0:
        raise ValueError(f"width {width} is not above 0; 1 is the network of the paper, 0.25 a quarter of its channels")
    return max(1, round(channels * width))


def side_after(network: str, image_size: int, layers: Mapping[str, nn.Module | None]) -> int:
    """Height and width of the last map, in pixels, read off the convolutions and poolings among `layers`, in order.
    Raises ValueError where one of them gets too few pixels, with the smallest image that works.

    >>> side_after("LeNet", 28, {"conv1": nn.Conv2d(1, 6, kernel_size=5, padding=2), "pool1": nn.MaxPool2d(2)})
    14
    """
    side = whole("image_size", image_size)
    for name, layer in layers.items():
        try:
            side = _side(side, layer)
        except ShapeError as error:
            least = bisect_left(range(LARGE), True, key=lambda size: _works(size, layers))
            if least == LARGE:  # a setting is at fault, and no size would do
                raise
            kernel, _, padding = _window(layer)
            raise ValueError(
                f"image_size {image_size} is too small for {network}: {name} gets {side} px and needs"
                f" {kernel - 2 * padding}; the smallest that works is {least}"
            ) from error
    return side


def _side(side: int, layer: nn.Module | None) -> int:
    """Height and width of what a layer puts out; layers that see one pixel at a time keep both."""
    if isinstance(layer, nn.Conv2d):
        return out_size(side, *_window(layer))
    if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d):
        return pool_out_size(side, *_window(layer), ceil_mode=layer.ceil_mode)
    return layer.output_size if isinstance(layer, nn.AdaptiveAvgPool2d) else side


def _window(layer: nn.Module) -> list[int]:
    """Kernel size, stride and padding of a square layer; a convolution keeps each of them as (height, width)."""
    settings = layer.kernel_size, layer.stride, layer.padding
    return [value[0] if isinstance(value, tuple) else value for value in settings]


def _works(side: int, layers: Mapping[str, nn.Module | None]) -> bool:
    try:
        for layer in layers.values():
            side = _side(side, layer)
    except ShapeError:
        return False
    return True


def xavier(net: nn.Module) -> None:
    """Draw the weights of convolutions and linear layers again after Glorot and Bengio 2010, with biases of 0."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
