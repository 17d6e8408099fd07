"""Checkers of chapter 11: table, bottleneck."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
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
    macs,
    parameters,
)
from cnnlab.check.frame.verdict import Wrong
from cnnlab.compat import load_torchvision
from cnnlab.models.resnet import STAGES, Bottleneck, Residual, ResNet
from cnnlab.trace import trace

IMAGE = (1, 3, 224, 224)


def published(depth: int) -> Mapping:
    """torchvision's record of its own network: num_params, _ops (GMACs at 224 × 224) and more."""
    return load_torchvision().models.get_model_weights(f"resnet{depth}").DEFAULT.meta


def torchvisions(depth: int, stride_on_first: bool = False) -> nn.Module:
    """torchvision's network; or with the paper's place for the stride, the bottleneck's first 1×1."""
    net = getattr(load_torchvision().models, f"resnet{depth}")()
    for name, block in net.named_modules():
        if stride_on_first and name.endswith(".0") and hasattr(block, "conv3"):
            block.conv1.stride, block.conv2.stride = block.conv2.stride, (1, 1)
    return net


FIRST_STAGE = "the first stage keeps the side; the pooling before it has halved already"


def halved(depth: int) -> list[tuple[int, int, int]]:
    """The stages of the table, each of them with stride 2."""
    return [(n, channels, 2) for n, channels, _ in STAGES[depth]]


def table_slips(depth: int) -> dict[str, int]:
    """Counts of networks that learners build instead."""
    right, other = (Residual, Bottleneck) if depth < 50 else (Bottleneck, Residual)
    kept = {"in_channels": 3, "num_classes": 1000, "stages": STAGES[depth], "block": right}
    nets = {
        "18 and 34 layers have blocks of two 3 × 3; from 50 on it is the bottleneck": {"block": other},
        "ten classes; the table ends in 1,000": {"num_classes": 10},
        "one channel goes in; colour images have three": {"in_channels": 1},
        "the convolutions have biases; the batch norms behind them make those useless": {"bias": True},
        "there is no batch norm on the 1 × 1 of the shortcuts": {"shortcut_norm": False},
        "the shortcuts are missing": {"shortcut": False},
        FIRST_STAGE: {"stages": halved(depth)},
    }
    with torch.device("meta"):
        slips = {text: parameters(ResNet(**kept | changes)) for text, changes in nets.items()}
    columns = {f"these are the blocks of {d} layers": published(d)["num_params"] for d in STAGES if d != depth}
    return slips | columns


def with_parts(**parts: nn.Module) -> nn.Module:
    """torchvision's 18 layers with other parts."""
    net = torchvisions(18)
    for name, part in parts.items():
        setattr(net, name, part)
    return net


MISTAKES = {
    "the ReLU in the stem is missing": {"relu": nn.Identity()},
    "the pooling in the stem averages; it takes the largest": {"maxpool": nn.AvgPool2d(3, 2, 1)},
    "at the end the largest of each map is taken; the average is meant": {"avgpool": nn.AdaptiveMaxPool2d(1)},
}
SMALL = (3, 3, 64, 64)


@exercise(fresh=True)
def table(run, resnet) -> str:
    for depth in STAGES:
        _expect_published(run, resnet, depth)
    for depth, nets in ((18, [torchvisions(18)]), (50, [torchvisions(50), torchvisions(50, stride_on_first=True)])):
        model = build(run, resnet, depth, shape=SMALL)
        call, slips = f"resnet({depth})", combined(with_parts, MISTAKES, most=3) if depth == 18 else {}
        expect_numbers(run, model, nets, SMALL, f"torchvision's resnet{depth}", slips, modes=[True, False], call=call)
    expect_gradients(run, model, SMALL)
    return "Five networks have the parameters and the multiply-accumulates that torchvision publishes for its own."


def _expect_published(run: Runner, resnet, depth: int) -> None:
    """Parameters, output and arithmetic at 224 × 224; either place for the bottleneck's stride."""
    call, meta = f"resnet({depth})", published(depth)
    model = build(run, resnet, depth, given=call, shape=SMALL)
    if parameters(model) != meta["num_params"]:
        expect_parameters(model, meta["num_params"], table_slips(depth), call=call)
    with torch.no_grad():
        count = macs(lambda: expect_shape(run, model, IMAGE, (1, 1000)))
    with torch.device("meta"):
        places = [torchvisions(depth, place) for place in (False, True)]
    if count in [trace(net, IMAGE).macs for net in places]:
        return
    raise Wrong(
        "The parameters are right, the multiply-accumulates at 224 × 224 are not.",
        call=call,
        got=f"{count / 1e9:.3f} G",
        wanted=f"{meta['_ops']:.3f} G",
        slip=_work_slip(depth, count),
    )


def _work_slip(depth: int, count: int) -> str:
    block = Residual if depth < 50 else Bottleneck
    never = [(n, channels, 1) for n, channels, _ in STAGES[depth]]
    ways = {
        FIRST_STAGE: halved(depth),
        "no stage halves the map; from the second on the first block has stride 2": never,
    }
    with torch.device("meta"):
        nets = {text: ResNet(3, 1000, stages=stages, block=block) for text, stages in ways.items()}
    other = "maps are larger or smaller than in the table; look at stem, pooling and strides"
    return next((text for text, net in nets.items() if trace(net, IMAGE).macs == count), other)


