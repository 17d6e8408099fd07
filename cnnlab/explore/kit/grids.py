"""What the layer explorers' numbers and pictures share: who reads whom, and grids of cells beside each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from itertools import product

from cnnlab import shapes
from cnnlab.draw import svg
from cnnlab.draw.grid import (
    LONGEST_KERNEL,
    LONGEST_SPAN,
    Block,
    Grid,
    Pair,
    by,
    cell,
    ellipses,
    ends,
    frame,
    group,
    labels,
    largest,
)

MARGIN, ABOVE = 16, 56  # px at the sides of a picture, and over a grid for its labels
LARGEST_CELL = 38  # px
DASHES = {"stroke_dasharray": "2 2", "stroke": svg.colour("muted")}


class Windows:
    """Who reads whom in one layer. A subclass has `size`, `kernel_size`, `out_shape`, `shown_input` and `axis`."""

    def axis(self, axis: int) -> tuple[int, ...]:
        """Size, kernel, stride, padding, dilation along one axis: what `cnnlab.shapes` asks for."""
        raise NotImplementedError

    @cached_property
    def windows(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """For each axis, the positions that each output index reads."""
        outs = self.out_shape or (0, 0)
        return tuple(tuple(shapes.window(i, *self.axis(a)[1:]) for i in range(outs[a])) for a in (0, 1))

    @cached_property
    def read(self) -> tuple[frozenset[int], frozenset[int]]:
        """For each axis, the positions that any output reads."""
        return tuple(frozenset(p for window in windows for p in window) for windows in self.windows)

    def inside(self, row: int, column: int) -> bool:
        """Whether a position is the image's own rather than padding."""
        return 0 <= row < self.size[0] and 0 <= column < self.size[1]

    @cached_property
    def shown_kernel(self) -> tuple[list[int], list[int]]:
        """Kernel rows and columns that a picture shows."""
        return tuple(ends(0, k - 1, 7, 5, LONGEST_KERNEL) for k in self.kernel_size)

    @cached_property
    def shown_output(self) -> tuple[list[int], list[int]]:
        """Output rows and columns whose whole window is shown; the first and the last where there is none."""
        shown = []
        for windows, places in zip(self.windows, map(set, self.shown_input), strict=True):
            whole = [i for i, window in enumerate(windows) if places.issuperset(window)]
            shown.append(whole or sorted({0, len(windows) - 1}))
        return tuple(shown)

    def data(self, *names: str) -> dict[str, str]:
        """Settings as data attributes; those that are None are left out."""
        given = [(name, getattr(self, name)) for name in names]
        return {f"data_{name}": f"{pair[0]},{pair[1]}" for name, pair in given if pair}

    def reading(self) -> dict[str, str]:
        """Who reads, or writes, whom, as data attributes."""
        return {f"data_windows_{axis}": json.dumps(self.windows[i]) for i, axis in enumerate("yx")}

    def window_colours(self, pin: Pair) -> dict[Pair, str]:
        """What one output reads, each in the colour of the weight that it meets."""
        taps = product(enumerate(self.windows[0][pin[0]]), enumerate(self.windows[1][pin[1]]))
        return {(r, c): svg.tap_colour(i, j, *self.kernel_size) for (i, r), (j, c) in taps}


def strips(unread: Pair) -> list[str]:
    """Rows and columns that no window reads, in words.
    >>> strips((2, 0)), strips((1, 1))
    (['2 rows'], ['1 row', '1 column'])
    """
    return [f"{n} {name}{'s' * (n > 1)}" for n, name in zip(unread, ("row", "column"), strict=True) if n]


def never_read(parts: Sequence[str]) -> str:
    """The same as a note under a grid."""
    return "never read: " + ", ".join(parts) if parts else ""


# ---- where grids stand -----------------------------------------------------------------------------------------------


def cell_sizes(tallest: int, room: float) -> list[float]:
    """Sizes of a cell to try, the largest first, for grids of so many cells in so many px."""
    # Whole px keep the lines crisp; below ten the steps would be too coarse.
    most = min(LARGEST_CELL, room / tallest)
    return [float(size) for size in range(int(most), 9, -1)] + [i / 4 for i in range(39, 1, -1) if i / 4 <= most]


def in_a_row(blocks: Sequence[Block], room: float, gap: float, tallest: float) -> None:
    """Give every block its corner, in the middle of the room and of the tallest of them."""
    x = MARGIN + (room - sum(block.width for block in blocks)) / 2
    for block in blocks:
        block.x, block.y = x, ABOVE + (tallest - block.height) / 2
        x += block.width + gap


# ---- grids -----------------------------------------------------------------------------------------------------------


def part(block: Block, content: str) -> str:
    """A grid under its name, with its labels."""
    return svg.tag("g", content + ellipses(block), data_part=block.part) + labels(block)


def weights(grid: Grid, block: Block, kernel_size: Pair) -> str:
    """The cells of a kernel, each weight in its own colour."""
    places = product(block.rows, block.columns)
    cells = [cell(block, at, grid[at[0]][at[1]], svg.tap_colour(*at, *kernel_size), svg.TAP_INK) for at in places]
    return group(block, cells)


def outputs(grid: Grid, block: Block) -> str:
    """The cells of an output, the deeper the further from zero."""
    top, cells = largest(grid), []
    for at in product(block.rows, block.columns):
        value = grid[at[0]][at[1]]
        cells.append(cell(block, at, value, signed(value, top), svg.colour("ink")))
    return group(block, cells)


def signed(value: int, top: int) -> str:
    """Fill of an output: one colour for each sign, the deeper the nearer to `top`."""
    return svg.shade("minus" if value < 0 else "plus", round(svg.LEVELS * abs(value) / top))


def framed(
    source: Block, output: Block, reads: Sequence[Sequence[int]], pin: Pair, result: str | None = "result"
) -> str:
    """Frames around one output, and around what it reads as far as that is shown."""
    seen = [[p for p in reads[a] if p in source.places[a]] for a in (0, 1)]
    window = ""
    if all(seen):
        first, last = ((seen[0][i], seen[1][i]) for i in (0, -1))
        window = frame(source, first, last, "kernel", class_="window")
    return window + frame(output, pin, pin, "output", **({"class_": result} if result else {}))


def drawn_span(span: Pair) -> Pair:
    """As much of a kernel's span as is outlined: or the input beside it could not be seen."""
    return tuple(min(side, LONGEST_SPAN) for side in span)


def outline(block: Block, span: Pair, ink: str, name: str) -> str:
    """The dashed outline of so many cells over a grid."""
    height, width = drawn_span(span)
    size = {"width": width * block.cell, "height": height * block.cell}
    style = {"fill": "none", "stroke": svg.colour(ink), "stroke_width": 2.5, "stroke_dasharray": "6 4"}
    return svg.tag("rect", x=block.left, y=block.y, **size, rx=2, class_=name, **style)


def padded_to(size: Pair, around: Pair) -> str:
    """The size of a padded map in words; empty where nothing is added."""
    padded = tuple(side + 2 * more for side, more in zip(size, around, strict=True))
    return f"padded to {by(padded)}" * (padded != size)
