"""The learning curve of a training run: numbers in, SVG out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 720, 250
PANEL = {"top": 34, "bottom": 212, "loss": (56, 340), "accuracy": (420, 640)}
# Okabe and Ito's blue and vermilion: told apart by every kind of colour vision, on white and on dark.
TRAIN, VALID = "#3b8fd4", "#e0702a"
TEXT = "var(--jp-ui-font-color1, #333)"
FAINT = "var(--jp-border-color2, #ccc)"

Point = tuple[float, float]


def training_curve(
    train_loss: Sequence[float],
    train_accuracy: Sequence[float],
    valid_accuracy: Sequence[float],
    epochs: int,
    trail: Sequence[Point] = (),
    title: str = "",
) -> str:
    """Loss on the left, accuracy on the right, over epochs 0 … `epochs`. One value a finished epoch in each list.

    `trail` is the loss inside the epochs: (epochs done, loss) points, drawn thin behind the epoch means.
    """
    ends = range(1, len(train_loss) + 1)
    loss = list(zip(ends, train_loss, strict=True))
    trail = [point for point in trail if math.isfinite(point[1])]
    top = max([1e-3] + [value for _, value in [*loss, *trail] if math.isfinite(value)])
    accuracies = [*train_accuracy, *valid_accuracy]
    low = min(accuracies, default=0.5)
    floor = max(0.0, math.floor(low * 20 - 0.5) / 20)
    name = f"Loss and accuracy after {len(loss)} of {epochs} epochs"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{name}" '
        f'style="width:100%;max-width:{WIDTH}px;font:12px var(--jp-ui-font-family, sans-serif)">',
        f'<text x="{PANEL["loss"][0]}" y="14" fill="{TEXT}" font-weight="600">{escape(title)}</text>' if title else "",
        *_panel("loss", "training loss", (0.0, top), epochs),
        _line(trail, TRAIN, "loss", (0.0, top), epochs, 1, 0.55),
        _line(loss, TRAIN, "loss", (0.0, top), epochs, 2.2),
        *_panel("accuracy", "accuracy", (floor, 1.0), epochs),
        _line(list(zip(ends, train_accuracy, strict=True)), TRAIN, "accuracy", (floor, 1.0), epochs, 2.2),
        _line(list(zip(ends, valid_accuracy, strict=True)), VALID, "accuracy", (floor, 1.0), epochs, 2.2),
        *_end_labels(train_accuracy, valid_accuracy, (floor, 1.0), epochs),
        "</svg>",
    ]
    return "".join(parts)


def nice_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About `count` round numbers from `low` to `high`.
    >>> nice_ticks(0, 1), nice_ticks(0, 10, 5)
    ([0.0, 0.25, 0.5, 0.75, 1.0], [0, 2, 4, 6, 8, 10])
    """
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    ticks = [round((first + i) * step, 10) for i in range(int((high - first * step) / step + 1e-9) + 1)]
    return [int(tick) for tick in ticks] if step >= 1 else ticks


def _place(point: Point, panel: str, span: Point, epochs: int) -> Point:
    left, right = PANEL[panel]
    x = left + (right - left) * point[0] / max(epochs, 1)
    share = (point[1] - span[0]) / (span[1] - span[0])
    return x, PANEL["bottom"] - (PANEL["bottom"] - PANEL["top"]) * share


def _line(points: Sequence[Point], colour: str, panel: str, span: Point, epochs: int, width: float, opacity=1.0) -> str:
    if not points:
        return ""
    places = [_place(point, panel, span, epochs) for point in points if math.isfinite(point[1])]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    line = (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}" '
        f'stroke-linejoin="round" opacity="{opacity}"/>'
    )
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{colour}"/>' for x, y in places)
    return line + (dots if width > 2 and len(places) <= 30 else "")


def _panel(panel: str, label: str, span: Point, epochs: int) -> list[str]:
    left, right = PANEL[panel]
    parts = [f'<text x="{left}" y="{PANEL["top"] - 8}" fill="{TEXT}">{label}</text>']
    for tick in nice_ticks(*span):
        _, y = _place((0, tick), panel, span, epochs)
        number = f"{tick:g}" if panel == "loss" else f"{100 * tick:.0f} %"
        parts.append(f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{FAINT}"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end" fill="{TEXT}">{number}</text>')
    for tick in [t for t in nice_ticks(0, max(epochs, 1), 5) if float(t).is_integer()]:
        x, _ = _place((tick, span[0]), panel, span, epochs)
        parts.append(f'<text x="{x:.1f}" y="{PANEL["bottom"] + 18}" text-anchor="middle" fill="{TEXT}">{tick:g}</text>')
    middle = (left + right) / 2
    parts.append(
        f'<text x="{middle:.1f}" y="{PANEL["bottom"] + 34}" text-anchor="middle" fill="{TEXT}">epochs done</text>'
    )
    return parts


def _end_labels(train: Sequence[float], valid: Sequence[float], span: Point, epochs: int) -> list[str]:
    """Name each accuracy line at its last point, moved apart when the two would overlap."""
    labels = []
    for name, values, colour in (("train", train, TRAIN), ("valid", valid, VALID)):
        if values:
            x, y = _place((len(values), values[-1]), "accuracy", span, epochs)
            labels.append([x, y, f"{name} {100 * values[-1]:.1f} %", colour])
    if len(labels) == 2 and abs(labels[0][1] - labels[1][1]) < 14:
        upper, lower = sorted(labels, key=lambda label: label[1])
        middle = (upper[1] + lower[1]) / 2
        upper[1], lower[1] = middle - 7, middle + 7
    return [
        f'<text x="{x + 7:.1f}" y="{y + 4:.1f}" fill="{colour}" font-weight="600">{text}</text>'
        for x, y, text, colour in labels
    ]
