"""One convolution: slide its settings, see its window, its sum, its shape and its cost."""

from __future__ import annotations

from dataclasses import replace

import ipywidgets as widgets
import numpy as np
import traitlets

from cnnlab import shapes
from cnnlab.draw.grid import LONGEST
from cnnlab.draw.svg import Picture
from cnnlab.explore.conv.compute import torch_output
from cnnlab.explore.conv.facts import conv_facts
from cnnlab.explore.conv.guess import Question, Verdict, parse_guess, verdict
from cnnlab.explore.conv.kinds import CONV, TRANSPOSED, Kind, offers, short
from cnnlab.explore.conv.numbers import Conv
from cnnlab.explore.conv.panel import SLIDERS, Panel
from cnnlab.explore.kit import limits, presets
from cnnlab.explore.kit.ask import Answer, Ask, compare
from cnnlab.explore.kit.base import (
    LONGEST_KERNEL,
    MOST_CHANNELS,
    Choice,
    Explorer,
    Numbers,
    Setting,
    Sides,
    View,
    Whole,
    pair,
    script,
)

AXES = ("height", "width")
OWN = "own"
CHANNELS = ("in_channels", "out_channels", "groups")
USUAL = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1}
LETTERS = {"k": "kernel_size", "s": "stride", "p": "padding", "op": "output_padding", "d": "dilation"}
SILENT = {"op": 0, "d": 1}  # what the one line leaves out
START = {"size": 12, "kernel_size": 3, "stride": 1, "padding": 0, "dilation": 1, "output_padding": 0}


class ConvView(View):
    """The browser's side of a ConvExplorer."""

    _esm = script("kit/cells.js", "conv/view.js", "kit/edit.js", "kit/view.js")


