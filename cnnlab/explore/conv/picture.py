"""One convolution as a picture: padded input ∗ kernel = output, with the data a view needs to link the three.

`data-windows-y` and `data-windows-x` list, for each output row and column, the input positions it reads: whoever
highlights cells looks them up there and needs no arithmetic of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from cnnlab.draw import paper, svg
from cnnlab.draw.grid import LONGEST, LONGEST_SPAN, Block, Pair, by, cell, group, largest, legend
from cnnlab.explore.conv import parts
from cnnlab.explore.conv.numbers import Conv, window_sum

__all__ = ["Conv", "conv_picture", "window_sum"]

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
    height = parts.place(blocks, crop=still)
    fills = parts.counts(conv, blocks[0]) if heat else parts.greys(conv, blocks[0])
    lit = _window_colours(conv, pin) if pin and not heat else {}
    content = _input(conv, blocks[0], fills, lit) + parts.kernel(conv, blocks[1])
    content += parts.sign("∗", blocks[0], blocks[1])
    if conv.out is None:
        content += _unanswered(conv, blocks)
    else:
        content += legend(blocks[0], "count", conv.most_uses, "output") if heat else ""
        content += _output(conv, blocks[2]) + parts.sign("=", blocks[1], blocks[2])
        content += parts.framed(blocks[0], blocks[2], _reads(conv, pin), pin) if pin else ""
    kind, shown = "cnnlab-conv" + " heat" * heat, {"caption": caption, "still": still}
    return paper.document(content, height, _words(conv), kind, **shown, **_data(conv))


def _data(conv: Conv) -> dict[str, object]:
    given = parts.pairs(conv, "size", "kernel_size", "stride", "padding", "dilation", "out_shape", "default_pin")
    return {**given, **parts.reading(conv), "data_divisor": conv.divisor, "data_bias": conv.bias}


def _words(conv: Conv) -> tuple[str, str]:
    result = f"{by(conv.out_shape)} output" if conv.out else "no output" if conv.error else "output size to be guessed"
    title = f"Convolution: {by(conv.size)} input, {by(conv.kernel_size)} kernel, {result}"
    settings = ", ".join(f"{name} {by(getattr(conv, name))}" for name in ("stride", "padding", "dilation"))
    if not conv.out and not conv.error:
        return title, f"{settings}."
    return title, f"{settings}. {conv.error or _never_read(conv) or 'every pixel is read'}."


def _never_read(conv: Conv) -> str:
    strips = [f"{n} {name}{'s' * (n > 1)}" for n, name in zip(conv.unread, ("row", "column"), strict=True) if n]
    gaps = [f"{conv.gap_pixels} px in gaps"] if conv.gap_pixels else []
    return "never read: " + ", ".join(strips + gaps) if strips or gaps else ""


# ---- where things stand ----------------------------------------------------------------------------------------------


def _blocks(conv: Conv, heat: bool) -> list[Block]:
    padded = tuple(s + 2 * p for s, p in zip(conv.size, conv.padding, strict=True))
    written = conv.uses if heat else conv.at
    never_read = _never_read(conv) if conv.out else ""
    source = Block(
        "input",
        *conv.shown_input,
        title=f"{by(conv.size)} input",
        subtitle="how many outputs use each pixel" if heat else f"padded to {by(padded)}" * (padded != conv.size),
        note="" if heat else f"dashed: the {by(conv.span)} px the kernel spans" if _outlined(conv) else never_read,
        strings={at: str(written(*at)) for at in product(*conv.shown_input)},
        room=_drawn_span(conv) if _outlined(conv) else (0, 0),
    )
    kernel = parts.kernel_block(conv)
    if conv.out is None:
        return [source, kernel]
    strings = {at: conv.value(*at) for at in product(*conv.shown_output)}
    return [source, kernel, Block("output", *conv.shown_output, title=f"{by(conv.out_shape)} output", strings=strings)]


# ---- the three grids -------------------------------------------------------------------------------------------------


def _window_colours(conv: Conv, pin: Pair) -> dict[Pair, str]:
    taps = product(enumerate(conv.windows[0][pin[0]]), enumerate(conv.windows[1][pin[1]]))
    return {(r, c): svg.tap_colour(i, j, *conv.kernel_size) for (i, r), (j, c) in taps}


def _input(conv: Conv, block: Block, fills: Mapping[Pair, str], lit: Mapping[Pair, str]) -> str:
    pixels, padding, pale = [], [], svg.colour("faint")
    for at in product(block.rows, block.columns):
        inside, fill = conv.inside(*at), fills[at]
        ink = svg.TAP_INK if at in lit else svg.colour("muted" if fill == pale else "ink")
        (pixels if inside else padding).append(cell(block, at, conv.at(*at), lit.get(at, fill), ink))
    dashed = group(block, padding, class_="padding", **parts.DASHES)
    return parts.part(block, dashed + group(block, pixels) + _unread_marks(conv, block))


def _output(conv: Conv, block: Block) -> str:
    top = largest(conv.out)
    cells = []
    for at in product(block.rows, block.columns):
        value = conv.out[at[0]][at[1]]
        cells.append(cell(block, at, value, parts.signed(value, top), svg.colour("ink")))
    return parts.part(block, group(block, cells))


def _unread_marks(conv: Conv, block: Block) -> str:
    if conv.out is None:
        return ""
    rows, columns = conv.read
    unread = [(r, c) for r, c in product(block.rows, block.columns) if r not in rows or c not in columns]
    return parts.left_out(block, unread, (max(rows), max(columns)))


def _reads(conv: Conv, pin: Pair) -> tuple[tuple[int, ...], ...]:
    return conv.windows[0][pin[0]], conv.windows[1][pin[1]]


def _unanswered(conv: Conv, blocks: list[Block]) -> str:
    """The outline of the kernel, and in place of an output the reason why there is none, or a question."""
    if conv.error:
        return _outline(conv, blocks[0], "error", "misfit") + parts.misfit(conv, blocks)
    return _outline(conv, blocks[0], "kernel", "asked") + parts.question(conv, blocks, USUAL)


def _outlined(conv: Conv) -> bool:
    """Whether the kernel's outline is drawn: over a whole input; where only parts of one stand it would mislead."""
    sides = [(k, s + 2 * p) for k, s, p in zip(conv.span, conv.size, conv.padding, strict=True)]
    whole, misfit = all(side <= LONGEST for _, side in sides), any(span > side for span, side in sides)
    return conv.out is None and (whole or misfit)


def _drawn_span(conv: Conv) -> Pair:
    return tuple(min(span, LONGEST_SPAN) for span in conv.span)  # or the input beside it could not be seen


def _outline(conv: Conv, source: Block, part: str, name: str) -> str:
    if not _outlined(conv):
        return ""
    height, width = _drawn_span(conv)
    size = {"width": width * source.cell, "height": height * source.cell}
    style = {"fill": "none", "stroke": svg.colour(part), "stroke_width": 2.5, "stroke_dasharray": "6 4"}
    return svg.tag("rect", x=source.left, y=source.y, **size, rx=2, class_=name, **style)
