"""What a trained network makes of one image: the input, one channel's map, the kernel that made it, all channels beside
each other, the images that move the channel most, and the scores. Numbers in, SVG out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from cnnlab.draw import paper, svg
from cnnlab.draw.png import image, signed_levels, signed_png
from cnnlab.explore.features.parts import (
    Best,
    Kernels,
    Pixels,
    Score,
    best_images,
    framed,
    kernel_panel,
    legend,
    number,
    place_on,
    score_bars,
)

MARGIN, TOP = 24, 48  # px; where the pictures of the first row start
INPUT, LARGE, MAP_X, KERNEL_X = 150.0, 236.0, 210.0, 490.0
ROOM = paper.WIDTH - 2 * MARGIN
FEW, SOME = 16, 66  # so many tiles stand in one row; so many have a number each
STRIP, BELOW = 372.0, 40.0  # px: where the strip starts, room between it and what follows
LABEL = 11  # the smallest font size


@dataclass(frozen=True)
class Map:
    """One channel: its height and width, and its values row by row."""

    shape: tuple[int, int]
    values: Sequence[float]

    @property
    def peak(self) -> tuple[int, int] | None:
        """Row and column of the first of its largest values; None where all are equal."""
        largest = max(self.values)
        return None if largest == min(self.values) else divmod(self.values.index(largest), self.shape[1])


@dataclass(frozen=True)
class Features:
    """All that one picture shows; activations and weights are plain numbers."""

    pixels: Pixels
    source: tuple[str, str]  # where the image comes from, and what it is
    layer: str
    channel: int
    maps: Sequence[Map]
    kernels: Kernels
    best: Best
    scores: Sequence[Score]
    error: str | None = None

    @property
    def reach(self) -> float:
        """The largest size of any activation of the layer: all its channels share one scale."""
        return max(max(abs(value) for value in each.values) for each in self.maps)

    @property
    def low(self) -> float:
        return min(min(each.values) for each in self.maps)

    @property
    def chosen(self) -> Map | None:
        return None if self.error else self.maps[self.channel]


def features_picture(shown: Features, *, caption: Sequence[str] = (), still: bool = False) -> str:
    """The whole picture as SVG text."""
    content = _input(shown) + _large(shown) + kernel_panel(shown.kernels, KERNEL_X, TOP, paper.WIDTH - MARGIN)
    strip, bottom = _strip(shown)
    row = bottom + BELOW
    content += strip + best_images(shown.best, MARGIN, row) + score_bars(shown.scores, KERNEL_X, row)
    title = f"Layer {shown.layer}, channel {shown.channel}"
    words = title, shown.error or f"{len(shown.maps)} channels of {shown.layer} for {', '.join(shown.source)}"
    return paper.document(content, row + 268, words, "cnnlab-features", caption=caption, still=still, **_data(shown))


def _data(shown: Features) -> dict[str, str]:
    """What a pointer needs to find a cell of the large map."""
    if shown.error:
        return {}
    height, width = shown.chosen.shape
    scale = LARGE / max(height, width)
    place = {"x": MAP_X, "y": TOP, "cell": scale, "height": height, "width": width}
    return {"data_place": json.dumps(place)}


def _input(shown: Features) -> str:
    head = svg.text("input", MARGIN, 24, 14, "input", font_weight=600)
    head += svg.text(f"{shown.pixels.height} × {shown.pixels.width} px", MARGIN, 40, 12, "muted")
    drawn = shown.pixels.drawn(MARGIN, TOP, INPUT)
    words = svg.paragraph([*shown.source], MARGIN, TOP + INPUT + 20, 12)
    if shown.error or shown.chosen.peak is None:
        return head + drawn + words
    note = svg.paragraph(
        ["framed: the strongest", "unit, the map laid", "over the image"], MARGIN, TOP + INPUT + 62, LABEL, fill="muted"
    )
    return head + drawn + place_on(shown.chosen.peak, shown.chosen.shape, MARGIN, TOP, INPUT) + words + note


def _large(shown: Features) -> str:
    """The chosen channel, large, with its strongest unit framed, and the scale under it."""
    if shown.error:
        return paper.message("No map to show", f"{_capital(shown.error)}.", MAP_X, TOP + 100, 256, _REFUSED)
    chosen = shown.chosen
    name = shown.layer if len(shown.layer) <= 20 else f"…{shown.layer[-19:]}"
    head = svg.text(f"{name}, channel {shown.channel}", MAP_X, 24, 14, "output", font_weight=600)
    head += svg.text(f"{chosen.shape[0]} × {chosen.shape[1]} units", MAP_X, 40, 12, "muted")
    scale = legend(MAP_X, TOP + LARGE + 12, LARGE, shown.reach, shown.low)
    peak = place_on(chosen.peak, chosen.shape, MAP_X, TOP, LARGE) if chosen.peak else ""
    return head + _tile(chosen, shown.reach, MAP_X, TOP, LARGE) + peak + scale


_REFUSED = ("error", "error-back")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _tile(one: Map, reach: float, x: float, y: float, side: float) -> str:
    height, width = one.shape
    scale = side / max(height, width)
    png = signed_png(signed_levels(one.values, reach), width)
    return framed(x, y, width * scale, height * scale, back="paper") + image(png, x, y, width * scale, height * scale)


# ---- all channels ----------------------------------------------------------------------------------------------------


def _strip(shown: Features) -> tuple[str, float]:
    """Every channel as a small map, and where the strip ends."""
    count = len(shown.maps)
    side, across, down, columns, left = _pitch(count)
    head = svg.text(f"all {count:,} channels of {shown.layer}, on one scale", MARGIN, STRIP - 12, 13, font_weight=600)
    drawn = [head]
    for index, one in enumerate(shown.maps):
        row, column = divmod(index, columns)
        x, y = MARGIN + left + column * across, STRIP + row * down
        drawn.append(_tile(one, shown.reach, x, y, side))
        drawn.append(_number(shown, index, column, x, y, side))
        drawn.append(_hit(shown, index, x, y, side))
    return "".join(drawn), STRIP + -(-count // columns) * down


def _pitch(count: int) -> tuple[float, float, float, int, float]:
    """Side of a tile, steps across and down, tiles in a row, room for numbers on the left."""
    if count <= FEW:
        across = min(78.0, ROOM / count)
        return across - 8, across, across + 12, count, 0.0
    if count <= SOME:
        across = ROOM / 22
        return across - 7, across, across + 12, 22, 0.0
    return 20.0, 23.0, 23.0, 35, 40.0


def _number(shown: Features, index: int, column: int, x: float, y: float, side: float) -> str:
    chosen = index == shown.channel
    look = {"fill": "kernel" if chosen else "muted", "font_weight": 700 if chosen else None}
    if len(shown.maps) <= SOME:
        return svg.text(index, x + side / 2, y + side + 13, LABEL, text_anchor="middle", **look)
    if column:
        return ""
    return svg.text(index, x - 6, y + 14, LABEL, "muted", text_anchor="end")


def _hit(shown: Features, index: int, x: float, y: float, side: float) -> str:
    """What a pointer meets: says the channel in numbers, and chooses it. The chosen one has a frame."""
    one = shown.maps[index]
    zeros = sum(value == 0 for value in one.values) / len(one.values)
    said = f"channel {index} of {shown.layer}: activation {number(min(one.values))} to {number(max(one.values))}"
    said += f", mean {number(sum(one.values) / len(one.values))}, {100 * zeros:.0f} % of its units are 0"
    look = {"fill": "none", "pointer_events": "all", "class_": "hit"}
    if index == shown.channel:
        look |= {"stroke": svg.colour("kernel"), "stroke_width": 2.5, "class_": "hit current"}
    go = json.dumps({"channel": index})
    return svg.tag("rect", x=x - 2, y=y - 2, width=side + 4, height=side + 4, **look, data_say=said, data_go=go)
