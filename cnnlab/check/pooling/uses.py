"""Checkers of chapter 04: min_softmax, max_or_average, ties_gradient."""

from __future__ import annotations

import itertools

import torch
from torch.nn import functional as F

from cnnlab.check.frame.judging import call, choose, compare, exercise
from cnnlab.check.frame.showing import value_text
from cnnlab.check.frame.values import as_tensor
from cnnlab.check.frame.verdict import Wrong
from cnnlab.check.pooling.windows import POOLED, maps


def softmax_oracle(X, k, beta):
    """By two average poolings, after the largest of all numbers is taken away, which changes no weight."""
    weight = torch.exp(beta * (X - X.max()))
    return F.avg_pool2d(weight * X, k) / F.avg_pool2d(weight, k)


def windows(X, k):
    """(B, C, H, W) -> (B, C, k · k, windows)."""
    return F.unfold(X, k, stride=k).unflatten(1, (X.shape[1], k * k))


def by_window(result, X, k):
    return result.unflatten(-1, (X.shape[2] // k, X.shape[3] // k))


@exercise
def min_softmax(run, min_pool, softmax_pool) -> str:
    calls = [call(*maps(shape, seed=i), k) for i, (shape, k) in enumerate(POOLED)]
    compare(
        run,
        min_pool,
        calls,
        lambda X, k: torch.amin(windows(X, k), 2).unflatten(-1, (X.shape[2] // k, X.shape[3] // k)),
        {
            "the sign is not turned back: −max(−x)": lambda X, k: F.max_pool2d(-X, k),
            "the sign of the input is not turned: max(−x), then minus": lambda X, k: -F.max_pool2d(X, k),
            "this is max pooling": F.max_pool2d,
            "1 / max(1 / x) is the smallest only where all numbers have one sign": lambda X, k: (
                1 / F.max_pool2d(1 / X, k)
            ),
        },
    )
    soft = [
        call(*maps(shape, seed=i, scale=scale), k, beta)
        for i, ((shape, k), scale, beta) in enumerate(
            zip(POOLED, (1, 1, 2, 1, 1, 1), (1.0, 3.0, 0.5, 2.0, 0.0, 1.0), strict=True)
        )
    ]
    soft.append(call(900 + maps((1, 1, 4, 4))[0], 2, 1.0))
    slips = {
        "exp of a large number is infinite: take the largest away first, or use torch.softmax": lambda X, k, beta: (
            F.avg_pool2d(torch.exp(beta * X) * X, k) / F.avg_pool2d(torch.exp(beta * X), k)
        ),
        "beta is left out": lambda X, k, beta: softmax_oracle(X, k, 1.0),
        "this is log-sum-exp, another smooth maximum; weigh the values by the softmax": lambda X, k, beta: by_window(
            torch.logsumexp(beta * windows(X, k), 2), X, k
        ),
        "these are the weights alone, which add up to 1; multiply each by its value": lambda X, k, beta: by_window(
            (beta * windows(X, k)).softmax(2).sum(2), X, k
        ),
        "the weighted values are averaged; the weights add up to 1 already": lambda X, k, beta: (
            softmax_oracle(X, k, beta) / k**2
        ),
        "the weights are shared by the whole map; each window has its own": lambda X, k, beta: by_window(
            ((beta * windows(X, k)).flatten(2).softmax(2).unflatten(2, windows(X, k).shape[2:]) * windows(X, k)).sum(2),
            X,
            k,
        ),
        "the weights are shared by all channels; each channel has its own": lambda X, k, beta: by_window(
            ((beta * windows(X, k)).flatten(1, 2).softmax(1).unflatten(1, (X.shape[1], k * k)) * windows(X, k)).sum(2),
            X,
            k,
        ),
        "beta stands behind the softmax; it belongs inside": lambda X, k, beta: beta * softmax_oracle(X, k, 1.0),
    }
    compare(run, softmax_pool, soft, softmax_oracle, slips)
    return "Both agree with PyTorch, and large numbers stay finite."


@exercise
def max_or_average(run, max_wins, average_wins, steadier) -> str:
    average, largest = ("average", F.avg_pool2d), ("max", F.max_pool2d)
    _told_apart(run, max_wins, by=largest, not_by=average)
    _told_apart(run, average_wins, by=average, not_by=largest)
    refused = {
        "max": "Of four noisy pixels max pooling keeps the noisiest, so a bright speck goes straight through; a mean halves the noise.",
        "both": "Count it: the mean of four has half the standard deviation of one, the largest of four 0.7 of it and a shift upwards.",
    }
    choose(steadier, "average", refused, name="steadier")
    return "Each of the two poolings tells apart a pair that is the same to the other."


def _told_apart(run, answer, by, not_by) -> None:
    """Raises Wrong unless the first pooling tells the two images apart and the second does not."""
    pair, name = as_tensor(run(answer)), getattr(answer, "__name__", "answer")
    images = [as_tensor(image) for image in (pair if isinstance(pair, tuple | list | torch.Tensor) else ())]
    if len(images) != 2 or not all(isinstance(image, torch.Tensor) and image.shape == (4, 4) for image in images):
        raise Wrong(f"{name} should give back two tensors of shape 4×4.", got=value_text(pair))
    images = [image.double() for image in images]
    if any(not ((image >= 0) & (image <= 1)).all() for image in images):
        raise Wrong(f"{name}: every pixel must lie between 0 and 1.", got=", ".join(map(value_text, images)))
    first, second = ([pool(image[None, None], 2)[0, 0] for image in images] for _, pool in (by, not_by))
    shown = {"call": f"{name}()", "got": " and ".join(map(value_text, images))}
    if float((second[0] - second[1]).abs().max()) > 1e-6:
        raise Wrong(
            f"The {not_by[0]} pooled maps of these two differ; they should be the same, window by window.",
            **shown,
            slip=f"{not_by[0]} pooling tells these two apart as well",
        )
    if float((first[0] - first[1]).abs().max()) < 1e-3:
        raise Wrong(
            f"The {by[0]} pooled maps of these two are the same, too; nobody wins.",
            **shown,
            slip="the two images hold the same numbers in each window" if _same_windows(*images) else "",
        )


def _same_windows(first, second) -> bool:
    a, b = (F.unfold(image[None, None], 2, stride=2).sort(1).values for image in (first, second))
    return bool(torch.allclose(a, b))


def backward_oracle(X, dY, k, s):
    X = X.clone().requires_grad_()
    F.max_pool2d(X[None, None], k, s)[0, 0].backward(dY)
    return X.grad


def spread(share, add: bool = True):
    """The gradient of each output spread over its window by share(window)."""

    def slip(X, dY, k, s):
        dX = torch.zeros_like(X)
        for i, j in itertools.product(*map(range, dY.shape)):
            window = slice(i * s, i * s + k), slice(j * s, j * s + k)
            part = share(X[window]) * dY[i, j]
            if add:
                dX[window] += part
            else:
                dX[window] = torch.where(part != 0, part, dX[window])
        return dX

    return slip


def first_of(window):
    return F.one_hot(window.argmax(), window.numel()).view_as(window).to(window)


def last_of(window):
    return first_of(window.flip(0, 1)).flip(0, 1)


@exercise
def ties_gradient(run, max_pool_backward) -> str:
    draw, calls = torch.Generator().manual_seed(6), []
    for h, w, k, s in (
        (2, 2, 2, 2),
        (4, 4, 2, 2),
        (4, 6, 2, 2),
        (6, 6, 3, 3),
        (5, 5, 3, 2),
        (5, 7, 2, 1),
        (7, 7, 3, 1),
    ):
        X = torch.randint(0, 3, (h, w), generator=draw).double()
        dY = torch.randn((h - k) // s + 1, (w - k) // s + 1, generator=draw, dtype=torch.float64)
        calls.append(call(X, dY, k, s))
    calls[0] = call(torch.ones(2, 2).double(), torch.ones(1, 1).double(), 2, 2)
    slips = {
        "every largest value gets the whole gradient; PyTorch gives it to the first alone": spread(
            lambda window: (window == window.max()).to(window)
        ),
        "the largest values share the gradient; PyTorch gives it to the first alone": spread(
            lambda window: (window == window.max()).to(window) / (window == window.max()).sum()
        ),
        "the last of the largest gets it; PyTorch takes the first": spread(last_of),
        "where windows overlap, gradients are added, not overwritten": spread(first_of, add=False),
        "this is average pooling: every value of the window gets a share": spread(
            lambda window: torch.ones_like(window) / window.numel()
        ),
        "the winner gets its own value instead of the gradient of the output": lambda X, dY, k, s: spread(first_of)(
            X, F.max_pool2d(X[None, None], k, s)[0, 0], k, s
        ),
    }
    given = "max_pool_backward(X={}, dY={}, k={}, s={})"
    compare(run, max_pool_backward, calls, backward_oracle, slips, given=lambda *a: given.format(*map(value_text, a)))
    return "Ties, overlapping windows and windows with a stride agree with PyTorch's backward pass."
