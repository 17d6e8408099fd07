"""One convolution as a picture: padded input ∗ kernel = output, with the data a view needs to link the three.

`data-windows-y` and `data-windows-x` list, for each output row and column, the input positions it reads: whoever
highlights cells looks them up there and needs no arithmetic of its own. What follows the ordinary picture is drawn of a
transposed convolution too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from cnnlab.draw import paper, svg
from cnnlab.draw.grid import LONGEST, Block, Pair, by, cell, group, legend, minus
from cnnlab.explore.conv.numbers import Conv, window_sum
from cnnlab.explore.kit.grids import (
    ABOVE,
    DASHES,
    LARGEST_CELL,
    MARGIN,
    cell_sizes,
    drawn_span,
    framed,
    in_a_row,
    never_read,
    outline,
    outputs,
    padded_to,
    part,
    strips,
    weights,
)

__all__ = ["Conv", "conv_picture", "window_sum"]

WIDTH, GAP = paper.WIDTH, 40
TALLEST, BELOW = 360, 34  # px for the cells of the tallest grid, and under a grid for its labels
MESSAGE = 250  # px for the sentence that stands where an output would
USUAL = {"stride": 1, "padding": 0, "dilation": 1}


def conv_picture(
    conv: Conv, pin: Pair | None = None, caption: Sequence[str] = (), still: bool = False, heat: bool = False
) -> str:
    """The whole picture as SVG text. `pin` marks one output and its window; `heat` shows how often a pixel is used.

    A still picture is for reading without a view: cropped, on its own paper, with its own dark twin. Where there is
    neither an output nor an error, the picture asks for the size.
    """
    heat = heat and conv.out is not None
    blocks = _blocks(conv, heat)
    height = place(blocks, crop=still)
    fills = counts(conv, blocks[0]) if heat else greys(conv, blocks[0])
    lit = conv.window_colours(pin) if pin and not heat else {}
    content = _input(conv, blocks[0], fills, lit) + kernel(conv, blocks[1])
    content += sign("∗", blocks[0], blocks[1])
    if conv.out is None:
        content += _unanswered(conv, blocks)
    else:
        content += legend(blocks[0], "count", conv.most_uses, "output") if heat else ""
        content += part(blocks[2], outputs(conv.out, blocks[2])) + sign("=", blocks[1], blocks[2])
        content += framed(blocks[0], blocks[2], _reads(conv, pin), pin) if pin else ""
    kind, shown = "cnnlab-conv" + " heat" * heat, {"caption": caption, "still": still}
    return paper.document(content, height, _words(conv), kind, **shown, **_data(conv))


def _data(conv: Conv) -> dict[str, object]:
    given = conv.data("size", "kernel_size", "stride", "padding", "dilation", "out_shape", "default_pin")
    return {**given, **conv.reading(), "data_divisor": conv.divisor, "data_bias": conv.bias}


def _words(conv: Conv) -> tuple[str, str]:
    result = f"{by(conv.out_shape)} output" if conv.out else "no output" if conv.error else "output size to be guessed"
    title = f"Convolution: {by(conv.size)} input, {by(conv.kernel_size)} kernel, {result}"
    settings = ", ".join(f"{name} {by(getattr(conv, name))}" for name in ("stride", "padding", "dilation"))
    if not conv.out and not conv.error:
        return title, f"{settings}."
    return title, f"{settings}. {conv.error or _never_read(conv) or 'every pixel is read'}."


def _never_read(conv: Conv) -> str:
    gaps = [f"{conv.gap_pixels} px in gaps"] if conv.gap_pixels else []
    return never_read(strips(conv.unread) + gaps)


# ---- where things stand ----------------------------------------------------------------------------------------------


def _blocks(conv: Conv, heat: bool) -> list[Block]:
    written = conv.uses if heat else conv.at
    source = Block(
        "input",
        *conv.shown_input,
        title=f"{by(conv.size)} input",
        subtitle="how many outputs use each pixel" if heat else padded_to(conv.size, conv.padding),
        note=""
        if heat
        else f"dashed: the {by(conv.span)} px the kernel spans"
        if _outlined(conv)
        else _never_read(conv)
        if conv.out
        else "",
        strings={at: str(written(*at)) for at in product(*conv.shown_input)},
        room=drawn_span(conv.span) if _outlined(conv) else (0, 0),
    )
    kernel = kernel_block(conv)
    if conv.out is None:
        return [source, kernel]
    strings = {at: conv.value(*at) for at in product(*conv.shown_output)}
    return [source, kernel, Block("output", *conv.shown_output, title=f"{by(conv.out_shape)} output", strings=strings)]


# ---- the three grids -------------------------------------------------------------------------------------------------


def _input(conv: Conv, block: Block, fills: Mapping[Pair, str], lit: Mapping[Pair, str]) -> str:
    pixels, padding, pale = [], [], svg.colour("faint")
    for at in product(block.rows, block.columns):
        inside, fill = conv.inside(*at), fills[at]
        ink = svg.TAP_INK if at in lit else svg.colour("muted" if fill == pale else "ink")
        (pixels if inside else padding).append(cell(block, at, conv.at(*at), lit.get(at, fill), ink))
    dashed = group(block, padding, class_="padding", **DASHES)
    return part(block, dashed + group(block, pixels) + _unread_marks(conv, block))


def _unread_marks(conv: Conv, block: Block) -> str:
    if conv.out is None:
        return ""
    rows, columns = conv.read
    unread = [(r, c) for r, c in product(block.rows, block.columns) if r not in rows or c not in columns]
    return left_out(block, unread, (max(rows), max(columns)))


def _reads(conv: Conv, pin: Pair) -> tuple[tuple[int, ...], ...]:
    return conv.windows[0][pin[0]], conv.windows[1][pin[1]]


def _unanswered(conv: Conv, blocks: list[Block]) -> str:
    """The outline of the kernel, and in place of an output the reason why there is none, or a question."""
    if conv.error:
        return _outline(conv, blocks[0], "error", "misfit") + misfit(conv, blocks)
    return _outline(conv, blocks[0], "kernel", "asked") + question(conv, blocks, USUAL)


def _outline(conv: Conv, source: Block, ink: str, name: str) -> str:
    return outline(source, conv.span, ink, name) if _outlined(conv) else ""


def _outlined(conv: Conv) -> bool:
    """Whether the kernel's outline is drawn: over a whole input; where only parts of one stand it would mislead."""
    sides = [(k, s + 2 * p) for k, s, p in zip(conv.span, conv.size, conv.padding, strict=True)]
    whole, misfit = all(side <= LONGEST for _, side in sides), any(span > side for span, side in sides)
    return conv.out is None and (whole or misfit)


