"""What explorers share whose picture is all there is to see: the view that tells of a part, and sliders for counts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import ipywidgets as widgets
import traitlets

from cnnlab.draw.svg import Picture
from cnnlab.explore.kit.base import Explorer, View, script, style

STYLE = {"description_width": "116px"}
WIDE = {"width": "auto"}
OWN = "own settings"
HINT = "Point at a part to see how its numbers come about; arrow keys go from one to the next."


def reach(slider: widgets.Widget, value: float) -> None:
    """Move a slider's ends so that it can hold the value."""
    slider.min, slider.max = min(slider.min, value), max(slider.max, value)


class ToldView(View):
    """The browser's side: tells of the part under the pointer."""

    _esm = script("kit/told.js")
    _css = style("kit/told.css")


class ToldExplorer(Explorer):
    """An explorer with sliders in columns, presets, and a picture by `_drawn_with(**options)`."""

    view_class = ToldView
    presets: Mapping[str, Mapping[str, object]]  # the first is what an explorer begins with
    usual: Mapping[str, object] = MappingProxyType({})  # settings that no preset has
    error: str | None = None

    def __init__(self, *, preset: str | None = None, **settings: object) -> None:
        start = {**self.usual, **self._named(preset or next(iter(self.presets)))}
        unknown = settings.keys() - start.keys()
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))} is no setting here; give some of {', '.join(start)}")
        super().__init__(**{**start, **settings})

    def _named(self, preset: str) -> Mapping[str, object]:
        if preset not in self.presets:
            raise ValueError(f"preset={preset!r} is unknown; choose one of {', '.join(self.presets)}")
        return self.presets[preset]

    @property
    def preset(self) -> str | None:
        """The name of these settings, if they have one. Assign a name to load it."""
        return next((n for n, s in self.presets.items() if all(getattr(self, k) == v for k, v in s.items())), None)

    @preset.setter
    def preset(self, name: str) -> None:
        self._apply(self._named(name))

    def code(self) -> str:
        raise NotImplementedError

    def static(self) -> Picture:
        """The same picture without a browser's help, for GitHub and for print."""
        return Picture(self._drawn_with(still=True), repr(self))

    def _drawn_with(self, **options: object) -> str:
        raise NotImplementedError

    def _picture(self) -> dict[str, object]:
        return {"svg": self._drawn_with(), "title": repr(self), "error": self.error, "code": self.code(), "hint": HINT}

    # ---- controls ----

    def _columns(self, *columns: list[widgets.Widget]) -> widgets.Widget:
        self.preset_choice = widgets.Dropdown(
            options=[OWN, *self.presets], description="preset", style=STYLE, layout=WIDE
        )
        self.preset_choice.observe(self._chosen, "value")
        boxes = [widgets.VBox(column) for column in ([self.preset_choice, *columns[0]], *columns[1:])]
        grid = {
            "grid_template_columns": "repeat(auto-fit, minmax(280px, 1fr))",
            "max_width": "900px",
            "grid_gap": "0 24px",
        }
        return widgets.GridBox(boxes, layout=grid)

    def _chosen(self, change: dict[str, str]) -> None:
        if change["new"] != OWN:
            self.preset = change["new"]

    def _tidy(self) -> None:
        self.preset_choice.value = self.preset or OWN

    def _slider(self, name: str, least: float, most: float, step: float = 1, label: str = "") -> widgets.Widget:
        value = getattr(self, name)
        make = widgets.IntSlider if isinstance(value, int) else widgets.FloatSlider
        slider = make(
            value,
            min=min(least, value),
            max=max(most, value),
            step=step,
            description=label or name,
            style=STYLE,
            layout=WIDE,
        )
        # Code may go beyond a slider's end: the end moves, the value is not cut.
        self.observe(lambda change: reach(slider, change["new"]), name)
        traitlets.link((self, name), (slider, "value"))
        return slider

    def _switch(self, name: str, label: str, tooltip: str) -> widgets.Widget:
        switch = widgets.Checkbox(
            getattr(self, name), description=label, tooltip=tooltip, indent=True, style=STYLE, layout=WIDE
        )
        traitlets.link((self, name), (switch, "value"))
        return switch
