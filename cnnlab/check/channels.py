"""Checkers of chapter 03: channels."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.nn import functional as F

from cnnlab.check.frame.judging import call, choose, compare, drawn_calls, exercise, filled, number, seeded
from cnnlab.check.frame.networks import Operations, macs
from cnnlab.check.frame.showing import sizes, value_text
from cnnlab.check.frame.values import as_items, as_numbers
from cnnlab.check.frame.verdict import Wrong


def torchs_macs(*layers: nn.Module, c_in: int, h: int, w: int) -> tuple[int, int, torch.Tensor]:
    """Multiplications forward and backward as PyTorch counts them, and the output (without numbers)."""
    X = torch.empty(1, c_in, h, w, device="meta", requires_grad=True)
    both = nn.Sequential(*layers)
    Y = both(X)
    backward = macs(lambda: torch.autograd.grad(Y.sum(), [X, *both.parameters()]))
    return macs(lambda: both(X)), backward, Y


def conv(*settings) -> nn.Conv2d:
    return nn.Conv2d(*settings, device="meta")


def layers() -> list:
    """Calls with (c_in, c_out, h, w, k, s, p)."""
    small = ((1, 6), (1, 6), (1, 12), (1, 12), (1, 5), (1, 3), (0, 2))
    large = ((1, 64), (1, 64), (1, 60), (1, 60), (1, 11), (1, 8), (0, 9))
    return drawn_calls(3, lambda a, b, h, w, k, s, p: min(h, w) + 2 * p >= k, (20, small), (10, large))


def products(c_in, c_out, h, w, k, s, p) -> int:
    """Multiplications forward."""
    return torchs_macs(conv(c_in, c_out, k, s, p), c_in=c_in, h=h, w=w)[0]


def outputs(c_in, c_out, h, w, k, s, p) -> int:
    return torchs_macs(conv(c_in, c_out, k, s, p), c_in=c_in, h=h, w=w)[2].numel()


def forward_counts(*layer: int) -> tuple[int, int]:
    return products(*layer), products(*layer)


def backward_counts(c_in, c_out, h, w, k, s, p) -> tuple[int, int]:
    _, count, Y = torchs_macs(conv(c_in, c_out, k, s, p), c_in=c_in, h=h, w=w)
    return count, count + Y.numel()  # the bias: its gradient adds up what comes back to every output


@exercise("Count what a layer computes, forward and backward", level=2, minutes=20)
def count_operations(run, forward, backward) -> str:
    def twice(count: Callable) -> Callable:
        return lambda *layer: (count(*layer), count(*layer))

    slips = {
        "c_in is left out: every output sums over all input channels": twice(lambda *x: products(*x) // x[0]),
        "c_out is left out: every output channel has its own kernels": twice(lambda *x: products(*x) // x[1]),
        "the pixels of the output count, not those of the input": twice(
            lambda *x: x[0] * x[1] * x[2] * x[3] * x[4] ** 2
        ),
        "the stride is left out": twice(lambda *x: products(*x[:5], 1, x[6])),
        "the padding is left out": twice(
            lambda a, b, h, w, k, s, p: a * b * k * k * ((h - k) // s + 1) * ((w - k) // s + 1)
        ),
        "k stands for both sides of the kernel: k · k weights": twice(lambda *x: products(*x) // x[4]),
        "one addition is missing for every output: the sum starts from the bias, so n products take n": lambda *x: (
            products(*x),
            products(*x) - outputs(*x),
        ),
        "the bias is added twice: as the start of the sum and once more": lambda *x: (
            products(*x),
            products(*x) + outputs(*x),
        ),
        "the bias is added once for each input channel": lambda *x: (products(*x), products(*x) + x[0] * outputs(*x)),
    }
    given = "(c_in={}, c_out={}, h={}, w={}, k={}, s={}, p={})".format
    compare(run, forward, layers(), forward_counts, slips, given=lambda *x: f"forward{given(*x)}")
    slips = {
        "as many as forward: but two gradients are wanted, for the weights and for the input": forward_counts,
        "the gradient for the bias is left out: it adds up one number for every output": lambda *x: (
            2 * products(*x),
            2 * products(*x),
        ),
        "only one of the two gradients is counted": lambda *x: (products(*x), products(*x) + outputs(*x)),
        "the gradient for the bias multiplies nothing": lambda *x: (2 * products(*x) + outputs(*x),) * 2,
        "the forward pass is counted once more": lambda *x: (3 * products(*x), 3 * products(*x) + outputs(*x)),
        "the gradient for the bias is one sum over all pixels of the output, not one addition a channel": lambda *x: (
            2 * products(*x),
            2 * products(*x) + x[1],
        ),
    }
    compare(run, backward, layers(), backward_counts, slips, given=lambda *x: f"backward{given(*x)}")
    return "30 random layers agree with PyTorch's own counter, forward and backward."


def padded_ratio(n: int, k: int, p: int) -> float:
    twice, once = (torchs_macs(conv(1, 1, k, 1, pad), c_in=1, h=n, w=n)[0] for pad in (2 * p, p))
    return twice / once


@exercise("Twice the channels, twice the padding", level=1, minutes=10)
def cost_ratios(run, channels_ratio, padding_ratio) -> str:
    number(
        channels_ratio,
        4,
        {
            "c_in and c_out multiply each other: doubling one of them is 2": 2,
            "the cost grows with c_in times c_out, not with their squares": 16,
            "the kernel and the map stay as they are: only c_in and c_out are doubled": 8,
        },
        name="channels_ratio",
        within=1e-6,
    )
    small, large = (((2, side), (1, 7), (0, 4)) for side in (60, 500))
    calls = drawn_calls(4, lambda n, k, p: n + 2 * p >= k, (30, small), (10, large))
    slips = {
        "both axes grow, so the ratio of the sides is squared": lambda n, k, p: padded_ratio(n, k, p) ** 0.5,
        "the padding is no factor of the cost; it only enlarges the map a little": lambda n, k, p: 2.0,
        "the padding is no factor of the cost, not along two axes either": lambda n, k, p: 4.0,
        "the pixels of the padded image are compared; the cost goes with those of the output": lambda n, k, p: (
            ((n + 4 * p) / (n + 2 * p)) ** 2
        ),
        "padding is per side: it counts twice": lambda n, k, p: ((n + 2 * p - k + 1) / (n + p - k + 1)) ** 2,
        "the + 1 of the output size is missing": lambda n, k, p: ((n + 4 * p - k) / (n + 2 * p - k)) ** 2,
        "turned round: the doubled padding belongs into the numerator": lambda n, k, p: 1 / padded_ratio(n, k, p),
    }
    compare(run, padding_ratio, calls, padded_ratio, slips, given="padding_ratio(n={}, k={}, p={})".format)
    return "4 for the channels; for the padding, 40 random layers agree with PyTorch's counter."


def saved_macs(c_in: int, mid: int, c_out: int, n: int, k: int) -> int:
    at = {"c_in": c_in, "h": n, "w": n}
    direct = torchs_macs(conv(c_in, c_out, k, 1, k // 2), **at)[0]
    return direct - torchs_macs(conv(c_in, mid, 1), conv(mid, c_out, k, 1, k // 2), **at)[0]


@exercise("What a 1 × 1 kernel saves", level=1, minutes=10)
def one_by_one_saving(run, share, saved) -> str:
    number(
        share,
        8 / 9,
        {
            "this is the share that is left, not the one that is saved": 1 / 9,
            "a 3 × 3 kernel has 9 weights, not 3": 2 / 3,
            "a factor is given; the share saved is 1 minus what is left": 9,
            "a share is asked for, as a number between 0 and 1": 800 / 9,
        },
        name="share",
        within=0.006,
    )
    draw = random.Random(5)
    calls = []
    for most_channels, most_side in [(64, 28)] * 30 + [(300, 100)] * 10:
        ends = (most_channels, most_channels // 2, most_channels, most_side)
        calls.append(call(*(draw.randint(1, end) for end in ends), draw.choice((3, 5, 7))))
    slips = {
        "the 1 × 1 layer itself is not free: c_in · mid products a pixel": lambda a, m, b, n, k: (
            (a * b - m * b) * k * k * n * n
        ),
        "these are weights; every one of them is used at all n · n pixels": lambda a, m, b, n, k: (
            a * b * k * k - a * m - m * b * k * k
        ),
        "this is what the two layers cost, not what they save": lambda a, m, b, n, k: (a * m + m * b * k * k) * n * n,
        "the second layer reads mid channels, not c_in": lambda a, m, b, n, k: -a * m * n * n,
        "the first layer has mid outputs, not c_out": lambda a, m, b, n, k: (
            (a * b * k * k - a * b - m * b * k * k) * n * n
        ),
        "a kernel has k · k weights": lambda a, m, b, n, k: (a * b * k - a * m - m * b * k) * n * n,
        "the sign is turned: positive when it saves": lambda *x: -saved_macs(*x),
        "what costs more saves less than nothing: let the number be negative": lambda *x: max(saved_macs(*x), 0),
        "the direct layer costs more than the other here; take the difference, not its size": lambda *x: abs(
            saved_macs(*x)
        ),
    }
    given = "saved(c_in={}, mid={}, c_out={}, n={}, k={})".format
    compare(run, saved, calls, saved_macs, slips, given=given)
    return "A 1 × 1 kernel saves 8/9; put first, it saves only where mid is small enough."


def add_up(K: torch.Tensor, X: torch.Tensor, channels: Iterable[int]) -> torch.Tensor:
    """A 1 × 1 layer that adds the channels in the order given; a matrix product's order depends on the processor."""
    return sum(K[:, c, None, None] * X[c] for c in channels)


