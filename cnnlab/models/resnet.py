"""ResNet of 18 to 152 layers, and plain nets of the same depth. He et al. 2015, "Deep residual learning", table 1.

The paper's layer names are kept: conv1, then the stages conv2_x to conv5_x, then fc. How the notes' ResNet-18 differs
is under `resnet18_notes`; pre-activation is in `preact`.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from cnnlab.models.shared import STEMS, Network, choose, named, scaled
from cnnlab.shapes.sizes import whole

# A stage of the network: how many blocks, their channels, and the stride of the first of them.
Stage = tuple[int, int, int]

# Table 1, conv2_x to conv5_x. 50 layers are the stages of 34 with three convolutions a block instead of two.
STAGES: dict[int, tuple[Stage, ...]] = {
    18: ((2, 64, 1), (2, 128, 2), (2, 256, 2), (2, 512, 2)),
    34: ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)),
    50: ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)),
    101: ((3, 64, 1), (4, 128, 2), (23, 256, 2), (3, 512, 2)),
    152: ((3, 64, 1), (8, 128, 2), (36, 256, 2), (3, 512, 2)),
}


class Residual(nn.Module):
    """Two 3×3 convolutions and a shortcut around them: relu(f(X) + X).
    (B, in_channels, H, W) -> (B, channels, H / stride, W / stride), rounded up. He et al. 2015, figure 5 left.

    shortcut: False leaves the addition out, which makes it two layers of a plain net
    shortcut_norm: batch norm after the 1×1 convolution of a shortcut that has one
    bias: biases in the convolutions; redundant, for β of a batch norm is added to each of them
    """

    expansion = 1  # channels out for each of `channels`

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        *,
        shortcut: bool = True,
        shortcut_norm: bool = True,
        bias: bool = False,
    ):
        super().__init__()
        out = self.expansion * channels
        self.branch = self.make_branch(in_channels, channels, stride, bias)
        self.shortcut = around(in_channels, out, stride, norm=shortcut_norm, bias=bias) if shortcut else None
        self.relu = nn.ReLU()

    @staticmethod
    def make_branch(in_channels: int, channels: int, stride: int, bias: bool) -> nn.Sequential:
        """f, the way through the convolutions."""
        return named(
            conv1=nn.Conv2d(in_channels, channels, kernel_size=3, stride=stride, padding=1, bias=bias),
            bn1=nn.BatchNorm2d(channels),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=bias),
            bn2=nn.BatchNorm2d(channels),
        )

    def forward(self, X: Tensor) -> Tensor:
        Y = self.branch(X)
        return self.relu(Y if self.shortcut is None else Y + self.shortcut(X))

    def start_as_identity(self) -> None:
        """f(X) = 0 at first: the last batch norm has γ = 0 and puts out β = 0."""
        nn.init.zeros_(self.branch[-1].weight)


class Bottleneck(Residual):
    """1×1 down to `channels`, 3×3, 1×1 up to four times as many, and a shortcut around them: relu(f(X) + X).
    (B, in_channels, H, W) -> (B, 4·channels, H / stride, W / stride), rounded up. He et al. 2015, figure 5 right.
    """

    expansion = 4

    @staticmethod
    def make_branch(in_channels: int, channels: int, stride: int, bias: bool) -> nn.Sequential:
        """f, the way through the convolutions."""
        return named(
            conv1=nn.Conv2d(in_channels, channels, kernel_size=1, bias=bias),
            bn1=nn.BatchNorm2d(channels),
            relu1=nn.ReLU(),
            # Paper: the stride is on conv1, which so reads one pixel in four; torchvision has it on the 3×3 too.
            conv2=nn.Conv2d(channels, channels, kernel_size=3, stride=stride, padding=1, bias=bias),
            bn2=nn.BatchNorm2d(channels),
            relu2=nn.ReLU(),
            conv3=nn.Conv2d(channels, 4 * channels, kernel_size=1, bias=bias),
            bn3=nn.BatchNorm2d(4 * channels),
        )


def around(in_channels: int, out_channels: int, stride: int, *, norm: bool, bias: bool) -> nn.Module:
    """The way around a block: nothing where the shapes agree, a 1×1 convolution where they do not.
    (B, in_channels, H, W) -> (B, out_channels, H / stride, W / stride), rounded up.

    Paper: for 18 and 34 layers it also tries to add channels of zeros (option A); this is its option B.
    """
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    projection = nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=bias)
    return nn.Sequential(projection, nn.BatchNorm2d(out_channels)) if norm else projection


class ResNet(Network):
    """A stem, stages of residual blocks, a global average and one linear layer.
    (B, in_channels, H, W) -> (B, num_classes).

    stages: rows of (blocks, channels, stride), such as STAGES[18] or cifar_stages(3)
    block: Residual or Bottleneck; the latter puts out four times a stage's channels
    stem: "paper" is 7×7 of stride 2 and a pooling; "half" is 3×3 of stride 2; "small" is 3×3 of stride 1
    shortcut: False is the plain net of the same depth; shortcut_norm: batch norm after a projection
    bias: biases in the convolutions too, which the batch norms make redundant
    zero_init_residual: every block starts as its shortcut alone
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 10,
        image_size: int = 224,
        *,
        stages: Sequence[Stage] = STAGES[18],
        block: type[Residual] = Residual,
        width: float = 1.0,
        stem: str = "paper",
        shortcut: bool = True,
        shortcut_norm: bool = True,
        bias: bool = False,
        zero_init_residual: bool = False,
    ):
        if zero_init_residual and not shortcut:
            raise ValueError("zero_init_residual=True without shortcuts would pass on only zeros; leave it False here")
        whole("image_size", image_size)  # a single pixel will do: each layer with a stride is padded
        kernel_size, stem_stride, pool = choose("stem", stem, STEMS)
        settings = {"shortcut": shortcut, "shortcut_norm": shortcut_norm, "bias": bias}
        channels = scaled(stages[0][1], width)
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, kernel_size, stem_stride, padding=kernel_size // 2, bias=bias)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(kernel_size=3, stride=2, padding=1) if pool else None
        add_stages(self, channels, stages, block, width, **settings)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(block.expansion * scaled(stages[-1][1], width), num_classes)
        start(self, zero_init_residual)

    def forward(self, X: Tensor) -> Tensor:
        X = self.relu1(self.bn1(self.conv1(X)))
        if self.pool1 is not None:
            X = self.pool1(X)
        for name, stage in self.named_children():
            if name.endswith("_x"):  # conv2_x to conv5_x
                X = stage(X)
        return self.fc(self.flatten(self.avgpool(X)))


