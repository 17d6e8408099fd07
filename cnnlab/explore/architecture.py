"""A whole network: every layer with shape, cost and field; other sizes, other widths, another layer in place of one."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import ipywidgets as widgets
import traitlets

from cnnlab.draw.architecture import architecture_picture
from cnnlab.draw.network import said, shape_words
from cnnlab.draw.svg import Picture
from cnnlab.explore import sketch
from cnnlab.explore.base import LABEL_WIDTH, Explorer, Whole
from cnnlab.explore.changes import Changes
from cnnlab.explore.layer_form import LayerForm
from cnnlab.explore.mending import follow, refit
from cnnlab.explore.outline import lines, tree, usual
from cnnlab.explore.told import ToldView, reach

WIDE = {"width": "auto"}
STYLE = {"description_width": LABEL_WIDTH}
HINT = "Point at a line or a block. Click, or Enter: open or fold a block, choose a layer to change."
SIZES = (28, 32, 64, 96, 128, 224, 299)  # tried, when an image is too small


class ArchitectureView(ToldView):
    """The browser's side of an ArchitectureExplorer: tells of a line, and says which was pressed."""

    pressed = traitlets.Dict().tag(sync=True)


class ArchitectureExplorer(Explorer):
    """A model of the course by its name, or any nn.Module, with every layer's shape, cost and receptive field.

    size: side of the image in pixels. A model by name is built for the first size it is shown at, and `build_for(size)`
    builds it for another. width: of a model by name, as a factor of its channels. changes: settings of single layers.
    unfolded: keys of the lines that are open. The model itself is never run nor changed. `error` says which layer
    refuses what, `failed` which.
    """

    view_class = ArchitectureView

    size = Whole(28)
    width = traitlets.Float(1.0)
    built = Whole(28)
    changes = Changes()
    unfolded = traitlets.Tuple(allow_none=True)
    layer = traitlets.Unicode("")

    def __init__(
        self,
        model: Any,
        size: int | None = None,
        *,
        in_channels: int | None = None,
        width: float = 1.0,
        changes: dict[str, dict[str, int]] | None = None,
        unfolded: tuple[str, ...] | None = None,
    ) -> None:
        size = size or 28
        self.named = model if isinstance(model, str) else None
        self.given = None if self.named else sketch.copied(model)
        self.title = self.named or type(model).__name__
        self._traces: dict[tuple, Any] = {}
        self._models = lru_cache(maxsize=8)(lambda built, width: sketch.named_model(self.named, built, width))
        self.in_channels = in_channels or 1
        self._check_named(width)
        self.built, self.width = size, width  # before the rest, which is checked against the layers
        if in_channels is None:
            self.in_channels = _first_channels(self.model)
        super().__init__(
            size=size,
            built=size,
            width=width,
            changes=changes or {},
            unfolded=unfolded,
            layer=next(iter(self.layers), ""),
        )

    def _check_named(self, width: float) -> None:
        if self.named is None:
            self.has_width = False
        else:
            from cnnlab import models

            if self.named not in models.MODELS:
                raise ValueError(f"model {self.named!r} is not one of {', '.join(models.MODELS)}; or pass an nn.Module")
            self.has_width = sketch.has_width(self.named)
        if width != 1 and not self.has_width:
            raise ValueError(
                f"width={width:g} is for models of the course that have one, and {self.title} has none; leave it out"
            )

    # ---- results ----

    @property
    def model(self) -> Any:
        """The structure that is traced, on the meta device and without the changes."""
        return self._model(self.built)

    def _model(self, built: int) -> Any:
        return self.given if self.named is None else self._models(built, self.width if self.has_width else None)

    @property
    def layers(self) -> dict[str, dict[str, int]]:
        """The layers that can be changed with their settings before any change."""
        return sketch.editable(self.model)

    @property
    def trace(self) -> Any:
        """The cnnlab.trace.Trace of what is shown."""
        return self._traced(self.changes)

    def _traced(self, changes: dict[str, dict[str, int]], size: int | None = None, built: int | None = None) -> Any:
        """Of other changes, or at another size, or of the model built for another; the last few are remembered."""
        size, built = size or self.size, built or self.built
        key = (built, self.width, size, repr(changes))
        if key not in self._traces:
            if len(self._traces) > 16:
                self._traces.clear()
            self._traces[key] = sketch.traced(self._model(built), changes, (1, self.in_channels, size, size))
        return self._traces[key]

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
        return self.rows[-1].name if self.error else None

    @property
    def params(self) -> int:
        return self.trace.params

    @property
    def macs(self) -> int:
        return self.trace.macs

    @property
    def out_shape(self) -> tuple[int, ...] | None:
        """Shape of the output for one image; None where there is none."""
        return None if self.error else self.rows[-1].out_shape

    @property
    def lines(self) -> list[Any]:
        """What the picture shows, line by line."""
        rows = [*self.rows, *self._after()]
        nodes = tree(rows)
        opened = usual(nodes) if self.unfolded is None else self.unfolded
        kinds = {name: type(module).__name__ for name, module in self.model.named_modules() if any(module.children())}
        return lines(nodes, opened, self.size, self.trace.joins, kinds, self.failed)

    def _after(self) -> list[Any]:
        """The layers that a refusal leaves out, in the order in which they are registered."""
        if not self.error:
            return []
        from cnnlab.trace import Row

        leaves = [(name, module) for name, module in self.model.named_modules() if name and not any(module.children())]
        seen = {row.name for row in self.rows}
        last = max((i for i, (name, _) in enumerate(leaves) if name in seen), default=-1)
        return [
            Row(name, type(module).__name__, name.count(".") + 1, None, None, 0, 0, 0, None, None)
            for name, module in leaves[last + 1 :]
        ]

    def build_for(self, size: int) -> None:
        """Show a model by name as built for images of `size`, its dense layers as wide as it takes."""
        self._apply({"built": size, "size": size, "changes": {}})

    def fold(self, key: str) -> None:
        """Open the line with that key, or close it."""
        opened = usual(tree(self.rows)) if self.unfolded is None else self.unfolded
        self.unfolded = tuple(k for k in opened if k != key) if key in opened else (*opened, key)

    def code(self) -> str:
        """The PyTorch that makes what is shown."""
        width = f", width={self.width:g}" if self.has_width and self.width != 1 else ""
        made = f'models.build("{self.named}", image_size={self.built}{width})' if self.named else "..."
        lines = [f"model = {made}{'' if self.named else '  # the module that was passed'}"]
        for name, settings in self.changes.items():
            layer = sketch.changed(self.model.get_submodule(name), settings)
            lines.append(f'model.set_submodule("{name}", nn.{layer!r})')
        return "\n".join(lines)

    def static(self) -> Picture:
        """The same picture without a browser's help, for GitHub and for print."""
        return Picture(self._drawn_with(still=True), repr(self))

    def __repr__(self) -> str:
        shown = "×".join(map(str, (self.in_channels, self.size, self.size)))
        result = "no output" if self.error else shape_words(self.out_shape).replace(" ", "")
        return f"ArchitectureExplorer({self.title}, {shown} → {result}; {self.params:,} parameters)"

    # ---- from settings to the picture ----

    def _drawn_with(self, **options: object) -> str:
        shape = (1, self.in_channels, self.size, self.size)
        chosen = self.layer if self.changes.get(self.layer) or not options.get("still") else ""
        return architecture_picture(self.lines, repr(self), shape, chosen=chosen, error=self.error, **options)

    def _picture(self) -> dict[str, object]:
        state = {"title": repr(self), "error": self.error, "code": self.code(), "hint": HINT}
        return {"svg": self._drawn_with(), **state}

    def _offers(self) -> list[tuple[dict[str, object], str]]:
        if not self.error:
            return []
        followed = follow(self._traced, self.changes, self.layers)
        found = [*([followed] if followed else []), *refit(self._traced, self.changes, self.layers)]
        offers: list[tuple[dict[str, object], str]] = [({"changes": changes}, label) for changes, label in found[:2]]
        if self.changes and not self._traced({}).failure:
            offers.append(({"changes": {}}, "undo all changes"))
        if self.named and self.built != self.size and not self._traced({}, built=self.size).failure:
            offers.append(({"built": self.size, "changes": {}}, f"build it for {self.size} px"))
        larger = self._larger() if not self.changes and len(offers) < 3 else None
        return (offers + ([({"size": larger}, f"size = {larger}")] if larger else []))[:4]

    def _larger(self) -> int | None:
        """The least usual size above this one that the network takes."""
        larger = (size for size in SIZES if size > self.size)
        return next((size for size in larger if not self._traced(self.changes, size).failure), None)

    @traitlets.observe("built", "width")
    def _forget(self, change: object) -> None:
        if self.changes and any(name not in self.layers for name in self.changes):
            self.changes = {}

    # ---- controls ----

    def _controls(self) -> widgets.Widget:
        self.size_slider = widgets.IntSlider(
            min=8, max=max(256, self.size), description="size, px", style=STYLE, layout=WIDE
        )
        self.observe(lambda change: reach(self.size_slider, change["new"]), "size")
        traitlets.link((self, "size"), (self.size_slider, "value"))
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
        return widgets.HBox(boxes, layout={"flex_flow": "row wrap", "max_width": "900px", "grid_gap": "0 24px"})

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
        elif pressed.get("path") in self.layers:
            self.layer = pressed["path"]

    def story(self, number: int) -> str:
        """A line of the picture in words, counted from 0."""
        return said(self.lines[number])


def _share(width: float) -> str:
    return f"1/{round(1 / width)}" if width < 1 else f"{width:g}"


def _first_channels(model: Any) -> int:
    """What the first convolution takes, or 1."""
    found = (module.in_channels for module in model.modules() if type(module).__name__ == "Conv2d")
    return next(found, 1)
