"""Two stacks of layers side by side: what each sees, and what each costs in bars. Numbers in, SVG out.

A cell of a field says by how many ways its pixel reaches the unit: one for each combination of taps that leads there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cnnlab.draw import svg

WIDTH, MARGIN = 900, 25
FIELD, TOP = 189, 60  # px: side of the common grid, and where it starts
SIDES = (("input", MARGIN), ("output", 460))  # colour and left edge of each side
WORDS = 14  # px from a field to the words beside it
ROW, BAR, LABELS, LONGEST_BAR, RATIO = 50, 13, 150, 250, 560
SMALLEST_TYPE = 8
LEGEND = "A number says by how many ways its pixel reaches the unit. A grey pair of bars is no difference."


@dataclass(frozen=True)
class Side:
    """One stack: its name, a line for each layer, and the ways by which each pixel reaches a unit."""

    name: str
    layers: tuple[str, ...]
    ways: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Measure:
    """One quantity of both sides: the numbers, how they are written, and what the comparison says."""

    name: str
    values: tuple[int, int]
    texts: tuple[str, str]
    verdict: str


def compare_picture(
    sides: tuple[Side, Side], measures: Sequence[Measure], *, caption: Sequence[str] = (), still: bool = False
) -> str:
    """The whole picture as SVG text. A still picture is on its own paper, with its own dark twin."""
    extent = max(len(side.ways) for side in sides) + 2
    content = "".join(_side(side, ink, left, extent) for side, (ink, left) in zip(sides, SIDES, strict=True))
    content += svg.text(LEGEND, MARGIN, TOP + FIELD + 22, 12, "muted")
    top = TOP + FIELD + 48.0
    content += "".join(_measure(measure, top + i * ROW) for i, measure in enumerate(measures))
    height = top + len(measures) * ROW
    if still:
        content, height = _on_paper(content, height, caption)
    css = f"@media (prefers-color-scheme: dark){{{svg.dark_css('.cnnlab-still')}}}" if still else ""
    kind = "cnnlab-compare cnnlab-still" if still else "cnnlab-compare"
    title = f"{sides[0].name} against {sides[1].name}"
    said = "; ".join(f"{m.name}: {m.texts[0]} against {m.texts[1]}" for m in measures)
    return svg.document(content, WIDTH, height, title, said, css, class_=kind)


def _side(side: Side, ink: str, left: float, extent: int) -> str:
    x = left + FIELD + WORDS
    head = svg.text(side.name, left, 30, 15, ink, font_weight=600)
    size = len(side.ways)
    head += svg.text(f"one unit sees {size} × {size} px", left, TOP - 11, 12, "muted")
    return head + svg.paragraph(side.layers, x, TOP + 14, 13) + _field(side, left, extent)


def _field(side: Side, left: float, extent: int) -> str:
    """The ways of every pixel, in the middle of a grid that both sides share."""
    cell, size = FIELD / extent, len(side.ways)
    before = (extent - size) // 2
    most, digits = max(map(max, side.ways)), len(str(max(map(max, side.ways))))
    letter = round(min(13, 0.56 * cell, 0.8 * cell / (0.64 * digits)), 1)
    cells = []
    for row in range(extent):
        for column in range(extent):
            i, j = row - before, column - before
            ways = side.ways[i][j] if 0 <= i < size and 0 <= j < size else 0
            cells.append(_cell(left + column * cell, TOP + row * cell, cell, ways, most, letter))
    style = {"fill": "none", "stroke": svg.colour("kernel"), "stroke_width": 2.5, "rx": 2, "class_": "field"}
    box = {"x": left + before * cell, "y": TOP + before * cell, "width": size * cell, "height": size * cell}
    lines = {"stroke": svg.colour("line"), "stroke_width": min(1.0, cell / 14), "text_anchor": "middle"}
    return svg.tag("g", "".join(cells), data_size=size, **lines) + svg.tag("rect", **box, **style)


def _cell(x: float, y: float, cell: float, ways: int, most: int, letter: float) -> str:
    fill = svg.shade("grey", round(svg.LEVELS * ways / most)) if ways else svg.colour("paper")
    square = svg.tag("rect", x=x, y=y, width=cell, height=cell, fill=fill, data_ways=ways)
    if not ways or letter < SMALLEST_TYPE:
        return square
    return square + svg.text(ways, x + cell / 2, y + cell / 2 + letter * 0.36, letter, stroke="none")


def _measure(measure: Measure, top: float) -> str:
    """A name, a bar for each side to one scale, and the verdict."""
    same = measure.values[0] == measure.values[1]
    drawn = svg.text(measure.name, MARGIN, top + 20, 13, "ink", font_weight=600)
    for index, (value, text) in enumerate(zip(measure.values, measure.texts, strict=True)):
        y = top + index * (BAR + 5)
        length = max(1.0, LONGEST_BAR * value / max(1, *measure.values))
        look = {"fill": svg.colour("muted" if same else SIDES[index][0]), "rx": 2, "class_": "bar"}
        drawn += svg.tag("rect", x=MARGIN + LABELS, y=y, width=length, height=BAR, data_value=value, **look)
        drawn += svg.text(text, MARGIN + LABELS + length + 8, y + BAR - 2, 12)
    return drawn + svg.text(measure.verdict, RATIO + MARGIN, top + 20, 13, "muted" if same else "ink")


def _on_paper(content: str, height: float, caption: Sequence[str]) -> tuple[str, float]:
    lines = [line for each in caption for line in svg.wrap(each, WIDTH - 2 * MARGIN, 13)]
    words = svg.paragraph(lines, MARGIN, height + 14, 13)
    height += len(lines) * 19.5 + 8
    paper = {"fill": svg.colour("paper"), "stroke": svg.colour("line"), "rx": 8}
    return svg.tag("rect", x=0.5, y=0.5, width=WIDTH - 1, height=height - 1, **paper) + content + words, height
