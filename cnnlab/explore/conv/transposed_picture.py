"""One transposed convolution as a picture: every input pixel times the kernel is a stamp; the stamps add to the output.

`data-windows-y` and `data-windows-x` list, for each input row and column, the output positions it writes: the ordinary
picture's turned round, and `data-transposed` says so. What the padding crops is drawn around the output, dashed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from cnnlab.draw import paper, svg
from cnnlab.draw.grid import Block, Pair, by, cell, group, largest, legend
from cnnlab.explore.conv import parts
from cnnlab.explore.conv.transposed_numbers import Transposed, stamp_sum

__all__ = ["Transposed", "stamp_sum", "transposed_picture"]

USUAL = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}


def transposed_picture(
    conv: Transposed, pin: Pair | None = None, caption: Sequence[str] = (), still: bool = False, heat: bool = False
) -> str:
    """The whole picture as SVG text. `pin` marks one output and what writes it; `heat` shows how many inputs write one.

    Still pictures, errors and questions are as in `conv_picture`.
    """
    heat = heat and conv.out is not None
    blocks = _blocks(conv, heat)
    height = parts.place(blocks, crop=still)
    content = _input(conv, blocks[0], _stamp_colours(conv, pin) if pin else {}) + parts.kernel(conv, blocks[1])
    content += _sign(blocks[0], blocks[1])
    if conv.out is None:
        content += parts.misfit(conv, blocks) if conv.error else parts.question(conv, blocks, USUAL)
    else:
        content += legend(blocks[2], "count", conv.most_uses, "input") if heat else ""
        content += _output(conv, blocks[2], heat) + parts.sign("=", blocks[1], blocks[2])
        content += parts.framed(blocks[0], blocks[2], _writing(conv, pin), pin) if pin else ""
    kind, shown = "cnnlab-conv" + " heat-out" * heat, {"caption": caption, "still": still}
    return paper.document(content, height, _words(conv), kind, **shown, **_data(conv))


def _data(conv: Transposed) -> dict[str, object]:
    names = ("size", "kernel_size", "stride", "padding", "output_padding", "dilation", "out_shape", "default_pin")
    numbers = {"data_divisor": conv.divisor, "data_bias": conv.bias}
    return {"data_transposed": "true", **parts.pairs(conv, *names), **parts.reading(conv), **numbers}


def _words(conv: Transposed) -> tuple[str, str]:
    result = f"{by(conv.out_shape)} output" if conv.out else "no output" if conv.error else "output size to be guessed"
    title = f"Transposed convolution: {by(conv.size)} input, {by(conv.kernel_size)} kernel, {result}"
    settings = ", ".join(f"{name} {by(getattr(conv, name))}" for name in USUAL)
    if not conv.out and not conv.error:
        return title, f"{settings}."
    return title, f"{settings}. {conv.error or _bare(conv) or 'every output pixel is written'}."


def _bare(conv: Transposed) -> str:
    return f"only the bias reaches {conv.bare_pixels:,} px" if conv.bare_pixels else ""


def _cropped(conv: Transposed) -> str:
    height, width = conv.padding
    if not height and not width:
        return ""
    return f"dashed: {height if height == width else by(conv.padding)} px cropped on each side"


def _blocks(conv: Transposed, heat: bool) -> list[Block]:
    strings = {at: str(conv.at(*at)) for at in product(*conv.shown_input)}
    source = Block("input", *conv.shown_input, title=f"{by(conv.size)} input", strings=strings)
    if conv.out is None:
        return [source, parts.kernel_block(conv)]
    output = Block(
        "output",
        *conv.shown_output,
        title=f"{by(conv.out_shape)} output",
        subtitle="how many inputs write each pixel" if heat else _cropped(conv),
        note="" if heat else _bare(conv),
        strings={at: str(conv.uses(*at)) if heat else conv.text(*at) for at in product(*conv.shown_output)},
    )
    return [source, parts.kernel_block(conv), output]


# ---- grids -----------------------------------------------------------------------------------------------------------


def _writing(conv: Transposed, pin: Pair) -> tuple[list[int], ...]:
    return tuple(sorted(index for _, index in conv.writers[axis].get(pin[axis], [])) for axis in (0, 1))


def _stamp_colours(conv: Transposed, pin: Pair) -> dict[Pair, str]:
    # Each input in the colour of the weight through which it writes the pin.
    return {source: svg.tap_colour(*tap, *conv.kernel_size) for tap, source in conv.terms(*pin)}


def _input(conv: Transposed, block: Block, lit: Mapping[Pair, str]) -> str:
    fills = {**parts.greys(conv, block), **lit}
    inks = dict.fromkeys(lit, svg.TAP_INK)
    places = product(block.rows, block.columns)
    cells = [cell(block, at, conv.at(*at), fills[at], inks.get(at, svg.colour("ink"))) for at in places]
    return parts.part(block, group(block, cells))


def _output(conv: Transposed, block: Block, heat: bool) -> str:
    top = largest(conv.out)
    counts = parts.counts(conv, block) if heat else {}
    kept, cropped = [], []
    for at in product(block.rows, block.columns):
        value, inside = conv.total(*at), conv.kept(*at)
        fill = counts.get(at, parts.signed(value, top)) if inside else svg.colour("faint")
        (kept if inside else cropped).append(cell(block, at, value, fill, svg.colour("ink" if inside else "muted")))
    bare = [at for at in product(block.rows, block.columns) if conv.kept(*at) and not conv.uses(*at)]
    last = tuple(max(conv.readers[axis]) for axis in (0, 1))
    dashed = group(block, cropped, class_="cropped", **parts.DASHES)
    return parts.part(block, dashed + group(block, kept) + parts.left_out(block, bare, last))


def _sign(before: Block, after: Block) -> str:
    # The star of a convolution with the T of a transpose.
    x, y = (before.x + before.width + after.x) / 2, before.y + before.height / 2
    return parts.sign("∗", before, after) + svg.text("T", x + 8, y - 6, 12, "muted")
