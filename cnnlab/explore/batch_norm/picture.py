"""One channel through batch norm: histograms before and after on one axis, and the running statistics over batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor
from typing import NamedTuple

from cnnlab.draw import paper, svg
from cnnlab.draw.curve import nice_ticks

TEXT, BINS = 12, 48
LEFT, RIGHT = (56.0, 440.0), (560.0, 872.0)  # px: the histograms, and the lines
TOPS, TALL = (46.0, 232.0), 130.0  # px: the upper and the lower panel, and their height


class Statistics(NamedTuple):
    """Mean and variance of a batch (None before the first), and the running ones after it."""

    mean: float | None
    variance: float | None
    running_mean: float
    running_var: float


def batch_norm_picture(
    before: Sequence[float],
    after: Sequence[float] | None,
    history: Sequence[Statistics],
    true: tuple[float, float],
    stories: Mapping[str, str],
    title: str,
    *,
    train: bool = True,
    error: str | None = None,
    caption: Sequence[str] = (),
    still: bool = False,
) -> str:
    """The whole picture as SVG text. `true`: mean and variance of all that could come in; `stories`: a part's words."""
    both = [*before, *(after or ())]
    low, high = min(both), max(both)
    room = 0.05 * (high - low) or 1.0
    ends = low - room, high + room
    content = _histogram(before, ends, TOPS[0], "before", "input", "before", stories.get("before", ""))
    if after is not None:
        how = "after, by this batch" if train else "after, by the running statistics"
        content += _histogram(after, ends, TOPS[1], how, "output", "after", stories.get("after", ""))
    else:
        content += paper.refusal(error or "", LEFT[0], TOPS[1] + TALL / 2 + 6, LEFT[1] - LEFT[0])
    means = [s.mean for s in history], [s.running_mean for s in history]
    variances = [s.variance for s in history], [s.running_var for s in history]
    content += _lines(*means, true[0], TOPS[0], "running mean", stories)
    content += _lines(*variances, true[1], TOPS[1], "running variance", stories)
    content += svg.text(
        "batches seen; ○ one of them, dashed: true value",
        sum(RIGHT) / 2,
        TOPS[1] + TALL + 40,
        TEXT,
        "muted",
        text_anchor="middle",
    )
    content += (
        svg.text("value", sum(LEFT) / 2, TOPS[1] + TALL + 40, TEXT, "muted", text_anchor="middle") if after else ""
    )
    said = "; ".join(stories.values())
    return paper.document(
        content, TOPS[1] + TALL + 56, (title, said), "cnnlab-batch-norm", caption=caption, still=still
    )


def _histogram(
    values: Sequence[float], ends: tuple[float, float], top: float, label: str, ink: str, part: str, story: str
) -> str:
    low, high = ends
    counts = [0] * BINS
    for value in values:
        counts[min(BINS - 1, floor((value - low) / (high - low) * BINS))] += 1
    width, most, bottom = (LEFT[1] - LEFT[0]) / BINS, max(counts), top + TALL
    back = svg.tag(
        "rect",
        x=LEFT[0] - 8,
        y=top - 26,
        width=LEFT[1] - LEFT[0] + 16,
        height=TALL + 50,
        rx=4,
        fill="none",
        class_="back",
    )
    bars = ""
    for place, count in enumerate(counts):
        if count:
            height = (TALL - 22) * count / most
            spot = {"x": LEFT[0] + place * width + 0.5, "y": bottom - height, "width": width - 1, "height": height}
            bars += svg.tag("rect", **spot, fill=svg.colour(ink), data_count=count)
    mean = sum(values) / len(values)
    sd = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
    words = f"{label}: mean {mean:z.2f}, sd {sd:.2f}".replace("-", "−")
    content = back + bars + svg.text(words, LEFT[0], top - 8, 13, ink, font_weight=600)
    x = LEFT[0] + (LEFT[1] - LEFT[0]) * (mean - low) / (high - low)
    content += svg.tag("line", x1=x, x2=x, y1=top + 8, y2=bottom, stroke=svg.colour("ink"), stroke_dasharray="4 3")
    content += _axis(LEFT, ends, bottom)
    return svg.tag("g", content, data_said=f"{part}: {story}", data_part=part)


def _axis(sides: tuple[float, float], ends: tuple[float, float], y: float) -> str:
    content = svg.tag("line", x1=sides[0], x2=sides[1], y1=y, y2=y, stroke=svg.colour("line"))
    for tick in nice_ticks(*ends, 7):
        x = sides[0] + (sides[1] - sides[0]) * (tick - ends[0]) / (ends[1] - ends[0])
        if sides[0] <= x <= sides[1]:
            content += svg.text(f"{tick:zg}".replace("-", "−"), x, y + 17, TEXT, "muted", text_anchor="middle")
    return content


def _lines(
    batches: Sequence[float | None],
    running: Sequence[float],
    true: float,
    top: float,
    name: str,
    stories: Mapping[str, str],
) -> str:
    """Dots for the batches, a line for what is kept, and the value it should come to."""
    numbers = [value for value in (*batches, *running, true) if value is not None]
    low, high = min(numbers), max(numbers)
    room = 0.08 * (high - low) or 1.0
    low, high, bottom, count = low - room, high + room, top + TALL, max(20, len(running) - 1)

    def at(step: int, value: float) -> tuple[float, float]:
        return RIGHT[0] + (RIGHT[1] - RIGHT[0]) * step / count, bottom - TALL * (value - low) / (high - low)

    back = {"x": RIGHT[0] - 60, "y": top - 26, "width": RIGHT[1] - RIGHT[0] + 76, "height": TALL + 50, "rx": 4}
    content = svg.tag("rect", **back, fill="none", class_="back")
    words = f"{name} {running[-1]:z.2f}".replace("-", "−")
    content += svg.text(words, RIGHT[0], top - 8, 13, "kernel", font_weight=600)
    for tick in nice_ticks(low, high, 4):
        y = at(0, tick)[1]
        if top <= y <= bottom:
            content += svg.tag(
                "line", x1=RIGHT[0], x2=RIGHT[1], y1=y, y2=y, stroke=svg.colour("line"), stroke_width=0.5
            )
            content += svg.text(f"{tick:zg}".replace("-", "−"), RIGHT[0] - 8, y + 4, TEXT, "muted", text_anchor="end")
    y = at(0, true)[1]
    content += svg.tag("line", x1=RIGHT[0], x2=RIGHT[1], y1=y, y2=y, stroke=svg.colour("ink"), stroke_dasharray="6 4")
    dots = {"r": 2.2, "fill": "none", "stroke": svg.colour("input")}
    for step, value in enumerate(batches):
        if value is not None:
            x, y = at(step, value)
            content += svg.tag("circle", cx=x, cy=y, **dots)
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(step, value) for step, value in enumerate(running)))
    look = {"fill": "none", "stroke": svg.colour("kernel"), "stroke_width": 2}
    content += svg.tag("polyline", points=path, **look, data_running=len(running))
    for tick in (0, count // 2, count):
        content += svg.text(tick, at(tick, low)[0], bottom + 17, TEXT, "muted", text_anchor="middle")
    return svg.tag("g", content, data_said=stories.get(name, stories.get("running", name)), data_part=name)
