"""Stacks of convolutions to compare: how they may be written, the named pairs, what each sees and costs.

Maps keep their size throughout.
"""

from __future__ import annotations

import operator
from itertools import groupby
from math import prod
from typing import NamedTuple

import traitlets

from cnnlab import shapes
from cnnlab.explore.compare.picture import Measure, Side
from cnnlab.explore.kit.settings import said

KINDS = ("conv", "depthwise")
MOST_PARTS, WIDEST = 32, 51  # layers of a stack, and px of a field whose every pixel is drawn
COUNTS = {1: "", 2: "two ", 3: "three ", 4: "four ", 5: "five "}


class Part(NamedTuple):
    """A convolution from C channels to C, its map as large as its input; "depthwise" gives every channel its own."""

    kind: str
    kernel: int

    @property
    def name(self) -> str:
        """Kernel, after its kind where that is not the usual."""
        return f"{'depthwise ' * (self.kind == 'depthwise')}{self.kernel}×{self.kernel}"

    @property
    def said(self) -> str:
        """Kind and kernel."""
        return f"{self.kind} {self.kernel}×{self.kernel}"


Stack = tuple[Part, ...]

PAIRS: dict[str, tuple[Stack, Stack]] = {
    "5×5 vs two 3×3": ((Part("conv", 5),), (Part("conv", 3),) * 2),
    "7×7 vs three 3×3": ((Part("conv", 7),), (Part("conv", 3),) * 3),
    "standard vs depthwise separable": ((Part("conv", 3),), (Part("depthwise", 3), Part("conv", 1))),
}


class Parts(traitlets.TraitType):
    """A few convolutions, each a kernel or (kind, kernel)."""

    default_value = (Part("conv", 3),)

    def validate(self, owner: traitlets.HasTraits, value: object) -> Stack:
        try:
            parts = tuple(_part(each) for each in value)
        except (TypeError, ValueError):
            parts = ()
        field = 1 + sum(part.kernel - 1 for part in parts)
        if len(parts) > MOST_PARTS or field > WIDEST:
            raise traitlets.TraitError(
                f"{self.name} of {len(parts):,} layers with a field of {said(field)} px is more than the {MOST_PARTS}"
                f" layers and {WIDEST} px that are drawn here; give fewer or smaller kernels"
            )
        if not parts:
            raise traitlets.TraitError(
                f'{self.name}={said(value)} is no stack; give odd kernels, such as [3, 3] or [("depthwise", 3), 1]'
            )
        return parts


def _part(value: object) -> Part:
    kind, kernel = value if isinstance(value, tuple | list) else ("conv", value)
    # An even kernel cannot keep the size of its map by the same padding on both sides.
    if kind not in KINDS or isinstance(kernel, bool) or operator.index(kernel) < 1 or kernel % 2 == 0:
        raise ValueError
    return Part(kind, operator.index(kernel))


def name_of(parts: Stack) -> str:
    """A stack in a few words.
    >>> name_of((Part("depthwise", 5), Part("conv", 1), Part("conv", 1)))
    'depthwise 5×5 + two 1×1'
    """
    runs = [(part, len(list(run))) for part, run in groupby(parts)]
    return " + ".join(f"{COUNTS.get(count, f'{count} ')}{part.name}" for part, count in runs)


def formula(parts: Stack, rest: str = "", c: str = "C") -> str:
    """Parameters in terms of the channels; with "·H·W" as the rest, multiply-accumulates.
    >>> formula((Part("depthwise", 3), Part("conv", 1))), formula((Part("conv", 3),), "·7²", "10")
    ('C² + 9·C', '9·10²·7²')
    """
    full = sum(part.kernel**2 for part in parts if part.kind == "conv")
    own = sum(part.kernel**2 for part in parts if part.kind == "depthwise")
    powers = ((full, f"{c}²"), (own, c))
    return " + ".join(f"{number}·{power}{rest}".removeprefix("1·") for number, power in powers if number)


# ---- what a stack sees and costs -------------------------------------------------------------------------------------


LONG = 34  # letters of a verdict that has room beside the bars


class Contribution(NamedTuple):
    """What one layer gives its stack: in words, the field without and with it, from where to where it fills a bar."""

    words: str
    before: int
    after: int
    shares: dict[str, tuple[float, float]]


