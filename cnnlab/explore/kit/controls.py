"""The controls of an explorer, made from what it declares of its settings, and the buttons that mend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import ipywidgets as widgets
import traitlets

from cnnlab.draw import svg
from cnnlab.explore.kit.settings import Choice, Size, pair

if TYPE_CHECKING:
    from cnnlab.explore.kit.base import Explorer

LABEL_WIDTH = "96px"
WIDE = {"width": "auto"}
ROW = {"flex_flow": "row wrap", "max_width": "900px"}  # boxes beside each other, under each other where it is narrow


def control(explorer: Explorer, name: str, label_width: str = LABEL_WIDTH, *, wide: bool = True) -> widgets.Widget:
    """The control of one setting, linked to its trait: a menu of names, a switch, a slider, or a field for a number
    that has no slider. Where it is `wide`, it takes all of its column."""
    trait, declared, value = explorer.traits()[name], explorer.declared[name], getattr(explorer, name)
    about = {
        "description": declared.label or name,
        "style": {"description_width": label_width},
        "layout": WIDE if wide else {},
    }
    if declared.tooltip:
        about["tooltip"] = declared.tooltip
    if declared.ink:
        about["style"] = {**about["style"], "handle_color": svg.colour(declared.ink)}
    if isinstance(trait, Choice):
        made = widgets.Dropdown(options=trait.names, **about)
    elif isinstance(trait, traitlets.Bool):
        made = widgets.Checkbox(value, **about)
    elif declared.slide is None:
        made = widgets.BoundedIntText(value, min=trait.least, max=trait.most, **about)
    else:
        made = _slider(explorer, name, about)
    traitlets.link((explorer, name), (made, "value"))
    return made


def _slider(explorer: Explorer, name: str, about: dict[str, object]) -> widgets.Widget:
    value, (least, most, *step) = getattr(explorer, name), explorer.declared[name].slide
    make = widgets.IntSlider if isinstance(value, int) else widgets.FloatSlider
    slider = make(value, min=min(least, value), max=max(most, value), step=step[0] if step else 1, **about)
    # Code may go beyond a slider's end: the end moves, the value is not cut.
    explorer.observe(lambda change: reach(slider, change["new"]), name)
    return slider


def reach(slider: widgets.Widget, value: float) -> None:
    """Move a slider's ends so that it can hold the value."""
    slider.min, slider.max = min(slider.min, value), max(slider.max, value)


def toggle(explorer: Explorer, name: str) -> widgets.ToggleButton:
    """A setting that is on or off as a button."""
    declared = explorer.declared[name]
    made = widgets.ToggleButton(description=declared.label, tooltip=declared.tooltip, layout=WIDE)
    traitlets.link((explorer, name), (made, "value"))
    return made


def checkbox(label: str, value: bool, tooltip: str) -> widgets.Checkbox:
    """A box to tick, as wide as it is by itself."""
    return widgets.Checkbox(value, description=label, tooltip=tooltip, style={"description_width": LABEL_WIDTH})


def columns(boxes: Iterable[Sequence[widgets.Widget]], narrowest: int = 240) -> widgets.GridBox:
    """Controls in columns, and in fewer where so many would squeeze them."""
    layout = {
        "grid_template_columns": f"repeat(auto-fit, minmax({narrowest}px, 1fr))",
        "max_width": "900px",
        "grid_gap": "0 24px",
    }
    return widgets.GridBox([widgets.VBox(box) for box in boxes], layout=layout)


class PresetMenu(widgets.Dropdown):
    """A menu of an explorer's presets; `own` is what it says of settings that have no name."""

    def __init__(
        self,
        explorer: Explorer,
        own: str,
        label: str = "preset",
        label_width: str = LABEL_WIDTH,
        *,
        own_last: bool = False,
    ) -> None:
        self.own, self._showing = own, False
        options = [*explorer.presets, own] if own_last else [own, *explorer.presets]
        about = {"description": label, "style": {"description_width": label_width}, "layout": WIDE}
        super().__init__(options=options, value=explorer.preset or own, **about)
        self.observe(lambda change: self._chosen(explorer, change["new"]), "value")

    def _chosen(self, explorer: Explorer, name: str) -> None:
        if not self._showing and name != self.own:
            explorer.preset = name

    def show(self, name: str | None) -> None:
        """Say which preset holds; none is loaded by that."""
        self._showing = True
        self.value = name or self.own
        self._showing = False


