"""Checkers of chapter 09: GoogLeNet."""

from __future__ import annotations

import importlib
import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from cnnlab.check.frame.calling import Runner
from cnnlab.check.frame.judging import call, choose, compare, exercise, number
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
from cnnlab.check.frame.verdict import Wrong, naming_slips
from cnnlab.compat import load_torchvision

# No two convolutions have the same channels, and no two slips give the same count.
C_IN, WIDTHS = 6, {"c1": 4, "c3": (3, 8), "c5": (2, 5), "c_pool": 7}
SHAPE, JOINED, EVERY = (4, C_IN, 9, 11), 4 + 8 + 5 + 7, 4 + 3 + 8 + 2 + 5 + 7
BLOCK_3A = (192, 64, (96, 128), (16, 32), 32)


def kept_size(run: Runner, model: nn.Module, wanted: int, slips: Mapping[str, int]) -> torch.Tensor:
    """The output, of SHAPE's size and `wanted` channels; slips give other numbers of channels."""
    shapes = {text: (SHAPE[0], channels, *SHAPE[2:]) for text, channels in slips.items()}
    size = "every branch keeps the size: padding k // 2 in convolutions, stride 1 and padding 1 in the pooling"
    with naming_slips({"Sizes of tensors must match": size}):
        return expect_shape(run, model, SHAPE, (SHAPE[0], wanted, *SHAPE[2:]), shapes)


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


@exercise("An Inception block with batch norm", level=2, minutes=20)
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


@exercise("Factorised convolutions", level=2, minutes=20)
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


class Added(nn.Module):
    """relu(X + a 1×1 convolution of the joined branches), right or with a mistake."""

    def __init__(self, c_in, *, branch_end=nn.Identity, end=nn.ReLU, shortcut=True, **settings):
        super().__init__()
        self.branches, self.expand = Joined(c_in, **settings), nn.Conv2d(JOINED, c_in, 1)
        self.branch_end, self.end, self.shortcut = branch_end(), end(), shortcut

    def forward(self, X):
        Y = self.branch_end(self.expand(self.branches(X)))
        return self.end(X + Y if self.shortcut else Y)


ADDED_MISTAKES = MISTAKES | {
    "a ReLU follows the last 1 × 1; then the branches can only add and never take away": {"branch_end": nn.ReLU},
    "the ReLU after the sum is missing": {"end": nn.Identity},
    "X is not added; its shortcut is missing": {"shortcut": False},
}


@exercise("An Inception block with a shortcut", level=2, minutes=20)
def residual_inception(run, residual_inception) -> str:
    def made():
        return build(run, residual_inception, C_IN, *WIDTHS.values(), shape=SHAPE)

    joined = {
        "this is the joined width; a 1 × 1 convolution has to bring it back to the channels of X": JOINED,
        "X is joined to the branches; a shortcut is added": JOINED + C_IN,
        "X is joined to the expanded branches; a shortcut is added": 2 * C_IN,
    }
    added = f"{JOINED} joined channels cannot be added to {C_IN}; a 1 × 1 convolution comes between"
    with naming_slips({"must match the size of tensor b": added}):
        model = made()
        kept_size(run, model, C_IN, joined)
    layers = convolutions(C_IN, **WIDTHS)
    branches, expand = weights(layers) + outputs(layers), JOINED * C_IN + C_IN
    slips = {
        "the 1 × 1 behind the joined branches has no bias; here it keeps it": branches + expand - C_IN,
        "X goes through a convolution of its own; the shortcut of equal channels is X itself": branches
        + expand
        + C_IN * C_IN
        + C_IN,
        "a batch norm too many: this block has none": branches + expand + 2 * C_IN,
    }
    expect_parameters(model, branches + expand, slips)
    slips = mistakes(partial(Added, C_IN, **WIDTHS), ADDED_MISTAKES)
    expect_numbers(run, model, Added(C_IN, **WIDTHS), SHAPE, "relu(X + 1 × 1 of the joined branches)", slips)
    expect_gradients(run, made(), SHAPE)
    return "Zero weights leave relu(X), the branches can add and take away, and every parameter gets a gradient."


def works(n: int, layers: Sequence[tuple[int, int, int]]) -> bool:
    """Whether torch lets n pixels through."""
    x = torch.empty(1, 1, n, device="meta")
    try:
        for k, s, p in layers:
            x = F.conv1d(x, torch.empty(1, 1, k, device="meta"), None, s, p)
    except RuntimeError:
        return False
    return x.shape[2] >= 1


def smallest(layers: Sequence[tuple[int, int, int]], most: int = 2_000) -> int:
    """The fewest pixels up to `most` that torch lets through, or 0."""
    return next((n for n in range(1, most) if works(n, layers)), 0)


def back(step, least: int = 1):
    """The same way back through the layers with another step."""

    def slip(layers):
        need = 1
        for k, s, p in reversed(layers):
            need = max(least, step(need, k, s, p))
        return need

    return slip


POOL, STEM = (3, 2, 0), (7, 2, 3)


