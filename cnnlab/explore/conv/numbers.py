"""One convolution in numbers and words: its values, what a picture shows of them, its shape and its cost.

An axis longer than LONGEST cells shows its two ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, ClassVar

from cnnlab import shapes
from cnnlab.draw.grid import LONGEST, MOST_TERMS, Grid, Pair, ends, minus
from cnnlab.explore.kit.grids import Windows
from cnnlab.explore.kit.settings import Size, pair
from cnnlab.explore.kit.window import arithmetic

if TYPE_CHECKING:
    import numpy as np

Channels = tuple[int, int, int]  # in, out, groups


@dataclass(frozen=True)
class Conv(Windows):
    """What there is to draw: integers, and the settings of one layer as pairs (height, width).

    `weights` and `out` are to be divided by `divisor`, so that a blur stays readable; `bias` is part of `out`.
    `out` is None where no layer can exist.
    """

    image: Grid
    weights: Grid
    out: Grid | None
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    divisor: int = 1
    bias: int = 0
    error: str | None = None
    weights_name: str = ""

    layer: ClassVar[str] = "Conv2d"
    settings: ClassVar[tuple[str, ...]] = ("kernel_size", "stride", "padding", "dilation")  # PyTorch's names

    @cached_property
    def size(self) -> Pair:
        return len(self.image), len(self.image[0])

    @cached_property
    def kernel_size(self) -> Pair:
        return len(self.weights), len(self.weights[0])

    @cached_property
    def out_shape(self) -> Pair | None:
        return None if self.out is None else (len(self.out), len(self.out[0]))

    @cached_property
    def span(self) -> Pair:
        return tuple(shapes.effective_kernel(k, d) for k, d in zip(self.kernel_size, self.dilation, strict=True))

    @cached_property
    def unread(self) -> Pair:
        """Rows and columns at the end of the padded input that no window reads."""
        return (0, 0) if self.out is None else (shapes.unread(*self.axis(0)), shapes.unread(*self.axis(1)))

    def axis(self, axis: int) -> tuple[int, ...]:
        """Size, kernel, stride, padding and dilation along one axis: what `cnnlab.shapes` asks for."""
        return tuple(each[axis] for each in (self.size, self.kernel_size, self.stride, self.padding, self.dilation))

    def explain(self, axis: int) -> str:
        """The arithmetic of the output size along one axis."""
        return shapes.explain(*self.axis(axis))

    @cached_property
    def met(self) -> Pair:
        """How many pixels every weight is multiplied with, along each axis."""
        return self.out_shape

    @cached_property
    def readers(self) -> tuple[Counter[int], Counter[int]]:
        """For each axis, how many outputs read a position."""
        return tuple(Counter(p for window in windows for p in window) for windows in self.windows)

    def uses(self, row: int, column: int) -> int:
        """How many outputs use a pixel of the padded input."""
        return self.readers[0][row] * self.readers[1][column]

    @cached_property
    def most_uses(self) -> int:
        """The uses of the pixel that is used most."""
        return max(self.readers[0].values(), default=0) * max(self.readers[1].values(), default=0)

    @cached_property
    def gap_pixels(self) -> int:
        """Pixels between the windows that none of them reads; the unread strip at the end is not counted."""
        if self.out is None:
            return 0
        (rows, columns), reach = self.read, [max(read) - min(read) + 1 for read in self.read]
        return reach[0] * reach[1] - len(rows) * len(columns)

    def at(self, row: int, column: int) -> int:
        """A pixel of the padded input."""
        return self.image[row][column] if self.inside(row, column) else 0

    def value(self, row: int, column: int, places: int = 1) -> str:
        """An output as text, in as few characters as its divisor allows."""
        number = self.out[row][column]
        return minus(number if self.divisor == 1 else f"{number / self.divisor:z.{places}f}")

    # ---- what is drawn of it ----

    @cached_property
    def shown_input(self) -> tuple[list[int], list[int]]:
        """Rows and columns of the padded input that a picture shows."""
        return self._shown_along(0), self._shown_along(1)

    def _shown_along(self, axis: int) -> list[int]:
        size, _, _, padding, _ = self.axis(axis)
        # Room for a whole window at each end, or no output there could be shown with all it reads.
        head = min(max(12, self.span[axis]), 24)
        tail = min(max(8, self.span[axis] + self.unread[axis]), 15)
        return ends(-padding, size + padding - 1, head, tail, LONGEST)

    @cached_property
    def default_pin(self) -> Pair | None:
        """The shown output furthest from zero, rather one whose window is free of padding."""
        if self.out is None:
            return None
        pairs = zip(self.windows, self.size, strict=True)
        clear = [{i for i, w in enumerate(windows) if w[0] >= 0 and w[-1] < size} for windows, size in pairs]

        def worth(at: Pair) -> tuple[bool, bool, int]:
            value = abs(self.out[at[0]][at[1]])
            return value > 0, at[0] in clear[0] and at[1] in clear[1], value

        return max(product(*self.shown_output), key=worth)


def window_sum(conv: Conv, pin: Pair) -> str:
    r"""One output written out term by term, weight first; a no-break space keeps the bias on one line.
    >>> window_sum(Conv(((3, 5),), ((-1, 2),), ((7,),)), (0, 0))
    '−1·3 + 2·5 + bias\xa00 = 7'
    """
    rows, columns = conv.windows[0][pin[0]], conv.windows[1][pin[1]]
    taps = product(enumerate(rows), enumerate(columns))
    return written_out(conv, [(conv.weights[i][j], conv.at(r, c)) for (i, r), (j, c) in taps], pin)


def written_out(conv: Conv, terms: Sequence[tuple[int, int]], pin: Pair) -> str:
    """Terms of (weight, pixel), the bias and what they make of one output."""
    text, more = "", f" + … ({len(terms):,} terms)" if len(terms) > MOST_TERMS else ""
    for weight, pixel in terms[:MOST_TERMS]:
        sign = ("−" if weight < 0 else "") if not text else (" − " if weight < 0 else " + ")
        text += f"{sign}{abs(weight)}·{pixel}"
    text += more
    total, bias = conv.out[pin[0]][pin[1]], f" {'−' if conv.bias < 0 else '+'} bias\u00a0{abs(conv.bias)}"
    if not terms:
        return f"bias\u00a0{minus(conv.bias)} = {conv.value(*pin, places=2)}"
    if conv.divisor == 1:
        return f"{text}{bias} = {minus(total)}"
    plain = minus(total - conv.bias * conv.divisor)
    return f"({text}) / {conv.divisor}{bias} = {plain}/{conv.divisor}{bias} = {conv.value(*pin, places=2)}"


# ---- its values, as a sum over taps and by PyTorch -------------------------------------------------------------------


def correlate(image: Grid, weights: Grid, stride: Size, padding: Size, dilation: Size) -> list[list[int]]:
    """What nn.Conv2d computes for one channel, as a sum over taps.
    (H, W), (k_h, k_w) -> (o_h, o_w)
    >>> correlate([[1, 2, 4]], [[-1, 1]], 1, 0, 1)
    [[1, 2]]
    """
    sizes, kernel_size = (len(image), len(image[0])), (len(weights), len(weights[0]))
    axes = list(zip(sizes, kernel_size, *map(pair, (stride, padding, dilation)), strict=True))
    height, width = (shapes.out_size(*axis) for axis in axes)
    (_, _, down, above, between), (_, _, across, beside, apart) = axes
    edge = [0] * beside
    padded = [[*edge, *row, *edge] for row in image]
    made: dict[tuple[int, tuple[int, ...]], list[int]] = {}  # what a kernel's row makes of an image's row

    def taps(at: int, row: tuple[int, ...]) -> list[int]:
        if (at, row) not in made:
            line, last = padded[at], (width - 1) * across + 1
            made[at, row] = weighted((w, line[j * apart : j * apart + last : across]) for j, w in enumerate(row))
        return made[at, row]

    rows = [(i * between - above, tuple(row)) for i, row in enumerate(weights) if any(row)]
    places = ([(r * down + i, row) for i, row in rows if 0 <= r * down + i < len(image)] for r in range(height))
    return [added([taps(at, row) for at, row in each]) or [0] * width for each in places]


def weighted(terms: Iterable[tuple[int, list[int]]]) -> list[int]:
    """The sum of lines, each times its weight; empty where no weight is other than zero.
    >>> weighted([(2, [1, 2]), (0, [5, 5]), (-1, [3, 0])])
    [-1, 4]
    """
    alike: dict[int, list[list[int]]] = {}
    for weight, line in terms:
        if weight:
            alike.setdefault(weight, []).append(line)
    sums = ((weight, added(lines)) for weight, lines in alike.items())
    return added([line if weight == 1 else [weight * value for value in line] for weight, line in sums])


def added(lines: list[list[int]]) -> list[int]:
    """The sum of lines, place by place; empty where there are none."""
    return lines[0] if len(lines) == 1 else list(map(sum, zip(*lines, strict=True)))


def torch_output(conv: Conv, channels: Channels = (1, 1, 1)) -> np.ndarray | str:
    """The first output channel of the real layer, or why PyTorch refuses.
    (H, W) -> (o_h, o_w)"""
    import torch  # takes seconds, so only who asks waits

    try:
        with torch.no_grad():
            settings = {name: getattr(conv, name) for name in conv.settings}
            layer = getattr(torch.nn, conv.layer)(*channels[:2], groups=channels[2], **settings)
            image = torch.zeros(1, channels[0], *conv.size)
            image[0, 0] = torch.tensor(conv.image)
            layer.weight.zero_()
            layer.weight[0, 0] = torch.tensor(conv.weights) / conv.divisor
            layer.bias.fill_(conv.bias)
            return layer(image)[0, 0].double().numpy()
    except (RuntimeError, ValueError) as error:
        return f"{error}"


# ---- its shape and its cost ------------------------------------------------------------------------------------------


FORMULAS = [
    ("output, along each axis", "⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1"),
    ("pixels the kernel spans", "dilation·(kernel − 1) + 1"),
    ("weights", "kernel height · kernel width · in_channels / groups · out_channels"),
    ("parameters", "weights + out_channels biases"),
    ("multiply-accumulates (MACs)", "weights · output height · output width"),
    ("activation memory", "out_channels · output height · output width · 4 bytes (float32)"),
]


def conv_facts(conv: Conv, channels: Channels = (1, 1, 1)) -> list[tuple[str, str]]:
    """Name and arithmetic of every fact; needs a layer that can exist."""
    (k_h, k_w), (o_h, o_w), (c_in, c_out, groups) = conv.kernel_size, conv.out_shape, channels
    cost = shapes.conv_cost(c_in, c_out, (k_h, k_w), (o_h, o_w), groups)
    # A weight meets every output pixel, or, of a transposed convolution, every input pixel.
    macs = shapes.conv_cost(c_in, c_out, (k_h, k_w), conv.met, groups).macs
    many, outs = "" if c_out == 1 else f"{c_out}·", f"{o_h}·{o_w}"
    taps = (
        f"{k_h}·{k_w}" if c_in == c_out == 1 else f"{k_h}·{k_w}·{c_in if groups == 1 else f'({c_in}/{groups})'}·{c_out}"
    )
    return [
        *arithmetic([conv.explain(axis) for axis in (0, 1)], conv.axis(0) == conv.axis(1)),
        ("parameters", f"{taps} + {c_out} bias{'es' * (c_out > 1)} = {cost.params:,}"),
        ("multiply-accumulates (MACs)", f"{taps} · {conv.met[0]}·{conv.met[1]} = {macs:,}"),
        ("activation memory", f"{many}{outs} · 4 bytes = {cost.activation_bytes:,}"),
    ]
