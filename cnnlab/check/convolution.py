"""Checkers of chapter 01: convolution."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from cnnlab.check.frame.calling import a_kind
from cnnlab.check.frame.judging import call, compare, difference, exercise, filled, number, seeded
from cnnlab.check.frame.showing import grids, sizes, value_text
from cnnlab.check.frame.values import as_tensor
from cnnlab.check.frame.verdict import Wrong, likely_slip


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


@exercise("Kernels for horizontal and diagonal edges", level=1, minutes=10)
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


@exercise("True convolution from cross-correlation", level=1, minutes=5)
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


@exercise("The gradient through a loop", level=2, minutes=20)
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


def columns(X: torch.Tensor, h: int, w: int) -> torch.Tensor:
    return F.unfold(X[None, None], (h, w))[0]


def jacobian(K: torch.Tensor, H: int, W: int, f: Callable = correlate) -> torch.Tensor:
    """The matrix of a linear map, from what it makes of images with a single 1."""
    basis = torch.eye(H * W, dtype=K.dtype).reshape(-1, H, W)
    return torch.stack([f(image, K).flatten() for image in basis], 1)


def never_skips(K: torch.Tensor, H: int, W: int) -> torch.Tensor:
    """The Toeplitz matrix of somebody who shifts every row by one, past the ends of the image's rows."""
    h, w = K.shape
    T = torch.zeros((H - h + 1) * (W - w + 1), H * W, dtype=K.dtype)
    for row in range(len(T)):
        for a in range(h):
            T[row, row + a * W : row + a * W + w] = K[a]
    return T


@exercise("Cross-correlation as a matrix product", level=3, minutes=30)
def as_matrix(run, im2col, toeplitz) -> str:
    draw = seeded(3)
    sides = [((2, 3), (1, 2)), ((3, 3), (2, 2)), ((4, 5), (3, 2)), ((5, 4), (2, 3)), ((7, 6), (3, 3)), ((3, 4), (3, 4))]
    compare(
        run,
        im2col,
        [call(draw(*image), *side) for image, side in sides],
        columns,
        {
            "transposed: one window is one column": lambda X, h, w: columns(X, h, w).t(),
            "a window is read column by column; K.flatten() goes row by row": lambda X, h, w: (
                X.unfold(0, h, 1).unfold(1, w, 1).permute(3, 2, 0, 1).reshape(h * w, -1)
            ),
            "the windows go down first; the outputs are counted row by row": lambda X, h, w: (
                X.unfold(0, h, 1).unfold(1, w, 1).permute(2, 3, 1, 0).reshape(h * w, -1)
            ),
            "windows may overlap: they are one pixel apart": lambda X, h, w: F.unfold(
                X[None, None], (h, w), stride=(h, w)
            )[0],
        },
    )
    compare(
        run,
        toeplitz,
        [call(draw(*side), *image) for image, side in sides],
        jacobian,
        {
            "transposed: one row of T is one output": lambda K, H, W: jacobian(K, H, W).t(),
            "this is the matrix of true convolution: the kernel is turned": lambda K, H, W: jacobian(
                K.flip(0, 1), H, W
            ),
            "shifted by one from row to row; at the end of an image row the kernel has to jump": never_skips,
            "one line of the image is W pixels long, not H": lambda K, H, W: jacobian(K, W, H),
        },
        given=lambda K, H, W: f"toeplitz({value_text(K)}, H={H}, W={W})",
    )
    return "One product gives every output: with the windows in a matrix, or with the kernel in one."


def dense_slip(layer: nn.Linear, h: int, w: int, mine: torch.Tensor, X: torch.Tensor) -> str:
    """A word for what the layer does instead."""
    image, K = X.reshape(h, w), torch.tensor([[1.0, -1.0]])
    others = {
        "the sign is turned: the kernel (1, −1) takes the left pixel minus the right one": -correlate(image, K),
        "these are differences between neighbours in the flattened image; the last pixel of a row and the first of "
        "the next are no neighbours": (X[:-1] - X[1:])[: h * (w - 1)],
    }
    if h > 1:
        others["the differences go from top to bottom"] = correlate(image, K.t())
    slip = likely_slip(others, lambda o: mine.numel() == o.numel() and torch.allclose(mine, o.flatten(), atol=1e-5))
    free = layer.bias is not None and torch.allclose(mine - layer.bias, correlate(image, K).flatten(), atol=1e-5)
    return slip or ("the weights are right; the bias is still the random one" if free else "")


