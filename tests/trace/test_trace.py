"""What a trace says, against PyTorch's run, gradients, torchvision's published numbers and counts by hand."""

from __future__ import annotations

import copy
import random
import warnings
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations, prune
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model, get_model_weights

from cnnlab.shapes import ShapeError
from cnnlab.trace import Trace, trace
from cnnlab.trace.modes import tensors

# ---- the networks as the notes build them ----------------------------------------------------------------------------


def conv(c_in, c_out, kernel_size, **settings):
    return [nn.Conv2d(c_in, c_out, kernel_size, **settings), nn.ReLU()]


def dense(*widths):
    layers = [nn.Flatten()]
    for wide, narrow in pairwise(widths[:-1]):
        layers += [nn.Linear(wide, narrow), nn.ReLU(), nn.Dropout(0.5)]
    return [*layers, nn.Linear(*widths[-2:])]


def lenet():
    maps = [nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Sigmoid()]
    return nn.Sequential(*maps, nn.AvgPool2d(2), *dense(400, 120, 84, 10))


def lenet_unpadded():
    maps = [*conv(1, 6, 5), nn.MaxPool2d(2), *conv(6, 16, 5), nn.MaxPool2d(2)]
    return nn.Sequential(*maps, *dense(256, 120, 84, 10))


def alexnet():
    maps = [*conv(1, 96, 11, stride=4), nn.MaxPool2d(3, 2), *conv(96, 256, 5, padding=2), nn.MaxPool2d(3, 2)]
    maps += [*conv(256, 384, 3, padding=1), *conv(384, 384, 3, padding=1), *conv(384, 256, 3, padding=1)]
    return nn.Sequential(*maps, nn.MaxPool2d(3, 2), *dense(6400, 4096, 4096, 10))


def vgg11(ratio=1):
    layers, c_in = [], 1
    for convs, c_out in ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512)):
        for _ in range(convs):
            layers += conv(c_in, c_out // ratio, 3, padding=1)
            c_in = c_out // ratio
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, *dense(c_in * 49, 4096, 4096, 10))


def nin():
    def block(c_in, c_out, kernel_size, **settings):
        return [*conv(c_in, c_out, kernel_size, **settings), *conv(c_out, c_out, 1), *conv(c_out, c_out, 1)]

    maps = [*block(1, 96, 11, stride=4), nn.MaxPool2d(3, 2), *block(96, 256, 5, padding=2), nn.MaxPool2d(3, 2)]
    maps += [*block(256, 384, 3, padding=1), nn.MaxPool2d(3, 2), nn.Dropout(0.5), *block(384, 10, 3, padding=1)]
    return nn.Sequential(*maps, nn.AdaptiveAvgPool2d(1), nn.Flatten())


class Inception(nn.Module):
    def __init__(self, c_in, c1, c3, c5, c_pool):
        super().__init__()
        self.p1 = nn.Conv2d(c_in, c1, 1)
        self.p2 = nn.Sequential(*conv(c_in, c3[0], 1), nn.Conv2d(*c3, 3, padding=1))
        self.p3 = nn.Sequential(*conv(c_in, c5[0], 1), nn.Conv2d(*c5, 5, padding=2))
        self.p4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(c_in, c_pool, 1))

    def forward(self, x):
        return torch.cat([F.relu(p(x)) for p in (self.p1, self.p2, self.p3, self.p4)], dim=1)


def googlenet():
    pool = lambda: nn.MaxPool2d(3, 2, 1)  # noqa: E731
    stem = [*conv(1, 64, 7, stride=2, padding=3), pool(), *conv(64, 64, 1), *conv(64, 192, 3, padding=1), pool()]
    b3 = [Inception(192, 64, (96, 128), (16, 32), 32), Inception(256, 128, (128, 192), (32, 96), 64), pool()]
    b4 = [
        Inception(480, 192, (96, 208), (16, 48), 64),
        Inception(512, 160, (112, 224), (24, 64), 64),
        Inception(512, 128, (128, 256), (24, 64), 64),
        Inception(512, 112, (144, 288), (32, 64), 64),
        Inception(528, 256, (160, 320), (32, 128), 128),
        pool(),
    ]
    b5 = [Inception(832, 256, (160, 320), (32, 128), 128), Inception(832, 384, (192, 384), (48, 128), 128)]
    return nn.Sequential(*stem, *b3, *b4, *b5, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 10))


class Residual(nn.Module):
    def __init__(self, c_in, c_out, stride=1, bias=True):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=bias)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=bias)
        self.bn1, self.bn2 = nn.BatchNorm2d(c_out), nn.BatchNorm2d(c_out)
        self.conv3 = nn.Conv2d(c_in, c_out, 1, stride, bias=bias) if stride > 1 or c_in != c_out else None

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        y += self.conv3(x) if self.conv3 else x
        return F.relu(y)


