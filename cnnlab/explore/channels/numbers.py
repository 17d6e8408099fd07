"""One output channel of a convolution in numbers: which inputs feed it, what each adds, which of them are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, product

from cnnlab.draw.grid import Grid, Pair, ends, largest, minus
from cnnlab.explore.kit import presets
from cnnlab.explore.kit.grids import Windows

MOST = 4  # channels drawn
LONGEST = 28  # cells along one axis of a map
MOST_TERMS = 12  # of a sum that is written out


@dataclass(frozen=True)
class Channels(Windows):
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

    def axis(self, axis: int) -> tuple[int, ...]:
        """Size, kernel, stride and padding along one axis."""
        return self.size[axis], self.kernel_size[axis], 1, self.padding[axis]

    def at(self, channel: int, row: int, column: int) -> int:
        """A pixel of one padded input map."""
        return self.images[channel][row][column] if self.inside(row, column) else 0

    def feeds(self, source: int, target: int) -> bool:
        """Whether an input channel and an output channel are in the same group."""
        return source * self.groups // self.in_channels == target * self.groups // self.out_channels

    @cached_property
    def shown(self) -> list[int]:
        """The input channels drawn: all, or as many as there is room for, those of the chosen group first."""
        if self.in_channels <= MOST:
            return list(range(self.in_channels))
        members = _ends(sorted(self.kernels))
        others = (c for c in range(self.in_channels) if c not in self.kernels)
        return sorted([*members, *islice(others, MOST - len(members))])

    @cached_property
    def shown_outputs(self) -> list[int]:
        """The output channels in the wiring, the chosen one among them."""
        outs = _ends(range(self.out_channels))
        return outs if self.channel in outs else sorted([*outs[:2], self.channel, outs[-1]])

    @cached_property
    def hidden(self) -> list[int]:
        """What the channels that are not drawn add to each output that is, in reading order."""
        drawn = [self.products[c] for c in self.products if c in self.shown]
        if len(drawn) == len(self.products):
            return []
        return [self.out[r][c] - self.bias - sum(each[r][c] for each in drawn) for r, c in product(*self.shown_output)]

    @cached_property
    def default_pin(self) -> Pair | None:
        """The drawn output furthest from zero."""
        if self.out is None:
            return None
        return max(product(*self.shown_output), key=lambda at: abs(self.out[at[0]][at[1]]))

    # ---- the cells that are drawn: all, or of a large map those at its ends ----

    @cached_property
    def shown_input(self) -> tuple[list[int], list[int]]:
        """Rows and columns of a padded input map."""
        sides = zip(self.size, self.kernel_size, self.padding, strict=True)
        return tuple(ends(-p, s + p - 1, min(max(8, k), 14), min(max(6, k), 10), LONGEST) for s, k, p in sides)

    @cached_property
    def brightest(self) -> int:
        """The largest pixel of the maps drawn."""
        return max(largest(self.images[channel]) for channel in self.shown)


def _ends(channels: Sequence[int]) -> list[int]:
    return list(channels) if len(channels) <= MOST else [*channels[: MOST - 1], channels[-1]]


def channel_sum(layer: Channels, pin: Pair) -> str:
    """One output as a sum over channels; of many the first few and what the others add.
    >>> one, two = [[1]], [[-2]]
    >>> channel_sum(Channels([one, one], {0: one, 1: two}, {0: one, 1: two}, [[4]], 1, (1, 1), bias=5), (0, 0))
    '1 − 2 + bias 5 = 4'
    """
    parts = [layer.products[c][pin[0]][pin[1]] for c in sorted(layer.products)]
    rest = f" {'−' if sum(parts[MOST_TERMS:]) < 0 else '+'} {abs(sum(parts[MOST_TERMS:]))} of the others"
    text = "".join(f" {'−' if part < 0 else '+'} {abs(part)}" for part in parts[:MOST_TERMS])
    text += rest * (len(parts) > MOST_TERMS)
    first = text[3:] if parts[0] >= 0 else "−" + text[3:]
    sign = "−" if layer.bias < 0 else "+"
    return f"{first} {sign} bias {abs(layer.bias)} = {minus(layer.out[pin[0]][pin[1]])}"


# ---- small maps, kernels and biases to start from --------------------------------------------------------------------


PRESETS = {
    "standard": {"in_channels": 3, "out_channels": 2, "kernel_size": 3, "groups": 1},
    "1×1": {"in_channels": 3, "out_channels": 2, "kernel_size": 1, "groups": 1},
    "grouped": {"in_channels": 4, "out_channels": 4, "kernel_size": 3, "groups": 2},
    "depthwise": {"in_channels": 4, "out_channels": 4, "kernel_size": 3, "groups": 4},
}
PICTURES = ("shirt", "edge", "ramp", "dot")
BIASES = (1, -1, 2, 0)
# A weight from where it stands below the middle or above it, right or left of it, and whether it is the middle itself.
KINDS = (
    lambda down, across, middle: across,
    lambda down, across, middle: int(middle),
    lambda down, across, middle: down,
    lambda down, across, middle: -middle,
    lambda down, across, middle: across * down,
    lambda down, across, middle: max(across, down),
)
MAPS, KERNELS, PERIOD = 8, 6, 24  # channels after which input maps, kernels, and pairs of both come again


def input_map(channel: int, size: tuple[int, int]) -> Grid:
    """A small picture for each channel, after four of them mirrored.  (H, W) of 0 … 3"""
    image = [[value // 3 for value in row] for row in presets.IMAGES[PICTURES[channel % 4]](size)]
    return [row[::-1] for row in image] if channel // 4 % 2 else image


def kernel(target: int, source: int, size: tuple[int, int]) -> Grid:
    """Weights from one input to one output channel.  (k_h, k_w) of −1, 0 and 1"""
    height, width = size
    middle = (height - 1) // 2, (width - 1) // 2
    weight = KINDS[(source + 2 * target) % len(KINDS)]
    chosen = [
        [weight(_sign(2 * i - height + 1), _sign(2 * j - width + 1), (i, j) == middle) for j in range(width)]
        for i in range(height)
    ]
    if any(map(any, chosen)):
        return chosen
    # One pixel alone has no across or down.
    alone = 1 if (source + target) % 2 == 0 else -1
    return [[alone * ((i, j) == middle) for j in range(width)] for i in range(height)]


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
