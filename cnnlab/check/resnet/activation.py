"""Checkers of chapter 11: pre_activation, inception_or_residual, deeper."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from cnnlab.check.calling import Runner
from cnnlab.check.experiments import conclude, measure, small_data
from cnnlab.check.judging import call, choose, compare, exercise, number
from cnnlab.check.networks import (
    build,
    expect_gradients,
    expect_numbers,
    expect_parameters,
    expect_shape,
    parameters,
    used_layers,
)
from cnnlab.check.resnet.depths import _expect_sum
from cnnlab.check.verdict import Wrong


class PreActivation(nn.Module):
    """What He et al. 2016 describe: the reference for numbers."""

    def __init__(self, c_in: int, c: int, stride: int = 1):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(c_in), nn.Conv2d(c_in, c, 3, stride, 1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(c), nn.Conv2d(c, c, 3, 1, 1, bias=False)
        changes = stride != 1 or c_in != c
        self.around = nn.Conv2d(c_in, c, 1, stride, bias=False) if changes else None

    def forward(self, X):
        A = F.relu(self.bn1(X))
        return self.conv2(F.relu(self.bn2(self.conv1(A)))) + (X if self.around is None else self.around(A))


BRANCH = "the shortcut's 1 × 1 reads X; where the shape changes it branches off behind the first batch norm and ReLU"


@exercise
def pre_activation(run, preact_block, preact_net) -> str:
    for setting in ((6, 6, 1), (6, 9, 1), (6, 6, 2), (5, 10, 2)):
        _preact_block(run, preact_block, *setting)
    _preact_net(run, preact_net)
    return "X passes untouched where shapes agree, the 1 × 1 branches off A where not, and a last batch norm and ReLU close."


def _preact_block(run: Runner, answer, c_in: int, c: int, stride: int) -> None:
    model, oracle, shape = build(run, answer, c_in, c, stride), PreActivation(c_in, c, stride), (4, c_in, 8, 10)
    wanted = (4, c, 8 // stride, 10 // stride)
    _expect_sum(run, model, shape, wanted, {"the stride is not used": (4, c, 8, 10)})
    right, changes = parameters(oracle), oracle.around is not None
    slips = {
        "the 1 × 1 is followed by a batch norm; the next block normalises the sum anyway": right + changes * 2 * c,
        "the shortcut has no 1 × 1, though the shape changes": right - changes * c_in * c,
        "the first batch norm stands in front of the convolution and has the channels that come in": right
        + 2 * (c - c_in),
        "the convolutions have biases": right + 2 * c,
        "all three convolutions have biases": right + 3 * c,
        "shapes agree here: X itself is added, without a convolution": right + (not changes) * c_in * c,
    }
    expect_parameters(model, right, {text: count for text, count in slips.items() if count != right})
    (_expect_branch_off if changes else _expect_untouched)(run, build(run, answer, c_in, c, stride), shape)
    expect_numbers(run, model, oracle, shape, "the block of He et al. 2016")
    expect_gradients(run, build(run, answer, c_in, c, stride), shape)


def _expect_branch_off(run: Runner, model: nn.Module, shape: Sequence[int]) -> None:
    """With fresh statistics A = relu(X) up to a factor: where the block reads X only through A, negatives are lost."""
    X = torch.randn(*shape)
    with torch.no_grad():
        through = run(model.eval(), X), run(model, F.relu(X))
    if not torch.allclose(*through, atol=1e-5):
        raise Wrong("More than swapped lines is needed: numbers of X below zero still reach the output.", slip=BRANCH)


def _expect_untouched(run: Runner, model: nn.Module, shape: Sequence[int]) -> None:
    """With convolutions at zero, X comes out as it went in."""
    X = torch.randn(*shape)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 4:
                parameter.zero_()
        Y = run(model.train(), X)
    if torch.equal(Y, X):
        return
    first = F.relu(F.batch_norm(X, None, None, training=True))
    slip = "a ReLU follows the sum; nothing may stand in the way of X" if torch.equal(Y, F.relu(X)) else ""
    slip = "A goes past; where shapes agree the untouched X does" if torch.allclose(Y, first, atol=1e-4) else slip
    slip = "X is not added" if not Y.any() else slip
    raise Wrong("With its convolutions at zero the block should give back X, negative numbers too.", slip=slip)


PREACT_STAGES = ((1, 8, 1), (2, 12, 2))


def _preact_net(run: Runner, answer) -> None:
    model, shape, now = build(run, answer, PREACT_STAGES), (4, 1, 28, 28), PREACT_STAGES[0][1]
    expect_shape(run, model, shape, (4, 10))
    right = 9 * now
    for blocks, channels, stride in PREACT_STAGES:
        for i in range(blocks):
            right += parameters(PreActivation(now, channels, stride if i == 0 else 1))
            now = channels
    right += 2 * now + 10 * now + 10
    no_last = "no block ends in a batch norm, so a last one with its ReLU comes before the pooling"
    slips = {
        no_last: right - 2 * now,
        f"{no_last}; the one in the stem does not replace it": right - 2 * now + 2 * PREACT_STAGES[0][1],
        "the stem is the convolution alone; the first block begins with a batch norm": right + 2 * PREACT_STAGES[0][1],
    }
    expect_parameters(model, right, slips)
    _expect_last_norm(run, model, shape, no_last)
    expect_gradients(run, build(run, answer, PREACT_STAGES), shape)


def _expect_last_norm(run: Runner, model: nn.Module, shape: Sequence[int], no_last: str) -> None:
    """In the order of computing: the last batch norm behind the last convolution and on a map, and a ReLU behind it."""
    with torch.no_grad(), used_layers(model, nn.Conv2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.Linear) as used:
        run(model.train(), torch.randn(*shape))
    dense = [each for each in used if isinstance(each.layer, nn.Linear)]
    order = [each for each in used if not isinstance(each.layer, nn.Linear)]
    if not dense:
        raise Wrong("The network has no nn.Linear; one follows the pooling and gives the ten outputs.")
    _, last, seen, _ = order[-1]
    if isinstance(last, nn.Conv2d):
        raise Wrong("The last sum reaches the pooling as it is.", slip=no_last)
    if seen.dim() != 4 or seen.shape[-1] == 1:
        raise Wrong("The last batch norm stands behind the pooling.", slip="it comes before, on the whole map")
    if (dense[-1].x < 0).any():
        raise Wrong(
            "The linear layer is given numbers below zero.",
            slip="the ReLU behind the last batch norm is missing",
        )


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


@exercise
def deeper(run, accuracy, conclusion) -> str:
    return conclude(conclusion, measure(run, accuracy, [8, 56], small_data()))