@exercise("The smallest input that works", level=1, minutes=10)
def smallest_input(run, smallest_side, notes_side, unpadded_side) -> str:
    draw, calls = (
        random.Random(9),
        [call([STEM, *[POOL] * 4]), call([(3, 2, 1)]), call([(7, 2, 3), (3, 2, 1), (5, 1, 0)])],
    )
    while len(calls) < 30:
        most = (7, 3) if len(calls) < 24 else (31, 9)
        layers = [
            (draw.randint(1, most[0]), draw.randint(1, most[1]), draw.randint(0, 2)) for _ in range(draw.randint(1, 4))
        ]
        if smallest(layers, 2_000):
            calls.append(call(layers))
    slips = {
        "a layer needs at least one pixel, however much padding it has: max(1, …) in every step": back(
            lambda m, k, s, p: (m - 1) * s + k - 2 * p, -(10**6)
        ),
        "padding is on both sides: 2p pixels need not come from the input": back(
            lambda m, k, s, p: (m - 1) * s + k - p
        ),
        "padding is left out": back(lambda m, k, s, p: (m - 1) * s + k),
        "m outputs are m − 1 strides apart, then one whole kernel": back(lambda m, k, s, p: m * s + k - 2 * p),
        "the layers are walked from the first to the last; start from the one pixel behind the last": lambda layers: (
            back(lambda m, k, s, p: (m - 1) * s + k - 2 * p)(layers[::-1])
        ),
    }
    compare(run, smallest_side, calls, smallest, slips)
    number(
        notes_side,
        smallest([STEM, *[(3, 2, 1)] * 4]),
        {
            "at 61 the poolings would need no padding, but they have it": 61,
            "2⁵ is the factor by which the side shrinks, not the smallest side: a padded pooling leaves one pixel one": 32,
            "nothing in the layers asks for 96; it is only the size that is trained on": 96,
        },
        name="notes_side",
    )
    number(
        unpadded_side,
        smallest([STEM, *[POOL] * 4]),
        {
            "the first convolution is left out; it halves as well": 31,
            "there are four poolings: one in each of the first four stages": 29,
            "here the poolings have no padding": 1,
            "the first convolution keeps its padding of 3": 67,
            "2⁵ is right only if every layer halves exactly": 32,
        },
        name="unpadded_side",
    )
    return "30 stacks of layers agree with what PyTorch lets through, and both sides of GoogLeNet are right."


def small_nets():
    """Random networks whose dense part can be counted by hand."""
    yield nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))
    yield nn.Sequential(nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 2, bias=False)), nn.LayerNorm(2))
    yield nn.Sequential(nn.Conv2d(3, 6, 5, bias=False), nn.BatchNorm2d(6), nn.Conv2d(6, 10, 1))
    yield nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(27, 10)).half()


def counted(keep=lambda name: True, module=nn.Linear):
    """(MB, share of the parameters that belong to `module`) with only some parameters counted."""

    def count(model):
        all_ = [p for name, p in model.named_parameters() if keep(name)]
        inside = [p for m in model.modules() if isinstance(m, module) for name, p in m.named_parameters() if keep(name)]
        total = sum(p.numel() for p in all_)
        return sum(p.numel() * p.element_size() for p in all_) / 1e6, sum(p.numel() for p in inside) / total

    return count


def changed(megabytes=lambda mb, model: mb, share=lambda x: x):
    def slip(model):
        mb, dense = counted()(model)
        return megabytes(mb, model), share(dense)

    return slip


def per_number(size: int):
    return lambda mb, model: sum(p.numel() for p in model.parameters()) * size / 1e6


@exercise("Why two of four networks are small", level=2, minutes=15)
def parameter_sizes(run, size_and_share, reason) -> str:
    slips = {
        "divided by 2²⁰: those are MiB; a MB is 10⁶ bytes": changed(lambda mb, model: mb * 1e6 / 2**20),
        "these are millions of parameters; a float32 has 4 bytes": changed(per_number(1)),
        "these are bits; eight make a byte": changed(lambda mb, model: mb * 8),
        "every number is taken as 4 bytes; element_size() says how many it has": changed(per_number(4)),
        "this is the share of everything but the dense layers": changed(share=lambda x: 1 - x),
        "the share is in percent; a share lies between 0 and 1": changed(share=lambda x: 100 * x),
        "the biases are left out": counted(lambda name: not name.endswith("bias")),
        "this is the share of the convolutions; dense layers are nn.Linear": counted(module=nn.Conv2d),
    }
    calls = [call(net) for net in small_nets()]
    compare(
        run, size_and_share, calls, counted(), slips, given=lambda net: f"size_and_share({' '.join(str(net).split())})"
    )
    choose(
        reason,
        "no wide dense layer",
        {
            "fewer layers": "GoogLeNet has 57 convolutions and VGG-11 has 8; NiN has 12 and AlexNet 5.",
            "smaller kernels": "NiN starts with the 11 × 11 of AlexNet, and VGG has nothing larger than 3 × 3.",
            "smaller maps": "A convolution has as many weights on a large map as on a small one.",
            "fewer channels": "GoogLeNet's last maps have 1,024 channels, VGG's 512 and AlexNet's 256.",
        },
        name="reason",
    )
    return "Sizes and shares agree on four networks, and the reason is the one that the shares show."
