"""A dense block drawn to the scale of its channels: what every layer reads, what it adds, what the transition keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cnnlab.draw import paper, svg
from cnnlab.draw.network import memory, short
from cnnlab.shapes import Cost

MARGIN, TOP, TEXT = 20.0, 62.0, 12
NAMES, LONGEST = 96.0, 430.0  # px for the names of the lines, and for the widest bar
NUMBERS = (670, 776, 880)  # right ends of the columns of numbers
MOST = 12  # layers drawn; of more the first and the last


@dataclass(frozen=True)
class Layer:
    """A layer of the block: the channels it reads, its cost, and how its numbers come about."""

    given: int
    cost: Cost
    story: str


def dense_picture(
    layers: Sequence[Layer],
    channels: tuple[int, int, int, int],
    side: int,
    costs: Mapping[str, tuple[int, int, int]],
    title: str,
    *,
    error: str | None = None,
    caption: Sequence[str] = (),
    still: bool = False,
) -> str:
    """The whole picture as SVG text. channels: into the block, added by a layer, out of it, out of the transition.

    costs: parameters, MACs and bytes of the "block", the "transition" and the "residual" block beside it.
    """
    first, growth, out, kept = channels
    shown = _shown(len(layers))
    step = 30.0 if len(shown) <= 8 else 24.0
    scale = LONGEST / out
    content = _heads(side)
    y = TOP
    for place, number in enumerate(shown):
        if place and number != shown[place - 1] + 1:
            content += svg.text(f"⋮ {number - shown[place - 1] - 1} more layers", MARGIN, y + 13, TEXT, "muted")
            y += step
        content += _layer(layers[number], number, first, growth, scale, y)
        y += step
    content += _ends(out, kept, first, growth, scale, y, side, costs["transition"], error)
    y += 76
    if error:
        content += paper.refusal(error, MARGIN, y + 36, 600)
        y += 84
    content += _compare(costs, out, y + 8)
    said = f"{first} channels, {len(layers)} layers that add {growth} each: {out}; the transition keeps {kept}"
    return paper.document(content, y + 112, (title, said), "cnnlab-dense", caption=caption, still=still)


def _shown(count: int) -> list[int]:
    return list(range(count)) if count <= MOST else [*range(MOST // 2), *range(count - MOST // 2 + 1, count)]


def _heads(side: int) -> str:
    content = svg.text(
        "blue: what came in; green: what layers before added; orange: what this layer adds", MARGIN, 20, TEXT, "muted"
    )
    content += svg.text(f"channels to scale, maps of {side} × {side} px", MARGIN, 42, TEXT, "muted")
    for word, x in zip(("parameters", "MACs", "maps"), NUMBERS, strict=True):
        content += svg.text(word, x, 42, TEXT, "muted", text_anchor="end")
    return content


def _bar(x: float, y: float, width: float, ink: str, height: float = 15.0, **data: object) -> str:
    look = {"fill": svg.colour(ink), "stroke": svg.colour("paper"), "stroke_width": 0.8}
    return svg.tag("rect", x=x, y=y, width=max(1.0, width), height=height, **look, **data)


def _layer(layer: Layer, number: int, first: int, growth: int, scale: float, y: float) -> str:
    box = {"x": MARGIN - 8, "y": y - 3, "width": 876.0, "height": 22.0, "rx": 4}
    content = svg.tag("rect", **box, fill="none", class_="back")
    content += svg.text(f"layer {number + 1}", MARGIN, y + 12, TEXT, font_weight=600)
    x = MARGIN + NAMES
    content += _bar(x, y, first * scale, "input", data_channels=first)
    for earlier in range(number):
        content += _bar(x + (first + earlier * growth) * scale, y, growth * scale, "output", data_channels=growth)
    content += _bar(x + layer.given * scale, y, growth * scale, "kernel", data_channels=growth)
    return svg.tag("g", content + _numbers(layer.cost, y + 12), data_said=layer.story)


def _numbers(cost: Cost, base: float) -> str:
    words = short(cost.params), short(cost.macs), memory(cost.activation_bytes)
    return "".join(svg.text(word, x, base, TEXT, text_anchor="end") for word, x in zip(words, NUMBERS, strict=True))


def _ends(
    out: int,
    kept: int,
    first: int,
    growth: int,
    scale: float,
    y: float,
    side: int,
    cost: tuple[int, int, int],
    error: str | None,
) -> str:
    """The block's output as one bar, and what the transition makes of it."""
    x = MARGIN + NAMES
    content = svg.text("joined", MARGIN, y + 12, TEXT, font_weight=600)
    content += _bar(x, y, first * scale, "input") + _bar(x + first * scale, y, (out - first) * scale, "output")
    content += svg.text(f"{out} channels", x + out * scale + 8, y + 12, TEXT) if out * scale < LONGEST - 60 else ""
    content += svg.text(
        f"{out} × {side} × {side}", NUMBERS[0], y + 12, TEXT, "output", text_anchor="end", font_weight=600
    )
    if error:
        return content
    y += 30
    box = svg.tag("rect", x=MARGIN - 8, y=y - 3, width=876.0, height=22.0, rx=4, fill="none", class_="back")
    line = svg.text("transition", MARGIN, y + 12, TEXT, font_weight=600)
    line += _bar(x, y, kept * scale, "muted")
    words = f"1×1 convolution, {out} → {kept}; average pooling, {side} → {side // 2} px"
    half = f"{kept} × {side // 2} × {side // 2}"
    inside = x + kept * scale + 8
    line += svg.text(half, inside, y + 12, TEXT, "ink", font_weight=600) if kept * scale < LONGEST - 90 else ""
    said = f"transition: {words}; {cost[0]:,} parameters, {cost[1]:,} MACs, maps of {memory(cost[2])}"
    return content + svg.tag("g", box + line + _numbers(Cost(*cost), y + 12), data_said=said)


def _compare(costs: Mapping[str, tuple[int, int, int]], out: int, y: float) -> str:
    content = svg.text(
        f"The block beside a residual block of two 3×3 on {out} channels", MARGIN, y + 4, 13, font_weight=600
    )
    for column, (name, write) in enumerate((("parameters", short), ("MACs", short), ("maps of one image", memory))):
        x = MARGIN + column * 290.0
        mine, other = costs["block"][column], costs["residual"][column]
        content += svg.text(name, x, y + 28, TEXT, "muted")
        for row, (value, ink, who) in enumerate(((mine, "output", "dense"), (other, "kernel", "residual"))):
            base = y + 46 + row * 22
            content += svg.text(who, x, base, TEXT)
            length = 110.0 * value / max(mine, other)
            content += _bar(x + 56, base - 11, length, ink, 12.0, data_compare=who)
            content += svg.text(write(value), x + 64 + length, base, TEXT)
    return content
