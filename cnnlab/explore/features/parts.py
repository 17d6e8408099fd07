"""The parts of a feature map's picture that stand by themselves: legend, kernels, strongest images, scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from cnnlab.draw import svg
from cnnlab.draw.png import ABOVE, BELOW, STEPS, colour_png, grey_png, image, signed_levels

LABEL = 11
WRITABLE = 36.0  # px of a weight's square with its number in it
KERNEL_COLUMNS, ALONE = 4, 200.0
THUMB, PITCH, DOWN = 84.0, 108.0, 122.0  # px: a strongest image, from one to the next, from row to row
BAR, NAME, LONGEST = 18.0, 118.0, 190.0  # px: from score to score, room for a class name, a bar of 100 %


@dataclass(frozen=True)
class Pixels:
    """An image for the eye: 0 … 255 row by row, one number per pixel or, in colour, three."""

    levels: bytes
    height: int
    width: int
    colour: bool = False

    def drawn(self, x: float, y: float, side: float) -> str:
        """The image with its outline, its longer side `side` px."""
        scale = side / max(self.height, self.width)
        png = (colour_png if self.colour else grey_png)(self.levels, self.width)
        box = x, y, self.width * scale, self.height * scale
        return image(png, *box) + framed(*box)


@dataclass(frozen=True)
class Kernels:
    """The kernels of one output channel, (input channel, its k × k weights by rows); or why there are none."""

    title: str
    about: str = ""
    rows: Sequence[tuple[int, Sequence[Sequence[float]]]] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Thumb:
    """One of the strongest images: its number, its class or "", its pixels, and where its activation lies."""

    index: int
    name: str
    pixels: Pixels
    value: float
    place: tuple[int, int]
    shape: tuple[int, int]


@dataclass(frozen=True)
class Best:
    """The strongest images with a title, or a sentence why there are none."""

    title: str
    thumbs: Sequence[Thumb] = field(default=())
    note: str = ""


@dataclass(frozen=True)
class Score:
    """One class: its share after softmax, and whether it is the right answer; None where nobody knows."""

    name: str
    share: float
    right: bool | None


def number(value: float) -> str:
    """Three digits and a true minus sign.
    >>> number(-0.12345), number(0.0), number(1234.5)
    ('−0.123', '0', '1,234')
    """
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:z.3g}"
    return text.replace("-", "−")


def framed(x: float, y: float, width: float, height: float, back: str | None = None) -> str:
    """A thin outline; what is clear inside shows `back`."""
    look = {"fill": svg.colour(back) if back else "none", "stroke": svg.colour("line"), "pointer_events": "none"}
    return svg.tag("rect", x=x, y=y, width=width, height=height, **look)


def place_on(unit: tuple[int, int], shape: tuple[int, int], x: float, y: float, side: float) -> str:
    """A frame round one unit of a map that is laid over a square; at least so large that it can be seen."""
    cell = side / max(shape)
    grow = max(0.0, (8 - cell) / 2) + 1
    left, top = x + unit[1] * cell - grow, y + unit[0] * cell - grow
    box = {"x": left, "y": top, "width": cell + 2 * grow, "height": cell + 2 * grow}
    look = {"fill": "none", "rx": 1, "pointer_events": "none"}
    # Twice, so that it stands out from bright and from dark.
    around = svg.tag("rect", **box, **look, stroke=svg.colour("paper"), stroke_width=4)
    return around + svg.tag("rect", **box, **look, stroke=svg.colour("kernel"), stroke_width=2, class_="peak")


def legend(x: float, y: float, width: float, reach: float, low: float) -> str:
    """The scale of the activations; where none is below zero it starts at zero. Zero has a mark of its own."""
    first = -STEPS if low < 0 else 0
    count = STEPS - first + 1
    step = width / count
    bars = []
    for index in range(count):
        share = (first + index) / STEPS
        ink = {"fill": ABOVE if share > 0 else BELOW, "fill_opacity": abs(share)}
        bars.append(svg.tag("rect", x=x + index * step, y=y, width=step + 0.3, height=12, **ink) if share else "")
    zero = x + (0.5 - first) * step
    mark = svg.tag("line", x1=zero, x2=zero, y1=y - 3, y2=y + 15, stroke=svg.colour("ink"), stroke_width=1.5)
    back = framed(x, y, width, 12, back="paper")
    ends = [svg.text(number(reach), x + width, y + 27, 12, text_anchor="end")]
    if first:
        ends.append(svg.text(number(-reach), x, y + 27, 12))
    words = svg.text("activation", x + width / 2, y + 42, 12, "muted", text_anchor="middle")
    middle = {"text_anchor": "middle"} if first else {}
    return (
        back + "".join(bars) + mark + svg.text("0", zero, y + 27, 12, font_weight=600, **middle) + "".join(ends) + words
    )


# ---- kernels ---------------------------------------------------------------------------------------------------------


def kernel_panel(kernels: Kernels, x: float, y: float, right: float) -> str:
    """The kernels in rows of four, each weight a square, on one scale; notes under them."""
    drawn = svg.text(kernels.title, x, 24, 14, "kernel", font_weight=600) if kernels.title else ""
    drawn += svg.text(kernels.about, x, 40, 12, "muted") if kernels.about else ""
    if not kernels.rows:
        return drawn + svg.paragraph(_lines(kernels.notes, right - x), x, y + 14, 13)
    reach = max(abs(weight) for _, kernel in kernels.rows for row in kernel for weight in row)
    columns = min(KERNEL_COLUMNS, len(kernels.rows))
    side = ALONE if len(kernels.rows) == 1 else 84.0
    for index, (channel, kernel) in enumerate(kernels.rows):
        row, column = divmod(index, columns)
        drawn += _kernel(kernel, channel, x + column * (side + 16), y + row * (side + 24), side, reach)
    bottom = y + -(-len(kernels.rows) // columns) * (side + 24)
    return drawn + svg.paragraph(_lines(kernels.notes, right - x), x, bottom + 12, 12, fill="muted")


def _lines(notes: Sequence[str], width: float) -> list[str]:
    return [line for note in notes for line in svg.wrap(note, width, 12)]


def _kernel(kernel: Sequence[Sequence[float]], channel: int, x: float, y: float, side: float, reach: float) -> str:
    cell = side / max(len(kernel), len(kernel[0]))
    squares = []
    for i, row in enumerate(kernel):
        for j, weight in enumerate(row):
            said = f"weight {number(weight)} on input channel {channel}, row {i}, column {j} of the kernel"
            place = {"x": x + j * cell, "y": y + i * cell, "width": cell, "height": cell}
            squares.append(svg.tag("rect", **place, **_shade(weight, reach), data_say=said))
            if cell >= WRITABLE and side == ALONE:
                label = svg.text(number(round(weight, 2)), place["x"] + cell / 2, place["y"] + cell / 2 + 4, LABEL,
                                 text_anchor="middle", pointer_events="none")  # fmt: skip
                squares.append(label)
    back = framed(x, y, cell * len(kernel[0]), cell * len(kernel), back="paper")
    return back + "".join(squares) + svg.text(f"input {channel}", x, y + side + 14, LABEL, "muted")


def _shade(weight: float, reach: float) -> dict[str, object]:
    level = signed_levels([weight], reach)[0] - STEPS
    fill = ABOVE if level > 0 else BELOW if level else "transparent"
    return {"fill": fill, "fill_opacity": 0.8 * abs(level) / STEPS if level else None}


# ---- strongest images and scores -------------------------------------------------------------------------------------


def best_images(best: Best, x: float, y: float) -> str:
    """Eight small images in two rows with their activations; the unit that has it is framed."""
    drawn = svg.text(best.title, x, y, 13, font_weight=600)
    if best.note:
        return drawn + svg.paragraph(svg.wrap(best.note, 400, 13), x, y + 26, 13)
    for index, thumb in enumerate(best.thumbs):
        row, column = divmod(index, 4)
        drawn += _thumb(thumb, x + column * PITCH, y + 14 + row * DOWN)
    return drawn


def _thumb(thumb: Thumb, x: float, y: float) -> str:
    drawn = thumb.pixels.drawn(x, y, THUMB)
    drawn += place_on(thumb.place, thumb.shape, x, y, THUMB)
    drawn += svg.text(number(thumb.value), x, y + THUMB + 14, 12, font_weight=600)
    drawn += svg.text(thumb.name or f"image {thumb.index:,}", x, y + THUMB + 28, LABEL, "muted")
    at = f"row {thumb.place[0]}, column {thumb.place[1]} of {thumb.shape[0]} × {thumb.shape[1]}"
    named = f"image {thumb.index:,}{', ' if thumb.name else ''}{thumb.name}"
    said = f"{named}: activation {number(thumb.value)} at {at}"
    hit = {"fill": "none", "pointer_events": "all", "class_": "hit", "tabindex": 0, "role": "button"}
    place = {"x": x - 3, "y": y - 3, "width": THUMB + 6, "height": THUMB + 6}
    go = json.dumps({"image": thumb.index})
    return drawn + svg.tag("rect", **place, **hit, aria_label=said, data_say=said, data_go=go)


def score_bars(scores: Sequence[Score], x: float, y: float) -> str:
    """A bar for each class; the right answer has a tick and the largest share a heavy name."""
    drawn = svg.text("the network's answer: shares after softmax", x, y, 13, font_weight=600)
    if not scores:
        return drawn + svg.paragraph(["This network does not end in one score a class."], x, y + 26, 13)
    largest = max(score.share for score in scores)
    for index, score in enumerate(scores):
        top = y + 16 + index * BAR * 1.2
        first = score.share == largest
        wrong = first and score.right is False
        ink = "output" if score.right else "kernel" if wrong else "muted"
        name = f"{'✓ ' if score.right else '✗ ' if wrong else ''}{score.name}"
        drawn += svg.text(name, x + NAME - 8, top + 12, 12, text_anchor="end", font_weight=600 if first else None)
        bar = {"x": x + NAME, "y": top + 1, "width": max(1.0, score.share * LONGEST), "height": BAR - 4, "rx": 2}
        said = f"{score.name}: {100 * score.share:.1f} %{', the right answer' if score.right else ''}"
        drawn += svg.tag("rect", **bar, fill=svg.colour(ink), data_say=said, class_="score")
        drawn += svg.text(f"{100 * score.share:.1f} %", x + NAME + bar["width"] + 6, top + 12, 12)
    return drawn