def bottleneck_oracle(c_in: int, channels: int, stride: int) -> nn.Module:
    load_torchvision()
    theirs, out = importlib.import_module("torchvision.models.resnet"), 4 * channels
    changes = stride != 1 or c_in != out
    around = nn.Sequential(nn.Conv2d(c_in, out, 1, stride, bias=False), nn.BatchNorm2d(out)) if changes else None
    return theirs.Bottleneck(c_in, channels, stride, around)


def bottleneck_slips(c_in: int, channels: int, stride: int) -> dict[str, int]:
    c, out, right = channels, 4 * channels, parameters(bottleneck_oracle(c_in, channels, stride))
    changes = stride != 1 or c_in != out
    slips = {
        "the three convolutions have biases; the batch norms make them useless": right + 2 * c + out,
        "every convolution has a bias; the batch norms make them useless": right + 2 * c + 2 * out,
        "the 3 × 3 works on the wide channels; it belongs between the two 1 × 1": (
            right + 9 * out * out - 9 * c * c + 2 * (out - c) + c_in * (out - c) + out * (out - c)
        ),
        "these are the two 3 × 3 of the plain block": 9 * c_in * out
        + 9 * out * out
        + 4 * out
        + changes * (c_in + 2) * out,
    }
    if changes:
        slips["there is no batch norm on the shortcut's 1 × 1"] = right - 2 * out
        slips["the shortcut has no 1 × 1"] = right - (c_in + 2) * out
    else:
        slips["shapes agree here: X itself is added, without a convolution"] = right + (c_in + 2) * out
    return slips


class Variant(nn.Module):
    """The bottleneck, right or with a mistake."""

    def __init__(
        self, c_in, channels, stride, *, at=1, between=nn.ReLU, closing=nn.Identity, end=nn.ReLU, shortcut=True
    ):
        super().__init__()
        c, out, strides = channels, 4 * channels, [stride if i == at else 1 for i in range(3)]
        layers = []
        for a, b, k, s in zip((c_in, c, c), (c, c, out), (1, 3, 1), strides, strict=True):
            layers += [nn.Conv2d(a, b, k, s, k // 2, bias=False), nn.BatchNorm2d(b), between()]
        self.way, self.closing, self.end = nn.Sequential(*layers[:-1]), closing(), end()
        around = nn.Sequential(nn.Conv2d(c_in, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        self.around = (around if _changes(c_in, channels, stride) else nn.Identity()) if shortcut else None

    def forward(self, X):
        Y = self.closing(self.way(X))
        return self.end(Y if self.around is None else Y + self.around(X))


BLOCK_MISTAKES = {
    "the stride is on the first 1 × 1, as in the paper; on the 3 × 3 every pixel is read": {"at": 0},
    "the stride is on the last 1 × 1; it belongs on the 3 × 3": {"at": 2},
    "the ReLU behind the sum is missing": {"end": nn.Identity},
    "a ReLU stands between the last batch norm and the sum; it belongs behind the sum": {
        "closing": nn.ReLU,
        "end": nn.Identity,
    },
    "a ReLU stands between the last batch norm and the sum; one behind the sum is enough": {"closing": nn.ReLU},
    "there is no ReLU between the convolutions": {"between": nn.Identity},
    "X is not added": {"shortcut": False},
}


@exercise
def bottleneck(run, bottleneck) -> str:
    for setting in ((32, 8, 1), (24, 8, 1), (24, 8, 2), (32, 8, 2)):
        c_in, channels, stride = setting
        shape, call = (4, c_in, 7, 10), f"bottleneck{setting}"
        half = (shape[2] + 1) // 2, (shape[3] + 1) // 2
        wanted = (4, 4 * channels, *(half if stride == 2 else shape[2:]))
        slips = {
            "the last 1 × 1 widens to four times the channels": (4, channels, *wanted[2:]),
            "the stride is not used": (4, 4 * channels, *shape[2:]),
        }
        model = _expect_sum(run, bottleneck, setting, shape, wanted, slips)
        oracle = bottleneck_oracle(*setting)
        expect_parameters(model, parameters(oracle), bottleneck_slips(*setting), call=call)
        slips = combined(partial(Variant, *setting), BLOCK_MISTAKES)
        expect_numbers(run, model, oracle, shape, "torchvision's Bottleneck", slips, call=call)
        expect_gradients(run, build(run, bottleneck, *setting, shape=shape), shape)
    return "Shapes, parameters and numbers are torchvision's, with and without a 1 × 1 on the shortcut."


def _changes(c_in: int, channels: int, stride: int) -> bool:
    return stride != 1 or c_in != 4 * channels


def _expect_sum(run: Runner, answer, setting, shape, wanted, slips) -> nn.Module:
    """The block that is built, once its output has the right shape; with a word for maps that cannot be added."""
    try:
        model = build(run, answer, *setting, shape=shape)
        expect_shape(run, model, shape, wanted, slips)
        return model
    except Wrong as wrong:
        if "must match the size of tensor b" in wrong.sentence:
            wrong.slip = "the two ways have different shapes; the shortcut needs a 1 × 1 with the same stride"
        if "running_mean should contain" in wrong.sentence:
            wrong.slip = "a batch norm has another number of channels than the map in front of it"
        raise
