"""Checkers of chapter 11: pre_activation, inception_or_residual, deeper."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from cnnlab.check.frame.calling import Runner
from cnnlab.check.frame.experiments import Asked, conclude, measure
from cnnlab.check.frame.judging import call, choose, compare, exercise, number
from cnnlab.check.frame.networks import (
    build,
    combined,
    expect_gradients,
    expect_numbers,
    expect_parameters,
    expect_shape,
    parameters,
)
from cnnlab.check.resnet.depths import _expect_sum


class PreActivation(nn.Module):
    """What He et al. 2016 describe, or a block with a mistake.

    at: which convolution has the stride. norms, relus: whether there are two of them. past: what passes where shapes
    agree, around: what the shortcut's 1 × 1 reads. last: behind the sum.
    """

    def __init__(self, c_in, c, stride=1, *, at=0, relus=(True, True), past="X", around="A", last=nn.Identity):
        super().__init__()
        strides = [stride if place == at else 1 for place in range(2)]
        self.bn1, self.conv1 = nn.BatchNorm2d(c_in), nn.Conv2d(c_in, c, 3, strides[0], 1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(c), nn.Conv2d(c, c, 3, strides[1], 1, bias=False)
        changes = stride != 1 or c_in != c
        self.shortcut = nn.Conv2d(c_in, c, 1, stride, bias=False) if changes else nn.Identity()
        self.relus, self.reads, self.last = relus, around if changes else past, last()

    def forward(self, X):
        normed = self.bn1(X)
        A = F.relu(normed) if self.relus[0] else normed
        B = self.bn2(self.conv1(A))
        Y = self.conv2(F.relu(B) if self.relus[1] else B)
        maps = {"X": X, "A": A, "relu(X)": F.relu(X), "the batch norm": normed}
        return self.last(Y + self.shortcut(maps[self.reads]) if self.reads in maps else Y)


BRANCH = "where the shape changes the 1 × 1 branches off behind the first batch norm and ReLU"
BLOCK_MISTAKES = {
    f"the shortcut's 1 × 1 reads X; {BRANCH}": {"around": "X"},
    f"the shortcut's 1 × 1 reads relu(X); {BRANCH}": {"around": "relu(X)"},
    f"the shortcut's 1 × 1 reads the batch norm's output; {BRANCH}": {"around": "the batch norm"},
    "a ReLU follows the sum; nothing may stand in the way of X": {"last": nn.ReLU},
    "A goes past; where shapes agree the untouched X does": {"past": "A"},
    "X is not added": {"past": "nothing"},
    "the stride is on the second convolution; it belongs on the first": {"at": 1},
    "the first ReLU is missing": {"relus": (False, True)},
    "the second ReLU is missing": {"relus": (True, False)},
    "both ReLUs are missing": {"relus": (False, False)},
}


@exercise
def pre_activation(run, preact_block, preact_net) -> str:
    for setting in ((6, 6, 1), (6, 9, 1), (6, 6, 2), (5, 10, 2)):
        _preact_block(run, preact_block, *setting)
    _preact_net(run, preact_net)
    return "X passes untouched where shapes agree, the 1 × 1 branches off A where not, and a last batch norm and ReLU close."


def _preact_block(run: Runner, answer, c_in: int, c: int, stride: int) -> None:
    setting, shape, call = (c_in, c, stride), (4, c_in, 8, 10), f"preact_block({c_in}, {c}, {stride})"
    wanted = (4, c, 8 // stride, 10 // stride)
    model = _expect_sum(run, answer, setting, shape, wanted, {"the stride is not used": (4, c, 8, 10)})
    right, changes = parameters(PreActivation(*setting)), stride != 1 or c_in != c
    slips = {
        "the 1 × 1 is followed by a batch norm; the next block normalises the sum anyway": right + changes * 2 * c,
        "the shortcut has no 1 × 1, though the shape changes": right - changes * c_in * c,
        "the first batch norm stands in front of the convolution and has the channels that come in": right
        + 2 * (c - c_in),
        "the convolutions have biases": right + 2 * c,
        "all three convolutions have biases": right + 3 * c,
        "shapes agree here: X itself is added, without a convolution": right + (not changes) * c_in * c,
    }
    expect_parameters(model, right, {text: count for text, count in slips.items() if count != right}, call=call)
    slips = combined(partial(PreActivation, *setting), BLOCK_MISTAKES)
    expect_numbers(run, model, PreActivation(*setting), shape, "the block of He et al. 2016", slips, call=call)
    expect_gradients(run, build(run, answer, *setting, shape=shape), shape)


PREACT_STAGES = ((1, 8, 1), (3, 12, 2), (1, 9, 1))
NORM, RELU, MEAN = "norm", "relu", "mean"


def plain_preact(end=(NORM, RELU, MEAN), stem: int = 0, strides=lambda first, i: 1 if i else first) -> nn.Module:
    """PREACT_STAGES as a network, right or with a mistake. strides: of a stage's block i, from that of its first."""
    now = stem or PREACT_STAGES[0][1]
    layers: list[nn.Module] = [nn.Conv2d(1, now, 3, padding=1, bias=False)]
    for blocks, channels, first in PREACT_STAGES:
        for i in range(blocks):
            layers.append(PreActivation(now, channels, strides(first, i)))
            now = channels
    parts = {NORM: partial(nn.BatchNorm2d, now), RELU: nn.ReLU, MEAN: partial(nn.AdaptiveAvgPool2d, 1)}
    parts["max"] = partial(nn.AdaptiveMaxPool2d, 1)
    return nn.Sequential(*layers, *(parts[each]() for each in end), nn.Flatten(), nn.Linear(now, 10))


