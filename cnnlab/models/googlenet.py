"""GoogLeNet: nine Inception blocks in three stages after a short stem. Szegedy et al. 2015, "Going deeper".

`batch_norm=True` is what Ioffe and Szegedy 2015 made of it (v2); `block` picks the later forms of the block, see
`inception`.
"""

from __future__ import annotations

from torch import Tensor, nn

from cnnlab.models.inception import Inception, conv_unit, joined_channels
from cnnlab.models.shared import STEMS, Network, choose, named, scaled, side_after

# Table 1 of the paper, rows "inception (3a)" to "inception (5b)": the reduction stands before what it reduces for.
STAGES = {
    "stage3": {
        "inception3a": {"c1": 64, "c3": (96, 128), "c5": (16, 32), "c_pool": 32},
        "inception3b": {"c1": 128, "c3": (128, 192), "c5": (32, 96), "c_pool": 64},
    },
    "stage4": {
        "inception4a": {"c1": 192, "c3": (96, 208), "c5": (16, 48), "c_pool": 64},
        "inception4b": {"c1": 160, "c3": (112, 224), "c5": (24, 64), "c_pool": 64},
        "inception4c": {"c1": 128, "c3": (128, 256), "c5": (24, 64), "c_pool": 64},
        "inception4d": {"c1": 112, "c3": (144, 288), "c5": (32, 64), "c_pool": 64},
        "inception4e": {"c1": 256, "c3": (160, 320), "c5": (32, 128), "c_pool": 128},
    },
    "stage5": {
        "inception5a": {"c1": 256, "c3": (160, 320), "c5": (32, 128), "c_pool": 128},
        "inception5b": {"c1": 384, "c3": (192, 384), "c5": (48, 128), "c_pool": 128},
    },
}

# The paper gives the pools' sizes before and after. One padded pixel does it, and so does a last window over the edge.
POOLS = {
    "padded": lambda i: nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
    # Paper: 3×3 in pool4 too; torchvision has 2×2 there.
    "ceil": lambda i: nn.MaxPool2d(kernel_size=2 if i == 4 else 3, stride=2, ceil_mode=True),
}

# torchvision's googlenet, to copy its weights into: GoogLeNet(3, 1000, 224, **TORCHVISION).
TORCHVISION = {"batch_norm": True, "third_kernel": 3, "pools": "ceil", "eps": 1e-3, "dropout": 0.2}


class GoogLeNet(Network):
    """Five stages, each but the last ending at half the side, then one linear layer.
    (B, in_channels, image_size, image_size) -> (B, num_classes).

    stem: "paper" is 7×7 with stride 2 and a pooling; "half" is 3×3 with the stride only, "small" 3×3 with neither.
    pools: "padded" as the notes have them, "ceil" as torchvision has them.
    block, third_kernel: see Inception. eps: of the batch norms. dropout: before the linear layer.
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 10,
        image_size: int = 96,
        *,
        width: float = 1.0,
        stem: str = "paper",
        batch_norm: bool = False,
        block: str = "plain",
        third_kernel: int = 5,
        pools: str = "padded",
        eps: float = 1e-5,
        dropout: float = 0.0,
    ):
        kernel_size, stride, has_pool1 = choose("stem", stem, STEMS)
        pool = choose("pools", pools, POOLS)
        pool1, pool2, pool3, pool4 = pool(1) if has_pool1 else None, pool(2), pool(3), pool(4)
        c1, c2 = scaled(64, width), scaled(192, width)
        settings = {"batch_norm": batch_norm, "block": block, "third_kernel": third_kernel}
        super().__init__()
        # Paper: local response normalisation around the 3×3, and in training two more classifiers, on 4a and 4d;
        # both left out, as in every later reimplementation.
        conv1 = conv_unit(in_channels, c1, kernel_size, stride, batch_norm=batch_norm)
        shrinking = {"conv1": conv1.conv, "pool1": pool1, "pool2": pool2, "pool3": pool3, "pool4": pool4}
        side_after("GoogLeNet", image_size, shrinking)
        self.stage1 = named(conv1=conv1, pool1=pool1)
        self.stage2 = named(
            reduce2=conv_unit(c1, c1, 1, batch_norm=batch_norm),
            conv2=conv_unit(c1, c2, 3, batch_norm=batch_norm),
            pool2=pool2,
        )
        self.stage3, c3 = _stage("stage3", c2, pool3, width, settings)
        self.stage4, c4 = _stage("stage4", c3, pool4, width, settings)
        self.stage5, c5 = _stage("stage5", c4, nn.AdaptiveAvgPool2d(1), width, settings)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)  # Paper: 0.4; the notes have none.
        self.fc = nn.Linear(c5, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps = eps
        if not batch_norm:
            _start_he(self)

    def forward(self, X: Tensor) -> Tensor:
        X = self.stage1(X)  # convolution and, in the paper's stem, pool1
        X = self.stage2(X)  # 1×1 and 3×3 convolution, pool2
        X = self.stage3(X)  # inception 3a and 3b, pool3
        X = self.stage4(X)  # inception 4a to 4e, pool4
        X = self.stage5(X)  # inception 5a and 5b, global average
        return self.fc(self.dropout(self.flatten(X)))


def googlenet(in_channels: int = 1, num_classes: int = 10, image_size: int = 96, **settings) -> GoogLeNet:
    """As in the notes: no batch norm, 5,977,530 parameters whatever the image size."""
    return GoogLeNet(in_channels, num_classes, image_size, **settings)


def _start_he(model: nn.Module) -> None:
    """Draw the weights anew after He et al. 2015, biases 0. The paper does not say how its weights start.

    From PyTorch's default the 22 layers shrink what tells two images apart to a ten-millionth, and nothing is learned;
    a batch norm would undo the shrinking.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)


def _stage(name: str, c_in: int, pool: nn.Module, width: float, settings: dict) -> tuple[nn.Sequential, int]:
    """The Inception blocks of one row of STAGES and the pooling after them; and the channels they put out."""
    rows = [_narrowed(row, width) for row in STAGES[name].values()]
    stage = nn.Sequential()
    if settings["block"] == "residual":
        # As in Inception-ResNet the channels grow between stages only, to what the table's last row puts out.
        c_out = joined_channels(**rows[-1])
        stage.add_module("widen", conv_unit(c_in, c_out, 1, batch_norm=settings["batch_norm"]))
        c_in = c_out
    for block, row in zip(STAGES[name], rows, strict=True):
        stage.add_module(block, Inception(c_in, **row, **settings))
        c_in = stage[-1].out_channels
    stage.add_module("pool", pool)
    return stage, c_in


def _narrowed(row: dict, width: float) -> dict:
    """A row of STAGES with every number of channels times the width factor."""
    return {
        name: tuple(scaled(c, width) for c in channels) if isinstance(channels, tuple) else scaled(channels, width)
        for name, channels in row.items()
    }
