"""Checkers of chapter 09: residual_inception."""

from __future__ import annotations

from functools import partial

from torch import nn

from cnnlab.check.frame.judging import exercise
from cnnlab.check.frame.networks import build, expect_gradients, expect_numbers, expect_parameters
from cnnlab.check.frame.verdict import Wrong
from cnnlab.check.googlenet.blocks import (
    C_IN,
    JOINED,
    SHAPE,
    WIDTHS,
    Joined,
    convolutions,
    kept_size,
    mistakes,
    outputs,
    weights,
)
from cnnlab.check.googlenet.blocks import MISTAKES as BRANCHES


class Added(nn.Module):
    """relu(X + a 1×1 convolution of the joined branches), right or with a mistake."""

    def __init__(self, c_in, *, branch_end=nn.Identity, end=nn.ReLU, shortcut=True, **settings):
        super().__init__()
        self.branches, self.expand = Joined(c_in, **settings), nn.Conv2d(JOINED, c_in, 1)
        self.branch_end, self.end, self.shortcut = branch_end(), end(), shortcut

    def forward(self, X):
        Y = self.branch_end(self.expand(self.branches(X)))
        return self.end(X + Y if self.shortcut else Y)


MISTAKES = BRANCHES | {
    "a ReLU follows the last 1 × 1; then the branches can only add and never take away": {"branch_end": nn.ReLU},
    "the ReLU after the sum is missing": {"end": nn.Identity},
    "X is not added; its shortcut is missing": {"shortcut": False},
}


@exercise
def residual_inception(run, residual_inception) -> str:
    def made():
        return build(run, residual_inception, C_IN, *WIDTHS.values(), shape=SHAPE)

    joined = {
        "this is the joined width; a 1 × 1 convolution has to bring it back to the channels of X": JOINED,
        "X is joined to the branches; a shortcut is added": JOINED + C_IN,
        "X is joined to the expanded branches; a shortcut is added": 2 * C_IN,
    }
    try:
        model = made()
        kept_size(run, model, C_IN, joined)
    except Wrong as wrong:
        if "must match the size of tensor b" in wrong.sentence:
            wrong.slip = f"{JOINED} joined channels cannot be added to {C_IN}; a 1 × 1 convolution comes between"
        raise
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
    slips = mistakes(partial(Added, C_IN, **WIDTHS), MISTAKES)
    expect_numbers(run, model, Added(C_IN, **WIDTHS), SHAPE, "relu(X + 1 × 1 of the joined branches)", slips)
    expect_gradients(run, made(), SHAPE)
    return "Zero weights leave relu(X), the branches can add and take away, and every parameter gets a gradient."
