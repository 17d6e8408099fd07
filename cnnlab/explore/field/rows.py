"""An editor for a stack of layers: one row of small controls for each, and buttons to add and to take away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import ipywidgets as widgets

from cnnlab.explore.field.numbers import Step
from cnnlab.explore.field.stacks import SETTINGS


@dataclass(frozen=True)
class Form:
    """What rows ask of a layer: its kind, then its settings, each any whole number or one of `choices`."""

    layer: Callable[..., NamedTuple]
    settings: Sequence[str]
    new: Mapping[str, NamedTuple]  # for each kind, the layer that its button adds
    choices: Mapping[str, Sequence[int]] = field(default_factory=dict)
    least: int = 0  # layers that always stay
    widths: tuple[str, str, str] = ("26px", "76px", "66px")  # of a number, a kind, a setting


STEPS = Form(Step, SETTINGS, {"conv": Step("conv", 3), "pool": Step("pool", 2, 2)})


class Row(widgets.HBox):
    """One layer: its kind, its settings, and a button that removes it."""

    def __init__(self, form: Form, number: int, changed: Callable[[], None], remove: Callable[[int], None]) -> None:
        self.form, self.number = form, number
        label_width, kind_width, _ = form.widths
        label = widgets.Label(f"{number}.", layout={"width": label_width})
        about = {"tooltip": f"kind of layer {number}", "layout": {"width": kind_width}}
        self.kind = widgets.Dropdown(options=list(form.new), **about)
        self.numbers = [self._control(name) for name in form.settings]
        self.remove = widgets.Button(description="×", tooltip=f"Remove layer {number}", layout={"width": "30px"})
        self.remove.on_click(lambda _: remove(number))
        super().__init__([label, self.kind, *self.numbers, self.remove], layout={"flex": "0 0 auto"})
        self.add_class("cnnlab-row")
        for control in (self.kind, *self.numbers):
            control.observe(lambda _: changed(), "value")

    def _control(self, name: str) -> widgets.Widget:
        about = {"tooltip": f"{name} of layer {self.number}", "layout": {"width": self.form.widths[2]}}
        if name in self.form.choices:
            return widgets.Dropdown(options=list(self.form.choices[name]), **about)
        return widgets.IntText(**about)

    def show(self, layer: NamedTuple) -> None:
        """Put a layer's settings into the controls."""
        for control, value in zip((self.kind, *self.numbers), layer, strict=True):
            if isinstance(control, widgets.Dropdown) and value not in control.options:
                control.options = sorted([*control.options, value])  # code may ask for what no choice offers
            control.value = value

    def read(self) -> NamedTuple:
        """The layer that the controls say."""
        return self.form.layer(self.kind.value, *(control.value for control in self.numbers))

    def mark(self, failed: bool) -> None:
        """Mark this row as the one that cannot be, or as one that can."""
        (self.add_class if failed else self.remove_class)("cnnlab-failed")


class LayerRows(widgets.VBox):
    """Rows for a whole stack. They are kept for the next layer once made, so that none is left behind."""

    def __init__(self, apply: Callable[[tuple[NamedTuple, ...]], None], form: Form = STEPS, name: str = "") -> None:
        self.apply, self.form, self.rows, self.count, self._showing = apply, form, [], 0, False
        widths = (*form.widths[:2], *(form.widths[2] for _ in form.settings))
        words = zip((name, "kind", *form.settings), widths, strict=True)
        head = widgets.HBox([widgets.Label(word, layout={"width": width}) for word, width in words])
        head.add_class("cnnlab-head")
        self.body = widgets.VBox(layout={"max_height": "262px", "overflow": "hidden auto"})
        adders = [widgets.Button(description=f"Add {kind}", icon="plus", layout={"width": "auto"}) for kind in form.new]
        for layer, button in zip(form.new.values(), adders, strict=True):
            button.on_click(lambda _, layer=layer: self.apply((*self.read(), layer)))
        super().__init__([head, self.body, widgets.HBox(adders)])
        self.add_class("cnnlab-rows")

    def read(self) -> tuple[NamedTuple, ...]:
        """The stack that the rows say."""
        return tuple(row.read() for row in self.rows[: self.count])

    def show(self, layers: tuple[NamedTuple, ...]) -> None:
        """Bring the rows to a stack."""
        self._showing = True
        while len(self.rows) < len(layers):
            self.rows.append(Row(self.form, len(self.rows) + 1, self._changed, self._remove))
        for row, layer in zip(self.rows, layers, strict=False):
            row.show(layer)
            row.remove.disabled = len(layers) <= self.form.least
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
