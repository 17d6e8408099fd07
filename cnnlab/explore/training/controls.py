"""The controls of a TrainingExplorer: its settings, and buttons for the run to start and for those that are kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import ipywidgets as widgets

from cnnlab.explore.kit.controls import LABEL_WIDTH

BATCHES = (16, 32, 64, 128, 256, 512, 1024)
COUNTS = (500, 1_000, 2_000, 5_000, 10_000, 20_000)


class Settings(widgets.HBox):
    """A control for each setting of a run."""

    def __init__(self, networks: Iterable[str], images: int, apply: Callable[[dict[str, object]], None]) -> None:
        counts = [count for count in COUNTS if count < images] + [images]
        self.controls = {
            "network": _choice("network", networks),
            "images": _choice("images", _grouped(counts)),
            "epochs": _wide(widgets.IntSlider(min=1, max=20), "epochs"),
            "lr": _wide(widgets.FloatLogSlider(min=-4, max=1, step=0.05, readout_format=".2g"), "lr"),
            "batch_size": _choice("batch size", _grouped(BATCHES)),
            "optimizer": _choice("optimizer", ["sgd", "adamw"]),
            "schedule": _choice("schedule", ["constant", "one-cycle"]),
            "seed": _wide(widgets.BoundedIntText(min=0, max=10**6), "seed"),
        }
        for name, control in self.controls.items():
            control.observe(lambda change, name=name: self._moved(apply, name, change["new"]), "value")
        self._showing = False
        sides = [list(self.controls.values())[first::2] for first in (0, 1)]
        boxes = [widgets.VBox(side, layout={"flex": "1 1 320px"}) for side in sides]
        super().__init__(boxes, layout={"flex_flow": "row wrap", "max_width": "900px"})

    def _moved(self, apply: Callable[[dict[str, object]], None], name: str, value: object) -> None:
        if not self._showing:
            apply({name: value})

    def show(self, settings: dict[str, object]) -> None:
        """Bring the controls to these settings."""
        self._showing = True
        for name, value in settings.items():
            control = self.controls[name]
            if isinstance(control, widgets.Dropdown):
                _offer(control, value)
            elif name == "lr":
                control.min = min(control.min, math.floor(math.log10(value)))
                control.max = max(control.max, math.ceil(math.log10(value)))
            else:
                control.max = max(control.max, value)
            control.value = value
        self._showing = False


class RunButtons(widgets.HBox):
    """Start and stop on the left; on the right what can be done with the kept run that is chosen."""

    def __init__(self, acts: dict[str, Callable[[str | None], object]]) -> None:
        looks = (
            ("start", "Start", "play"),
            ("stop", "Stop", "stop"),
            ("repeat", "Another seed", "repeat"),
            ("recall", "Its settings", "sliders"),
            ("remove", "Remove", "trash"),
        )
        self.chosen = widgets.Dropdown(
            description="run", layout={"width": "120px"}, style={"description_width": "36px"}
        )
        self.buttons = {}
        for name, label, icon in looks:
            button = self.buttons[name] = widgets.Button(description=label, icon=icon, layout={"width": "auto"})
            button.on_click(lambda _, name=name: self._act(acts[name]))
        self.buttons["start"].button_style = "primary"
        left = widgets.HBox([self.buttons["start"], self.buttons["stop"]])
        right = widgets.HBox([self.chosen, *(self.buttons[name] for name in ("repeat", "recall", "remove"))])
        layout = {
            "flex_flow": "row wrap",
            "justify_content": "space-between",
            "max_width": "900px",
            "margin": "0 0 6px",
        }
        self.says = widgets.Label(layout={"display": "none"}).add_class("cnnlab-says")
        super().__init__([left, right, self.says], layout=layout)

    def _act(self, act: Callable[[str | None], object]) -> None:
        try:
            act(self.chosen.value)
            self.says.value = ""
        except (RuntimeError, ValueError) as reason:
            self.says.value = f"{str(reason)[:1].upper()}{str(reason)[1:]}."
        self.says.layout.display = None if self.says.value else "none"

    def show(self, labels: tuple[str, ...], busy: bool, *, startable: bool, full: bool) -> None:
        """The runs there are; which buttons can be pressed."""
        if self.chosen.options != labels:
            newest = labels[-1] if labels else None
            kept = self.chosen.value if len(labels) < len(self.chosen.options) else newest
            self.chosen.options = labels
            self.chosen.value = kept if kept in labels else newest
        none = not labels
        states = {"start": startable, "stop": busy, "repeat": not (busy or none or full)}
        states |= {"recall": not none, "remove": not none and not (busy and len(labels) == 1)}
        for name, possible in states.items():
            self.buttons[name].disabled = not possible


def _wide(control: widgets.Widget, name: str) -> widgets.Widget:
    control.description = name
    control.style.description_width, control.layout.width = LABEL_WIDTH, "auto"
    return control


def _choice(name: str, options: Iterable[object]) -> widgets.Dropdown:
    return _wide(widgets.Dropdown(options=[*options]), name)


def _grouped(numbers: Iterable[int]) -> list[tuple[str, int]]:
    return [(f"{number:,}", number) for number in numbers]


def _offer(control: widgets.Dropdown, value: object) -> None:
    """Code may ask for what no choice offers."""
    values = [option[1] if isinstance(option, tuple) else option for option in control.options]
    if value not in values:
        control.options = [*control.options, value if isinstance(value, str) else (f"{value:,}", value)]
