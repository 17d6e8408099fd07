"""Checkers of chapter 07: VGG."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import nn

from cnnlab.check.frame.calling import Runner
from cnnlab.check.frame.judging import call, choose, compare, exercise, filled, number
from cnnlab.check.frame.networks import (
    Used,
    build,
    combined,
    expect_gradients,
    expect_numbers,
    expect_parameters,
    expect_shape,
    macs,
    parameters,
    used_layers,
)
from cnnlab.check.frame.showing import sizes, value_text
from cnnlab.check.frame.values import as_numbers
from cnnlab.check.frame.verdict import Wrong

# ---- layer by layer ----------------------------------------------------------------------------------------------------


def seen(model: nn.Module, X: torch.Tensor) -> list[Used]:
    """Every layer with weights, in the order of the run."""
    with torch.no_grad(), used_layers(model, nn.Conv2d, nn.Linear) as used:
        model(X)
    return used


@torch.no_grad()
def multiplications(layer: nn.Module, X: torch.Tensor) -> int:
    return macs(lambda: layer(X))


def per_layer_oracle(model: nn.Module, X: torch.Tensor) -> list[tuple[str, int, int, int]]:
    return [
        (name, sum(p.numel() for p in layer.parameters()), multiplications(layer, x), y.numel())
        for name, layer, x, y in seen(model, X)
    ]


def table_of(params=None, macs=None, outputs=None, keep=lambda layer: True):
    """The table with one column counted another way, each from (layer, input, output); a slip."""

    def slip(model, X):
        rows = zip(per_layer_oracle(model, X), seen(model, X), strict=True)
        return [
            (
                name,
                *(
                    other(*layer) if other else right
                    for right, other in zip(counts, (params, macs, outputs), strict=True)
                ),
            )
            for (name, *counts), (_, *layer) in rows
            if keep(layer[0])
        ]

    return slip


def places(y: torch.Tensor) -> int:
    """Pixels of a map, or 1 for a vector."""
    return math.prod(y.shape[2:])


def sample_nets() -> list[tuple[nn.Module, torch.Tensor]]:
    plain = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5))
    block = nn.Sequential(nn.Conv2d(4, 6, (3, 2), stride=2, groups=2, bias=False), nn.ReLU(), nn.Conv2d(6, 8, 1))
    nested = nn.Sequential(
        nn.Conv2d(2, 4, 5, padding=2), block, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3, bias=False)
    )
    return [(plain, torch.randn(1, 1, 6, 6)), (nested, torch.randn(1, 2, 11, 8))]


@exercise("Why VGG is heavier than AlexNet, layer by layer", level=2, minutes=20)
def per_layer_table(run, per_layer, heavier_by, slower_by, most_maps) -> str:
    slips = {
        "a convolution's bias is added, not multiplied: MACs count weights alone": table_of(
            macs=lambda layer, x, y: sum(p.numel() for p in layer.parameters()) * places(y)
        ),
        "c_in is left out of the MACs: k · k · c_in · c_out · h · w": table_of(
            macs=lambda layer, x, y: (
                math.prod(layer.kernel_size) * y.numel() if isinstance(layer, nn.Conv2d) else layer.weight.numel()
            )
        ),
        "the groups are forgotten: each output reads c_in / groups channels": table_of(
            macs=lambda layer, x, y: y.numel() * layer.weight[0].numel() * getattr(layer, "groups", 1)
        ),
        "the MACs of a convolution are counted once, not at every pixel of its output": table_of(
            macs=lambda layer, x, y: layer.weight.numel()
        ),
        "the pixels of the input are counted; a kernel is laid on each output pixel": table_of(
            macs=lambda layer, x, y: layer.weight.numel() * places(x)
        ),
        "additions are counted too; one multiply-accumulate has both": table_of(
            macs=lambda layer, x, y: 2 * multiplications(layer, x)
        ),
        "the biases are missing from the parameters": table_of(params=lambda layer, x, y: layer.weight.numel()),
        "the channels are missing from the outputs": table_of(outputs=lambda layer, x, y: places(y)),
        "the linear layers are missing": table_of(keep=lambda layer: isinstance(layer, nn.Conv2d)),
    }
    calls = [call(*pair) for pair in sample_nets()]

    def given(model, X):
        layers = ", ".join(type(layer).__name__ for layer in model)
        return f"per_layer(model, X), model of {layers}, X of shape {sizes(X.shape)}"

    compare(run, per_layer, calls, per_layer_oracle, slips, given=given)
    choose(
        heavier_by,
        "dense layers",
        {
            "convolutions": "The convolutions of VGG-11 have 9.2 million parameters and AlexNet's 3.7 million: that explains 5.5 of the 82 million more.",
            "both alike": "Of the 82 million more parameters 76 million stand in one layer; find it in your table.",
        },
        name="heavier_by",
    )
    choose(
        slower_by,
        "convolutions",
        {
            "dense layers": "A dense layer uses each weight once: VGG-11's three take 120 million of its 7,547 million MACs.",
            "both alike": "Add up the two kinds of rows in your table: the dense layers take less than 2 % of the MACs.",
        },
        name="slower_by",
    )
    choose(
        most_maps,
        "blocks 1 and 2",
        {
            "blocks 3 to 5": "They have more channels, but a block halves both sides: four times fewer pixels for twice the channels.",
            "dense layers": "A dense layer gives out 4,096 numbers; the first convolution gives out 64 · 224 · 224.",
        },
        name="most_maps",
    )
    return "Two networks agree with PyTorch's own counter, and the table answers all three questions."


# ---- 96 instead of 224 -------------------------------------------------------------------------------------------------


@exercise("From 224 to 96 pixels", level=1, minutes=10)
def smaller_input(run, features, parameters, times_fewer) -> str:
    number(
        features,
        512 * 3 * 3,
        {
            "that is 224 px; after five halvings of 96 px the map is smaller than 7 × 7": 512 * 7 * 7,
            "the channels are left out": 9,
            "the map has two sides, both 3": 512 * 3,
            "only four halvings: there are five poolings": 512 * 6 * 6,
        },
        name="features",
    )
    whole, shrunk = 128_806_154, 128_806_154 - 4096 * 512 * (7 * 7 - 3 * 3)
    number(
        parameters,
        shrunk,
        {
            "the convolutions do not depend on the image, but the first dense layer reads the flattened map": whole,
            "these are the weights that were saved, not those that are left": whole - shrunk,
            "only the first dense layer has fewer weights, not the whole network": round(whole * 9 / 49),
            "this is the first dense layer alone": 4608 * 4096 + 4096,
        },
        name="parameters",
    )
    number(
        times_fewer,
        49 / 9,
        {
            "the map shrinks along both sides": 7 / 3,
            "turned round: how many times fewer, a number above 1": 9 / 49,
            "with the dense layers; asked are the convolutions alone": 7_547_232_256 / 1_399_955_456,
            "this is the factor of all parameters": whole / shrunk,
        },
        name="times_fewer",
        within=0.004,
    )
    return "96 px leave 3 × 3 maps: one layer loses weights, and every convolution loses work."


# ---- VGG-16 and VGG-19 -------------------------------------------------------------------------------------------------

PAPER = {"D": (2, 2, 3, 3, 3), "E": (2, 2, 4, 4, 4)}
# What torchvision's weights say of themselves (num_params); the paper's table 2 has 138 and 144 million.
PARAMETERS = {"D": 138_357_544, "E": 143_667_240}
CHANNELS = (64, 128, 256, 512, 512)


@exercise("VGG-16 and VGG-19 from the table", level=2, minutes=15, fresh=True)
def deeper(run, D, E, vgg) -> str:
    for name, column in (("D", D), ("E", E)):
        _column(name, column)
    for name, column in PAPER.items():
        _expect_published(run, vgg, name, column)
    for convs, channels, side in (((1, 2, 1, 3, 2), (5, 7, 9, 8, 6), 64), ((2, 1), (5, 7), 12)):
        _expect_vgg(run, vgg, convs, channels, side)
    return "Both columns have the parameters of the published networks, and each layer does what it should."


def _expect_published(run: Runner, vgg, name: str, column: tuple[int, ...]) -> None:
    given = f"vgg({name}, channels, 224, 1000, 4096)"
    model = build(run, vgg, column, CHANNELS, 224, 1000, 4096, given=given, shape=(1, 3, 224, 224))
    expect_parameters(model, PARAMETERS[name], _other_counts(PARAMETERS[name], column), call=given)


def _column(name: str, column: object) -> None:
    """Raises ToDo or Wrong unless this is the paper's column."""
    filled(column)
    right, layers = PAPER[name], sum(PAPER[name]) + 3
    shown, column = value_text(column), as_numbers(column)
    if column is None or len(column) != 5 or not all(isinstance(n, int) for n in column):
        raise Wrong(f"{name} should be five whole numbers, the convolutions of each block.", got=shown)
    if tuple(column) != right:
        with_dense = "the three dense layers count among these layers too" if sum(column) == layers else ""
        uneven = "the last three blocks have the same number of convolutions" if len(set(column[2:])) > 1 else ""
        says = f"{name} has {sum(column)} convolutions; with three dense layers that makes {sum(column) + 3}, and VGG-{layers} is asked for."
        if sum(column) == sum(right):
            says = f"{name} has the right number of convolutions, but not in the right blocks."
        raise Wrong(says, got=value_text(column), slip=with_dense or uneven)