@exercise("Edges by a fully connected layer", level=2, minutes=15)
def dense_edges(run, dense_layer, weights) -> str:
    generator = torch.Generator().manual_seed(4)
    for h, w in [(1, 2), (2, 3), (3, 3), (4, 6), (7, 5)]:
        text = f"dense_layer({h}, {w})"
        layer = run(dense_layer, h, w, given=text)
        if not isinstance(layer, nn.Linear):
            raise Wrong("An nn.Linear is wanted.", call=text, got=a_kind(layer))
        if layer.in_features != h * w or layer.weight.shape != (h * (w - 1), h * w):
            known = (layer.out_features, layer.in_features) == (h * w, h * (w - 1))
            narrow = layer.out_features == h * w or layer.out_features == (h - 1) * w
            slip = "nn.Linear takes the inputs first, then the outputs" if known else ""
            slip = slip or ("the map is one column narrower than the image: h · (w − 1) outputs" if narrow else "")
            wanted = f"{h * w} inputs, {h * (w - 1)} outputs"
            got = f"{layer.in_features} inputs, {layer.out_features} outputs"
            raise Wrong("The layer has the wrong size.", call=text, got=got, wanted=wanted, slip=slip)
        for _ in range(3):
            X = torch.randn(h * w, generator=generator)
            mine = run(layer.float(), X, given=f"{text}(X.flatten())").detach()
            wanted = correlate(X.reshape(h, w), torch.tensor([[1.0, -1.0]]))
            if not torch.allclose(mine, wanted.flatten(), atol=1e-5):
                image, mine_grid = value_text(X.reshape(h, w)), mine.reshape(h, w - 1)
                raise Wrong(
                    "The edge map differs.",
                    call=f"{text}, image {image}",
                    got=value_text(mine_grid),
                    wanted=value_text(wanted),
                    picture=grids(mine_grid, wanted),
                    slip=dense_slip(layer, h, w, mine, X),
                )
    number(
        weights,
        28 * 28 * 28 * 27,
        {
            "the map is 28 × 27, one column narrower than the image": 28**4,
            "biases are not weights": 28 * 28 * 28 * 27 + 28 * 27,
            "most of them are zero, and the layer stores and learns the zeros too": 2 * 28 * 27,
            "these are the inputs; every output has a weight for every one of them": 28 * 28,
            "these are the weights of the convolution": 2,
        },
        name="weights",
    )
    return "The dense layer finds the same edges; it stores 592,704 weights where a kernel has 2."


def polynomials(count: int, degree: int, seed: int):
    """Random polynomials p(x, y) of that degree as coefficients c[a, b] of xᵃ yᵇ, and their pixels at -3 … 3."""
    draw, axis = seeded(seed), torch.arange(-3.0, 4.0, dtype=torch.float64)
    for _ in range(count):
        c = draw(degree + 1, degree + 1)
        c = torch.stack([torch.stack([c[a, b] * (a + b <= degree) for b in range(degree + 1)]) for a in range(len(c))])
        yield c, sum(c[a, b] * axis[None] ** a * axis[:, None] ** b for a in range(len(c)) for b in range(len(c)))


def middle(image: torch.Tensor, K: torch.Tensor) -> float:
    """What the kernel answers at the middle pixel."""
    top, left = 3 - K.shape[0] // 2, 3 - K.shape[1] // 2
    return float((image[top : top + K.shape[0], left : left + K.shape[1]] * K).sum())


def blurs(given: object) -> None:
    K = kernel(given, "blur")
    if K.shape != (3, 3):
        raise Wrong("blur should be 3 × 3.", got=value_text(K))
    if abs(float(K.sum()) - 1) > 1e-5:
        slip = "divide by the sum of the weights" if K.sum() > 1 else "an average has weights that add up to 1"
        raise Wrong("blur changes the brightness of an even image.", got=f"1 becomes {K.sum():.4g}", slip=slip)
    axis = torch.arange(-1.0, 2.0, dtype=torch.float64)
    if max(abs(float((K * axis).sum())), abs(float((K * axis[:, None]).sum()))) > 1e-5:
        raise Wrong("blur moves the image: the weights do not balance around the middle.", got=value_text(K))
    if K.square().sum() > 0.5 or K.min() < -1e-9:
        raise Wrong(
            "blur does not smooth: noise should lose at least half of its variance, with no negative weight.",
            got=f"variance times {K.square().sum():.3g}",
            slip="negative weights sharpen" if K.min() < 0 else "nearly all weight is on one pixel",
        )


