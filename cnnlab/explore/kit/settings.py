"""Settings: the traits that hold them, what an explorer declares of each, and the constructor that follows from it."""

from __future__ import annotations

import contextlib
import inspect
import numbers
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import traitlets

LONGEST_SIDE = 512  # the longest side of a map, a kernel, a stride, a padding or a dilation
LONGEST_KERNEL = 64  # the longest side of a kernel or a pooling window, whose terms are all written out
MOST_CHANNELS = 4096  # of one layer
LARGEST = 10**6  # of a whole number that has no limit of its own
LONGEST_SAID = 41  # letters of a value in a refusal

SAME = "; cnnlab.shapes.same_padding(kernel_size, dilation) has the padding that keeps the size, as (before, after)"

Size = int | tuple[int, int]  # for both axes, or (height, width)


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
    """A whole number for both axes, or a pair (height, width). A pair of equals becomes one number.

    Where it is `optional`, None stands for a value that follows another setting.
    """

    holds = Size

    def __init__(
        self, default: Size | None, least: int = 1, most: int = LONGEST_SIDE, *, optional: bool = False
    ) -> None:
        super().__init__(default)
        self.least, self.most, self.optional = least, most, optional

    def validate(self, owner: traitlets.HasTraits, value: object) -> Size | None:
        if value is None and self.optional:
            return None
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
                " or two of them as (height, width)" + SAME * (isinstance(value, str) and value == "same")
            ) from None
        return height if height == width else (height, width)


class Whole(traitlets.TraitType):
    """A whole number from `least` to `most`. Where there are few, `rule` names them in words."""

    holds = int

    def __init__(self, default: int, least: int = 1, most: int = LARGEST, rule: str = "") -> None:
        super().__init__(default)
        self.least, self.most, self.rule = least, most, rule

    def validate(self, owner: traitlets.HasTraits, value: object) -> int:
        try:
            return whole(value, self.least, self.most)
        except (TypeError, ValueError):
            if _past(value, self.most) and not self.rule:
                raise traitlets.TraitError(
                    f"{self.name}={said(value)} is more than {self.most:,}, the most that is computed here;"
                    f" give {self.least} to {self.most:,}"
                ) from None
            rule = self.rule or f"a whole number of at least {self.least}"
            raise traitlets.TraitError(f"{self.name}={said(value)} will not do; give {rule}") from None


class Real(traitlets.TraitType):
    """A finite number from `least` to `most`, without `least` itself where that is `above`; `rule` says so in words."""

    holds = float

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

    holds = Iterable[Iterable[int]]
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

    holds = str

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        super().__init__(self.names[0])

    def validate(self, owner: traitlets.HasTraits, value: object) -> str:
        if not isinstance(value, str) or value not in self.names:
            raise traitlets.TraitError(f"{self.name}={said(value)} is unknown; choose one of {', '.join(self.names)}")
        return value


def pair(value: Size) -> tuple[int, int]:
    """Both sides of a setting.
    >>> pair(3), pair((3, 5))
    ((3, 3), (3, 5))
    """
    return value if isinstance(value, tuple) else (value, value)


def short(value: Size, always: bool = False) -> str:
    """A size in few characters: one number where both sides agree, unless it is to be seen as a size.
    >>> short((3, 5)), short(3), short(3, always=True)
    ('3×5', '3', '3×3')
    """
    height, width = pair(value)
    return f"{height}×{width}" if always or height != width else str(height)


# ---- what an explorer declares ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """What an explorer declares of one setting, beside the trait that holds it.

    slide: where its slider starts and ends unless a value beyond is given, and a step where that is not 1; one number
    is the end alone. ink: the part of the picture whose colour it has. label: the control's name where that is not the
    setting's. short: its letter in the explorer's one line, which leaves it out while it is `silent`. positional,
    default, asked: whether the constructor takes it in order, with another default than the trait's, or at all.
    """

    slide: int | tuple[float, ...] | None = None
    ink: str = ""
    label: str = ""
    tooltip: str | None = None
    short: str = ""
    silent: object = None
    positional: bool = False
    default: object = None
    asked: bool = True


def setting(trait: traitlets.TraitType, **declared: Any) -> Any:
    """The trait with what is declared of it, as in `Setting`. The constructor's default is the trait's unless given."""
    default = None if trait.default_value is traitlets.Undefined else trait.default_value
    return trait.tag(setting=Setting(**{"default": default, **declared}))


def declared(explorer: type) -> dict[str, Setting]:
    """All settings of an explorer's class by their names, in the order in which they stand there."""
    own = (item for each in reversed(explorer.__mro__) for item in vars(each).items())
    traits = ((name, trait) for name, trait in own if isinstance(trait, traitlets.TraitType))
    return {name: trait.metadata["setting"] for name, trait in traits if "setting" in trait.metadata}


class UnknownSettingError(TypeError, ValueError):
    """An argument that is no setting: a TypeError as in any call, and a ValueError as any setting that will not do."""


def signature(explorer: type) -> inspect.Signature:
    """What an explorer's constructor takes: the parameters of its own `__init__`, and in place of its `*given` and
    `**settings` the settings that are declared."""
    asked = {name: each for name, each in declared(explorer).items() if each.asked}
    own = list(inspect.signature(explorer.__init__).parameters.values())[1:]
    kinds = {parameter.kind for parameter in own}
    named = inspect.Parameter.KEYWORD_ONLY
    known = [inspect.Parameter("preset", named, default=explorer.first, annotation=str)] if explorer.first else []
    for name, each in asked.items():
        in_order = each.positional and inspect.Parameter.VAR_POSITIONAL in kinds
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD if in_order else named
        known.append(inspect.Parameter(name, kind, default=each.default, annotation=_annotation(explorer, name)))
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    more = [parameter for parameter in own if parameter.kind not in variable]
    # What may be given in order comes first; the order is otherwise that of the lists.
    return inspect.Signature(sorted([*more, *known], key=lambda parameter: parameter.kind))


def _annotation(explorer: type, name: str) -> object:
    trait = getattr(explorer, name)
    usual = {traitlets.Bool: bool, traitlets.Unicode: str}.get(type(trait), object)
    return getattr(trait, "holds", usual)


def bound(explorer: type, given: tuple[object, ...], named: Mapping[str, object]) -> dict[str, object]:
    """The settings that a constructor was given, by name; what was given in order comes first."""
    asked = {name: each for name, each in declared(explorer).items() if each.asked}
    in_order = [name for name, each in asked.items() if each.positional]
    if len(given) > len(in_order):
        raise TypeError(
            f"{explorer.__name__}() takes {', '.join(in_order) or 'no settings'} in order, and {len(given)} were given;"
            " name the others"
        )
    found = dict(zip(in_order, given, strict=False))
    twice = found.keys() & named.keys()
    if twice:
        names = ", ".join(sorted(twice))
        raise TypeError(f"{explorer.__name__}() got {names} twice, in order and by name; give it once")
    unknown = named.keys() - asked.keys()
    if unknown:
        raise UnknownSettingError(f"{', '.join(sorted(unknown))} is no setting here; give some of {', '.join(asked)}")
    return {**found, **named}
