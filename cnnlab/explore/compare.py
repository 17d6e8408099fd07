"""Two stacks of convolutions side by side: the same field, at what price?"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import ipywidgets as widgets
import numpy as np
import traitlets

from cnnlab import shapes
from cnnlab.draw.compare import Measure, Side, compare_picture
from cnnlab.draw.svg import Picture
from cnnlab.explore.base import HERE, LABEL_WIDTH, Explorer, View, Whole

KINDS = ("conv", "depthwise")
COUNTS = {1: "", 2: "two ", 3: "three ", 4: "four ", 5: "five "}
OWN = "own pair"


class Part(NamedTuple):
    """A convolution from C channels to C, its map as large as its input; "depthwise" gives every channel its own."""

    kind: str
    kernel: int

    @property
    def name(self) -> str:
        """Kernel, after its kind where that is not the usual."""
        return f"{'depthwise ' * (self.kind == 'depthwise')}{self.kernel}×{self.kernel}"

    @property
    def said(self) -> str:
        """Kind and kernel."""
        return f"{self.kind} {self.kernel}×{self.kernel}"


PAIRS: dict[str, tuple[tuple[Part, ...], tuple[Part, ...]]] = {
    "5×5 vs two 3×3": ((Part("conv", 5),), (Part("conv", 3),) * 2),
    "7×7 vs three 3×3": ((Part("conv", 7),), (Part("conv", 3),) * 3),
    "standard vs depthwise separable": ((Part("conv", 3),), (Part("depthwise", 3), Part("conv", 1))),
}


class Parts(traitlets.TraitType):
    """A few convolutions, each a kernel or (kind, kernel)."""

    default_value = (Part("conv", 3),)

    def validate(self, owner: traitlets.HasTraits, value: object) -> tuple[Part, ...]:
        try:
            parts = tuple(_part(each) for each in value)
        except (TypeError, ValueError):
            parts = ()
        if not parts:
            raise traitlets.TraitError(
                f'{self.name}={value!r} is no stack; give odd kernels, such as [3, 3] or [("depthwise", 3), 1]'
            )
        return parts


def _part(value: object) -> Part:
    kind, kernel = value if isinstance(value, tuple | list) else ("conv", value)
    # An even kernel cannot keep the size of its map by the same padding on both sides.
    if kind not in KINDS or isinstance(kernel, bool) or operator.index(kernel) < 1 or kernel % 2 == 0:
        raise ValueError
    return Part(kind, operator.index(kernel))


class CompareView(View):
    """The browser's side of a CompareExplorer."""

    _esm = (HERE / "compare.js").read_text(encoding="utf-8")
    _css = View._css + (HERE / "compare.css").read_text(encoding="utf-8")


