"""One output channel of a convolution in numbers: which inputs feed it, what each adds, which of them are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from cnnlab import shapes
from cnnlab.draw.layer import Grid, Pair, minus

MOST = 4  # channels drawn


@dataclass(frozen=True)
class Channels:
    """What there is to draw, in whole numbers: every input map, and for one output channel its kernels and products.

    `kernels` and `products` are by input channel, those of the chosen group alone. `out` is None where no layer exists.
    """

    images: Sequence[Grid]
    kernels: Mapping[int, Grid]
    products: Mapping[int, Grid]
    out: Grid | None
    out_channels: int
    kernel_size: Pair
    channel: int = 0
    groups: int = 1
    padding: Pair = (0, 0)
    bias: int = 0
    error: str | None = None

    @cached_property
    def in_channels(self) -> int:
        return len(self.images)

    @cached_property
    def size(self) -> Pair:
        return len(self.images[0]), len(self.images[0][0])

    @cached_property
    def out_shape(self) -> Pair | None:
        return None if self.out is None else (len(self.out), len(self.out[0]))

    @cached_property
    def windows(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """For each axis, the positions that each output index reads."""
        pairs = zip(self.out_shape or (0, 0), self.kernel_size, self.padding, strict=True)
        return tuple(tuple(shapes.window(i, k, padding=p) for i in range(out)) for out, k, p in pairs)

    def at(self, channel: int, row: int, column: int) -> int:
        """A pixel of one padded input map."""
        inside = 0 <= row < self.size[0] and 0 <= column < self.size[1]
        return self.images[channel][row][column] if inside else 0

    def feeds(self, source: int, target: int) -> bool:
        """Whether an input channel and an output channel are in the same group."""
        return source * self.groups // self.in_channels == target * self.groups // self.out_channels

    @cached_property
    def shown(self) -> list[int]:
        """The input channels drawn: all, or as many as there is room for, those of the chosen group first."""
        if self.in_channels <= MOST:
            return list(range(self.in_channels))
        members = _ends(sorted(self.kernels))
        others = [c for c in range(self.in_channels) if c not in self.kernels]
        return sorted([*members, *others[: MOST - len(members)]])

    @cached_property
    def shown_outputs(self) -> list[int]:
        """The output channels in the wiring, the chosen one among them."""
        outs = _ends(list(range(self.out_channels)))
        return outs if self.channel in outs else sorted([*outs[:2], self.channel, outs[-1]])

    @cached_property
    def hidden(self) -> list[int]:
        """What the channels that are not drawn add to each output, in reading order."""
        left = [self.products[c] for c in self.products if c not in self.shown]
        return [sum(each[r][c] for each in left) for r, c in product(*map(range, self.out_shape))] if left else []

    @cached_property
    def default_pin(self) -> Pair | None:
        """The output furthest from zero."""
        if self.out is None:
            return None
        return max(product(*map(range, self.out_shape)), key=lambda at: abs(self.out[at[0]][at[1]]))


def _ends(channels: list[int]) -> list[int]:
    return channels if len(channels) <= MOST else [*channels[: MOST - 1], channels[-1]]


def channel_sum(layer: Channels, pin: Pair) -> str:
    """One output as a sum over channels.
    >>> one, two = [[1]], [[-2]]
    >>> channel_sum(Channels([one, one], {0: one, 1: two}, {0: one, 1: two}, [[4]], 1, (1, 1), bias=5), (0, 0))
    '1 − 2 + bias 5 = 4'
    """
    parts = [layer.products[c][pin[0]][pin[1]] for c in sorted(layer.products)]
    text = "".join(f" {'−' if part < 0 else '+'} {abs(part)}" for part in parts)
    first = text[3:] if parts[0] >= 0 else "−" + text[3:]
    sign = "−" if layer.bias < 0 else "+"
    return f"{first} {sign} bias {abs(layer.bias)} = {minus(layer.out[pin[0]][pin[1]])}"
