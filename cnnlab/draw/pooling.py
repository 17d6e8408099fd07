"""One pooling layer in numbers: what each window makes of the image, which pixel won, where a gradient goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product

from cnnlab import shapes
from cnnlab.draw.layer import LONGEST, Grid, Pair, ends, minus

PAD = {"max": "−∞", "min": "∞", "avg": "0"}  # what PyTorch's padding counts as
NAMES = {"max": "largest", "min": "smallest", "avg": "mean"}


@dataclass(frozen=True)
class Pool:
    """What there is to draw: an image of whole numbers, and the settings of one layer as pairs (height, width).

    `out_shape` is None where no layer can exist. `before` holds the outputs of the image before it was moved.
    """

    image: Grid
    kernel_size: Pair
    stride: Pair
    padding: Pair
    out_shape: Pair | None
    mode: str = "max"
    ceil_mode: bool = False
    shift: int = 0
    before: Mapping[Pair, Fraction] | None = None
    gradient: bool = False
    error: str | None = None

    @cached_property
    def size(self) -> Pair:
        return len(self.image), len(self.image[0])

    def axis(self, axis: int) -> tuple[int, ...]:
        """Size, kernel, stride and padding along one axis: what `cnnlab.shapes` asks for."""
        return tuple(each[axis] for each in (self.size, self.kernel_size, self.stride, self.padding))

    @cached_property
    def windows(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """For each axis, the positions that each output index reads; ceil mode may reach past the padding."""
        outs = self.out_shape or (0, 0)
        return tuple(tuple(shapes.window(i, *self.axis(a)[1:]) for i in range(outs[a])) for a in (0, 1))

    @cached_property
    def counts(self) -> tuple[tuple[int, ...], ...]:
        """For each axis and output index, how many positions a mean divides by: padding counts, what is past it not."""
        limits = [size + padding for size, padding in zip(self.size, self.padding, strict=True)]
        return tuple(tuple(sum(p < limits[a] for p in window) for window in self.windows[a]) for a in (0, 1))

    def inside(self, row: int, column: int) -> bool:
        """Whether a position is the image's own."""
        return 0 <= row < self.size[0] and 0 <= column < self.size[1]

    def padded(self, row: int, column: int) -> bool:
        """Whether a position is padding, rather than the image or past the padding's end."""
        within = [-p <= at < s + p for at, s, p in zip((row, column), self.size, self.padding, strict=True)]
        return all(within) and not self.inside(row, column)

    # ---- forward and back ----

    @cached_property
    def places(self) -> list[Pair]:
        """Every output's row and column."""
        return list(product(*(range(out) for out in self.out_shape or (0, 0))))

    def members(self, row: int, column: int) -> list[Pair]:
        """The pixels of the image that one output reads."""
        return [at for at in product(self.windows[0][row], self.windows[1][column]) if self.inside(*at)]

    @cached_property
    def winners(self) -> dict[Pair, Pair]:
        """Output -> the pixel it takes. Of equals the first in reading order wins, as in PyTorch."""
        if self.mode == "avg":
            return {}
        best = max if self.mode == "max" else min
        return {out: best(self.members(*out), key=lambda at: self.image[at[0]][at[1]]) for out in self.places}

    @cached_property
    def out(self) -> dict[Pair, Fraction]:
        """Every output, exactly."""
        return {at: self._value(*at) for at in self.places}

    def _value(self, row: int, column: int) -> Fraction:
        if self.winners:
            y, x = self.winners[row, column]
            return Fraction(int(self.image[y][x]))
        total = sum(int(self.image[y][x]) for y, x in self.members(row, column))
        return Fraction(total, self.counts[0][row] * self.counts[1][column])

    @cached_property
    def gradients(self) -> dict[Pair, Fraction]:
        """Pixel -> what reaches it when every output sends back 1: the winner takes it, a mean shares it."""
        if self.mode == "avg":
            rows, columns = (self._shares(axis) for axis in (0, 1))
            return {(y, x): rows[y] * columns[x] for y, x in product(range(self.size[0]), range(self.size[1]))}
        reached = {at: Fraction(0) for at in product(range(self.size[0]), range(self.size[1]))}
        for pixel in self.winners.values():
            reached[pixel] += 1
        return reached

    def _shares(self, axis: int) -> list[Fraction]:
        # A mean over a window is a mean over its rows of means over its columns, so each axis has its own shares.
        shares = [Fraction(0)] * self.size[axis]
        for window, count in zip(self.windows[axis], self.counts[axis], strict=True):
            for position in window:
                if 0 <= position < self.size[axis]:
                    shares[position] += Fraction(1, count)
        return shares

    @cached_property
    def changed(self) -> list[Pair]:
        """The outputs that the shift changed."""
        return [at for at in self.places if self.before is not None and self.before[at] != self.out[at]]

    @cached_property
    def unread(self) -> Pair:
        """Rows and columns of the padded input that no window reads, gaps between windows included."""
        read = [{p for window in windows for p in window} for windows in self.windows]
        spans = [range(-p, s + p) for s, p in zip(self.size, self.padding, strict=True)]
        return tuple(len(set(span) - seen) if seen else 0 for span, seen in zip(spans, read, strict=True))

    # ---- as text ----

    @cached_property
    def decimals(self) -> int:
        """One decimal where any output needs it: more would be too small to read on a cell."""
        return int(any(value.denominator > 1 for value in self.out.values()))

    def text(self, value: Fraction) -> str:
        """An output in as few characters as all of them allow."""
        return minus(f"{float(value):.{self.decimals}f}")

    # ---- what is drawn of it ----

    @cached_property
    def shown_input(self) -> tuple[list[int], list[int]]:
        """Rows and columns that a picture shows: the padded input, and past it what ceil mode reaches."""
        return self._shown_along(0), self._shown_along(1)

    def _shown_along(self, axis: int) -> list[int]:
        size, kernel, _, padding = self.axis(axis)
        last = max([size + padding - 1, *(window[-1] for window in self.windows[axis])])
        room = min(max(12, 2 * kernel), 20)
        return ends(-padding, last, room, room, LONGEST)

    @cached_property
    def shown_output(self) -> tuple[list[int], list[int]]:
        """Output rows and columns whose whole window is shown; the first and the last where there is none."""
        shown = []
        for windows, places in zip(self.windows, map(set, self.shown_input), strict=True):
            whole = [i for i, window in enumerate(windows) if places.issuperset(window)]
            shown.append(whole or sorted({0, len(windows) - 1}))
        return tuple(shown)

    @cached_property
    def default_pin(self) -> Pair | None:
        """A shown output that the shift changed, or one free of padding, with the largest value."""
        if self.out_shape is None:
            return None

        def worth(at: Pair) -> tuple[bool, bool, Fraction]:
            clear = len(self.members(*at)) == self.kernel_size[0] * self.kernel_size[1]
            return at in self.changed, clear, self.out[at]

        return max(product(*self.shown_output), key=worth)


def pool_sum(pool: Pool, pin: Pair) -> str:
    """One output written out: its window's pixels, row by row.
    >>> pool_sum(Pool([[1, 7], [3, 5]], (2, 2), (2, 2), (0, 0), (1, 1)), (0, 0))
    'largest of 1, 7, 3, 5 = 7'
    """
    values = [str(pool.image[y][x]) for y, x in pool.members(*pin)]
    total = minus(f"{float(pool.out[pin]):.2f}".rstrip("0").rstrip("."))
    if pool.mode != "avg":
        return f"{NAMES[pool.mode]} of {', '.join(values)} = {total}"
    return f"({' + '.join(values)}) / {pool.counts[0][pin[0]] * pool.counts[1][pin[1]]} = {total}"
