"""One pooling layer in numbers: what each window makes of the image, which pixel won, where a gradient goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product

from cnnlab import shapes
from cnnlab.draw.grid import LONGEST, MOST_TERMS, Grid, Pair, ends, minus
from cnnlab.explore.kit.grids import Windows
from cnnlab.explore.kit.window import arithmetic

PAD = {"max": "−∞", "min": "∞", "avg": "0"}  # what PyTorch's padding counts as
NAMES = {"max": "largest", "min": "smallest", "avg": "mean"}


@dataclass(frozen=True)
class Pool(Windows):
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
    before: Mapping[Pair, Fraction | int] | None = None
    gradient: bool = False
    error: str | None = None

    @cached_property
    def size(self) -> Pair:
        return len(self.image), len(self.image[0])

    def axis(self, axis: int) -> tuple[int, ...]:
        """Size, kernel, stride and padding along one axis: what `cnnlab.shapes` asks for."""
        return tuple(each[axis] for each in (self.size, self.kernel_size, self.stride, self.padding))

    @cached_property
    def counts(self) -> tuple[tuple[int, ...], ...]:
        """For each axis and output index, how many positions a mean divides by: padding counts, what is past it not."""
        limits = [size + padding for size, padding in zip(self.size, self.padding, strict=True)]
        return tuple(tuple(sum(p < limits[a] for p in window) for window in self.windows[a]) for a in (0, 1))

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
        return list(product(range(*self._reads[0][row]), range(*self._reads[1][column])))

    @cached_property
    def _reads(self) -> tuple[list[Pair], list[Pair]]:
        # For each axis and output index, the first pixel of the image that it reads, and the one after the last.
        ends = [[(window[0], window[-1] + 1) for window in windows] for windows in self.windows]
        return tuple([(max(0, a), min(n, b)) for a, b in each] for each, n in zip(ends, self.size, strict=True))

    @cached_property
    def winners(self) -> dict[Pair, Pair]:
        """Output -> the pixel it takes. Of equals the first in reading order wins, as in PyTorch."""
        return {} if self.mode == "avg" else {at: self.winner(*at) for at in self.places}

    @cached_property
    def near_winners(self) -> dict[Pair, Pair]:
        """The winners of the outputs that read any pixel drawn."""
        if self.mode == "avg":
            return {}
        pairs = zip(self.windows, map(set, self.shown_input), strict=True)
        near = [[i for i, window in enumerate(windows) if not drawn.isdisjoint(window)] for windows, drawn in pairs]
        return {at: self.winner(*at) for at in product(*near)}

    def winner(self, row: int, column: int) -> Pair:
        """The pixel that one output takes."""
        best = max if self.mode == "max" else min
        return best(self.members(row, column), key=lambda at: self.image[at[0]][at[1]])

    @cached_property
    def out(self) -> dict[Pair, Fraction | int]:
        """Every output, exactly."""
        return {at: self._value(*at) for at in self.places}

    def _value(self, row: int, column: int) -> Fraction | int:
        (top, bottom), (left, right) = self._reads[0][row], self._reads[1][column]
        best = {"max": max, "min": min, "avg": sum}[self.mode]
        value = best(best(line[left:right]) for line in self.image[top:bottom])
        return Fraction(value, self.counts[0][row] * self.counts[1][column]) if self.mode == "avg" else value

    # ---- what reaches a pixel when every output sends back 1: the winner takes it, a mean shares it ----

    @cached_property
    def gradients(self) -> dict[Pair, Fraction | int]:
        """Pixel -> what reaches it."""
        return {at: self.reaching(*at) for at in product(*map(range, self.size))}

    def reaching(self, row: int, column: int) -> Fraction | int:
        """What reaches one pixel."""
        return self._shares[0][row] * self._shares[1][column] if self.mode == "avg" else self._wins[row, column]

    @cached_property
    def largest_gradient(self) -> Fraction | int:
        """The most that reaches any pixel."""
        return (
            max(self._shares[0]) * max(self._shares[1]) if self.mode == "avg" else max(self._wins.values(), default=0)
        )

    @cached_property
    def arrived(self) -> Fraction | int:
        """What reaches all pixels together; the rest of what the outputs send falls on padding."""
        return sum(self._shares[0]) * sum(self._shares[1]) if self.mode == "avg" else len(self.winners)

    @cached_property
    def reached(self) -> int:
        """How many pixels anything reaches."""
        if self.mode != "avg":
            return len(self._wins)
        rows, columns = (sum(share > 0 for share in shares) for shares in self._shares)
        return rows * columns

    @cached_property
    def _wins(self) -> Counter[Pair]:
        return Counter(self.winners.values())

    @cached_property
    def _shares(self) -> tuple[list[Fraction], list[Fraction]]:
        return self._shares_along(0), self._shares_along(1)

    def _shares_along(self, axis: int) -> list[Fraction]:
        # A mean over a window is a mean over its rows of means over its columns, so each axis has its own shares.
        shares = [Fraction(0)] * self.size[axis]
        for window, count in zip(self.windows[axis], self.counts[axis], strict=True):
            for position in window:
                if 0 <= position < self.size[axis]:
                    shares[position] += Fraction(1, count)
        return shares

    @cached_property
    def brightest(self) -> int:
        """The largest pixel of the image."""
        return max(map(max, self.image))

    @cached_property
    def changed(self) -> dict[Pair, None]:
        """The outputs that the shift changed, in reading order."""
        return dict.fromkeys(at for at in self.places if self.before is not None and self.before[at] != self.out[at])

    @cached_property
    def unread(self) -> Pair:
        """Rows and columns of the padded input that no window reads, gaps between windows included."""
        spans = [range(-p, s + p) for s, p in zip(self.size, self.padding, strict=True)]
        return tuple(len(set(span) - seen) if seen else 0 for span, seen in zip(spans, self.read, strict=True))

    # ---- as text ----

    @cached_property
    def decimals(self) -> int:
        """One decimal where any output needs it: more would be too small to read on a cell."""
        return int(any(value.denominator > 1 for value in self.out.values()))

    def text(self, value: Fraction | int) -> str:
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
    def default_pin(self) -> Pair | None:
        """A shown output that the shift changed, or one free of padding, with the largest value."""
        if self.out_shape is None:
            return None

        def worth(at: Pair) -> tuple[bool, bool, Fraction | int]:
            clear = len(self.members(*at)) == self.kernel_size[0] * self.kernel_size[1]
            return at in self.changed, clear, self.out[at]

        return max(product(*self.shown_output), key=worth)


def pool_sum(pool: Pool, pin: Pair) -> str:
    """One output written out: its window's pixels, row by row.
    >>> pool_sum(Pool([[1, 7], [3, 5]], (2, 2), (2, 2), (0, 0), (1, 1)), (0, 0))
    'largest of 1, 7, 3, 5 = 7'
    """
    members = pool.members(*pin)
    values = [str(pool.image[y][x]) for y, x in members[:MOST_TERMS]]
    values += [f"… ({len(members):,} pixels)"] * (len(members) > MOST_TERMS)
    total = minus(f"{float(pool.out[pin]):.2f}".rstrip("0").rstrip("."))
    if pool.mode != "avg":
        return f"{NAMES[pool.mode]} of {', '.join(values)} = {total}"
    return f"({' + '.join(values)}) / {pool.counts[0][pin[0]] * pool.counts[1][pin[1]]} = {total}"


# ---- its shape and its cost in words ---------------------------------------------------------------------------------


def pool_facts(pool: Pool, still: Grid) -> list[tuple[str, str]]:
    """Name and arithmetic of every fact; `still` is the image before it was moved. Needs a layer that can exist."""
    facts = [*_arithmetic(pool), _cost(pool), ("parameters", "nothing is learned: 0")]
    facts += [_padding(pool)] if any(pool.padding) or _overhangs(pool) else []
    facts += [_backward(pool)] if pool.gradient else []
    return facts + ([_moved(pool, still)] if pool.shift else [])


def _arithmetic(pool: Pool) -> list[tuple[str, str]]:
    axes = [pool.axis(axis) for axis in (0, 1)]
    return arithmetic([shapes.explain(*axis, ceil_mode=pool.ceil_mode) for axis in axes], axes[0] == axes[1])


def _cost(pool: Pool) -> tuple[str, str]:
    (k_h, k_w), (o_h, o_w) = pool.kernel_size, pool.out_shape
    steps = f"({k_h}·{k_w} − 1) · {o_h}·{o_w} = {(k_h * k_w - 1) * o_h * o_w:,}"
    if pool.mode == "avg":
        return "additions (no multiply-accumulates)", f"{steps}, and {o_h * o_w:,} divisions"
    return "comparisons (no multiply-accumulates)", steps


def _overhangs(pool: Pool) -> bool:
    return any(counts[-1] < k for counts, k in zip(pool.counts, pool.kernel_size, strict=True))


def _padding(pool: Pool) -> tuple[str, str]:
    parts = []
    if any(pool.padding):
        zeros = "counts as zeros in the mean (PyTorch's count_include_pad=True)"
        parts.append(zeros if pool.mode == "avg" else f"counts as {PAD[pool.mode]}, so it never wins")
    parts += ["the last window's part beyond the edge is left out"] if _overhangs(pool) else []
    return "padding" if any(pool.padding) else "ceil mode", "; ".join(parts)


def _backward(pool: Pool) -> tuple[str, str]:
    sent, arrived = len(pool.places), pool.arrived
    text = f"{sent} sent, {_decimal(arrived)} arrive, on {pool.reached} of {pool.size[0] * pool.size[1]} pixels"
    lost = f"; {_decimal(sent - arrived)} on padding" if arrived < sent else ""
    return "gradient, 1 from each output", text + lost


def _moved(pool: Pool, still: Grid) -> tuple[str, str]:
    rows = zip(still, pool.image, strict=True)
    pixels = sum(before != after for row in rows for before, after in zip(*row, strict=True))
    every = pool.size[0] * pool.size[1]
    text = f"{len(pool.changed)} of {len(pool.places)} outputs changed, {pixels} of {every} pixels"
    return f"moved right by {pool.shift} px", text


def _decimal(value: object) -> str:
    return f"{float(value):.2f}".rstrip("0").rstrip(".")