def second_derivative(given: object) -> None:
    K = kernel(given, "second")
    if K.shape[0] != 1 or K.shape[1] % 2 == 0:
        slip = "three taps around the middle; two taps give a first derivative" if K.numel() < 3 else ""
        raise Wrong("second should be one row with an odd number of taps.", got=value_text(K), slip=slip)
    for c, image in polynomials(4, 3, 5):
        got, wanted = middle(image, K), 2 * float(c[2, 0])
        if abs(got - wanted) > 1e-5:
            turned, scaled = abs(got + wanted) < 1e-5, abs(K.sum()) < 1e-9 and len(set(K[0, [0, -1]].tolist())) == 1
            slip = "the sign is turned: the ends are positive, the middle is negative" if turned else ""
            slip = slip or ("the taps are scaled: x² has the second derivative 2" if scaled else "")
            slip = slip or ("the weights do not add up to 0" if abs(K.sum()) > 1e-9 else "this answers to a slope")
            raise Wrong(
                "second does not give the second derivative of a polynomial.",
                call=f"{c[0, 0]:.2f} + {c[1, 0]:.2f} x + {c[2, 0]:.2f} x² + {c[3, 0]:.2f} x³ + … at x = 0",
                got=f"{got:.4g}",
                wanted=f"{wanted:.4g}",
                slip=slip,
            )


DIRECTIONS = {  # what is done with the true x and y derivatives
    "the taps of a central difference lie two pixels apart: divide by 2": lambda x, y, c, s: 2 * (c * x + s * y),
    "sine and cosine are exchanged: at angle 0 the direction is x": lambda x, y, c, s: s * x + c * y,
    "y points down here, as the rows do": lambda x, y, c, s: c * x - s * y,
    "the sign is turned; nothing turns the kernel here": lambda x, y, c, s: -(c * x + s * y),
    "the angle is in radians, not in degrees": None,
}


def direction_slip(found: list[tuple]) -> str:
    """The slip that explains every (angle, x derivative, y derivative, given back)."""
    for sentence, wrong in DIRECTIONS.items():
        rows = [(angle if wrong else math.radians(angle), *rest) for angle, *rest in found]
        f = wrong or (lambda x, y, c, s: c * x + s * y)
        if all(abs(got - f(x, y, math.cos(angle), math.sin(angle))) < 1e-4 for angle, x, y, got in rows):
            return sentence
    return ""


def directional_derivative(run, directional) -> None:
    found, first = [], None
    for angle in (0.0, math.pi / 2, 1.0, 2.5, -0.7):
        K = kernel(run(directional, angle), f"directional({angle:.4g})")
        if K.shape != (3, 3):
            raise Wrong("A 3 × 3 kernel is wanted.", call=f"directional({angle:.4g})", got=value_text(K))
        for c, image in polynomials(3, 2, 6):
            x, y, got = float(c[1, 0]), float(c[0, 1]), middle(image, K)
            wanted = math.cos(angle) * x + math.sin(angle) * y
            found.append((angle, x, y, got))
            if abs(got - wanted) > 1e-4 and first is None:
                first = angle, x, y, got, wanted
    if first:
        angle, x, y, got, wanted = first
        raise Wrong(
            "directional does not give the derivative along the direction.",
            call=f"directional({angle:.4g}), slope {x:.3g} along x and {y:.3g} along y",
            got=f"{got:.4g}",
            wanted=f"{wanted:.4g}",
            slip=direction_slip(found)
            or "take the pixels before and behind the middle; a parabola must come out right",
        )


def fewest_taps(d: int) -> int:
    """The smallest n for which weights on n neighbouring pixels can turn 1, x, …, xᵈ into 0, 0, …, d!."""
    wanted = np.eye(d + 1)[:, [d]] * math.factorial(d)
    for n in range(1, 2 * d + 3):
        powers = np.vander(np.arange(n) - (n - 1) / 2, d + 1, increasing=True).T
        if np.linalg.matrix_rank(powers) == np.linalg.matrix_rank(np.hstack([powers, wanted])):
            return n
    raise AssertionError(f"no kernel of up to {2 * d + 2} taps gives a derivative of order {d}")


@exercise("Blur, second and directional derivative", level=2, minutes=20)
def derivatives(run, blur, second, directional, smallest) -> str:
    blurs(blur)
    second_derivative(second)
    directional_derivative(run, directional)
    compare(
        run,
        smallest,
        [call(d) for d in range(7)],
        fewest_taps,
        {
            "a first derivative needs two taps already: one more than d": lambda d: d,
            "2d + 1 taps are enough for centred first differences; fewer do, if the middle may lie between pixels": (
                lambda d: 2 * d + 1
            ),
            "two taps give the first derivative": lambda d: d + 2,
        },
    )
    return "Each answers rightly to polynomials, and d + 1 taps are the fewest for order d."


