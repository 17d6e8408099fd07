"""One output channel of a convolution as a picture: each input map, its kernel, their product, and the sum of all.

Of more than four channels the first ones and the last are drawn; `data-hidden` holds what the others add to each output
drawn. A map's `data-part` counts the rows drawn, and `data-shown` says which channels they are. Of a large map, the
cells at its ends are drawn.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise, product

from cnnlab.draw import paper, svg
from cnnlab.draw.grid import Block, Grid, Pair, by, cell, ellipses, frame, group, minus
from cnnlab.explore.channels.numbers import MOST_TERMS, Channels, channel_sum
from cnnlab.explore.kit.grids import DASHES, MARGIN, framed, outputs, weights

__all__ = ["Channels", "channel_picture", "channel_sum"]

WIDTH = paper.WIDTH
HEAD, BETWEEN, TALLEST = 46, 28, 500  # px over the rows, between them, and for all of them
LARGEST_CELL, SMALLEST_CELL = 28, 17
RIGHT, LEFT, SIGN, SUM = 230, 30, 40, 76  # px: right column, dots, signs, the bracket
ROOM = WIDTH - 2 * MARGIN - LEFT
COSTS = 112  # px for the bars
LABEL, WIRE = 12, 24  # px: words, and from one wire to the next


def channel_picture(
    layer: Channels, costs: Sequence = (), pin: Pair | None = None, caption: Sequence[str] = (), still: bool = False
) -> str:
    """The whole picture as SVG text. `pin` marks one output and its window in every map that feeds it.

    `costs` are the bars: (name, of this layer, of the same layer with groups=1). A still picture stands by itself.
    """
    rows = _rows(layer)
    height = _place(layer, rows, crop=still)
    content = "".join(_row(layer, channel, blocks, pin) for channel, blocks in rows.items()) + _dots(layer, rows)
    if layer.out is None:
        content += paper.refusal(layer.error, _edge(rows) + SIGN, HEAD + (height - HEAD) / 2)
    else:
        content += _result(layer, rows, pin) + wiring(layer, _edge(rows) + SUM + RIGHT / 2, height)
        content += bars(costs, MARGIN + LEFT, height)
        height += COSTS
    shown = {"caption": caption, "still": still}
    return paper.document(content, height, _words(layer), "cnnlab-channel", **shown, **_data(layer))


def _data(layer: Channels) -> dict[str, object]:
    data = layer.data("size", "kernel_size", "padding", "out_shape", "default_pin")
    data |= {
        f"data_{name}": getattr(layer, name) for name in ("in_channels", "out_channels", "groups", "channel", "bias")
    }
    data |= layer.reading()
    data |= {"data_shown": json.dumps(layer.shown), "data_members": json.dumps(sorted(layer.kernels))}
    return data | {"data_hidden": json.dumps(layer.hidden) if layer.out and layer.hidden else None}


def _words(layer: Channels) -> tuple[str, str]:
    title = f"Channels: {layer.in_channels} in, {layer.out_channels} out, groups {layer.groups}"
    if layer.out is None:
        return f"{title}, no output", f"{layer.error}."
    members = sorted(layer.kernels)
    fed = ", ".join(map(str, members)) if len(members) <= MOST_TERMS else f"{members[0]} to {members[-1]}"
    return title, f"Output channel {layer.channel}, {by(layer.out_shape)}, sums over input channels {fed}."


# ---- where things stand ----------------------------------------------------------------------------------------------


def _rows(layer: Channels) -> dict[int, list[Block]]:
    """For each input channel drawn: its map and, where the chosen output reads it, its kernel and their product."""
    return {channel: _blocks(layer, channel) for channel in layer.shown}


def _blocks(layer: Channels, channel: int) -> list[Block]:
    strings = {at: str(layer.at(channel, *at)) for at in product(*layer.shown_input)}
    blocks = [Block("input", *layer.shown_input, title="", strings=strings)]
    if channel in layer.kernels:
        blocks.append(_grid("kernel", layer.kernels[channel], layer.shown_kernel))
    if channel in layer.products:
        blocks.append(_grid("output", layer.products[channel], layer.shown_output))
    return blocks


def _grid(part: str, values: Grid, shown: tuple[list[int], list[int]]) -> Block:
    return Block(part, *shown, title="", strings={(r, c): minus(values[r][c]) for r, c in product(*shown)})


def _place(layer: Channels, rows: Mapping[int, list[Block]], crop: bool) -> float:
    """Give every block its cell size and corner; returns the height of the rows."""
    tall = max(block.units[0] for blocks in rows.values() for block in blocks)
    room = max(SMALLEST_CELL, (TALLEST / len(rows) - BETWEEN) // tall)
    sizes = [float(size) for size in range(int(min(LARGEST_CELL, room)), 7, -1)]
    aside = SUM + RIGHT if layer.out else SIGN + paper.MESSAGE
    size = next(size for size in sizes if sum(_columns(rows, size)) + 2 * SIGN + aside <= ROOM or size == sizes[-1])
    columns, step = _columns(rows, size), tall * size + BETWEEN
    # the output, and the wiring under it
    below = max(_result_block(layer).units) * _out_cell(layer, size) + 210 if layer.out else 0
    height = max(step * len(rows), below, 0 if crop else TALLEST)
    top = HEAD + (height - step * len(rows)) / 2
    x = MARGIN + LEFT + (ROOM - sum(columns) - 2 * SIGN - aside) / 2
    for index, blocks in enumerate(rows.values()):
        for i, block in enumerate(blocks):
            block.cell = size
            block.x = x + sum(columns[:i]) + i * SIGN + (columns[i] - block.units[1] * size) / 2
            block.y = top + index * step + (tall - block.units[0]) * size / 2
    return HEAD + height


def _columns(rows: Mapping[int, list[Block]], size: float) -> list[float]:
    """Widths of the maps, the kernels and the products: as wide as their names at least."""
    digits = "0" * max(2, len(str(max(rows))))
    words = (f"input {digits}", f"weight[{digits}, {digits}]", f"product {digits}")
    names = [svg.text_width(name, LABEL) for name in words]
    cells = [max((blocks[i].units[1] for blocks in rows.values() if len(blocks) > i), default=0) for i in range(3)]
    return [max(name, count * size) if count else 0 for name, count in zip(names, cells, strict=True)]


def _out_cell(layer: Channels, size: float) -> float:
    # The sum is the news, so it is drawn larger while there is room.
    return max(size, min(36.0, 160 // max(_result_block(layer).units)))


def _result_block(layer: Channels) -> Block:
    return _grid("output", layer.out, layer.shown_output)


def _edge(rows: Mapping[int, list[Block]]) -> float:
    """Where the rows end on the right."""
    return max(block.left + block.width for blocks in rows.values() for block in blocks)


# ---- one row for each input channel ----------------------------------------------------------------------------------


def _row(layer: Channels, channel: int, blocks: list[Block], pin: Pair | None) -> str:
    read = channel in layer.kernels
    lit = layer.window_colours(pin) if pin and read else {}
    first = min(layer.kernels, default=0)
    padded = (side + 2 * padding for side, padding in zip(layer.size, layer.padding, strict=True))
    cut = any(len(drawn) < side for drawn, side in zip(layer.shown_input, padded, strict=True))
    size = f", {by(layer.size)}" * cut  # of a map that is not drawn in full
    names = [f"input {channel}{size}", f"weight[{layer.channel}, {channel - first}]", f"product {channel}"]
    content = _input(layer, channel, blocks[0], lit)
    if len(blocks) > 1:
        content += _kernel(layer, channel, blocks[1]) + _sign("∗", *blocks[:2])
    if len(blocks) > 2:
        content += _product(layer.products[channel], f"product-{layer.shown.index(channel)}", blocks[2]) + _sign(
            "=", *blocks[1:]
        )
    content += "".join(_label(name, block) for name, block in zip(names, blocks, strict=False))
    if pin and read:
        content += _marks(layer, blocks, pin)
    if read or layer.out is None:
        return content
    left, y = blocks[0].left + blocks[0].width + 16, blocks[0].y + blocks[0].height / 2 + 4
    aside = svg.text(f"not read by output {layer.channel}", left, y, LABEL, "muted")
    return svg.tag("g", content, opacity=0.4, class_="unread") + aside


def _label(name: str, block: Block) -> str:
    return svg.text(name, block.centre, block.y - 7, LABEL, block.part, font_weight=600, text_anchor="middle")


def _sign(sign: str, before: Block, after: Block) -> str:
    x = (before.left + before.width + after.left) / 2
    return svg.text(sign, x, before.y + before.height / 2 + 7, 20, "muted", text_anchor="middle")


def _input(layer: Channels, channel: int, block: Block, lit: Mapping[Pair, str]) -> str:
    top = layer.brightest
    kinds: dict[bool, list[str]] = {True: [], False: []}
    for at in product(block.rows, block.columns):
        value = layer.at(channel, *at)
        inside = layer.inside(*at)
        plain = svg.shade("grey", round(svg.LEVELS * value / top)) if inside else svg.colour("faint")
        ink = svg.TAP_INK if at in lit else svg.colour("ink" if inside else "muted")
        kinds[inside].append(cell(block, at, value, lit.get(at, plain), ink))
    content = group(block, kinds[False], class_="padding", **DASHES) + group(block, kinds[True]) + ellipses(block)
    return svg.tag("g", content, data_part=f"input-{layer.shown.index(channel)}")


def _kernel(layer: Channels, channel: int, block: Block) -> str:
    content = weights(layer.kernels[channel], block, layer.kernel_size) + ellipses(block)
    return svg.tag("g", content, data_part=f"kernel-{layer.shown.index(channel)}")


def _product(values: Grid, part: str, block: Block) -> str:
    return svg.tag("g", outputs(values, block) + ellipses(block), data_part=part)


def _marks(layer: Channels, blocks: list[Block], pin: Pair) -> str:
    return framed(blocks[0], blocks[2], [layer.windows[axis][pin[axis]] for axis in (0, 1)], pin, result=None)


def _dots(layer: Channels, rows: Mapping[int, list[Block]]) -> str:
    """Dots where input channels are left out."""
    places = [(rows[one][0].x - 16, rows[other][0].y - 10) for one, other in pairwise(layer.shown) if other > one + 1]
    last = rows[layer.shown[-1]][0]
    if layer.shown[-1] < layer.in_channels - 1:
        places.append((last.x - 16, last.y + last.height + 6))
    return "".join(svg.text("⋮", x, y, 18, "muted", text_anchor="middle") for x, y in places)


# ---- what they add up to ---------------------------------------------------------------------------------------------


def _result(layer: Channels, rows: Mapping[int, list[Block]], pin: Pair | None) -> str:
    """The sum of the products, and the bracket that leads to it."""
    block = _result_block(layer)
    block.cell = _out_cell(layer, next(iter(rows.values()))[0].cell)
    products = [blocks[2] for blocks in rows.values() if len(blocks) > 2]
    top, bottom = products[0].y, products[-1].y + products[-1].height
    block.x, block.y = _edge(rows) + SUM + (RIGHT - block.units[1] * block.cell) / 2, HEAD + 40
    x, y = _edge(rows) + 8, block.y + block.height / 2
    middle, line = (x + 8 + block.x) / 2, {"fill": "none", "stroke": svg.colour("muted"), "stroke_width": 1.3}
    # From the products to the sign, and on to the sum.
    d = f"M{x:g} {top:g}h8V{bottom:g}h-8M{x + 8:g} {max(y, top):g}V{y:g}H{middle - 14:g}"
    bracket = svg.tag("path", class_="bracket", d=f"{d}M{middle + 14:g} {y:g}H{block.x - 8:g}", **line)
    sign = svg.text("Σ", middle, y + 8, 22, "muted", text_anchor="middle")
    title = svg.text(
        f"output {layer.channel}", block.centre, block.y - 10, 15, "output", font_weight=600, text_anchor="middle"
    )
    many = f"the sum of {len(layer.products)} products" if len(layer.products) > 1 else "one product"
    bias = f" and bias {minus(layer.bias)}" if layer.bias else ""
    note = svg.text(many + bias, block.centre, block.y + block.height + 20, LABEL, "muted", text_anchor="middle")
    mark = frame(block, pin, pin, "output", class_="result") if pin else ""
    return bracket + sign + title + _product(layer.out, "output", block) + note + mark


# ---- who feeds whom, and what it costs -------------------------------------------------------------------------------


def wiring(layer: Channels, middle: float, bottom: float) -> str:
    """Which input channels feed which output channels, the chosen one's wires in its colour."""
    sides = [(layer.shown, middle - 50), (layer.shown_outputs, middle + 50)]
    tall = max(len(shown) for shown, _ in sides) * WIRE
    y = bottom - tall + WIRE / 2
    spots = [{c: (x, y + (tall - len(shown) * WIRE) / 2 + i * WIRE) for i, c in enumerate(shown)} for shown, x in sides]
    wires = [(c, o) for c, o in product(*spots) if layer.feeds(c, o)]
    each = layer.in_channels // layer.groups
    title = f"each output reads {each} of {layer.in_channels} input{'s' * (layer.in_channels > 1)}"
    lines = "".join(
        _wire(spots[0][c], spots[1][o], o == layer.channel)
        for c, o in sorted(wires, key=lambda w: w[1] == layer.channel)
    )
    dots = "".join(_spot(*spots[side][c], c, ("input", "output")[side]) for side in (0, 1) for c in spots[side])
    gaps = "".join(_gap(spots[side], shown) for side, (shown, _) in enumerate(sides))
    words = svg.text(title, middle, y - 24, LABEL, "muted", text_anchor="middle")
    return words + svg.tag("g", lines + dots + gaps, class_="wiring", data_wires=json.dumps(wires))


