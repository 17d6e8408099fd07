"""What the explorers share: settings as traits, sliders for one or two axes, the picture, and buttons that mend."""

from __future__ import annotations

import contextlib
import json
import numbers
import operator
from collections.abc import Callable, Iterable
from pathlib import Path

import anywidget
import ipywidgets as widgets
import traitlets

from cnnlab.draw import svg

HERE = Path(__file__).parent.parent  # explore: scripts and styles are named from there
# JupyterLab, VS Code and Colab name their theme on the page; anywhere else the light colours hold.
DARK_PAGES = ':is([data-jp-theme-light="false"], .vscode-dark, html[theme="dark"])'

LABEL_WIDTH = "96px"

LONGEST_SIDE = 512  # the longest side of a map, a kernel, a stride, a padding or a dilation
LONGEST_KERNEL = 64  # the longest side of a kernel or a pooling window, whose terms are all written out
MOST_CHANNELS = 4096  # of one layer
LARGEST = 10**6  # of a whole number that has no limit of its own
LONGEST_SAID = 41  # letters of a value in a refusal

Setting = int | tuple[int, int]


def said(value: object) -> str:
    """A value as a refusal names it: its repr, cut where that is long.
    >>> said(5), said("x" * 100)
    ('5', "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…")
    """
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a whole number of thousands of digits has no repr, and a strange object may fail in its own
        text = f"a {type(value).__name__}"
    return text if len(text) <= LONGEST_SAID else f"{text[: LONGEST_SAID - 1]}…"


def whole(value: object, least: int, most: int) -> int:
    """The value as an int. Raises ValueError or TypeError where it is none, or not from `least` to `most`."""
    # bool is an int to Python, but stride=True is a slip and not a setting.
    if isinstance(value, bool) or not least <= operator.index(value) <= most:
        raise ValueError
    return operator.index(value)


def _past(value: object, most: int) -> bool:
    try:
        return not isinstance(value, bool) and operator.index(value) > most
    except (TypeError, ValueError):
        return False


class Sides(traitlets.TraitType):
    """A whole number for both axes, or a pair (height, width). A pair of equals becomes one number."""

    def __init__(self, default: Setting, least: int = 1, most: int = LONGEST_SIDE) -> None:
        super().__init__(default)
        self.least, self.most = least, most

    def validate(self, owner: traitlets.HasTraits, value: object) -> Setting:
        sides = value if isinstance(value, tuple | list) else (value, value)
        try:
            height, width = (whole(side, self.least, self.most) for side in sides)
        except (TypeError, ValueError):
            if len(sides) == 2 and any(_past(side, self.most) for side in sides):
                raise traitlets.TraitError(
                    f"{self.name}={said(value)} is more than {self.most:,}, the most that is computed here;"
                    f" give {self.least} to {self.most:,}, or two such numbers as (height, width)"
                ) from None
            raise traitlets.TraitError(
                f"{self.name}={said(value)} will not do; give a whole number of at least {self.least},"
                " or two of them as (height, width)"
            ) from None
        return height if height == width else (height, width)


class Whole(traitlets.TraitType):
    """A whole number from `least` to `most`."""

    def __init__(self, default: int, least: int = 1, most: int = LARGEST) -> None:
        super().__init__(default)
        self.least, self.most = least, most

    def validate(self, owner: traitlets.HasTraits, value: object) -> int:
        try:
            return whole(value, self.least, self.most)
        except (TypeError, ValueError):
            if _past(value, self.most):
                raise traitlets.TraitError(
                    f"{self.name}={said(value)} is more than {self.most:,}, the most that is computed here;"
                    f" give {self.least} to {self.most:,}"
                ) from None
            raise traitlets.TraitError(
                f"{self.name}={said(value)} will not do; give a whole number of at least {self.least}"
            ) from None


class Real(traitlets.TraitType):
    """A finite number from `least` to `most`, without `least` itself where that is `above`; `rule` says so in words."""

    def __init__(self, default: float, least: float, most: float, rule: str, *, above: bool = False) -> None:
        super().__init__(default)
        self.least, self.most, self.rule, self.above = least, most, rule, above

    def validate(self, owner: traitlets.HasTraits, value: object) -> float:
        # NaN compares as false, so it is refused here too.
        if isinstance(value, numbers.Real) and not isinstance(value, bool):
            if self.least <= value <= self.most and not (self.above and value == self.least):
                return float(value)
            with contextlib.suppress(OverflowError):  # of a whole number that no float can hold
                value = float(value)
        shown = f"{value:g}" if isinstance(value, float) else said(value)
        raise traitlets.TraitError(f"{self.name}={shown} will not do; give {self.rule}")