def resnet18(bias=True):
    layers = [nn.Conv2d(1, 64, 7, 2, 3, bias=bias), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    for c_in, c_out, stride in ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)):
        layers += [Residual(c_in, c_out, stride, bias), Residual(c_out, c_out, 1, bias)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def bn_conv(c_in, c_out, kernel_size, **settings):
    return nn.Sequential(nn.BatchNorm2d(c_in), nn.ReLU(), nn.Conv2d(c_in, c_out, kernel_size, **settings))


class Dense(nn.Module):
    def __init__(self, convs, c_in, growth):
        super().__init__()
        self.layers = nn.ModuleList(bn_conv(c_in + i * growth, growth, 3, padding=1) for i in range(convs))

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        return x


def densenet():
    layers, channels = [nn.Conv2d(1, 64, 7, 2, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
    for i in range(4):
        layers.append(Dense(4, channels, 32))
        channels += 4 * 32
        if i < 3:
            layers += [bn_conv(channels, channels // 2, 1), nn.AvgPool2d(2)]
            channels //= 2
    tail = [nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]
    return nn.Sequential(*layers, *tail)


def on_meta(build):
    with torch.device("meta"):
        return build()


@pytest.mark.parametrize(
    ("build", "size", "params", "macs", "sides"),
    [
        (lenet, 28, 61_706, 416_520, [28, 14, 10, 5]),
        (lenet_unpadded, 28, 44_426, 281_640, [24, 12, 8, 4]),
        (alexnet, 224, 46_764_746, 938_146_176, [54, 26, 12, 5]),
        (vgg11, 224, 128_806_154, 7_547_232_256, [224, 112, 56, 28, 14, 7]),
        (lambda: vgg11(4), 224, 43_093_322, 512_155_648, [224, 112, 56, 28, 14, 7]),
        (nin, 224, 1_992_166, 762_297_352, [54, 26, 12, 5, 1]),
        (googlenet, 96, 5_977_530, 276_066_304, [48, 24, 12, 6, 3, 1]),
        (googlenet, 224, 5_977_530, 1_502_982_144, [112, 56, 28, 14, 7, 1]),
        (resnet18, 96, 11_178_378, 318_657_536, [48, 24, 12, 6, 3, 1]),
        (lambda: resnet18(False), 96, 11_173_578, 318_657_536, [48, 24, 12, 6, 3, 1]),
        (resnet18, 224, 11_178_378, 1_734_890_496, [112, 56, 28, 14, 7, 1]),
        (densenet, 96, 758_226, 129_077_168, [48, 24, 12, 6, 3, 1]),
    ],
)
def test_counts_of_the_courses_networks(build, size, params, macs, sides):
    """Computed apart from this package, for 1 channel in and 10 classes out."""
    found = trace(on_meta(build), (1, 1, size, size))
    assert (found.params, found.macs, found.failure, found.unused_params) == (params, macs, None, 0)
    maps = [row.out_shape[-1] for row in found if len(row.out_shape) == 4]
    assert list(dict.fromkeys(maps)) == sides
    assert None not in [row.receptive_field for row in found]


def test_joins_have_rows():
    sums = [row.out_shape[1] for row in trace(on_meta(googlenet), (1, 1, 96, 96)) if row.kind == "Inception"]
    assert sums == [256, 480, 512, 512, 512, 528, 832, 832, 1024]  # Szegedy et al. 2015, table 1
    joined = [row.out_shape[1] for row in trace(on_meta(densenet), (1, 1, 96, 96)) if row.kind == "Dense"]
    assert joined == [192, 224, 240, 248]


TORCHVISION = [
    *("resnet18", "resnet50", "resnext50_32x4d", "wide_resnet50_2", "vgg16", "vgg11_bn", "alexnet", "googlenet"),
    *("densenet121", "mobilenet_v2", "mobilenet_v3_large", "squeezenet1_0", "shufflenet_v2_x1_0", "mnasnet1_0"),
    *("efficientnet_b0", "convnext_tiny"),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCHVISION)
def test_counts_published_by_torchvision(name):
    weights = next(iter(get_model_weights(name)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = on_meta(lambda: get_model(name))
    side = weights.transforms.keywords["crop_size"]
    found = trace(model, (1, 3, side, side))
    assert found.failure is None
    assert found.params == weights.meta["num_params"]
    assert round(found.macs / 1e9, 3) == pytest.approx(weights.meta["_ops"], abs=1e-3)
    assert found.params + found.unused_params == sum(p.numel() for p in model.parameters())


def test_auxiliary_heads_are_not_used_in_eval_mode():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = on_meta(lambda: get_model("googlenet", aux_logits=True))
    found = trace(model, (1, 3, 224, 224))
    heads = sum(p.numel() for head in (model.aux1, model.aux2) for p in head.parameters())
    assert found.unused_params == heads
    assert "6,379,984 more parameters were not used in this run" in repr(found)


@pytest.mark.parametrize(
    ("build", "kind", "size"),
    [
        (lambda: get_model("alexnet").features, "MaxPool2d", 195),
        (lambda: get_model("vgg16").features, "MaxPool2d", 212),
        (lambda: get_model("inception_v3", aux_logits=False, init_weights=False), "InceptionE", 1311),
    ],
)
def test_published_receptive_fields(build, kind, size):
    """Araujo, Norris and Sim, Computing Receptive Fields of Convolutional Neural Networks, Distill 2019, table 1."""
    rows = [row for row in trace(on_meta(build), (1, 3, 299, 299)) if row.kind == kind]
    assert (rows[-1].receptive_field, rows[-1].jump) == (size, 32)


# ---- shapes against a real run: what a layer makes and what it refuses -----------------------------------------------

small = st.integers(1, 4)
two = st.tuples(small, small)


@st.composite
def layers(draw):
    """One layer, with settings of which many do not fit."""
    c_in, c_out, kernel, stride = draw(st.integers(1, 3)), draw(small), draw(two), draw(two)
    padding, dilation = draw(st.tuples(st.integers(0, 2), st.integers(0, 2))), draw(st.integers(1, 2))
    choices = [
        lambda: nn.Conv2d(c_in, c_out, kernel, stride, padding, dilation),
        lambda: nn.Conv2d(
            c_in, c_out, kernel, padding="same", padding_mode=draw(st.sampled_from(["zeros", "reflect"]))
        ),
        lambda: nn.ConvTranspose2d(c_in, c_out, kernel, stride, padding, draw(st.integers(0, 1)), dilation=dilation),
        lambda: nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=draw(st.booleans())),
        lambda: nn.AvgPool2d(kernel, stride, padding, ceil_mode=draw(st.booleans())),
        lambda: nn.AdaptiveAvgPool2d(kernel),
        lambda: nn.AdaptiveMaxPool2d(kernel),
        lambda: nn.BatchNorm2d(c_in),
        lambda: nn.GroupNorm(1, c_in),
        lambda: nn.LayerNorm(kernel),
        lambda: nn.Linear(c_in, c_out),
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(c_in * 9, c_out)),
        lambda: nn.PReLU(c_in),
        lambda: nn.Upsample(scale_factor=kernel),
        lambda: nn.ReflectionPad2d(padding[0]),
        lambda: nn.Conv1d(c_in, c_out, kernel[0]),
        lambda: nn.Conv3d(c_in, c_out, kernel[0]),
    ]
    return draw(st.sampled_from(choices))()


@pytest.mark.slow
@settings(max_examples=700, deadline=None)
@given(layers(), st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)))
def test_a_layer_makes_and_refuses_what_it_does_in_a_real_run(layer, shape):
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = tuple(layer.eval()(torch.zeros(shape)).shape)
            # A map without a pixel, as a transposed convolution with much padding makes, is nothing to go on with.
            made = made if 0 not in made else None
        except (RuntimeError, ValueError):
            made = None
    found = trace(layer, shape)
    assert found[-1].out_shape == made
    assert (found.failure is None) == (made is not None)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([1, 2, 3]),
    st.booleans(),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 2),
)
def test_macs_are_half_of_pytorchs_flops(axes, transposed, c_in, c_out, kernel, stride):
    kind = getattr(nn, f"Conv{'Transpose' * transposed}{axes}d")
    layer, shape = kind(2 * c_in, 2 * c_out, kernel, stride, groups=2), (3, 2 * c_in, *[5, 4, 6][:axes])
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        layer(torch.zeros(shape))
    assert 2 * trace(layer, shape).macs == counter.get_total_flops()


# ---- receptive fields against gradients ------------------------------------------------------------------------------


def positive(model):
    """All weights positive and nothing saturating, so that a pixel that is read has a gradient."""
    for p in model.parameters():
        nn.init.constant_(p, 0.5)
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.MaxPool2d):  # its gradient goes to one winner; the mean over the same window to all
            parent = model.get_submodule(name.rpartition(".")[0])
            pool = nn.AvgPool2d(module.kernel_size, module.stride, module.padding, module.ceil_mode)
            setattr(parent, name.rpartition(".")[2], pool)
    return model.double().eval()


