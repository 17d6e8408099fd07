"""Who feeds whom, and what it costs: the wires between channels, and bars beside those of a layer in one group."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise, product

from cnnlab.draw import svg
from cnnlab.explore.channels.numbers import Channels

LABEL, WIRE = 12, 24  # px: words, and from one wire to the next


def wiring(layer: Channels, middle: float, bottom: float) -> str:
    """Which input channels feed which output channels, the chosen one's wires in its colour."""
    sides = [(layer.shown, middle - 50), (layer.shown_outputs, middle + 50)]
    tall = max(len(shown) for shown, _ in sides) * WIRE
    y = bottom - tall + WIRE / 2
    spots = [{c: (x, y + (tall - len(shown) * WIRE) / 2 + i * WIRE) for i, c in enumerate(shown)} for shown, x in sides]
    wires = [(c, o) for c, o in product(*spots) if layer.feeds(c, o)]
    each = layer.in_channels // layer.groups
    title = f"each output reads {each} of {layer.in_channels} input{'s' * (layer.in_channels > 1)}"
    lines = "".join(
        _wire(spots[0][c], spots[1][o], o == layer.channel)
        for c, o in sorted(wires, key=lambda w: w[1] == layer.channel)
    )
    dots = "".join(_spot(*spots[side][c], c, ("input", "output")[side]) for side in (0, 1) for c in spots[side])
    gaps = "".join(_gap(spots[side], shown) for side, (shown, _) in enumerate(sides))
    words = svg.text(title, middle, y - 24, LABEL, "muted", text_anchor="middle")
    return words + svg.tag("g", lines + dots + gaps, class_="wiring", data_wires=json.dumps(wires))


def _wire(start: tuple[float, float], end: tuple[float, float], chosen: bool) -> str:
    ends = {"x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1]}
    return svg.tag("line", **ends, stroke=svg.colour("output" if chosen else "line"), stroke_width=2 if chosen else 1.3)


def _spot(x: float, y: float, channel: int, part: str) -> str:
    aside = {"x": x - 12, "text_anchor": "end"} if part == "input" else {"x": x + 12}
    name = svg.text(channel, y=y + 4, size=LABEL, fill=part, **aside)
    return svg.tag("circle", cx=x, cy=y, r=5, fill=svg.colour(part)) + name


def _gap(spots: Mapping[int, tuple[float, float]], shown: Sequence[int]) -> str:
    places = [(spots[one], spots[other]) for one, other in pairwise(shown) if other > one + 1]
    return "".join(svg.text("⋮", a[0], (a[1] + b[1]) / 2 + 5, 14, "muted", text_anchor="middle") for a, b in places)


def bars(costs: Sequence[tuple[str, int, int]], left: float, y: float) -> str:
    """What the layer costs, beside the same layer in one group."""
    return "".join(_bar(name, own, whole, left + i * 430, y + 34) for i, (name, own, whole) in enumerate(costs))


def _bar(name: str, own: int, whole: int, x: float, y: float) -> str:
    content = svg.text(name, x, y, LABEL, "ink", font_weight=600)
    bars = [("this layer", own, "output")] + ([("groups = 1", whole, "muted")] if own != whole else [])
    for i, (label, value, part) in enumerate(bars):
        line, length = y + 22 + i * 24, max(1.0, 180 * value / whole)
        content += svg.text(label, x, line, LABEL, "muted")
        content += svg.tag("rect", x=x + 80, y=line - 11, width=length, height=14, rx=2, fill=svg.colour(part))
        share = f" (1/{whole // own})" if i == 0 and own != whole and whole % own == 0 else ""
        content += svg.text(f"{value:,}{share}", x + 88 + length, line, LABEL, "ink")
    return content