def two_ways() -> list[tuple[torch.Tensor, torch.Tensor, bool]]:
    """Pairs of maps (Y1, Y2) of 1 × 1 layers, and whether they differ by rounding only."""
    found, draw = [], seeded(6)
    for dtype in (torch.float32, torch.float64):
        for scale in (1.0, 1e6, 1e-6):
            X, K = draw(256, 12, 10), scale * draw(3, 256)
            wrong = K.clone()
            wrong[1, 7] *= 1.1
            X, K, wrong = (value.to(dtype) for value in (X, K, wrong))
            forwards = add_up(K, X, range(256))
            found += [(forwards, add_up(K, X, reversed(range(256))), True)]
            found += [(forwards, torch.einsum("oc,chw->ohw", wrong, X), False)]
    exact = found[6][0]  # float64
    found += [(exact, exact.float().double(), False), (exact, exact.clone(), True)]
    return found


def triple_differs(triple: object) -> None:
    filled(triple)
    values = as_numbers(triple)
    if values is None or len(values) != 3:
        raise Wrong("triple should be three numbers (a, b, c).", got=value_text(triple))
    if max(map(abs, values)) > torch.finfo(torch.float32).max:
        raise Wrong("triple should be numbers that float32 can hold.", got=value_text(triple))
    a, b, c = (torch.tensor(float(value), dtype=torch.float32) for value in values)
    first, second = ((a + b) + c).item(), (a + (b + c)).item()
    if first != first or second != second or abs(first) == float("inf") or abs(second) == float("inf"):
        raise Wrong("triple gives infinity or NaN; take numbers that float32 can hold.", got=value_text(triple))
    if first == second:
        a, b, c = map(float, values)
        only = (a + b) + c != a + (b + c)
        slip = "they differ in float64, Python's own numbers; in float32 the same three agree" if only else ""
        slip = slip or "take numbers of very different size, so that the small one is lost in one of the orders"
        raise Wrong(
            "Both orders give the same.", call=f"{value_text(triple)} in float32", got=f"{first:.9g}", slip=slip
        )


