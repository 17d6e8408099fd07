"""A whole network as one picture: its maps as blocks to scale, and below a line for each layer with what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2, sqrt

from cnnlab.draw import paper, svg
from cnnlab.draw.network import SEES_ALL, Line, field_words, memory, said, shape_words, short, side_of

STRIP, LINE = 172.0, 23.0  # px: height of the row of blocks, from line to line
# Column: its left, its right, in px. Numbers stand at the right, bars below them.
COLUMNS = {"parameters": (456, 566), "MACs": (582, 684), "memory": (700, 790), "field": (806, 884)}
KIND, SHAPE = 226, 354
AXES = {2: "", 3: "C × L", 4: "C × H × W", 5: "C×D×H×W"}  # of an output, by the number of the input's
INKS = {"parameters": "kernel", "MACs": "output", "memory": "input"}


def architecture_picture(
    lines: Sequence[Line],
    title: str,
    in_shape: tuple[int, ...],
    *,
    chosen: str = "",
    error: str | None = None,
    caption: Sequence[str] = (),
    still: bool = False,
) -> str:
    """The whole picture as SVG text. `chosen` is the path of the layer that is being changed."""
    top = STRIP + 30
    content = strip(lines, in_shape) + _head(top, AXES.get(len(in_shape), AXES[4]))
    sums = {name: max(1, sum(_values(line)[name] for line in lines if line.counted)) for name in INKS}
    before = dict.fromkeys(INKS, 0)
    for number, line in enumerate(lines):
        y = top + 12 + number * LINE
        content += _row(line, number, y, before, sums, chosen)
        if line.counted:
            before = {name: before[name] + _values(line)[name] for name in INKS}
    content += _brackets(lines, top + 12)
    height = top + 12 + len(lines) * LINE
    content += _total(lines, height)
    height += LINE + 8
    if any(line.sees_all for line in lines):
        content += svg.text(f"{SEES_ALL} a unit sees the whole image", MARGIN, height + 6, TEXT, "muted")
    content += svg.text(
        "bars: the share of this line, after those of the lines above it", COLUMNS["field"][1], height + 6, TEXT,
        "muted", text_anchor="end",
    )  # fmt: skip
    height += 18
    if error:
        width = paper.WIDTH - 2 * MARGIN
        box_height = len(svg.wrap(f"{error}.", width - 28, 13)) * 19.5 + 50
        inks = "error", "error-back"  # not paper.refusal: a layer's name keeps its small letter
        content += paper.message("✗ No output", f"{error}.", MARGIN, height + 6 + box_height / 2, width, inks)
        height += box_height + 14
    words = title, "; ".join(map(said, lines))
    return paper.document(content, height, words, "cnnlab-architecture", caption=caption, still=still)


def _values(line: Line) -> dict[str, int]:
    return {"parameters": line.params, "MACs": line.macs, "memory": line.bytes}


# ---- the lines -------------------------------------------------------------------------------------------------------


def _head(y: float, axes: str) -> str:
    content = svg.text("layer", MARGIN + 14, y, TEXT, "muted") + svg.text("kind", KIND, y, TEXT, "muted")
    content += svg.text(f"output {axes}", SHAPE, y, TEXT, "muted")
    units = {"field": "field, px", "memory": "memory"}
    for name, (_, right) in COLUMNS.items():
        content += svg.text(units.get(name, name), right, y, TEXT, "muted", text_anchor="end")
    return content + _rule(y + 6)


def _rule(y: float) -> str:
    return svg.tag("line", x1=MARGIN, x2=paper.WIDTH - MARGIN, y1=y, y2=y, stroke=svg.colour("line"))


def _row(line: Line, number: int, y: float, before: dict[str, int], sums: dict[str, int], chosen: str) -> str:
    ink = {"ok": "ink", "failed": "error", "after": "muted"}[line.state]
    back = "error-back" if line.state == "failed" else "faint" if line.path == chosen and not line.fold else None
    box = {"x": MARGIN - 6, "y": y - 1, "width": paper.WIDTH - 2 * MARGIN + 12, "height": LINE - 1, "rx": 4}
    content = svg.tag("rect", **box, fill=svg.colour(back) if back else "none", class_="back")
    base, x = y + 14, MARGIN + 14 + 14 * line.depth
    mark = {"open": "▾", "folded": "▸", "": ""}[line.fold] if line.state != "failed" or line.fold else "✗"
    if mark:
        content += svg.text(mark, x - 13, base, TEXT, ink if line.state == "failed" else "muted", class_="fold")
    weight = {"font_weight": 600} if line.fold or line.path == chosen else {}
    name = f"{line.name} ×{line.times}" if line.times > 1 else line.name
    content += svg.text(_cut(name, KIND - x - (24 if line.join else 6)), x, base, TEXT, ink, **weight)
    content += svg.text(_cut(line.kind, SHAPE - KIND - 8), KIND, base, TEXT, "muted" if line.state != "failed" else ink)
    content += svg.text(_shape_of(line), SHAPE, base, TEXT, ink)
    if line.state == "ok" and line.counted:
        content += _numbers(line, base, before, sums)
    about = {"class_": "line", "data_line": number, "data_key": line.key, "data_path": line.path}
    return svg.tag("g", content, **about, data_fold=line.fold or None, data_said=said(line))


def _shape_of(line: Line) -> str:
    words = shape_words(line.shape)
    words = words if svg.text_width(words, TEXT) < COLUMNS["parameters"][0] - SHAPE else words.replace(" ", "")
    return {"failed": "refuses its input", "after": "not reached"}.get(line.state, words)


def _cut(words: str, width: float) -> str:
    most = int(width / (TEXT * 0.58))
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _numbers(line: Line, base: float, before: dict[str, int], sums: dict[str, int]) -> str:
    content = ""
    for name, value in _values(line).items():
        left, right = COLUMNS[name]
        words = memory(value) if name == "memory" else short(value)
        content += svg.text(words if value else "–", right, base, TEXT, "ink" if value else "muted", text_anchor="end")
        start = left + (right - left) * before[name] / sums[name]
        length = (right - left) * value / sums[name]
        bar = {"y": base + 3, "height": 3}
        content += svg.tag("rect", x=float(left), width=max(0.0, start - left), **bar, fill=svg.colour("line"))
        if value:
            place = {"x": start, "width": max(1.0, length), **bar}
            content += svg.tag("rect", **place, fill=svg.colour(INKS[name]), data_bar=name, data_value=value)
    weight = {"font_weight": 600} if line.sees_all else {}
    return content + svg.text(field_words(line), COLUMNS["field"][1], base, TEXT, "ink", text_anchor="end", **weight)


def _brackets(lines: Sequence[Line], top: float) -> str:
    """Beside the lines of an open block: what its end does with its beginning; beside a folded one the sign alone."""
    content = ""
    for number, line in enumerate(lines):
        if not line.join or line.state != "ok":
            continue
        x, y = MARGIN - 3 + 14 * line.depth, top + number * LINE
        if line.inside:
            bottom = y + (line.inside + 0.5) * LINE
            look = {"fill": "none", "stroke": svg.colour("kernel"), "stroke_width": 1.5, "data_join": line.join}
            content += svg.tag("path", d=f"M{x + 4:.1f} {y + LINE:.1f}H{x:.1f}V{bottom:.1f}H{x + 4:.1f}", **look)
        sign_x = KIND - 12
        content += svg.text(SIGNS[line.join], sign_x, y + 14, 13, "kernel", font_weight=700, text_anchor="middle")
    return content


def _total(lines: Sequence[Line], y: float) -> str:
    words = "all" if all(line.state == "ok" for line in lines) else "all that ran"
    content = _rule(y) + svg.text(words, MARGIN + 14, y + 16, TEXT, font_weight=600)
    for name in INKS:
        value = sum(_values(line)[name] for line in lines if line.counted)
        words = memory(value) if name == "memory" else short(value)
        content += svg.text(words, COLUMNS[name][1], y + 16, TEXT, text_anchor="end", font_weight=600)
    return content


# ---- the maps as blocks to scale -------------------------------------------------------------------------------------


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