# ==== what the picture of a transposed convolution shares =========================================================


def place(blocks: list[Block], crop: bool) -> float:
    """Give every block its cell size and corner; returns the height of the picture."""
    source, kernel, *output = blocks
    room = WIDTH - 2 * MARGIN - 2 * GAP - (0 if output else MESSAGE)
    largest = max(18, min(LARGEST_CELL, 190 // max(kernel.units)))
    for size in cell_sizes(max(block.units[0] for block in (source, *output)), TALLEST):
        for block in (source, *output):
            block.cell = size
        # Weights stay readable when the pixels no longer are.
        kernel.cell = min(largest, max(size, 26))
        if sum(block.width for block in blocks) <= room:
            break
    tallest = max(block.height for block in blocks) if crop else TALLEST
    in_a_row(blocks, room, GAP, tallest)
    return ABOVE + tallest + BELOW


# ---- grids -----------------------------------------------------------------------------------------------------------


def kernel_block(conv: Conv) -> Block:
    """The kernel with its weights, not yet in its place."""
    return Block(
        "kernel",
        *conv.shown_kernel,
        title=f"{by(conv.kernel_size)} kernel",
        subtitle=f"spans {by(conv.span)} px" if conv.span != conv.kernel_size else "",
        note=conv.weights_name + (f", each ÷ {conv.divisor}" if conv.divisor > 1 else ""),
        strings={(i, j): minus(conv.weights[i][j]) for i, j in product(*conv.shown_kernel)},
    )


def greys(conv: Conv, block: Block) -> dict[Pair, str]:
    """Fills of an input: the brighter its pixel, the deeper; padding is pale."""
    top = max(1, max(map(max, conv.image)))
    return {
        at: svg.shade("grey", round(svg.LEVELS * max(0, conv.at(*at)) / top))
        if conv.inside(*at)
        else svg.colour("faint")
        for at in product(block.rows, block.columns)
    }


def counts(conv: Conv, block: Block) -> dict[Pair, str]:
    """Fills of a heat map: the more a pixel is used, the deeper."""
    places = product(block.rows, block.columns)
    return {at: svg.shade("count", round(svg.LEVELS * conv.uses(*at) / max(1, conv.most_uses))) for at in places}


def left_out(block: Block, places: Iterable[Pair], last: Pair) -> str:
    """Marks on pixels that no window reaches: after the last one a stroke, before it a cut corner."""
    strip, gaps = [], []
    for row, column in places:
        x, y = block.corner(row, column)
        beyond = row > last[0] or column > last[1]
        if beyond:
            strip.append(f"M{x:.5g} {y + block.cell:.5g}l{block.cell:g} {-block.cell:g}")
        else:
            gaps.append(f"M{x + block.cell * 0.7:.5g} {y + block.cell:.5g}l{block.cell * 0.3:g} {-block.cell * 0.3:g}")
    style = {"fill": "none", "stroke": svg.colour("muted"), "pointer_events": "none"}
    # Many pixels can lie in gaps, so their mark is a cut corner; the strip is the news.
    marks = (("strip", strip, 1.3), ("gaps", gaps, 1))
    return "".join(
        svg.tag("path", class_=name, d="".join(d), data_count=len(d), stroke_width=w, **style)
        for name, d, w in marks
        if d
    )


def kernel(conv: Conv, block: Block) -> str:
    """The weights, each in its own colour."""
    return part(block, weights(conv.weights, block, conv.kernel_size))


# ---- what stands between and over them -------------------------------------------------------------------------------


def sign(mark: str, before: Block, after: Block) -> str:
    """A sign between two grids."""
    x = (before.x + before.width + after.x) / 2
    return svg.text(mark, x, before.y + before.height / 2 + 8, 24, "muted", text_anchor="middle")


def misfit(conv: Conv, blocks: list[Block]) -> str:
    """The reason why there is no output, where it would stand."""
    return paper.refusal(conv.error, *_beside(blocks), MESSAGE)


def question(conv: Conv, blocks: list[Block], usual: Mapping[str, int]) -> str:
    """What the layer is, as far as it is not the usual, and a question where the output would stand."""
    rest = [(name, getattr(conv, name)) for name in usual]
    given = [
        f"{name} {by(pair) if pair[0] != pair[1] else pair[0]}" for name, pair in rest if pair != (usual[name],) * 2
    ]
    says = f"{', '.join(given) or 'stride 1, no padding'}. How large is the output?"
    first = says[:1] if says.startswith("output_") else says[:1].upper()
    inks = ("output", "faint")
    return paper.message("Your guess first", f"{first}{says[1:]}", *_beside(blocks), MESSAGE, inks)


def _beside(blocks: list[Block]) -> tuple[float, float]:
    source, kernel = blocks
    return kernel.x + kernel.width + GAP, source.y + source.height / 2
