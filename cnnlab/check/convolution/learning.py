"""Checkers of chapter 01: derivatives, learn_kernel."""

from __future__ import annotations

import math

import numpy as np
import torch

from cnnlab.check.convolution.edges import correlate, kernel
from cnnlab.check.frame.calling import a_kind
from cnnlab.check.frame.judging import call, compare, exercise, seeded
from cnnlab.check.frame.showing import grids, value_text
from cnnlab.check.frame.values import as_tensor
from cnnlab.check.frame.verdict import Wrong


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


@exercise
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
        slip = next((text for text, other in others.items() if torch.allclose(found, other, atol=0.02)), "")
        error, start = (float((correlate(X, kernel) - Y).square().mean()) for kernel in (found, torch.zeros(3, 3)))
        slip = slip or (
            "the loss is still falling: more steps, or a larger learning rate"
            if error < 0.9 * start
            else "hardly anything is learned: is the gradient subtracted, and set to zero before every step?"
        )
        raise Wrong(f"The kernel is not found; its mean squared error is {error:.3g}.", slip=slip, **shown)


@exercise
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
