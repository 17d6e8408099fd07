"""A dense block and the transition after it: what each layer reads and adds, and what all that costs."""

from __future__ import annotations

from math import ceil

import ipywidgets as widgets
import traitlets

from cnnlab import shapes
from cnnlab.draw.network import memory
from cnnlab.explore.dense.picture import Layer, dense_picture
from cnnlab.explore.kit.settings import LONGEST_SIDE, MOST_CHANNELS, Real, Whole, setting
from cnnlab.explore.kit.told import ToldExplorer

NAMES = ("in_channels", "growth_rate", "num_convs", "compression", "side", "bottleneck")
TABLE = {
    "notes, first block": (64, 32, 4, 0.5, 24, False),
    "3 + 2 × 10 → 23 → 10": (3, 10, 2, 0.44, 8, False),
    "notes, second block": (96, 32, 4, 0.5, 12, False),
    "notes, third block": (112, 32, 4, 0.5, 6, False),
    "notes, fourth block": (120, 32, 4, 0.5, 3, False),
    "DenseNet-121, first block": (64, 32, 6, 0.5, 56, True),
}
PRESETS = {name: dict(zip(NAMES, row, strict=True)) for name, row in TABLE.items()}
FLOAT = 4  # bytes


class DenseExplorer(ToldExplorer):
    """A dense block with its transition. All settings are traits and can be assigned to.

    num_convs: layers of the block. compression: share of the channels that the transition keeps. bottleneck: a 1×1
    convolution to 4 · growth_rate channels before each 3×3. Costs are for one image; convolutions have biases unless
    they follow the bottleneck form, as in cnnlab.models.
    """

    presets = PRESETS
    first = "notes, first block"

    in_channels = setting(Whole(64, most=MOST_CHANNELS), slide=(1, 256))
    growth_rate = setting(Whole(32, most=MOST_CHANNELS), slide=(1, 64))
    num_convs = setting(Whole(4, most=64), slide=(1, 16))
    compression = setting(
        Real(0.5, 0, 1, "more than 0 and at most 1, such as 0.5", above=True), slide=(0.05, 1.0, 0.05)
    )
    side = setting(Whole(24, most=LONGEST_SIDE), slide=(1, 56), label="side, px")
    bottleneck = setting(
        traitlets.Bool(False),
        label="1×1 bottleneck before each 3×3",
        tooltip="to 4 · growth_rate channels, as in DenseNet-B",
    )

    # ---- results ----

    @property
    def inputs(self) -> tuple[int, ...]:
        """The channels that each layer reads."""
        return tuple(self.in_channels + number * self.growth_rate for number in range(self.num_convs))

    @property
    def out_channels(self) -> int:
        """Channels at the end of the block."""
        return self.in_channels + self.num_convs * self.growth_rate

    @property
    def kept_channels(self) -> int:
        """Channels after the transition."""
        return int(round(self.out_channels * self.compression, 6))  # 180 · 0.35 is 63, and not 62.999…

    @property
    def _least(self) -> float:
        """The least compression, in hundredths, that leaves a channel."""
        return ceil(100 / self.out_channels) / 100

    @property
    def error(self) -> str | None:
        """Why the transition cannot be; None where it can."""
        if self.side < 2:
            return f"the transition's 2×2 pooling does not fit a map of {self.side} px; let side be 2 or more"
        if not self.kept_channels:
            return (
                f"{self.compression:g} of {self.out_channels} channels is less than one; let compression be"
                f" {self._least:g} or more"
            )
        return None

    @property
    def out_shape(self) -> tuple[int, int] | None:
        """Height and width after the transition."""
        return None if self.error else (self.side // 2,) * 2

    def layer_cost(self, number: int) -> shapes.Cost:
        """What a layer costs, counted from 0; it makes maps by batch norm, ReLU, convolution and joining."""
        given, growth, pixels = self.inputs[number], self.growth_rate, self.side**2
        if not self.bottleneck:
            conv = shapes.conv_cost(given, growth, 3, self.side)
            maps = 2 * given + growth + (given + growth)
            return shapes.Cost(2 * given + conv.params, conv.macs, maps * pixels * FLOAT)
        small = shapes.conv_cost(given, 4 * growth, 1, self.side, bias=False)
        wide = shapes.conv_cost(4 * growth, growth, 3, self.side, bias=False)
        maps = 2 * given + 3 * 4 * growth + growth + (given + growth)
        params = 2 * given + small.params + 2 * 4 * growth + wide.params
        return shapes.Cost(params, small.macs + wide.macs, maps * pixels * FLOAT)

    @property
    def transition_cost(self) -> shapes.Cost:
        """Batch norm, ReLU, 1×1 convolution, pooling."""
        given, kept, pixels = self.out_channels, max(1, self.kept_channels), self.side**2  # 1 where there is an error
        conv = shapes.conv_cost(given, kept, 1, self.side, bias=not self.bottleneck)
        numbers = (2 * given + kept) * pixels + kept * (self.side // 2) ** 2
        return shapes.Cost(2 * given + conv.params, conv.macs, numbers * FLOAT)

    @property
    def params(self) -> int:
        """Parameters of the block, its transition not counted."""
        return sum(self.layer_cost(number).params for number in range(self.num_convs))

    @property
    def macs(self) -> int:
        return sum(self.layer_cost(number).macs for number in range(self.num_convs))

    @property
    def activation_bytes(self) -> int:
        """Bytes of all the maps that the block makes of one image."""
        return sum(self.layer_cost(number).activation_bytes for number in range(self.num_convs))

    @property
    def residual_cost(self) -> shapes.Cost:
        """Two 3×3 convolutions with batch norm over as many channels as the block puts out, for comparison."""
        c = self.out_channels
        conv = shapes.conv_cost(c, c, 3, self.side, bias=False)
        return shapes.Cost(2 * (conv.params + 2 * c), 2 * conv.macs, 7 * c * self.side**2 * FLOAT)

    def story(self, number: int) -> str:
        """How the numbers of a layer come about, counted from 0."""
        given, growth, cost = self.inputs[number], self.growth_rate, self.layer_cost(number)
        before = f"{self.in_channels} + {number}·{growth} = {given}" if number else f"the {given}"
        way = f"1×1 to {4 * growth}, then 3×3" if self.bottleneck else "3×3"
        return (
            f"layer {number + 1} reads {before} channels, adds {growth} ({way}): {cost.params:,} parameters,"
            f" {cost.macs:,} MACs, maps of {memory(cost.activation_bytes)},"
            f" {memory((given + growth) * self.side**2 * FLOAT)} of them by joining"
        )

    def code(self) -> str:
        """The block and its transition in PyTorch."""
        extra = ", bottleneck=True, bias=False" if self.bottleneck else ""
        bias = ", bias=False" if self.bottleneck else ""
        return (
            f"models.DenseBlock({self.num_convs}, {self.in_channels}, {self.growth_rate}{extra})\n"
            f"models.densenet.transition({self.out_channels}, {self.kept_channels}{bias})"
        )

    def __repr__(self) -> str:
        return (
            f"DenseExplorer({self.in_channels} + {self.num_convs}·{self.growth_rate} → {self.out_channels} →"
            f" {self.kept_channels} channels; {self.params:,} parameters, {self.macs:,} MACs)"
        )

    # ---- picture and controls ----

    def _drawn_with(self, **options: object) -> str:
        layers = [Layer(given, self.layer_cost(n), self.story(n)) for n, given in enumerate(self.inputs)]
        ends = (self.in_channels, self.growth_rate, self.out_channels, self.kept_channels)
        costs = {"block": (self.params, self.macs, self.activation_bytes)}
        costs["residual"] = self.residual_cost.params, self.residual_cost.macs, self.residual_cost.activation_bytes
        costs["transition"] = (
            self.transition_cost.params,
            self.transition_cost.macs,
            self.transition_cost.activation_bytes,
        )
        return dense_picture(layers, ends, self.side, costs, repr(self), error=self.error, **options)

    def _offers(self) -> list[tuple[dict[str, object], str]]:
        if self.side < 2:
            return [({"side": 2}, "side = 2")]
        return [] if self.kept_channels else [({"compression": self._least}, f"compression = {self._least:g}")]

    def _controls(self) -> widgets.Widget:
        return self._columns(["in_channels", "growth_rate", "num_convs"], ["compression", "side", "bottleneck"])
