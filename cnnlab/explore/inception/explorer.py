"""One Inception block: the widths of its branches, what it puts out, and what its reductions save."""

from __future__ import annotations

from functools import reduce
from math import gcd

import ipywidgets as widgets
import traitlets

from cnnlab import shapes
from cnnlab.draw.branches import Step
from cnnlab.explore.inception.picture import Branch, inception_picture
from cnnlab.explore.kit.settings import LONGEST_SIDE, MOST_CHANNELS, Whole, setting
from cnnlab.explore.kit.told import ToldExplorer

# GoogLeNet's table 1 (Szegedy et al. 2015): side of the map at 224 px, channels in, and the widths of the branches.
TABLE = {
    "3a": (28, 192, 64, 96, 128, 16, 32, 32),
    "3b": (28, 256, 128, 128, 192, 32, 96, 64),
    "4a": (14, 480, 192, 96, 208, 16, 48, 64),
    "4b": (14, 512, 160, 112, 224, 24, 64, 64),
    "4c": (14, 512, 128, 128, 256, 24, 64, 64),
    "4d": (14, 512, 112, 144, 288, 32, 64, 64),
    "4e": (14, 528, 256, 160, 320, 32, 128, 128),
    "5a": (7, 832, 256, 160, 320, 32, 128, 128),
    "5b": (7, 832, 384, 192, 384, 48, 128, 128),
}
NAMES = ("side", "in_channels", "c1", "reduce3", "c3", "reduce5", "c5", "c_pool")
PRESETS = {f"Inception {name}": dict(zip(NAMES, row, strict=True)) for name, row in TABLE.items()}


class InceptionExplorer(ToldExplorer):
    """Four branches over one map, joined on channels. All settings are traits and can be assigned to.

    reduce3, reduce5: channels after the 1×1 convolutions before the 3×3 and the 5×5. reduced: whether these two are
    there. Costs are for one image, biases counted.
    """

    presets = PRESETS
    first = "Inception 3a"

    reduced = setting(
        traitlets.Bool(True),
        label="1×1 reductions before 3×3 and 5×5",
        tooltip="the notes' block, or 3×3 and 5×5 on all channels",
    )
    side = setting(Whole(28, most=LONGEST_SIDE), slide=(1, 56), label="side, px")
    in_channels = setting(Whole(192, most=MOST_CHANNELS), slide=(16, 832, 16))
    c1 = setting(Whole(64, most=MOST_CHANNELS), slide=(1, 384))
    reduce3 = setting(Whole(96, most=MOST_CHANNELS), slide=(1, 192))
    c3 = setting(Whole(128, most=MOST_CHANNELS), slide=(1, 384))
    reduce5 = setting(Whole(16, most=MOST_CHANNELS), slide=(1, 64))
    c5 = setting(Whole(32, most=MOST_CHANNELS), slide=(1, 128))
    c_pool = setting(Whole(32, most=MOST_CHANNELS), slide=(1, 128))

    # ---- results ----

    @property
    def out_channels(self) -> int:
        """What the branches put out together; the reductions are in none of it."""
        return self.c1 + self.c3 + self.c5 + self.c_pool

    @property
    def out_shape(self) -> tuple[int, int]:
        return self.side, self.side

    @property
    def shares(self) -> tuple[int, ...]:
        """The channels of the four branches in smallest whole numbers."""
        given = self.c1, self.c3, self.c5, self.c_pool
        return tuple(channels // reduce(gcd, given) for channels in given)

    def branches(self, reduced: bool | None = None) -> list[list[Step]]:
        """The layers of each branch as (kernel, output channels) and ("pool", kernel)."""
        reduced = self.reduced if reduced is None else reduced
        third, fifth = [(3, self.c3)], [(5, self.c5)]
        if reduced:
            third, fifth = [(1, self.reduce3), *third], [(1, self.reduce5), *fifth]
        return [[(1, self.c1)], third, fifth, [("pool", 3), (1, self.c_pool)]]

    def costs(self, reduced: bool | None = None) -> list[shapes.Cost]:
        """Parameters, multiply-accumulates and activation bytes of each branch."""
        return [self._cost(branch) for branch in self.branches(reduced)]

    def _cost(self, branch: list[Step]) -> shapes.Cost:
        found = [shapes.Cost(0, 0, 0)]
        channels = self.in_channels
        for kernel, out in branch:
            if kernel == "pool":
                found.append(shapes.Cost(0, 0, channels * self.side**2 * 4))
            else:
                found.append(shapes.conv_cost(channels, out, kernel, self.side))
                channels = out
        return shapes.Cost(
            *(sum(values) for values in zip(*((c.params, c.macs, c.activation_bytes) for c in found), strict=True))
        )

    @property
    def params(self) -> int:
        return sum(cost.params for cost in self.costs())

    @property
    def macs(self) -> int:
        return sum(cost.macs for cost in self.costs())

    @property
    def saving(self) -> float:
        """How many times the multiply-accumulates without the two reductions are those with them."""
        direct, small = (sum(cost.macs for cost in self.costs(reduced)) for reduced in (False, True))
        return direct / small

    def story(self, number: int) -> str:
        """How the numbers of a branch come about, counted from 0."""
        channels, parts = self.in_channels, []
        for kernel, out in self.branches()[number]:
            if kernel == "pool":
                parts.append(f"{out}×{out} max pooling, stride 1: no weights, the map stays {self.side} × {self.side}")
                continue
            cost = shapes.conv_cost(channels, out, kernel, self.side)
            weights = f"{channels}·{out}·{kernel}²" if kernel > 1 else f"{channels}·{out}"
            parts.append(
                f"{kernel}×{kernel}, {channels} → {out}: {weights} + {out} = {cost.params:,} parameters,"
                f" {weights}·{self.side}² = {cost.macs:,} MACs"
            )
            channels = out
        return "; then ".join(parts)

    def code(self) -> str:
        """The block in PyTorch."""
        if self.reduced:
            widths = (
                f"c1={self.c1}, c3=({self.reduce3}, {self.c3}), c5=({self.reduce5}, {self.c5}), c_pool={self.c_pool}"
            )
            return f"models.Inception({self.in_channels}, {widths})"
        c = self.in_channels
        return (
            f"branches = [nn.Conv2d({c}, {self.c1}, 1), nn.Conv2d({c}, {self.c3}, 3, padding=1),\n"
            f"            nn.Conv2d({c}, {self.c5}, 5, padding=2),\n"
            f"            nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d({c}, {self.c_pool}, 1))]\n"
            "# joined: torch.cat([branch(X).relu() for branch in branches], dim=1)"
        )

    def __repr__(self) -> str:
        how = "" if self.reduced else " without reductions"
        return (
            f"InceptionExplorer({self.in_channels}×{self.side}×{self.side} →"
            f" {self.out_channels}×{self.side}×{self.side}{how}; {self.params:,} parameters, {self.macs:,} MACs)"
        )

    # ---- picture and controls ----

    def _drawn_with(self, **options: object) -> str:
        names = "1×1", "3×3", "5×5", "pooling"
        lines = [
            Branch(name, channels, share, small, direct, self.story(number))
            for number, (name, channels, share, small, direct) in enumerate(
                zip(
                    names,
                    (self.c1, self.c3, self.c5, self.c_pool),
                    self.shares,
                    self.costs(True),
                    self.costs(False),
                    strict=True,
                )
            )
        ]
        size = self.in_channels, self.side
        return inception_picture(size, self.branches(), lines, repr(self), reduced=self.reduced, **options)

    def _controls(self) -> widgets.Widget:
        return self._columns(["in_channels", "side", "reduced"], NAMES[2:])
