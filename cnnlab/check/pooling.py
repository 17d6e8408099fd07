"""Checkers of chapter 04: pooling."""

from __future__ import annotations

import itertools
import random

import torch
from torch import nn
from torch.nn import functional as F

from cnnlab.check.frame.calling import a_kind
from cnnlab.check.frame.judging import call, choose, compare, exercise, filled, number
from cnnlab.check.frame.networks import Operations
from cnnlab.check.frame.showing import sizes, value_text
from cnnlab.check.frame.values import as_tensor
from cnnlab.check.frame.verdict import Wrong


def maps(*shapes, seed: int = 0, scale: float = 1):
    """Random maps in double precision."""
    draw = torch.Generator().manual_seed(seed)
    return [scale * torch.randn(*shape, generator=draw, dtype=torch.float64) for shape in shapes]


def pooled(c: int, h: int, w: int, kernel, stride, padding) -> int:
    """How many numbers come out: PyTorch's own answer, from a tensor without numbers."""
    return F.max_pool2d(torch.empty(1, c, h, w, device="meta"), kernel, stride, padding).numel()


@exercise("What a pooling layer costs", level=1, minutes=10)
def cost(run, comparisons, parameters) -> str:
    draw, calls = random.Random(4), []
    while len(calls) < 60:
        kernel, stride = ([draw.randint(1, 5) for _ in range(2)] for _ in range(2))
        padding = [draw.randint(0, k // 2) for k in kernel]
        most = 20 if len(calls) < 45 else 300
        c, *sides = draw.randint(1, 8), draw.randint(1, most), draw.randint(1, most)
        if all(n + 2 * p >= k for n, k, p in zip(sides, kernel, padding, strict=True)):
            calls.append(call(c, *sides, *map(tuple, (kernel, stride, padding))))

    def oracle(c, h, w, kernel, stride, padding):
        return pooled(c, h, w, kernel, stride, padding) * (kernel[0] * kernel[1] - 1)

    def once(n, k, s, p):
        return (n + p - k) // s + 1

    slips = {
        "the largest of n values takes n − 1 comparisons": lambda *a: pooled(*a) * a[3][0] * a[3][1],
        "the channels are left out: every channel is pooled": lambda *a: oracle(1, *a[1:]),
        "the channels count twice, as in a convolution; pooling mixes no channels": lambda *a: a[0] * oracle(*a),
        "this is the number of outputs; each takes several comparisons": pooled,
        "this is the work of one window": lambda *a: a[3][0] * a[3][1] - 1,
        "a window at every input pixel; there are as many windows as outputs": lambda c, h, w, k, s, p: (
            c * h * w * (k[0] * k[1] - 1)
        ),
        "padding is per side: it counts twice": lambda c, h, w, k, s, p: (
            c * once(h, k[0], s[0], p[0]) * once(w, k[1], s[1], p[1]) * (k[0] * k[1] - 1)
        ),
        "the + 1 is missing: the first window counts too": lambda c, h, w, k, s, p: (
            c * ((h + 2 * p[0] - k[0]) // s[0]) * ((w + 2 * p[1] - k[1]) // s[1]) * (k[0] * k[1] - 1)
        ),
    }
    given = "comparisons(c={}, h={}, w={}, kernel={}, stride={}, padding={})".format
    compare(run, comparisons, calls, oracle, slips, given=given)
    refused = {
        "a window has 9 values, and none of them is a weight": 9,
        "a convolution would have 64·64·9 weights; pooling has no kernel to learn": 64 * 64 * 9,
        "one kernel a channel would be a depthwise convolution; pooling learns none": 64 * 9,
    }
    number(parameters, 0, refused, name="parameters")
    return "60 random layers agree with the outputs that PyTorch's pooling gives, and nothing is learned."


@exercise("Average pooling as a convolution", level=1, minutes=10)
def average_as_conv(run, average_layer) -> str:
    def applied(X, kernel, stride, padding):
        layer = average_layer(X.shape[1], kernel, stride, padding)
        filled(layer)
        if not isinstance(layer, nn.Conv2d):
            raise Wrong(f"A layer nn.Conv2d is wanted, and it gives back {a_kind(layer)}.")
        with torch.no_grad():
            return layer.double()(X)

    def summed(X, *setting):
        return F.avg_pool2d(X, *setting, divisor_override=1)

    def mixed(X, *setting):
        return F.avg_pool2d(X, *setting).sum(1, keepdim=True).expand_as(F.avg_pool2d(X, *setting))

    settings = [((1, 1, 4, 4), 2, 2, 0), ((1, 2, 4, 5), 2, 1, 0), ((2, 3, 7, 7), 3, 2, 1), ((1, 4, 9, 8), 4, 3, 2)]
    calls = [call(*maps(shape, seed=i), *setting) for i, (shape, *setting) in enumerate(settings)]
    slips = {
        "every weight is 1: that is the sum of a window, not its mean": summed,
        "the channels are mixed: each output channel should read one input channel; see groups": mixed,
        "the channels are averaged too; each should be pooled for itself": lambda X, *s: mixed(X, *s) / X.shape[1],
        "the stride is left out": lambda X, k, s, p: F.avg_pool2d(X, k, 1, p),
        "the padding is left out": lambda X, k, s, p: F.avg_pool2d(X, k, s),
        "one weight is 1 / k; the window has k · k of them": lambda X, k, s, p: k * F.avg_pool2d(X, k, s, p),
    }

    def given(X, kernel, stride, padding):
        setting = f"{X.shape[1]}, kernel={kernel}, stride={stride}, padding={padding}"
        return f"average_layer({setting})(X), X of shape {sizes(X.shape)}"

    applied.__name__ = "average_layer"
    filled(average_layer)
    try:
        compare(run, applied, calls, F.avg_pool2d, slips, given=given)
    except Wrong as wrong:
        if not wrong.slip and _random_weights(run, average_layer):
            wrong.slip = "the weights are still random: each must be 1 / (k · k), and the bias 0"
        raise
    return "The layer gives what PyTorch's average pooling gives, padding included."


def _random_weights(run, average_layer) -> bool:
    """Whether two layers for the same setting differ."""
    try:
        first, second = (run(average_layer, 2, 2, 2, 0) for _ in range(2))
        return any(not torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    except Exception:  # the answer has been refused already; this only looks for a reason
        return False


# Ways to a maximum that are no ReLU: the beginnings of PyTorch's own names for them, and comparisons in full.
SHORTCUTS = ("max", "amax", "aminmax", "adaptive_max", "min", "amin", "sort", "topk", "where", "fmax", "fmin", "cummax")


COMPARISONS = {"abs", "gt", "lt", "ge", "le"}


def folded(step):
    """Windows k × k taken two values at a time by `step`."""

    def pool(X, k):
        values = [X[..., i::k, j::k] for i, j in itertools.product(range(k), repeat=2)]
        result = values[0]
        for value in values[1:]:
            result = step(result, value)
        return result

    return pool


@exercise("Max pooling is not linear; build it from ReLU", level=2, minutes=20)
def not_linear(run, counterexample, relu_max_pool) -> str:
    _additive(run(counterexample))
    calls = [call(*maps(shape, seed=i), k) for i, (shape, k) in enumerate(POOLED)]
    slips = {
        "ReLU(a − b) must be added to b, not to a": folded(lambda a, b: F.relu(a - b) + a),
        "ReLU(a − b) is what a is larger by; b is missing": folded(lambda a, b: F.relu(a - b)),
        "this is the smaller of two: a − ReLU(a − b)": folded(lambda a, b: a - F.relu(a - b)),
        "the folding starts from 0, so that windows of negative numbers give 0": lambda X, k: F.relu(
            F.max_pool2d(X, k)
        ),
        "ReLU of a sum is no maximum": folded(lambda a, b: F.relu(a) + F.relu(b)),
        "this is the mean of each window": F.avg_pool2d,
        "only the first row of each window is read": lambda X, k: F.max_pool2d(X[..., ::k, :], (1, k)),
        "the windows overlap; their stride is k": lambda X, k: F.max_pool2d(X, k, 1),
    }
    with Operations() as operations:
        run(relu_max_pool, *calls[0][0])
    if taken := [name for name in operations.names if name.startswith(SHORTCUTS) or name in COMPARISONS]:
        raise Wrong(f"It calls {taken[0]}; build the maximum from +, − and ReLU alone.")
    compare(run, relu_max_pool, calls, F.max_pool2d, slips)
    return "Your two images break the rule for sums, and ReLU alone gives PyTorch's max pooling."


POOLED = [
    ((1, 1, 2, 2), 2),
    ((1, 1, 4, 4), 2),
    ((2, 3, 6, 4), 2),
    ((1, 2, 6, 9), 3),
    ((2, 1, 8, 8), 4),
    ((1, 2, 3, 3), 1),
]


def _additive(pair: object) -> None:
    """Raises Wrong where max pooling treats these two as a linear function would."""
    pair = as_tensor(pair)
    images = [as_tensor(image) for image in (pair if isinstance(pair, tuple | list | torch.Tensor) else ())]
    if len(images) != 2 or not all(isinstance(image, torch.Tensor) and image.shape == (2, 2) for image in images):
        raise Wrong("Two tensors of shape 2×2 are wanted: return A, B.", got=value_text(pair))
    A, B = (image.double() for image in images)
    whole, parts = float((A + B).max()), float(A.max() + B.max())
    if abs(whole - parts) < 1e-6:
        same = "where A is largest B is largest too" if A.argmax() == B.argmax() else ""
        raise Wrong(
            "For these two, max pooling of the sum is the sum of the max poolings, as a linear function has it.",
            call=f"A = {value_text(A)}, B = {value_text(B)}",
            got=f"max(A + B) = {whole:g}, max(A) + max(B) = {parts:g}",
            slip=same,
        )


def softmax_oracle(X, k, beta):
    """By two average poolings, after the largest of all numbers is taken away, which changes no weight."""
    weight = torch.exp(beta * (X - X.max()))
    return F.avg_pool2d(weight * X, k) / F.avg_pool2d(weight, k)


def windows(X, k):
    """(B, C, H, W) -> (B, C, k · k, windows)."""
    return F.unfold(X, k, stride=k).unflatten(1, (X.shape[1], k * k))


def by_window(result, X, k):
    return result.unflatten(-1, (X.shape[2] // k, X.shape[3] // k))


@exercise("Min pooling and softmax pooling", level=2, minutes=15)
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


@exercise("An image where each of them wins", level=2, minutes=15)
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


@exercise("Where the gradient goes when two are largest", level=2, minutes=15)
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
