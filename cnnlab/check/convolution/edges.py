"""Checkers of chapter 01: diagonal_edges, true_convolution, loop_gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from cnnlab.check.frame.calling import a_kind
from cnnlab.check.frame.judging import call, compare, difference, exercise, filled, seeded
from cnnlab.check.frame.showing import grids, sizes, value_text
from cnnlab.check.frame.values import as_tensor
from cnnlab.check.frame.verdict import Wrong


def correlate(X: torch.Tensor, K: torch.Tensor, stride: int = 1) -> torch.Tensor:
    """PyTorch's own, for one channel."""
    return F.conv2d(X[None, None], K[None, None], stride=stride)[0, 0]


def kernel(given: object, name: str) -> torch.Tensor:
    """A kernel that was written down, in float64. Raises ToDo or Wrong where it is none."""
    filled(given)
    given = as_tensor(given)
    if not isinstance(given, torch.Tensor) or given.dim() != 2:
        got = value_text(given) if isinstance(given, torch.Tensor) else a_kind(given)
        raise Wrong(f"{name} should be a tensor with two axes, rows and columns.", got=got)
    if given.numel() == 0 or max(given.shape) > 7 or given.is_complex() or not torch.isfinite(given.double()).all():
        raise Wrong(f"{name} should hold real numbers, in 1 to 7 rows and columns.", got=value_text(given))
    return given.double()


def steps() -> dict[str, torch.Tensor]:
    """8 × 8 images with one edge each: in which direction they get brighter."""
    row, column = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    bright = {
        "down": row > 3,
        "to the right": column > 3,
        "up to the right": column > row,
        "down to the right": row + column > 7,
    }
    return {name: image.double() for name, image in bright.items()}


def finds(K: torch.Tensor, name: str, seen: str, unseen: str, hints: dict[str, str]) -> None:
    """Wrong where the kernel answers to evenly grey images or to `unseen`, or not with + to `seen`."""
    if max(K.shape) < 2:
        raise Wrong(f"{name} has one weight; an edge is a difference between pixels.", got=value_text(K))
    images = steps()
    flat = correlate(torch.ones(8, 8, dtype=torch.float64), K)
    if flat.abs().max() > 1e-9:
        raise Wrong(
            f"{name} answers where nothing changes.",
            call="an image that is 1 everywhere",
            got=value_text(flat[0, 0].item()),
            wanted="0",
            slip="the weights do not add up to 0, so brightness itself is counted as an edge",
        )
    good, other = correlate(images[seen], K), correlate(images[unseen], K)
    if good.abs().max() < 1e-9 and other.abs().max() > 1e-9:
        raise Wrong(
            f"{name} sees nothing of its own edge.",
            call=f"an image that gets brighter {seen}",
            got="0 everywhere",
            wanted="above 0 at the edge",
            slip=hints["other"],
        )
    if other.abs().max() > 1e-9:
        raise Wrong(
            f"{name} answers to an image that it should not see.",
            call=f"an image that gets brighter {unseen}",
            got=value_text(float(other.abs().max())),
            wanted="0 everywhere",
            picture=grids(other, torch.zeros_like(other)),
            slip=hints["both"],
        )
    if good.min() < -1e-9 and good.max() < 1e-9:
        raise Wrong(
            f"{name} answers with the wrong sign.",
            call=f"an image that gets brighter {seen}",
            got=value_text(float(good.min())),
            wanted="above 0 at the edge",
            slip="the sign is turned: the bright side needs the positive weights (nothing turns the kernel here)",
        )
    if good.max() < 1e-9 or good.min() < -1e-9:
        sentence = "never" if good.abs().max() < 1e-9 else "with both signs"
        raise Wrong(
            f"{name} answers {sentence} to its own edge.",
            call=f"an image that gets brighter {seen}",
            got=value_text(correlate(images[seen], K)[0]),
            slip="one side positive, the other negative; a second derivative has both signs at one edge",
        )


@exercise
def diagonal_edges(run, horizontal, diagonal) -> str:
    K = kernel(horizontal, "horizontal")
    finds(
        K,
        "horizontal",
        "down",
        "to the right",
        {
            "other": "this is the kernel for upright edges; transpose it",
            "both": "the weights of every column must add up to 0, or changes from left to right show",
        },
    )
    K = kernel(diagonal, "diagonal")
    finds(
        K,
        "diagonal",
        "up to the right",
        "down to the right",
        {
            "other": "this kernel finds the other diagonal; turn it left to right",
            "both": "along every line from bottom left to top right the weights must add up to 0",
        },
    )
    return "Both answer with + to their own edge and with 0 to grey and to the edge across."


def by_fourier(X: torch.Tensor, K: torch.Tensor) -> torch.Tensor:
    """True convolution by the convolution theorem, where the kernel fits; no kernel is turned on the way."""
    size = [a + b - 1 for a, b in zip(X.shape, K.shape, strict=True)]
    full = torch.fft.irfft2(torch.fft.rfft2(X, s=size) * torch.fft.rfft2(K, s=size), s=size)
    return full[K.shape[0] - 1 : X.shape[0], K.shape[1] - 1 : X.shape[1]]


