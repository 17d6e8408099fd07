"""Checkers of chapter 09: smallest_input, parameter_sizes."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from cnnlab.check.frame.judging import call, choose, compare, exercise, number


def works(n: int, layers: Sequence[tuple[int, int, int]]) -> bool:
    """Whether torch lets n pixels through."""
    x = torch.empty(1, 1, n, device="meta")
    try:
        for k, s, p in layers:
            x = F.conv1d(x, torch.empty(1, 1, k, device="meta"), None, s, p)
    except RuntimeError:
        return False
    return x.shape[2] >= 1


def smallest(layers: Sequence[tuple[int, int, int]], most: int = 2_000) -> int:
    """The fewest pixels up to `most` that torch lets through, or 0."""
    return next((n for n in range(1, most) if works(n, layers)), 0)


def back(step, least: int = 1):
    """The same way back through the layers with another step."""

    def slip(layers):
        need = 1
        for k, s, p in reversed(layers):
            need = max(least, step(need, k, s, p))
        return need

    return slip


POOL, STEM = (3, 2, 0), (7, 2, 3)


@exercise
def smallest_input(run, smallest_side, notes_side, unpadded_side) -> str:
    draw, calls = (
        random.Random(9),
        [call([STEM, *[POOL] * 4]), call([(3, 2, 1)]), call([(7, 2, 3), (3, 2, 1), (5, 1, 0)])],
    )
    while len(calls) < 30:
        most = (7, 3) if len(calls) < 24 else (31, 9)
        layers = [
            (draw.randint(1, most[0]), draw.randint(1, most[1]), draw.randint(0, 2)) for _ in range(draw.randint(1, 4))
        ]
        if smallest(layers, 2_000):
            calls.append(call(layers))
    slips = {
        "a layer needs at least one pixel, however much padding it has: max(1, …) in every step": back(
            lambda m, k, s, p: (m - 1) * s + k - 2 * p, -(10**6)
        ),
        "padding is on both sides: 2p pixels need not come from the input": back(
            lambda m, k, s, p: (m - 1) * s + k - p
        ),
        "padding is left out": back(lambda m, k, s, p: (m - 1) * s + k),
        "m outputs are m − 1 strides apart, then one whole kernel": back(lambda m, k, s, p: m * s + k - 2 * p),
        "the layers are walked from the first to the last; start from the one pixel behind the last": lambda layers: (
            back(lambda m, k, s, p: (m - 1) * s + k - 2 * p)(layers[::-1])
        ),
        "this is the receptive field; padding gives some of its pixels": lambda layers: back(
            lambda m, k, s, p: (m - 1) * s + k
        )(layers),
    }
    compare(run, smallest_side, calls, smallest, slips)
    number(
        notes_side,
        smallest([STEM, *[(3, 2, 1)] * 4]),
        {
            "at 61 the poolings would need no padding, but they have it": 61,
            "2⁵ is the factor by which the side shrinks, not the smallest side: a padded pooling leaves one pixel one": 32,
            "nothing in the layers asks for 96; it is only the size that is trained on": 96,
        },
        name="notes_side",
    )
    number(
        unpadded_side,
        smallest([STEM, *[POOL] * 4]),
        {
            "the first convolution is left out; it halves as well": 31,
            "there are four poolings: one in each of the first four stages": 29,
            "here the poolings have no padding": 1,
            "the first convolution keeps its padding of 3": 67,
            "2⁵ is right only if every layer halves exactly": 32,
        },
        name="unpadded_side",
    )
    return "30 stacks of layers agree with what PyTorch lets through, and both sides of GoogLeNet are right."


def small_nets():
    """Random networks whose dense part can be counted by hand."""
    yield nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))
    yield nn.Sequential(nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 2, bias=False)), nn.LayerNorm(2))
    yield nn.Sequential(nn.Conv2d(3, 6, 5, bias=False), nn.BatchNorm2d(6), nn.Conv2d(6, 10, 1))
    yield nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(27, 10)).half()


def counted(keep=lambda name: True, module=nn.Linear):
    """(MB, share of the parameters that belong to `module`) with only some parameters counted."""

    def count(model):
        all_ = [p for name, p in model.named_parameters() if keep(name)]
        inside = [p for m in model.modules() if isinstance(m, module) for name, p in m.named_parameters() if keep(name)]
        total = sum(p.numel() for p in all_)
        return sum(p.numel() * p.element_size() for p in all_) / 1e6, sum(p.numel() for p in inside) / total

    return count


def changed(megabytes=lambda mb, model: mb, share=lambda x: x):
    def slip(model):
        mb, dense = counted()(model)
        return megabytes(mb, model), share(dense)

    return slip


def per_number(size: int):
    return lambda mb, model: sum(p.numel() for p in model.parameters()) * size / 1e6


@exercise
def parameter_sizes(run, size_and_share, reason) -> str:
    slips = {
        "divided by 2²⁰: those are MiB; a MB is 10⁶ bytes": changed(lambda mb, model: mb * 1e6 / 2**20),
        "these are millions of parameters; a float32 has 4 bytes": changed(per_number(1)),
        "these are bits; eight make a byte": changed(lambda mb, model: mb * 8),
        "every number is taken as 4 bytes; element_size() says how many it has": changed(per_number(4)),
        "this is the share of everything but the dense layers": changed(share=lambda x: 1 - x),
        "the share is in percent; a share lies between 0 and 1": changed(share=lambda x: 100 * x),
        "the biases are left out": counted(lambda name: not name.endswith("bias")),
        "this is the share of the convolutions; dense layers are nn.Linear": counted(module=nn.Conv2d),
    }
    calls = [call(net) for net in small_nets()]
    compare(
        run, size_and_share, calls, counted(), slips, given=lambda net: f"size_and_share({' '.join(str(net).split())})"
    )
    choose(
        reason,
        "no wide dense layer",
        {
            "fewer layers": "GoogLeNet has 57 convolutions and VGG-11 has 8; NiN has 12 and AlexNet 5.",
            "smaller kernels": "NiN starts with the 11 × 11 of AlexNet, and VGG has nothing larger than 3 × 3.",
            "smaller maps": "A convolution has as many weights on a large map as on a small one.",
            "fewer channels": "GoogLeNet's last maps have 1,024 channels, VGG's 512 and AlexNet's 256.",
        },
        name="reason",
    )
    return "Sizes and shares agree on four networks, and the reason is the one that the shares show."
