"""Training runs side by side: their losses, their validation accuracies, and a table. Numbers in, SVG out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cnnlab.draw import paper, svg
from cnnlab.draw.curve import nice_ticks

MARGIN, TOP, BOTTOM = 24, 46, 226  # px; the charts' upper and lower edge
LOSS, ACCURACY = (62.0, 396.0), (492.0, 806.0)  # px: left and right edge of each chart
TABLE, ROW = 292.0, 24.0  # px: baseline of the table's head, from row to row
MOST_LOSS = 3.0  # above it a loss is drawn at the edge; guessing one of ten gives 2.3
GUESSING = math.log(10)
APART = 14.0  # px between two labels at line ends
COLOURS = ("input", "kernel", "output", "ink")
DASHES = (None, "7 4", "2 3", "9 3 2 3")
STYLES = 8  # runs that can be told apart
# Left edge of each column, or its right edge where the numbers stand right.
COLUMNS = (
    ("run", 24, "start"), ("network", 92, "start"), ("optimizer", 196, "start"), ("lr", 306, "end"),
    ("schedule", 324, "start"), ("batch", 440, "end"), ("epochs", 496, "end"), ("images", 560, "end"),
    ("seed", 604, "end"), ("validation", 684, "end"), ("seconds", 748, "end"), ("state", 764, "start"),
)  # fmt: skip

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """One run: its letter, its style 0 … 7, its numbers epoch by epoch, and the words of its row in the table."""

    label: str
    style: int
    epochs: int
    losses: Sequence[float]
    accuracies: Sequence[float]
    trail: Sequence[Point]  # (epochs done, loss) inside the epochs
    cells: Sequence[str]  # from "network" to "state"
    reason: str = ""  # why it ended early
    says: str = ""

    @property
    def look(self) -> dict[str, object]:
        """Colour and dashes; no two styles share both, and neighbours share neither."""
        dash = DASHES[(self.style + self.style // len(COLOURS)) % len(DASHES)]
        return {"stroke": svg.colour(COLOURS[self.style % len(COLOURS)]), "stroke_dasharray": dash}

    @property
    def ink(self) -> str:
        return COLOURS[self.style % len(COLOURS)]


@dataclass(frozen=True)
class Chart:
    """A pair of axes: epochs to the right, a value upwards."""

    sides: tuple[float, float]
    low: float
    high: float
    epochs: int

    def place(self, point: Point) -> Point:
        left, right = self.sides
        value = min(self.high, max(self.low, point[1]))
        x = left + (right - left) * point[0] / self.epochs
        return x, BOTTOM - (BOTTOM - TOP) * (value - self.low) / (self.high - self.low)


def runs_picture(
    lines: Sequence[Line], *, error: str | None = None, caption: Sequence[str] = (), still: bool = False
) -> str:
    """The whole picture as SVG text."""
    epochs = max((line.epochs for line in lines), default=1)
    content = _losses(lines, epochs) + _accuracies(lines, epochs)
    table, bottom = _table(lines)
    content += table
    if error:
        content += paper.message("This cannot be trained", f"{error}.", MARGIN, bottom + 50, 852, _REFUSED)
        bottom += 100
    count = len(lines)
    title = f"{count} training run{'s' * (count != 1)}" if count else "No training run yet"
    said = "; ".join(line.says for line in lines) or "Choose settings and press Start."
    return paper.document(content, bottom, (title, said), "cnnlab-runs", caption=caption, still=still)


_REFUSED = ("error", "error-back")


# ---- charts ----------------------------------------------------------------------------------------------------------


def _losses(lines: Sequence[Line], epochs: int) -> str:
    found = [value for line in lines for value in [*line.losses, *(loss for _, loss in line.trail)]]
    high = max([1e-3, *(value for value in found if math.isfinite(value))]) if found else 2.5
    chart = Chart(LOSS, 0.0, min(MOST_LOSS, high * 1.05), epochs)
    above = f", at most {MOST_LOSS:g} shown" if high > MOST_LOSS else ""
    drawn = _frame(chart, f"training loss{above}", "{:g}")
    if chart.high > GUESSING:
        y = chart.place((0, GUESSING))[1]
        look = {"stroke": svg.colour("muted"), "stroke_dasharray": "2 4"}
        drawn += svg.tag("line", x1=LOSS[0], x2=LOSS[1], y1=y, y2=y, **look)
        drawn += svg.text("guessing: ln 10 = 2.30", LOSS[1] - 4, y - 5, 11, "muted", text_anchor="end")
    for line in lines:
        ends = [(i + 1, value) for i, value in enumerate(line.losses)]
        thin = line.trail if len(ends) < line.epochs else ()
        drawn += _run(line, _path(chart, thin, line, 1.0, 0.6) + _path(chart, ends, line, 2.2))
    return drawn + _labels(chart, lines, [_last(line, line.losses) for line in lines], [line.label for line in lines])


def _last(line: Line, values: Sequence[float]) -> Point | None:
    if values and math.isfinite(values[-1]):
        return len(values), values[-1]
    finite = [point for point in line.trail if math.isfinite(point[1])]
    return finite[-1] if finite and values is line.losses else None


def _accuracies(lines: Sequence[Line], epochs: int) -> str:
    found = [value for line in lines for value in line.accuracies]
    # A start at a multiple of 5 % a little below the least; guessing one of ten gives 10 %.
    low = max(0.0, math.floor(min(found, default=0.5) * 20 - 0.5) / 20)
    chart = Chart(ACCURACY, low, 1.0, epochs)
    drawn = _frame(chart, "validation accuracy", "{:.0%}")
    for line in lines:
        drawn += _run(line, _path(chart, [(i + 1, value) for i, value in enumerate(line.accuracies)], line, 2.2))
    ends = [(len(line.accuracies), line.accuracies[-1]) if line.accuracies else None for line in lines]
    words = [f"{line.label} {100 * line.accuracies[-1]:.1f} %" if line.accuracies else "" for line in lines]
    return drawn + _labels(chart, lines, ends, words)


def _frame(chart: Chart, title: str, form: str) -> str:
    """Title, grid and numbers."""
    left, right = chart.sides
    parts = [svg.text(title, left, TOP - 14, 13, font_weight=600)]
    for tick in nice_ticks(chart.low, chart.high):
        y = chart.place((0, tick))[1]
        parts.append(svg.tag("line", x1=left, x2=right, y1=y, y2=y, stroke=svg.colour("line"), stroke_width=0.8))
        label = form.format(tick).replace("%", " %")
        parts.append(svg.text(label, left - 8, y + 4, 12, "muted", text_anchor="end"))
    for tick in nice_ticks(0, chart.epochs, 5):
        if float(tick).is_integer():
            x = chart.place((tick, 0))[0]
            parts.append(svg.text(int(tick), x, BOTTOM + 18, 12, "muted", text_anchor="middle"))
    parts.append(svg.text("epochs done", (left + right) / 2, BOTTOM + 35, 12, "muted", text_anchor="middle"))
    return "".join(parts)


def _path(chart: Chart, points: Sequence[Point], line: Line, width: float, opacity: float | None = None) -> str:
    places = [chart.place(point) for point in points if math.isfinite(point[1])]
    if not places:
        return ""
    look = {**line.look, "stroke_width": width, "fill": "none", "stroke_opacity": opacity, "stroke_linejoin": "round"}
    drawn = svg.tag("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in places), **look)
    dots = [svg.tag("circle", cx=x, cy=y, r=3.0, fill=svg.colour(line.ink)) for x, y in places if width > 2]
    return drawn + "".join(dots)


def _run(line: Line, content: str) -> str:
    return svg.tag("g", content, class_="run", data_run=line.label) if content else ""


def _labels(chart: Chart, lines: Sequence[Line], ends: Sequence[Point | None], words: Sequence[str]) -> str:
    """The runs' names right of the chart, moved apart where they would overlap, each with a thin line to its end."""
    found = [(chart.place(end), line, word) for end, line, word in zip(ends, lines, words, strict=True) if end]
    found.sort(key=lambda each: each[0][1])
    heights = _spread([y for (_, y), _, _ in found])
    return "".join(_label(chart, *each, y) for each, y in zip(found, heights, strict=True))


