"""Two stacks of layers side by side: what each sees, and what each costs in bars. Numbers in, SVG out.

A cell of a field says by how many ways its pixel reaches the unit: one for each combination of taps that leads there.
Pixels are named by their offset (row, column) from the unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cnnlab.draw import paper, svg

MARGIN = 25
FIELD, TOP = 189, 60  # px: side of the common grid, and where it starts
SIDES = (("input", MARGIN), ("output", 460))  # colour and left edge of each side
WORDS, LINE, MOST_LINES = 14, 19.5, 9  # px from a field to the layers beside it, px of a line, lines beside a field
ROW, BAR, LABELS, LONGEST_BAR, RATIO = 50, 13, 150, 220, 580
LONGEST_NAME = 46  # letters
SMALLEST_TYPE = 8
LEGEND = (
    "A number says by how many ways its pixel reaches the unit. A marked corner: only this side sees the pixel.",
    "≠ marks what differs; grey bars are no difference.",
)


@dataclass(frozen=True)
class Side:
    """One stack: its name, a line for each layer, their kernels, and the ways by which each pixel reaches a unit."""

    name: str
    layers: tuple[str, ...]
    kernels: tuple[int, ...]
    ways: tuple[tuple[int, ...], ...]

    def at(self, row: int, column: int) -> int:
        """The ways of the pixel at this offset; 0 beyond the field."""
        i, j = (offset + len(self.ways) // 2 for offset in (row, column))
        return self.ways[i][j] if 0 <= i < len(self.ways) and 0 <= j < len(self.ways) else 0


@dataclass(frozen=True)
class Measure:
    """One quantity of both sides: the numbers, how they are written and come about, and what the comparison says."""

    name: str
    values: tuple[int, int]
    texts: tuple[str, str]
    verdict: str
    workings: tuple[str, str] = ("", "")


def compare_picture(
    sides: tuple[Side, Side],
    measures: Sequence[Measure],
    *,
    pixel: tuple[int, int] | None = None,
    caption: Sequence[str] = (),
    still: bool = False,
) -> str:
    """The whole picture as SVG text; `pixel` is marked in both fields. A still picture is on its own paper."""
    extent = max(len(side.ways) for side in sides) + 2
    content = "".join(_side(sides, index, extent, pixel) for index in (0, 1))
    content += svg.paragraph(LEGEND, MARGIN, TOP + FIELD + 22, 12, fill="muted")
    top = TOP + FIELD + 66.0
    content += "".join(_measure(measure, i, top + i * ROW) for i, measure in enumerate(measures))
    said = "; ".join(f"{m.name}: {m.texts[0]} against {m.texts[1]}" for m in measures)
    words = f"{sides[0].name} against {sides[1].name}", said
    height = top + len(measures) * ROW
    return paper.document(content, height, words, "cnnlab-compare", caption=caption, still=still)


# ---- a stack and its field -------------------------------------------------------------------------------------------


def _side(sides: tuple[Side, Side], index: int, extent: int, pixel: tuple[int, int] | None) -> str:
    side, (ink, left) = sides[index], SIDES[index]
    name = side.name if len(side.name) <= LONGEST_NAME else f"{side.name[: LONGEST_NAME - 1].rstrip(' +')}…"
    head = svg.text(name, left, 30, 15, ink, font_weight=600)
    size = len(side.ways)
    head += svg.text(f"one unit sees {size} × {size} px", left, TOP - 11, 12, "muted")
    return head + _layers(side, index, left + FIELD + WORDS) + _field(sides, index, extent, pixel)


def _layers(side: Side, index: int, x: float) -> str:
    """A line for each layer, and over it what a pointer can hit."""
    fits = len(side.layers) if len(side.layers) <= MOST_LINES else MOST_LINES - 1
    more = [f"… and {len(side.layers) - fits} more"] * (fits < len(side.layers))
    hits = ""
    for number in range(fits):
        place = {"x": x - 6, "y": TOP + number * LINE, "width": SIDES[1][1] - SIDES[0][1] - FIELD - WORDS - 16}
        hits += svg.tag("rect", **place, height=LINE, **_hit(data_side=index, data_layer=number))
    return svg.paragraph([*side.layers[:fits], *more], x, TOP + 14, 13) + hits


def _hit(**data: int) -> dict[str, object]:
    return {"class_": "hit", "fill": "none", "pointer_events": "all", "rx": 4, **data}


def _field(sides: tuple[Side, Side], index: int, extent: int, pixel: tuple[int, int] | None) -> str:
    """The ways of every pixel, in the middle of a grid that both sides share."""
    side, left = sides[index], SIDES[index][1]
    cell, size, half = FIELD / extent, len(side.ways), extent // 2
    most, digits = max(map(max, side.ways)), len(str(max(map(max, side.ways))))
    letter = round(min(13, 0.56 * cell, 0.8 * cell / (0.64 * digits)), 1)
    cells, corners = [], []
    for row in range(-half, half + 1):
        for column in range(-half, half + 1):
            x, y, ways = left + (column + half) * cell, TOP + (row + half) * cell, side.at(row, column)
            cells.append(_cell(x, y, cell, ways, most, letter))
            if ways and not sides[1 - index].at(row, column):
                corners.append(f"M{x + cell:.5g} {y:.5g}v{cell * 0.32:.3g}l{-cell * 0.32:.3g} {-cell * 0.32:.3g}z")
    lines = {"stroke": svg.colour("line"), "stroke_width": min(1.0, cell / 14), "text_anchor": "middle"}
    about = {"data_size": size, "data_side": index, "data_extent": extent, "data_cell": cell}
    about |= {"data_x": left, "data_y": TOP, "data_kernels": ",".join(map(str, side.kernels))}
    drawn = svg.tag("g", "".join(cells), **about, **lines) + _only(corners, SIDES[index][0])
    start = half - size // 2
    drawn += _outline(left + start * cell, TOP + start * cell, size * cell, "kernel", "field")
    if pixel and max(map(abs, pixel)) <= half:
        drawn += _outline(left + (pixel[1] + half) * cell, TOP + (pixel[0] + half) * cell, cell, "ink", "pixel")
    return drawn


def _only(corners: Sequence[str], ink: str) -> str:
    """Marks on the pixels that the other side does not see."""
    look = {"fill": svg.colour(ink), "pointer_events": "none", "class_": "only", "data_count": len(corners)}
    return svg.tag("path", d="".join(corners), **look) if corners else ""


def _outline(x: float, y: float, side: float, ink: str, kind: str) -> str:
    look = {"fill": "none", "stroke": svg.colour(ink), "stroke_width": 2.5, "rx": 2, "pointer_events": "none"}
    return svg.tag("rect", x=x, y=y, width=side, height=side, **look, class_=kind)


def _cell(x: float, y: float, cell: float, ways: int, most: int, letter: float) -> str:
    fill = svg.shade("grey", round(svg.LEVELS * ways / most)) if ways else svg.colour("paper")
    square = svg.tag("rect", x=x, y=y, width=cell, height=cell, fill=fill, data_ways=ways)
    if not ways or letter < SMALLEST_TYPE:
        return square
    label = {"stroke": "none", "pointer_events": "none"}
    return square + svg.text(ways, x + cell / 2, y + cell / 2 + letter * 0.36, letter, **label)


# ---- bars ------------------------------------------------------------------------------------------------------------


def _measure(measure: Measure, number: int, top: float) -> str:
    """A name, a bar for each side to one scale, whether they differ, and the verdict."""
    same = measure.values[0] == measure.values[1]
    drawn = svg.text(measure.name, MARGIN, top + 20, 13, "ink", font_weight=600)
    for index, (value, text) in enumerate(zip(measure.values, measure.texts, strict=True)):
        y = top + index * (BAR + 5)
        length = max(1.0, LONGEST_BAR * value / max(1, *measure.values))
        look = {"fill": svg.colour("muted" if same else SIDES[index][0]), "rx": 2, "class_": "bar"}
        about = {"data_value": value, "data_side": index, "data_bar": measure.name}
        drawn += svg.tag("rect", x=MARGIN + LABELS, y=y, width=length, height=BAR, **about, **look)
        drawn += svg.text(text, MARGIN + LABELS + length + 8, y + BAR - 2, 12)
    mark, ink = ("=", "muted") if same else ("≠", "kernel")
    drawn += svg.text(mark, MARGIN + RATIO, top + 20, 15, ink, font_weight=600, class_="differs")
    drawn += svg.text(measure.verdict, MARGIN + RATIO + 20, top + 20, 13, "muted" if same else "ink")
    box = {"x": MARGIN - 9, "y": top - 8, "width": paper.WIDTH - 2 * MARGIN + 18, "height": ROW - 4}
    return drawn + svg.tag("rect", **box, **_hit(data_measure=number))
