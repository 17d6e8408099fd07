"""NiN: 1×1 convolutions after each larger one, and no dense layers. Lin et al. 2014, "Network in network", figure 2."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from cnnlab.models.shared import Network, choose, scaled, side_after, xavier
from cnnlab.shapes.sizes import whole

# Kernel, stride and padding of the first convolution. The small one is the paper's own, for images of 32 × 32.
STEMS = {"paper": (11, 4, 0), "small": (5, 1, 2)}


class NiN(Network):
    """Four blocks with poolings between them; the last gives one map a class, whose mean is that class's score.
    (B, in_channels, H, W) -> (B, num_classes).

    stem: "paper" starts with AlexNet's 11×11 of stride 4, "small" with 5×5 of stride 1, for 28 and 64 px.
    pointwise: 1×1 convolutions in each block. width: factor for the channels of the first three blocks.
    last_channels: of the last block before its last convolution; None is num_classes, so that 384 channels
    become 10 in one step.
    last_relu: whether the maps of the classes go through a ReLU before the mean. It makes every score at least 0,
    and a class whose map is 0 everywhere gets no gradient any more: a whole network can die there.
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 10,
        image_size: int = 224,
        *,
        width: float = 1.0,
        stem: str = "paper",
        pointwise: int = 2,
        last_channels: int | None = None,
        last_relu: bool = True,
        dropout: float = 0.5,
    ):
        kernel, stride, padding = choose("stem", stem, STEMS)
        c1, c2, c3 = (scaled(c, width) for c in (96, 256, 384))
        # Paper: three blocks for 32 × 32 images, with dropout after the first two; this is its form for large ones.
        super().__init__()
        self.block1 = nin_block(in_channels, c1, kernel, stride, padding, pointwise=pointwise)
        self.pool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.block2 = nin_block(c1, c2, kernel_size=5, padding=2, pointwise=pointwise)
        self.pool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.block3 = nin_block(c2, c3, kernel_size=3, padding=1, pointwise=pointwise)
        self.pool3 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.dropout = nn.Dropout(dropout)
        last = {"pointwise": pointwise, "hidden": last_channels, "last_relu": last_relu}
        self.block4 = nin_block(c3, num_classes, kernel_size=3, padding=1, **last)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        shrinking = {"block1": self.block1.conv, "pool1": self.pool1, "pool2": self.pool2, "pool3": self.pool3}
        side_after("NiN", image_size, shrinking)
        # Paper: as AlexNet, from normal weights set by hand. PyTorch's default is too small for twelve layers without
        # batch norm: it leaves 3e-6 between the scores of different images.
        xavier(self)


def nin(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> NiN:
    """As in the notes: 1,992,166 parameters whatever the image size."""
    return NiN(in_channels, num_classes, image_size, **settings)


def nin_block(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int = 1,
    padding: int = 0,
    *,
    pointwise: int = 2,
    hidden: int | None = None,
    last_relu: bool = True,
) -> nn.Sequential:
    """A convolution, then 1×1 convolutions: a small dense network that every pixel goes through, each with a ReLU.
    (B, in_channels, H, W) -> (B, out_channels, h, w), the side that the first convolution leaves.

    hidden: channels of all convolutions but the last; None is out_channels.
    """
    channels = [out_channels if hidden is None else hidden] * whole("pointwise", pointwise, 0) + [out_channels]
    block = OrderedDict(conv=nn.Conv2d(in_channels, channels[0], kernel_size, stride, padding), relu=nn.ReLU())
    for i in range(1, len(channels)):
        block[f"conv1x1_{i}"] = nn.Conv2d(channels[i - 1], channels[i], kernel_size=1)
        block[f"relu{i}"] = nn.ReLU()
    if not last_relu:
        block.popitem()
    return nn.Sequential(block)
