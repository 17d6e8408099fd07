"""One transposed convolution in numbers and words: every input pixel writes a stamp, and stamps that overlap add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from cnnlab import shapes
from cnnlab.draw.grid import LONGEST, Pair, ends, minus
from cnnlab.explore.conv.numbers import Conv, written_out

MOST_CROPPED = 6  # rows or columns drawn of a crop at one end


@dataclass(frozen=True)
class Transposed(Conv):
    """What there is to draw, as in `Conv`. The roles are turned: `windows` lists, for each input index, what it writes.

    Positions below 0 or past the end of the output are cropped: `padding` takes so many off each side.
    """

    output_padding: Pair = (0, 0)

    def axis(self, axis: int) -> tuple[int, ...]:
        """What `shapes.transposed_out_size` asks for, along one axis."""
        settings = (self.size, self.kernel_size, self.stride, self.padding, self.output_padding, self.dilation)
        return tuple(each[axis] for each in settings)

    def explain(self, axis: int) -> str:
        """The arithmetic of the output size along one axis."""
        size, kernel, stride, padding, extra, dilation = self.axis(axis)
        made = shapes.transposed_out_size(*self.axis(axis))
        return f"({size} − 1)·{stride} − 2·{padding} + {dilation}·({kernel} − 1) + {extra} + 1 = {made}"

    @cached_property
    def met(self) -> Pair:
        """Every weight is multiplied with every input pixel once, wherever that is written."""
        return self.size

    @cached_property
    def windows(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """For each axis, the output positions that each input index writes."""
        sizes = (0, 0) if self.out is None else self.size
        settings = [(k, s, p, d) for _, k, s, p, _, d in map(self.axis, (0, 1))]
        return tuple(tuple(shapes.written(i, *settings[a]) for i in range(sizes[a])) for a in (0, 1))

    @cached_property
    def writers(self) -> tuple[Mapping[int, list[Pair]], ...]:
        """For each axis and output position, the (tap, input) pairs that write it."""
        found: tuple[dict[int, list[Pair]], ...] = ({}, {})
        for axis, windows in enumerate(self.windows):
            for index, window in enumerate(windows):
                for tap, position in enumerate(window):
                    found[axis].setdefault(position, []).append((tap, index))
        return found

    @cached_property
    def readers(self) -> tuple[Counter[int], Counter[int]]:
        """For each axis, how many inputs write a position of the output."""
        return tuple(Counter({at: len(all_) for at, all_ in writers.items()}) for writers in self.writers)

    @cached_property
    def most_uses(self) -> int:
        """The inputs that write the output pixel which most write; crops do not count."""
        most = [max(self.readers[a][i] for i in range(self.out_shape[a])) for a in (0, 1)]
        return most[0] * most[1]

    @cached_property
    def bare(self) -> tuple[frozenset[int], ...]:
        """For each axis, the output indices that nothing writes."""
        outs = self.out_shape or (0, 0)
        return tuple(frozenset(i for i in range(outs[a]) if not self.readers[a][i]) for a in (0, 1))

    @cached_property
    def bare_pixels(self) -> int:
        """Output pixels that only the bias reaches."""
        (rows, columns), (height, width) = self.bare, self.out_shape or (0, 0)
        return height * width - (height - len(rows)) * (width - len(columns))

    def kept(self, row: int, column: int) -> bool:
        """Whether a position is the output's own rather than cropped."""
        return 0 <= row < self.out_shape[0] and 0 <= column < self.out_shape[1]

    def terms(self, row: int, column: int) -> list[tuple[Pair, Pair]]:
        """What is added up at one output position: (weight's place, input's place)."""
        rows, columns = self.writers[0].get(row, []), self.writers[1].get(column, [])
        return [((i, j), (r, c)) for (i, r), (j, c) in product(sorted(rows, key=_input), sorted(columns, key=_input))]

    def total(self, row: int, column: int) -> int:
        """An output times the divisor; of a cropped one what it would have been."""
        if self.kept(row, column):
            return self.out[row][column]
        terms = self.terms(row, column)
        return self.bias * self.divisor + sum(self.weights[i][j] * self.image[r][c] for (i, j), (r, c) in terms)

    def text(self, row: int, column: int) -> str:
        """An output, or what a cropped one would have been, in as few characters as its divisor allows."""
        number = self.total(row, column)
        return minus(number if self.divisor == 1 else f"{number / self.divisor:z.1f}")

    # ---- what is drawn of it ----

    def _shown_along(self, axis: int) -> list[int]:
        return ends(0, self.size[axis] - 1, 12, 8, LONGEST)

    @cached_property
    def shown_output(self) -> tuple[list[int], list[int]]:
        """Rows and columns of the output and of what is cropped that a picture shows, each with all that writes it."""
        shown = []
        for axis, out in enumerate(self.out_shape):
            crop, inputs = min(self.padding[axis], MOST_CROPPED), set(self.shown_input[axis])
            places = ends(-crop, out + crop - 1, 24, 15, LONGEST)
            whole = [at for at in places if inputs.issuperset(index for _, index in self.writers[axis].get(at, []))]
            kept = any(0 <= at < out for at in whole)
            shown.append(whole if kept else sorted({0, out - 1}))
        return tuple(shown)

    @cached_property
    def default_pin(self) -> Pair | None:
        """The shown output that most inputs write; of those the one furthest from zero."""
        if self.out is None:
            return None

        def worth(at: Pair) -> tuple[bool, int, int]:
            value = abs(self.out[at[0]][at[1]])
            return value > 0, self.uses(*at), value

        return max((at for at in product(*self.shown_output) if self.kept(*at)), key=worth)


def _input(pair: Pair) -> int:
    return pair[1]


def stamp_sum(conv: Transposed, pin: Pair) -> str:
    r"""One output written out term by term, weight first, for every input that writes it.
    >>> stamp_sum(Transposed(((3, 5),), ((-1, 2),), ((-3, 1, 10),)), (0, 1))
    '2·3 − 1·5 + bias\xa00 = 1'
    """
    terms = [(conv.weights[i][j], conv.image[r][c]) for (i, j), (r, c) in conv.terms(*pin)]
    return written_out(conv, terms, pin)
