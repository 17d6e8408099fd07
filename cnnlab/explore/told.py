"""What explorers share whose picture is all there is to see: the view that tells of a part, and sliders for counts."""

from __future__ import annotations

import ipywidgets as widgets
import traitlets

from cnnlab.draw.svg import Picture
from cnnlab.explore.base import HERE, Explorer, View, script

STYLE = {"description_width": "116px"}
WIDE = {"width": "auto"}
OWN = "own settings"


class ToldView(View):
    """The browser's side: tells of the part under the pointer."""

    _esm = script("told.js")
    _css = View._css + (HERE / "told.css").read_text(encoding="utf-8")


class ToldExplorer(Explorer):
    """An explorer with sliders in columns, presets, and a picture by `_drawn_with(**options)`."""

    view_class = ToldView
    presets: dict[str, dict[str, object]] = {}  # noqa: RUF012 - a table that subclasses give
    error: str | None = None

    @property
    def preset(self) -> str | None:
        """The name of these settings, if they have one. Assign a name to load it."""
        return next((n for n, s in self.presets.items() if all(getattr(self, k) == v for k, v in s.items())), None)

    @preset.setter
    def preset(self, name: str) -> None:
        if name not in self.presets:
            raise ValueError(f"preset={name!r} is unknown; choose one of {', '.join(self.presets)}")
        self._apply(self.presets[name])

    def code(self) -> str:
        raise NotImplementedError

    def static(self) -> Picture:
        """The same picture without a browser's help, for GitHub and for print."""
        return Picture(self._drawn_with(still=True), repr(self))

    def _drawn_with(self, **options: object) -> str:
        raise NotImplementedError

    def _picture(self) -> dict[str, object]:
        return {"svg": self._drawn_with(), "title": repr(self), "error": self.error, "code": self.code()}

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
        self.observe(lambda change: self._reach(slider, change["new"]), name)
        traitlets.link((self, name), (slider, "value"))
        return slider

    @staticmethod
    def _reach(slider: widgets.Widget, value: float) -> None:
        slider.min, slider.max = min(slider.min, value), max(slider.max, value)

    def _switch(self, name: str, label: str, tooltip: str) -> widgets.Widget:
        switch = widgets.Checkbox(
            getattr(self, name), description=label, tooltip=tooltip, indent=True, style=STYLE, layout=WIDE
        )
        traitlets.link((self, name), (switch, "value"))
        return switch