@exercise("Are two ways of computing exactly equal?", level=2, minutes=15)
def exactly_equal(run, triple, same_to_rounding, reason) -> str:
    triple_differs(triple)
    cases = two_ways()
    truth = {(id(Y1), id(Y2)): same for Y1, Y2, same in cases}

    def relative(limit: float, Y1, Y2) -> bool:
        return bool((Y1 - Y2).abs().max() <= limit * Y1.abs().max())

    slips = {
        "every bit is compared: two orders of one sum are refused": torch.equal,
        "allclose measures each number against itself: one near 0 is a difference of large ones, whose rounding is "
        "larger than it": torch.allclose,
        "a fixed tolerance: of large numbers it refuses the rounding, of small ones it passes anything": (
            lambda Y1, Y2: torch.allclose(Y1, Y2, atol=1e-5)
        ),
        "a fixed distance, whatever the size of the numbers": lambda Y1, Y2: bool((Y1 - Y2).abs().max() < 1e-5),
        "the tolerance does not depend on the dtype: of float64, what is right in 7 digits is a mistake": (
            lambda Y1, Y2: relative(1e-5, Y1, Y2)
        ),
        "True is given for every pair": lambda Y1, Y2: True,
    }

    def given(Y1, Y2) -> str:
        apart, size = (Y1 - Y2).abs().max().item(), Y1.abs().max().item()
        return f"{str(Y1.dtype)[6:]}: Y1 and Y2 up to {size:.2g}, at most {apart:.1g} apart"

    calls = [call(Y1, Y2) for Y1, Y2, _ in cases]
    compare(run, same_to_rounding, calls, lambda Y1, Y2: truth[id(Y1), id(Y2)], slips, given=given)
    choose(
        reason,
        "order of the sums",
        {
            "different operations": "Both sum the same products: with exact numbers they would be equal.",
            "random numbers": "Nothing is drawn at random: run one of them twice, and every bit is the same.",
            "the multiplications": "Both round the same products in the same way; what differs comes after them.",
        },
        name="reason",
    )
    return "Equal as formulas, and apart by roundings: float32 sums depend on their order."