def _label(chart: Chart, end: Point, line: Line, word: str, y: float) -> str:
    right = chart.sides[1]
    look = {"stroke": svg.colour(line.ink), "stroke_width": 0.8, "stroke_opacity": 0.6}
    leader = svg.tag("line", x1=end[0] + 3, x2=right + 6, y1=end[1], y2=y, **look)
    return _run(line, leader + svg.text(word, right + 9, y + 4, 12, line.ink, font_weight=600))


def _spread(heights: Sequence[float]) -> list[float]:
    """Heights in order, moved so that neighbours are APART, none below the chart.
    >>> _spread([50, 51, 90])
    [50, 64.0, 90]
    """
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + APART) if placed else height)
    limit = BOTTOM + 4.0
    for index in range(len(placed) - 1, -1, -1):
        placed[index] = min(placed[index], limit)
        limit = placed[index] - APART
    return placed


# ---- the table -------------------------------------------------------------------------------------------------------


def _table(lines: Sequence[Line]) -> tuple[str, float]:
    """A row for each run, the best in bold, and under a row why it ended early; and where the table ends."""
    drawn = "".join(svg.text(name, x, TABLE, 12, "muted", text_anchor=anchor) for name, x, anchor in COLUMNS)
    rule = {"x1": MARGIN, "x2": paper.WIDTH - MARGIN, "y1": TABLE + 8, "y2": TABLE + 8}
    drawn += svg.tag("line", **rule, stroke=svg.colour("line"))
    best = max((line.accuracies[-1] for line in lines if line.accuracies), default=None)
    y = TABLE + ROW + 4
    if not lines:
        words = "No run yet. Choose settings and press Start; the curves grow while the network learns."
        return drawn + svg.text(words, MARGIN, y, 13, "muted"), y + 16
    for line in lines:
        reason = svg.wrap(line.reason, 760, 12)
        first = bool(line.accuracies) and line.accuracies[-1] == best and len(lines) > 1
        drawn += _row(line, y, first) + _hit(line, y, len(reason))
        drawn += svg.paragraph(reason, 92, y + 18, 12, fill="error")
        y += ROW + 18 * len(reason)
    return drawn, y + 2


def _row(line: Line, y: float, best: bool) -> str:
    drawn = svg.text(line.label, MARGIN, y, 13, line.ink, font_weight=700)
    drawn += svg.tag("line", x1=MARGIN + 18, x2=MARGIN + 56, y1=y - 4, y2=y - 4, stroke_width=2.4, **line.look)
    for (name, x, anchor), cell in zip(COLUMNS[1:], line.cells, strict=True):
        heavy = 700 if best and name == "validation" else None
        drawn += svg.text(cell, x, y, 13, text_anchor=anchor, font_weight=heavy)
    return drawn


def _hit(line: Line, y: float, more: int) -> str:
    """What a pointer or the Tab key meets: it brings this run's lines out."""
    box = {"x": MARGIN - 8, "y": y - 17, "width": paper.WIDTH - 2 * MARGIN + 16, "height": ROW + 18 * more, "rx": 4}
    look = {"fill": "none", "pointer_events": "all", "class_": "hit", "tabindex": 0, "role": "button"}
    return svg.tag("rect", **box, **look, aria_label=line.says, data_run=line.label)
