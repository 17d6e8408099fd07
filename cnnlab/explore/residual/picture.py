"""Plain and residual beside each other: chains of blocks, gradients and values by block, on log scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10

from cnnlab.draw import paper, svg

TEXT, MARGIN = 12, 20.0
CHAIN, PANEL, TALL = 62.0, 168.0, 210.0  # px: the chains, the panels' top and height
SIDES = {"gradients": (86.0, 470.0), "values": (580.0, 872.0)}
LOOKS = {"plain": ("kernel", "6 4", "□"), "residual": ("output", None, "○")}
MOST = 12  # blocks drawn in a chain
Pair = tuple[Sequence[float], Sequence[float]]


def residual_picture(
    nets: Mapping[str, Pair],
    stories: Mapping[str, str],
    title: str,
    *,
    caption: Sequence[str] = (),
    still: bool = False,
) -> str:
    """The whole picture as SVG text. nets: for "plain" and "residual" gradients and values by block."""
    depth = len(next(iter(nets.values()))[1])
    content = "".join(_chain(name, depth, CHAIN - 20 + 46 * row, stories[name]) for row, name in enumerate(nets))
    heads = (
        ("gradients", "gradient at each block's end", "block"),
        ("values", "values after each block", "block"),
    )
    for place, (name, head, unit) in enumerate(heads):
        lines = {net: pair[place] for net, pair in nets.items()}
        content += _panel(SIDES[name], head, unit, lines, stories)
    said = "; ".join(stories.values())
    return paper.document(content, PANEL + TALL + 56, (title, said), "cnnlab-residual", caption=caption, still=still)


def _chain(name: str, depth: int, y: float, story: str) -> str:
    """A row of blocks, with a way round each where there are shortcuts."""
    ink, _, sign = LOOKS[name]
    shown, x = min(depth, MOST), 130.0
    step = (paper.WIDTH - x - 104) / shown
    box = {"x": MARGIN - 8, "y": y - 22, "width": 876.0, "height": 42, "rx": 4}
    content = svg.tag("rect", **box, fill="none", class_="back")
    content += svg.text(f"{sign} {name}", MARGIN, y + 4, 13, ink, font_weight=600)
    content += svg.tag("line", x1=x - 20, x2=x + shown * step, y1=y, y2=y, stroke=svg.colour("line"), stroke_width=1.5)
    for place in range(shown):
        left = x + place * step
        look = {"fill": svg.colour("faint"), "stroke": svg.colour(ink), "rx": 3, "data_step": place + 1}
        content += svg.tag("rect", x=left, y=y - 8, width=step * 0.6, height=16, **look)
        if name == "residual":
            ends = left - step * 0.16, left - step * 0.1, left + step * 0.72, left + step * 0.76
            way = "M{:.1f} {y:.1f}C{:.1f} {top:.1f} {:.1f} {top:.1f} {:.1f} {y:.1f}".format(*ends, y=y, top=y - 26)
            content += svg.tag(
                "path", d=way, fill="none", stroke=svg.colour(ink), stroke_width=1.5, data_shortcut=place + 1
            )
    more = f"… {depth} blocks" if depth > shown else f"{depth} block{'s' * (depth > 1)}"
    content += svg.text(more, 884, y + 4, TEXT, "muted", text_anchor="end")
    return svg.tag("g", content, data_said=story)


def _panel(
    sides: tuple[float, float], head: str, unit: str, lines: Mapping[str, Sequence[float]], stories: Mapping[str, str]
) -> str:
    left, right = sides
    known = [log10(value) for values in lines.values() for value in values if value > 0] or [0.0]
    low, high = floor(min(known) - 0.05), ceil(max(known) + 0.05)
    high = max(high, low + 1)
    count = max(2, max(map(len, lines.values())))

    def at(number: int, value: float) -> tuple[float, float]:
        height = (log10(value) - low) / (high - low) if value > 0 else 0.0
        return left + (right - left) * (number - 1) / (count - 1), PANEL + TALL * (1 - height)

    content = svg.text(head, left, PANEL - 12, 13, font_weight=600)
    every = max(1, ceil((high - low) / 8))
    for power in range(low, high + 1, every):
        y = at(1, 10.0**power)[1]
        content += svg.tag("line", x1=left, x2=right, y1=y, y2=y, stroke=svg.colour("line"), stroke_width=0.5)
        content += svg.text(_power(power), left - 10, y + 4, TEXT, "muted", text_anchor="end")
    for number in sorted({1, (count + 1) // 2, count}):
        content += svg.text(number, at(number, 1)[0], PANEL + TALL + 18, TEXT, "muted", text_anchor="middle")
    content += svg.text(unit, (left + right) / 2, PANEL + TALL + 38, TEXT, "muted", text_anchor="middle")
    drawn = "".join(_line(name, values, at, stories[name]) for name, values in lines.items())
    silent = any(value == 0 for values in lines.values() for value in values)
    note = svg.text("×: none at all", right, PANEL - 12, TEXT, "muted", text_anchor="end") if silent else ""
    return content + drawn + note


def _power(power: int) -> str:
    return f"{10.0**power:g}" if -3 <= power <= 4 else f"1e{power}".replace("-", "−")


def _line(name: str, values: Sequence[float], at, story: str) -> str:
    ink, dash, _ = LOOKS[name]
    places = [at(number, value) for number, value in enumerate(values, 1) if value > 0]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    look = {"fill": "none", "stroke": svg.colour(ink), "stroke_width": 2, "stroke_dasharray": dash}
    content = svg.tag("polyline", points=path, **look, class_="back", data_net=name) if places else ""
    for number, value in enumerate(values, 1):
        x, y = at(number, value)
        if value == 0:
            content += svg.text("×", x, y + 4, 13, ink, text_anchor="middle")
        elif len(values) <= 40:
            shape = {
                "fill": svg.colour("paper"),
                "stroke": svg.colour(ink),
                "stroke_width": 1.5,
                "data_value": f"{value:.6g}",
            }
            square = {"x": x - 3, "y": y - 3, "width": 6, "height": 6}
            content += (
                svg.tag("rect", **square, **shape) if name == "plain" else svg.tag("circle", cx=x, cy=y, r=3, **shape)
            )
    return svg.tag("g", content, data_said=story)
