"""Channels: what each input map adds to an output, who feeds whom, and what groups save."""

from __future__ import annotations

from math import gcd

import ipywidgets as widgets
import numpy as np
import traitlets

from cnnlab import shapes
from cnnlab.draw import svg
from cnnlab.draw.svg import Picture
from cnnlab.explore.channels.maps import BIASES, KERNELS, MAPS, PERIOD, PRESETS, input_map, kernel
from cnnlab.explore.channels.picture import Channels, channel_picture, channel_sum
from cnnlab.explore.conv.compute import correlation
from cnnlab.explore.kit import limits
from cnnlab.explore.kit.base import (
    LABEL_WIDTH,
    LONGEST_KERNEL,
    MOST_CHANNELS,
    Explorer,
    Setting,
    Sides,
    SideSliders,
    View,
    Whole,
    pair,
    script,
)

# name, and where its slider ends unless a larger value is given
COUNTS = {"in_channels": 4, "out_channels": 4, "groups": 4}
SIDES = {"size": 8, "kernel_size": 5, "padding": 2}
PARTS = {"in_channels": "input", "out_channels": "output", "groups": "kernel"}
SIDE_PARTS = {"size": "input", "kernel_size": "kernel", "padding": "input"}
START = {"size": 5, "kernel_size": 3, "padding": 0}
PLAIN = "choose …"
SHORT = {"kernel": "kernel_size"}  # cnnlab.shapes' name: ours


class ChannelView(View):
    """The browser's side of a ChannelExplorer."""

    _esm = script("kit/cells.js", "channels/view.js", "kit/edit.js", "kit/view.js")
    _css = View._css + (
        '.cnnlab .frame[class*="input-"], .cnnlab .frame[class*="kernel-"] { stroke: var(--kernel); }\n'
        '.cnnlab .frame[class*="product-"] { stroke: var(--output); }\n'
    )