def seen(model, shape, channel=0):
    """For units in the middle: first and last row and column with a gradient."""
    x = torch.ones(shape, dtype=torch.float64, requires_grad=True)
    y = model(x)
    spans = {}
    for unit in [tuple(side // 2 + step for side in y.shape[2:]) for step in (0, 1)]:
        gradient = torch.autograd.grad(y[(0, channel, *unit)], x, retain_graph=True)[0][0].sum(0) != 0
        for axis in (0, 1):
            hit = gradient.any(1 - axis).nonzero().flatten()
            spans.setdefault(axis, []).append((hit.min().item(), hit.max().item()))
    return spans


class Apply(nn.Module):
    """A forward from a function, its modules held by it."""

    def __init__(self, function, *modules):
        super().__init__()
        self.function, self.held = function, nn.ModuleList(modules)

    def forward(self, x):
        return self.function(x, *self.held)


def c(kernel_size, **settings):
    return nn.Conv2d(1, 1, kernel_size, **settings)


def unet(x, down, deep, up, out):
    return out(torch.cat([x, up(deep(down(x)))], 1))


def split(x, wide, after):
    left, right = wide(x).chunk(2, 1)
    return torch.cat([left, after(right)], 1)


def shuffled(x, wide, after):
    return after(F.pixel_shuffle(wide(x), 2))


BRANCHED = {
    "residual": lambda: nn.Sequential(Residual(1, 4, 2), Residual(4, 4)),
    "inception": lambda: nn.Sequential(nn.Conv2d(1, 2, 3, 2), Inception(2, 2, (2, 2), (2, 2), 2)),
    "dense": lambda: nn.Sequential(Dense(3, 1, 2), nn.AvgPool2d(2), Dense(2, 7, 1)),
    "rectangles": lambda: nn.Sequential(
        c((1, 7), padding=(0, 3)), c((5, 1), stride=(2, 1)), c((3, 3), dilation=(1, 2))
    ),
    "shared": lambda: Apply(lambda x, a: a(F.relu(a(x)) + a(x)), c(3, stride=1, padding=1)),
    "functional": lambda: Apply(lambda x, a: F.avg_pool2d(F.leaky_relu(a(x)), 3, 2, 1), c(5, padding=2)),
    "uneven starts": lambda: Apply(lambda x, a, b: a(x) * b(x), c(3, stride=2, padding=1), c(2, stride=2)),
    "sliced": lambda: Apply(lambda x, a: a(torch.cat([x[..., ::2, ::2], x[..., 1::2, 1::2]], 1)), nn.Conv2d(2, 1, 3)),
    "split": lambda: Apply(split, nn.Conv2d(1, 4, 3), nn.Conv2d(2, 2, 5, padding=2)),
    "in place": lambda: Apply(lambda x, a, b: b(x).add_(a(x).relu_()) * 2, c(3, padding=1), c(5, padding=2)),
    "padded by hand": lambda: Apply(lambda x, a: a(F.pad(x, (1, 2, 0, 4))), c(4)),
    "same": lambda: c((4, 3), padding="same", dilation=2),
    "groups": lambda: nn.Sequential(nn.Conv2d(1, 4, 3, groups=1), nn.Conv2d(4, 4, 3, groups=4), nn.ChannelShuffle(2)),
    "batch norm": lambda: nn.Sequential(c(3), nn.BatchNorm2d(1), nn.PReLU(), nn.Dropout(0.5), c(3)),
    "channels last norm": lambda: Apply(
        lambda x, a, norm: norm(a(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2) * 2,
        nn.Conv2d(1, 3, 7, 4),
        nn.Linear(3, 3),
    ),
    "vectors": lambda: Apply(lambda x, a, b: b(a(x.flatten(2)).unflatten(2, (72, 60))), nn.Conv1d(1, 1, 1), c(3)),
    "channel shuffle": lambda: Apply(
        lambda x, a: a(x).unflatten(1, (2, 2)).transpose(1, 2).flatten(1, 2) * 2, nn.Conv2d(1, 4, 3)
    ),
    "unbound": lambda: Apply(lambda x, a: torch.stack(a(x).unbind(1), 1) * 2, nn.Conv2d(1, 3, 3, 2)),
    "cut short": lambda: Apply(lambda x, a, b: b(a(x)[..., :30, 4:]), c(3), c(3)),
    "side by side": lambda: Apply(
        lambda x, a: sum(a(part) for part in x.expand(1, 4, 72, 60).split(2, 1)), nn.Conv2d(2, 1, 3)
    ),
    "dilated": lambda: nn.Sequential(c(3, dilation=2), c(3, dilation=4)),
    "adaptive": lambda: nn.Sequential(c(3, padding=1), nn.AdaptiveAvgPool2d(12), c(2)),
    "1x1": lambda: nn.Sequential(c(1), nn.Conv2d(1, 1, 1, stride=3)),
}


@pytest.mark.parametrize("name", BRANCHED)
def test_fields_of_branched_nets_are_the_gradients(name):
    model, shape = positive(BRANCHED[name]()), (1, 1, 72, 60)
    row = trace(model, shape)[-1]
    channels = row.out_shape[1]
    size = row.receptive_field if isinstance(row.receptive_field, tuple) else (row.receptive_field,) * 2
    jump = row.jump if isinstance(row.jump, tuple) else (row.jump,) * 2
    each = [seen(model, shape, channel) for channel in range(channels)]
    for axis in (0, 1):
        # A map's field is the union over its channels: after a concatenation each sees through its own branch.
        units = [(min(s[axis][u][0] for s in each), max(s[axis][u][1] for s in each)) for u in (0, 1)]
        assert size[axis] == units[0][1] - units[0][0] + 1
        assert jump[axis] == units[1][0] - units[0][0]


UPSAMPLED = {
    "transposed": lambda: nn.ConvTranspose2d(1, 1, 4, 2, 1),
    "transposed after a stride": lambda: nn.Sequential(c(3, stride=2), nn.ConvTranspose2d(1, 1, 2, 2), c(3)),
    "transposed with holes": lambda: nn.Sequential(nn.ConvTranspose2d(1, 1, 3, 3, dilation=2), c(3, stride=2)),
    "nearest": lambda: nn.Sequential(c(3, stride=4), nn.Upsample(scale_factor=2), c(3)),
    "bilinear": lambda: nn.Sequential(c(3, stride=2), nn.Upsample(scale_factor=2, mode="bilinear"), c(2)),
    "aligned corners": lambda: nn.Sequential(nn.Upsample((47, 47), mode="bilinear", align_corners=True), c(2)),
    "to a size": lambda: nn.Sequential(nn.Upsample((60, 60)), c(3)),
    "and back": lambda: nn.Sequential(nn.Upsample(scale_factor=2), nn.AvgPool2d(2)),
    "shuffled": lambda: Apply(shuffled, nn.Conv2d(1, 4, 3, 2), c(3)),
    "u-shaped": lambda: Apply(
        unet, c(2, stride=2), c(3, padding=1), nn.ConvTranspose2d(1, 1, 2, 2), nn.Conv2d(2, 1, 3)
    ),
    "ragged pooling": lambda: nn.Sequential(c(3, stride=2, padding=1), nn.AdaptiveAvgPool2d(10), c(2)),
}


@pytest.mark.parametrize("name", UPSAMPLED)
def test_where_units_take_turns_the_widest_counts(name):
    model = positive(UPSAMPLED[name]())
    x = torch.ones(1, 1, 24, 24, dtype=torch.float64, requires_grad=True)
    y, row = model(x), trace(model, (1, 1, 24, 24))[-1]
    middle = range(y.shape[3] // 4, 3 * y.shape[3] // 4)  # away from the edge, which cuts fields off
    spans = []
    for i in middle:
        gradient = torch.autograd.grad(y[0, 0, y.shape[2] // 2, i], x, retain_graph=True)[0][0, 0]
        hit = (gradient != 0).any(0).nonzero().flatten()
        spans.append((hit.min().item(), hit.max().item()))
    assert row.receptive_field == max(last - first + 1 for first, last in spans)
    assert row.jump == pytest.approx((spans[-1][0] - spans[0][0]) / (len(spans) - 1), abs=0.5)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(0, 1), st.booleans()), min_size=1, max_size=4)
)
def test_random_branches(stages):
    """Each stage joins a convolution and a pooling of one stride, by addition or side by side."""
    parts, wide = [], 1
    for kernel, stride, padding, side_by_side in stages:
        # Both branches must make the same size: the second has the same span, made of another operation.
        a = nn.Conv2d(wide, 1, kernel, stride, padding)
        b = nn.Sequential(nn.Conv2d(wide, 1, 1), nn.ZeroPad2d(padding), nn.Conv2d(1, 1, kernel, stride))
        join = (lambda x, a, b: torch.cat([a(x), b(x)], 1)) if side_by_side else (lambda x, a, b: a(x) + b(x))
        parts.append(Apply(join, a, b))
        wide = 1 + side_by_side
    model = positive(nn.Sequential(*parts))
    row, spans = trace(model, (1, 1, 80, 80))[-1], seen(model, (1, 1, 80, 80))
    assert row.receptive_field == spans[0][0][1] - spans[0][0][0] + 1
    assert row.jump == spans[0][1][0] - spans[0][0][0]


@pytest.mark.parametrize(
    ("tail", "sees_all"),
    [
        (lambda: [nn.AdaptiveAvgPool2d(1)], True),
        (lambda: [nn.AdaptiveMaxPool2d(1), nn.Flatten()], True),
        (lambda: [nn.Flatten(), nn.Linear(100, 3)], True),
        (lambda: [Apply(lambda x: x.mean((2, 3)))], True),
        (lambda: [Apply(lambda x: x.amax((2, 3), keepdim=True)), c(1)], True),
        (lambda: [Apply(lambda x: x * x.mean((2, 3), keepdim=True).sigmoid())], True),
        (lambda: [nn.AdaptiveAvgPool2d(1), Apply(lambda x: torch.fft.fft2(x.flip(1)).abs().argsort() + 0.5)], True),
        (lambda: [nn.AdaptiveAvgPool2d(1), nn.Upsample((5, 5)), c(3)], True),
        (lambda: [nn.AvgPool2d(10), Apply(lambda x: torch.zeros(1, 1, 7, 7) + x)], True),
        (lambda: [Apply(lambda x: x.softmax(2).softmax(3))], True),
        (lambda: [Apply(lambda x: x.mean((2, 3), keepdim=True) + x.amax((2, 3), keepdim=True) * 0.5)], True),
        (lambda: [Apply(lambda x: x[:, :, 4, 3] + 1)], False),
        (lambda: [nn.GroupNorm(1, 1)], True),
        (lambda: [nn.InstanceNorm2d(1), c(3)], True),
        (lambda: [nn.LayerNorm([10, 10])], True),
        (lambda: [nn.Flatten()], False),
        (lambda: [nn.Flatten(2), nn.ReLU()], False),
    ],
)
def test_units_without_a_grid(tail, sees_all):
    # 10 units of 3 px, 2 apart: what all of them see is pixels 0 to 20, and column 21 is never read.
    row = trace(nn.Sequential(c(3, stride=2), *tail()), (1, 1, 22, 22))[-1]
    assert row.receptive_field == (21 if sees_all else 3)
    assert row.jump is None


def overwritten(x):
    x = x * 1
    x[..., 0, :].copy_(torch.zeros(24))
    return x


@pytest.mark.parametrize(
    "forward",
    [
        lambda x, a: a(x.flip(2)),
        lambda x, a: a(torch.fft.fft2(x).abs()),
        lambda x, a: a(torch.cat([x, x], 2)),
        lambda x, a: a(torch.roll(x, 1, 2)),
        lambda x, a: a(x.transpose(2, 3)) + x[..., 1:-1, 1:-1],
        lambda x, a: a(x) + a(F.interpolate(x, 26))[..., 1:-1, 1:-1],
        lambda x, a: x.flatten(2) @ x.flatten(2).mT,
        lambda x, a: torch.ones(1, 1, 24, 24) @ x,
        lambda x, a: a(x.view(1, 1, 32, 18) + x.mT.reshape(1, 1, 32, 18)),
        lambda x, a: a(F.interpolate(x, scale_factor=1.3)),
        lambda x, a: a(F.interpolate(x, (1, 24), mode="bilinear", align_corners=True).expand(1, 1, 24, 24)),
        lambda x, a: a(x.flatten(1).view(1, 1, 12, 48)[..., 10:]),
        lambda x, a: a(x.flatten(1).split(288, 1)[0].view(1, 1, 12, 24)),
        lambda x, a: a(
            x.flatten(1).unflatten(1, (24, 24)).unsqueeze(0).view(1, 1, 36, 16)[..., 2, None].expand(1, 1, 36, 16)
        ),
        lambda x, a: a(overwritten(x)),
        lambda x, a: a(x.flatten(1)[:, 3:259].view(1, 1, 16, 16)),
    ],
)
def test_what_the_rules_do_not_know_is_none_and_stays_so(forward):
    found = trace(Apply(forward, c(3)), (1, 1, 24, 24))
    assert found.failure is None
    assert (found[-1].receptive_field, found[-1].jump) == (None, None)


def test_a_write_through_another_view_is_noticed():
    def stencil(x, a):
        y = torch.zeros(1, 1, 8, 8)
        y[:, :, 0, 0] = x.sum((2, 3))
        return a(y)

    assert trace(Apply(stencil, c(3)), (1, 1, 8, 8))[-1].receptive_field is None

    def late(x, a):
        y = a(x)
        view = y.view(1, 1, 6, 6)
        y += x.mean()
        return a(view)

    found = trace(Apply(late, c(3)), (1, 1, 8, 8))
    assert found[-1].receptive_field is None


def test_other_numbers_of_axes():
    assert [r.receptive_field for r in trace(nn.Sequential(nn.Conv1d(1, 1, 5), nn.MaxPool1d(2)), (1, 1, 16))] == [5, 6]
    assert trace(nn.Conv3d(1, 1, (1, 3, 5)), (1, 1, 8, 8, 8))[0].receptive_field == (1, 3, 5)
    row = trace(nn.Linear(8, 2), (4, 8))[0]
    assert (row.out_shape, row.macs, row.receptive_field, row.jump) == ((4, 2), 4 * 16, None, None)


# ---- rows ------------------------------------------------------------------------------------------------------------


def test_rows_of_a_small_net_by_hand():
    rows = list(trace(nn.Sequential(c(3, bias=False), nn.ReLU(inplace=True), nn.Flatten()), (2, 1, 6, 6)))
    assert [(r.name, r.kind, r.depth, r.in_shape, r.out_shape) for r in rows] == [
        ("0", "Conv2d", 1, (2, 1, 6, 6), (2, 1, 4, 4)),
        ("1", "ReLU", 1, (2, 1, 4, 4), (2, 1, 4, 4)),
        ("2", "Flatten", 1, (2, 1, 4, 4), (2, 16)),
    ]
    # In place and reshaped: no new memory. Two images cost twice the work.
    assert [(r.params, r.macs, r.activation_bytes) for r in rows] == [(9, 2 * 9 * 16, 2 * 16 * 4), (0, 0, 0), (0, 0, 0)]


def test_a_shared_layer_is_called_twice_and_counted_once():
    layer = nn.Linear(4, 4)
    found = trace(nn.Sequential(layer, nn.ReLU(), layer), (1, 4))
    assert [(row.name, row.params, row.macs) for row in found] == [("0", 20, 16), ("1", 0, 0), ("0", 0, 16)]
    assert found.params == 20


def test_tied_weights_and_weights_used_by_hand_are_counted_once():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.scale = nn.Linear(4, 4), nn.Linear(4, 4), nn.Parameter(torch.ones(4))
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(self.a(x)) @ self.a.weight * self.scale

    found = trace(model := Tied(), (1, 4))
    assert found.params == sum(p.numel() for p in model.parameters()) == 28
    assert found.macs == 3 * 16
    assert (found[-1].name, found[-1].params, found[-1].macs) == ("(model)", 4, 16)


def test_memory_of_a_dense_block_holds_its_joins():
    found = trace(Dense(2, 8, 4), (1, 8, 5, 5))
    # Two norms, two ReLUs, two convolutions, and the two joins that the layers and the caller read.
    channels = [8, 8, 4, 12, 12, 4, 12 + 16]
    assert found.activation_bytes == sum(channels) * 25 * 4
    assert found[-1].activation_bytes == (12 + 16) * 25 * 4


@pytest.mark.parametrize(("depth", "names"), [(0, ["(model)"]), (1, ["0", "1"]), (2, ["0.conv1", "0.bn1"])])
def test_folding(depth, names):
    model = nn.Sequential(Residual(1, 2, 2), c(1) if depth == 0 else nn.Conv2d(2, 1, 1))
    if depth == 0:
        model = Residual(1, 2, 2)
    whole, folded = trace(model, (1, 1, 8, 8)), trace(model, (1, 1, 8, 8), depth=depth)
    assert [row.name for row in folded][:2] == names
    assert max(row.depth for row in folded) <= max(depth, 1)
    for total in ("params", "macs", "activation_bytes"):
        assert getattr(folded, total) == getattr(whole, total)
    assert folded[-1].receptive_field == whole[-1].receptive_field


def test_tuples_and_dicts_of_outputs():
    assert trace(Apply(lambda x, a: (a(x), x), c(3)), (1, 1, 8, 8))[-1].out_shape == (1, 1, 6, 6)
    assert trace(Apply(lambda x, a: {"out": [a(x)]}, c(3)), (1, 1, 8, 8))[-1].receptive_field == 3


def test_lazy_layers_learn_their_shape_in_the_copy_only():
    model = nn.Sequential(nn.LazyConv2d(6, 5), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(10))
    state = torch.get_rng_state()
    found = trace(model, (1, 1, 28, 28))
    assert found.params == 6 * 25 + 6 + 12 + 3456 * 10 + 10
    assert [row.receptive_field for row in found] == [5, 5, 5, 28]
    assert isinstance(model[0], nn.LazyConv2d)
    assert model[0].has_uninitialized_params()
    assert torch.equal(torch.get_rng_state(), state)


def test_real_tensors_inside_a_model_are_stood_in_for():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.mask = torch.ones(1, 1, 8, 8)
            self.parts = [torch.ones(1), nn.Conv2d(1, 1, 3)]
            self.work = torch.ones(3, requires_grad=True) * 2  # not a leaf: cannot be copied by itself
            norm = nn.BatchNorm2d(1)
            self.norm, self.call = norm, lambda x: norm(x)  # a closure still holds the real layer

        def forward(self, x):
            x = (x * self.mask).to("cpu") + torch.zeros(1, device="cpu") + self.parts[0] + torch.tensor([1.0])
            return self.call(self.parts[1](x))

    model = Odd().train()
    before = copy.deepcopy(model.norm.state_dict())
    found = trace(model, (1, 1, 8, 8))
    assert found.failure is None
    assert found[-1].out_shape == (1, 1, 6, 6)
    assert found[-1].receptive_field is not None
    assert all(torch.equal(value, model.norm.state_dict()[key]) for key, value in before.items())


# ---- the model is left as it was -------------------------------------------------------------------------------------


def snapshot(model):
    return {
        "state": {key: (value.clone(), value.data_ptr(), value.device) for key, value in model.state_dict().items()},
        "training": [m.training for m in model.modules()],
        "hooks": [[list(value.items()) for key, value in vars(m).items() if "hooks" in key] for m in model.modules()],
        "grads": [(id(p), p.requires_grad, p.grad, len(vars(p))) for p in model.parameters()],
        "attributes": [sorted(vars(m)) for m in model.modules()],
        "modules": [id(m) for m in model.modules()],
    }


def same(before, after):
    states = zip(before.pop("state").values(), after.pop("state").values(), strict=True)
    assert all(torch.equal(a[0], b[0]) and a[1:] == b[1:] for a, b in states)
    assert before == after


class Remembers(nn.Sequential):
    def forward(self, x):
        self.calls = getattr(self, "calls", 0) + 1
        return super().forward(x)


@pytest.mark.parametrize("side", [28, 3])
def test_the_model_is_left_exactly_as_it_was(side):
    model = Remembers(nn.Conv2d(1, 4, 5), nn.BatchNorm2d(4), nn.Dropout(0.5), Residual(4, 4))
    model.train()
    model[1].eval()
    model[0].weight.requires_grad_(False)
    fired = []
    model[0].register_forward_hook(lambda *_: fired.append("forward"))
    model[1].register_forward_pre_hook(lambda *_: fired.append("pre"))
    model[3].register_full_backward_hook(lambda *_: fired.append("backward"))
    before, random, warned = snapshot(model), torch.get_rng_state(), list(warnings.filters)
    found = trace(model, (1, 1, side, side))
    assert (found.failure is None) == (side == 28)
    same(before, snapshot(model))
    assert fired == []
    assert torch.equal(torch.get_rng_state(), random)
    assert (torch.is_grad_enabled(), torch.empty(0).device.type, warnings.filters) == (True, "cpu", warned)
    model(torch.zeros(2, 1, 28, 28))
    assert fired == ["forward", "pre"]


def test_batch_norm_of_one_pixel_is_traced_in_eval_mode():
    assert trace(nn.Sequential(nn.BatchNorm2d(3)).train(), (1, 3, 1, 1)).failure is None


# ---- failures in words -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "shape", "failure"),
    [
        (
            nn.Sequential(c(3), nn.Conv2d(1, 1, 5, dilation=2)),
            (1, 1, 9, 9),
            "1 (Conv2d) cannot take 1×1×7×7: a kernel spanning 9 px (5 taps, dilation 2) does not fit 7 px; "
            "pad by 1 on each side, or lower the dilation to 1",
        ),
        (
            nn.Sequential(nn.Conv2d(3, 8, 3)),
            (1, 1, 9, 9),
            "0 (Conv2d) cannot take 1×1×9×9: 1 channel does not fit a convolution for 3; give it in_channels=1",
        ),
        (
            nn.ConvTranspose2d(1, 1, 2, padding=3),
            (1, 1, 2, 2),
            "the model (ConvTranspose2d) cannot take 1×1×2×2: padding 3 crops all of the 3 px a transposed convolution "
            "makes from 2 px; lower the padding to 1 or less",
        ),
        (
            nn.Sequential(nn.MaxPool2d(3)),
            (1, 1, 2, 9),
            "0 (MaxPool2d) cannot take 1×1×2×9: a kernel spanning 3 px does not fit 2 px; "
            "pad by 1 on each side, or lower the kernel to 2",
        ),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(400, 10)),
            (1, 1, 9, 9),
            "1 (Linear) cannot take 1×81: vectors of 81 do not fit a linear layer for 400; give it 81 inputs",
        ),
        (
            nn.Sequential(nn.BatchNorm2d(4)),
            (1, 1, 9, 9),
            "0 (BatchNorm2d) cannot take 1×1×9×9: 1 channel does not fit a batch norm for 4; give it num_features=1",
        ),
        (
            nn.Sequential(nn.Flatten(), c(3)),
            (1, 1, 9, 9),
            "1 (Conv2d) cannot take 1×81: it works on (B, C, H, W), which is 4 axes and not 2",
        ),
        (
            Apply(lambda x, a, b: torch.cat([a(x), b(x)], 1), c(3), c(5)),
            (1, 1, 9, 9),
            "the model (Apply) cannot take 1×1×9×9: in its cat of 1×1×7×7 and 1×1×5×5, maps must agree in every axis "
            "but the joined one; pad or stride the branches alike",
        ),
        (
            Apply(lambda x, a: F.max_pool2d(a(x), 9), c(3)),
            (1, 1, 9, 9),
            "the model (Apply) cannot take 1×1×9×9: in its max_pool2d of 1×1×7×7, a kernel spanning 9 px does not fit "
            "7 px; pad by 1 on each side, or lower the kernel to 7",
        ),
    ],
)
def test_failures_say_who_refused_what_and_why(model, shape, failure):
    found = trace(model, shape)
    assert found.failure == failure
    last = found[-1]
    assert (last.out_shape, last.params, last.macs, last.activation_bytes) == (None, 0, 0, 0)
    assert repr(found).endswith(f"stopped: {failure}")


