"""VGG of 11, 13, 16 and 19 layers: blocks of 3×3 convolutions. Simonyan and Zisserman 2015, "Very deep", table 1."""

from __future__ import annotations

from torch import nn

from cnnlab.models.shared import Network, choose, scaled, side_after, xavier

# Table 1, columns A, B, D and E: how many convolutions each of the five blocks has, by the number of all layers with
# weights, which are these and three linear ones. Left out: C is D with three of its kernels 1×1, A-LRN did not help.
CONVS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
CHANNELS = (64, 128, 256, 512, 512)

# Five halvings leave nothing of 28 px: 14, 7, 3, 1, 0. Rounded up they do: 14, 7, 4, 2, 1.
STEMS = {"paper": False, "small": True}


class VGG(Network):
    """Five blocks, each ending at half the side, then AlexNet's three linear layers.
    (B, in_channels, image_size, image_size) -> (B, num_classes).

    convs: convolutions in each block, a row of CONVS.
    stem: "paper" rounds down when a side is halved, "small" rounds up, which makes it work below 32 px; where the
    side is a multiple of 32, as 64, 96 and 224 are, the two are the same network.
    batch_norm: one after each convolution. Paper: none, it came later.
    width: factor for the channels of the convolutions. dense: width of the two hidden linear layers.
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 10,
        image_size: int = 224,
        *,
        convs: tuple[int, ...] = CONVS[11],
        width: float = 1.0,
        stem: str = "paper",
        batch_norm: bool = False,
        dense: int = 4096,
        dropout: float = 0.5,
    ):
        ceil_mode = choose("stem", stem, STEMS)
        channels = [in_channels, *(scaled(c, width) for c in CHANNELS)]
        super().__init__()
        for i, num_convs in enumerate(convs):
            block = vgg_block(num_convs, channels[i], channels[i + 1], batch_norm=batch_norm, ceil_mode=ceil_mode)
            self.add_module(f"block{i + 1}", block)

        side = side_after("VGG", image_size, dict(self.named_modules()))
        self.flatten = nn.Flatten()
        self.fc6 = nn.Linear(channels[len(convs)] * side * side, dense)
        self.relu6 = nn.ReLU()
        self.drop6 = nn.Dropout(dropout)
        self.fc7 = nn.Linear(dense, dense)
        self.relu7 = nn.ReLU()
        self.drop7 = nn.Dropout(dropout)
        self.fc8 = nn.Linear(dense, num_classes)
        # Paper: normal weights of variance 0.01, the deeper nets starting from the trained first layers of the 11;
        # "after the paper submission" it found that Glorot and Bengio's start needs no such help.
        xavier(self)


def vgg_block(
    num_convs: int, in_channels: int, out_channels: int, *, batch_norm: bool = False, ceil_mode: bool = False
) -> nn.Sequential:
    """3×3 convolutions that keep the side, each with a ReLU, and a 2×2 pooling that halves it.
    (B, in_channels, H, W) -> (B, out_channels, H / 2, W / 2), rounded down, or up in ceil_mode.
    """
    block = nn.Sequential()
    for i in range(1, num_convs + 1):
        block.add_module(f"conv{i}", nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1))
        if batch_norm:
            block.add_module(f"bn{i}", nn.BatchNorm2d(out_channels))
        block.add_module(f"relu{i}", nn.ReLU())
        in_channels = out_channels
    block.add_module("pool", nn.MaxPool2d(kernel_size=2, stride=2, ceil_mode=ceil_mode))
    return block


def vgg11(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> VGG:
    """Column A. 128,806,154 parameters at 224×224; width=0.25 is the form the notes train, 43,093,322."""
    return VGG(in_channels, num_classes, image_size, **{"convs": CONVS[11], **settings})


def vgg13(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> VGG:
    """Column B."""
    return VGG(in_channels, num_classes, image_size, **{"convs": CONVS[13], **settings})


def vgg16(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> VGG:
    """Column D."""
    return VGG(in_channels, num_classes, image_size, **{"convs": CONVS[16], **settings})


def vgg19(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> VGG:
    """Column E."""
    return VGG(in_channels, num_classes, image_size, **{"convs": CONVS[19], **settings})
