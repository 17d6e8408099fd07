"""Checkers of chapter 08: NiN."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from cnnlab.check.frame.experiments import Asked, conclude, measure
from cnnlab.check.frame.judging import call, compare, exercise, number
from cnnlab.check.frame.networks import macs, parameters, used_layers
from cnnlab.check.frame.showing import sizes

# Few images to validate by: the seeds lie much further apart than 500 images blur.
FEW = {"images": 1_000, "valid": 500}
ONE_BY_ONE = Asked("nin.one_by_one", "with_pointwise", (2, 1), **FEW, seeds=8)
LAST_CHANNELS = Asked("nin.in_one_step", "with_last_channels", (10, 96), **FEW, seeds=8)
DROPOUT = Asked("nin.dropout", "with_dropout", (0.5, 0.3), **FEW, seeds=5)


@exercise("One 1 × 1 convolution instead of two", level=2, minutes=25)
def one_by_one(run, with_pointwise, conclusion) -> str:
    return conclude(conclusion, measure(run, with_pointwise, ONE_BY_ONE))


# ---- parameters, multiplications, memory -------------------------------------------------------------------------------


class Layer(NamedTuple):
    """One layer in a run: its parameters, and how many numbers went in and came out."""

    module: nn.Module
    params: int
    read: int
    wrote: int


def layers_of(model: nn.Module, X: torch.Tensor) -> list[Layer]:
    with torch.no_grad(), used_layers(model) as used:
        model(X)
    return [Layer(layer, parameters(layer), x.numel(), y.numel()) for _, layer, x, y in used]


@torch.no_grad()
def macs_of(model: nn.Module, X: torch.Tensor) -> int:
    return macs(lambda: model(X))


def costs_oracle(model, X):
    rows = layers_of(model, X)
    training, prediction = sum(row.wrote for row in rows), max(row.read + row.wrote for row in rows)
    return sum(row.params for row in rows), macs_of(model, X), training, prediction


def with_other(place: int, other):
    """The four numbers with one of them counted another way; a slip."""

    def slip(model, X):
        right = list(costs_oracle(model, X))
        right[place] = other(model, X, layers_of(model, X))
        return tuple(right)

    return slip


def is_weighted(row: Layer) -> bool:
    return isinstance(row.module, nn.Conv2d | nn.Linear)


SLIPS = {
    "the biases are missing from the parameters": with_other(
        0, lambda model, X, rows: sum(row.module.weight.numel() for row in rows if is_weighted(row))
    ),
    "the running statistics of a batch norm are no parameters: nothing learns them": with_other(
        0, lambda model, X, rows: sum(value.numel() for value in model.state_dict().values())
    ),
    "the MACs are those of one image; X may hold several": with_other(1, lambda model, X, rows: macs_of(model, X[:1])),
    "a multiply-accumulate is counted twice, as a multiplication and an addition": with_other(
        1, lambda model, X, rows: 2 * macs_of(model, X)
    ),
    "a bias is added, not multiplied: MACs count weights alone": with_other(
        1,
        lambda model, X, rows: sum(
            row.params * row.wrote // row.module.weight.shape[0] for row in rows if is_weighted(row)
        ),
    ),
    "the groups are forgotten: each output reads c_in / groups channels": with_other(
        1,
        lambda model, X, rows: sum(
            row.module.weight[0].numel() * getattr(row.module, "groups", 1) * row.wrote
            for row in rows
            if is_weighted(row)
        ),
    ),
    "each weight is counted once; a convolution uses it at every pixel": with_other(
        1, lambda model, X, rows: sum(row.module.weight.numel() for row in rows if is_weighted(row)) * len(X)
    ),
    "in training the outputs of layers without weights are kept too": with_other(
        2, lambda model, X, rows: sum(row.wrote for row in rows if row.params)
    ),
    "in training the outputs of batch norm, ReLU and pooling are kept too": with_other(
        2, lambda model, X, rows: sum(row.wrote for row in rows if is_weighted(row))
    ),
    "the input is no output of a layer": with_other(
        2, lambda model, X, rows: X.numel() + sum(row.wrote for row in rows)
    ),
    "the weights are asked for by themselves, not in the maps": with_other(
        2, lambda model, X, rows: sum(row.params + row.wrote for row in rows)
    ),
    "in training all outputs wait for the backward pass, not only the largest": with_other(
        2, lambda model, X, rows: max(row.read + row.wrote for row in rows)
    ),
    "a prediction can forget every map that has been read": with_other(
        3, lambda model, X, rows: sum(row.wrote for row in rows)
    ),
    "while a layer computes, its input is there as well as its output": with_other(
        3, lambda model, X, rows: max(row.wrote for row in rows)
    ),
    "the largest input and the largest output need not belong to one layer": with_other(
        3, lambda model, X, rows: max(row.read for row in rows) + max(row.wrote for row in rows)
    ),
}


def sample_nets() -> list[tuple[nn.Module, torch.Tensor]]:
    small = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
    grouped = nn.Sequential(
        nn.Conv2d(4, 6, (3, 1), stride=2, groups=2), nn.ReLU(), nn.Conv2d(6, 3, 1, bias=False),
        nn.BatchNorm2d(3), nn.MaxPool2d(2), nn.Dropout(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip
    # The largest input is a pooling's, the largest output the last convolution's.
    growing = nn.Sequential(nn.MaxPool2d(4), nn.Conv2d(2, 7, 3, padding=1), nn.ReLU(), nn.Conv2d(7, 12, 1))
    return [(small, torch.randn(1, 1, 4, 4)), (grouped, torch.randn(3, 4, 9, 8)), (growing, torch.randn(2, 2, 16, 16))]


@exercise("Parameters, multiplications and memory", level=2, minutes=20)
def costs(run, costs) -> str:
    def given(model, X):
        names = ", ".join(type(layer).__name__ for layer in model)
        return f"costs(model, X), model of {names}, X of shape {sizes(X.shape)}"

    compare(run, costs, [call(*pair) for pair in sample_nets()], costs_oracle, SLIPS, given=given)
    return "Three networks agree with PyTorch's own counter and with the sizes of the tensors in a run."


@exercise("From 384 channels to 10 in one step", level=1, minutes=10)
def in_one_step(run, left, with_last_channels, conclusion) -> str:
    slips = {
        "these numbers go in": 384 * 5 * 5,
        "the mean over each map comes later; here are still maps": 10,
        "these are the weights of that convolution": 3 * 3 * 384 * 10,
        "these are the parameters of that convolution": 3 * 3 * 384 * 10 + 10,
        "one map alone": 5 * 5,
        "with padding 1 the 3 × 3 convolution keeps the side": 10 * 3 * 3,
    }
    number(left, 10 * 5 * 5, slips, name="left")
    return conclude(conclusion, measure(run, with_last_channels, LAST_CHANNELS))


@exercise("Dropout 0.3", level=2, minutes=15)
def dropout(run, with_dropout, conclusion) -> str:
    return conclude(conclusion, measure(run, with_dropout, DROPOUT))