def windows(X: torch.Tensor, stride: int) -> np.ndarray:
    """Every 3 × 3 window that a layer of that stride reads, one a row."""
    if min(X.shape) < 3:
        return np.zeros((0, 9))
    return np.lib.stride_tricks.sliding_window_view(X.numpy(), (3, 3))[::stride, ::stride].reshape(-1, 9)


def determined(X: torch.Tensor, stride: int) -> bool:
    return len(windows(X, stride)) > 0 and bool(np.linalg.matrix_rank(windows(X, stride)) == 9)


def inputs() -> list:
    """Images and strides, telling and untelling ones."""
    draw, dot, corner = seeded(8), torch.zeros(7, 7), torch.zeros(7, 7)
    dot[3, 3], corner[0, 0] = 1, 1
    row = torch.arange(6.0)
    images = [
        (draw(3, 3), 1), (draw(4, 5), 1), (draw(5, 5), 1), (draw(6, 6), 1), (draw(5, 5), 2), (draw(8, 8), 2),
        (draw(9, 9), 3), (draw(8, 12), 3), (torch.ones(8, 8), 1), (torch.zeros(6, 6), 1), (dot, 1), (dot, 2),
        (corner, 1), (draw(1, 9).expand(9, 9).clone(), 1), (row[:, None] + 2 * row, 1), (draw(3, 3).repeat(3, 3), 1),
        (draw(2, 2).repeat(4, 4), 1), (torch.eye(9), 1),
    ]  # fmt: skip
    return [call(X.double(), stride) for X, stride in images]


def learns(run, learn) -> None:
    generator = torch.Generator().manual_seed(9)
    for side in (14, 20):
        X, K = torch.randn(side, side, generator=generator), torch.randn(3, 3, generator=generator)
        Y, text = correlate(X, K), f"learn(X, Y), X of {side}×{side} random pixels"
        found = as_tensor(run(learn, X, Y, given=text))
        if not isinstance(found, torch.Tensor) or found.shape != (3, 3):
            got = value_text(found) if isinstance(found, torch.Tensor) else a_kind(found)
            raise Wrong("A kernel of 3 × 3 numbers is wanted.", call=text, got=got)
        found = found.detach().float()
        shown = {"call": text, "got": value_text(found), "wanted": value_text(K), "picture": grids(found, K)}
        if not torch.isfinite(found).all() or found.abs().max() > 1e3:
            shown["picture"] = ""
            raise Wrong(
                "The kernel has grown without bound.", slip="the steps are too large: lower the learning rate", **shown
            )
        if torch.allclose(found, K, atol=0.02):
            continue
        others = {
            "the turned kernel is learned: Y was made by cross-correlation": K.flip(0, 1),
            "the transposed kernel is learned": K.t(),
        }
        slip = likely_slip(others, lambda other, found=found: torch.allclose(found, other, atol=0.02))
        error, start = (float((correlate(X, kernel) - Y).square().mean()) for kernel in (found, torch.zeros(3, 3)))
        slip = slip or (
            "the loss is still falling: more steps, or a larger learning rate"
            if error < 0.9 * start
            else "hardly anything is learned: is the gradient subtracted, and set to zero before every step?"
        )
        raise Wrong(f"The kernel is not found; its mean squared error is {error:.3g}.", slip=slip, **shown)


@exercise("Learn a kernel, and know when you cannot", level=3, minutes=25)
def learn_kernel(run, learn, recoverable) -> str:
    learns(run, learn)

    def enough(X, stride):
        return len(windows(X, stride)) >= 9

    def changes(X, stride):
        return bool(X.std() > 0)

    slips = {
        "many windows that are alike tell no more than one: count those that are independent": enough,
        "an image that changes may still change along one direction only": changes,
        "nine windows are needed for nine weights, and they must differ in every way": lambda X, stride: (
            enough(X, stride) and changes(X, stride)
        ),
        "the stride is left out: the windows between are never read": lambda X, stride: determined(X, 1),
        "different windows may still be sums of each other: count independent ones": lambda X, stride: (
            len(np.unique(windows(X, stride), axis=0)) >= 9
        ),
        "it is not the rank of the image that matters, but the rank of its windows": lambda X, stride: bool(
            np.linalg.matrix_rank(X.numpy()) == min(X.shape)
        ),
    }
    compare(run, recoverable, inputs(), determined, slips)
    return "The kernel is found, and 18 inputs are told apart by whether their windows determine nine weights."
