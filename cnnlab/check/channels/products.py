"""Checkers of chapter 03: exactly_equal, by_matrix."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.nn import functional as F

from cnnlab.check.frame.judging import call, choose, compare, exercise, filled, seeded
from cnnlab.check.frame.networks import Operations
from cnnlab.check.frame.showing import sizes, value_text
from cnnlab.check.frame.values import as_numbers
from cnnlab.check.frame.verdict import Wrong


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


@exercise
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
        "one rounding is too little: 256 of them have added up": lambda Y1, Y2: relative(
            torch.finfo(Y1.dtype).eps / 2, Y1, Y2
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


@exercise
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
