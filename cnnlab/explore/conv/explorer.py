"""One convolution: slide its settings, see its window, its sum, its shape and its cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import ipywidgets as widgets
import traitlets

from cnnlab import shapes
from cnnlab.draw.grid import LONGEST, Pair
from cnnlab.explore.conv import guess, transposed
from cnnlab.explore.conv.guess import Question, Rules, Verdict, parse_guess, verdict
from cnnlab.explore.conv.numbers import FORMULAS, Conv, conv_facts, correlate, torch_output
from cnnlab.explore.conv.picture import conv_picture, window_sum
from cnnlab.explore.kit import limits
from cnnlab.explore.kit.ask import Answer, Ask, compare
from cnnlab.explore.kit.base import View, script
from cnnlab.explore.kit.controls import LABEL_WIDTH, HeightApart, PresetMenu, columns, control, toggle
from cnnlab.explore.kit.presets import IMAGES, KERNELS, SETTINGS, fit
from cnnlab.explore.kit.settings import (
    LONGEST_KERNEL,
    MOST_CHANNELS,
    Choice,
    Numbers,
    Sides,
    Size,
    Whole,
    pair,
    setting,
    short,
)
from cnnlab.explore.kit.window import WindowExplorer, split_error

OWN = "own"
USUAL = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1}
SWITCHES = ("guess", "heat", "transposed")
WIDER = "124px"  # for the longest name, with its side


@dataclass(frozen=True)
class Kind:
    """One kind of layer. `settings` are the names of what its arithmetic takes along one axis, in that order."""

    layer: str
    settings: tuple[str, ...]
    out_size: Callable[..., int]
    remedies: Callable[..., list[dict[str, int]]]
    rules: Rules
    numbers: type[Conv]
    values: Callable[..., list]
    picture: Callable[..., str]
    written_out: Callable[[Conv, Pair], str]
    formulas: list[tuple[str, str]]


CONV = Kind(
    "nn.Conv2d",
    ("size", "kernel_size", "stride", "padding", "dilation"),
    shapes.out_size,
    shapes.remedies,
    guess.CONV,
    Conv,
    correlate,
    conv_picture,
    window_sum,
    FORMULAS,
)
TRANSPOSED = Kind(
    "nn.ConvTranspose2d",
    transposed.NAMES,
    shapes.transposed_out_size,
    transposed.remedies,
    transposed.RULES,
    transposed.Transposed,
    transposed.stamp,
    transposed.transposed_picture,
    transposed.stamp_sum,
    transposed.FORMULAS,
)


class ConvView(View):
    """The browser's side of a ConvExplorer."""

    _esm = script("kit/cells.js", "conv/view.js", "kit/edit.js", "kit/motion.js", "kit/view.js")


