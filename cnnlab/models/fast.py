"""A small network to be trained in seconds on a processor. Our own, its table chosen by measuring (chapter 14)."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from cnnlab.models.shared import Network, choose, named, scaled, side_after


class Block(NamedTuple):
    """A convolution of so many kernels and the max pooling behind it, None for none."""

    channels: int
    kernel_size: int = 3
    stride: int = 1
    padding: int = 1
    pool: int | None = None


# Maps of 28 × 28 with 32 channels take longer to write and to read back than to compute. "halving" never makes them;
# "small" is the textbook's way: all pixels, then a pooling.
STEMS = {"halving": Block(32, 4, stride=2), "small": Block(32, 5, padding=2, pool=2)}
BODIES = {3: (Block(64, pool=2), Block(128, pool=2)), 4: (Block(64), Block(64, pool=2), Block(128, pool=2))}


class FastNet(Network):
    """Three or four convolutions in a row and one linear layer over the last maps.
    (B, in_channels, image_size, image_size) -> (B, num_classes).

    convolutions: 3 or 4. stem: the first of them, "halving" (4×4 of stride 2) or "small" (5×5, then a pooling).
    batch_norm: behind each convolution and its pooling. dropout: in front of the linear layer.
    width: factor for the channels 32, 64 and 128, multiples of what a matrix unit takes at a time.
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 10,
        image_size: int = 28,
        *,
        width: float = 1.0,
        convolutions: int = 3,
        stem: str = "halving",
        batch_norm: bool = True,
        dropout: float = 0.0,
    ):
        if convolutions not in BODIES:
            raise ValueError(f"convolutions={convolutions!r} is not one of 3, 4; take 3 to be fast, 4 to be better")
        table = (choose("stem", stem, STEMS), *BODIES[convolutions])
        super().__init__()
        channels = in_channels
        for number, block in enumerate(table, start=1):
            block = block._replace(channels=scaled(block.channels, width))
            self.add_module(f"block{number}", fast_block(channels, block, batch_norm))
            channels = block.channels

        side = side_after("FastNet", image_size, dict(self.named_modules()))
        self.flatten = nn.Flatten()
        if dropout:
            self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels * side * side, num_classes)


def fast(in_channels: int = 1, num_classes: int = 10, image_size: int = 28, **settings) -> FastNet:
    """Three convolutions: 104,650 parameters and 7,337,216 multiply-accumulates at 28×28."""
    return FastNet(in_channels, num_classes, image_size, **settings)


def fast_block(in_channels: int, block: Block, batch_norm: bool = True) -> nn.Sequential:
    """Convolution, pooling, batch norm, ReLU. (B, in_channels, H, W) -> (B, block.channels, h, w).

    The pooling comes first: what stands behind it then has a quarter of the numbers to go through.
    """
    size = block.kernel_size
    return named(
        # A bias would be cancelled by the mean that batch norm subtracts.
        conv=nn.Conv2d(in_channels, block.channels, size, block.stride, block.padding, bias=not batch_norm),
        pool=nn.MaxPool2d(block.pool) if block.pool else None,
        norm=nn.BatchNorm2d(block.channels) if batch_norm else None,
        relu=nn.ReLU(),
    )
