"""A block whose branches read the same input and are joined on channels: numbers in, SVG out."""

from __future__ import annotations

from collections.abc import Sequence

from cnnlab.draw import svg
from cnnlab.draw.svg import Picture
from cnnlab.shapes import conv_cost

WIDTH, TOP, ROW = 860.0, 58.0, 66.0  # px: the picture, its first row, from one row to the next
INPUT, FIRST, NEXT = 46.0, 150.0, 230.0  # px: where the input stands, the first box, and from one box to the next
BOX, TALL, BAR = 170.0, 46.0, 22.0  # px: width and height of a box, width of the input's and the output's bar
JOIN = 700.0  # px: where the branches are joined
WORDS = 12  # font size

Step = tuple[int | str, int]  # (kernel, output channels) of a convolution, ("pool", kernel) of a max pooling


def block_picture(in_channels: int, side: int, branches: Sequence[Sequence[Step]], name: str = "block") -> Picture:
    """Every branch as a row of boxes, and the joined output in proportion to the channels each branch gives.

    >>> block_picture(192, 12, [[(1, 64)], [(1, 96), (3, 128)], [("pool", 3), (1, 32)]])
    Picture(block)
    """
    content, height, said = block_content(in_channels, side, branches)
    return Picture(_paper(content, height, name, said), name)


def block_content(in_channels: int, side: int, branches: Sequence[Sequence[Step]]) -> tuple[str, float, str]:
    """The same as a part of another picture: elements, height in px, and words."""
    tall = len(branches) * ROW - ROW + TALL
    given = [_channels_out(in_channels, branch) for branch in branches]
    parts, ends = [], _ends(given, tall)
    for i, branch in enumerate(branches):
        parts += _branch(in_channels, branch, TOP + i * ROW, ends[i])
    total = sum(given)
    parts.append(_column(f"in: {in_channels} × {side} × {side}", INPUT, "muted", [(TOP, tall)]))
    lengths = [tall * channels / total for channels in given]
    pieces = [(middle - length / 2, length) for middle, length in zip(ends, lengths, strict=True)]
    parts.append(_column(f"out: {total} × {side} × {side}", JOIN, "output", pieces))
    for channels, label in zip(given, _apart(ends), strict=True):
        parts.append(svg.text(channels, JOIN + BAR + 8, label + 4, WORDS, "ink"))
    said = "; ".join(_said(in_channels, branch) for branch in branches) + f"; joined: {total} channels"
    return "".join(parts), TOP + tall + 22, said


def _apart(middles: Sequence[float], least: float = 15.0) -> list[float]:
    """The same heights, moved so that labels keep apart.
    >>> _apart([10.0, 12.0, 40.0])
    [3.5, 18.5, 40.0]
    """
    places = list(middles)
    for _ in range(50):
        for i in range(len(places) - 1):
            short = least - (places[i + 1] - places[i])
            if short > 0:
                places[i], places[i + 1] = places[i] - short / 2, places[i + 1] + short / 2
    return places


def _channels_out(in_channels: int, branch: Sequence[Step]) -> int:
    return next((channels for kernel, channels in reversed(branch) if kernel != "pool"), in_channels)


def _ends(given: Sequence[int], tall: float) -> list[float]:
    """The middle of each branch's piece of the output."""
    total, before, ends = sum(given), 0, []
    for channels in given:
        ends.append(TOP + tall * (before + channels / 2) / total)
        before += channels
    return ends


def _branch(in_channels: int, branch: Sequence[Step], top: float, end: float) -> list[str]:
    """The boxes of one branch at height `top`, and its way from the input to its piece of the output."""
    middle, left, parts = top + TALL / 2, INPUT + BAR, []
    for i, step in enumerate(branch):
        x = FIRST + i * NEXT
        parts += [_way(left, middle, x, middle), _box(in_channels, step, x, top)]
        left, in_channels = x + BOX, _channels_out(in_channels, [step])
    return [*parts, _way(left, middle, JOIN, end)]


def _box(in_channels: int, step: Step, x: float, y: float) -> str:
    kernel, value = step
    ink = "input" if kernel == "pool" else "kernel"
    look = {"fill": svg.colour("faint"), "stroke": svg.colour(ink), "stroke_width": 1.5, "rx": 6}
    head, below = _words(in_channels, step)
    place = {"x": x, "y": y, "width": BOX, "height": TALL}
    words = svg.text(head, x + BOX / 2, y + 19, WORDS, ink, text_anchor="middle", font_weight=600)
    words += svg.text(below, x + BOX / 2, y + 36, WORDS, "muted", text_anchor="middle")
    return svg.tag("rect", **place, **look, data_kernel=kernel, data_value=value) + words


def _words(in_channels: int, step: Step) -> tuple[str, str]:
    kernel, value = step
    if kernel == "pool":
        return f"{value}×{value} max pooling", "no weights"
    weights = conv_cost(in_channels, value, kernel, 1, bias=False).params
    return f"{kernel}×{kernel}, {in_channels} → {value}", f"{weights:,} weights"


def _said(in_channels: int, branch: Sequence[Step]) -> str:
    words = []
    for step in branch:
        words.append(_words(in_channels, step)[0])
        in_channels = _channels_out(in_channels, [step])
    return ", then ".join(words)


def _way(x: float, y: float, to_x: float, to_y: float) -> str:
    """A line to the right; it bends just before its end, so that it crosses no box."""
    bend = max(x, FIRST + NEXT + BOX)
    path = f"M{x:.5g} {y:.5g}H{to_x:.5g}" if y == to_y else f"M{x:.5g} {y:.5g}H{bend:.5g}L{to_x:.5g} {to_y:.5g}"
    return svg.tag("path", d=path, fill="none", stroke=svg.colour("line"), stroke_width=1.5)


def _column(label: str, x: float, ink: str, pieces: Sequence[tuple[float, float]]) -> str:
    """A bar cut into pieces (top, height), with its shape above it."""
    look = {"fill": svg.colour("faint"), "stroke": svg.colour(ink), "stroke_width": 1.5}
    bars = "".join(svg.tag("rect", x=x, y=y, width=BAR, height=height, **look) for y, height in pieces)
    place = x + BAR / 2 if ink == "output" else 14.0
    anchor = {"text_anchor": "middle"} if ink == "output" else {}
    return bars + svg.text(label, place, TOP - 22, WORDS + 1, ink, font_weight=600, **anchor)


def _paper(content: str, height: float, name: str, said: str) -> str:
    css = f"@media (prefers-color-scheme: dark){{{svg.dark_css('.cnnlab-block')}}}"
    look = {"fill": svg.colour("paper"), "stroke": svg.colour("line"), "rx": 8}
    paper = svg.tag("rect", x=0.5, y=0.5, width=WIDTH - 1, height=height - 1, **look)
    return svg.document(paper + content, WIDTH, height, name, said, css, class_="cnnlab-block")
