"""Checkers of chapter 09: with_batch_norm, factorised."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import nn

from cnnlab.check.frame.calling import Runner
from cnnlab.check.frame.judging import exercise
from cnnlab.check.frame.networks import (
    build,
    combined,
    expect_gradients,
    expect_numbers,
    expect_parameters,
    expect_shape,
    parameters,
    randomise,
)
from cnnlab.check.frame.showing import sizes
from cnnlab.check.frame.verdict import Wrong
from cnnlab.compat import load_torchvision

# No two convolutions have the same channels, and no two slips give the same count.
C_IN, WIDTHS = 6, {"c1": 4, "c3": (3, 8), "c5": (2, 5), "c_pool": 7}
SHAPE, JOINED, EVERY = (4, C_IN, 9, 11), 4 + 8 + 5 + 7, 4 + 3 + 8 + 2 + 5 + 7
BLOCK_3A = (192, 64, (96, 128), (16, 32), 32)


def kept_size(run: Runner, model: nn.Module, wanted: int, slips: Mapping[str, int]) -> torch.Tensor:
    """The output, of SHAPE's size and `wanted` channels; slips give other numbers of channels."""
    shapes = {text: (SHAPE[0], channels, *SHAPE[2:]) for text, channels in slips.items()}
    try:
        return expect_shape(run, model, SHAPE, (SHAPE[0], wanted, *SHAPE[2:]), shapes)
    except Wrong as wrong:
        if "Sizes of tensors must match" in wrong.sentence:
            wrong.slip = (
                "every branch keeps the size: padding k // 2 in convolutions, stride 1 and padding 1 in the pooling"
            )
        raise


