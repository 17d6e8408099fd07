"""The learning curve of a training run: numbers in, SVG out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cnnlab.draw import svg
from cnnlab.draw.svg import escaped as escape
from cnnlab.draw.svg import tag

WIDTH, HEIGHT = 720, 262
TOP, BOTTOM = 46, 222
SIDES = {"loss": (56, 330), "accuracy": (412, 606)}  # the rest on the right is for the labels at the line ends
# Okabe and Ito's blue and vermilion, lightened: told apart by every kind of colour vision, on white and on dark.
TRAIN, VALID = "#3b8fd4", "#e0702a"
# This picture stands inside the notebook page, so it can take the page's own colours for light and dark.
TEXT = "var(--jp-ui-font-color1, #333)"
FAINT = "var(--jp-border-color2, #ccc)"
FONT = "var(--jp-ui-font-family, sans-serif)"

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
    top = max([1e-3] + [loss for loss in [*train_loss, *(y for _, y in trail)] if math.isfinite(loss)])
    least = min([*train_accuracy, *valid_accuracy], default=0.5)
    loss, accuracy = Panel("loss", 0.0, top, epochs), Panel("accuracy", _floor(least), 1.0, epochs)
    parts = [
        _text(title, SIDES["loss"][0], 15, font_weight=600) if title else "",
        loss.frame("training loss"),
        loss.line(trail, TRAIN, 1, 0.55),
        loss.line(list(zip(ends, train_loss, strict=True)), TRAIN, 2.2),
        accuracy.frame("accuracy"),
        accuracy.line(list(zip(ends, train_accuracy, strict=True)), TRAIN, 2.2),
        accuracy.line(list(zip(ends, valid_accuracy, strict=True)), VALID, 2.2),
        accuracy.end_labels({"train": (train_accuracy, TRAIN), "valid": (valid_accuracy, VALID)}),
    ]
    return tag(
        "svg",
        "".join(parts),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"Loss and accuracy after {len(train_loss)} of {epochs} epochs",
        style=f"width:100%;max-width:{WIDTH}px;font:12px {FONT}",
    )


def on_paper(curve: str) -> str:
    """The same curve in colours of its own, light and dark: for an image, which cannot take those of the page."""
    for page, own in {TEXT: svg.colour("ink"), FAINT: svg.colour("line"), FONT: "sans-serif"}.items():
        curve = curve.replace(page, own)
    curve = curve.replace(f'viewBox="0 0 {WIDTH} {HEIGHT}"', f'viewBox="-10 -8 {WIDTH + 20} {HEIGHT + 16}"')
    size = {"width": WIDTH + 19, "height": HEIGHT + 15}
    paper = tag("rect", x=-9.5, y=-7.5, **size, rx=8, fill=svg.colour("paper"), stroke=svg.colour("line"))
    css = tag("style", f"@media (prefers-color-scheme: dark){{{svg.dark_css('svg')}}}")
    head, rest = curve.split(">", 1)
    return f"{head}>{css}{paper}{rest}"


class Panel:
    """One pair of axes: epochs to the right, a value from `low` to `high` upwards."""

    def __init__(self, name: str, low: float, high: float, epochs: int):
        self.name, self.low, self.high, self.epochs = name, low, high, max(epochs, 1)
        self.left, self.right = SIDES[name]

    def place(self, point: Point) -> Point:
        x = self.left + (self.right - self.left) * point[0] / self.epochs
        return x, BOTTOM - (BOTTOM - TOP) * (point[1] - self.low) / (self.high - self.low)

    def frame(self, label: str) -> str:
        """Title, grid and numbers."""
        parts = [_text(label, self.left, TOP - 10)]
        for tick in nice_ticks(self.low, self.high):
            _, y = self.place((0, tick))
            number = f"{tick:g}" if self.name == "loss" else f"{100 * tick:.0f} %"
            parts.append(tag("line", x1=self.left, x2=self.right, y1=y, y2=y, stroke=FAINT))
            parts.append(_text(number, self.left - 8, y + 4, text_anchor="end"))
        for tick in nice_ticks(0, self.epochs, 5):
            if float(tick).is_integer():
                parts.append(_text(f"{tick:g}", self.place((tick, 0))[0], BOTTOM + 18, text_anchor="middle"))
        parts.append(_text("epochs done", (self.left + self.right) / 2, BOTTOM + 35, text_anchor="middle"))
        return "".join(parts)

    def line(self, points: Sequence[Point], colour: str, width: float, opacity: float = 1.0) -> str:
        places = [self.place(point) for point in points if math.isfinite(point[1])]
        if not places:
            return ""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        style = {"fill": "none", "stroke": colour, "stroke_width": width, "opacity": opacity}
        dots = [tag("circle", cx=x, cy=y, r=2.6, fill=colour) for x, y in places if width > 2 and len(places) <= 30]
        return tag("polyline", points=path, stroke_linejoin="round", **style) + "".join(dots)

    def end_labels(self, lines: dict[str, tuple[Sequence[float], str]]) -> str:
        """Name each line at its last point, moved apart where two would overlap."""
        labels = []
        for name, (values, colour) in lines.items():
            if values:
                x, y = self.place((len(values), values[-1]))
                labels.append([x + 7, y + 4, f"{name} {100 * values[-1]:.1f} %", colour])
        if len(labels) == 2 and abs(labels[0][1] - labels[1][1]) < 14:
            upper, lower = sorted(labels, key=lambda label: label[1])
            middle = (upper[1] + lower[1]) / 2
            upper[1], lower[1] = middle - 7, middle + 7
        return "".join(_text(words, x, y, fill=colour, font_weight=600) for x, y, words, colour in labels)


def _floor(value: float) -> float:
    """Where the accuracy axis starts: a multiple of 5 % a little below the least value."""
    return max(0.0, math.floor(value * 20 - 0.5) / 20)


def _text(words: str, x: float, y: float, fill: str = TEXT, **attributes: object) -> str:
    return tag("text", escape(words), x=x, y=y, fill=fill, **attributes)


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
