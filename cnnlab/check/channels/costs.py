"""Checkers of chapter 03: count_operations, cost_ratios, one_by_one_saving."""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
from torch import nn

from cnnlab.check.frame.judging import call, compare, exercise, number
from cnnlab.check.frame.networks import macs


def torchs_macs(*layers: nn.Module, c_in: int, h: int, w: int) -> tuple[int, int, torch.Tensor]:
    """Multiplications forward and backward as PyTorch counts them, and the output (without numbers)."""
    X = torch.empty(1, c_in, h, w, device="meta", requires_grad=True)
    both = nn.Sequential(*layers)
    Y = both(X)
    backward = macs(lambda: torch.autograd.grad(Y.sum(), [X, *both.parameters()]))
    return macs(lambda: both(X)), backward, Y


def conv(*settings) -> nn.Conv2d:
    return nn.Conv2d(*settings, device="meta")


def layers(count: int = 30):
    draw, found = random.Random(3), []
    while len(found) < count:
        ends = ((1, 6), (1, 6), (1, 12), (1, 12), (1, 5), (1, 3), (0, 2))
        if len(found) >= count - 10:
            ends = ((1, 64), (1, 64), (1, 60), (1, 60), (1, 11), (1, 8), (0, 9))
        c_in, c_out, h, w, k, s, p = (draw.randint(*end) for end in ends)
        if min(h, w) + 2 * p >= k:
            found.append(call(c_in, c_out, h, w, k, s, p))
    return found


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


@exercise
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
        "the padding is left out": twice(lambda *x: products(*x[:6], 0)),
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


@exercise
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
    draw, calls = random.Random(4), []
    while len(calls) < 40:
        n, k, p = draw.randint(2, 60 if len(calls) < 30 else 500), draw.randint(1, 7), draw.randint(0, 4)
        if n + 2 * p >= k:
            calls.append(call(n, k, p))
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


@exercise
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