def _other_counts(right: int, column: tuple[int, ...]) -> dict[str, int]:
    first_dense = 512 * 7 * 7 * 4096
    biases = sum(count * channels for count, channels in zip(column, CHANNELS, strict=True))
    return {
        "the images are colour: three channels in, not one": right - 2 * 64 * 9,
        "num_classes is not used in the last layer: 10 instead of 1,000": right - 990 * 4097,
        "the convolutions have no biases; VGG has no batch norm in place of them": right - biases,
        "one of the two hidden dense layers is missing": right - 4096 * 4097,
        "a pooling is missing: the first dense layer reads 14 × 14 pixels": right + 3 * first_dense,
        "a pooling too many: the first dense layer reads 3 × 3 pixels": right - first_dense + 512 * 9 * 4096,
    }


def plain_vgg(
    convs,
    channels,
    side: int,
    classes: int,
    dense: int,
    *,
    between=nn.ReLU,
    closing=nn.ReLU,
    hidden=nn.ReLU,
    pool=nn.MaxPool2d,
    end=(),
) -> nn.Module:
    """VGG for colour images, right or with a mistake."""
    layers, now = [], 3
    for count, out in zip(convs, channels, strict=True):
        for i in range(1, count + 1):
            layers += [nn.Conv2d(now, out, 3, padding=1), closing() if i == count else between()]
            now = out
        layers.append(pool(2))
    now *= (side // 2 ** len(convs)) ** 2
    layers += [nn.Flatten(), nn.Linear(now, dense), hidden(), nn.Linear(dense, dense), hidden()]
    return nn.Sequential(*layers, nn.Linear(dense, classes), *end)


MISTAKES = {
    "the ReLUs between the convolutions of a block are missing": {"between": nn.Identity},
    "the ReLU after a block's last convolution is missing": {"closing": nn.Identity},
    "the dense layers have no ReLU between them": {"hidden": nn.Identity},
    "there is no ReLU at all": {"between": nn.Identity, "closing": nn.Identity, "hidden": nn.Identity},
    "the scores go through a ReLU": {"end": [nn.ReLU()]},
    "the scores go through a softmax; the loss does that": {"end": [nn.Softmax(1)]},
    "the poolings average; VGG takes the largest": {"pool": nn.AvgPool2d},
}


def _expect_vgg(run: Runner, vgg, convs, channels, side: int) -> None:
    """Raises Wrong unless a small VGG computes what one should. Dropout is welcome, so it is in evaluation mode."""
    sizes_, classes, shape = (convs, channels, side), 4, (8, 3, side, side)
    call = f"vgg({convs}, {channels}, {side}, {classes}, 16)"

    def made():
        return build(run, vgg, *sizes_, classes, 16, given=call, shape=shape)

    def count(convs=convs, classes=classes, dense=16) -> int:
        with torch.device("meta"):
            return parameters(plain_vgg(convs, channels, side, classes, dense))

    model = made()
    slips = {
        "num_classes is not used: 1,000 are fixed": count(classes=1000),
        "dense is not used: 4,096 are fixed": count(dense=4096),
        "every block has the same number of convolutions": count([convs[0]] * len(convs)),
    }
    expect_parameters(model, count(), slips, call=call)
    expect_shape(run, model, shape, (shape[0], classes))
    vgg_of = partial(plain_vgg, *sizes_, classes, 16)
    slips = combined(vgg_of, MISTAKES)
    expect_numbers(run, model, vgg_of(), shape, "a VGG of these blocks", slips, modes=[False], call=call)
    expect_gradients(run, made(), shape)