class ChannelExplorer(Explorer):
    """A convolution of several channels, one output channel at a time. Settings are traits and can be assigned to.

    `out_shape` is (height, width), or None where `error` says why no such layer exists.
    """

    view_class = ChannelView

    in_channels = Whole(3, most=MOST_CHANNELS)
    out_channels = Whole(2, most=MOST_CHANNELS)
    kernel_size = Sides(3, most=LONGEST_KERNEL)
    size = Sides(5)
    groups = Whole(1, most=MOST_CHANNELS)
    padding = Sides(0, least=0)
    bias = traitlets.Bool(True)
    channel = Whole(0, least=0)

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 2,
        kernel_size: Setting = 3,
        size: Setting = 5,
        groups: int = 1,
        *,
        padding: Setting = 0,
        bias: bool = True,
        channel: int = 0,
    ) -> None:
        super().__init__(
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_size=kernel_size,
            size=size,
            groups=groups,
            padding=padding,
            bias=bias,
            channel=channel,
        )

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

    def static(self, pin: tuple[int, int] | None = None) -> Picture:
        """The same picture without a browser's help, for GitHub and for print; `pin` is the output to write out."""
        outs = self.out_shape or (0, 0)
        if pin is not None and not all(0 <= p < o for p, o in zip(pin, outs, strict=True)):
            raise ValueError(
                f"pin={pin!r} is not an output of {self!r}; leave it out, or give a row and a column inside"
            )
        pin = pin or self.layer.default_pin
        lines = [f"output {self.channel} ({pin[0]}, {pin[1]}) = {channel_sum(self.layer, pin)}"] if pin else []
        lines += [f"{name}: {text}" for name, text in self.facts()] + [self.code()]
        return Picture(channel_picture(self.layer, self._bars(), pin, lines, still=True), repr(self))

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
        names = {"k": _short(self.kernel_size), "g": self.groups, "p": _short(self.padding)}
        shown = [f"{name}={value}" for name, value in names.items() if name != "p" or value != "0"]
        result = f"{self.out_channels}×{_size(self.out_shape)}" if self.out_shape else "no output"
        return f"ChannelExplorer({self.in_channels}×{_size(pair(self.size))}, {', '.join(shown)} → {result})"

    # ---- from settings to the picture ----

    def _sides(self, axis: int, **changes: Setting) -> tuple[int, int, int, int]:
        given = {name: changes.get(name, getattr(self, name)) for name in START}
        size, kernel_size, padding = (pair(each)[axis] for each in given.values())
        return size, kernel_size, 1, padding

    def _solve(self) -> tuple[tuple[int, int] | None, str | None]:
        outs, errors = [], []
        try:
            shapes.conv_cost(self.in_channels, self.out_channels, 1, 1, self.groups)
        except shapes.ShapeError as error:
            errors.append(str(error))
        for axis in (0, 1):
            try:
                outs.append(shapes.out_size(*self._sides(axis)))
            except shapes.ShapeError as error:
                errors.append(str(error))
        errors += [too_large] if (too_large := self._too_large()) else []
        return (None, "; ".join(dict.fromkeys(errors))) if errors else (tuple(outs), None)

    def _too_large(self, **changes: Setting) -> str | None:
        """Why the layer, or the one with these changes, exists but is not computed."""
        try:
            outs = tuple(shapes.out_size(*self._sides(axis, **changes)) for axis in (0, 1))
        except shapes.ShapeError:
            return None
        sizes, kernels, _, paddings = zip(*(self._sides(axis, **changes) for axis in (0, 1)), strict=True)
        padded = tuple(size + 2 * padding for size, padding in zip(sizes, paddings, strict=True))
        members = min(PERIOD, max(1, self.in_channels // self.groups))
        return limits.too_large(kernels, outs, [padded, outs], members)

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
                c % PERIOD: correlation(images[c % MAPS], kernels[c % KERNELS], 1, self.padding, 1)
                for c in members[:PERIOD]
            }
            out = (bias + sum(made[c] * len(members[i::PERIOD]) for i, c in enumerate(made))).tolist()
            products = {c: product.tolist() for c, product in made.items()}
        shared = [image.tolist() for image in images]
        weights = {c: grid.tolist() for c, grid in kernels.items()}
        return Channels(
            [shared[c % MAPS] for c in range(self.in_channels)],
            {c: weights[c % KERNELS] for c in members},
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

    def _picture(self) -> dict[str, object]:
        self.out_shape, self.error = self._solve()
        self.layer = self._layer()
        return {
            "svg": channel_picture(self.layer, self._bars()),
            "facts": self.facts(),
            "code": self.code(),
            "error": self.error,
            "title": repr(self),
        }

    def _split_fails(self) -> bool:
        return bool(self.in_channels % self.groups or self.out_channels % self.groups)

    def _offers(self) -> list[tuple[dict[str, Setting], str]]:
        if not self.error:
            return []
        now = {name: getattr(self, name) for name in START}
        fits = [fit for fit in self._fits() if self._within(fit)] or limits.ways_out(START, now, self._within)
        splits = [split for split in self._splits() if max(split.values(), default=0) <= MOST_CHANNELS]
        ways = [{**split, **fit} for fit in fits for split in splits]
        return [(way, ", ".join(f"{name} = {_short(value)}" for name, value in way.items())) for way in ways[:4]]

    def _within(self, change: dict[str, Setting]) -> bool:
        """Whether a change gives a layer that fits and is computed, with settings that the traits take."""
        small = all(max(pair(value)) <= self.traits()[name].most for name, value in change.items())
        sides = {name: value for name, value in change.items() if name in START}
        try:
            [shapes.out_size(*self._sides(axis, **sides)) for axis in (0, 1)]
        except shapes.ShapeError:
            return False
        return small and not self._too_large(**sides)

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

    def _fits(self) -> list[dict[str, Setting]]:
        fixes = [{k: v for fix in shapes.remedies(*self._sides(a)) for k, v in fix.items()} for a in (0, 1)]
        names = [short for short in ("padding", "kernel", "size") if any(short in fix for fix in fixes)]
        ways = []
        for short in names:
            name = SHORT.get(short, short)
            sides = tuple(fix.get(short, now) for fix, now in zip(fixes, pair(getattr(self, name)), strict=True))
            ways.append({name: sides[0] if sides[0] == sides[1] else sides})
        return ways or [{}]

    # ---- controls ----

    def _controls(self) -> widgets.Widget:
        given = {**{name: (most, PARTS[name]) for name, most in COUNTS.items()}}
        given |= {name: (most, SIDE_PARTS[name]) for name, most in SIDES.items()}
        apart = {name: isinstance(getattr(self, name), tuple) for name in given}
        self.sliders = {
            name: SideSliders(name, getattr(self, name), self.traits()[name].least, most, part, not apart[name])
            for name, (most, part) in given.items()
        }
        for name, slider in self.sliders.items():
            traitlets.link((self, name), (slider, "value"))
        self.channels = self._channel_slider()
        self.start = widgets.Dropdown(
            options=[PLAIN, *PRESETS],
            description="start from",
            style={"description_width": LABEL_WIDTH},
            layout={"width": "auto"},
        )
        self.start.observe(lambda change: self._apply(PRESETS.get(change["new"], {})), "value")
        self.observe(self._name_start, list(given))
        self._name_start()
        columns = [("in_channels", "size", "padding"), ("out_channels", "kernel_size"), ("groups",)]
        asides = [[], [self.channels], [self.start]]
        boxes = [
            widgets.VBox([*(self.sliders[name] for name in names), *aside])
            for names, aside in zip(columns, asides, strict=True)
        ]
        # Two columns where three would squeeze the sliders.
        grid = "repeat(auto-fit, minmax(240px, 1fr))"
        return widgets.GridBox(
            boxes, layout={"grid_template_columns": grid, "max_width": "900px", "grid_gap": "0 24px"}
        )

    def _channel_slider(self) -> widgets.IntSlider:
        style = {"description_width": LABEL_WIDTH, "handle_color": svg.colour("output")}
        last = self.out_channels - 1
        slider = widgets.IntSlider(
            self.channel, 0, last, description="show output", style=style, layout={"width": "auto"}
        )
        traitlets.link((self, "channel"), (slider, "value"))
        # With fewer channels the slider draws in, and the chosen channel with it.
        traitlets.dlink((self, "out_channels"), (slider, "max"), lambda count: count - 1)
        return slider

    def _name_start(self, change: object = None) -> None:
        same = [name for name, given in PRESETS.items() if all(getattr(self, k) == v for k, v in given.items())]
        self.start.value = same[0] if same else PLAIN


def _size(sides: tuple[int, int]) -> str:
    return f"{sides[0]}×{sides[1]}"


def _short(value: Setting) -> str:
    # A setting is one number where both sides agree.
    height, width = pair(value)
    return str(height) if height == width else _size((height, width))
