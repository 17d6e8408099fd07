"""Two stacks of convolutions side by side: the same field, at what price?"""

from __future__ import annotations

from typing import ClassVar

import ipywidgets as widgets

from cnnlab import shapes
from cnnlab.draw.svg import Picture
from cnnlab.explore.compare.numbers import (
    PAIRS,
    Contribution,
    Part,
    Parts,
    contributions,
    cost_of,
    field_of,
    measures,
    name_of,
    ratio_of,
    side_of,
    told,
)
from cnnlab.explore.compare.picture import Measure, Side, compare_picture
from cnnlab.explore.field.rows import Form, LayerRows
from cnnlab.explore.kit.base import Explorer, View, script, style
from cnnlab.explore.kit.controls import ROW, PresetMenu, control, edited
from cnnlab.explore.kit.settings import Whole, setting

SIDES = ("left", "right")
ROWS = Form(
    Part,
    ("kernel",),
    {"conv": Part("conv", 3), "depthwise": Part("depthwise", 3)},
    choices={"kernel": (1, 3, 5, 7)},
    least=1,
    widths=("36px", "92px", "54px"),
)


class CompareView(View):
    """The browser's side of a CompareExplorer."""

    _esm = script("compare/view.js")
    _css = style("field/rows.css", "compare/view.css")


class CompareExplorer(Explorer):
    """Two stacks of convolutions on the same map, `channels` in and out; biases are left out, as before a batch norm.

    `left` and `right` are lists of kernels; ("depthwise", 3) gives every channel a kernel of its own. Pixels are named
    by their offset (row, column) from the unit that sees them.
    """

    view_class = CompareView
    presets: ClassVar = {name: dict(zip(SIDES, pair, strict=True)) for name, pair in PAIRS.items()}
    first = next(iter(PAIRS))

    left = setting(Parts(), positional=True, default=None)
    right = setting(Parts(), positional=True, default=None)
    channels = setting(Whole(64, most=10_000), slide=(1, 512), positional=True)
    size = setting(Whole(28, most=10_000), slide=(1, 112), positional=True)

    # ---- results ----

    def costs(self, side: str) -> shapes.Cost:
        """Parameters, multiply-accumulates and activation bytes of "left" or "right", for one image."""
        return cost_of(getattr(self, side), self.channels, self.size)

    def field(self, side: str) -> shapes.Field:
        """What a unit of "left" or "right" sees of the input."""
        return field_of(getattr(self, side))

    def ways(self, row: int, column: int) -> tuple[int, int]:
        """By how many combinations of taps the pixel at this offset reaches the left unit, and the right one."""
        return tuple(side.at(row, column) for side in self._sides)

    def story(self, row: int, column: int) -> str:
        """The same in words."""
        return f"pixel ({row}, {column}) ".replace("-", "−") + told(self._sides, self.ways(row, column))

    def contributions(self, side: str) -> list[Contribution]:
        """What each layer of "left" or "right" gives."""
        return contributions(getattr(self, side), side, self.channels, self.size)

    def facts(self) -> list[Measure]:
        """What is compared, each with both values, how these come about, and their ratio, right against left."""
        return measures((self.left, self.right), self.channels, self.size)

    def code(self) -> str:
        """Both stacks in PyTorch."""
        return "\n".join(f"{side} = {self._code_of(side)}" for side in ("left", "right"))

    def _code_of(self, side: str) -> str:
        c = self.channels
        lines = []
        for kind, kernel in getattr(self, side):
            padding = f", padding={kernel // 2}" if kernel > 1 else ""
            groups = f", groups={c}" if kind == "depthwise" else ""
            lines += [f"nn.Conv2d({c}, {c}, kernel_size={kernel}{padding}{groups}, bias=False)", "nn.ReLU()"]
        return "nn.Sequential(\n" + "".join(f"    {line},\n" for line in lines) + ")"

    def static(self, pixel: tuple[int, int] | None = None) -> Picture:
        """The same picture without a browser's help, for GitHub and for print; `pixel` is marked and told."""
        told = [f"{self.story(*pixel)}."] if pixel else []
        return Picture(self._as_svg(pixel=pixel, caption=[*told, self._said()], still=True), repr(self))

    def __repr__(self) -> str:
        names = f"{name_of(self.left)} | {name_of(self.right)}"
        ratio = ratio_of(self.costs("left").params, self.costs("right").params)
        return f"CompareExplorer({names}, {self.channels} channels, {self.size}×{self.size} → parameters {ratio})"

    # ---- from settings to the picture ----

    @property
    def _sides(self) -> tuple[Side, Side]:
        return side_of(self.left), side_of(self.right)

    def _as_svg(self, **options: object) -> str:
        return compare_picture(self._sides, self.facts(), **options)

    def _said(self) -> str:
        parts = [f"{m.name} {m.texts[0]} against {m.texts[1]}" for m in self.facts()]
        return f"{name_of(self.left)} against {name_of(self.right)} at C = {self.channels}: {'; '.join(parts)}."

    def _picture(self) -> dict[str, object]:
        codes = [self._code_of(side) for side in ("left", "right")]
        return {
            "svg": self._as_svg(),
            "codes": codes,
            "names": [name_of(self.left), name_of(self.right)],
            "workings": [[measure.name, *measure.workings] for measure in self.facts()],
            "layers": [[each._asdict() for each in self.contributions(side)] for side in SIDES],
            "title": self._said(),
        }

    # ---- controls ----

    def _controls(self) -> widgets.Widget:
        self.preset_choice = PresetMenu(self, "own pair", own_last=True)
        self.sliders = {name: control(self, name) for name in ("channels", "size")}
        self.rows = {
            side: LayerRows(lambda layers, side=side: self._edited({side: layers}), ROWS, side) for side in SIDES
        }
        self._show_state()
        self.observe(self._show_state, list(SIDES))
        controls = [self.preset_choice, *self.sliders.values()]
        first = widgets.VBox(controls, layout={"flex": "1 1 280px"})
        both = widgets.HBox([*self.rows.values()], layout={"flex": "0 1 auto", "flex_flow": "row wrap"})
        both.add_class("cnnlab-editor")
        self.refusal = widgets.HTML()
        return widgets.VBox([widgets.HBox([first, both], layout=ROW).add_class("cnnlab-editor"), self.refusal])

    def _edited(self, change: dict[str, object]) -> None:
        edited(self, change, self.refusal, self._show_state)

    def _show_state(self, change: object = None) -> None:
        for side, rows in self.rows.items():
            rows.show(getattr(self, side))
