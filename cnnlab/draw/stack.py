"""A network as the stacks of maps that its layers put out, drawn to scale: numbers in, SVG out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from cnnlab.draw import svg
from cnnlab.draw.svg import Picture

MOST_CARDS = 16  # maps of a stack that are drawn
STEP = 3  # px from one map of a stack to the next, on both axes
TALLEST, SHORTEST = 110, 7  # px of the largest map or vector, and the least that is still seen
GAP, SIZE = 18, 12  # px between columns; font size
WIDTH, MARGIN, WORDS = 900.0, 12.0, 58.0  # px: the longest line, around the picture, what the words under a stack take
COLOURS = {"input": "muted", "Conv2d": "kernel", "Linear": "output"}


class Row(Protocol):
    """What is needed of a row of a Trace; shapes are (B, C, H, W) or (B, features)."""

    name: str
    kind: str
    macs: int
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]


def network_picture(rows: Iterable[Row], name: str = "network") -> Picture:
    """The input and what each convolution, pooling and linear layer puts out, from left to right and line by line.

    Sides of maps are to scale among maps, lengths of vectors among vectors.
    """
    shown = [row for row in rows if row.macs or "Pool" in row.kind]
    stacks = [("image", "input", shown[0].in_shape[1:])] + [(row.name, row.kind, row.out_shape[1:]) for row in shown]
    scales = {
        rank: TALLEST / max([shape[-1] for _, _, shape in stacks if len(shape) == rank], default=1) for rank in (1, 3)
    }
    lines = _lines([_Column(*stack, scales[len(stack[2])]) for stack in stacks])
    parts, ground = [], 0.0
    for line in lines:
        ground += max(column.height for column in line) + MARGIN
        left = MARGIN
        for column in line:
            parts.append(column.drawn(left + column.width / 2, ground))
            left += column.width + GAP
        ground += WORDS
    width = max(sum(column.width + GAP for column in line) for line in lines) - GAP + 2 * MARGIN
    return Picture(_paper("".join(parts), width, ground, name, stacks), name)


class _Column:
    """One stack with its two words under it."""

    def __init__(self, label: str, kind: str, shape: tuple[int, ...], scale: float) -> None:
        self.kind, self.words = kind, (label, " × ".join(map(str, shape)))
        self.drawing, self.stack_width, self.height = _stack(kind, shape, scale)
        self.width = max(self.stack_width, *(svg.text_width(word, SIZE) for word in self.words))

    def drawn(self, middle: float, ground: float) -> str:
        at = f"translate({middle - self.stack_width / 2:.1f} {ground:.1f})"
        looks = ((COLOURS.get(self.kind, "input"), 600), ("muted", 400))
        words = [
            svg.text(word, middle, ground + 28 + 18 * i, SIZE, ink, text_anchor="middle", font_weight=weight)
            for i, (word, (ink, weight)) in enumerate(zip(self.words, looks, strict=True))
        ]
        return svg.tag("g", self.drawing, transform=at) + "".join(words)


def _lines(columns: list[_Column]) -> list[list[_Column]]:
    """The columns in lines that the page can hold without making their words smaller."""
    lines, left = [[]], 0.0
    for column in columns:
        if lines[-1] and left + column.width > WIDTH - 2 * MARGIN:
            lines.append([])
            left = 0.0
        lines[-1].append(column)
        left += column.width + GAP
    return lines


def _stack(kind: str, shape: tuple[int, ...], scale: float) -> tuple[str, float, float]:
    """Cards for maps or a bar for a vector, standing on y = 0, and the width and height they take."""
    colour = svg.colour(COLOURS.get(kind, "input"))
    style = {"fill": svg.colour("faint"), "stroke": colour}
    if len(shape) == 1:
        length = max(SHORTEST, shape[0] * scale)
        return svg.tag("rect", x=0, y=-length, width=10, height=length, rx=2, **style), 10.0, length
    cards = min(shape[0], MOST_CARDS)
    side = max(SHORTEST, shape[-1] * scale)
    tall = max(SHORTEST, shape[-2] * scale)
    # The furthest card first, so that the nearer ones cover it.
    places = [STEP * (cards - 1 - i) for i in range(cards)]
    drawn = [svg.tag("rect", x=p, y=-tall - p, width=side, height=tall, rx=1.5, **style) for p in places]
    return "".join(drawn), side + STEP * (cards - 1), tall + STEP * (cards - 1)


def _paper(content: str, width: float, height: float, name: str, stacks: list) -> str:
    css = f"@media (prefers-color-scheme: dark){{{svg.dark_css('.cnnlab-stack')}}}"
    paper = svg.tag(
        "rect",
        x=0.5,
        y=0.5,
        width=width - 1,
        height=height - 1,
        rx=8,
        fill=svg.colour("paper"),
        stroke=svg.colour("line"),
        stroke_width=1,
    )
    said = " → ".join(f"{label} {'×'.join(map(str, shape))}" for label, _, shape in stacks)
    return svg.document(paper + content, width, height, name, said, css, class_="cnnlab-stack")
