"""The base class of explorers: settings as traits, one picture, offers that mend; and of the views that show it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import anywidget
import ipywidgets as widgets
import traitlets

from cnnlab.draw import svg
from cnnlab.explore.kit.controls import PresetMenu, Remedies
from cnnlab.explore.kit.settings import Setting, bound, declared, signature

HERE = Path(__file__).parent.parent  # explore: scripts and styles are named from there
# JupyterLab, VS Code and Colab name their theme on the page; anywhere else the light colours hold.
DARK_PAGES = ':is([data-jp-theme-light="false"], .vscode-dark, html[theme="dark"])'


def script(*names: str) -> str:
    """The browser's side of one explorer: its own files, after what all share: light and dark, an answer, copying."""
    known = f"const TWINS = {json.dumps(svg.twins())};\nconst DARK_PAGES = {json.dumps(DARK_PAGES)};"
    return "\n".join([known, read("kit/theme.js", "kit/alive.js", "kit/copy.js", *names)])


def style(*names: str) -> str:
    """The look of one explorer: its own files, after what all share."""
    return read("kit/view.css", *names)


def read(*names: str) -> str:
    """Files under `explore`, one after the other."""
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in names)


class View(anywidget.AnyWidget):
    """The browser's side: shows `picture["svg"]`, links its cells, plays. A subclass names its script as `_esm`."""

    _css = style()
    # All of a state in one trait, so that one change is one message.
    picture = traitlets.Dict().tag(sync=True)

    def __init__(self, **traits: object) -> None:
        super().__init__(**traits)
        self.on_msg(self._answer)

    def _answer(self, _: object, content: object, buffers: object) -> None:
        # The browser asks after each move of a control, and greys the picture where nobody answers.
        if isinstance(content, dict) and content.get("ask"):
            self.send({"answer": True})


def answer_beside_cells(widget: widgets.Widget) -> None:
    """Let the widget, and all in it, answer while a cell runs.

    JupyterLab sends a widget's messages to a subshell, a thread beside the running cell, unless the kernel routes the
    replies back to the cell's own queue. ipykernel 7 does so by a method of the comm, which is not public: where it
    is missing, nothing changes.
    """
    if hasattr(widget.comm, "_reply_subshell_for"):
        widget.comm._reply_subshell_for = lambda data, default: default
    for child in getattr(widget, "children", ()):
        answer_beside_cells(child)


class Explorer(widgets.VBox):
    """Settings as traits, results as attributes, one picture. A subclass declares its settings and says how they become
    a picture; the constructor, its signature and its defaults follow.
    """

    view_class: type[View]
    declared: ClassVar[Mapping[str, Setting]] = MappingProxyType({})
    presets: ClassVar[Mapping[str, Mapping[str, object]]] = MappingProxyType({})  # settings that have a name
    first: ClassVar[str] = ""  # the preset to begin with, where the constructor takes one
    preset_choice: PresetMenu | None = None
    # Whether it may answer while a cell runs, in a thread beside it: not where it runs a model that the cell may train.
    beside_cells = True
    error: str | None = None
    out_shape: tuple[int, int] | None = None

    def __init_subclass__(cls, **more: object) -> None:
        super().__init_subclass__(**more)
        cls.declared, cls.__signature__ = declared(cls), signature(cls)

    def __init__(self, *given: object, **named: object) -> None:
        preset = named.pop("preset", None) if self.first else None
        usual = self._named(self.first if preset is None else preset) if self.first else {}
        settings = {name: each.default for name, each in self.declared.items()}
        # None, where it is the default, leaves a setting to the preset or to the explorer.
        asked = {n: v for n, v in bound(type(self), given, named).items() if v is not None or settings[n] is not None}
        settings = self._completed({**settings, **usual, **asked})
        super().__init__()
        self._names, self._drawn = tuple(settings), None
        with self.hold_trait_notifications():
            for name, value in settings.items():
                setattr(self, name, value)
        self.view, self.remedies = self.view_class(), Remedies(self._apply)
        self.children = [self._controls(), self.view, *self._below(), self.remedies]
        self.add_class("cnnlab-explorer")
        self.observe(self._redraw, self._names)
        self._redraw()
        if self.beside_cells:
            answer_beside_cells(self)

    def _completed(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The settings to begin with, those that were left to the explorer filled in."""
        return settings

    def _controls(self) -> widgets.Widget:
        raise NotImplementedError

    def _below(self) -> list[widgets.Widget]:
        """What stands under the picture."""
        return []

    def _picture(self) -> dict[str, object]:
        raise NotImplementedError

    def _offers(self) -> list[tuple[dict[str, object], str]]:
        return []

    def static(self) -> svg.Picture:
        """The same picture without a browser's help, for GitHub and for print."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **asked: object) -> dict[str, object]:
        """The live widget, and beside it the still picture for pages that no kernel stands behind."""
        still = self.static()
        pictures = {"image/svg+xml": str(still), "text/markdown": still._repr_markdown_()}
        return {**super()._repr_mimebundle_(**asked), **pictures}

    def _apply(self, change: dict[str, object]) -> None:
        with self.hold_trait_notifications():
            for name, value in change.items():
                setattr(self, name, value)

    def _redraw(self, change: object = None) -> None:
        # Several traits may change together; the picture is drawn once.
        state = tuple(getattr(self, name) for name in self._names)
        if state != self._drawn:
            self._drawn = state
            self._draw()

    def _draw(self) -> None:
        # The picture goes first: what the eye waits for.
        self.view.picture = self._picture()
        if self.preset_choice:
            self.preset_choice.show(self.preset)
        self._tidy()
        self.remedies.offer(self._offers())

    def _tidy(self) -> None:
        """Bring what stands around the picture in line with it."""

    # ---- settings that have a name ----

    @property
    def preset(self) -> str | None:
        """The name of these settings, if they have one. Assign a name to load it."""
        return next((name for name in self.presets if self._holds(self.presets[name])), None)

    @preset.setter
    def preset(self, name: str) -> None:
        self._apply(self._named(name))

    def _holds(self, settings: Mapping[str, object]) -> bool:
        return all(getattr(self, name) == value for name, value in settings.items())

    def _named(self, preset: str) -> Mapping[str, object]:
        if preset not in self.presets:
            raise ValueError(f"preset={preset!r} is unknown; choose one of {', '.join(self.presets)}")
        return self.presets[preset]