def seen(run: Runner, model: nn.Module, c_in: int, side: int = 17) -> tuple[int, int]:
    """Height and width of what the middle of the output sees, from gradients. Draws the parameters anew:
    a network may start with zeros that let nothing through."""
    randomise(model.float())
    X = torch.randn(64, c_in, side, side, requires_grad=True)
    Y = run(model.eval(), X, given=f"model(X), X of shape {sizes(X.shape)}")
    Y[:, :, side // 2, side // 2].sum().backward()
    hit = X.grad.abs().sum((0, 1)) > 0
    return int(hit.any(1).sum()), int(hit.any(0).sum())


def convolutions(
    c_in: int, c1: int, c3: tuple[int, int], c5: tuple[int, int], c_pool: int
) -> list[tuple[int, int, int]]:
    """(channels in, channels out, kernel) of the six convolutions."""
    return [(c_in, c1, 1), (c_in, c3[0], 1), (*c3, 3), (c_in, c5[0], 1), (*c5, 5), (c_in, c_pool, 1)]


def weights(layers: Sequence[tuple[int, int, int]]) -> int:
    return sum(a * b * k * k for a, b, k in layers)


def outputs(layers: Sequence[tuple[int, int, int]]) -> int:
    return sum(b for _, b, _ in layers)


def torchvisions(c_in: int, c1: int, c3: tuple[int, int], c5: tuple[int, int], c_pool: int) -> nn.Module:
    """torchvision's block with the paper's 5×5 in its third branch, where torchvision has a 3×3."""
    load_torchvision()
    theirs = importlib.import_module("torchvision.models.googlenet")
    block = theirs.Inception(c_in, c1, *c3, *c5, c_pool)
    block.branch3[1] = theirs.BasicConv2d(*c5, kernel_size=5, padding=2)
    return block


@exercise
def with_batch_norm(run, inception_bn) -> str:
    def made():
        return build(run, inception_bn, C_IN, *WIDTHS.values(), shape=SHAPE)

    model, oracle, layers = made(), torchvisions(C_IN, **WIDTHS), convolutions(C_IN, **WIDTHS)
    kept_size(run, model, JOINED, {"what a 1 × 1 reduces to is joined as well; only the end of a branch is": EVERY})
    norms, plain = 2 * outputs(layers), weights(layers)
    slips = {
        "the convolutions keep their biases; the batch norm behind each takes them away again": plain
        + norms
        + norms // 2,
        "one batch norm behind the joined branches is not one behind every convolution": plain + 2 * JOINED,
        "the 1 × 1 convolutions that reduce have no batch norm; every convolution gets one": plain + 2 * JOINED,
        "there is no batch norm yet": plain + norms // 2,
        "there is no batch norm yet, only the biases are gone": plain,
        "one batch norm behind the joined branches, and the biases kept": plain + 2 * JOINED + norms // 2,
    }
    if any(isinstance(m, nn.BatchNorm2d) and m.num_features == JOINED for m in model.modules()):
        del slips["the 1 × 1 convolutions that reduce have no batch norm; every convolution gets one"]
    else:
        del slips["one batch norm behind the joined branches is not one behind every convolution"]
    expect_parameters(model, parameters(oracle), slips)
    slips = mistakes(
        lambda **way: Joined(C_IN, **WIDTHS, **{"norm": "before"} | way), MISTAKES | {NORM_BEHIND: {"norm": "behind"}}
    )
    expect_numbers(run, model, oracle, SHAPE, "torchvision's block with a 5 × 5", slips)
    expect_gradients(run, made(), SHAPE)
    block = build(run, inception_bn, *BLOCK_3A, shape=(2, BLOCK_3A[0], 7, 7))
    expect_parameters(block, parameters(torchvisions(*BLOCK_3A)))
    return "Channels, parameters, receptive fields and numbers are torchvision's; a gradient reaches every parameter."


def unit(c_in: int, c_out: int, kernel: tuple[int, int], norm: str = "", relu: bool = True) -> list[nn.Module]:
    """A convolution and what follows it. norm: "before" or "behind" the ReLU, or no batch norm and a bias."""
    conv = nn.Conv2d(c_in, c_out, kernel, padding=(kernel[0] // 2, kernel[1] // 2), bias=not norm)
    follow = [nn.BatchNorm2d(c_out)] * bool(norm) + [nn.ReLU()] * relu
    return [conv, *(follow if norm == "before" else follow[::-1])]


class Joined(nn.Module):
    """Inception's block, its third branch after the reduction made of these kernels; right or with a mistake.

    pool: of the pooling branch, which is pool_last behind its 1×1 by mistake. reduce, last: settings of `unit` for the
    1×1 that reduce and for the ends of the branches alone. order: in which the branches are joined.
    """

    def __init__(
        self,
        c_in,
        c1,
        c3,
        c5,
        c_pool,
        kernels=((5, 5),),
        pool=nn.MaxPool2d,
        pool_last=False,
        reduce=(),
        last=(),
        order=range(4),
        **kw,
    ):
        super().__init__()
        reduce, last = kw | dict(reduce), kw | dict(last)
        third = unit(c_in, c5[0], (1, 1), **reduce)
        for kernel in kernels[:-1]:
            third += unit(c5[0], c5[0], kernel, **reduce)
        pooling = [pool(3, 1, 1), *unit(c_in, c_pool, (1, 1), **last)]
        chains = (
            unit(c_in, c1, (1, 1), **last),
            unit(c_in, c3[0], (1, 1), **reduce) + unit(*c3, (3, 3), **last),
            third + unit(*c5, kernels[-1], **last),
            pooling[1:] + pooling[:1] if pool_last else pooling,
        )
        self.branches = nn.ModuleList(nn.Sequential(*chains[i]) for i in order)

    def forward(self, X):
        return torch.cat([branch(X) for branch in self.branches], 1)


NO_RELU = {"relu": False}
BRANCHES = ("1 × 1", "3 × 3", "5 × 5", "pooling")
MISTAKES = {
    "the pooling branch averages; it takes the largest of 3 × 3": {"pool": nn.AvgPool2d},
    "the pooling branch averages without the padding; it takes the largest of 3 × 3": {
        "pool": partial(nn.AvgPool2d, count_include_pad=False)
    },
    "in the pooling branch the pooling comes first, then its 1 × 1": {"pool_last": True},
    "the convolutions that reduce have no ReLU": {"reduce": NO_RELU},
    "the last convolutions of the branches have no ReLU": {"last": NO_RELU},
}
NORM_BEHIND = "the batch norm stands behind the ReLU; it belongs between convolution and ReLU"


def mistakes(make: Callable[..., nn.Module], ways: Mapping[str, dict] = MISTAKES) -> dict[str, Callable]:
    """Blocks with mistakes, by their sentences."""
    found = combined(make, ways)
    for order in itertools.permutations(range(4)):
        names = ", ".join(BRANCHES[i] for i in order)
        found[f"the branches are joined in another order than {', '.join(BRANCHES)}: {names}"] = partial(
            make, order=order
        )
    return found


@exercise
def factorised(run, inception_v3, asymmetric) -> str:
    def made():
        return build(run, inception_v3, C_IN, *WIDTHS.values(), shape=SHAPE)

    two_threes = partial(Joined, C_IN, **WIDTHS, kernels=((3, 3), (3, 3)))
    model, oracle = made(), two_threes()
    kept_size(run, model, JOINED, {"what a 1 × 1 reduces to is joined as well; only the end of a branch is": EVERY})
    layers = convolutions(C_IN, **WIDTHS)
    reduced, last = WIDTHS["c5"]
    rest = weights(layers) + outputs(layers) - 25 * reduced * last
    slips = {
        "the 5 × 5 is still there": rest + 25 * reduced * last,
        "one 3 × 3 sees only 3 × 3 pixels; two in a row see 5 × 5": rest + 9 * reduced * last,
        "the first 3 × 3 widens and the second computes on all channels; the last one should widen": (
            rest + 9 * reduced * last + 9 * last * last + last
        ),
    }
    expect_parameters(model, parameters(oracle), slips)
    expect_numbers(run, model, oracle, SHAPE, "a block made of two 3 × 3", mistakes(two_threes))
    expect_gradients(run, made(), SHAPE)
    for c_in, c_out, n in ((3, 7, 3), (4, 6, 7), (5, 5, 5)):
        _pair(run, asymmetric, c_in, c_out, n)
    return "Both forms see as much as the kernel they replace, with fewer weights, and every weight gets a gradient."


def asymmetric_pair(c_in: int, c_out: int, n: int, turned: bool = False, between=nn.ReLU, end=nn.ReLU) -> nn.Module:
    """1×n and n×1 in place of n×n, in one order or the other."""
    first, second = ((n, 1), (1, n)) if turned else ((1, n), (n, 1))
    (row, _), (column, _) = unit(c_in, c_in, first), unit(c_in, c_out, second)
    return nn.Sequential(row, between(), column, end())


def _pair(run: Runner, asymmetric, c_in: int, c_out: int, n: int) -> None:
    """1×n and n×1 in place of n×n."""
    (h, w), p, call = (9, 12), n // 2, f"asymmetric({c_in}, {c_out}, {n})"
    shape = (2, c_in, h, w)

    def made():
        return build(run, asymmetric, c_in, c_out, n, given=call, shape=shape)

    model = made()
    given = {
        "padding goes to the axis of the long side only: (0, n // 2) and (n // 2, 0)": (2, c_out, h + 2 * p, w + 2 * p),
        "padding is missing": (2, c_out, h - 2 * p, w - 2 * p),
    }
    expect_shape(run, model, shape, (2, c_out, h, w), given)
    slips = {
        "this is one n × n convolution": n * n * c_in * c_out + c_out,
        "two n × n convolutions; one is 1 × n, the other n × 1": n * n * c_in * (c_in + c_out) + c_in + c_out,
        "the first convolution widens; the last one should": n * c_out * (c_in + c_out) + 2 * c_out,
        "the biases are missing; there is no batch norm here": n * c_in * (c_in + c_out),
    }
    expect_parameters(model, n * c_in * (c_in + c_out) + c_in + c_out, slips if c_in != c_out else {})
    if (found := seen(run, model, c_in)) != (n, n):
        both = "both kernels are long in the same direction" if 1 in found else ""
        raise Wrong(f"{call} does not see {n} × {n} pixels.", got="{} × {}".format(*found), slip=both)
    between = "there is no ReLU between the two convolutions; together they are then one n × n kernel of low rank"
    ways = {
        between: {"between": nn.Identity},
        "a ReLU follows the second convolution as well": {"end": nn.Identity},
        "there is no ReLU": {"between": nn.Identity, "end": nn.Identity},
    }

    def pairs(way=()):
        return [asymmetric_pair(c_in, c_out, n, turned, **dict(way)) for turned in (False, True)]

    slips = {text: partial(pairs, way) for text, way in ways.items()}
    expect_numbers(run, made(), pairs(), shape, "two convolutions with a ReLU behind each", slips, call=call)
    expect_gradients(run, made(), shape)
