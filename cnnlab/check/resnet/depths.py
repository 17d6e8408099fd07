"""Checkers of chapter 11: table, bottleneck."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.nn import functional as F

from cnnlab.check.calling import Runner
from cnnlab.check.judging import exercise
from cnnlab.check.networks import (
    build,
    expect_gradients,
    expect_numbers,
    expect_parameters,
    expect_shape,
    parameters,
)
from cnnlab.check.showing import sizes, value_text
from cnnlab.check.verdict import Wrong
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
    slips = {text: parameters(ResNet(**kept | changes)) for text, changes in nets.items()}
    columns = {f"these are the blocks of {d} layers": published(d)["num_params"] for d in STAGES if d != depth}
    return slips | columns


@exercise(fresh=True)
def table(run, resnet) -> str:
    for depth in STAGES:
        with torch.device("meta"):
            model = build(run, resnet, depth)
            expect_parameters_of(depth, model, table_slips(depth))
            _expect_work(run, depth, model)
    model = build(run, resnet, 18)
    expect_numbers(run, model, torchvisions(18), (2, 3, 64, 64), "torchvision's resnet18")
    expect_gradients(run, build(run, resnet, 50), (4, 3, 64, 64))
    return "Five networks have the parameters and the multiply-accumulates that torchvision publishes for its own."


def expect_parameters_of(depth: int, model: nn.Module, slips: Mapping[str, int]) -> None:
    try:
        expect_parameters(model, published(depth)["num_params"], slips)
    except Wrong as wrong:
        wrong.rows["call"] = f"resnet({depth})"
        raise


def _expect_work(run: Runner, depth: int, model: nn.Module) -> None:
    """Output and arithmetic at 224 × 224; either place for the bottleneck's stride."""
    rows = run(trace, model, IMAGE, given=f"resnet({depth})(X), X of shape {sizes(IMAGE)}")
    if rows[-1].out_shape != (1, 1000):
        raise Wrong("The output has the wrong shape.", got=sizes(rows[-1].out_shape), wanted="1×1000")
    allowed = {round(trace(torchvisions(depth, place), IMAGE).macs / 1e9, 3) for place in (False, True)}
    allowed |= {published(depth)["_ops"]}
    if round(rows.macs / 1e9, 3) in allowed:
        return
    block = Residual if depth < 50 else Bottleneck
    never = [(n, channels, 1) for n, channels, _ in STAGES[depth]]
    slip = ""
    for text, stages in (
        (FIRST_STAGE, halved(depth)),
        ("no stage halves the map; from the second on the first block has stride 2", never),
    ):
        if trace(ResNet(3, 1000, stages=stages, block=block), IMAGE).macs == rows.macs:
            slip = text
    raise Wrong(
        "The parameters are right, the multiply-accumulates at 224 × 224 are not.",
        call=f"resnet({depth})",
        got=f"{rows.macs / 1e9:.3f} G",
        wanted=f"{published(depth)['_ops']:.3f} G",
        slip=slip or "maps are larger or smaller than in the table; look at stem, pooling and strides",
    )


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


@exercise
def bottleneck(run, bottleneck) -> str:
    for setting in ((32, 8, 1), (24, 8, 1), (24, 8, 2), (32, 8, 2)):
        c_in, channels, stride = setting
        model, oracle, shape = build(run, bottleneck, *setting), bottleneck_oracle(*setting), (4, c_in, 7, 10)
        half = (shape[2] + 1) // 2, (shape[3] + 1) // 2
        wanted = (4, 4 * channels, *(half if stride == 2 else shape[2:]))
        slips = {
            "the last 1 × 1 widens to four times the channels": (4, channels, *wanted[2:]),
            "the stride is not used": (4, 4 * channels, *shape[2:]),
        }
        _expect_sum(run, model, shape, wanted, slips)
        expect_parameters(model, parameters(oracle), bottleneck_slips(*setting))
        if stride == 2 and _pixels_read(run, model, shape) < 1:
            raise Wrong(
                "Three of four pixels of X are never read.",
                call=value_text(setting),
                slip="the stride is on the first 1 × 1, as in the paper; on the 3 × 3 every pixel is read",
            )
        if not _changes(*setting):
            _expect_relu_of_sum(run, model, shape)
        expect_numbers(run, model, oracle, shape, "torchvision's Bottleneck")
        expect_gradients(run, build(run, bottleneck, *setting), shape)
    return "Shapes, parameters and numbers are torchvision's, with and without a 1 × 1 on the shortcut."


def _changes(c_in: int, channels: int, stride: int) -> bool:
    return stride != 1 or c_in != 4 * channels


def _expect_sum(run: Runner, model: nn.Module, shape, wanted, slips) -> None:
    """expect_shape, and a word for maps that cannot be added."""
    try:
        expect_shape(run, model, shape, wanted, slips)
    except Wrong as wrong:
        if "must match the size of tensor b" in wrong.sentence:
            wrong.slip = "the two ways have different shapes; the shortcut needs a 1 × 1 with the same stride"
        if "running_mean should contain" in wrong.sentence:
            wrong.slip = "a batch norm has another number of channels than the map in front of it"
        raise


def _pixels_read(run: Runner, model: nn.Module, shape: Sequence[int]) -> float:
    """The share of input pixels that any output depends on."""
    X = torch.randn(*shape, requires_grad=True)
    Y = run(model.train(), X, given=f"model(X), X of shape {sizes(shape)}")
    (Y * torch.randn_like(Y)).sum().backward()
    return float((X.grad.abs().sum((0, 1)) > 0).double().mean())


def _expect_relu_of_sum(run: Runner, model: nn.Module, shape: Sequence[int]) -> None:
    """relu(f(X) + X) with an f that can take away."""
    X = torch.randn(*shape)
    with torch.no_grad():
        if not (run(model.train(), X) < F.relu(X) - 1e-6).any():
            raise Wrong(
                "What is added is never below zero.",
                slip="a ReLU stands between the last batch norm and the sum; it belongs behind the sum",
            )
        kept = [parameter.clone() for parameter in model.parameters()]
        for parameter in model.parameters():
            parameter.zero_()
        Y = run(model, X)
        for parameter, value in zip(model.parameters(), kept, strict=True):
            parameter.copy_(value)
    if not torch.equal(Y, F.relu(X)):
        slip = "the ReLU behind the sum is missing" if torch.equal(Y, X) else "X is not added" if not Y.any() else ""
        raise Wrong("With all parameters at zero the block should give relu(X).", slip=slip)