class ConvExplorer(WindowExplorer):
    """A convolution, or a transposed one. Sizes are an int or a pair (height, width); every setting can be assigned to.

    `out_shape` is (height, width), or None where `error` says why no such layer exists. The first channel is drawn.
    """

    view_class = ConvView

    presets = SETTINGS

    size = setting(Sides(12), slide=32, ink="input", positional=True)
    kernel_size = setting(Sides(3, most=LONGEST_KERNEL), slide=11, ink="kernel", short="k", positional=True)
    stride = setting(Sides(1), slide=8, ink="output", short="s", positional=True)
    padding = setting(Sides(0, least=0), slide=8, ink="input", short="p", positional=True)
    dilation = setting(Sides(1), slide=6, ink="kernel", short="d", silent=1, positional=True)
    transposed = setting(
        traitlets.Bool(False),
        label="transposed",
        tooltip="turn the layer round: every input pixel writes a stamp into the output",
    )
    output_padding = setting(Sides(0, least=0), slide=7, ink="output", short="op", silent=0)
    in_channels = setting(Whole(1, most=MOST_CHANNELS))
    out_channels = setting(Whole(1, most=MOST_CHANNELS))
    groups = setting(Whole(1, most=MOST_CHANNELS))
    bias = setting(Whole(0, least=-999, most=999))
    image = setting(Choice([*IMAGES, OWN]), default=None)
    weights = setting(Choice([*KERNELS, OWN]))
    own_image = setting(Numbers())
    own_weights = setting(Numbers())
    heat = setting(
        traitlets.Bool(False),
        label="heat map",
        tooltip="colour each pixel by how often it is used: the inputs, or of a transposed one the outputs",
    )
    guess = setting(traitlets.Bool(False), label="guess first", tooltip="hide the output until its size is guessed")

    verdict: Verdict | None = None
    answer: Answer | None = None

    def __init__(self, *given: object, **settings: object) -> None:
        self._guessed = None
        super().__init__(*given, **settings)
        self.view.on_msg(self._edited)

    def _completed(self, settings: dict[str, object]) -> dict[str, object]:
        return settings if settings["image"] is not None else {**settings, "image": _suitable(settings["size"])}

    @property
    def kernel(self) -> Size:
        """Another name for kernel_size."""
        return self.kernel_size

    @kernel.setter
    def kernel(self, value: Size) -> None:
        self.kernel_size = value

    @property
    def kind(self) -> Kind:
        """What a layer of this kind does: `output_padding` counts for the transposed one alone."""
        return TRANSPOSED if self.transposed else CONV

    # ---- results ----

    @property
    def hidden(self) -> bool:
        """Whether the output waits behind a question."""
        return self.guess and self._guessed != self._axes()

    def code(self) -> str:
        """The line that makes this layer in PyTorch."""
        names = [name for name in USUAL if name in (*self.kind.settings, "groups")]
        given = [f", {name}={getattr(self, name)}" for name in names if getattr(self, name) != USUAL[name]]
        channels = f"{self.in_channels}, {self.out_channels}"
        return f"{self.kind.layer}({channels}, kernel_size={self.kernel_size}{''.join(given)})"

    def _sum(self, pin: Pair) -> str:
        return f"output ({pin[0]}, {pin[1]}) = {self.kind.written_out(self.conv, pin)}"

    def facts(self) -> list[tuple[str, str]]:
        """Shape and cost, with the numbers that make them; none while there is no output to see."""
        return [] if self.error or self.hidden else conv_facts(self.conv, self._channels())

    def __repr__(self) -> str:
        shown = self._letters(*self.along[1:]) + ["transposed"] * self.transposed
        result = short(self.out_shape, always=True) if self.out_shape else "no output"
        size = short(self.size, always=True)
        return f"ConvExplorer({size}, {', '.join(shown)} → {'?' if self.hidden else result})"

    # ---- what one can do ----

    def start_from(self, name: str) -> None:
        """Take over one of the settings in `presets.SETTINGS`."""
        if name not in SETTINGS:
            raise ValueError(f"there is no setting {name!r}; choose one of {', '.join(SETTINGS)}")
        self.preset = name

    def _named(self, preset: str) -> Mapping[str, object]:
        settings = super()._named(preset)
        return {**settings, "image": _suitable(settings["size"])}

    def _holds(self, settings: Mapping[str, object]) -> bool:
        own = {} if self.transposed else {"output_padding": self.output_padding}  # it says nothing of an ordinary layer
        return super()._holds({**settings, **own})

    def check(self, text: str) -> Verdict:
        """Judge a typed guess of the output size; a right one shows the output."""
        self.verdict = verdict(parse_guess(text), self._axes(), self.kind.rules)
        if self.verdict.right and self.hidden:
            self._guessed = self._axes()
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
        ours = None if self.error else [[value / conv.divisor for value in row] for row in conv.out]
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

    @property
    def along(self) -> Sequence[str]:
        """The settings that the layer's arithmetic takes along one axis."""
        return self.kind.settings

    def _rule(self, *axis: int) -> int:
        return self.kind.out_size(*axis)

    def _remedies(self, *axis: int) -> list[dict[str, int]]:
        return self.kind.remedies(*axis)

    def _limit(self, given: dict[str, Pair], out: Pair) -> str | None:
        met, bare = (given["size"], out) if self.transposed else (out, given["size"])
        padded = tuple(side + 2 * padding for side, padding in zip(bare, given["padding"], strict=True))
        return limits.too_large(given["kernel_size"], met, [met, padded])

    def _why_not(self) -> str | None:
        split = split_error(self.in_channels, self.out_channels, self.groups)
        return self._along_both() or split or self._too_large()

    def _compute(self) -> None:
        self.conv, self.answer = self._conv(), None

    def _conv(self) -> Conv:
        size, kernel_size = pair(self.size), pair(self.kernel_size)
        own = self.weights == OWN
        image = fit(self.own_image, size) if self.image == OWN else IMAGES[self.image](size)
        weights, divisor = (fit(self.own_weights, kernel_size), 1) if own else KERNELS[self.weights](kernel_size)
        settings = {name: pair(getattr(self, name)) for name in self.along[2:]}
        out = None
        if self.error is None:
            values = self.kind.values(image, weights, **settings)
            out = [[value + self.bias * divisor for value in row] for row in values] if self.bias else values
        rest = {"divisor": divisor, "bias": self.bias, "error": self.error, "weights_name": self.weights}
        return self.kind.numbers(image, weights, out, **settings, **rest)

    @property
    def _shown(self) -> Conv:
        return replace(self.conv, out=None, error=None) if self.hidden else self.conv

    def _drawn_with(self, **options: object) -> str:
        return self.kind.picture(self._shown, heat=self.heat, **options)

    def _picture(self) -> dict[str, object]:
        picture = super()._picture()
        error = None if self.hidden else self.error
        return {**picture, "formulas": self.kind.formulas, "error": error, "asked": self.hidden, "editable": True}

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
        self.sliders["output_padding"].layout.display = None if self.transposed else "none"
        for each in self.last_column:
            each.style.description_width = WIDER if self.transposed else LABEL_WIDTH

    def _offers(self) -> list[tuple[dict[str, Size], str]]:
        if self.hidden:
            return []
        if self.error and self._within({}):
            return [({"groups": 1}, "groups = 1")]
        return super()._offers()

    # ---- controls ----

    def _controls(self) -> widgets.Widget:
        slider = self.sliders = self._side_sliders()
        self.apart = HeightApart(self, self.sliders)
        self.preset_choice = PresetMenu(self, "choose …", "start from")
        self.switches = {name: toggle(self, name) for name in SWITCHES}
        image, weights = control(self, "image"), control(self, "weights")
        c_in, c_out, groups = (control(self, name) for name in ("in_channels", "out_channels", "groups"))
        stride, extra = slider["stride"], slider["output_padding"]
        self.last_column = [*stride.sliders, *extra.sliders, self.apart, self.preset_choice, groups]
        grid = columns(
            [
                [slider["size"], slider["padding"], image, c_in],
                [slider["kernel_size"], slider["dilation"], weights, c_out],
                [stride, extra, self.apart, self.preset_choice, groups],
            ]
        )
        panel = widgets.VBox([grid, widgets.HBox(list(self.switches.values()), layout={"margin": "4px 0 6px"})])
        self.question = Question(self.check)
        return widgets.VBox([panel, self.question])

    def _below(self) -> list[widgets.Widget]:
        self.asking = Ask(self.ask_torch, self.kind.layer)
        return [self.asking]


def _suitable(size: object) -> str:
    # Of a large input only the corners are drawn, and a shirt has nothing there.
    try:
        return "shirt" if max(pair(size)) <= LONGEST else "ramp"
    except TypeError:
        return "shirt"  # the size is refused in a moment, with a better sentence