def test_a_failure_keeps_the_rows_before_it():
    found = trace(lenet(), (1, 1, 32, 32))
    assert [row.kind for row in found] == [*["Conv2d", "Sigmoid", "AvgPool2d"] * 2, "Flatten", "Linear"]
    assert found.params == 156 + 2416
    folded = trace(nn.Sequential(nn.Sequential(c(3), c(3)), nn.Sequential(c(3), c(9))), (1, 1, 9, 9), depth=1)
    assert [(row.name, row.out_shape) for row in folded] == [("0", (1, 1, 5, 5)), ("1", None)]
    assert folded.failure.startswith("1.1 (Conv2d) cannot take 1×1×3×3")


def test_other_errors_keep_their_own_words():
    def careless(x, a):
        return a(x)[0] + undefined  # noqa: F821

    failure = trace(Apply(careless, c(3)), (1, 1, 9, 9)).failure
    assert "NameError: name 'undefined' is not defined" in failure


def test_a_forward_that_catches_a_refusal_goes_on():
    def patient(x, a, b):
        try:
            return b(x)
        except ValueError:
            return a(x)

    found = trace(Apply(patient, c(3), nn.Sequential(c(1), c(9))), (1, 1, 5, 5))
    assert found.failure is None
    assert [row.out_shape for row in found] == [(1, 1, 5, 5), (1, 1, 3, 3)]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (28, r"^input shape 28 is not a tuple of ints; give whole numbers of at least 1 for \(B, C, H, W\)"),
        ((1, 1, 28.0, 28), r"^input shape \(1, 1, 28.0, 28\) is not a tuple of ints"),
        ("1128", "^input shape '1128' is not a tuple of ints"),
        (
            (1, 1, 0, 28),
            r"^input shape \(1, 1, 0, 28\) is not a shape with a batch axis; give whole numbers of at least 1",
        ),
        ((1, True, 28, 28), r"^input shape \(1, True, 28, 28\) is not a shape"),
        ((28,), r"^input shape \(28,\) is not a shape with a batch axis"),
        (
            (1, 28, 28),
            r"^input shape \(1, 28, 28\) lacks an axis, since this model works on images; give .*\(1, 1, 28, 28\)$",
        ),
    ],
)
def test_input_shapes_that_are_none(shape, message):
    with pytest.raises(ShapeError, match=message):
        trace(c(3), shape)


