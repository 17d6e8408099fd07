"""Checkers of chapter 09: with_batch_norm, factorised."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from cnnlab.check.calling import Runner
from cnnlab.check.judging import exercise
from cnnlab.check.networks import build, expect_gradients, expect_numbers, expect_parameters, expect_shape
from cnnlab.check.showing import sizes
from cnnlab.check.verdict import Wrong
from cnnlab.compat import load_torchvision

C_IN, WIDTHS = 6, {"c1": 4, "c3": (3, 8), "c5": (2, 5), "c_pool": 3}  # no two slips give the same count


SHAPE, JOINED = (4, C_IN, 9, 11), 4 + 8 + 5 + 3


BLOCK_3A = (192, 64, (96, 128), (16, 32), 32)


# Where the channels of each branch lie, and the pixels that they see.
FIELDS = {"1 × 1": (0, 4, 1), "3 × 3": (4, 12, 3), "5 × 5": (12, 17, 5), "pooling": (17, 20, 3)}


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


def seen(run: Runner, model: nn.Module, c_in: int, channels: slice = slice(None), side: int = 17) -> tuple[int, int]:
    """Height and width of what the middle of some output channels sees, from gradients."""
    X = torch.randn(64, c_in, side, side, requires_grad=True)
    Y = run(model.eval(), X, given=f"model(X), X of shape {sizes(X.shape)}")
    Y[:, channels, side // 2, side // 2].sum().backward()
    hit = X.grad.abs().sum((0, 1)) > 0
    return int(hit.any(1).sum()), int(hit.any(0).sum())


def expect_fields(run: Runner, model: nn.Module) -> None:
    for name, (first, last, side) in FIELDS.items():
        found = seen(run, model, C_IN, slice(first, last))
        if found != (side, side):
            every = sorted(seen(run, model, C_IN, slice(i, i + 1)) for i in range(JOINED))
            moved = every == sorted((side, side) for a, b, side in FIELDS.values() for _ in range(a, b))
            raise Wrong(
                f"The {name} branch, channels {first} to {last - 1} of the output, does not see {side} × {side} pixels.",
                got="{} × {}".format(*found),
                slip="the branches are joined in another order than 1 × 1, 3 × 3, 5 × 5, pooling" if moved else "",
            )


def expect_no_negatives(Y: torch.Tensor, slip: str) -> None:
    if Y.min() < 0:
        raise Wrong("The output has numbers below zero, so a ReLU is not what comes last.", slip=slip)


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
    for layer in block.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eps = 1e-5
    return block


@exercise
def with_batch_norm(run, inception_bn) -> str:
    model, oracle = build(run, inception_bn, C_IN, *WIDTHS.values()), torchvisions(C_IN, **WIDTHS)
    layers = convolutions(C_IN, **WIDTHS)
    Y = kept_size(run, model, JOINED, {"what a 1 × 1 reduces to is joined as well; only the end of a branch is": 25})
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
    expect_parameters(model, sum(p.numel() for p in oracle.parameters()), slips)
    expect_no_negatives(Y, "the batch norm stands behind the ReLU; it belongs between convolution and ReLU")
    _expect_norm_behind_each(run, model)
    expect_fields(run, model)
    expect_numbers(run, model, oracle, SHAPE, "torchvision's block with a 5 × 5")
    expect_gradients(run, model, SHAPE)
    expect_parameters(build(run, inception_bn, *BLOCK_3A), sum(p.numel() for p in torchvisions(*BLOCK_3A).parameters()))
    return "Channels, parameters, receptive fields and numbers are torchvision's; a gradient reaches every parameter."


def _expect_norm_behind_each(run: Runner, model: nn.Module) -> None:
    """A batch norm undoes any factor on a channel in front of it."""
    X = torch.randn(*SHAPE)
    before = run(model.train(), X)
    for name, layer in model.named_modules():
        if not isinstance(layer, nn.Conv2d):
            continue
        kept = layer.weight.detach().clone()
        with torch.no_grad():
            layer.weight.mul_(10 * torch.rand(len(kept), 1, 1, 1) + 2)
        after = run(model, X)
        with torch.no_grad():
            layer.weight.copy_(kept)
        if (after - before).abs().max() > 0.05:
            raise Wrong(
                f"Larger weights in {name} change the output, so no batch norm stands right behind that convolution."
            )


def unit(c_in: int, c_out: int, kernel: tuple[int, int]) -> list[nn.Module]:
    return [nn.Conv2d(c_in, c_out, kernel, padding=(kernel[0] // 2, kernel[1] // 2)), nn.ReLU()]


class Joined(nn.Module):
    """The plain block, its third branch after the reduction made of these kernels."""

    def __init__(self, c_in, c1, c3, c5, c_pool, kernels=((5, 5),)):
        super().__init__()
        reduced, last = c5
        third = unit(c_in, reduced, (1, 1))
        for i, kernel in enumerate(kernels, 1):
            third += unit(reduced, last if i == len(kernels) else reduced, kernel)
        chains = (
            unit(c_in, c1, (1, 1)),
            unit(c_in, c3[0], (1, 1)) + unit(*c3, (3, 3)),
            third,
            [nn.MaxPool2d(3, 1, 1), *unit(c_in, c_pool, (1, 1))],
        )
        self.branches = nn.ModuleList(nn.Sequential(*chain) for chain in chains)

    def forward(self, X):
        return torch.cat([branch(X) for branch in self.branches], 1)


@exercise
def factorised(run, inception_v3, asymmetric) -> str:
    model, oracle = build(run, inception_v3, C_IN, *WIDTHS.values()), Joined(C_IN, **WIDTHS, kernels=((3, 3), (3, 3)))
    Y = kept_size(run, model, JOINED, {"what a 1 × 1 reduces to is joined as well; only the end of a branch is": 25})
    layers = convolutions(C_IN, **WIDTHS)
    rest, (reduced, last) = weights(layers) + outputs(layers) - 25 * reduced_by(WIDTHS), WIDTHS["c5"]
    slips = {
        "the 5 × 5 is still there": rest + 25 * reduced * last,
        "one 3 × 3 sees only 3 × 3 pixels; two in a row see 5 × 5": rest + 9 * reduced * last,
        "the first 3 × 3 widens and the second computes on all channels; the last one should widen": (
            rest + 9 * reduced * last + 9 * last * last + last
        ),
    }
    expect_parameters(model, sum(p.numel() for p in oracle.parameters()), slips)
    expect_no_negatives(Y, "every convolution is followed by a ReLU, the last ones too")
    expect_fields(run, model)
    expect_numbers(run, model, oracle, SHAPE, "a block made of two 3 × 3")
    expect_gradients(run, build(run, inception_v3, C_IN, *WIDTHS.values()), SHAPE)
    for c_in, c_out, n in ((3, 7, 3), (4, 6, 7), (5, 5, 5)):
        _pair(run, asymmetric, c_in, c_out, n)
    return "Both forms see as much as the kernel they replace, with fewer weights, and every weight gets a gradient."


def reduced_by(widths: Mapping) -> int:
    return widths["c5"][0] * widths["c5"][1]


def _pair(run: Runner, asymmetric, c_in: int, c_out: int, n: int) -> None:
    """1×n and n×1 in place of n×n."""
    model, (h, w), p = build(run, asymmetric, c_in, c_out, n), (9, 12), n // 2
    given = {
        "padding goes to the axis of the long side only: (0, n // 2) and (n // 2, 0)": (2, c_out, h + 2 * p, w + 2 * p),
        "padding is missing": (2, c_out, h - 2 * p, w - 2 * p),
    }
    Y = expect_shape(run, model, (2, c_in, h, w), (2, c_out, h, w), given)
    slips = {
        "this is one n × n convolution": n * n * c_in * c_out + c_out,
        "two n × n convolutions; one is 1 × n, the other n × 1": n * n * c_in * (c_in + c_out) + c_in + c_out,
        "the first convolution widens; the last one should": n * c_out * (c_in + c_out) + 2 * c_out,
        "the biases are missing; there is no batch norm here": n * c_in * (c_in + c_out),
    }
    expect_parameters(model, n * c_in * (c_in + c_out) + c_in + c_out, slips if c_in != c_out else {})
    if (found := seen(run, model, c_in)) != (n, n):
        both = "both kernels are long in the same direction" if 1 in found else ""
        raise Wrong(
            f"asymmetric({c_in}, {c_out}, {n}) does not see {n} × {n} pixels.", got="{} × {}".format(*found), slip=both
        )
    expect_no_negatives(Y, "a ReLU follows the second convolution as well")
    if _linear_inside(run, model, (2, c_in, h, w)):
        raise Wrong(
            "Up to its last ReLU the pair is one linear map.",
            slip="there is no ReLU between the two convolutions; together they are then one n × n kernel of low rank",
        )
    expect_gradients(run, build(run, asymmetric, c_in, c_out, n), (2, c_in, h, w))


def _linear_inside(run: Runner, model: nn.Module, shape: Sequence[int]) -> bool:
    """Whether the model is ReLU(linear) when its biases are zero: then model(X) − model(−X) is linear in X."""
    model = model.double()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.zero_()
        A, B = torch.randn(2, *shape, dtype=torch.float64)
        odd = {name: run(model, X) - run(model, -X) for name, X in (("A", A), ("B", B), ("sum", A + B))}
    return torch.allclose(odd["sum"], odd["A"] + odd["B"], atol=1e-9)