@exercise
def true_convolution(run, true_conv) -> str:
    draw = seeded(1)
    sides = [((2, 3), (1, 2)), ((4, 4), (2, 2)), ((5, 6), (3, 3)), ((6, 5), (2, 4)), ((9, 7), (4, 1))]
    calls = [call(draw(*image), draw(*side)) for image, side in sides]
    slips = {
        "these are the values of cross-correlation: the kernel is not turned": correlate,
        "only one axis is turned; half a turn reverses rows and columns": lambda X, K: correlate(X, K.flip(1)),
        "only the rows are turned; half a turn reverses rows and columns": lambda X, K: correlate(X, K.flip(0)),
        "transposing is no half turn: it exchanges rows and columns": lambda X, K: correlate(X, K.t()),
        "the image was turned instead of the kernel, so the result comes out turned too and is never turned back": lambda X, K: (
            correlate(X.flip(0, 1), K)
        ),
        "the image was padded; keep only places where the whole kernel fits": lambda X, K: F.conv2d(
            F.pad(X, (K.shape[1] - 1,) * 2 + (K.shape[0] - 1,) * 2)[None, None], K.flip(0, 1)[None, None]
        )[0, 0],
    }
    compare(run, true_conv, calls, by_fourier, slips)
    return "Five pairs agree with the convolution theorem, which turns no kernel at all."


def torchs_gradients(X: torch.Tensor, K: torch.Tensor, G: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    X, K = X.detach().clone().requires_grad_(), K.detach().clone().requires_grad_()
    return torch.autograd.grad(correlate(X, K), (X, K), G)


def passes_gradients(run, corr2d: Callable, X: torch.Tensor, K: torch.Tensor, G: torch.Tensor) -> None:
    """Wrong where automatic differentiation does not come through the learner's loops."""
    leaves = [X.clone().requires_grad_(), K.clone().requires_grad_()]
    Y = run(corr2d, *leaves, given="corr2d(X, K), both with requires_grad")
    if not Y.requires_grad:
        raise Wrong(
            "The values are right, and no gradient comes through.",
            call="corr2d(X, K).requires_grad",
            got="False",
            wanted="True",
            slip="item(), detach(), torch.tensor(…) or no_grad turns a tensor into bare numbers; assign the sum itself",
        )
    found = run(torch.autograd.grad, Y, leaves, G.to(Y.dtype), allow_unused=True, given="backward through corr2d")
    for mine, theirs, name in zip(found, torchs_gradients(X, K, G), "XK", strict=True):
        if mine is None or difference(mine, theirs, 1e-4):
            got = "no gradient" if mine is None else value_text(mine)
            raise Wrong(
                f"The gradient for {name} does not come through the loops.",
                got=got,
                wanted=value_text(theirs),
                slip=f"somewhere {name} is copied as bare numbers",
            )


def scattered(X, K, G, turn: bool = False, add: bool = True):
    """The gradient for X by loops, with a slip."""
    K = K.flip(0, 1) if turn else K
    dX = torch.zeros_like(X)
    for i in range(G.shape[0]):
        for j in range(G.shape[1]):
            window = dX[i : i + K.shape[0], j : j + K.shape[1]]
            window.copy_(window * add + G[i, j] * K)
    return dX


def last_window(X, K, G):
    h, w = K.shape
    return G[-1, -1] * X[-h:, -w:]


def shapes(*given: torch.Tensor) -> str:
    return f"gradients(X, K, G) of shapes {', '.join(sizes(value.shape) for value in given)}"


@exercise
def loop_gradient(run, corr2d, gradients) -> str:
    draw = seeded(2)
    sides = [((2, 2), (1, 2)), ((3, 3), (2, 2)), ((4, 5), (3, 2)), ((6, 4), (2, 3))]
    cases = []
    for image, side in sides:
        X, K = draw(*image), draw(*side)
        cases.append((X, K, draw(*correlate(X, K).shape)))
    compare(
        run,
        corr2d,
        [call(X, K) for X, K, _ in cases],
        correlate,
        {"the kernel is turned": lambda X, K: correlate(X, K.flip(0, 1))},
    )
    passes_gradients(run, corr2d, *cases[2])

    def slip(forX, forK):
        return lambda X, K, G: (forX(X, K, G), forK(X, K, G))

    gX, gK = (lambda *case, at=at: torchs_gradients(*case)[at] for at in (0, 1))
    slips = {
        "G is left out: every gradient is weighed by the G of its output": lambda X, K, G: torchs_gradients(
            X, K, torch.ones_like(G)
        ),
        "a pixel lies in several windows: add with +=, do not overwrite": slip(
            lambda *case: scattered(*case, add=False), gK
        ),
        "overwritten for K: every window adds to the same weights, so += is needed": slip(gX, last_window),
        "both are overwritten with =: pixels and weights belong to many windows, so += is needed": slip(
            lambda *case: scattered(*case, add=False), last_window
        ),
        "for X the kernel is turned first; adding G[i, j] · K into the window turns nothing": slip(
            lambda *case: scattered(*case, turn=True), gK
        ),
        "the order is (gradient for X, gradient for K)": slip(gK, gX),
        "the gradient for K is divided by the number of windows; it is a sum": slip(
            gX, lambda X, K, G: gK(X, K, G) / G.numel()
        ),
    }
    compare(run, gradients, [call(*case) for case in cases], torchs_gradients, slips, given=shapes)
    return "Loops, your own sums and conv2d give the same gradients for X and for K."
