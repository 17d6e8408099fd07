"""A grid of cells with values on them, for every picture of a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from cnnlab.draw import svg

Pair = tuple[int, int]
Grid = Sequence[Sequence[int]]
MOST_TERMS = 144  # of a sum that is written out
LONGEST, LONGEST_KERNEL, LONGEST_SPAN = 48, 13, 96  # cells along one axis: a map's, a kernel's, a misfit's outline


def by(pair: Pair) -> str:
    """A size in words.
    >>> by((12, 9))
    '12 × 9'
    """
    return f"{pair[0]} × {pair[1]}"


def largest(grid: Grid) -> int:
    """The size of the value furthest from zero, and at least 1.
    >>> largest([[0, -4], [3, 1]])
    4
    """
    return max(1, max(map(max, grid)), -min(map(min, grid)))


def minus(number: object) -> str:
    """With a real minus sign, as wide as a digit.
    >>> minus(-3)
    '−3'
    """
    return str(number).replace("-", "−")


def ends(first: int, last: int, head: int, tail: int, longest: int) -> list[int]:
    """The indices first … last, or where they are more than `longest` only those at the two ends.
    >>> ends(0, 99, 2, 2, longest=40)
    [0, 1, 98, 99]
    """
    if last - first < longest:
        return list(range(first, last + 1))
    return [*range(first, first + head), *range(last + 1 - tail, last + 1)]


SMALLEST_TYPE = 8  # px; below this a value is left out
TITLE, SMALL = 15, 12  # px


@dataclass
class Block:
    """One grid: which indices it shows, what is written on its cells, its labels, and where it stands."""

    part: str
    rows: list[int]
    columns: list[int]
    title: str
    subtitle: str = ""
    note: str = ""
    strings: Mapping[Pair, str] = field(default_factory=dict)
    room: Pair = (0, 0)  # cells to reserve when more than the grid has to fit
    cell: float = 0
    x: float = 0
    y: float = 0

    @cached_property
    def places(self) -> tuple[dict[int, int], dict[int, int]]:
        """Index -> offset in cells, for rows and columns; a left-out stretch takes one cell."""
        return _offsets(self.rows), _offsets(self.columns)

    @cached_property
    def units(self) -> Pair:
        """Height and width in cells."""
        rows, columns = self.places
        return max(rows[self.rows[-1]] + 1, self.room[0]), max(columns[self.columns[-1]] + 1, self.room[1])

    @property
    def width(self) -> float:
        labels = ((self.title, TITLE), (self.subtitle, SMALL), (self.note, SMALL))
        return max(self.units[1] * self.cell, *(svg.text_width(*label) for label in labels))

    @property
    def height(self) -> float:
        return self.units[0] * self.cell

    @property
    def centre(self) -> float:
        return self.x + self.width / 2

    @cached_property
    def left(self) -> float:
        # Asked for by every cell, and only once the block has its place.
        return self.centre - self.units[1] * self.cell / 2

    @cached_property
    def type_size(self) -> float:
        longest = max(1, *map(len, self.strings.values()))  # what lies beyond the padding has no label
        return round(min(15, 0.56 * self.cell, 0.8 * self.cell / (0.64 * longest)), 1)

    def corner(self, row: int, column: int) -> tuple[float, float]:
        """Top left of a cell, in px."""
        rows, columns = self.places
        return self.left + columns[column] * self.cell, self.y + rows[row] * self.cell


def _offsets(indices: list[int]) -> dict[int, int]:
    offsets, at = {}, 0
    for previous, index in zip([indices[0] - 1, *indices], indices, strict=False):
        at += 0 if index == previous + 1 else 1
        offsets[index] = at
        at += 1
    return offsets


def labels(block: Block) -> str:
    """What stands above and below a grid."""
    # Without a subtitle the title comes down to the grid, so that it never seems to hang in the air.
    rise = 30 if block.subtitle else 12
    named = {"text_anchor": "middle"}
    text = svg.text(block.title, block.centre, block.y - rise, TITLE, block.part, font_weight=600, **named)
    if block.subtitle:
        text += svg.text(block.subtitle, block.centre, block.y - 11, SMALL, "muted", **named)
    if block.note:
        text += svg.text(block.note, block.centre, block.y + block.height + 21, SMALL, "muted", **named)
    return text


class Cell(NamedTuple):
    """One cell's square, and what is written on it: drawn apart, so that all labels of a grid share their style."""

    square: str
    label: str


