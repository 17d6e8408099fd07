"""A network's maps as blocks to scale, side by side, with a way over each block that adds or joins."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2, sqrt

from cnnlab.draw import paper, svg
from cnnlab.draw.network import Line, side_of

MARGIN = 16.0  # px at the sides
TALLEST, BASE, WIDEST = 104.0, 132.0, 34.0  # px: the tallest block, where blocks stand, the widest block
TEXT = 12
SIGNS = {"add": "+", "cat": "∥"}
MEANINGS = {"add": "adds its input", "cat": "joins its parts side by side"}


def strip(lines: Sequence[Line], in_shape: tuple[int, ...]) -> str:
    """Every map as a block: its height by the square root of the side, its width by the logarithm of the channels."""
    drawn = [(number, line) for number, line in enumerate(lines) if line.counted]
    slot = (paper.WIDTH - 2 * MARGIN - 60) / max(1, len(drawn))
    tallest = max([side_of(in_shape), *(line.side for _, line in drawn)])
    most = max([2, in_shape[1], *(line.channels for _, line in drawn)])
    scale = TALLEST / sqrt(tallest), min(WIDEST, 0.72 * slot) / log2(most + 1)
    content = svg.text("height: √ of the map's side, width: log of its channels", MARGIN, 14, TEXT, "muted")
    signs = {line.join for line in lines}
    words = ", ".join(f"{SIGNS[sign]} {meaning}" for sign, meaning in MEANINGS.items() if sign in signs)
    content += svg.text(words, paper.WIDTH - MARGIN, 14, TEXT, "kernel", text_anchor="end") if words else ""
    content += _block(-1, "in", in_shape[1], side_of(in_shape), MARGIN + 22, scale, "input", 1)
    middles = {}
    for place, (number, line) in enumerate(drawn):
        x = middles[number] = MARGIN + 60 + (place + 0.5) * slot
        ink = {"ok": "output", "failed": "error", "after": "line"}[line.state]
        reached = line.state == "ok"
        # What is not reached has its sign where the number of equal blocks would stand.
        size = (line.channels, line.side) if reached else (1, 1)
        content += _block(number, "", *size, x, scale, ink, line.times if reached else 1)
        if not reached:
            content += svg.text("✗" if line.state == "failed" else "·", x, BASE + 16, 13, ink, text_anchor="middle")
    ground = {"x1": MARGIN, "x2": paper.WIDTH - MARGIN, "y1": BASE, "y2": BASE}
    return (
        content
        + svg.tag("line", **ground, stroke=svg.colour("line"))
        + _arcs(lines, middles, scale)
        + _sides(drawn, middles)
    )


def _block(
    number: int, label: str, channels: int, side: int, x: float, scale: tuple[float, float], ink: str, times: int
) -> str:
    height, width = max(2.0, sqrt(side) * scale[0]), max(2.0, log2(channels + 1) * scale[1])
    look = {"stroke": svg.colour(ink), "stroke_width": 1.2, "fill": svg.colour("faint"), "data_block": number}
    drawn = ""
    if times > 1:  # a second one behind it
        drawn = svg.tag("rect", x=x - width / 2 + 3, y=BASE - height - 3, width=width, height=height, **look)
    drawn += svg.tag("rect", x=x - width / 2, y=BASE - height, width=width, height=height, **look)
    below = label or (f"×{times}" if times > 1 else "")
    return drawn + (svg.text(below, x, BASE + 16, TEXT, "muted", text_anchor="middle") if below else "")


def _sides(drawn: Sequence[tuple[int, Line]], middles: dict[int, float]) -> str:
    """The side of the maps below the blocks, where it changes and there is room."""
    content, last, free = "", None, MARGIN + 44.0
    for number, line in drawn:
        if line.state != "ok" or line.shape is None or len(line.shape) < 4 or line.side == last:
            continue
        words, x = f"{line.side} px", middles[number]
        half = svg.text_width(words, 11) / 2
        if x - half >= free:
            content += svg.text(words, x, BASE + 32, 11, "muted", text_anchor="middle")
            last, free = line.side, x + half + 6
    return content


def _arcs(lines: Sequence[Line], middles: dict[int, float], scale: tuple[float, float]) -> str:
    """A way over each block that adds its input, or joins its parts, to its end."""
    content = ""
    for number, line in enumerate(lines):
        if not line.join or line.state != "ok":
            continue
        inner = [middles[i] for i in range(number, number + line.inside + 1) if i in middles]
        if not inner:
            continue
        first, last = (inner[0] - 12, inner[0] + 12) if len(inner) == 1 else (inner[0] - 6, inner[-1] + 2)
        top = max(31.0, BASE - max(8.0, sqrt(line.side) * scale[0]) - 12)  # below the words at the top
        look = {"fill": "none", "stroke": svg.colour("kernel"), "stroke_width": 1.5, "data_join": line.join}
        low, high = top + 8, top - 6
        way = f"M{first:.1f} {low:.1f}C{first:.1f} {high:.1f} {last:.1f} {high:.1f} {last:.1f} {low:.1f}"
        content += svg.tag("path", d=way, **look)
        content += svg.text(
            SIGNS[line.join], (first + last) / 2, top - 4, TEXT, "kernel", text_anchor="middle", font_weight=700
        )
    return content
