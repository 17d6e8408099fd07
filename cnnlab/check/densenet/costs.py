"""Checkers of chapter 12: fewer_parameters, memory."""

from __future__ import annotations

import random

import torch
from torch import nn

from cnnlab import models
from cnnlab.check.frame.judging import call, choose, compare, exercise, filled, number
from cnnlab.check.frame.networks import kept_bytes, parameters, used_layers


def weights(*pairs: tuple[int, int]) -> int:
    """PyTorch's own count for 3×3 convolutions of those channels in and out, without biases."""
    return sum(nn.Conv2d(c_in, c_out, 3, bias=False, device="meta").weight.numel() for c_in, c_out in pairs)


def dense_pairs(c_in: int, growth: int, layers: int) -> list[tuple[int, int]]:
    return [(c_in + i * growth, growth) for i in range(layers)]


@exercise
def fewer_parameters(run, dense_weights, residual_weights, times, reason) -> str:
    draw = random.Random(3)
    ends = [(40, 20, 7)] * 30 + [(2_000, 200, 60)] * 10
    settings = [call(*(draw.randint(1, end) for end in row)) for row in ends]
    slips = {
        "every layer reads only the input of the block; it reads all that was written since, too": lambda c, g, n: (
            9 * c * g * n
        ),
        "a layer writes growth channels, not all it has read": lambda c, g, n: sum(
            9 * (c + i * g) ** 2 for i in range(n)
        ),
        "the first layer reads c_in, before anything is added": lambda c, g, n: sum(
            9 * (c + i * g) * g for i in range(1, n + 1)
        ),
        "a 3×3 kernel has 9 weights for each pair of channels": lambda c, g, n: sum((c + i * g) * g for i in range(n)),
        "the layers of a block add up": lambda c, g, n: 9 * (c + (n - 1) * g) * g,
        "biases are counted; none were asked for": lambda c, g, n: sum(9 * (c + i * g) * g + g for i in range(n)),
    }
    given = "dense_weights(c_in={}, growth={}, layers={})".format
    compare(run, dense_weights, settings, lambda c, g, n: weights(*dense_pairs(c, g, n)), slips, given=given)
    slips = {
        "c_in is left out: every output channel reads every input channel": lambda c, n: 9 * c * n,
        "the layers add up": lambda c, n: 9 * c * c,
        "a 3×3 kernel has 9 weights for each pair of channels": lambda c, n: c * c * n,
        "biases are counted; none were asked for": lambda c, n: (9 * c * c + c) * n,
    }
    settings = [call(*(draw.randint(1, end) for end in (row[0], row[2]))) for row in ends]
    given = "residual_weights(channels={}, layers={})".format
    compare(run, residual_weights, settings, lambda c, n: weights(*[(c, c)] * n), slips, given=given)
    dense, residual = weights(*dense_pairs(120, 32, 4)), weights(*[(248, 248)] * 4)
    number(
        times,
        residual / dense,
        {
            "turned round: the residual layers have more": dense / residual,
            "that is for the channels that the block is given, not those it ends with": weights(*[(120, 120)] * 4)
            / dense,
            "that is how many channels a layer writes, not how many weights it has": 248 / 32,
        },
        name="times",
        within=0.01,
    )
    choose(
        reason,
        "it writes few channels",
        {
            "it reads few channels": "It reads 120 to 216 channels, 168 on average: next to 248 that saves a factor of 1.5. "
            "The rest, a factor of 7.75, is on the other side.",
            "it has no linear layer": "ResNet's only linear layer has 5,130 parameters of 11 million; your count is "
            "of convolutions alone.",
            "its kernels are 1 × 1": "All kernels counted here are 3 × 3. The bottleneck of the paper's larger networks "
            "saves some more; this block has none.",
        },
        name="reason",
    )
    return f"{residual:,} weights against {dense:,} for as many channels at the end."


def handed_on(model: nn.Module, X: torch.Tensor) -> int:
    """Bytes of what the layers put out."""
    with used_layers(model) as used:
        model(X)
    return sum(y.numel() * y.element_size() for _, _, _, y in used)


NETWORKS = {"ResNet-18": "resnet18_notes", "DenseNet": "densenet"}


@exercise(fresh=True)
def memory(run, kept, times, images) -> str:
    torch.manual_seed(0)
    small = [
        nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.Sigmoid()),
        nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3)),
        models.DenseBlock(3, 1, 8),
        models.build("lenet"),
    ]
    calls = [call(net, torch.randn(batch, 1, 28, 28)) for net in small for batch in (3, 5)]
    given = "kept_bytes({0.__class__.__name__}, X of {1.shape})".format
    slips = {
        "parameters are kept anyway; leave them out": lambda net, X: kept_bytes(net, X, own=True),
        "a tensor that two layers need is kept once; count each storage once": lambda net, X: kept_bytes(
            net, X, twice=True
        ),
        "outputs are counted that nobody needs again; ask autograd for what it keeps": handed_on,
        "numbers, not bytes: a float has four": lambda net, X: kept_bytes(net, X) // 4,
    }
    compare(run, kept, calls, kept_bytes, slips, given=given, tolerance=0.01)
    filled(times, images)
    each, fixed = {}, {}
    for label, name in NETWORKS.items():
        net = models.build(name, image_size=224)
        each[label] = kept_bytes(net, torch.randn(1, 1, 224, 224))
        fixed[label] = 8 * parameters(net)
    number(
        times,
        each["DenseNet"] / each["ResNet-18"],
        {
            "turned round: DenseNet keeps more": each["ResNet-18"] / each["DenseNet"],
            "that is the ratio of the parameters": fixed["DenseNet"] / fixed["ResNet-18"],
        },
        name="times",
        within=0.03,
    )
    crossing = (fixed["ResNet-18"] - fixed["DenseNet"]) / (each["DenseNet"] - each["ResNet-18"])
    number(
        images,
        int(crossing) + 1,
        {
            "8 bytes a parameter: its weight and its gradient": int(crossing / 2) + 1,
            "that many need about the same; one more makes DenseNet the larger": int(crossing),
        },
        name="images",
    )
    mib = {label: bytes_ / 2**20 for label, bytes_ in each.items()}
    return (
        f"An image of 224 px keeps {mib['DenseNet']:.1f} MiB in DenseNet and {mib['ResNet-18']:.1f} MiB in ResNet-18."
    )
