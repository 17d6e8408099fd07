"""A whole network as one picture: its maps as blocks to scale, and below a line for each layer with what it costs."""

from __future__ import annotations

from collections.abc import Sequence

from cnnlab.draw import paper, svg
from cnnlab.draw.network import SEES_ALL, Line, field_words, memory, said, shape_words, short
from cnnlab.explore.architecture.strip import MARGIN, SIGNS, TEXT, strip

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