def cell(block: Block, at: Pair, value: object, fill: str, ink: str) -> Cell:
    """One cell and, where it is large enough, what is written on it."""
    x, y = block.corner(*at)
    size, letter = block.cell, block.type_size
    square = (
        f'<rect data-r="{at[0]}" data-c="{at[1]}" data-v="{value}" x="{x:.5g}" y="{y:.5g}" width="{size:g}" '
        f'height="{size:g}" fill="{fill}"/>'
    )
    if letter < SMALLEST_TYPE:
        return Cell(square, "")
    own = "" if ink == svg.colour("ink") else f' fill="{ink}"'
    place = f'x="{x + size / 2:.4g}" y="{y + size / 2 + letter * 0.36:.4g}"'
    return Cell(square, f"<text {place}{own}>{block.strings[at]}</text>")


def group(block: Block, cells: list[Cell], **attributes: object) -> str:
    """Cells with the line they share, and over them their labels in the same order, with the type they share."""
    if not cells:
        return ""
    lines = {"stroke": svg.colour("line"), "stroke_width": min(1.0, block.cell / 14), **attributes}
    drawn = svg.tag("g", "".join(each.square for each in cells), **lines)
    labels = "".join(each.label for each in cells)
    type_ = {"fill": svg.colour("ink"), "text_anchor": "middle", "font_size": block.type_size, "pointer_events": "none"}
    return drawn + (svg.tag("g", labels, class_="labels", **type_) if labels else "")


def ellipses(block: Block) -> str:
    """Dots where a long axis is left out."""
    dots = []
    for places, dot in zip(block.places, "⋮⋯", strict=True):
        taken = set(places.values())
        for gap in (at - 1 for at in taken if at and at - 1 not in taken):
            along = (gap + 0.5) * block.cell
            x = block.left + (along if dot == "⋯" else block.units[1] * block.cell / 2)
            y = block.y + (along if dot == "⋮" else block.height / 2)
            dots.append(svg.text(dot, x, y + 6, 18, "muted", text_anchor="middle"))
    return "".join(dots)


def legend(block: Block, ramp: str, most: int, unit: str) -> str:
    """A strip under a grid that says which colour stands for how many."""
    steps = min(most, svg.LEVELS) + 1
    width, words = 10, f"{most:,} {unit}{'' if most == 1 else 's'}"
    x = block.centre - (steps * width + svg.text_width(words, SMALL) - svg.text_width("0", SMALL)) / 2
    y = block.y + block.height + 21
    fills = [svg.shade(ramp, round(svg.LEVELS * i / max(1, steps - 1))) for i in range(steps)]
    strip = "".join(
        svg.tag("rect", x=x + i * width, y=y - 10, width=width, height=12, fill=fill) for i, fill in enumerate(fills)
    )
    ends = svg.text("0", x - 6 - svg.text_width("0", SMALL), y, SMALL, "muted")
    ends += svg.text(words, x + steps * width + 6, y, SMALL, "muted")
    return svg.tag("g", strip, stroke=svg.colour("line"), stroke_width=0.5, class_="legend") + ends


def frame(block: Block, first: Pair, last: Pair, part: str, **attributes: object) -> str:
    """A frame around the cells from first to last."""
    (x, y), (right, bottom) = block.corner(*first), block.corner(*last)
    size = {"width": right - x + block.cell, "height": bottom - y + block.cell}
    style = {"fill": "none", "stroke": svg.colour(part), "stroke_width": 2.5, "pointer_events": "none"}
    return svg.tag("rect", x=x, y=y, **size, rx=2, **{**style, **attributes})
