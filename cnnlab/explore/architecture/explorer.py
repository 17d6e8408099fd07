"""A whole network: every layer with shape, cost and field; other sizes, other widths, another layer in place of one."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from typing import Any

import ipywidgets as widgets
import traitlets

from cnnlab.draw import network
from cnnlab.draw.svg import Picture, clean, escaped
from cnnlab.explore.architecture import sketch
from cnnlab.explore.architecture.changes import Changes, mended
from cnnlab.explore.architecture.outline import lines, tree, usual
from cnnlab.explore.architecture.picture import architecture_picture
from cnnlab.explore.kit.base import Explorer
from cnnlab.explore.kit.controls import LABEL_WIDTH, ROW, WIDE, control
from cnnlab.explore.kit.settings import LARGEST, Real, Whole, said, setting
from cnnlab.explore.kit.told import ToldView
from cnnlab.shapes.sizes import whole

STYLE = {"description_width": LABEL_WIDTH}
MOST = {"kernel_size": 11, "stride": 5, "padding": 5}
COUNTS = ("out_channels", "out_features")
CONTROLLED = {*MOST, *COUNTS}
HINT = "Point at a line or a block. Click, or Enter: open or fold a block, choose a layer to change."
WIDEST = 16  # times the channels of the paper; a VGG-11 has some 10¹⁰ parameters then
SIZES = (28, 32, 64, 96, 128, 224, 299)  # tried, when an image is too small


class ArchitectureView(ToldView):
    """The browser's side of an ArchitectureExplorer: tells of a line, and says which was pressed."""

    pressed = traitlets.Dict().tag(sync=True)


