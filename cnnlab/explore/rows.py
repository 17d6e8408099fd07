"""An editor for a stack of layers: one row of small controls for each, and buttons to add and to take away."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets

from cnnlab.draw.chain import Step
from cnnlab.explore.stacks import KINDS, SETTINGS

WIDTHS = {"layer": "26px", "kind": "76px", **dict.fromkeys(SETTINGS, "66px")}
NEW = {"conv": Step("conv", 3), "pool": Step("pool", 2, 2)}


class Row(widgets.HBox):
    """One layer: kind, kernel, stride, padding, dilation, and a button that removes it."""

    def __init__(self, number: int, changed: Callable[[], None], remove: Callable[[int], None]) -> None:
        self.number = number
        label = widgets.Label(f"{number}.", layout={"width": WIDTHS["layer"]})
        self.kind = widgets.Dropdown(options=KINDS, layout={"width": WIDTHS["kind"]}, tooltip=f"kind of layer {number}")
        self.numbers = [
            widgets.IntText(layout={"width": WIDTHS[name]}, tooltip=f"{name} of layer {number}") for name in SETTINGS
        ]
        self.remove = widgets.Button(description="×", tooltip=f"Remove layer {number}", layout={"width": "30px"})
        self.remove.on_click(lambda _: remove(number))
        super().__init__([label, self.kind, *self.numbers, self.remove], layout={"flex": "0 0 auto"})
        self.add_class("cnnlab-row")
        for control in (self.kind, *self.numbers):
            control.observe(lambda _: changed(), "value")

    def show(self, layer: Step) -> None:
        """Put a layer's settings into the controls."""
        for control, value in zip((self.kind, *self.numbers), layer, strict=True):
            control.value = value

    def read(self) -> Step:
        """The layer that the controls say."""
        return Step(self.kind.value, *(control.value for control in self.numbers))

    def mark(self, failed: bool) -> None:
        """Mark this row as the one that cannot be, or as one that can."""
        (self.add_class if failed else self.remove_class)("cnnlab-failed")


class LayerRows(widgets.VBox):
    """Rows for a whole stack. They are kept for the next layer once made, so that none is left behind."""

    def __init__(self, apply: Callable[[tuple[Step, ...]], None]) -> None:
        self.apply, self.rows, self.count, self._showing = apply, [], 0, False
        head = widgets.HBox([widgets.Label(name, layout={"width": width}) for name, width in WIDTHS.items()])
        head.children[0].value = ""
        head.add_class("cnnlab-head")
        self.body = widgets.VBox(layout={"max_height": "262px", "overflow": "hidden auto"})
        adders = [widgets.Button(description=f"Add {kind}", icon="plus", layout={"width": "auto"}) for kind in KINDS]
        for kind, button in zip(KINDS, adders, strict=True):
            button.on_click(lambda _, kind=kind: self.apply((*self.read(), NEW[kind])))
        super().__init__([head, self.body, widgets.HBox(adders)])
        self.add_class("cnnlab-rows")

    def read(self) -> tuple[Step, ...]:
        """The stack that the rows say."""
        return tuple(row.read() for row in self.rows[: self.count])

    def show(self, layers: tuple[Step, ...]) -> None:
        """Bring the rows to a stack."""
        self._showing = True
        while len(self.rows) < len(layers):
            self.rows.append(Row(len(self.rows) + 1, self._changed, self._remove))
        for row, layer in zip(self.rows, layers, strict=False):
            row.show(layer)
        if self.count != len(layers) or not self.body.children:
            self.count = len(layers)
            self.body.children = self.rows[: self.count]
        self._showing = False

    def mark(self, failed: int | None) -> None:
        """Mark the row of the layer with that number."""
        for row in self.rows:
            row.mark(row.number == failed)

    def _changed(self) -> None:
        if not self._showing:
            self.apply(self.read())

    def _remove(self, number: int) -> None:
        layers = self.read()
        self.apply(layers[: number - 1] + layers[number:])
