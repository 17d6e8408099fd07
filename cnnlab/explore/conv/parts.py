"""What the pictures of a convolution and of a transposed one share: where grids stand, the kernel, what is between.

A picture is input ∗ kernel = output, or, where no output is to be seen, a message in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from cnnlab.draw import paper, svg
from cnnlab.draw.grid import Block, Pair, by, cell, ellipses, frame, group, labels, minus
from cnnlab.explore.conv.numbers import Conv

WIDTH, MARGIN, GAP = paper.WIDTH, 16, 40
TALLEST = 360  # px for the cells of the tallest grid
ABOVE, BELOW = 56, 34  # px for the labels over and under a grid
LARGEST_CELL = 38
MESSAGE = 250  # px for the sentence that stands where an output would
DASHES = {"stroke_dasharray": "2 2", "stroke": svg.colour("muted")}


def pairs(conv: Conv, *names: str) -> dict[str, str]:
    """Settings as data attributes; those that are None are left out."""
    given = [(name, getattr(conv, name)) for name in names]
    return {f"data_{name}": f"{pair[0]},{pair[1]}" for name, pair in given if pair}


def reading(conv: Conv) -> dict[str, str]:
    """Who reads, or writes, whom, as data attributes."""
    return {f"data_windows_{a}": str([list(w) for w in conv.windows[i]]) for i, a in enumerate("yx")}


def place(blocks: list[Block], crop: bool) -> float:
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


def part(block: Block, content: str) -> str:
    """A grid under its name, with its labels."""
    return svg.tag("g", content + ellipses(block), data_part=block.part) + labels(block)


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


def signed(value: int, top: int) -> str:
    """Fill of an output: one colour for each sign, the deeper the nearer to `top`."""
    return svg.shade("minus" if value < 0 else "plus", round(svg.LEVELS * abs(value) / top))


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
    cells = [
        cell(block, at, conv.weights[at[0]][at[1]], svg.tap_colour(*at, *conv.kernel_size), svg.TAP_INK)
        for at in product(block.rows, block.columns)
    ]
    return part(block, group(block, cells))


# ---- what stands between and over them -------------------------------------------------------------------------------


def sign(mark: str, before: Block, after: Block) -> str:
    """A sign between two grids."""
    x = (before.x + before.width + after.x) / 2
    return svg.text(mark, x, before.y + before.height / 2 + 8, 24, "muted", text_anchor="middle")


def framed(source: Block, output: Block, reads: Sequence[Sequence[int]], pin: Pair) -> str:
    """Frames around one output, and around what it reads as far as that is shown."""
    seen = [[p for p in reads[a] if p in source.places[a]] for a in (0, 1)]
    window = ""
    if all(seen):
        first, last = ((seen[0][i], seen[1][i]) for i in (0, -1))
        window = frame(source, first, last, "kernel", class_="window")
    return window + frame(output, pin, pin, "output", class_="result")


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
