"""What explorers share whose picture is all there is to see: the view that tells of a part, and controls in columns."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets

from cnnlab.draw.svg import Picture
from cnnlab.explore.kit.base import Explorer, View, script, style
from cnnlab.explore.kit.controls import PresetMenu, columns, control

LABELS = "116px"
HINT = "Point at a part to see how its numbers come about; arrow keys go from one to the next."


class ToldView(View):
    """The browser's side: tells of the part under the pointer."""

    _esm = script("kit/told.js")
    _css = style("kit/told.css")


class ToldExplorer(Explorer):
    """An explorer with presets, controls in columns, and a picture by `_drawn_with(**options)`. It is made by name."""

    view_class = ToldView
    error: str | None = None

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

    def _columns(self, *names: Sequence[str | widgets.Widget]) -> widgets.Widget:
        """Columns of the controls of these settings, and of other widgets; the first begins with the presets."""
        self.preset_choice = PresetMenu(self, "own settings", label_width=LABELS)
        made = [[control(self, each, LABELS) if isinstance(each, str) else each for each in column] for column in names]
        made[0].insert(0, self.preset_choice)
        return columns(made, narrowest=280)