def field_of(parts: Stack) -> shapes.Field:
    """What a unit at the end of the stack sees of the input."""
    return shapes.receptive_field([(part.kernel, 1, part.kernel // 2) for part in parts])


def cost_of(parts: Stack, channels: int, size: int) -> shapes.Cost:
    """Parameters, multiply-accumulates and activation bytes of a stack, for one image.
    >>> cost_of((Part("conv", 3),) * 2, channels=10, size=7).params
    1800
    """
    found = [_cost(part, channels, size) for part in parts]
    return shapes.Cost(*(sum(values) for values in zip(*map(_numbers, found), strict=True)))


def _cost(part: Part, channels: int, size: int) -> shapes.Cost:
    groups = channels if part.kind == "depthwise" else 1
    return shapes.conv_cost(channels, channels, part.kernel, size, groups, bias=False)


def _numbers(cost: shapes.Cost) -> tuple[int, int, int]:
    return cost.params, cost.macs, cost.activation_bytes


# ---- the field -------------------------------------------------------------------------------------------------------


def side_of(parts: Stack) -> Side:
    """What the picture shows of a stack."""
    line = [1]
    for part in parts:
        edge = [0] * (part.kernel - 1)
        padded = [*edge, *line, *edge]
        line = [sum(padded[i : i + part.kernel]) for i in range(len(line) + part.kernel - 1)]
    lines = tuple(f"{number}. {part.said}, ReLU" for number, part in enumerate(parts, 1))
    kernels = tuple(part.kernel for part in parts)
    return Side(name_of(parts), lines, kernels, tuple(tuple(down * across for across in line) for down in line))


def told(sides: tuple[Side, Side], ways: tuple[int, int]) -> str:
    """By how many ways a pixel reaches both units, in words."""
    if not any(ways):
        return "reaches neither unit"
    by = [f"by {n:,} way{'s' * (n > 1)} of {prod(s.kernels) ** 2:,}" for s, n in zip(sides, ways, strict=True)]
    if all(ways):
        return f"reaches the left unit {by[0]} and the right unit {by[1]}"
    if ways[0]:
        return f"reaches the left unit {by[0]} and does not reach the right unit"
    return f"does not reach the left unit and reaches the right unit {by[1]}"


# ---- one layer -------------------------------------------------------------------------------------------------------


def contributions(parts: Stack, side: str, channels: int, size: int) -> list[Contribution]:
    """What each layer of the stack on that side gives."""
    return [_contribution(parts, number, side, channels, size) for number in range(len(parts))]


def _contribution(parts: Stack, number: int, side: str, channels: int, size: int) -> Contribution:
    part, cost = parts[number], _cost(parts[number], channels, size)
    before, after = (field_of(parts[:count]).size for count in (number, number + 1))
    shares = _shares(parts, number, channels, size)
    first, last = shares["parameters"]
    widens = f"widens the field from {before} to {after} px" if part.kernel > 1 else "leaves the field as it is"
    words = (
        f"{part.said}, layer {number + 1} of {len(parts)} of the {side} stack, {widens} and has {formula((part,))} = "
        f"{cost.params:,} of its parameters ({100 * (last - first):.0f} %), {cost.macs:,} MACs and one ReLU"
    )
    return Contribution(words, before, after, shares)


def _shares(parts: Stack, number: int, channels: int, size: int) -> dict[str, tuple[float, float]]:
    """For each measure, the share of the layers before this one, and the share with it."""
    nothing = shapes.Cost(0, 0, 0)
    costs = [cost_of(parts[:count], channels, size) if count else nothing for count in (number, number + 1, len(parts))]
    sums = dict(zip(("parameters", "MACs", "activation bytes"), zip(*map(_numbers, costs), strict=True), strict=True))
    sums["receptive field"] = tuple(field_of(parts[:count]).size for count in (number, number + 1, len(parts)))
    sums["non-linearities"] = (number, number + 1, len(parts))
    return {name: (before / whole, after / whole) for name, (before, after, whole) in sums.items()}


# ---- both stacks -----------------------------------------------------------------------------------------------------


def measures(stacks: tuple[Stack, Stack], channels: int, size: int) -> list[Measure]:
    """What is compared, right against left."""
    costs = [cost_of(parts, channels, size) for parts in stacks]
    works = [_workings(parts, cost, channels, size) for parts, cost in zip(stacks, costs, strict=True)]
    found = {
        "receptive field": [field_of(parts).size for parts in stacks],
        "parameters": [cost.params for cost in costs],
        "MACs": [cost.macs for cost in costs],
        "non-linearities": [len(parts) for parts in stacks],
        "activation bytes": [cost.activation_bytes for cost in costs],
    }
    return [_measure(name, values, stacks, tuple(work[name] for work in works)) for name, values in found.items()]


def _measure(name: str, values: list[int], stacks: tuple[Stack, Stack], workings: tuple[str, str]) -> Measure:
    texts = [f"{value:,}{' px' * (name == 'receptive field')}" for value in values]
    verdict = "the same" if values[0] == values[1] else ratio_of(*values)
    if name == "parameters":
        formulas = [formula(parts) for parts in stacks]
        texts = [f"{each} = {text}" for each, text in zip(formulas, texts, strict=True)]
        verdict = f"{formulas[1]} against {formulas[0]}: {ratio_of(*values)}"
        verdict = verdict if len(verdict) <= LONG else ratio_of(*values)
    return Measure(name, tuple(values), tuple(texts), verdict, workings)


def _workings(parts: Stack, cost: shapes.Cost, c: int, size: int) -> dict[str, str]:
    """For each measure, how its value comes about."""
    count, field = len(parts), field_of(parts).size
    macs = f"{formula(parts, '·H·W')} = {formula(parts, f'·{size}²', str(c))}"
    times = f"{count}·" if count > 1 else ""
    return {
        "receptive field": f"1{''.join(f' + ({part.kernel} − 1)' for part in parts)} = {field} px",
        "parameters": f"{formula(parts)} = {formula(parts, '', str(c))} = {cost.params:,}",
        "MACs": f"{macs} = {cost.macs:,}",
        "non-linearities": f"one ReLU after each convolution: {count}",
        "activation bytes": f"{times}C·H·W·4 bytes = {times}{c}·{size}²·4 = {cost.activation_bytes:,}",
    }


def ratio_of(left: int, right: int) -> str:
    """How many times the left is the right.
    >>> ratio_of(25, 18), ratio_of(441, 1), ratio_of(1, 54)
    ('0.72×', '0.0023×', '54×')
    """
    text = f"{right / left:.2f}" if right * 100 >= left else f"{right / left:.2g}"
    return f"{text.rstrip('0').rstrip('.')}×" if "." in text else f"{text}×"