# ---- settings along two axes -----------------------------------------------------------------------------------------


class SideSliders(widgets.VBox):
    """A slider for both axes, or one for each; `value` is what a Sides trait holds."""

    value = traitlets.Any()

    def __init__(self, name: str, value: Size, least: int, most: int, part: str, linked: bool = True) -> None:
        style = {"description_width": LABEL_WIDTH, "handle_color": svg.colour(part)}
        self.name, self.most, self.linked, self._showing = name, most, linked, False
        self.sliders = [
            widgets.IntSlider(min=least, max=max(most, side), value=side, style=style, layout={"width": "auto"})
            for side in pair(value)
        ]
        super().__init__(self.sliders, value=value)
        for slider in self.sliders:
            slider.observe(self._moved, "value")
        self.observe(self._show, "value")
        self.link(linked)

    def link(self, linked: bool) -> None:
        """Let one slider stand for both axes, or give each its own."""
        self.linked = linked
        self.sliders[0].description = self.name if linked else f"{self.name} h"
        self.sliders[1].description = f"{self.name} w"
        self.sliders[1].layout.display = "none" if linked else None
        self._show()
        self._moved()

    def _moved(self, change: object = None) -> None:
        if self._showing:
            return
        height, width = (slider.value for slider in self.sliders)
        self.value = height if self.linked or height == width else (height, width)

    def _show(self, change: object = None) -> None:
        # Both sliders follow before either speaks, or the first would report half a change. A hidden one waits: what
        # nobody sees need not be sent.
        self._showing = True
        for slider, side in list(zip(self.sliders, pair(self.value), strict=True))[: 1 if self._as_one() else 2]:
            if slider.value != side:  # not after its own move, which must not change the scale under the hand
                slider.max = max(slider.max, side)
                slider.value = side
                slider.max = max(self.most, side)
        self._showing = False

    def _as_one(self) -> bool:
        return self.linked and not isinstance(self.value, tuple)


class HeightApart(widgets.Checkbox):
    """The box "height ≠ width": whether sliders stand for both axes or each for its own. It follows pairs from code."""

    def __init__(self, explorer: Explorer, sliders: dict[str, SideSliders]) -> None:
        apart = any(not slider.linked for slider in sliders.values())
        self.sliders = sliders
        about = {"description": "height ≠ width", "tooltip": "set height and width apart"}
        super().__init__(apart, **about, style={"description_width": LABEL_WIDTH})
        self.observe(self._link, "value")
        explorer.observe(self._part, list(sliders))

    def _part(self, change: dict[str, object]) -> None:
        # A pair given from Python shows as a pair.
        if isinstance(change["new"], tuple):
            self.value = True

    def _link(self, change: object) -> None:
        for slider in self.sliders.values():
            slider.link(not self.value)


# ---- ways out --------------------------------------------------------------------------------------------------------


class Remedies(widgets.HBox):
    """Buttons for the nearest settings that work. They are made once and relabelled, so that none is left behind."""

    def __init__(self, apply: Callable[[dict[str, object]], None], most: int = 4) -> None:
        self.apply, self.changes = apply, []
        self.label = widgets.Label("Nearest settings that work:")
        self.buttons = [widgets.Button(layout={"width": "auto"}) for _ in range(most)]
        for index, button in enumerate(self.buttons):
            button.on_click(lambda _, index=index: self.apply(self.changes[index][0]))
        super().__init__([self.label, *self.buttons], layout={"flex_flow": "row wrap", "margin": "0 0 8px"})
        self.offer([])

    def offer(self, changes: list[tuple[dict[str, object], str]]) -> None:
        """Show one button for each change, with its label."""
        self.changes = changes
        self.layout.display = None if changes else "none"
        for index, button in enumerate(self.buttons):
            button.layout.display = None if index < len(changes) else "none"
            button.description = changes[index][1] if index < len(changes) else ""


def edited(explorer: Explorer, change: dict[str, object], refusal: widgets.HTML, show: Callable[[], None]) -> None:
    """Apply what controls ask for; where it is refused, say why and have the controls show what holds."""
    refusal.value = ""
    try:
        explorer._apply(change)
    except traitlets.TraitError as error:
        refusal.value = f'<span role="alert" class="cnnlab-says">{svg.escaped(error)}.</span>'
        show()
