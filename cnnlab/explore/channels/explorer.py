"""Channels: what each input map adds to an output, who feeds whom, and what groups save."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

import ipywidgets as widgets
import traitlets

from cnnlab import shapes
from cnnlab.draw import svg
from cnnlab.draw.grid import Pair
from cnnlab.explore.channels.numbers import (
    BIASES,
    KERNELS,
    MAPS,
    PERIOD,
    PRESETS,
    Channels,
    channel_sum,
    input_map,
    kernel,
)
from cnnlab.explore.channels.picture import channel_picture
from cnnlab.explore.conv.numbers import correlate, weighted
from cnnlab.explore.kit import limits
from cnnlab.explore.kit.base import View, script
from cnnlab.explore.kit.controls import LABEL_WIDTH, WIDE, PresetMenu, columns
from cnnlab.explore.kit.settings import LONGEST_KERNEL, MOST_CHANNELS, Sides, Size, Whole, pair, setting, short
from cnnlab.explore.kit.window import WindowExplorer, said, split_error

if TYPE_CHECKING:
    import numpy as np


class ChannelView(View):
    """The browser's side of a ChannelExplorer."""

    _esm = script("kit/cells.js", "channels/view.js", "kit/edit.js", "kit/motion.js", "kit/view.js")
    _css = View._css + (
        '.cnnlab .frame[class*="input-"], .cnnlab .frame[class*="kernel-"] { stroke: var(--kernel); }\n'
        '.cnnlab .frame[class*="product-"] { stroke: var(--output); }\n'
    )


