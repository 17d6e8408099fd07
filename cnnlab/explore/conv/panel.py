"""The controls of a ConvExplorer: sliders, lists and switches around its traits."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets
import traitlets

from cnnlab.explore.kit.base import LABEL_WIDTH, Explorer, SideSliders

# name, and where its slider ends unless a larger value is given
SLIDERS = {"size": 32, "kernel_size": 11, "stride": 8, "padding": 8, "dilation": 6, "output_padding": 7}
PARTS = {"size": "input", "padding": "input", "kernel_size": "kernel", "dilation": "kernel", "stride": "output"}
PARTS["output_padding"] = "output"
STYLE = {"description_width": LABEL_WIDTH}
WIDER = "124px"  # for the longest name, with its side
PLAIN = "choose …"  # what a list of settings says while it has nothing to say
SWITCHES = {
    "guess": ("guess first", "hide the output until its size is guessed"),
    "heat": ("heat map", "colour each pixel by how often it is used: the inputs, or of a transposed one the outputs"),
    "transposed": ("transposed", "turn the layer round: every input pixel writes a stamp into the output"),
}


class Panel(widgets.VBox):
    """Three columns of controls and a row of switches."""

    def __init__(self, explorer: Explorer, settings: list[str], choose: Callable[[str], None]) -> None:
        self.explorer, self.choose = explorer, choose
        apart = any(isinstance(getattr(explorer, name), tuple) for name in SLIDERS)
        self.sliders = {name: self._slider(name, most, not apart) for name, most in SLIDERS.items()}
        self.apart = widgets.Checkbox(
            apart, description="height ≠ width", tooltip="set height and width apart", style=STYLE
        )
        self.apart.observe(self._link, "value")
        explorer.observe(self._part, list(SLIDERS))
        self.start = widgets.Dropdown(
            options=[PLAIN, *settings], description="start from", style=STYLE, layout={"width": "auto"}
        )
        self.start.observe(self._start, "value")
        self.switches = {name: self._switch(name, *words) for name, words in SWITCHES.items()}
        super().__init__([self._columns(), widgets.HBox(list(self.switches.values()), layout={"margin": "4px 0 6px"})])

    def _columns(self) -> widgets.GridBox:
        slider, image, weights = self.sliders, self._dropdown("image"), self._dropdown("weights")
        columns = [
            (slider["size"], slider["padding"], image, self._count("in_channels")),
            (slider["kernel_size"], slider["dilation"], weights, self._count("out_channels")),
            (slider["stride"], slider["output_padding"], self.apart, self.start, self._count("groups")),
        ]
        stride, extra, *others = columns[2]
        self.last_column = [*stride.sliders, *extra.sliders, *others]
        layout = {
            "grid_template_columns": "repeat(auto-fit, minmax(240px, 1fr))",
            "max_width": "900px",
            "grid_gap": "0 24px",
        }
        return widgets.GridBox([widgets.VBox(column) for column in columns], layout=layout)

    def _slider(self, name: str, most: int, linked: bool) -> SideSliders:
        trait = self.explorer.traits()[name]
        slider = SideSliders(name, getattr(self.explorer, name), trait.least, most, PARTS[name], linked)
        traitlets.link((self.explorer, name), (slider, "value"))
        return slider

    def _dropdown(self, name: str) -> widgets.Dropdown:
        names = self.explorer.traits()[name].names
        dropdown = widgets.Dropdown(options=names, description=name, style=STYLE, layout={"width": "auto"})
        traitlets.link((self.explorer, name), (dropdown, "value"))
        return dropdown

    def _count(self, name: str) -> widgets.BoundedIntText:
        count = widgets.BoundedIntText(1, min=1, max=4096, description=name, style=STYLE, layout={"width": "auto"})
        count.max = max(count.max, getattr(self.explorer, name))
        traitlets.link((self.explorer, name), (count, "value"))
        return count

    def _switch(self, name: str, label: str, tooltip: str) -> widgets.ToggleButton:
        switch = widgets.ToggleButton(description=label, tooltip=tooltip, layout={"width": "auto"})
        traitlets.link((self.explorer, name), (switch, "value"))
        return switch

    def _part(self, change: dict[str, object]) -> None:
        # A pair given from Python shows as a pair.
        if isinstance(change["new"], tuple):
            self.apart.value = True

    def _link(self, change: object) -> None:
        for slider in self.sliders.values():
            slider.link(not self.apart.value)

    def _start(self, change: dict[str, str]) -> None:
        if change["new"] != PLAIN:
            self.choose(change["new"])

    def settled(self, name: str | None) -> None:
        """Name the settings that hold, or none of the list; show those alone that count."""
        self.start.value = name or PLAIN
        transposed = self.explorer.transposed
        self.sliders["output_padding"].layout.display = None if transposed else "none"
        for control in self.last_column:
            control.style.description_width = WIDER if transposed else LABEL_WIDTH
