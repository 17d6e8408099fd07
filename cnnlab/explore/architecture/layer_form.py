"""The controls for one layer of a network: which layer, and its kernel, stride, padding, channels."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
import traitlets

from cnnlab.draw.svg import escaped
from cnnlab.explore.architecture import sketch
from cnnlab.explore.kit.controls import LABEL_WIDTH, WIDE

STYLE = {"description_width": LABEL_WIDTH}
MOST = {"kernel_size": 11, "stride": 5, "padding": 5}
COUNTS = ("out_channels", "out_features")
CONTROLLED = {*MOST, *COUNTS}


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
        for name, control in self.controls.items():
            control.observe(lambda change, name=name: self._moved(name, change["new"]), "value")

    def show(self) -> None:
        """Bring the controls to the chosen layer and its settings."""
        layers = self.explorer.layers
        self._showing = True
        names = self.explorer.choices or [("none can be changed", "")]
        if list(self.choice.options) != names:
            self.choice.options = names
        settings = {**layers.get(self.explorer.layer, {}), **self.explorer.changes.get(self.explorer.layer, {})}
        for name, control in self.controls.items():
            control.layout.display = None if name in settings else "none"
            if name in settings and control.value != settings[name]:
                control.max = max(control.max, settings[name])
                control.value = settings[name]
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