PRODUCTS = {"mm", "addmm", "bmm", "baddbmm", "mv", "dot"}


def convolve(X, K, stride, padding):
    return F.conv2d(X[None], K, None, stride, padding)[0]


def kernels_and_images() -> list:
    draw = seeded(7)
    rows = [
        ((1, 3, 3), (1, 1, 2, 2), 1, 0), ((2, 3, 4), (2, 2, 2, 2), 1, 0), ((3, 4, 5), (2, 3, 3, 2), 1, 0),
        ((2, 5, 4), (3, 2, 3, 3), 1, 1), ((3, 6, 8), (4, 3, 3, 3), 2, 1), ((4, 7, 6), (2, 4, 1, 1), 1, 0),
        ((2, 9, 7), (3, 2, 5, 3), 3, 2),
    ]  # fmt: skip
    return [call(draw(*image), draw(*weight), stride, padding) for image, weight, stride, padding in rows]


def by_columns(X, K, stride, padding, pixels_first: str):
    """The convolution by a matrix product in which the rows or the columns go pixel by pixel, the others by channel."""
    columns, rows = F.unfold(X[None], K.shape[2:], stride=stride, padding=padding)[0], K.flatten(1)
    if pixels_first == "rows":
        rows = K.permute(0, 2, 3, 1).flatten(1)
    else:
        columns = columns.reshape(len(X), -1, columns.shape[1]).transpose(0, 1).reshape(columns.shape)
    return (rows @ columns).reshape(convolve(X, K, stride, padding).shape)


@exercise("A k × k convolution by one matrix product", level=2, minutes=20)
def by_matrix(run, conv_by_matmul) -> str:
    def across(X, K, stride, padding):
        Y = convolve(X, K, stride, padding)
        return Y.reshape(len(Y), Y.shape[2], Y.shape[1]).transpose(1, 2)

    slips = {
        "the columns go pixel by pixel, and K.flatten(1) goes channel by channel": lambda *x: by_columns(*x, "columns"),
        "the kernels go pixel by pixel, and F.unfold goes channel by channel": lambda *x: by_columns(*x, "rows"),
        "the stride is left out": lambda X, K, stride, padding: convolve(X, K, 1, padding),
        "the padding is left out": lambda X, K, stride, padding: convolve(X, K, stride, 0),
        "the kernels are turned; a layer does not turn them": lambda X, K, *rest: convolve(X, K.flip(2, 3), *rest),
        "the outputs lie row by row, and they were read column by column": across,
        "the channels are averaged; a layer adds them up": lambda X, K, *rest: convolve(X, K, *rest) / len(X),
        "only the first input channel is read": lambda X, K, *rest: convolve(X[:1], K[:, :1], *rest),
    }
    calls = kernels_and_images()

    def given(X, K, stride, padding):
        return f"conv_by_matmul(X of {sizes(X.shape)}, K of {sizes(K.shape)}, stride={stride}, padding={padding})"

    compare(run, conv_by_matmul, calls, convolve, slips, given=given)
    with Operations() as operations:
        run(conv_by_matmul, *calls[4][0])
    if any("conv" in name for name in operations.names):
        raise Wrong("The values are right, and PyTorch's own convolution gave them; write the product yourself.")
    used = sum(name in PRODUCTS for name in operations.names)
    if used != 1:
        slip = (
            "put all windows of all channels into one matrix" if used > 1 else "windows as columns, then K.flatten(1) @"
        )
        raise Wrong(
            f"The values are right, with {used} matrix products instead of one.", got=given(*calls[4][0]), slip=slip
        )
    return "One matrix product gives every output channel at every pixel."


def kernel_of(layer: Callable, c_in: int, h: int, w: int) -> torch.Tensor:
    """The weight (c_out, c_in, h, w) of a linear layer, read off what it makes of single pixels."""
    pixels = torch.eye(c_in * h * w, dtype=torch.float64).reshape(-1, c_in, h, w)
    return layer(pixels).reshape(c_in, h, w, -1).permute(3, 0, 1, 2)


