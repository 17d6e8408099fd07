"""AlexNet: five convolutions, then three linear layers. Krizhevsky et al. 2012, "ImageNet classification", figure 2."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from cnnlab.models.shared import Network, choose, scaled, side_after


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
        c1, c2, c3, c4, c5 = (scaled(c, width) for c in channels)
        super().__init__()
        # Paper: two GPUs, each with half of the channels, where conv2, conv4 and conv5 read only their own half;
        # and local response normalisation after conv1 and conv2. Both are left out in every later form.
        self.conv1 = nn.Conv2d(in_channels, c1, kernel_size=kernel, stride=stride, padding=padding)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.conv2 = nn.Conv2d(c1, c2, kernel_size=5, padding=2)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.conv3 = nn.Conv2d(c2, c3, kernel_size=3, padding=1)
        self.relu3 = nn.ReLU()
        self.conv4 = nn.Conv2d(c3, c4, kernel_size=3, padding=1)
        self.relu4 = nn.ReLU()
        self.conv5 = nn.Conv2d(c4, c5, kernel_size=3, padding=1)
        self.relu5 = nn.ReLU()
        self.pool5 = nn.MaxPool2d(kernel_size=3, stride=2)
        if grid is not None:
            self.avgpool = nn.AdaptiveAvgPool2d(grid)

        side = side_after("AlexNet", image_size, dict(self.named_children()))
        # torchvision drops what goes into fc6 and fc7, not what comes out of them; the same weights fit.
        self.flatten = nn.Flatten()
        self.fc6 = nn.Linear(c5 * side * side, dense)
        self.relu6 = nn.ReLU()
        self.drop6 = nn.Dropout(dropout)
        self.fc7 = nn.Linear(dense, dense)
        self.relu7 = nn.ReLU()
        self.drop7 = nn.Dropout(dropout)
        self.fc8 = nn.Linear(dense, num_classes)


def alexnet(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> AlexNet:
    """As in the notes: 46,764,746 parameters at 224×224."""
    return AlexNet(in_channels, num_classes, image_size, **settings)
