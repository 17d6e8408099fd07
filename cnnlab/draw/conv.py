"""One convolution as a picture: padded input ∗ kernel = output, with the data a view needs to link the three.

`data-windows-y` and `data-windows-x` list, for each output row and column, the input positions it reads: whoever
highlights cells looks them up there and needs no arithmetic of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from cnnlab.draw import svg
from cnnlab.draw.grid import Block, cell, ellipses, frame, group, labels, legend
from cnnlab.draw.layer import Conv, Pair, by, minus, window_sum

__all__ = ["Conv", "conv_picture", "window_sum"]

WIDTH, MARGIN, GAP = 900, 16, 40
TALLEST = 360  # px for the cells of the tallest grid
ABOVE, BELOW = 56, 34  # px for the labels over and under a grid
LARGEST_CELL = 38
MESSAGE = 250  # px for the sentence that stands where an output would


def conv_picture(
    conv: Conv, pin: Pair | None = None, caption: Sequence[str] = (), still: bool = False, heat: bool = False
) -> str:
    """The whole picture as SVG text. `pin` marks one output and its window; `heat` shows how often a pixel is used.

    A still picture is for reading without a view: cropped, on its own paper, with its own dark twin. Where there is
    neither an output nor an error, the picture asks for the size.
    """
    heat = heat and conv.out is not None
    blocks = _blocks(conv, heat)
    height = _place(blocks, crop=still)
    fills = _counts(conv, blocks[0]) if heat else _greys(conv, blocks[0])
    lit = _window_colours(conv, pin) if pin and not heat else {}
    content = _input(conv, blocks[0], fills, lit) + _kernel(conv, blocks[1]) + _sign("∗", blocks[0], blocks[1])
    if conv.out is None:
        content += _misfit(conv, blocks) if conv.error else _question(conv, blocks)
    else:
        content += legend(blocks[0], "count", conv.most_uses, "output") if heat else ""
        content += _output(conv, blocks[2]) + _sign("=", blocks[1], blocks[2])
        content += _marks(conv, blocks, pin) if pin else ""
    if still:
        content, height = _on_paper(content, height, caption)
    css = f"@media (prefers-color-scheme: dark){{{svg.dark_css('.cnnlab-still')}}}" if still else ""
    kind = "cnnlab-conv" + " cnnlab-still" * still + " heat" * heat
    return svg.document(content, WIDTH, height, *_words(conv), css, class_=kind, **_data(conv))


def _data(conv: Conv) -> dict[str, object]:
    names = ("size", "kernel_size", "stride", "padding", "dilation", "out_shape", "default_pin")
    given = [(name, getattr(conv, name)) for name in names]
    pairs = {f"data_{name}": f"{pair[0]},{pair[1]}" for name, pair in given if pair}
    windows = {f"data_windows_{a}": str([list(w) for w in conv.windows[i]]) for i, a in enumerate("yx")}
    return {**pairs, **windows, "data_divisor": conv.divisor, "data_bias": conv.bias}


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
    source = Block(
        "input",
        *conv.shown_input,
        title=f"{by(conv.size)} input",
        subtitle="how many outputs use each pixel" if heat else f"padded to {by(padded)}" * (padded != conv.size),
        note="" if heat else _never_read(conv) if conv.out else f"dashed: the {by(conv.span)} px the kernel spans",
        strings={at: str(written(*at)) for at in product(*conv.shown_input)},
        room=(0, 0) if conv.out else conv.span,
    )
    kernel = Block(
        "kernel",
        *conv.shown_kernel,
        title=f"{by(conv.kernel_size)} kernel",
        subtitle=f"spans {by(conv.span)} px" if conv.span != conv.kernel_size else "",
        note=conv.weights_name + (f", each ÷ {conv.divisor}" if conv.divisor > 1 else ""),
        strings={(i, j): minus(conv.weights[i][j]) for i, j in product(*conv.shown_kernel)},
    )
    if conv.out is None:
        return [source, kernel]
    strings = {at: conv.value(*at) for at in product(*conv.shown_output)}
    return [source, kernel, Block("output", *conv.shown_output, title=f"{by(conv.out_shape)} output", strings=strings)]


def _place(blocks: list[Block], crop: bool) -> float:
    """Give every block its cell size and corner; returns the height of the picture."""
    source, kernel, *output = blocks
    room = WIDTH - 2 * MARGIN - 2 * GAP - (0 if output else MESSAGE)
    largest = max(18, min(LARGEST_CELL, 190 // max(kernel.units)))
    for size in _cell_sizes(max(block.units[0] for block in (source, *output))):
        for block in (source, *output):
            block.cell = size
        # Weights stay readable when the pixels no longer are.
        kernel.cell = min(largest, max(size, 26))
        if sum(block.width for block in blocks) <= room:
            break
    tallest = max(block.height for block in blocks) if crop else TALLEST
    x = MARGIN + (room - sum(block.width for block in blocks)) / 2
    for block in blocks:
        block.x, block.y = x, ABOVE + (tallest - block.height) / 2
        x += block.width + GAP
    return ABOVE + tallest + BELOW


def _cell_sizes(tallest: int) -> list[float]:
    # Whole px keep the lines crisp; below ten the steps would be too coarse.
    largest = min(LARGEST_CELL, TALLEST / tallest)
    return [float(cell) for cell in range(int(largest), 9, -1)] + [i / 4 for i in range(39, 1, -1) if i / 4 <= largest]


# ---- the three grids -------------------------------------------------------------------------------------------------


def _window_colours(conv: Conv, pin: Pair) -> dict[Pair, str]:
    taps = product(enumerate(conv.windows[0][pin[0]]), enumerate(conv.windows[1][pin[1]]))
    return {(r, c): svg.tap_colour(i, j, *conv.kernel_size) for (i, r), (j, c) in taps}


def _part(block: Block, content: str) -> str:
    return svg.tag("g", content + ellipses(block), data_part=block.part) + labels(block)


def _greys(conv: Conv, block: Block) -> dict[Pair, str]:
    top = max(1, max(map(max, conv.image)))
    return {
        at: svg.shade("grey", round(svg.LEVELS * max(0, conv.at(*at)) / top))
        if conv.inside(*at)
        else svg.colour("faint")
        for at in product(block.rows, block.columns)
    }


def _counts(conv: Conv, block: Block) -> dict[Pair, str]:
    places = product(block.rows, block.columns)
    return {at: svg.shade("count", round(svg.LEVELS * conv.uses(*at) / conv.most_uses)) for at in places}


def _input(conv: Conv, block: Block, fills: Mapping[Pair, str], lit: Mapping[Pair, str]) -> str:
    pixels, padding, pale = [], [], svg.colour("faint")
    for at in product(block.rows, block.columns):
        inside, fill = conv.inside(*at), fills[at]
        ink = svg.TAP_INK if at in lit else svg.colour("muted" if fill == pale else "ink")
        (pixels if inside else padding).append(cell(block, at, conv.at(*at), lit.get(at, fill), ink))
    dashes = {"class_": "padding", "stroke_dasharray": "2 2", "stroke": svg.colour("muted")}
    return _part(block, group(block, padding, **dashes) + group(block, pixels) + _unread_marks(conv, block))


def _kernel(conv: Conv, block: Block) -> str:
    cells = [
        cell(block, at, conv.weights[at[0]][at[1]], svg.tap_colour(*at, *conv.kernel_size), svg.TAP_INK)
        for at in product(block.rows, block.columns)
    ]
    return _part(block, group(block, cells))


def _output(conv: Conv, block: Block) -> str:
    top = max(1, max(abs(value) for row in conv.out for value in row))
    cells = []
    for at in product(block.rows, block.columns):
        value = conv.out[at[0]][at[1]]
        fill = svg.shade("minus" if value < 0 else "plus", round(svg.LEVELS * abs(value) / top))
        cells.append(cell(block, at, value, fill, svg.colour("ink")))
    return _part(block, group(block, cells))


def _unread_marks(conv: Conv, block: Block) -> str:
    if conv.out is None:
        return ""
    strip, gaps = [], []
    for row, column in product(block.rows, block.columns):
        if row not in conv.read[0] or column not in conv.read[1]:
            x, y = block.corner(row, column)
            beyond = row > max(conv.read[0]) or column > max(conv.read[1])
            if beyond:
                strip.append(f"M{x:.5g} {y + block.cell:.5g}l{block.cell:g} {-block.cell:g}")
            else:
                gaps.append(
                    f"M{x + block.cell * 0.7:.5g} {y + block.cell:.5g}l{block.cell * 0.3:g} {-block.cell * 0.3:g}"
                )
    style = {"fill": "none", "stroke": svg.colour("muted"), "pointer_events": "none"}
    # Many pixels can lie in gaps, so their mark is a cut corner; the strip is the news.
    marks = (("strip", strip, 1.3), ("gaps", gaps, 1))
    return "".join(
        svg.tag("path", class_=name, d="".join(d), data_count=len(d), stroke_width=w, **style)
        for name, d, w in marks
        if d
    )


# ---- what stands between and over them -------------------------------------------------------------------------------


def _sign(sign: str, before: Block, after: Block) -> str:
    x = (before.x + before.width + after.x) / 2
    return svg.text(sign, x, before.y + before.height / 2 + 8, 24, "muted", text_anchor="middle")


def _marks(conv: Conv, blocks: list[Block], pin: Pair) -> str:
    source, _, output = blocks
    seen = [[p for p in conv.windows[a][pin[a]] if p in source.places[a]] for a in (0, 1)]
    first, last = ((seen[0][i], seen[1][i]) for i in (0, -1))
    return frame(source, first, last, "kernel", class_="window") + frame(output, pin, pin, "output", class_="result")


def _misfit(conv: Conv, blocks: list[Block]) -> str:
    """The outline of a kernel that does not fit, and the reason where the output would stand."""
    says = f"{conv.error[:1].upper()}{conv.error[1:]}."
    return _outline(conv, blocks[0], "error", "misfit") + _message(blocks, "No output", says, "error", "error-back")


def _question(conv: Conv, blocks: list[Block]) -> str:
    """The outline of the kernel's first place, and a question where the output would stand."""
    rest = [(name, getattr(conv, name), usual) for name, usual in (("stride", 1), ("padding", 0), ("dilation", 1))]
    given = [
        f"{name} {by(pair) if pair[0] != pair[1] else pair[0]}" for name, pair, usual in rest if pair != (usual,) * 2
    ]
    says = f"{', '.join(given) or 'stride 1, no padding'}. How large is the output?"
    asked = _message(blocks, "Your guess first", f"{says[:1].upper()}{says[1:]}", "output", "faint")
    return _outline(conv, blocks[0], "kernel", "asked") + asked