class ArchitectureExplorer(Explorer):
    """A model of the course by its name, or any nn.Module, with every layer's shape, cost and receptive field.

    size: side of the image in pixels. A model by name is built for the first size it is shown at, or for a usual one
    where it cannot be that small, and `build_for(size)` builds it for another. width: of a model by name, as a factor
    of its channels. changes: settings of single layers. in_channels: None takes what the layer wants that reads the
    input first. unfolded: keys of the lines that are open. The model itself is never run nor changed. `error` says
    which layer refuses what, `failed` which.
    """

    view_class = ArchitectureView

    size = setting(Whole(28), slide=(8, 256), label="size, px", positional=True, default=None)
    built = setting(Whole(28), asked=False)
    width = setting(
        Real(1.0, 0, WIDEST, f"a factor of the channels above 0 and of at most {WIDEST}, such as 0.5", above=True)
    )
    changes = setting(Changes(), default=None)
    unfolded = setting(traitlets.Tuple(allow_none=True), default=None)
    layer = setting(traitlets.Unicode(""), asked=False)

    def __init__(self, model: Any, *given: object, in_channels: int | None = None, **settings: object) -> None:
        self.named = model if isinstance(model, str) else None
        self.in_channels = in_channels if in_channels is None else whole("in_channels", in_channels)
        self._traces: dict[tuple, Any] = {}
        if self.named is None:
            self.given, self.has_width = sketch.copied(model), False
            self.title = type(self.given).__name__
            self._device = next((p.device for p in model.parameters() if p.device.type not in ("cpu", "meta")), None)
        else:
            self._look_up()
        super().__init__(*given, **settings)

    def _completed(self, settings: dict[str, Any]) -> dict[str, Any]:
        size = settings["size"]
        self.size = 28 if size is None else size
        self._start(settings["width"], size is None)  # before the rest, which is checked against the layers
        known = {"size": self.size, "built": self.built, "width": self.width, "layer": next(iter(self.choices), "")}
        return {**settings, **known, "changes": settings["changes"] or {}}

    def _look_up(self) -> None:
        from cnnlab import models

        if self.named not in models.MODELS:
            raise ValueError(f"model {self.named!r} is not one of {', '.join(models.MODELS)}; or pass an nn.Module")
        self.given, self.title, self.has_width, self._device = None, self.named, sketch.has_width(self.named), None
        self._models = lru_cache(maxsize=8)(self._build)
        self._refused = lru_cache(maxsize=64)(self._try)

    def _start(self, width: float, free: bool) -> None:
        """Build the network for the image's size, or for a usual one where there is none of that size."""
        if self.named is None:
            self.built, self.width = self.size, width
            self.in_channels, self._axes = sketch.input_of(self.given, self.size, self.in_channels)
            return
        taken, self._axes = sketch.signature(self.named), 2
        usual = taken["image_size"].default
        self.in_channels = self.in_channels or taken["in_channels"].default
        sizes = (size for size in (self.size, usual, *SIZES) if size >= self.size)
        self.built = next((size for size in sizes if not self._refused(size, 1.0)), usual)
        self.width = width
        self.size = self.built if free else self.size

    def _build(self, built: int, width: float) -> Any:
        given = {"width": width} if self.has_width else {}
        return sketch.named_model(self.named, built, in_channels=self.in_channels, **given)

    def _try(self, built: int, width: float) -> str:
        """Why a model of the course cannot be built so; empty where it can."""
        try:
            self._models(built, width)
        except Exception as error:
            return f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else str(error)
        return ""

    @traitlets.validate("built", "width")
    def _can_be_built(self, proposal: dict[str, Any]) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        if name == "width" and value != 1 and not self.has_width:
            raise traitlets.TraitError(
                f"width={value:g} is for models of the course that have one, and {self.title} has none; leave it at 1"
            )
        if self.named is not None:
            refused = self._refused(**{"built": self.built, "width": self.width, name: value})
            if refused:
                raise traitlets.TraitError(refused)
        return value

    @traitlets.validate("layer")
    def _can_be_chosen(self, proposal: dict[str, Any]) -> str:
        choices = self.choices
        if proposal["value"] not in (choices or [""]):
            way = f"choose one of {', '.join(choices[:3])} …" if choices else "this network has none"
            raise traitlets.TraitError(f"layer={said(proposal['value'])} is none that can be changed here; {way}")
        return proposal["value"]

    # ---- results ----

    @property
    def model(self) -> Any:
        """The structure that is traced, on the meta device and without the changes."""
        return self._model(self.built)

    def _model(self, built: int) -> Any:
        return self.given if self.named is None else self._models(built, self.width)

    @property
    def layers(self) -> dict[str, dict[str, int]]:
        """The layers that can be changed with their settings before any change."""
        return sketch.editable(self.model)

    @property
    def choices(self) -> list[str]:
        """The layers that the controls can change, by name."""
        return [name for name, settings in self.layers.items() if not CONTROLLED.isdisjoint(settings)]

    @property
    def trace(self) -> Any:
        """The cnnlab.trace.Trace of what is shown."""
        return self._traced(self.changes)

    def _traced(self, changes: dict[str, dict[str, int]], size: int | None = None, built: int | None = None) -> Any:
        """Of other changes, or at another size, or of the model built for another."""
        return self._run(changes, size or self.size, built or self.built)[0]

    def _run(self, changes: dict[str, dict[str, int]], size: int, built: int) -> tuple[Any, tuple[int, ...] | None]:
        """A trace and the output's shape; the last few are remembered."""
        key = (built, self.width, size, repr(changes))
        if key not in self._traces:
            if len(self._traces) > 32:
                self._traces.clear()
            self._traces[key] = sketch.traced(self._model(built), changes, self._shape(size))
        return self._traces[key]

    def _shape(self, size: int) -> tuple[int, ...]:
        return sketch.input_shape(self.in_channels, self._axes, size)

    @property
    def rows(self) -> tuple[Any, ...]:
        """The trace's rows, up to a layer that refuses its input."""
        return self.trace.rows

    @property
    def error(self) -> str | None:
        """Which layer refuses what and why, in a sentence; None where all is well."""
        return self.trace.failure

    @property
    def failed(self) -> str | None:
        """The name of the layer that refuses its input."""
        return self.rows[-1].name if self.error and self.rows else None

    @property
    def params(self) -> int:
        return self.trace.params

    @property
    def macs(self) -> int:
        return self.trace.macs

    @property
    def out_shape(self) -> tuple[int, ...] | None:
        """Shape of the output for one image; None where there is none."""
        return self._run(self.changes, self.size, self.built)[1]

    @property
    def lines(self) -> list[Any]:
        """What the picture shows, line by line."""
        rows = [*self.rows, *self._after()]
        nodes = tree(rows)
        opened = usual(nodes) if self.unfolded is None else self.unfolded
        kinds = {name: type(module).__name__ for name, module in self.model.named_modules() if any(module.children())}
        failed = self.failed or "" if self.error else None
        return lines(nodes, opened, self.size, self.trace.joins, kinds, failed)

    def _after(self) -> list[Any]:
        """The layers that a refusal leaves out, in the order in which they are registered."""
        if not self.error:
            return []
        from cnnlab.trace import Row

        leaves = ((name, module) for name, module in self.model.named_modules() if not any(module.children()))
        seen = {row.name for row in self.rows}
        return [
            Row(name or sketch.WHOLE, type(module).__name__, name.count(".") + 1, None, None, 0, 0, 0, None, None)
            for name, module in leaves
            if (name or sketch.WHOLE) not in seen
        ]

    def build_for(self, size: int) -> None:
        """Show a model by name as built for images of `size`, its dense layers as wide as it takes."""
        if self.named is None:
            raise ValueError(
                f"build_for({size!r}) is for models of the course, and {self.title} was passed; set `size`, or pass one"
                " that is built for it"
            )
        self._apply({"built": size, "size": size, "changes": {}})

    def fold(self, key: str) -> None:
        """Open the line with that key, or close it."""
        opened = usual(tree(self.rows)) if self.unfolded is None else self.unfolded
        self.unfolded = tuple(k for k in opened if k != key) if key in opened else (*opened, key)

    def code(self) -> str:
        """The PyTorch that makes what is shown; a module of your own is called `model` in it."""
        changes = [line for change in self.changes.items() for line in sketch.code(self.model, *change)]
        if self._device is not None and changes:
            changes.append(f'model.to("{self._device}")')
        body = [self._made(), *changes]
        needed = {"torch.": "import torch", "nn.": "from torch import nn", "models.": "from cnnlab import models"}
        made = "\n".join(line for line in body if not line.startswith("#"))
        imports = [line for name, line in needed.items() if re.search(rf"\b{re.escape(name)}", made)]
        return "\n".join([*imports, *([""] if imports else []), *body])

    def _made(self) -> str:
        if self.named is None:
            return f"# model is the {self.title} that was passed"
        given = {"image_size": self.built, "in_channels": self.in_channels, "width": self.width}
        usual = {"in_channels": sketch.signature(self.named)["in_channels"].default, "width": 1}
        words = "".join(f", {name}={value!r}" for name, value in given.items() if value != usual.get(name))
        return f'model = models.build("{self.named}"{words})'

    def static(self) -> Picture:
        """The same picture without a browser's help, for GitHub and for print."""
        return Picture(self._drawn_with(still=True), repr(self))

    def __repr__(self) -> str:
        shown = "×".join(map(str, self._shape(self.size)[1:]))
        # How many parameters there are is known where all layers ran, and not before.
        at = self.failed or "the input"
        result = f"no output, stopped at {at}" if self.error else f"{self._result()}; {self.params:,} parameters"
        return clean(f"ArchitectureExplorer({self.title}, {shown} → {result})")

    def _result(self) -> str:
        if self.out_shape is None:
            return "no tensor"
        return "×".join(map(str, self.out_shape[1:] or self.out_shape)) or "one number"

    # ---- from settings to the picture ----

    def _drawn_with(self, **options: object) -> str:
        chosen = self.layer if self.changes.get(self.layer) or not options.get("still") else ""
        shape = self._shape(self.size)
        return architecture_picture(self.lines, repr(self), shape, chosen=chosen, error=self.error, **options)

    def _picture(self) -> dict[str, object]:
        state = {"title": repr(self), "error": self.error, "code": self.code(), "hint": HINT}
        return {"svg": self._drawn_with(), **state}

    def _offers(self) -> list[tuple[dict[str, object], str]]:
        if not self.error:
            return []
        found = islice(mended(self._traced, self.changes, self.layers), 2)
        offers: list[tuple[dict[str, object], str]] = [({"changes": changes}, label) for changes, label in found]
        if self.changes and not self._traced({}).failure:
            offers.append(({"changes": {}}, "undo all changes"))
        other = self.named and self.built != self.size and not self._refused(self.size, self.width)
        if other and not self._traced({}, built=self.size).failure:
            offers.append(({"built": self.size, "changes": {}}, f"build it for {self.size} px"))
        if len(offers) < 3 and (size := self._working_size(self.changes)):
            offers.append(({"size": size}, f"size = {size}"))
        if not offers and self.changes and (size := self._working_size({})):
            offers.append(({"size": size, "changes": {}}, f"undo all changes, size = {size}"))
        return offers

    def _working_size(self, changes: dict[str, dict[str, int]]) -> int | None:
        """A size that the network takes: what its linear layer asks for, the nearest larger usual one, or a smaller."""
        if self._axes == 0:
            return None
        # Networks that halve their maps and join them again want a multiple of some power of 2.
        sizes = {*SIZES, self.built, *(self.size - self.size % power + power for power in (2, 8, 32))}
        sized: list[int] = []
        last = self.rows[-1] if self.rows else None
        if last and last.in_shape and (features := self.layers.get(last.name, {}).get("in_features")):
            # The numbers that are left of an image grow with its area.
            about = round(self.size * (features / last.in_shape[-1]) ** (1 / self._axes))
            sized = [about + step for step in (0, 1, -1, 2, -2) if 0 < about + step <= LARGEST]
        larger = sorted(size for size in sizes if size > self.size)
        smaller = sorted((size for size in sizes if size < self.size), reverse=True)
        return next((size for size in (*sized, *larger, *smaller) if not self._traced(changes, size).failure), None)

    @traitlets.observe("built", "width")
    def _forget(self, change: object) -> None:
        if not self.changes.keys() <= self.layers.keys():
            self.changes = {}

    # ---- controls ----

    def _controls(self) -> widgets.Widget:
        self.size_slider = control(self, "size")
        self.size_slider.layout.display = None if self._axes else "none"  # a vector has channels alone
        column = [self.size_slider]
        if self.has_width:
            self.width_choice = widgets.Dropdown(description="width", style=STYLE, layout=WIDE)
            self._showing = False
            self._show_width()
            self.width_choice.observe(self._width_chosen, "value")
            self.observe(self._show_width, "width")
            column.append(self.width_choice)
        self.reset = widgets.Button(description="undo all changes", layout=WIDE)
        self.reset.on_click(lambda _: self._apply({"changes": {}}))
        self.form = LayerForm(self)
        self.view.observe(self._pressed, "pressed")
        column.append(self.reset)
        boxes = [widgets.VBox(column, layout={"flex": "1 1 280px"}), self.form]
        return widgets.HBox(boxes, layout={**ROW, "grid_gap": "0 24px"})

    def _show_width(self, change: object = None) -> None:
        """Code may ask for a width that is not among the usual ones."""
        self._showing = True  # new options first choose one of their own
        self.width_choice.options = [(_share(width), width) for width in sorted({*sketch.WIDTHS, self.width})]
        self.width_choice.value = self.width
        self._showing = False

    def _width_chosen(self, change: dict[str, float]) -> None:
        if not self._showing:
            self.width = change["new"]

    def _tidy(self) -> None:
        self.reset.disabled = not self.changes
        self.form.show()

    def _pressed(self, change: dict[str, Any]) -> None:
        pressed = change["new"]
        if pressed.get("fold"):
            self.fold(pressed["key"])
        elif pressed.get("path") in self.choices:
            self.layer = pressed["path"]

    def story(self, number: int) -> str:
        """A line of the picture in words, counted from 0."""
        return network.said(self.lines[number])