@pytest.mark.parametrize("depth", [-1, True, 1.0])
def test_depth_is_a_level(depth):
    with pytest.raises(ShapeError, match=f"^depth={depth!r} is not a level of the model; give 0 for one row"):
        trace(c(3), (1, 1, 9, 9), depth=depth)


def test_a_model_that_cannot_be_copied():
    model = nn.Sequential(c(3), nn.Sequential(c(3)))
    model[1].source = (line for line in "abc")
    with pytest.raises(
        TypeError,
        match=r"^Sequential cannot be copied, since its attribute 1.source holds what cannot be "
        r"\(cannot pickle 'generator' object\); take it out before the trace, or keep it outside the model$",
    ):
        trace(model, (1, 1, 9, 9))


class Sealed(nn.Module):
    def __deepcopy__(self, memo):
        raise OSError("sealed")


def test_a_model_that_refuses_to_be_copied():
    with pytest.raises(TypeError, match=r"^Sealed cannot be copied \(sealed\); keep what cannot be copied outside"):
        trace(Sealed(), (1, 1, 9, 9))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: nn.Conv2d, r"^Conv2d is a class and not a model; make one of it: trace\(Conv2d\(...\), shape\)$"),
        (lambda: F.relu, "^function is not an nn.Module; put what is to be traced into the forward of a module$"),
        (
            lambda: torch.jit.script(nn.Sequential(c(3))),
            r"^the model \(Sequential\) is scripted by torch.jit, which hides its layers; trace the module it was",
        ),
        (
            lambda: nn.Sequential(torch.jit.trace(c(3), torch.zeros(1, 1, 9, 9))),
            r"^0 \(Conv2d\) is scripted by torch.jit",
        ),
        (
            lambda: torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 3)), {nn.Linear}),
            r"^0 \(Linear\) is quantised, which packs its weights away; trace the model before quantisation$",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_followed_is_refused(model, message):
    with pytest.raises(TypeError, match=message):
        trace(model(), (1, 1, 9, 9))


