"""Pre-activation ResNets: batch norm and ReLU come before each convolution. He et al. 2016, "Identity mappings".

More than lines swapped: the shortcut of a block that changes the shape branches after the first BN-ReLU, the first
block of all leaves its own BN-ReLU to the stem, and a last BN-ReLU comes before the average, as no block ends in one.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from cnnlab.models.resnet import STAGES, Stage, add_stages, around, start
from cnnlab.models.shared import STEMS, Network, choose, named, scaled
from cnnlab.shapes.sizes import whole


class PreActivation(nn.Module):
    """Twice batch norm, ReLU, 3×3 convolution, and a shortcut that nothing is applied to: f(X) + X.
    (B, in_channels, H, W) -> (B, channels, H / stride, W / stride), rounded up. He et al. 2016, figure 1 b.
    """

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int = 1, *, bias: bool = False):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.relu1 = nn.ReLU()
        self.branch = named(
            conv1=nn.Conv2d(in_channels, channels, kernel_size=3, stride=stride, padding=1, bias=bias),
            bn2=nn.BatchNorm2d(channels),
            relu2=nn.ReLU(),
            conv2=nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=bias),
        )
        # No batch norm behind a projection: that sum is normalised at the start of the next block.
        self.shortcut = around(in_channels, channels, stride, norm=False, bias=bias)

    def forward(self, X: Tensor) -> Tensor:
        A = self.relu1(self.bn1(X))
        around_from = X if isinstance(self.shortcut, nn.Identity) else A
        return self.branch(A) + self.shortcut(around_from)

    def start_as_identity(self) -> None:
        """f(X) = 0 at first. Not by γ = 0: the ReLU behind it would be at 0, where its gradient is 0 for good."""
        for parameter in self.branch.conv2.parameters():
            nn.init.zeros_(parameter)


class PreActResNet(Network):
    """A stem, stages of pre-activation blocks, a last BN-ReLU, a global average and one linear layer.
    (B, in_channels, H, W) -> (B, num_classes). Settings as those of ResNet.
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 10,
        image_size: int = 224,
        *,
        width: float = 1.0,
        stem: str = "paper",
        stages: Sequence[Stage] = STAGES[18],
        bias: bool = False,
        zero_init_residual: bool = False,
    ):
        whole("image_size", image_size)  # a single pixel will do, as for ResNet
        kernel_size, stem_stride, pool = choose("stem", stem, STEMS)
        channels = scaled(stages[0][1], width)
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, kernel_size, stem_stride, padding=kernel_size // 2, bias=bias)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(kernel_size=3, stride=2, padding=1) if pool else None
        add_stages(self, channels, stages, PreActivation, width, bias=bias)
        last = PreActivation.expansion * scaled(stages[-1][1], width)
        self.bn_last = nn.BatchNorm2d(last)
        self.relu_last = nn.ReLU()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(last, num_classes)
        # The stem has just applied BN and ReLU; the first block takes that for both of its ways (the paper's appendix).
        first = self.conv2_x[0]
        first.bn1, first.relu1 = nn.Identity(), nn.Identity()
        start(self, zero_init_residual)

    def forward(self, X: Tensor) -> Tensor:
        X = self.relu1(self.bn1(self.conv1(X)))
        if self.pool1 is not None:
            X = self.pool1(X)
        for name, stage in self.named_children():
            if name.endswith("_x"):  # conv2_x to conv5_x
                X = stage(X)
        X = self.relu_last(self.bn_last(X))
        return self.fc(self.flatten(self.avgpool(X)))


def preact_resnet18(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> PreActResNet:
    """The stages of ResNet-18 in pre-activation blocks."""
    return PreActResNet(in_channels, num_classes, image_size, **{"stages": STAGES[18], **settings})


def preact_resnet34(in_channels: int = 1, num_classes: int = 10, image_size: int = 224, **settings) -> PreActResNet:
    """The stages of ResNet-34 in pre-activation blocks."""
    return PreActResNet(in_channels, num_classes, image_size, **{"stages": STAGES[34], **settings})
