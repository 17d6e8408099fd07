"""A stack of layers and its receptive field: edit the layers, choose a unit, see what it sees of the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import ipywidgets as widgets
import traitlets

from cnnlab import shapes
from cnnlab.draw.svg import Picture
from cnnlab.explore.field.numbers import Chain, Step, Unit, sight
from cnnlab.explore.field.picture import field_picture
from cnnlab.explore.field.rows import LayerRows
from cnnlab.explore.field.stacks import STACKS, Layers, larger_input, torch_line
from cnnlab.explore.kit.base import Explorer, View, script, style
from cnnlab.explore.kit.controls import ROW, PresetMenu, control, edited
from cnnlab.explore.kit.presets import IMAGES
from cnnlab.explore.kit.settings import LONGEST_SIDE, Choice, Whole, setting

if TYPE_CHECKING:
    import numpy as np

LABELS = "60px"
MOST_OF = 0.9  # of the weight of an effective field, to say how wide it is
FINEST = 300  # pixels along a side of the image that is drawn, which is as wide in px


@dataclass(frozen=True, eq=False)
class Effective:
    """How much each input pixel moves one unit of a trained net, next to what the arithmetic says."""

    unit: Unit
    weights: np.ndarray  # (H, W) from 0 to 1
    words: str


@lru_cache(maxsize=8)
def _chain(size: int, layers: tuple[Step, ...]) -> Chain:
    return Chain(size, layers)


class FieldView(View):
    """The browser's side of a ReceptiveFieldExplorer."""

    _esm = script("field/view.js")
    _css = style("field/rows.css", "field/view.css")


