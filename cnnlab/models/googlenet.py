"""GoogLeNet: nine Inception blocks in three stages after a short stem. Szegedy et al. 2015, "Going deeper".

`batch_norm=True` is what Ioffe and Szegedy 2015 made of it (v2); `block` picks the later forms of the block, see
`inception`.
"""

from __future__ import annotations

from torch import nn

from cnnlab.models.choices import choose
from cnnlab.models.inception import Inception, conv_unit, joined_channels
from cnnlab.models.named import Network, named
from cnnlab.models.sides import Step, last_side, scaled

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
    "padded": {f"pool{i}": Step(f"pool{i}", 3, stride=2, padding=1, pool=True) for i in (1, 2, 3, 4)},
    # Paper: 3×3 in pool4 too; torchvision has 2×2 there.
    "ceil": {f"pool{i}": Step(f"pool{i}", 2 if i == 4 else 3, 2, pool=True, ceil_mode=True) for i in (1, 2, 3, 4)},
}

STEMS = {
    "paper": Step("conv1", 7, stride=2, padding=3),  # with pool1; 1/8 of the side is left for stage 3
    "half": Step("conv1", 3, stride=2, padding=1),  # no pool1; a quarter: for 64 px, or for 28 where time is short
    "small": Step("conv1", 3, padding=1),  # no pool1; half of it
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
        steps = _steps(stem, pools)
        last_side("GoogLeNet", image_size, list(steps.values()))
        conv1, c1, c2 = steps["conv1"], scaled(64, width), scaled(192, width)
        settings = {"batch_norm": batch_norm, "block": block, "third_kernel": third_kernel}
        super().__init__()
        # Paper: local response normalisation around the 3×3, and in training two more classifiers, on 4a and 4d;
        # both left out, as in every later reimplementation.
        self.stage1 = named(
            conv1=conv_unit(in_channels, c1, conv1.kernel, conv1.stride, batch_norm=batch_norm),
            pool1=_pool(steps.get("pool1")),
        )
        self.stage2 = named(
            reduce2=conv_unit(c1, c1, 1, batch_norm=batch_norm),
            conv2=conv_unit(c1, c2, 3, batch_norm=batch_norm),
            pool2=_pool(steps["pool2"]),
        )
        self.stage3, c3 = _stage("stage3", c2, _pool(steps["pool3"]), width, settings)
        self.stage4, c4 = _stage("stage4", c3, _pool(steps["pool4"]), width, settings)
        self.stage5, c5 = _stage("stage5", c4, nn.AdaptiveAvgPool2d(1), width, settings)
        self.flatten, self.dropout = nn.Flatten(), nn.Dropout(dropout)  # Paper: 0.4; the notes have none.
        self.fc = nn.Linear(c5, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps = eps
        if not batch_norm:
            _start_he(self)


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


def _steps(stem: str, pools: str) -> dict[str, Step]:
    """The layers that shrink the map, by name and in order; only the paper's stem has a pool1."""
    steps = {"conv1": choose("stem", stem, STEMS), **choose("pools", pools, POOLS)}
    return {name: step for name, step in steps.items() if name != "pool1" or stem == "paper"}


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


def _pool(step: Step | None) -> nn.MaxPool2d | None:
    return step and nn.MaxPool2d(step.kernel, step.stride, step.padding, ceil_mode=step.ceil_mode)
