"""Checkers of chapter 09: residual_inception."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from cnnlab.check.calling import Runner
from cnnlab.check.googlenet.blocks import (
    C_IN,
    JOINED,
    SHAPE,
    WIDTHS,
    Joined,
    convolutions,
    kept_size,
    outputs,
    seen,
    weights,
)
from cnnlab.check.judging import exercise
from cnnlab.check.networks import build, expect_gradients, expect_numbers, expect_parameters
from cnnlab.check.verdict import Wrong


class Added(nn.Module):
    """relu(X + a 1×1 convolution of the joined branches)."""

    def __init__(self, c_in, **widths):
        super().__init__()
        self.branches, self.expand = Joined(c_in, **widths), nn.Conv2d(JOINED, c_in, 1)

    def forward(self, X):
        return F.relu(X + self.expand(self.branches(X)))


@exercise
def residual_inception(run, residual_inception) -> str:
    model, oracle = build(run, residual_inception, C_IN, *WIDTHS.values()), Added(C_IN, **WIDTHS)
    joined = {
        "this is the joined width; a 1 × 1 convolution has to bring it back to the channels of X": JOINED,
        "X is joined to the branches; a shortcut is added": JOINED + C_IN,
        "X is joined to the expanded branches; a shortcut is added": 2 * C_IN,
    }
    try:
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
    _expect_shortcut(run, residual_inception)
    if seen(run, model, C_IN) != (5, 5):
        raise Wrong("An output pixel does not see 5 × 5 pixels; are all four branches joined?")
    expect_numbers(run, model, oracle, SHAPE, "relu(X + 1 × 1 of the joined branches)")
    expect_gradients(run, build(run, residual_inception, C_IN, *WIDTHS.values()), SHAPE)
    return "Zero weights leave relu(X), the branches can add and take away, and every parameter gets a gradient."


def _expect_shortcut(run: Runner, answer) -> None:
    """What comes out when every parameter is zero, and whether the branches can take something away."""
    model = build(run, answer, C_IN, *WIDTHS.values())
    X = torch.randn(*SHAPE)
    with torch.no_grad():
        for _ in range(4):
            if (run(model, X) < F.relu(X) - 1e-6).any():
                break
            model = build(run, answer, C_IN, *WIDTHS.values())
        else:
            raise Wrong(
                "What is added is never below zero.",
                slip="a ReLU follows the last 1 × 1; then the branches can only add and never take away",
            )
        for parameter in model.parameters():
            parameter.zero_()
        Y = run(model, X)
    if torch.equal(Y, F.relu(X)):
        return
    slip = "the ReLU after the sum is missing" if torch.equal(Y, X) else ""
    slip = "X is not added; its shortcut is missing" if not Y.any() else slip
    raise Wrong("With all weights and biases at zero the block should give relu(X).", slip=slip)
