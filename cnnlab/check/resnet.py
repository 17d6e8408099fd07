"""Checkers of chapter 11: ResNet."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
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
    macs,
    parameters,
)
from cnnlab.check.frame.verdict import Wrong, naming_slips
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


@exercise("ResNets from table 1", level=2, minutes=20, fresh=True)
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


BOTTLENECK_MISTAKES = {
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


@exercise("The bottleneck block", level=2, minutes=20)
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
        slips = combined(partial(Variant, *setting), BOTTLENECK_MISTAKES)
        expect_numbers(run, model, oracle, shape, "torchvision's Bottleneck", slips, call=call)
        expect_gradients(run, build(run, bottleneck, *setting, shape=shape), shape)
    return "Shapes, parameters and numbers are torchvision's, with and without a 1 × 1 on the shortcut."


def _changes(c_in: int, channels: int, stride: int) -> bool:
    return stride != 1 or c_in != 4 * channels


def _expect_sum(run: Runner, answer, setting, shape, wanted, slips) -> nn.Module:
    """The block that is built, once its output has the right shape; with a word for maps that cannot be added."""
    errors = {
        "must match the size of tensor b": "the two ways have different shapes; the shortcut needs a 1 × 1 with the same stride",
        "running_mean should contain": "a batch norm has another number of channels than the map in front of it",
    }
    with naming_slips(errors):
        model = build(run, answer, *setting, shape=shape)
        expect_shape(run, model, shape, wanted, slips)
        return model


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
PREACT_MISTAKES = {
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


@exercise("Pre-activation done properly", level=3, minutes=30)
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
    expect_parameters(model, right, slips, call=call)
    slips = combined(partial(PreActivation, *setting), PREACT_MISTAKES)
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
    expect_parameters(model, right, slips, call=call)
    slips = combined(plain_preact, NET_MISTAKES)
    expect_numbers(run, model, plain_preact(), shape, "the network of He et al. 2016", slips, call=call)
    expect_gradients(run, made(), shape)


@exercise("An Inception branch or a residual one", level=2, minutes=15)
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


@exercise("Is deeper always better here?", level=2, minutes=25)
def deeper(run, accuracy, conclusion) -> str:
    return conclude(conclusion, measure(run, accuracy, DEEPER))