class CompareExplorer(Explorer):
    """Two stacks of convolutions on the same map, `channels` in and out; biases are left out, as before a batch norm.

    `left` and `right` are lists of kernels; ("depthwise", 3) gives every channel a kernel of its own.
    """

    view_class = CompareView

    left = Parts()
    right = Parts()
    channels = Whole(64)
    size = Whole(28)

    def __init__(
        self,
        left: Sequence[object] | None = None,
        right: Sequence[object] | None = None,
        channels: int = 64,
        size: int = 28,
        *,
        preset: str = "5×5 vs two 3×3",
    ) -> None:
        usual = _preset(preset)
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
        left, right = _preset(name)
        self._apply({"left": left, "right": right})

    def costs(self, side: str) -> shapes.Cost:
        """Parameters, multiply-accumulates and activation bytes of "left" or "right", for one image."""
        found = [self._cost(part) for part in getattr(self, side)]
        return shapes.Cost(*(sum(values) for values in zip(*map(_numbers, found), strict=True)))

    def _cost(self, part: Part) -> shapes.Cost:
        groups = self.channels if part.kind == "depthwise" else 1
        return shapes.conv_cost(self.channels, self.channels, part.kernel, self.size, groups, bias=False)

    def field(self, side: str) -> shapes.Field:
        """What a unit of "left" or "right" sees of the input."""
        return shapes.receptive_field([(part.kernel, 1, part.kernel // 2) for part in getattr(self, side)])

    def facts(self) -> list[Measure]:
        """What is compared, each with both values and their ratio, right against left."""
        left, right = self.costs("left"), self.costs("right")
        fields = [self.field(side).size for side in ("left", "right")]
        texts = tuple(
            f"{formula} = {cost.params:,}" for formula, cost in zip(self._formulas(), (left, right), strict=True)
        )
        verdict = f"{self._formulas()[1]} against {self._formulas()[0]}: {_ratio(left.params, right.params)}"
        return [
            _measure("receptive field", *fields, unit=" px"),
            Measure("parameters", (left.params, right.params), texts, verdict),
            _measure("MACs", left.macs, right.macs),
            _measure("non-linearities", len(self.left), len(self.right)),
            _measure("activation bytes", left.activation_bytes, right.activation_bytes),
        ]

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

    def static(self) -> Picture:
        """The same picture without a browser's help, for GitHub and for print."""
        return Picture(self._as_svg(caption=[self._said()], still=True), repr(self))

    def __repr__(self) -> str:
        names = f"{_name(self.left)} | {_name(self.right)}"
        ratio = _ratio(self.costs("left").params, self.costs("right").params)
        return f"CompareExplorer({names}, {self.channels} channels, {self.size}×{self.size} → parameters {ratio})"

    # ---- from settings to the picture ----

    def _formulas(self) -> list[str]:
        found = []
        for parts in (self.left, self.right):
            full = sum(part.kernel**2 for part in parts if part.kind == "conv")
            own = sum(part.kernel**2 for part in parts if part.kind == "depthwise")
            terms = [f"{number}·{power}".removeprefix("1·") for number, power in ((full, "C²"), (own, "C")) if number]
            found.append(" + ".join(terms))
        return found

    def _side(self, parts: tuple[Part, ...]) -> Side:
        line = np.ones(1, int)
        for part in parts:
            line = np.convolve(line, np.ones(part.kernel, int))
        words = [line for part in parts for line in (part.said, "ReLU")]
        return Side(_name(parts), tuple(words), tuple(map(tuple, np.outer(line, line).tolist())))

    def _as_svg(self, **options: object) -> str:
        return compare_picture((self._side(self.left), self._side(self.right)), self.facts(), **options)

    def _said(self) -> str:
        parts = [f"{m.name} {m.texts[0]} against {m.texts[1]}" for m in self.facts()]
        return f"{_name(self.left)} against {_name(self.right)} at C = {self.channels}: {'; '.join(parts)}."

    def _picture(self) -> dict[str, object]:
        codes = [self._code_of(side) for side in ("left", "right")]
        return {
            "svg": self._as_svg(),
            "codes": codes,
            "names": [_name(self.left), _name(self.right)],
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
        self._show_state()
        self.preset_choice.observe(self._chosen, "value")
        for name, slider in self.sliders.items():
            slider.observe(lambda change, name=name: self._apply({name: change["new"]}), "value")
        self.observe(self._show_state, self._names)
        rows = [self.preset_choice, *self.sliders.values()]
        for row in rows:
            row.layout.width = "auto"
        return widgets.VBox(rows, layout={"max_width": "520px"})

    def _chosen(self, change: dict[str, object]) -> None:
        if change["new"] != OWN:
            self.preset = change["new"]

    def _show_state(self, change: object = None) -> None:
        self.preset_choice.value = self.preset or OWN
        for name, slider in self.sliders.items():
            slider.max = max(slider.max, getattr(self, name))
            slider.value = getattr(self, name)


def _preset(name: str) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    if name not in PAIRS:
        raise ValueError(f"preset={name!r} is unknown; choose one of {', '.join(PAIRS)}")
    return PAIRS[name]


def _name(parts: tuple[Part, ...]) -> str:
    runs = [(part, len(list(run))) for part, run in groupby(parts)]
    return " + ".join(f"{COUNTS.get(count, f'{count} ')}{part.name}" for part, count in runs)


def _numbers(cost: shapes.Cost) -> tuple[int, int, int]:
    return cost.params, cost.macs, cost.activation_bytes


def _ratio(left: int, right: int) -> str:
    text = f"{right / left:.2f}" if right * 100 >= left else f"{right / left:.2g}"
    return f"{text.rstrip('0').rstrip('.')}×" if "." in text else f"{text}×"


def _measure(name: str, left: int, right: int, unit: str = "") -> Measure:
    verdict = "the same" if left == right else _ratio(left, right)
    return Measure(name, (left, right), (f"{left:,}{unit}", f"{right:,}{unit}"), verdict)