def composed(K1: torch.Tensor, K2: torch.Tensor) -> torch.Tensor:
    sides = (K1.shape[axis] + K2.shape[axis] - 1 for axis in (2, 3))
    return kernel_of(lambda X: F.conv2d(F.conv2d(X, K1), K2), K1.shape[1], *sides)


POSSIBLE = {
    "bias": "The first bias b goes through the second layer as the sum of its weights times b: one bias again.",
    "stride": "The taps of the second kernel lie two pixels of the input apart: one larger kernel with stride 4.",
    "batch norm": "In prediction it multiplies and shifts each channel by fixed numbers: the weights can take them in.",
    "average pool": "An average is a convolution with equal weights: three kernels in one, where two were.",
}


IMPOSSIBLE = {
    "relu": "A ReLU between is not linear: f(−X) is not −f(X), and of one convolution it would be.",
    "padding": "The second layer reads zeros outside the first map, where one large kernel would read sums: "
    "at the border they differ.",
    "max pool": "The largest of a window is not linear: which pixel it is changes with the image.",
}


def impossible_set(given: object) -> None:
    filled(given)
    known = {**POSSIBLE, **IMPOSSIBLE}
    shown, given = value_text(given), as_items(given)
    if given is None or not all(isinstance(name, str) for name in given):
        raise Wrong("impossible should be a set of names.", got=shown)
    if unknown := sorted(set(given) - known.keys()):
        raise Wrong(f"{unknown[0]!r} is none of the names; they are {', '.join(map(repr, sorted(known)))}.")
    for name, sentence in POSSIBLE.items():
        if name in given:
            raise Wrong(f"{name!r} does not make it impossible. {sentence}", got=value_text(sorted(given)))
    for name, sentence in IMPOSSIBLE.items():
        if name not in given:
            raise Wrong(f"One convolution cannot do it with {name!r}. {sentence}", got=value_text(sorted(given)))


@exercise("Two kernels in one", level=3, minutes=25)
def compose(run, compose, impossible, converse) -> str:
    draw = seeded(8)
    rows = [
        ((1, 1, 1, 1), (1, 1, 2, 2)), ((1, 1, 2, 2), (1, 1, 2, 2)), ((2, 1, 2, 2), (1, 2, 1, 2)),
        ((3, 2, 3, 3), (2, 3, 3, 3)), ((2, 3, 1, 1), (4, 2, 3, 2)), ((4, 2, 3, 2), (3, 4, 2, 3)),
    ]  # fmt: skip
    calls = [call(draw(*first), draw(*second)) for first, second in rows]

    def turned(K1, K2):
        return composed(K1, K2.flip(2, 3))

    slips = {
        "one of the kernels is turned: lay K1 at every place of K2 and add, without turning anything": turned,
        "one of the kernels is turned: lay K1 at every place of K2 and add, nothing is turned": lambda K1, K2: turned(
            K1, K2
        ).flip(2, 3),
        "both kernels are turned": lambda K1, K2: composed(K1, K2).flip(2, 3),
        "the axes of input and output channels are exchanged": lambda K1, K2: composed(K1, K2).transpose(0, 1),
        "the other order: K1 comes first, so its outputs are the inputs of K2": lambda K1, K2: composed(K2, K1),
        "the kernels are applied side by side: every pair of taps gives one product": lambda K1, K2: torch.einsum(
            "mixy,omxy->oixy", K1, K2
        ),
        "the first kernel is laid once; it belongs to every tap of the second": lambda K1, K2: F.pad(
            torch.einsum("mixy,om->oixy", K1, K2.sum((2, 3))), (0, K2.shape[3] - 1, 0, K2.shape[2] - 1)
        ),
    }
    compare(run, compose, calls, composed, slips, given=lambda K1, K2: (
        f"compose(K1 of {sizes(K1.shape)}, K2 of {sizes(K2.shape)})"
    ))  # fmt: skip
    impossible_set(impossible)
    choose(
        converse,
        "not always",
        {
            "always": "Two 3 × 3 kernels have 18 weights, of which one scale cancels: 17 numbers cannot be 25.",
            "never": "The composed kernels themselves are counterexamples: each of them is two smaller ones.",
        },
        name="converse",
    )
    return "Two linear layers are one, with a kernel of k₁ + k₂ − 1; not the other way round."


