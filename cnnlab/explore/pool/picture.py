"""One pooling layer as a picture: input → output, with the winners marked, and the data a view needs to link the two.

Windows are written as in a convolution's picture. `data-winners` names the pixel that each output took; it,
`data-before` and `data-gradients` are by "row,column" and hold what belongs to the cells that are drawn.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product

from cnnlab.draw import paper, svg
from cnnlab.draw.grid import Block, Pair, by, cell, group
from cnnlab.explore.kit.grids import (
    ABOVE,
    DASHES,
    MARGIN,
    cell_sizes,
    drawn_span,
    framed,
    in_a_row,
    never_read,
    outline,
    padded_to,
    part,
    strips,
)
from cnnlab.explore.pool.numbers import NAMES, PAD, Pool, pool_sum

__all__ = ["Pool", "pool_picture", "pool_sum"]

WIDTH, MIDDLE = paper.WIDTH, 170  # px; the words stand in the middle
TALLEST, BELOW = 340, 54  # px for the cells of the tallest grid, and under a grid for its labels
WINNER, WINDOW = svg.TAP_CORNERS[0][1], svg.TAP_CORNERS[0][0]


def pool_picture(pool: Pool, pin: Pair | None = None, caption: Sequence[str] = (), still: bool = False) -> str:
    """The whole picture as SVG text. `pin` marks one output and its window.

    A still picture is for reading without a view: cropped, on its own paper, with its own dark twin.
    """
    blocks = _blocks(pool)
    height = _place(blocks, crop=still)
    content = _input(pool, blocks[0], _window_colours(pool, pin) if pin else {})
    if pool.out_shape is None:
        content += _misfit(pool, blocks[0])
    else:
        content += _between(pool, *blocks) + _output(pool, blocks[1])
        content += _marks(pool, blocks, pin) if pin else ""
    shown = {"caption": caption, "still": still}
    return paper.document(content, height, _words(pool), "cnnlab-pool", **shown, **_data(pool))


def _data(pool: Pool) -> dict[str, object]:
    data = pool.data("size", "kernel_size", "stride", "padding", "out_shape", "default_pin")
    for index, axis in enumerate("yx"):
        data[f"data_windows_{axis}"] = json.dumps(pool.windows[index])
        data[f"data_counts_{axis}"] = json.dumps(pool.counts[index])
    data |= {"data_mode": pool.mode, "data_ceil_mode": str(pool.ceil_mode).lower(), "data_shift": pool.shift}
    won = {f"{r},{c}": winner for (r, c), winner in pool.near_winners.items()}
    data["data_winners"] = json.dumps(won) if won else None
    if pool.before is not None:
        data["data_changed"] = len(pool.changed)
        drawn = product(*pool.shown_output)
        data["data_before"] = json.dumps({f"{r},{c}": round(float(pool.before[r, c]), 6) for r, c in drawn})
    if pool.gradient:
        drawn = [at for at in product(*pool.shown_input) if pool.inside(*at)]
        data["data_gradients"] = json.dumps({f"{r},{c}": str(pool.reaching(r, c)) for r, c in drawn})
    return data


def _words(pool: Pool) -> tuple[str, str]:
    result = f"{by(pool.out_shape)} output" if pool.out_shape else "no output"
    title = f"Pooling: {by(pool.size)} input, {NAMES[pool.mode]} of {by(pool.kernel_size)}, {result}"
    settings = ", ".join(f"{name} {by(getattr(pool, name))}" for name in ("stride", "padding"))
    return title, f"{settings}. {pool.error or _never_read(pool) or 'every pixel is read'}."


def _never_read(pool: Pool) -> str:
    return never_read(strips(pool.unread))


# ---- where things stand ----------------------------------------------------------------------------------------------


def _blocks(pool: Pool) -> list[Block]:
    moved = [f"moved right by {pool.shift} px"] if pool.shift else []
    wide = list(filter(None, [padded_to(pool.size, pool.padding)]))
    rings = ["ringed: it won a window"] if pool.near_winners else []
    note = " · ".join([*rings, _never_read(pool)] if _never_read(pool) else rings)
    source = Block(
        "input",
        *pool.shown_input,
        title=f"{by(pool.size)} input" + (", gradient" if pool.gradient else ""),
        subtitle=", ".join(moved + wide),
        note=note if pool.out_shape else f"dashed: the {by(pool.kernel_size)} window",
        strings={at: _label(pool, *at) for at in product(*pool.shown_input)},
        room=(0, 0) if pool.out_shape else drawn_span(pool.kernel_size),
    )
    if pool.out_shape is None:
        return [source]
    strings = {at: pool.text(pool.out[at]) for at in product(*pool.shown_output)}
    changed = f"{len(pool.changed)} of {len(pool.places)} changed by the shift" if pool.before is not None else ""
    return [
        source,
        Block("output", *pool.shown_output, title=f"{by(pool.out_shape)} output", note=changed, strings=strings),
    ]


def _label(pool: Pool, row: int, column: int) -> str:
    if pool.inside(row, column):
        return str(pool.reaching(row, column) if pool.gradient else pool.image[row][column])
    return PAD[pool.mode] if pool.padded(row, column) and not pool.gradient else ""


def _place(blocks: list[Block], crop: bool) -> float:
    """Give every block its cell size and corner; returns the height of the picture."""
    gap = MIDDLE if len(blocks) > 1 else paper.MESSAGE + 40
    room = WIDTH - 2 * MARGIN - gap
    longest = max(block.units[0] for block in blocks)
    for size in cell_sizes(longest, TALLEST):
        for block in blocks:
            block.cell = size
        if sum(block.width for block in blocks) <= room:
            break
    tallest = max(block.height for block in blocks) if crop else TALLEST
    in_a_row(blocks, room, gap, tallest)
    return ABOVE + tallest + BELOW - (20 if crop else 0)


# ---- the two grids ---------------------------------------------------------------------------------------------------


def _window_colours(pool: Pool, pin: Pair) -> dict[Pair, str]:
    reads = product(pool.windows[0][pin[0]], pool.windows[1][pin[1]])
    return {at: WINNER if pool.near_winners.get(pin) == at else WINDOW for at in reads}


def _input(pool: Pool, block: Block, lit: Mapping[Pair, str]) -> str:
    kinds: dict[str, list[str]] = {"": [], "padding": [], "beyond": []}
    for at in product(block.rows, block.columns):
        inside = pool.inside(*at)
        kind = "" if inside else "padding" if pool.padded(*at) else "beyond"
        value = pool.image[at[0]][at[1]] if inside else "NaN"
        plain = _shade(pool, at) if inside else svg.colour("faint" if kind == "padding" else "paper")
        ink = svg.TAP_INK if at in lit else svg.colour("ink" if inside else "muted")
        kinds[kind].append(cell(block, at, value, lit.get(at, plain), ink))
    far = group(block, kinds["beyond"], class_="beyond", **{**DASHES, "stroke_dasharray": "1 4"})
    # An infinity is wide; it must not touch the cell's sides.
    small = f"font-size:{min(block.type_size, 0.42 * block.cell):.3g}px"
    near = group(block, kinds["padding"], class_="padding", style=small, **DASHES)
    marks = _rings(pool, block) + _strikes(pool, block)
    return part(block, far + near + group(block, kinds[""]) + marks)


def _shade(pool: Pool, at: Pair) -> str:
    if pool.gradient:
        return _level("plus", pool.reaching(*at), pool.largest_gradient)
    return _level("grey", Fraction(int(pool.image[at[0]][at[1]])), pool.brightest)


def _level(ramp: str, value: Fraction, top: Fraction | int) -> str:
    return svg.shade(ramp, round(svg.LEVELS * max(0, value) / top) if top > 0 else 0)


def _output(pool: Pool, block: Block) -> str:
    top = max(pool.out.values())
    cells = [
        cell(block, at, round(float(pool.out[at]), 6), _level("plus", pool.out[at], top), svg.colour("ink"))
        for at in product(block.rows, block.columns)
    ]
    corners = [
        f"M{x + block.cell * 0.7:.5g} {y:.5g}h{block.cell * 0.3:g}v{block.cell * 0.3:g}z"
        for x, y in (block.corner(*at) for at in pool.changed if at in block.strings)
    ]
    style = {"fill": svg.colour("kernel"), "pointer_events": "none"}
    mark = svg.tag("path", class_="changed", d="".join(corners), data_count=len(corners), **style) if corners else ""
    return part(block, group(block, cells) + mark)


def _rings(pool: Pool, block: Block) -> str:
    """A ring on every pixel that won a window."""
    inset, won = block.cell * 0.1, sorted(set(pool.near_winners.values()))
    places = [block.corner(*at) for at in won if at in block.strings]
    side = block.cell - 2 * inset
    lines = "".join(f"M{x + inset:.5g} {y + inset:.5g}h{side:g}v{side:g}h{-side:g}z" for x, y in places)
    style = {"fill": "none", "stroke": svg.colour("output"), "pointer_events": "none"}
    width = min(1.8, block.cell / 14)
    return svg.tag("path", class_="won", d=lines, data_count=len(places), stroke_width=width, **style) if lines else ""


def _strikes(pool: Pool, block: Block) -> str:
    """A diagonal through every cell of a row or column that no window reads."""
    read = pool.read
    lost = [at for at in product(block.rows, block.columns) if at[0] not in read[0] or at[1] not in read[1]]
    if pool.out_shape is None or not lost:
        return ""
    corners = [block.corner(*at) for at in lost]
    lines = "".join(f"M{x:.5g} {y + block.cell:.5g}l{block.cell:g} {-block.cell:g}" for x, y in corners)
    style = {"fill": "none", "stroke": svg.colour("muted"), "stroke_width": 1.3, "pointer_events": "none"}
    return svg.tag("path", class_="unread", d=lines, data_count=len(lost), **style)


# ---- what stands between and over them -------------------------------------------------------------------------------


def _between(pool: Pool, before: Block, after: Block) -> str:
    x, y = (before.x + before.width + after.x) / 2, before.y + before.height / 2
    named = {"text_anchor": "middle"}
    stride = pool.stride[0] if pool.stride[0] == pool.stride[1] else by(pool.stride)
    return (
        svg.text(f"{NAMES[pool.mode]} of", x, y - 36, 13, "kernel", font_weight=600, **named)
        + svg.text(f"each {by(pool.kernel_size)} window", x, y - 18, 13, "kernel", font_weight=600, **named)
        + svg.text("→", x, y + 9, 24, "muted", **named)
        + svg.text(f"stride {stride}", x, y + 28, 12, "muted", **named)
    )


def _marks(pool: Pool, blocks: list[Block], pin: Pair) -> str:
    return framed(*blocks, [pool.windows[axis][pin[axis]] for axis in (0, 1)], pin)


def _misfit(pool: Pool, block: Block) -> str:
    """The outline of the window, and the reason where the output would stand."""
    reason = paper.refusal(pool.error, block.x + block.width + 40, block.y + block.height / 2)
    return outline(block, pool.kernel_size, "error", "misfit") + reason