class ChannelExplorer(WindowExplorer):
    """A convolution of several channels, one output channel at a time. Settings are traits and can be assigned to.

    `out_shape` is (height, width), or None where `error` says why no such layer exists.
    """

    view_class = ChannelView

    presets = PRESETS
    along = ("size", "kernel_size", "padding")

    in_channels = setting(Whole(3, most=MOST_CHANNELS), slide=4, ink="input", positional=True)
    out_channels = setting(Whole(2, most=MOST_CHANNELS), slide=4, ink="output", positional=True)
    kernel_size = setting(Sides(3, most=LONGEST_KERNEL), slide=5, ink="kernel", short="k", positional=True)
    size = setting(Sides(5), slide=8, ink="input", positional=True)
    groups = setting(Whole(1, most=MOST_CHANNELS), slide=4, ink="kernel", short="g", positional=True)
    padding = setting(Sides(0, least=0), slide=2, ink="input", short="p", silent=0)
    bias = setting(traitlets.Bool(True))
    channel = setting(Whole(0, least=0))

    @traitlets.validate("channel")
    def _is_a_channel(self, proposal: dict[str, object]) -> int:
        if proposal["value"] >= self.out_channels:
            last = self.out_channels - 1
            raise traitlets.TraitError(f"channel={proposal['value']} is past the last output channel; give 0 to {last}")
        return proposal["value"]

    # ---- results ----

    @property
    def weights(self) -> np.ndarray:
        """The layer's weights, as in `layer.weight`.  (c_out, c_in / groups, k_h, k_w)"""
        import numpy as np  # for who asks; the picture does without

        each, per = self.in_channels // self.groups, self.out_channels // self.groups
        size = pair(self.kernel_size)
        rows = [[kernel(o, o // per * each + i, size) for i in range(each)] for o in range(self.out_channels)]
        return np.array(rows)

    @property
    def biases(self) -> list[int]:
        """One for each output channel."""
        return [self._bias(o) for o in range(self.out_channels)]

    def _bias(self, output: int) -> int:
        return BIASES[output % len(BIASES)] if self.bias else 0

    def cost(self, groups: int | None = None) -> shapes.Cost:
        """What the layer costs, or would with other groups."""
        groups = self.groups if groups is None else groups
        sizes = (pair(self.kernel_size), self.out_shape)
        return shapes.conv_cost(self.in_channels, self.out_channels, *sizes, groups, self.bias)

    def code(self) -> str:
        """The line that makes this layer in PyTorch."""
        given = [f"padding={self.padding}"] if self.padding else []
        given += [f"groups={self.groups}"] if self.groups > 1 else []
        given += [] if self.bias else ["bias=False"]
        sizes = [str(self.in_channels), str(self.out_channels), f"kernel_size={self.kernel_size}"]
        return f"nn.Conv2d({', '.join(sizes + given)})"

    def _sum(self, pin: Pair) -> str:
        return f"output {self.channel} ({pin[0]}, {pin[1]}) = {channel_sum(self.layer, pin)}"

    def facts(self) -> list[tuple[str, str]]:
        """Shape and cost, with the numbers that make them."""
        if self.error:
            return []
        (k_h, k_w), (o_h, o_w), cost = pair(self.kernel_size), self.out_shape, self.cost()
        taps = f"{self.out_channels}·({self.in_channels}/{self.groups})·{k_h}·{k_w}"
        biases = f" + {self.out_channels}" if self.bias else ""
        return [
            ("output", f"{self.out_channels} maps of {o_h}×{o_w}"),
            ("parameters, c_out·(c_in/g)·k·k" + " + c_out" * self.bias, f"{taps}{biases} = {cost.params:,}"),
            ("multiply-accumulates (MACs)", f"{taps} · {o_h}·{o_w} = {cost.macs:,}"),
        ]

    def __repr__(self) -> str:
        shown = ", ".join(self._letters("kernel_size", "groups", "padding"))
        result = f"{self.out_channels}×{short(self.out_shape, always=True)}" if self.out_shape else "no output"
        return f"ChannelExplorer({self.in_channels}×{short(self.size, always=True)}, {shown} → {result})"

    # ---- from settings to the picture ----

    def _rule(self, size: int, kernel_size: int, padding: int) -> int:
        return shapes.out_size(size, kernel_size, padding=padding)

    def _remedies(self, size: int, kernel_size: int, padding: int) -> list[dict[str, int]]:
        return shapes.remedies(size, kernel_size, padding=padding)

    def _limit(self, given: dict[str, Pair], out: Pair) -> str | None:
        padded = tuple(size + 2 * padding for size, padding in zip(given["size"], given["padding"], strict=True))
        members = min(PERIOD, max(1, self.in_channels // self.groups))
        return limits.too_large(given["kernel_size"], out, [padded, out], members)

    def _why_not(self) -> str | None:
        split = split_error(self.in_channels, self.out_channels, self.groups)
        errors = dict.fromkeys([split, *self._refused().values(), self._too_large()])
        return "; ".join(filter(None, errors)) or None

    def _compute(self) -> None:
        self.layer = self._layer()

    @property
    def _shown(self) -> Channels:
        return self.layer

    def _drawn_with(self, **options: object) -> str:
        return channel_picture(self.layer, self._bars(), **options)

    def _layer(self) -> Channels:
        members = range(0)
        if not self._split_fails():
            each, per = self.in_channels // self.groups, self.out_channels // self.groups
            first = self.channel // per * each
            members = range(first, first + each)
        # Of thousands of channels only these differ; the others share their grids.
        images = [input_map(c, pair(self.size)) for c in range(min(MAPS, self.in_channels))]
        kernels = {c % KERNELS: kernel(self.channel, c, pair(self.kernel_size)) for c in members[:KERNELS]}
        products, out, bias = {}, None, self._bias(self.channel)
        if not self.error:
            made = {
                c % PERIOD: correlate(images[c % MAPS], kernels[c % KERNELS], 1, self.padding, 1)
                for c in members[:PERIOD]
            }
            counts = [(len(members[i::PERIOD]), grid) for i, grid in enumerate(made.values())]
            rows = (weighted((count, grid[r]) for count, grid in counts) for r in range(self.out_shape[0]))
            out = [[value + bias for value in row] for row in rows]
            products = made
        return Channels(
            [images[c % MAPS] for c in range(self.in_channels)],
            {c: kernels[c % KERNELS] for c in members},
            {c: products[c % PERIOD] for c in members if products},
            out,
            self.out_channels,
            pair(self.kernel_size),
            self.channel,
            self.groups,
            pair(self.padding),
            bias,
            self.error,
        )

    def _bars(self) -> list[tuple[str, int, int]]:
        if self.error:
            return []
        own, whole = self.cost(), self.cost(groups=1)
        return [("parameters", own.params, whole.params), ("multiply-accumulates (MACs)", own.macs, whole.macs)]

    def _split_fails(self) -> bool:
        return bool(self.in_channels % self.groups or self.out_channels % self.groups)

    def _offers(self) -> list[tuple[dict[str, Size], str]]:
        if not self.error:
            return []
        fits = [{}] if self._within({}) else self._ways()
        splits = [split for split in self._splits() if max(split.values(), default=0) <= MOST_CHANNELS]
        ways = [{**split, **fit} for fit in fits for split in splits]
        return [(way, said(way)) for way in ways[: limits.MOST_OFFERS]]

    def _splits(self) -> list[dict[str, int]]:
        """The nearest groups that divide both counts, and the nearest counts that these groups divide."""
        if not self._split_fails():
            return [{}]
        common = gcd(self.in_channels, self.out_channels)
        divisors = [d for d in range(1, common + 1) if common % d == 0]
        near = [max(d for d in divisors if d <= self.groups), *[d for d in divisors if d > self.groups][:1]]
        counts = {name: getattr(self, name) for name in ("in_channels", "out_channels")}
        raised = {name: -(-n // self.groups) * self.groups for name, n in counts.items() if n % self.groups}
        return [*({"groups": groups} for groups in near), raised]

    # ---- controls ----

    def _controls(self) -> widgets.Widget:
        slider = self.sliders = self._side_sliders(together=False)
        self.channels = self._channel_slider()
        self.preset_choice = PresetMenu(self, "choose …", "start from")
        return columns(
            [
                [slider["in_channels"], slider["size"], slider["padding"]],
                [slider["out_channels"], slider["kernel_size"], self.channels],
                [slider["groups"], self.preset_choice],
            ]
        )

    def _channel_slider(self) -> widgets.IntSlider:
        style = {"description_width": LABEL_WIDTH, "handle_color": svg.colour("output")}
        last = self.out_channels - 1
        slider = widgets.IntSlider(self.channel, 0, last, description="show output", style=style, layout=WIDE)
        traitlets.link((self, "channel"), (slider, "value"))
        # With fewer channels the slider draws in, and the chosen channel with it.
        traitlets.dlink((self, "out_channels"), (slider, "max"), lambda count: count - 1)
        return slider
