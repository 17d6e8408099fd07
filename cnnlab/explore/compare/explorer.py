"""Two stacks of convolutions side by side: the same field, at what price?"""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets

from cnnlab import shapes
from cnnlab.draw.svg import Picture
from cnnlab.explore.compare.facts import (
    Contribution,
    contributions,
    cost_of,
    field_of,
    measures,
    ratio_of,
    side_of,
    told,
)
from cnnlab.explore.compare.pairs import PAIRS, Part, Parts, name_of, named
from cnnlab.explore.compare.picture import Measure, Side, compare_picture
from cnnlab.explore.field.rows import Form, LayerRows
from cnnlab.explore.kit.base import LABEL_WIDTH, Explorer, View, Whole, edited, script, style

OWN = "own pair"
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

    left = Parts()
    right = Parts()
    channels = Whole(64, most=10_000)
    size = Whole(28, most=10_000)

    def __init__(
        self,
        left: Sequence[object] | None = None,
        right: Sequence[object] | None = None,
        channels: int = 64,
        size: int = 28,
        *,
        preset: str = "5×5 vs two 3×3",
    ) -> None:
        usual = named(preset)
        super().__init__(
            left=usual[0] if left is None else left,
            right=usual[1] if right is None else right,
            channels=channels,
            size=size,
        )

    # ---- results ----

    @property
    def preset(self) -> str | None:
        """The name of this pair, if it has one. Assign a name to load it."""
        return next((name for name, pair in PAIRS.items() if pair == (self.left, self.right)), None)

    @preset.setter
    def preset(self, name: str) -> None:
        left, right = named(name)
        self._apply({"left": left, "right": right})

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
        style = {"description_width": LABEL_WIDTH}
        self.preset_choice = widgets.Dropdown(options=[*PAIRS, OWN], description="preset", style=style)
        self.sliders = {
            name: widgets.IntSlider(min=1, max=max(most, getattr(self, name)), description=name, style=style)
            for name, most in (("channels", 512), ("size", 112))
        }
        self.rows = {
            side: LayerRows(lambda layers, side=side: self._edited({side: layers}), ROWS, side) for side in SIDES
        }
        self._show_state()
        self.preset_choice.observe(self._chosen, "value")
        for name, slider in self.sliders.items():
            slider.observe(lambda change, name=name: self._apply({name: change["new"]}), "value")
        self.observe(self._show_state, self._names)
        controls = [self.preset_choice, *self.sliders.values()]
        for control in controls:
            control.layout.width = "auto"
        first = widgets.VBox(controls, layout={"flex": "1 1 280px"})
        both = widgets.HBox([*self.rows.values()], layout={"flex": "0 1 auto", "flex_flow": "row wrap"})
        both.add_class("cnnlab-editor")
        layout = {"flex_flow": "row wrap", "max_width": "900px"}
        self.refusal = widgets.HTML()
        return widgets.VBox([widgets.HBox([first, both], layout=layout).add_class("cnnlab-editor"), self.refusal])

    def _edited(self, change: dict[str, object]) -> None:
        edited(self, change, self.refusal, self._show_state)

    def _chosen(self, change: dict[str, object]) -> None:
        if change["new"] != OWN:
            self.preset = change["new"]

    def _show_state(self, change: object = None) -> None:
        self.preset_choice.value = self.preset or OWN
        for side, rows in self.rows.items():
            rows.show(getattr(self, side))
        for name, slider in self.sliders.items():
            slider.max = max(slider.max, getattr(self, name))
            slider.value = getattr(self, name)