def _wire(start: tuple[float, float], end: tuple[float, float], chosen: bool) -> str:
    ends = {"x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1]}
    return svg.tag("line", **ends, stroke=svg.colour("output" if chosen else "line"), stroke_width=2 if chosen else 1.3)


def _spot(x: float, y: float, channel: int, part: str) -> str:
    aside = {"x": x - 12, "text_anchor": "end"} if part == "input" else {"x": x + 12}
    name = svg.text(channel, y=y + 4, size=LABEL, fill=part, **aside)
    return svg.tag("circle", cx=x, cy=y, r=5, fill=svg.colour(part)) + name


def _gap(spots: Mapping[int, tuple[float, float]], shown: Sequence[int]) -> str:
    places = [(spots[one], spots[other]) for one, other in pairwise(shown) if other > one + 1]
    return "".join(svg.text("⋮", a[0], (a[1] + b[1]) / 2 + 5, 14, "muted", text_anchor="middle") for a, b in places)


def bars(costs: Sequence[tuple[str, int, int]], left: float, y: float) -> str:
    """What the layer costs, beside the same layer in one group."""
    return "".join(_bar(name, own, whole, left + i * 430, y + 34) for i, (name, own, whole) in enumerate(costs))


def _bar(name: str, own: int, whole: int, x: float, y: float) -> str:
    content = svg.text(name, x, y, LABEL, "ink", font_weight=600)
    bars = [("this layer", own, "output")] + ([("groups = 1", whole, "muted")] if own != whole else [])
    for i, (label, value, part) in enumerate(bars):
        line, length = y + 22 + i * 24, max(1.0, 180 * value / whole)
        content += svg.text(label, x, line, LABEL, "muted")
        content += svg.tag("rect", x=x + 80, y=line - 11, width=length, height=14, rx=2, fill=svg.colour(part))
        share = f" (1/{whole // own})" if i == 0 and own != whole and whole % own == 0 else ""
        content += svg.text(f"{value:,}{share}", x + 88 + length, line, LABEL, "ink")
    return content