class Numbers(traitlets.TraitType):
    """A grid of whole numbers, rows of equal length, kept as tuples; empty until one is given."""

    default_value = ()

    def validate(self, owner: traitlets.HasTraits, value: object) -> tuple[tuple[int, ...], ...]:
        try:
            grid = tuple(tuple(operator.index(number) for number in row) for row in value)
        except TypeError:
            grid = None
        if grid is None or len({len(row) for row in grid}) > 1 or () in grid:
            raise traitlets.TraitError(
                f"{self.name}={said(value)} is no grid of whole numbers; give rows of equal length, as in"
                " [[0, 1], [1, 0]]"
            )
        if max(len(grid), *map(len, grid), 0) > LONGEST_SIDE or any(abs(n) > LARGEST for row in grid for n in row):
            raise traitlets.TraitError(
                f"{self.name}={said(value)} is too large to compute with here; give at most {LONGEST_SIDE} rows and"
                f" columns of numbers from −{LARGEST:,} to {LARGEST:,}"
            )
        return grid


class Choice(traitlets.TraitType):
    """One name out of a few."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        super().__init__(self.names[0])

    def validate(self, owner: traitlets.HasTraits, value: object) -> str:
        if not isinstance(value, str) or value not in self.names:
            raise traitlets.TraitError(f"{self.name}={said(value)} is unknown; choose one of {', '.join(self.names)}")
        return value


def pair(value: Setting) -> tuple[int, int]:
    """Both sides of a setting.
    >>> pair(3), pair((3, 5))
    ((3, 3), (3, 5))
    """
    return value if isinstance(value, tuple) else (value, value)


class SideSliders(widgets.VBox):
    """A slider for both axes, or one for each; `value` is what a Sides trait holds."""

    value = traitlets.Any()

    def __init__(self, name: str, value: Setting, least: int, most: int, part: str, linked: bool = True) -> None:
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


def edited(explorer: Explorer, change: dict[str, object], refusal: widgets.HTML, show: Callable[[], None]) -> None:
    """Apply what controls ask for; where it is refused, say why and have the controls show what holds."""
    refusal.value = ""
    try:
        explorer._apply(change)
    except traitlets.TraitError as error:
        refusal.value = f'<span role="alert" class="cnnlab-says">{svg.escaped(error)}.</span>'
        show()


class Remedies(widgets.HBox):
    """Buttons for the nearest settings that work. They are made once and relabelled, so that none is left behind."""

    def __init__(self, apply: Callable[[dict[str, Setting]], None], most: int = 4) -> None:
        self.apply, self.changes = apply, []
        self.label = widgets.Label("Nearest settings that work:")
        self.buttons = [widgets.Button(layout={"width": "auto"}) for _ in range(most)]
        for index, button in enumerate(self.buttons):
            button.on_click(lambda _, index=index: self.apply(self.changes[index][0]))
        super().__init__([self.label, *self.buttons], layout={"flex_flow": "row wrap", "margin": "0 0 8px"})
        self.offer([])

    def offer(self, changes: list[tuple[dict[str, Setting], str]]) -> None:
        """Show one button for each change, with its label."""
        self.changes = changes
        self.layout.display = None if changes else "none"
        for index, button in enumerate(self.buttons):
            button.layout.display = None if index < len(changes) else "none"
            button.description = changes[index][1] if index < len(changes) else ""


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
    """Settings as traits, results as attributes, one picture. A subclass says how its settings become a picture."""

    view_class: type[View]
    # Whether it may answer while a cell runs, in a thread beside it: not where it runs a model that the cell may train.
    beside_cells = True
    error: str | None = None
    out_shape: tuple[int, int] | None = None

    def __init__(self, **settings: object) -> None:
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

    def _controls(self) -> widgets.Widget:
        raise NotImplementedError

    def _below(self) -> list[widgets.Widget]:
        """What stands under the picture."""
        return []

    def _picture(self) -> dict[str, object]:
        raise NotImplementedError

    def _offers(self) -> list[tuple[dict[str, Setting], str]]:
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
        self._tidy()
        self.remedies.offer(self._offers())

    def _tidy(self) -> None:
        """Bring what stands around the picture in line with it."""
