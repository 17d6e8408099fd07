"""What the units of a map see of the input, along one axis: after a chain of layers, and where branches meet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import gcd
from typing import NamedTuple

from cnnlab.shapes.sizes import ShapeError, window


class Layer(NamedTuple):
    """One layer of a chain, along one axis, as far as its receptive field goes."""

    kernel_size: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1


@dataclass(frozen=True, repr=False)
class Field:
    """What the units of one map see of the input, along one axis; `Field()` is the input itself.

    Unit i sees input pixels first to last of `span(i)`. In an ordinary net every unit sees as much as its neighbour,
    `jump` pixels on, and one span says it all. Enlarging (transposed convolution, up-sampling) makes units take turns:
    then there is one span for each turn, and the whole pattern moves on by `step`.
    """

    spans: tuple[tuple[int, int] | None, ...] = ((0, 0),)
    step: int = 1

    def span(self, index: int) -> tuple[int, int] | None:
        """First and last input pixel that unit `index` sees, padding included; None where it sees none."""
        turn, phase = divmod(index, len(self.spans))
        here = self.spans[phase]
        return here and (here[0] + turn * self.step, here[1] + turn * self.step)

    @property
    def size(self) -> int:
        """Pixels a unit sees, those of padding counted too; the widest where units take turns."""
        return max((last - first + 1 for first, last in filter(None, self.spans)), default=0)

    @property
    def jump(self) -> int | float:
        """Pixels of the input between neighbouring units, on average where units take turns."""
        jump = self.step / len(self.spans)
        return int(jump) if jump.is_integer() else jump

    @property
    def start(self) -> int | float | None:
        """Centre of the first unit's field, where input pixel i is centred at i; None where it sees nothing."""
        if self.spans[0] is None:
            return None
        centre = sum(self.spans[0]) / 2
        return int(centre) if centre.is_integer() else centre

    def through(self, windows: Sequence[Sequence[int]], advance: int) -> Field:
        """The field after a layer whose output i reads positions `windows[i]`; the pattern then moves on by `advance`.
        >>> Field().through([(-1, 0, 1)], advance=2)  # a convolution: one window, moving by its stride
        Field(size=3, jump=2, start=0)
        >>> Field().through([(0,), (0,)], advance=1)  # doubled by nearest neighbour: two units read each pixel
        Field(size=1, jump=0.5, start=0)
        """
        turns = len(self.spans) // gcd(len(self.spans), advance)
        reads = [[turn * advance + p for p in reads] for turn in range(turns) for reads in windows]
        spans = tuple(_hull([self.span(position) for position in positions]) for positions in reads)
        return Field(spans, turns * advance * self.step // len(self.spans))._shortest()

    def __or__(self, other: Field) -> Field:
        """Where two branches meet (add, concatenate): a unit sees what it sees through either."""
        if self.jump != other.jump:
            raise ShapeError(
                f"maps with jumps {self.jump} and {other.jump} cannot meet pixel on pixel; bring them to one stride"
            )
        turns = len(self.spans) * len(other.spans) // gcd(len(self.spans), len(other.spans))
        spans = tuple(_hull([self.span(i), other.span(i)]) for i in range(turns))
        return Field(spans, self.step * turns // len(self.spans))._shortest()

    def _shortest(self) -> Field:
        # Halving after doubling brings the turns back to one; equal fields then compare equal.
        for turns in range(1, len(self.spans)):
            if len(self.spans) % turns == 0 and self.step * turns % len(self.spans) == 0:
                short = Field(self.spans[:turns], self.step * turns // len(self.spans))
                if all(short.span(i) == span for i, span in enumerate(self.spans)):
                    return short
        return self

    def __repr__(self) -> str:
        return f"Field(size={self.size}, jump={self.jump}, start={self.start})"


def _hull(spans: Iterable[tuple[int, int] | None]) -> tuple[int, int] | None:
    seen = [span for span in spans if span]
    return (min(first for first, _ in seen), max(last for _, last in seen)) if seen else None


def receptive_fields(layers: Iterable[Layer | tuple[int, ...]]) -> list[Field]:
    """The field after every layer of a chain of (kernel_size, stride, padding, dilation); what is left out is 1, 0, 1.
    >>> receptive_fields([(3, 1, 1), (2, 2)])
    [Field(size=3, jump=1, start=0), Field(size=4, jump=2, start=0.5)]
    """
    field, fields = Field(), []
    for layer in layers:
        if not isinstance(layer, Sequence) or not 1 <= len(layer) <= 4:
            raise ShapeError(
                f"{layer!r} is not a layer; give (kernel_size, stride, padding, dilation) or the first few of them"
            )
        kernel_size, stride, padding, dilation = Layer(*layer)
        field = field.through([window(0, kernel_size, stride, padding, dilation)], stride)
        fields.append(field)
    return fields


def receptive_field(layers: Iterable[Layer | tuple[int, ...]]) -> Field:
    """Size, jump and start, in input pixels, of a chain's last layer. Araujo et al. 2019, equations 2 and 3.
    >>> receptive_field([(7, 2, 3), (3, 2, 1)])
    Field(size=11, jump=4, start=0)
    """
    return ([Field(), *receptive_fields(layers)])[-1]
