"""AlexNet: five convolutions, then three linear layers. Krizhevsky et al. 2012, "ImageNet classification", figure 2."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from torch import nn

from cnnlab.models.choices import choose
from cnnlab.models.named import Network
from cnnlab.models.sides import Step, last_side, scaled


class Form(NamedTuple):
    """Channels of the five convolutions, padding of the first, and the side that pooling brings the last map to."""

    channels: tuple[int, int, int, int, int]
    padding: int
    grid: int | None


FORMS = {
    # Paper: 224 px and no padding, from which 55 does not follow; 227 px, or padding 2, is what was meant. With
    # padding 0 or 1 the sizes are 54, 26, 12, 5 and 256·5·5 = 6,400 features are left, not 256·6·6 = 9,216.
    "notes": Form((96, 256, 384, 384, 256), padding=1, grid=None),
    # Narrower, after Krizhevsky 2014, "One weird trick": that net was made for one GPU.
    "torchvision": Form((64, 192, 384, 256, 256), padding=2, grid=6),
}

# Kernel and stride of conv1. A quarter of 28 px is too little for three poolings, so the small stem keeps them all.
STEMS = {"paper": (11, 4), "small": (5, 1)}


class AlexNet(Network):
    """Five convolutions, three of them with a pooling, and three linear layers; a ReLU after each but the last.
    (B, in_channels, image_size, image_size) -> (B, num_classes).

    stem: "paper" is 11×11 with stride 4, "small" 5×5 with stride 1 and padding 2, for 28 and 64 px.
    form: "notes" has the paper's channels, "torchvision" the layers of torchvision.models.alexnet.
    padding: of conv1; None is the form's own (1 in the notes, 2 in torchvision) or the small stem's.
    width: factor for the channels of the convolutions. dense: width of the two hidden linear layers.
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 10,
        image_size: int = 224,
        *,
        width: float = 1.0,
        stem: str = "paper",
        form: str = "notes",
        padding: int | None = None,
        dense: int = 4096,
        dropout: float = 0.5,
    ):
        (kernel, stride), (channels, usual, grid) = choose("stem", stem, STEMS), choose("form", form, FORMS)
        if padding is None:
            padding = usual if stem == "paper" else kernel // 2
        side = last_side("AlexNet", image_size, _steps(kernel, stride, padding))
        c1, c2, c3, c4, c5 = (scaled(c, width) for c in channels)
        # Paper: two GPUs, each with half of the channels, where conv2, conv4 and conv5 read only their own half;
        # and local response normalisation after conv1 and conv2. Both are left out in every later form.
        layers = OrderedDict(
            conv1=nn.Conv2d(in_channels, c1, kernel_size=kernel, stride=stride, padding=padding),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(kernel_size=3, stride=2),
            conv2=nn.Conv2d(c1, c2, kernel_size=5, padding=2),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(kernel_size=3, stride=2),
            conv3=nn.Conv2d(c2, c3, kernel_size=3, padding=1),
            relu3=nn.ReLU(),
            conv4=nn.Conv2d(c3, c4, kernel_size=3, padding=1),
            relu4=nn.ReLU(),
            conv5=nn.Conv2d(c4, c5, kernel_size=3, padding=1),
            relu5=nn.ReLU(),
            pool5=nn.MaxPool2d(kernel_size=3, stride=2),
        )
        if grid is not None:
            layers["avgpool"], side = nn.AdaptiveAvgPool2d(grid), grid
        super().__init__(layers | dense_layers(c5 * side * side, dense, num_classes, dropout))


def alexnet(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> AlexNet:
    """As in the notes: 46,764,746 parameters at 224×224."""
    return AlexNet(in_channels, num_classes, image_size, **settings)


def dense_layers(features: int, dense: int, num_classes: int, dropout: float) -> OrderedDict[str, nn.Module]:
    """What AlexNet and VGG end in. (B, C, H, W) with C·H·W = features -> (B, num_classes)."""
    # torchvision's AlexNet drops what goes into fc6 and fc7, not what comes out: the same weights fit.
    return OrderedDict(
        flatten=nn.Flatten(),
        fc6=nn.Linear(features, dense),
        relu6=nn.ReLU(),
        drop6=nn.Dropout(dropout),
        fc7=nn.Linear(dense, dense),
        relu7=nn.ReLU(),
        drop7=nn.Dropout(dropout),
        fc8=nn.Linear(dense, num_classes),
    )


def _steps(kernel: int, stride: int, padding: int) -> list[Step]:
    """The layers that change the side; conv2 to conv5 are padded so that they keep it."""
    pools = (Step(name, 3, stride=2, pool=True) for name in ("pool1", "pool2", "pool5"))
    return [Step("conv1", kernel, stride, padding), *pools]
