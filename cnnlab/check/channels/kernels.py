"""Checkers of chapter 03: compose, groups_block."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from cnnlab.check.frame.judging import call, choose, compare, exercise, filled, seeded
from cnnlab.check.frame.showing import sizes, value_text
from cnnlab.check.frame.values import as_items
from cnnlab.check.frame.verdict import Wrong


def kernel_of(layer: Callable, c_in: int, h: int, w: int) -> torch.Tensor:
    """The weight (c_out, c_in, h, w) of a linear layer, read off what it makes of single pixels."""
    pixels = torch.eye(c_in * h * w, dtype=torch.float64).reshape(-1, c_in, h, w)
    return layer(pixels).reshape(c_in, h, w, -1).permute(3, 0, 1, 2)


def composed(K1: torch.Tensor, K2: torch.Tensor) -> torch.Tensor:
    sides = (K1.shape[axis] + K2.shape[axis] - 1 for axis in (2, 3))
    return kernel_of(lambda X: F.conv2d(F.conv2d(X, K1), K2), K1.shape[1], *sides)


POSSIBLE = {
    "bias": "The first bias b goes through the second layer as the sum of its weights times b: one bias again.",
    "stride": "The taps of the second kernel lie two pixels of the input apart: one larger kernel with stride 4.",
    "batch norm": "In prediction it multiplies and shifts each channel by fixed numbers: the weights can take them in.",
    "average pool": "An average is a convolution with equal weights: three kernels in one, where two were.",
}


IMPOSSIBLE = {
    "relu": "A ReLU between is not linear: f(−X) is not −f(X), and of one convolution it would be.",
    "padding": "The second layer reads zeros outside the first map, where one large kernel would read sums: "
    "at the border they differ.",
    "max pool": "The largest of a window is not linear: which pixel it is changes with the image.",
}


def impossible_set(given: object) -> None:
    filled(given)
    known = {**POSSIBLE, **IMPOSSIBLE}
    shown, given = value_text(given), as_items(given)
    if given is None or not all(isinstance(name, str) for name in given):
        raise Wrong("impossible should be a set of names.", got=shown)
    if unknown := sorted(set(given) - known.keys()):
        raise Wrong(f"{unknown[0]!r} is none of the names; they are {', '.join(map(repr, sorted(known)))}.")
    for name, sentence in POSSIBLE.items():
        if name in given:
            raise Wrong(f"{name!r} does not make it impossible. {sentence}", got=value_text(sorted(given)))
    for name, sentence in IMPOSSIBLE.items():
        if name not in given:
            raise Wrong(f"One convolution cannot do it with {name!r}. {sentence}", got=value_text(sorted(given)))


@exercise
def compose(run, compose, impossible, converse) -> str:
    draw = seeded(8)
    rows = [
        ((1, 1, 1, 1), (1, 1, 2, 2)), ((1, 1, 2, 2), (1, 1, 2, 2)), ((2, 1, 2, 2), (1, 2, 1, 2)),
        ((3, 2, 3, 3), (2, 3, 3, 3)), ((2, 3, 1, 1), (4, 2, 3, 2)), ((4, 2, 3, 2), (3, 4, 2, 3)),
    ]  # fmt: skip
    calls = [call(draw(*first), draw(*second)) for first, second in rows]

    def turned(K1, K2):
        return composed(K1, K2.flip(2, 3))

    slips = {
        "one of the kernels is turned: lay K1 at every place of K2 and add, without turning anything": turned,
        "one of the kernels is turned: lay K1 at every place of K2 and add, nothing is turned": lambda K1, K2: turned(
            K1, K2
        ).flip(2, 3),
        "both kernels are turned": lambda K1, K2: composed(K1, K2).flip(2, 3),
        "the axes of input and output channels are exchanged": lambda K1, K2: composed(K1, K2).transpose(0, 1),
        "the other order: K1 comes first, so its outputs are the inputs of K2": lambda K1, K2: composed(K2, K1),
        "the kernels are applied side by side: every pair of taps gives one product": lambda K1, K2: torch.einsum(
            "mixy,omxy->oixy", K1, K2
        ),
        "the first kernel is laid once; it belongs to every tap of the second": lambda K1, K2: F.pad(
            torch.einsum("mixy,om->oixy", K1, K2.sum((2, 3))), (0, K2.shape[3] - 1, 0, K2.shape[2] - 1)
        ),
    }
    compare(run, compose, calls, composed, slips, given=lambda K1, K2: (
        f"compose(K1 of {sizes(K1.shape)}, K2 of {sizes(K2.shape)})"
    ))  # fmt: skip
    impossible_set(impossible)
    choose(
        converse,
        "not always",
        {
            "always": "Two 3 × 3 kernels have 18 weights, of which one scale cancels: 17 numbers cannot be 25.",
            "never": "The composed kernels themselves are counterexamples: each of them is two smaller ones.",
        },
        name="converse",
    )
    return "Two linear layers are one, with a kernel of k₁ + k₂ − 1; not the other way round."


def full_weight(weight: torch.Tensor, groups: int) -> torch.Tensor:
    return kernel_of(lambda X: F.conv2d(X, weight, groups=groups), weight.shape[1] * groups, *weight.shape[2:])


def reached_by(c_in: int, c_out: int, groups: int, channel: int) -> list[int]:
    pixel = torch.zeros(1, c_in, 1, 1)
    pixel[0, channel] = 1
    found = F.conv2d(pixel, torch.ones(c_out, c_in // groups, 1, 1), groups=groups)
    return found.flatten().nonzero().flatten().tolist()


def dealt(weight: torch.Tensor, groups: int) -> torch.Tensor:
    """The full weight of somebody who deals the channels out in turn."""
    full = full_weight(weight, groups)
    return full[:, torch.arange(full.shape[1]).reshape(groups, -1).t().flatten()]


def placed(weight: torch.Tensor, groups: int, columns: Callable[[int], slice]) -> torch.Tensor:
    """The full weight of somebody who puts the kernels of output o into those columns."""
    full = weight.new_zeros(len(weight), weight.shape[1] * groups, *weight.shape[2:])
    for o, kernels in enumerate(weight):
        full[o, columns(o)] = kernels
    return full


def interleaved(weight: torch.Tensor, groups: int) -> torch.Tensor:
    return placed(weight, groups, lambda o: slice(o % groups, None, groups))


def square_blocks(weight: torch.Tensor, groups: int) -> torch.Tensor:
    side = weight.shape[1]
    return placed(weight, groups, lambda o: slice((at := min(o // side, groups - 1) * side), at + side))


@exercise
def groups_block(run, block_diagonal, reached) -> str:
    draw = seeded(9)
    rows = [
        ((2, 1, 1, 1), 2),
        ((4, 2, 1, 1), 2),
        ((4, 2, 3, 3), 2),
        ((6, 1, 2, 3), 3),
        ((6, 4, 3, 3), 3),
        ((3, 2, 3, 2), 1),
    ]
    rows.append(((8, 1, 3, 3), 4))
    slips = {
        "outside the blocks the weights are 0: a group does not see the others": lambda weight, groups: weight.repeat(
            1, groups, 1, 1
        ),
        "every block holds the weights of the first; each group has its own": lambda weight, groups: full_weight(
            weight[: len(weight) // groups].repeat(groups, 1, 1, 1), groups
        ),
        "groups are neighbouring channels, not every second or third one": dealt,
        "groups are neighbouring channels: output o belongs to group o // (c_out / groups), not o % groups": interleaved,
        "a block has c_out / groups rows and c_in / groups columns; here it is as high as it is wide": square_blocks,
        "the blocks stand on the other diagonal": lambda weight, groups: (
            full_weight(weight, groups).reshape(len(weight), groups, -1, *weight.shape[2:]).flip(1).flatten(1, 2)
        ),
        "input and output channels are exchanged": lambda weight, groups: full_weight(weight, groups).transpose(0, 1),
    }

    def given(weight, groups):
        return f"block_diagonal(weight of {sizes(weight.shape)}, groups={groups})"

    compare(
        run, block_diagonal, [call(draw(*shape), groups) for shape, groups in rows], full_weight, slips, given=given
    )
    layers = [(2, 2, 1), (2, 2, 2), (4, 4, 2), (6, 3, 3), (3, 6, 3), (8, 12, 4), (12, 8, 4), (6, 6, 6)]
    slips = {
        "all outputs: but only those of its own group see a channel": lambda a, b, g, c: list(range(b)),
        "groups are neighbouring channels, not every second or third one": lambda a, b, g, c: list(range(c % g, b, g)),
        "these are the input channels of the group; which outputs see them?": lambda a, b, g, c: list(
            range(c // (a // g) * (a // g), (c // (a // g) + 1) * (a // g))
        ),
        "one output only: a group has c_out / groups of them": lambda a, b, g, c: [c],
        "the group of a channel is channel // (c_in // groups), counted in input channels": lambda a, b, g, c: list(
            range(c // (b // g) * (b // g), (c // (b // g) + 1) * (b // g))
        ),
    }
    given = "reached(c_in={}, c_out={}, groups={}, channel={})".format
    calls = [call(*layer, channel) for layer in layers for channel in range(layer[0])]
    compare(run, reached, calls, reached_by, slips, given=given)
    return "The block-diagonal weight does what groups do, and a channel reaches its own group only."