NO_LAST = "no block ends in a batch norm, so a last one with its ReLU comes before the pooling"
NET_MISTAKES = {
    "the ReLU behind the last batch norm is missing": {"end": (NORM, MEAN)},
    "the ReLU stands behind the pooling; it comes before it, on the whole map": {"end": (NORM, MEAN, RELU)},
    "the last batch norm stands behind the pooling; it comes before, on the whole map": {"end": (MEAN, NORM, RELU)},
    "the last batch norm stands behind the pooling, without a ReLU": {"end": (MEAN, NORM)},
    "the ReLU stands in front of the last batch norm; it comes behind it": {"end": (RELU, NORM, MEAN)},
    "the largest of each map is taken; the average is asked for": {"end": (NORM, RELU, "max")},
    "every block of a stage has its stride; only the first one has": {"strides": lambda first, i: first},
    "the stride of a stage is not used": {"strides": lambda first, i: 1},
    "the stride of a stage is not on its first block": {"strides": lambda first, i: first if i == 1 else 1},
}


def _preact_net(run: Runner, answer) -> None:
    shape, call, first = (4, 1, 28, 28), f"preact_net({PREACT_STAGES})", PREACT_STAGES[0][1]

    def made():
        return build(run, answer, PREACT_STAGES, given=call, shape=shape)

    model = made()
    expect_shape(run, model, shape, (4, 10))
    right, last = parameters(plain_preact()), 2 * PREACT_STAGES[-1][1]
    slips = {
        NO_LAST: right - last,
        f"{NO_LAST}; the one in the stem does not replace it": right - last + 2 * first,
        "the stem is the convolution alone; the first block begins with a batch norm": right + 2 * first,
        "the stem has a bias": right + first,
        "the stem has 16 channels; it has those of the first stage": parameters(plain_preact(stem=16)),
        "the stem has 64 channels; it has those of the first stage": parameters(plain_preact(stem=64)),
    }
    slips |= {text: parameters(plain_preact(**way)) for text, way in NET_MISTAKES.items()}
    expect_parameters(model, right, {text: count for text, count in slips.items() if count != right}, call=call)
    slips = combined(plain_preact, NET_MISTAKES)
    expect_numbers(run, model, plain_preact(), shape, "the network of He et al. 2016", slips, call=call)
    expect_gradients(run, made(), shape)


@exercise
def inception_or_residual(run, adding_weight, joined_channels, keeps_input) -> str:
    def stacked(*parts):
        return lambda c: torch.cat([part(c) for part in parts], 1)[:, :, None, None]

    def zeros(c):
        return torch.zeros(c, c)

    slips = {
        "this is the mean of the two, not the sum": lambda c: stacked(torch.eye, torch.eye)(c) / 2,
        "this adds up all channels; each channel of X goes with the same channel of the branch": lambda c: torch.ones(
            c, 2 * c, 1, 1
        ),
        "this keeps X and drops the branch": stacked(torch.eye, zeros),
        "this keeps the branch and drops X": stacked(zeros, torch.eye),
        "neighbouring channels are added; X fills the first c channels and the branch the other c": lambda c: torch.eye(
            c
        ).repeat_interleave(2, 1)[:, :, None, None],
        "a weight is (channels out, channels in, height, width)": lambda c: stacked(torch.eye, torch.eye)(c)[
            :, :, 0, 0
        ],
        "channels out come first in a weight, then channels in": lambda c: stacked(torch.eye, torch.eye)(c).mT[0, 0],
    }
    compare(run, adding_weight, [call(c) for c in (2, 3, 5)], stacked(torch.eye, torch.eye), slips)
    number(
        joined_channels,
        64 + 5 * 32,
        {
            "this is the width after five sums; joining widens": 64,
            "each block joins 32 channels to what came in; it does not double it": 64 * 2**5,
            "the 64 channels that came in are joined as well": 5 * 32,
            "that is after one block": 96,
            "the branch gives 32 channels however wide its input is": 64 + 5 * 64,
        },
        name="joined_channels",
    )
    choose(
        keeps_input,
        "residual",
        {
            "inception": "With all weights at zero its four branches give zeros, the pooling branch too: it ends in a 1 × 1.",
            "both": "With all weights at zero the Inception block gives zeros; none of its branches is X itself.",
            "neither": "With its branch at zero, relu(0 + X) is X for a map that came out of a ReLU.",
        },
        name="keeps_input",
    )
    return "A sum is a join with fixed weights behind it; joins widen, and only the sum passes X on by itself."


DEEPER = Asked("resnet.deeper", "accuracy", (8, 56))


@exercise
def deeper(run, accuracy, conclusion) -> str:
    return conclude(conclusion, measure(run, accuracy, DEEPER))