class ReceptiveFieldExplorer(Explorer):
    """A stack of convolutions and poolings, and what a unit of any of its maps sees of the input.

    Each of `layers` is ("conv" or "pool", kernel, stride, padding, dilation) or the first few of these; a bare number
    or a tuple without a kind is a convolution. `error` says why a layer cannot exist, `failed` which.
    """

    view_class = FieldView
    presets: ClassVar = {name: {"size": size, "layers": layers} for name, (size, layers) in STACKS.items()}
    first = "VGG block"

    layers = setting(Layers(), positional=True, default=None)
    size = setting(Whole(28, most=LONGEST_SIDE), slide=(1, 64), positional=True, default=None)
    image = setting(Choice(IMAGES))
    effective = setting(traitlets.Instance(Effective, allow_none=True), asked=False)

    def __init__(self, *given: object, effective: object = None, **settings: object) -> None:
        super().__init__(*given, **settings)
        if effective is not None:
            self.show_effective(effective)

    # ---- results ----

    @property
    def chain(self) -> Chain:
        """Sizes, fields and reach of every map."""
        return _chain(self.size, self.layers)

    @property
    def error(self) -> str | None:
        """Why a layer cannot exist, in a sentence; None where all can."""
        return self.chain.error

    @property
    def failed(self) -> int | None:
        """The number of the layer that cannot exist, counted from 1."""
        return self.chain.failed

    @property
    def out_shape(self) -> tuple[int, int] | None:
        """Height and width of the last map; None where there is none."""
        return None if self.error else (self.chain.sizes[-1],) * 2

    @property
    def fields(self) -> list[shapes.Field]:
        """What a unit sees of the input, after each layer that exists."""
        return self.chain.fields[1:]

    @property
    def field(self) -> shapes.Field | None:
        """What a unit of the last map sees of the input; None where there is no last map."""
        return None if self.error else self.chain.fields[-1]

    def code(self) -> str:
        """The PyTorch that makes this stack, with one channel throughout."""
        lines = [f"    {torch_line(layer)},\n" for layer in self.layers]
        return f"nn.Sequential(\n{''.join(lines)})" if lines else "nn.Sequential()"

    def facts(self) -> list[tuple[str, str, str, str, str]]:
        """For each layer: name, size of its map, size of its field, jump, centre of its first unit's field."""
        rows = []
        for number, (layer, size, field) in enumerate(
            zip(self.layers, self.chain.sizes[1:], self.fields, strict=False), 1
        ):
            numbers = f"{field.size} × {field.size}", f"{field.jump:g}", _minus(f"{field.start:g}")
            rows.append((f"{number}. {layer.name}", f"{size} × {size}", *numbers))
        return rows

    def static(self, unit: tuple[int, int, int] | None = None) -> Picture:
        """The same picture without a browser's help, for GitHub and for print.

        `unit` is (layer, row, column), the layers counted from 1; without it the middle of the last map.
        """
        unit = self.chain.default_unit if unit is None else self._known(unit)
        lines = [sight(self.chain, unit)]
        lines += [self.effective.words] if self.effective and self.effective.unit == unit else []
        for name, size, field, jump, centre in self.facts():
            line = f"{name:<16}{size:>9}   field {field:>9}   jump {jump:>3}   centre {centre}"
            lines.append(line.replace(" ", "\u00a0"))  # spaces that SVG keeps
        return Picture(self._drawn_with(unit, caption=lines, still=True), repr(self))

    def show_effective(self, weights: object, layer: int | None = None, unit: tuple[int, int] | None = None) -> None:
        """Lay an effective field over the input: an array (size, size) of weights of 0 or more, one for each pixel.

        It belongs to `unit`, a (row, column) of `layer`; without these to the middle unit of the last layer.
        """
        import numpy as np  # whoever has weights of a trained net has it

        layer = len(self.chain.sizes) - 1 if layer is None else layer
        middle = (self.chain.sizes[layer] - 1) // 2 if 0 < layer < len(self.chain.sizes) else 0
        whole = self._known((layer, *(unit or (middle, middle))))
        array = np.asarray(weights, dtype=float)
        if array.shape != (self.size,) * 2 or not np.isfinite(array).all() or array.min() < 0 or array.max() == 0:
            raise ValueError(
                f"an effective field of shape {array.shape} does not fit; give {self.size} × {self.size} weights of 0"
                " or more, one of them above 0"
            )
        self._refuse_outside(array, whole)
        self.effective = Effective(whole, array / array.max(), self._effective_words(array, whole))

    def __repr__(self) -> str:
        count = len(self.layers)
        result = "no output" if self.error else f"field {self.field.size}, jump {self.field.jump:g}"
        return f"ReceptiveFieldExplorer({count} layer{'s' * (count != 1)}, {self.size}×{self.size} → {result})"

    # ---- from settings to the picture ----

    def _known(self, unit: Unit) -> Unit:
        number, *place = unit
        sizes = self.chain.sizes
        if not 0 < number < len(sizes) or len(place) != 2 or not all(0 <= p < sizes[number] for p in place):
            raise ValueError(
                f"unit={unit!r} is not in {self!r}; give (layer, row, column), the layer from 1 to {len(sizes) - 1},"
                " or leave it out"
            )
        return unit

    def _refuse_outside(self, array: np.ndarray, unit: Unit) -> None:
        import numpy as np

        seen = np.zeros(array.shape, bool)
        reach = self.chain.reach[unit[0]][0]
        rows, columns = (slice(max(first, 0), last + 1) for first, last in map(reach.at, unit[1:]))
        seen[rows, columns] = True
        if array[~seen].any():
            raise ValueError(
                f"the effective field reaches {np.count_nonzero(array[~seen])} px that unit {unit[1:]} of layer"
                f" {unit[0]} cannot see; give the layers of that model, and the unit it was computed for"
            )

    def _effective_words(self, array: np.ndarray, unit: Unit) -> str:
        import numpy as np

        reach = self.chain.reach[unit[0]][0]
        middles = [(sum(reach.at(index))) / 2 for index in unit[1:]]
        ranges = [abs(np.arange(self.size) - middle) for middle in middles]
        far = np.maximum(ranges[0][:, None], ranges[1][None, :]).ravel()
        order = np.argsort(far, kind="stable")
        share = np.cumsum(array.ravel()[order]) / array.sum()
        side = int(2 * far[order][np.searchsorted(share, MOST_OF)] + 1)
        full, most = reach.last - reach.first + 1, f"{100 * MOST_OF:.0f} %"
        return f"Effective field: {most} of its weight lies in the middle {side} × {side} of {full} × {full} px."

    def _drawn_with(self, unit: Unit | None = None, **options: object) -> str:
        image = IMAGES[self.image]((min(self.size, FINEST),) * 2)
        heat = (self.effective.unit, self.effective.weights.tolist()) if self.effective else None
        return field_picture(self.chain, image, unit, heat=heat, **options)

    def _picture(self) -> dict[str, object]:
        return {
            "svg": self._drawn_with(self.effective.unit if self.effective else None),
            "rows": self.facts(),
            "code": self.code(),
            "error": self.error,
            "title": repr(self),
            "effective": self.effective.words if self.effective else "",
        }

    def _offers(self) -> list[tuple[dict[str, object], str]]:
        if not self.error:
            return []
        index, layer = self.failed - 1, self.layers[self.failed - 1]
        offers = []
        for changes in _remedies(self.chain.sizes[-1], layer):
            stack = (*self.layers[:index], layer._replace(**changes), *self.layers[index + 1 :])
            label = ", ".join(f"{name} = {value}" for name, value in changes.items())
            offers.append(({"layers": stack}, f"layer {self.failed}: {label}"))
        larger = larger_input(self.chain)
        offers = offers[:2] + ([({"size": larger}, f"size = {larger}")] if larger else [])
        return [*offers, ({"layers": self.layers[:index] + self.layers[index + 1 :]}, f"remove layer {self.failed}")]

    @traitlets.observe("layers", "size")
    def _forget(self, change: object) -> None:
        self.effective = None  # it was of another net

    def _redraw(self, change: object = None) -> None:
        super()._redraw(change)
        self.rows.mark(self.failed)

    # ---- controls ----

    def _controls(self) -> widgets.Widget:
        self.refusal = widgets.HTML()
        self.rows = LayerRows(self._edited)
        self.preset_choice = PresetMenu(self, "own stack", label_width=LABELS)
        self.size_slider, self.image_choice = (control(self, name, LABELS) for name in ("size", "image"))
        self._show_state()
        self.observe(self._show_state, "layers")
        side = widgets.VBox([self.preset_choice, self.size_slider, self.image_choice], layout={"flex": "1 1 240px"})
        both = widgets.HBox([self.rows, side], layout=ROW).add_class("cnnlab-editor")
        return widgets.VBox([both, self.refusal])

    def _edited(self, layers: Sequence[object]) -> None:
        edited(self, {"layers": layers}, self.refusal, self._show_state)

    def _show_state(self, change: object = None) -> None:
        self.rows.show(self.layers)


def _remedies(size: int, layer: Step) -> list[dict[str, int]]:
    # A kernel of 0 has no nearest setting but 1; the sentence says so.
    low = {
        name: least
        for name, least in (("kernel", 1), ("stride", 1), ("padding", 0), ("dilation", 1))
        if getattr(layer, name) < least
    }
    if low:
        return [low]
    found = shapes.remedies(size, *layer[1:], pool=layer.kind == "pool")
    changes = [change for change in found if "size" not in change]
    return [{name.replace("kernel_size", "kernel"): value for name, value in change.items()} for change in changes]


def _minus(text: str) -> str:
    return text.replace("-", "−")