# ---- models of all kinds, against PyTorch's run and its own count ----------------------------------------------------


@dataclass
class Output:
    scores: object
    more: object = None


def slope(x, a):
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return torch.autograd.grad(a(x).square().sum(), x)[0]


def mixed(x, a):
    with torch.autocast("cpu", torch.bfloat16):
        return a(x.bfloat16())


def pruned():
    layer = c(3)
    prune.l1_unstructured(layer, "weight", 0.5)
    return nn.Sequential(layer)


def compiled_in_place():
    model = nn.Sequential(c(3))
    model.compile(backend="eager")
    return model


def compiled(model):
    return torch.compile(model, backend="eager")


def steps():
    return torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)


class Holder(nn.Module):
    """A module with an attribute."""

    def __init__(self, value):
        super().__init__()
        self.value = value


@torch.compile(backend="eager")
def compiled_sine(x):
    return x.sin()


IMAGE, SERIES = (1, 1, 8, 8), (2, 5, 8)
ODD = {
    "lstm": (lambda: nn.LSTM(8, 7, 2, batch_first=True), SERIES),
    "gru both ways": (lambda: nn.GRU(8, 7, bidirectional=True), SERIES),
    "rnn": (lambda: nn.RNN(8, 7), SERIES),
    "lstm cell": (lambda: nn.LSTMCell(8, 7), (3, 8)),
    "old weight norm": (lambda: nn.Sequential(nn.utils.weight_norm(c(3))), IMAGE),
    "weight norm": (lambda: nn.Sequential(parametrizations.weight_norm(c(3))), IMAGE),
    "orthogonal": (lambda: nn.Sequential(nn.Flatten(), parametrizations.orthogonal(nn.Linear(64, 8))), IMAGE),
    "pruned": (pruned, IMAGE),
    "compiled": (lambda: compiled(nn.Sequential(c(3), nn.ReLU())), IMAGE),
    "compiled inside": (lambda: nn.Sequential(compiled(nn.Sequential(c(3), nn.ReLU())), c(3)), IMAGE),
    "compiled in place": (compiled_in_place, IMAGE),
    "compiled function": (lambda: Apply(lambda x, a: compiled_sine(a(x)), c(3)), IMAGE),
    "checkpoint": (lambda: Apply(lambda x, a: checkpoint(a, x, use_reentrant=False), c(3)), IMAGE),
    "old checkpoint": (lambda: Apply(lambda x, a: checkpoint(a, x, use_reentrant=True), c(3)), IMAGE),
    "complex": (lambda: nn.Linear(4, 3, dtype=torch.complex64), (2, 4)),
    "complex convolution": (lambda: c(3, dtype=torch.complex64), IMAGE),
    "spectrum": (lambda: Apply(lambda x, a: torch.fft.irfft2(torch.fft.rfft2(a(x))), c(3)), IMAGE),
    "half": (lambda: nn.Sequential(c(3), nn.BatchNorm2d(1)).half(), IMAGE),
    "double": (lambda: nn.Sequential(c(3), nn.BatchNorm2d(1)).double(), IMAGE),
    "bfloat16": (lambda: nn.Sequential(c(3), nn.Flatten(), nn.Linear(36, 3)).bfloat16(), IMAGE),
    "by shape": (lambda: Apply(lambda x, a, b: a(x) if x.shape[-1] > 6 else b(x), c(3), c(1)), IMAGE),
    "dataclass": (lambda: Apply(lambda x, a: Output(a(x), {"x": x}), c(3)), IMAGE),
    "dataclass inside": (
        lambda: Apply(lambda x, a, b: b(a(x).scores), Apply(lambda x, a: Output(a(x)), c(3)), c(3)),
        IMAGE,
    ),
    "shared": (lambda: Apply(lambda x, a: a(a(x)), c(3)), IMAGE),
    "vmap": (lambda: Apply(lambda x, a: torch.func.vmap(lambda row: row * 2)(a(x)), c(3)), IMAGE),
    "functional": (
        lambda: Apply(lambda x, a: torch.func.functional_call(a, dict(a.named_parameters()), (x,)), c(3)),
        IMAGE,
    ),
    "empty start": (lambda: Apply(lambda x, a: torch.cat([torch.tensor([]), a(x)]), c(3)), IMAGE),
    "data": (lambda: Apply(lambda x, a: a(x).data * 1, c(3)), IMAGE),
    "graph": (lambda: torch.fx.symbolic_trace(nn.Sequential(c(3), nn.ReLU())), IMAGE),
    "data parallel": (lambda: nn.DataParallel(nn.Sequential(c(3))), IMAGE),
    "unfold": (lambda: Apply(lambda x, a: a(F.unfold(x, 3).mT), nn.Linear(9, 4)), IMAGE),
    "bilinear": (lambda: Apply(lambda x, a: a(x, x), nn.Bilinear(4, 4, 3)), (2, 4)),
    "item": (lambda: Apply(lambda x, a: a(x) * x.mean().item(), c(3)), IMAGE),
    "item and lstm": (lambda: Apply(lambda x, a: a(x + x.mean().item())[0], nn.LSTM(8, 7)), SERIES),
    "asserted": (lambda: Apply(lambda x, a: a(x) if not x.isnan().any() else None, c(3)), IMAGE),
    "printed": (lambda: Apply(lambda x, a: (f"{x.mean():.2f}", a(x))[1], c(3)), IMAGE),
    "numpy": (lambda: Apply(lambda x, a: torch.from_numpy(a(x).detach().numpy() * 2), c(3)), IMAGE),
    "list": (lambda: Apply(lambda x, a: torch.tensor(a(x).tolist()), c(3)), IMAGE),
    "mask": (lambda: Apply(lambda x, a: a(x)[a(x) > -9], c(3)), IMAGE),
    "by chance": (lambda: Apply(lambda x, a: a(x) if torch.rand(1) < 0.5 else a(x) * 2, c(3)), IMAGE),
    "sparse": (
        lambda: Apply(lambda x, a: torch.sparse.mm(torch.eye(2).to_sparse(), a(x)), nn.Linear(4, 3)),
        (2, 4),
    ),
    "nested": (lambda: Apply(lambda x, a: torch.nested.nested_tensor([a(x)[0]]).to_padded_tensor(0.0), c(3)), IMAGE),
    "quantised constant": (
        lambda: Apply(lambda x, a, b: a(x) + b.value.dequantize().sum(), c(3), Holder(steps())),
        IMAGE,
    ),
    "autocast": (lambda: Apply(mixed, nn.Linear(4, 3)), (2, 4)),
}
READS = {
    "item",
    "item and lstm",
    "asserted",
    "printed",
    "numpy",
    "list",
    "mask",
    "by chance",
    "sparse",
    "nested",
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.filterwarnings("ignore")
def test_models_of_all_kinds(name):
    build, shape = ODD[name]
    model = build()
    found = trace(model, shape)
    assert found.failure is None
    dtype = next(p.dtype for p in model.parameters())
    with (
        torch.no_grad(),
        torch.backends.mkldnn.flags(enabled=False),  # or an LSTM is one operation that nobody counts
        torch.compiler.set_stance("force_eager"),
        FlopCounterMode(display=False) as counter,
    ):
        out = model.eval()(torch.zeros(shape, dtype=dtype))
    assert found[-1].out_shape == tuple(tensors(out)[0].shape)
    assert found.params + found.unused_params == sum(p.numel() for p in model.parameters())
    assert 2 * found.macs == counter.get_total_flops()
    assert (found.real_run is not None) == (name in READS | {"autocast"})


def test_a_gradient_inside_a_forward():
    found = trace(Apply(slope, c(3)), (1, 1, 8, 8))
    assert (found.failure, found.params, found.real_run) == (None, 10, None)
    assert found.rows[0].out_shape == (1, 1, 6, 6)


def test_attention_counts_its_projections():
    # Four products of 10 vectors with 8 × 8 weights; queries times keys are activations on both sides.
    for forward in (lambda x, a: a(x, x, x)[0], lambda x, a: a(x, x, x * x.mean().item())[0]):
        found = trace(Apply(forward, nn.MultiheadAttention(8, 2, batch_first=True)), SERIES)
        assert (found.macs, found.params, found[-1].out_shape) == (4 * 10 * 64, 4 * (64 + 8), SERIES)


def test_rows_of_a_run_on_zeros_are_those_of_the_shapes():
    """A number read at the end changes nothing about the rows before it."""
    for build, side in ((resnet18, 64), (googlenet, 64), (densenet, 64)):
        alone = trace(build(), (1, 1, side, side))
        read = trace(Apply(lambda x, net: (y := net(x), y.sum().item())[0], build()), (1, 1, side, side))
        assert alone.real_run is None
        assert read.real_run.startswith("run on zeros, since shapes alone were not enough for the model (Apply)")
        strip = [replace(row, name="", depth=0) for row in alone], [replace(row, name="", depth=0) for row in read]
        assert strip[0] == strip[1]
        assert read.real_run in repr(read)
        assert "run on zeros" in read._repr_html_()


def test_a_run_on_numbers_leaves_the_model_as_it_was():
    class Reader(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.LazyLinear(3))
            self.register_buffer("seen", torch.zeros(1))
            self.kept, self.calls, self.random = [], 0, torch.Generator().manual_seed(5)

        def forward(self, x):
            self.seen += 1
            CONSTANT.add_(1)
            self.calls += 1
            self.kept.append(super().forward(x))
            noise = random.random() + np.random.rand() + torch.rand(1, generator=self.random) + torch.rand(1)
            return self.kept[-1] if noise.item() > 9 else self.kept[-1] * 2

    CONSTANT = torch.zeros(1)
    model = Reader().train()
    model[1].eval()
    fired, flags = [], (torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled)
    model[0].register_forward_hook(lambda *_: fired.append(1))
    for lazy in (True, False):
        numbers = [*model[1].state_dict().values(), model.seen, CONSTANT, model.random.get_state()]
        before = [number.clone() for number in numbers], model.calls, len(model.kept), len(fired)
        chance = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
        modes = [module.training for module in model.modules()]
        found = trace(model, (1, 1, 8, 8))
        assert found.real_run
        assert found.params == 40 + 8 + 6 * 3 + 3
        assert not lazy or model[2].has_uninitialized_params()
        numbers[-1] = model.random.get_state()
        assert all(map(torch.equal, numbers, before[0]))
        assert (model.calls, len(model.kept), len(fired)) == before[1:]
        assert chance == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
        assert modes == [module.training for module in model.modules()]
        assert flags == (torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled)
        assert torch.backends.mha.get_fastpath_enabled()
        if lazy:
            model(torch.zeros(1, 1, 8, 8))  # after a real call there are activations in a list, with their graph


def test_what_comes_back_from_numbers_has_no_known_field():
    for forward in (
        lambda x, a: a(torch.from_numpy(a(x).detach().numpy())),
        lambda x, a: a(torch.tensor(a(x).tolist())),
        lambda x, a: a(nn.Parameter(a(x).flip(2))),
    ):
        rows = trace(Apply(forward, c(3)), (1, 1, 9, 9)).rows
        assert (rows[0].receptive_field, rows[1].receptive_field) == (3, None)


def test_a_model_on_the_meta_device_is_run_on_zeros_too():
    model = on_meta(lambda: Apply(lambda x, a: a(x) * x.mean().item(), c(3)))
    found = trace(model, (1, 1, 9, 9))
    assert (found.failure, found[0].out_shape, found.params) == (None, (1, 1, 7, 7), 10)


def test_where_zeros_do_not_do_a_tensor_may():
    def picky(x, a):
        assert x.max() > 0
        return a(x)

    failure = trace(Apply(picky, c(3)), (1, 1, 9, 9)).failure
    assert "AssertionError" in failure
    assert failure.endswith("; if zeros are the reason, give a tensor in place of the shape")
    found = trace(Apply(picky, c(3)), torch.ones(1, 1, 9, 9))
    assert (found.failure, found[0].out_shape) == (None, (1, 1, 7, 7))
    assert found.real_run.startswith("run on the tensors given, since")


def test_an_error_that_numbers_do_not_mend_is_told_in_torchs_words():
    found = trace(Apply(lambda x, a: a(x).view(5, -1), c(3)), (1, 1, 9, 9))
    with pytest.raises(RuntimeError) as error:
        torch.zeros(1, 1, 7, 7).view(5, -1)
    assert str(error.value) in found.failure
    assert found.real_run is None


# ---- inputs ----------------------------------------------------------------------------------------------------------


class Guided(nn.Module):
    """An image, a vector, indices and a setting."""

    def __init__(self):
        super().__init__()
        self.conv, self.linear, self.embedding = nn.Conv2d(1, 4, 3), nn.Linear(10, 4), nn.Embedding(7, 4)

    def forward(self, x, vector, *, indices=None, state=(0, 0), scale=1.0):
        more = self.linear(vector) + (0 if indices is None else self.embedding(indices)) + state[0] * scale
        return self.conv(x) * more[:, :, None, None]


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        (((2, 1, 8, 8), (2, 10)), {}),
        (((2, 1, 8, 8), torch.ones(2, 10)), {"indices": torch.tensor([3, 6]), "scale": 2.0}),
        ((torch.ones(2, 1, 8, 8),), {"vector": (2, 10), "state": ((2, 4), torch.ones(1))}),
        ((), {"x": [2, 1, 8, 8], "vector": torch.Size([2, 10]), "indices": torch.zeros(2, dtype=torch.int32)}),
        (((2, 1, 8, 8), (2, 10)), {"indices": torch.empty(2, dtype=torch.long, device="meta")}),
    ],
)
@pytest.mark.parametrize("reads", [False, True])
def test_several_inputs_by_position_and_by_name(inputs, named, reads):
    model = Guided()
    if reads:
        model.linear = Apply(lambda x, a: a(x) + x.sum().item(), model.linear)
    found = trace(model, *inputs, **named)
    assert found.failure is None
    used = 40 + 44 + (28 if "indices" in named else 0)
    assert (found.params, found.unused_params) == (used, 112 - used)
    assert found.macs == 2 * (4 * 9 * 36 + 40)
    assert (found[-1].out_shape, found[-1].receptive_field) == ((2, 4, 6, 6), 3)
    assert found.input_shape == (2, 1, 8, 8)
    assert (2, 10) in found.more_shapes
    assert "2×1×8×8, 2×10" in repr(found)


