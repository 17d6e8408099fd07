"""The two kinds of layer a ConvExplorer shows: what the ordinary convolution and the transposed one do differently."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cnnlab import shapes
from cnnlab.draw.grid import Pair
from cnnlab.explore.conv import guess, transposed
from cnnlab.explore.conv.compute import correlate, stamp
from cnnlab.explore.conv.facts import FORMULAS, TRANSPOSED_FORMULAS
from cnnlab.explore.conv.guess import Rules
from cnnlab.explore.conv.numbers import Conv
from cnnlab.explore.conv.picture import conv_picture, window_sum
from cnnlab.explore.conv.transposed_numbers import Transposed
from cnnlab.explore.conv.transposed_picture import stamp_sum, transposed_picture
from cnnlab.explore.kit.base import Setting, pair

SHORT = {"size": "size", "kernel": "kernel_size", "padding": "padding", "dilation": "dilation"}
ORDER = ("padding", "dilation", "kernel_size", "size")  # the mildest change first


@dataclass(frozen=True)
class Kind:
    """One kind of layer. `settings` are the names of what its arithmetic takes along one axis, in that order."""

    layer: str
    settings: tuple[str, ...]
    out_size: Callable[..., int]
    remedies: Callable[..., list[dict[str, int]]]
    rules: Rules
    numbers: type[Conv]
    values: Callable[..., list]
    picture: Callable[..., str]
    written_out: Callable[[Conv, Pair], str]
    formulas: list[tuple[str, str]]


def _conv_remedies(*axis: int) -> list[dict[str, int]]:
    found = [{SHORT[name]: value for name, value in fix.items()} for fix in shapes.remedies(*axis)]
    return sorted(found, key=lambda fix: ORDER.index(next(iter(fix))))


CONV = Kind(
    "nn.Conv2d",
    ("size", "kernel_size", "stride", "padding", "dilation"),
    shapes.out_size,
    _conv_remedies,
    guess.CONV,
    Conv,
    correlate,
    conv_picture,
    window_sum,
    FORMULAS,
)
TRANSPOSED = Kind(
    "nn.ConvTranspose2d",
    transposed.NAMES,
    shapes.transposed_out_size,
    transposed.remedies,
    transposed.RULES,
    Transposed,
    stamp,
    transposed_picture,
    stamp_sum,
    TRANSPOSED_FORMULAS,
)


def short(value: Setting, always: bool = False) -> str:
    """A setting in few characters: one number where both sides agree, unless a size is to be seen as one.
    >>> short((3, 5)), short(3), short(3, always=True)
    ('3×5', '3', '3×3')
    """
    height, width = pair(value)
    return f"{height}×{width}" if always or height != width else str(height)


def offers(
    kind: Kind, axes: tuple[tuple[int, ...], ...], now: dict[str, Setting]
) -> list[tuple[dict[str, Setting], str]]:
    """The nearest settings that work, each with its label; empty where the present ones do.
    >>> offers(CONV, ((2, 3, 1, 0, 1), (4, 3, 1, 0, 1)), {"size": (2, 4), "kernel_size": 3, "padding": 0})[0]
    ({'padding': (1, 0)}, 'padding = 1×0')
    """
    # What mends one axis, under the names it changes: both axes get the same kind of change.
    mends = [{tuple(fix): fix for fix in kind.remedies(*axis)} for axis in axes]
    broken = [mend for mend in mends if mend]
    if not broken:
        return []
    both = [names for names in broken[0] if all(names in mend for mend in broken)]
    changes = [[mend.get(names, {}) for mend in mends] for names in both]
    # Broken in two ways, each axis gets what mends it first.
    return [_offer(change, now) for change in changes or [[next(iter(mend.values())) for mend in mends]]]


def _offer(fixes: list[dict[str, int]], now: dict[str, Setting]) -> tuple[dict[str, Setting], str]:
    change = {}
    for name in dict.fromkeys(name for fix in fixes for name in fix):
        sides = zip(fixes, pair(now[name]), strict=True)
        change[name] = tuple(fix.get(name, side) for fix, side in sides)
    return change, ", ".join(f"{name} = {short(value)}" for name, value in change.items())
