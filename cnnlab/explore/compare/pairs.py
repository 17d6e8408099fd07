"""Stacks of convolutions to compare: how they may be written, the named pairs, their names and formulas."""

from __future__ import annotations

import operator
from itertools import groupby
from typing import NamedTuple

import traitlets

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