def _outline(conv: Conv, source: Block, part: str, name: str) -> str:
    size = {"width": conv.span[1] * source.cell, "height": conv.span[0] * source.cell}
    style = {"fill": "none", "stroke": svg.colour(part), "stroke_width": 2.5, "stroke_dasharray": "6 4"}
    return svg.tag("rect", x=source.left, y=source.y, **size, rx=2, class_=name, **style)


def _message(blocks: list[Block], head: str, says: str, part: str, back: str) -> str:
    source, kernel = blocks
    x, lines = kernel.x + kernel.width + GAP, svg.wrap(says, MESSAGE - 28, 13)
    height = len(lines) * 19.5 + 50
    y = source.y + source.height / 2 - height / 2
    style = {"fill": svg.colour(back), "stroke": svg.colour(part), "rx": 6}
    box = svg.tag("rect", x=x, y=y, width=MESSAGE, height=height, **style)
    title = svg.text(head, x + 14, y + 26, 15, part, font_weight=600)
    return box + title + svg.paragraph(lines, x + 14, y + 50, 13)


def _on_paper(content: str, height: float, caption: Sequence[str]) -> tuple[str, float]:
    lines = [line for each in caption for line in svg.wrap(each, WIDTH - 4 * MARGIN, 13)]
    words = svg.paragraph(lines, 2 * MARGIN, height + 16, 13, font_family=svg.MONO)
    height += len(lines) * 19.5 + (16 if lines else 0)
    paper = {"fill": svg.colour("paper"), "stroke": svg.colour("line"), "rx": 8}
    return svg.tag("rect", x=0.5, y=0.5, width=WIDTH - 1, height=height - 1, **paper) + content + words, height
