"""A chain of layers in numbers and words, for the pictures of receptive fields. Maps and windows are square.

Map 0 is the input; map i is what layer i puts out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from cnnlab import shapes

Unit = tuple[int, int, int]  # number of a map, row, column
Stretch = tuple[int, int]  # first and last


class Step(NamedTuple):
    """One layer of a chain: a convolution ("conv") or a pooling ("pool")."""

    kind: str
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    @property
    def name(self) -> str:
        """Kind and kernel, such as conv 3×3."""
        return f"{self.kind} {self.kernel}×{self.kernel}"

    @property
    def settings(self) -> str:
        """What differs from stride 1, padding 0 and dilation 1, in words."""
        usual = {"stride": 1, "padding": 0, "dilation": 1}
        return ", ".join(f"{key} {getattr(self, key)}" for key, value in usual.items() if getattr(self, key) != value)

    def out_size(self, size: int) -> int:
        """Side of the map that this layer makes of one of `size` px."""
        rule = shapes.pool_out_size if self.kind == "pool" else shapes.out_size
        return rule(size, *self[1:])


class Reach(NamedTuple):
    """What unit 0 of one map sees of an earlier map, along one axis; unit i sees the same, i steps on.

    Padding counts as if it saw on: at the border, less of the input may arrive than the field holds.
    """

    first: int
    last: int
    step: int
    gaps: tuple[Stretch, ...] = ()

    def at(self, index: int) -> Stretch:
        """First and last position that unit `index` sees."""
        return self.first + index * self.step, self.last + index * self.step


@dataclass(frozen=True)
class Chain:
    """An input of size × size px and the layers after it, up to the first that cannot exist."""

    size: int
    steps: tuple[Step, ...]

    @cached_property
    def _solved(self) -> tuple[list[int], str | None]:
        sizes = [self.size]
        for step in self.steps:
            try:
                sizes.append(step.out_size(sizes[-1]))
            except shapes.ShapeError as error:
                words = f" ({step.settings})" if step.settings else ""
                return sizes, f"layer {len(sizes)}, {step.name}{words}: {error}"
        return sizes, None

    @property
    def sizes(self) -> list[int]:
        """Sides of the maps, the input's first."""
        return self._solved[0]

    @property
    def error(self) -> str | None:
        """Which layer cannot exist, and why; None where all do."""
        return self._solved[1]

    @property
    def failed(self) -> int | None:
        """The number of the layer that cannot exist, counted from 1."""
        return len(self.sizes) if self.error else None

    @cached_property
    def fields(self) -> list[shapes.Field]:
        """What a unit of each map sees of the input, the input's own first."""
        working = self.steps[: len(self.sizes) - 1]
        return [shapes.Field(), *shapes.receptive_fields([step[1:] for step in working])]

    @cached_property
    def reach(self) -> list[list[Reach]]:
        """For each map, what its unit 0 sees of every map up to its own."""
        return [self._reach(number) for number in range(len(self.sizes))]

    def _reach(self, number: int) -> list[Reach]:
        seen, advance = [0], 1
        found = [Reach(0, 0, 1)]
        for _, kernel, stride, padding, dilation in reversed(self.steps[:number]):
            seen = sorted({i * stride - padding + tap * dilation for i in seen for tap in range(kernel)})
            advance *= stride
            found.append(Reach(seen[0], seen[-1], advance, gaps_in(seen)))
        return found[::-1]

    @property
    def default_unit(self) -> Unit:
        """The middle of the last map."""
        middle = (self.sizes[-1] - 1) // 2
        return len(self.sizes) - 1, middle, middle

    def place(self, number: int) -> tuple[float, float]:
        """Where map `number` lies over the input: left edge and side of a unit, in input pixels.

        A unit is as large as the jump to its neighbour, and centred where it looks.
        """
        field = self.fields[number]
        return field.start + 0.5 - field.jump / 2, field.jump


def gaps_in(positions: list[int]) -> tuple[Stretch, ...]:
    """The stretches left out between ascending positions.
    >>> gaps_in([0, 1, 4, 6])
    ((2, 3), (5, 5))
    """
    return tuple((before + 1, after - 1) for before, after in pairwise(positions) if after > before + 1)


def sight(chain: Chain, unit: Unit) -> str:
    """What one unit sees, in a sentence.
    >>> sight(Chain(28, (Step("conv", 3), Step("conv", 3))), (2, 4, 6))
    'Unit (4, 6) of layer 2, conv 3×3, sees 5 × 5 px: rows 4 to 8, columns 6 to 10.'
    """
    number, row, column = unit
    if number == 0:
        return f"There is no layer: a pixel of the {chain.size} × {chain.size} input sees itself."
    reach = chain.reach[number][0]
    rows, columns = reach.at(row), reach.at(column)
    side = reach.last - reach.first + 1
    text = f"Unit ({row}, {column}) of layer {number}, {chain.steps[number - 1].name}, sees {side} × {side} px: "
    text += f"rows {_minus(rows[0])} to {_minus(rows[1])}, columns {_minus(columns[0])} to {_minus(columns[1])}"
    beyond = min(rows[0], columns[0]) < 0 or max(rows[1], columns[1]) >= chain.size
    wide = f", larger than the {chain.size} × {chain.size} input" if side > chain.size else ""
    return f"{text}{wide}{', padding included' if beyond else ''}."


def _minus(number: int) -> str:
    return str(number).replace("-", "−")
