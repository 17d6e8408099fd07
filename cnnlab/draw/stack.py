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
COLOURS = {"input": "muted", "Conv2d": "kernel", "Linear": "output"}


class Row(Protocol):
    """What is needed of a row of a Trace; shapes are (B, C, H, W) or (B, features)."""

    name: str
    kind: str
    macs: int
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]


def network_picture(rows: Iterable[Row], name: str = "network") -> Picture:
    """The input and what each convolution, pooling and linear layer puts out, from left to right.

    Sides of maps are to scale among maps, lengths of vectors among vectors.
    """
    shown = [row for row in rows if row.macs or "Pool" in row.kind]
    stacks = [("image", "input", shown[0].in_shape[1:])] + [(row.name, row.kind, row.out_shape[1:]) for row in shown]
    scales = {
        rank: TALLEST / max([shape[-1] for _, _, shape in stacks if len(shape) == rank], default=1) for rank in (1, 3)
    }
    parts, left, height = [], 12.0, TALLEST + STEP * MOST_CARDS + 70
    for label, kind, shape in stacks:
        drawing, width = _stack(kind, shape, scales[len(shape)])
        words = [label, " × ".join(map(str, shape))]
        column = max(width, *(svg.text_width(word, SIZE) for word in words))
        middle = left + column / 2
        parts.append(svg.tag("g", drawing, transform=f"translate({middle - width / 2:.1f} {height - 62:.1f})"))
        for i, word in enumerate(words):
            ink = "muted" if i else COLOURS.get(kind, "input")
            parts.append(
                svg.text(
                    word, middle, height - 34.0 + 18 * i, SIZE, ink, text_anchor="middle", font_weight=600 - 200 * i
                )
            )
        left += column + GAP
    return Picture(_paper("".join(parts), left - GAP + 12, float(height), name, stacks), name)


def _stack(kind: str, shape: tuple[int, ...], scale: float) -> tuple[str, float]:
    """Cards for maps or a bar for a vector, standing on y = 0, and the width they take."""
    colour = svg.colour(COLOURS.get(kind, "input"))
    style = {"fill": svg.colour("faint"), "stroke": colour}
    if len(shape) == 1:
        length = max(SHORTEST, shape[0] * scale)
        return svg.tag("rect", x=0, y=-length, width=10, height=length, rx=2, **style), 10.0
    cards = min(shape[0], MOST_CARDS)
    side = max(SHORTEST, shape[-1] * scale)
    tall = max(SHORTEST, shape[-2] * scale)
    # The furthest card first, so that the nearer ones cover it.
    places = [STEP * (cards - 1 - i) for i in range(cards)]
    drawn = [svg.tag("rect", x=p, y=-tall - p, width=side, height=tall, rx=1.5, **style) for p in places]
    return "".join(drawn), side + STEP * (cards - 1)


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