def test_two_images_have_one_field():
    model = Apply(lambda pair, a, b: a(pair[0]) + b(pair[1]), c(3), c(5, padding=1))
    found = trace(model, ((1, 1, 8, 8), (1, 1, 8, 8)))
    assert (found[-1].receptive_field, found.failure) == (5, None)


def test_a_list_of_images_without_a_batch_axis():
    model = Apply(lambda images, a: [a(image) for image in images], c(3))
    found = trace(model, [(1, 9, 8), torch.zeros(1, 7, 7)])
    assert [row.out_shape for row in found] == [(1, 7, 6), (1, 5, 5)]
    assert [row.receptive_field for row in found] == [None, None]


def test_indices_of_an_embedding():
    model = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2))
    for found in (trace(model, (3, 5), dtype=torch.long), trace(model, torch.zeros(3, 5, dtype=torch.long))):
        assert [row.out_shape for row in found] == [(3, 5, 4), (3, 5, 2)]
        assert (found.params, found.macs) == (50, 3 * 5 * 8)
    assert "give dtype=torch.long, or a tensor of indices" in trace(model, (3, 5)).failure
    assert trace(model[0], torch.zeros(3, dtype=torch.long))[0].out_shape == (3, 4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.bfloat16])
def test_a_model_is_traced_in_its_dtype(dtype):
    found = trace(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(144, 2)).to(dtype), (1, 1, 8, 8))
    assert [row.activation_bytes for row in found] == [144 * dtype.itemsize, 0, 2 * dtype.itemsize]