def _share(width: float) -> str:
    """A width as a fraction where it is one.
    >>> _share(0.125), _share(0.375), _share(2.0)
    ('1/8', '0.375', '2')
    """
    parts = round(1 / width)
    return f"1/{parts}" if 1 < parts < 100 and 1 / parts == width else f"{width:g}"


# ---- the controls for one layer --------------------------------------------------------------------------------------


class LayerForm(widgets.VBox):
    """All controls there can be, made once; those that the chosen layer does not have are hidden."""

    def __init__(self, explorer: Any) -> None:
        self.explorer, self._showing = explorer, False
        self.choice = widgets.Dropdown(description="layer", style=STYLE, layout=WIDE)
        self.controls = {
            name: widgets.IntSlider(min=sketch.LEAST.get(name, 1), max=most, description=name, style=STYLE, layout=WIDE)
            for name, most in MOST.items()
        }
        for name in COUNTS:
            self.controls[name] = widgets.BoundedIntText(1, min=1, max=8192, description=name, style=STYLE, layout=WIDE)
        self.note = widgets.HTML()
        super().__init__([self.choice, *self.controls.values(), self.note], layout={"flex": "1 1 280px"})
        self.show()
        traitlets.link((explorer, "layer"), (self.choice, "value"))
        for name, each in self.controls.items():
            each.observe(lambda change, name=name: self._moved(name, change["new"]), "value")

    def show(self) -> None:
        """Bring the controls to the chosen layer and its settings."""
        layers = self.explorer.layers
        self._showing = True
        names = self.explorer.choices or [("none can be changed", "")]
        if list(self.choice.options) != names:
            self.choice.options = names
        settings = {**layers.get(self.explorer.layer, {}), **self.explorer.changes.get(self.explorer.layer, {})}
        for name, each in self.controls.items():
            each.layout.display = None if name in settings else "none"
            if name in settings and each.value != settings[name]:
                each.max = max(each.max, settings[name])
                each.value = settings[name]
        changed = [
            f"{name}: {', '.join(f'{k} = {v}' for k, v in s.items())}" for name, s in self.explorer.changes.items()
        ]
        words = escaped("; ".join(changed))  # the names of layers are whatever their owner called them
        self.note.value = f'<span class="cnnlab-says">changed: {words}</span>' if changed else ""
        self._showing = False

    def _moved(self, name: str, value: int) -> None:
        layer = self.explorer.layer
        if self._showing or name not in self.explorer.layers.get(layer, {}):
            return
        changes = self.explorer.changes
        self.explorer.changes = {**changes, layer: {**changes.get(layer, {}), name: value}}