def add_stages(
    net: nn.Module, in_channels: int, stages: Sequence[Stage], block: type[nn.Module], width: float, **settings: bool
) -> None:
    """Give a network its stages of blocks, conv2_x and so on; the first block of each has the stage's stride."""
    for number, (blocks, channels, stride) in enumerate(stages, start=2):
        channels, stride = scaled(channels, width), whole("stride", stride)
        stage = nn.Sequential()
        for i in range(blocks):
            stage.append(block(in_channels, channels, stride if i == 0 else 1, **settings))
            in_channels = block.expansion * channels
        net.add_module(f"conv{number}_x", stage)


def start(net: nn.Module, zero_init_residual: bool) -> None:
    """Weights as the paper starts from: normal, of variance 2 / fan, so that the scale survives the ReLUs."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    if zero_init_residual:
        for block in net.modules():
            if hasattr(block, "start_as_identity"):
                block.start_as_identity()


def cifar_stages(n: int) -> tuple[Stage, ...]:
    """Stages of the small nets of 6n + 2 layers, for images of about 32 pixels. He et al. 2015, section 4.2.
    >>> cifar_stages(3)  # ResNet-20
    ((3, 16, 1), (3, 32, 2), (3, 64, 2))
    """
    return ((n, 16, 1), (n, 32, 2), (n, 64, 2))


def resnet18(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> ResNet:
    """Table 1, 18 layers; torchvision's resnet18, layer for layer."""
    return ResNet(in_channels, num_classes, image_size, **{"stages": STAGES[18], **settings})


def resnet18_notes(in_channels: int = 1, num_classes: int = 10, image_size: int = 96, **settings) -> ResNet:
    """As the notes build it: biases in all convolutions, no batch norm on the shortcuts. 11,178,378 parameters.

    bias=False leaves 11,173,578. With stem="small" it is `d2l.resnet18`.
    """
    return resnet18(in_channels, num_classes, image_size, **{"bias": True, "shortcut_norm": False, **settings})


def resnet34(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> ResNet:
    """Table 1, 34 layers."""
    return ResNet(in_channels, num_classes, image_size, **{"stages": STAGES[34], **settings})


def resnet50(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> ResNet:
    """Table 1, 50 layers, in bottlenecks."""
    return ResNet(in_channels, num_classes, image_size, **{"stages": STAGES[50], "block": Bottleneck, **settings})


def resnet101(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> ResNet:
    """Table 1, 101 layers, in bottlenecks."""
    return ResNet(in_channels, num_classes, image_size, **{"stages": STAGES[101], "block": Bottleneck, **settings})


def resnet152(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> ResNet:
    """Table 1, 152 layers, in bottlenecks."""
    return ResNet(in_channels, num_classes, image_size, **{"stages": STAGES[152], "block": Bottleneck, **settings})


def plain18(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> ResNet:
    """ResNet-18 without its shortcuts: what a residual net of this depth is measured against."""
    return resnet18(in_channels, num_classes, image_size, **{"shortcut": False, **settings})


def plain34(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> ResNet:
    """ResNet-34 without its shortcuts; the plain net of figure 4, whose training error is above plain-18's."""
    return resnet34(in_channels, num_classes, image_size, **{"shortcut": False, **settings})