class ConvExplorer(Explorer):
    """A convolution, or a transposed one. Sizes are an int or a pair (height, width); every setting can be assigned to.

    `out_shape` is (height, width), or None where `error` says why no such layer exists. The first channel is drawn.
    """

    view_class = ConvView

    size = Sides(12)
    kernel_size = Sides(3, most=LONGEST_KERNEL)
    stride = Sides(1)
    padding = Sides(0, least=0)
    dilation = Sides(1)
    transposed = traitlets.Bool(False)
    output_padding = Sides(0, least=0)
    in_channels = Whole(1, most=MOST_CHANNELS)
    out_channels = Whole(1, most=MOST_CHANNELS)
    groups = Whole(1, most=MOST_CHANNELS)
    bias = Whole(0, least=-999, most=999)
    image = Choice([*presets.IMAGES, OWN])
    weights = Choice([*presets.KERNELS, OWN])
    own_image = Numbers()
    own_weights = Numbers()
    heat = traitlets.Bool(False)
    guess = traitlets.Bool(False)

    verdict: Verdict | None = None
    answer: Answer | None = None

    def __init__(
        self,
        size: Setting = 12,
        kernel_size: Setting = 3,
        stride: Setting = 1,
        padding: Setting = 0,
        dilation: Setting = 1,
        *,
        transposed: bool = False,
        output_padding: Setting = 0,
        in_channels: int = 1,
        out_channels: int = 1,
        groups: int = 1,
        bias: int = 0,
        image: str | None = None,
        weights: str = "edge",
        own_image: object = (),
        own_weights: object = (),
        heat: bool = False,
        guess: bool = False,
    ) -> None:
        self._guessed = None
        super().__init__(
            size=size,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            transposed=transposed,
            output_padding=output_padding,
            in_channels=in_channels,
            out_channels=out_channels,
            groups=groups,
            bias=bias,
            image=_suitable(size) if image is None else image,
            weights=weights,
            own_image=own_image,
            own_weights=own_weights,
            heat=heat,
            guess=guess,
        )
        self.view.on_msg(self._edited)

    @property
    def kernel(self) -> Setting:
        """Another name for kernel_size."""
        return self.kernel_size

    @kernel.setter
    def kernel(self, value: Setting) -> None:
        self.kernel_size = value

    @property
    def kind(self) -> Kind:
        """What a layer of this kind does: `output_padding` counts for the transposed one alone."""
        return TRANSPOSED if self.transposed else CONV

    # ---- results ----

    @property
    def hidden(self) -> bool:
        """Whether the output waits behind a question."""
        return self.guess and self._guessed != self._geometry()

    def code(self) -> str:
        """The line that makes this layer in PyTorch."""
        names = [name for name in USUAL if name in (*self.kind.settings, "groups")]
        given = [f", {name}={getattr(self, name)}" for name in names if getattr(self, name) != USUAL[name]]
        channels = f"{self.in_channels}, {self.out_channels}"
        return f"{self.kind.layer}({channels}, kernel_size={self.kernel_size}{''.join(given)})"

    def static(self, pin: tuple[int, int] | None = None) -> Picture:
        """The same picture without a browser's help, for GitHub and for print; `pin` is the output to write out."""
        conv = self._shown()
        if pin is not None and (
            conv.out is None or not all(0 <= p < o for p, o in zip(pin, self.out_shape, strict=True))
        ):
            raise ValueError(
                f"pin={pin!r} is not an output of {self!r}; leave it out, or give a row and a column inside"
            )
        pin = pin or conv.default_pin
        lines = [f"output ({pin[0]}, {pin[1]}) = {self.kind.written_out(conv, pin)}"] if pin else []
        lines += [f"{name}: {text}" for name, text in self.facts()] + [self.code()]
        return Picture(self.kind.picture(conv, pin, lines, still=True, heat=self.heat), repr(self))

    def facts(self) -> list[tuple[str, str]]:
        """Shape and cost, with the numbers that make them; none while there is no output to see."""
        return [] if self.error or self.hidden else conv_facts(self.conv, self._channels())

    def __repr__(self) -> str:
        given = {letter: getattr(self, name) for letter, name in LETTERS.items() if name in self.kind.settings}
        shown = [f"{name}={short(value)}" for name, value in given.items() if value != SILENT.get(name)]
        shown += ["transposed"] * self.transposed
        result = short(self.out_shape, always=True) if self.out_shape else "no output"
        return f"ConvExplorer({short(self.size, always=True)}, {', '.join(shown)} → {'?' if self.hidden else result})"

    # ---- what one can do ----

    def start_from(self, name: str) -> None:
        """Take over one of the settings in `presets.SETTINGS`."""
        if name not in presets.SETTINGS:
            raise ValueError(f"there is no setting {name!r}; choose one of {', '.join(presets.SETTINGS)}")
        change = presets.SETTINGS[name]
        self._apply({**change, "image": _suitable(change["size"])})

    def check(self, text: str) -> Verdict:
        """Judge a typed guess of the output size; a right one shows the output."""
        self.verdict = verdict(parse_guess(text), self._geometry(), self.kind.rules)
        if self.verdict.right and self.hidden:
            self._guessed = self._geometry()
            self._draw()
        return self.verdict

    def ask_torch(self) -> Answer:
        """Run the real layer with these weights on this input and compare; the answer stays in `answer`."""
        conv = self.conv
        sizes = (conv.size, conv.out_shape or (0, 0))
        too_large = self._too_large() or limits.too_large_to_ask(
            self._channels(), conv.kernel_size, conv.met or (0, 0), sizes
        )
        if too_large:
            self.answer = Answer(False, f"PyTorch is not asked: {too_large}.")
            return self.answer
        ours = None if self.error else np.array(self.conv.out) / self.conv.divisor
        self.answer = compare(ours, torch_output(self.conv, self._channels()))
        return self.answer

    def _edited(self, view: View, message: dict, buffers: object) -> None:
        # The browser sends {"part": "input" or "kernel", "cells": [[row, column, value], …]}, one message per stroke.
        if "part" not in message:
            return
        kind, grid = {
            "input": ("image", self.conv.image),
            "kernel": ("weights", self.conv.weights),
        }[message["part"]]
        rows = [list(row) for row in grid]
        for row, column, value in message["cells"]:
            rows[row][column] = int(value)
        self._apply({f"own_{kind}": rows, kind: OWN})

    # ---- from settings to the picture ----

    def _channels(self) -> tuple[int, int, int]:
        return self.in_channels, self.out_channels, self.groups

    def _geometry(self, **changes: Setting) -> tuple[tuple[int, ...], ...]:
        given = {**{name: getattr(self, name) for name in self.kind.settings}, **changes}
        return tuple(tuple(pair(given[name])[axis] for name in self.kind.settings) for axis in (0, 1))

    def _too_large(self, **changes: Setting) -> str | None:
        """Why the layer, or the one with these changes, exists but is not computed."""
        axes = self._geometry(**changes)
        try:
            outs = tuple(self.kind.out_size(*axis) for axis in axes)
        except shapes.ShapeError:
            return None
        given = [dict(zip(self.kind.settings, axis, strict=True)) for axis in axes]
        sizes = tuple(each["size"] for each in given)
        kernel_size = tuple(each["kernel_size"] for each in given)
        met, bare = (sizes, outs) if self.transposed else (outs, sizes)
        padded = tuple(side + 2 * each["padding"] for side, each in zip(bare, given, strict=True))
        return limits.too_large(kernel_size, met, [met, padded])

    def _solve(self) -> tuple[tuple[int, int] | None, str | None]:
        outs, errors, axes = [], {}, self._geometry()
        for name, axis in zip(AXES, axes, strict=True):
            try:
                outs.append(self.kind.out_size(*axis))
            except shapes.ShapeError as error:
                errors[name] = str(error)
        if errors:
            same = axes[0] == axes[1]
            return None, errors["height"] if same else "; ".join(f"{name}: {error}" for name, error in errors.items())
        try:
            shapes.conv_cost(self.in_channels, self.out_channels, 1, 1, self.groups)
        except shapes.ShapeError as error:
            return None, str(error)
        too_large = self._too_large()
        return (None, too_large) if too_large else (tuple(outs), None)

    def _conv(self) -> Conv:
        size, kernel_size = pair(self.size), pair(self.kernel_size)
        own = self.weights == OWN
        image = presets.fit(self.own_image, size) if self.image == OWN else presets.IMAGES[self.image](size)
        weights, divisor = (
            (presets.fit(self.own_weights, kernel_size), 1) if own else presets.KERNELS[self.weights](kernel_size)
        )
        settings = {name: pair(getattr(self, name)) for name in self.kind.settings[2:]}
        out = None
        if self.error is None:
            out = (np.array(self.kind.values(image, weights, **settings)) + self.bias * divisor).tolist()
        rest = {"divisor": divisor, "bias": self.bias, "error": self.error, "weights_name": self.weights}
        return self.kind.numbers(image.tolist(), weights.tolist(), out, **settings, **rest)

    def _shown(self) -> Conv:
        return replace(self.conv, out=None, error=None) if self.hidden else self.conv

    def _picture(self) -> dict[str, object]:
        self.out_shape, self.error = self._solve()
        self.conv, self.answer = self._conv(), None
        return {
            "svg": self.kind.picture(self._shown(), heat=self.heat),
            "facts": self.facts(),
            "formulas": self.kind.formulas,
            "code": self.code(),
            "error": None if self.hidden else self.error,
            "asked": self.hidden,
            "editable": True,
            "title": repr(self),
        }

    def _tidy(self) -> None:
        """Bring what stands around the picture in line with it."""
        if not self.guess:
            self._guessed = None  # the next time it is asked again
        if self.hidden or not self.guess or not self.verdict:
            self.verdict = None
            self.question.ask(self.hidden)
        self.asking.clear()
        self.asking.about(self.kind.layer)
        self.asking.layout.display = "none" if self.hidden else None
        now = {name: getattr(self, name) for name in (*SLIDERS, *CHANNELS, "transposed")}
        now["output_padding"] *= self.transposed  # of an ordinary layer it says nothing
        self.panel.settled(next((name for name, given in presets.SETTINGS.items() if given == now), None))

    def _offers(self) -> list[tuple[dict[str, Setting], str]]:
        if not self.error or self.hidden:
            return []
        now = {name: getattr(self, name) for name in self.kind.settings}
        mends = offers(self.kind, self._geometry(), now)
        if not mends and not self._too_large():
            return [({"groups": 1}, "groups = 1")]
        start = {name: value for name, value in START.items() if name in now}
        ways = [mend for mend in mends if self._within(mend[0])]
        if ways:
            return ways
        return [(way, limits.said_in_code(way)) for way in limits.ways_out(start, now, self._within)]

    def _within(self, change: dict[str, Setting]) -> bool:
        """Whether a change gives a layer that is computed, with settings that the traits take."""
        small = all(max(pair(value)) <= self.traits()[name].most for name, value in change.items())
        try:
            [self.kind.out_size(*axis) for axis in self._geometry(**change)]
        except shapes.ShapeError:
            return False
        return small and not self._too_large(**change)

    # ---- controls ----

    def _controls(self) -> widgets.Widget:
        self.panel = Panel(self, list(presets.SETTINGS), self.start_from)
        self.sliders, self.apart = self.panel.sliders, self.panel.apart
        self.question = Question(self.check)
        return widgets.VBox([self.panel, self.question])

    def _below(self) -> list[widgets.Widget]:
        self.asking = Ask(self.ask_torch, self.kind.layer)
        return [self.asking]


def _suitable(size: object) -> str:
    # Of a large input only the corners are drawn, and a shirt has nothing there.
    try:
        return "shirt" if max(pair(size)) <= LONGEST else "ramp"
    except TypeError:
        return "shirt"  # the size is refused in a moment, with a better sentence
