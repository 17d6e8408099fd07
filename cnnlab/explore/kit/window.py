"""The base class of the explorers of one layer whose window moves along two axes: convolution, pooling, channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import traitlets

from cnnlab import shapes
from cnnlab.draw.grid import Pair
from cnnlab.draw.svg import Picture
from cnnlab.explore.kit import limits
from cnnlab.explore.kit.base import Explorer
from cnnlab.explore.kit.controls import SideSliders
from cnnlab.explore.kit.settings import Size, pair, short

AXES = ("height", "width")
# What a layer may be given along one axis, in the order in which it is put back to its start.
ORDER = ("size", "kernel_size", "stride", "padding", "dilation", "output_padding")


class WindowExplorer(Explorer):
    """One layer whose window moves over a map; a rule of cnnlab.shapes gives the output's size along each axis.

    A subclass gives the rule, the remedies for settings that cannot be, what is computed, how much of it, and the
    picture. `out_shape` is (height, width), or None where `error` says why no such layer exists.
    """

    @property
    def along(self) -> Sequence[str]:
        """The settings that the rule takes along one axis, in its order."""
        raise NotImplementedError

    def _rule(self, *axis: int) -> int:
        """The output's size along one axis. Raises ShapeError."""
        raise NotImplementedError

    def _remedies(self, *axis: int) -> list[dict[str, int]]:
        """The smallest changes that make one axis possible."""
        raise NotImplementedError

    def _limit(self, given: Mapping[str, Pair], out: Pair) -> str | None:
        """Why a layer of these settings, with that output, is not computed; None where it is."""
        raise NotImplementedError

    def _compute(self) -> None:
        """Work out all that is drawn, once `out_shape` and `error` are known."""
        raise NotImplementedError

    @property
    def _shown(self) -> Any:
        """The numbers that are drawn."""
        raise NotImplementedError

    def _drawn_with(self, **options: object) -> str:
        raise NotImplementedError

    def _sum(self, pin: Pair) -> str:
        """One output written out."""
        raise NotImplementedError

    def facts(self) -> list[tuple[str, str]]:
        """Shape and cost, with the numbers that make them."""
        raise NotImplementedError

    def code(self) -> str:
        """The line that makes this layer in PyTorch."""
        raise NotImplementedError

    def static(self, pin: Pair | None = None) -> Picture:
        """The same picture without a browser's help, for GitHub and for print; `pin` is the output to write out."""
        shown = self._shown
        if pin is not None and pin not in product(*map(range, shown.out_shape or (0, 0))):
            raise ValueError(
                f"pin={pin!r} is not an output of {self!r}; leave it out, or give a row and a column inside"
            )
        pin = pin or shown.default_pin
        lines = [self._sum(pin)] if pin else []
        lines += [f"{name}: {text}" for name, text in self.facts()] + [self.code()]
        return Picture(self._drawn_with(pin=pin, caption=lines, still=True), repr(self))

    def _letters(self, *names: str) -> list[str]:
        """Settings by their letters, for the one line; those that are silent now are left out."""
        given = [(self.declared[name], self._in_use(name)) for name in names]
        return [f"{each.short}={short(value)}" for each, value in given if value != each.silent]

    def _in_use(self, name: str) -> Size:
        """What a setting comes to, where it may follow another."""
        return getattr(self, name)

    # ---- from settings to the picture ----

    def _axes(self, **changes: Size) -> tuple[tuple[int, ...], ...]:
        """What the rule takes along each axis, with these changes."""
        sides = [pair(changes.get(name, getattr(self, name))) for name in self.along]
        return tuple(zip(*sides, strict=True))

    def _outs(self, **changes: Size) -> Pair | None:
        """The output's size with these changes; None where no such layer exists."""
        try:
            return tuple(self._rule(*axis) for axis in self._axes(**changes))
        except shapes.ShapeError:
            return None

    def _too_large(self, **changes: Size) -> str | None:
        """Why the layer, or the one with these changes, exists but is not computed."""
        out = self._outs(**changes)
        return out and self._limit(dict(zip(self.along, zip(*self._axes(**changes), strict=True), strict=True)), out)

    def _refused(self) -> dict[str, str]:
        """Why no such layer exists, for each axis along which the rule says so."""
        errors = {}
        for name, axis in zip(AXES, self._axes(), strict=True):
            try:
                self._rule(*axis)
            except shapes.ShapeError as error:
                errors[name] = str(error)
        return errors

    def _along_both(self) -> str | None:
        """The same in one sentence: once, where both axes are alike."""
        errors, (height, width) = self._refused(), self._axes()
        if errors and height == width:
            return errors["height"]
        return "; ".join(f"{axis}: {error}" for axis, error in errors.items()) or None

    def _why_not(self) -> str | None:
        """Why there is no output, in a sentence; None where there is one."""
        return self._along_both() or self._too_large()

    def _picture(self) -> dict[str, object]:
        self.error = self._why_not()
        self.out_shape = None if self.error else self._outs()
        self._compute()
        return {
            "svg": self._drawn_with(),
            "facts": self.facts(),
            "code": self.code(),
            "error": self.error,
            "title": repr(self),
        }

    # ---- what would work ----

    def _within(self, change: Mapping[str, Size | None]) -> bool:
        """Whether a change gives a layer that fits and is computed, with settings that the traits take."""
        small = all(value is None or max(pair(value)) <= self.traits()[name].most for name, value in change.items())
        return small and self._outs(**change) is not None and not self._too_large(**change)

    def _offers(self) -> list[tuple[dict[str, Size], str]]:
        return [(way, said(way)) for way in self._ways()] if self.error else []

    def _ways(self) -> list[dict[str, Size]]:
        """The nearest settings that work and are computed; where there are none, what brings it back to its start."""
        start = {name: self.declared[name].default for name in ORDER if name in self.along}
        now = {name: getattr(self, name) for name in start}
        return [way for way in self._mends() if self._within(way)] or limits.ways_out(start, now, self._within)

    def _mends(self) -> list[dict[str, Size]]:
        """The smallest changes that make both axes possible; empty where they are."""
        # What mends one axis, under the names it changes: both axes get the same kind of change.
        mends = [{tuple(fix): fix for fix in self._remedies(*axis)} for axis in self._axes()]
        broken = [mend for mend in mends if mend]
        if not broken:
            return []
        both = [names for names in broken[0] if all(names in mend for mend in broken)]
        changes = [[mend.get(names, {}) for mend in mends] for names in both]
        # Broken in two ways, each axis gets what mends it first.
        return [self._joined(change) for change in changes or [[next(iter(mend.values())) for mend in mends]]]

    def _joined(self, fixes: Sequence[Mapping[str, int]]) -> dict[str, Size]:
        """One change for both axes; an axis that needs none stays as it is."""
        change = {}
        for name in dict.fromkeys(name for fix in fixes for name in fix):
            height, width = (fix.get(name, side) for fix, side in zip(fixes, pair(getattr(self, name)), strict=True))
            change[name] = height if height == width else (height, width)
        return change

    # ---- controls ----

    def _side_sliders(self, *, together: bool = True) -> dict[str, SideSliders]:
        """A slider for every setting that has one: for both axes, or where a pair is given one for each; `together`
        all settings then have two."""
        names = [name for name, each in self.declared.items() if isinstance(each.slide, int)]
        pairs = {name: isinstance(getattr(self, name), tuple) for name in names}
        sliders = {}
        for name in names:
            trait, each = self.traits()[name], self.declared[name]
            linked = not (any(pairs.values()) if together else pairs[name])
            sliders[name] = SideSliders(name, self._in_use(name), trait.least, each.slide, each.ink, linked)
            if not getattr(trait, "optional", False):
                traitlets.link((self, name), (sliders[name], "value"))
        return sliders


def split_error(in_channels: int, out_channels: int, groups: int) -> str | None:
    """Why channels do not split into groups; None where they do.
    >>> split_error(4, 2, 2)
    """
    try:
        shapes.conv_cost(in_channels, out_channels, 1, 1, groups)
    except shapes.ShapeError as error:
        return str(error)
    return None


def said(change: Mapping[str, Size]) -> str:
    """A change in few characters.
    >>> said({"padding": (1, 0), "size": 5})
    'padding = 1×0, size = 5'
    """
    return ", ".join(f"{name} = {short(value)}" for name, value in change.items())


def arithmetic(lines: Sequence[str], same: bool) -> list[tuple[str, str]]:
    """The arithmetic of the output's size along both axes; once, where both are the same."""
    if same:
        return [("output height and width", lines[0].replace(" column", " row and column"))]
    return [("output height", lines[0].replace("column", "row")), ("output width", lines[1])]