def full_weight(weight: torch.Tensor, groups: int) -> torch.Tensor:
    return kernel_of(lambda X: F.conv2d(X, weight, groups=groups), weight.shape[1] * groups, *weight.shape[2:])


def reached_by(c_in: int, c_out: int, groups: int, channel: int) -> list[int]:
    pixel = torch.zeros(1, c_in, 1, 1)
    pixel[0, channel] = 1
    found = F.conv2d(pixel, torch.ones(c_out, c_in // groups, 1, 1), groups=groups)
    return found.flatten().nonzero().flatten().tolist()


def dealt(weight: torch.Tensor, groups: int) -> torch.Tensor:
    """The full weight of somebody who deals the channels out in turn."""
    full = full_weight(weight, groups)
    return full[:, torch.arange(full.shape[1]).reshape(groups, -1).t().flatten()]


def placed(weight: torch.Tensor, groups: int, columns: Callable[[int], slice]) -> torch.Tensor:
    """The full weight of somebody who puts the kernels of output o into those columns."""
    full = weight.new_zeros(len(weight), weight.shape[1] * groups, *weight.shape[2:])
    for o, kernels in enumerate(weight):
        full[o, columns(o)] = kernels
    return full


def interleaved(weight: torch.Tensor, groups: int) -> torch.Tensor:
    return placed(weight, groups, lambda o: slice(o % groups, None, groups))


def square_blocks(weight: torch.Tensor, groups: int) -> torch.Tensor:
    side = weight.shape[1]
    return placed(weight, groups, lambda o: slice((at := min(o // side, groups - 1) * side), at + side))


@exercise("Groups as a block-diagonal matrix", level=2, minutes=15)
def groups_block(run, block_diagonal, reached) -> str:
    draw = seeded(9)
    rows = [
        ((2, 1, 1, 1), 2),
        ((4, 2, 1, 1), 2),
        ((4, 2, 3, 3), 2),
        ((6, 1, 2, 3), 3),
        ((6, 4, 3, 3), 3),
        ((3, 2, 3, 2), 1),
    ]
    rows.append(((8, 1, 3, 3), 4))
    slips = {
        "outside the blocks the weights are 0: a group does not see the others": lambda weight, groups: weight.repeat(
            1, groups, 1, 1
        ),
        "every block holds the weights of the first; each group has its own": lambda weight, groups: full_weight(
            weight[: len(weight) // groups].repeat(groups, 1, 1, 1), groups
        ),
        "groups are neighbouring channels, not every second or third one": dealt,
        "groups are neighbouring channels: output o belongs to group o // (c_out / groups), not o % groups": interleaved,
        "a block has c_out / groups rows and c_in / groups columns; here it is as high as it is wide": square_blocks,
        "the blocks stand on the other diagonal": lambda weight, groups: (
            full_weight(weight, groups).reshape(len(weight), groups, -1, *weight.shape[2:]).flip(1).flatten(1, 2)
        ),
        "input and output channels are exchanged": lambda weight, groups: full_weight(weight, groups).transpose(0, 1),
    }

    def given(weight, groups):
        return f"block_diagonal(weight of {sizes(weight.shape)}, groups={groups})"

    compare(
        run, block_diagonal, [call(draw(*shape), groups) for shape, groups in rows], full_weight, slips, given=given
    )
    layers = [(2, 2, 1), (2, 2, 2), (4, 4, 2), (6, 3, 3), (3, 6, 3), (8, 12, 4), (12, 8, 4), (6, 6, 6)]
    slips = {
        "all outputs: but only those of its own group see a channel": lambda a, b, g, c: list(range(b)),
        "groups are neighbouring channels, not every second or third one": lambda a, b, g, c: list(range(c % g, b, g)),
        "these are the input channels of the group; which outputs see them?": lambda a, b, g, c: list(
            range(c // (a // g) * (a // g), (c // (a // g) + 1) * (a // g))
        ),
        "one output only: a group has c_out / groups of them": lambda a, b, g, c: [c],
        "the group of a channel is channel // (c_in // groups), counted in input channels": lambda a, b, g, c: list(
            range(c // (b // g) * (b // g), (c // (b // g) + 1) * (b // g))
        ),
    }
    given = "reached(c_in={}, c_out={}, groups={}, channel={})".format
    calls = [call(*layer, channel) for layer in layers for channel in range(layer[0])]
    compare(run, reached, calls, reached_by, slips, given=given)
    return "The block-diagonal weight does what groups do, and a channel reaches its own group only."