def test_a_dtype_that_does_not_fit_is_refused_as_in_a_real_run():
    for model, other in ((nn.Linear(4, 3), torch.long), (nn.Linear(4, 3).half(), torch.float32), (c(3), torch.float64)):
        shape = (1, 1, 8, 4)
        with pytest.raises(RuntimeError):
            model(torch.zeros(shape, dtype=other))
        assert trace(model, shape, dtype=other).failure
    assert "give dtype=torch.float32, or a tensor of it" in trace(nn.Linear(4, 3), (2, 4), dtype=torch.long).failure
    with pytest.raises(TypeError, match=r"^dtype='long' is not a torch.dtype; give one such as torch.float32"):
        trace(c(3), (1, 1, 8, 8), dtype="long")


def test_an_input_too_few():
    assert "give a shape or a tensor for each input" in trace(Guided(), (1, 1, 8, 8)).failure
    with pytest.raises(ShapeError, match=r"^a trace without an input has nothing to follow; give whole numbers"):
        trace(c(3))


# ---- the table -------------------------------------------------------------------------------------------------------

TABLE = """\
layer  kind       in         out        params    MACs  bytes  field px  jump px
────────────────────────────────────────────────────────────────────────────────
0      Conv2d     1×1×13×11  1×16×11×9     160  14,256  6,336         3        1
1      AvgPool2d  1×16×11×9  1×16×5×9        0       0  2,880       4×3      2×1
2      Flatten    1×16×5×9   1×720           0       0      0       4×3        –
────────────────────────────────────────────────────────────────────────────────
total             1×1×13×11                160  14,256  9,216"""


def test_the_table_is_aligned_and_the_same_each_time():
    model = nn.Sequential(nn.Conv2d(1, 16, 3), nn.AvgPool2d((2, 1)), nn.Flatten())
    found = trace(model, (1, 1, 13, 11))
    assert repr(found) == str(found) == TABLE
    assert repr(trace(copy.deepcopy(model), (1, 1, 13, 11))) == TABLE
    assert isinstance(found, Trace)
    assert len(found) == 3


def test_html_has_the_cells_and_both_themes():
    model = nn.Sequential()
    model.add_module("a<b", nn.Conv2d(1, 16, 3))
    html = trace(model, (1, 1, 13, 11))._repr_html_()
    assert html.count("<tr>") == 3
    assert "a&lt;b" in html
    assert "14,256</td>" in html
    assert "text-align:right" in html
    assert "var(--jp-ui-font-color1,inherit)" in html
    failed = trace(nn.Sequential(c(3), c(9)), (1, 1, 9, 9))
    assert "<p>stopped: 1 (Conv2d) cannot take" in failed._repr_html_()
    assert failed._repr_html_().count("--jp-error-color1") == 9
    assert "0x" not in html + repr(failed)
