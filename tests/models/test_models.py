"""What every network of the course can do, and LeNet against the counts and shapes that were published with it."""

import re

import pytest
import torch

from cnnlab import models
from cnnlab.models.shared import scaled, side_after
from cnnlab.shapes import ShapeError
from cnnlab.trace import trace
from tests.networks import on_meta

# Every network has a stem for small images, but LeNet, which is made for them.
SMALL = {name: {} if "lenet" in name else {"stem": "small"} for name in models.MODELS}


def narrow(name):
    """Settings that leave a network few enough numbers to run for real."""
    return {"width": 1 / 16} | ({"dense": 32} if name.startswith(("alexnet", "vgg")) else {})


def shapes(model, size):
    X, seen = torch.zeros(1, 1, size, size), []
    for layer in model:
        X = layer(X)
        seen.append(tuple(X.shape[1:]))
    return seen


@pytest.mark.parametrize(
    ("name", "params", "landmarks"),
    [
        ("lenet", 61_706, [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (400,), (120,), (84,), (10,)]),
        ("lenet_max", 44_426, [(6, 24, 24), (6, 12, 12), (16, 8, 8), (16, 4, 4), (256,), (120,), (84,), (10,)]),
    ],
)
def test_lenet_counts_and_shapes(name, params, landmarks):
    model = models.build(name)
    assert sum(p.numel() for p in model.parameters()) == params
    unique = list(dict.fromkeys(shapes(model, 28)))
    assert unique == landmarks


@pytest.mark.slow
@pytest.mark.parametrize("size", [28, 64, 96, 224])
@pytest.mark.parametrize("name", models.MODELS)
def test_every_size_channel_and_class_count(name, size):
    model = on_meta(name, in_channels=3, num_classes=7, image_size=size, **SMALL[name])
    assert model(torch.zeros(2, 3, size, size, device="meta")).shape == (2, 7)


@pytest.mark.slow
@pytest.mark.parametrize("name", models.MODELS)
def test_the_papers_form_under_trace(name):
    model = on_meta(name, image_size=96)
    traced = trace(model, (1, 1, 96, 96))
    assert traced.failure is None
    assert traced.params == sum(p.numel() for p in model.parameters())


def least_size(name):
    """The smallest image a network says that it takes."""
    try:
        on_meta(name, image_size=1)
    except ValueError as refusal:
        pattern = r"image_size 1 is too small for \S+: .* gets -?\d+ px and needs \d+; the smallest that works is (\d+)"
        return int(re.fullmatch(pattern, str(refusal))[1])
    return 1


DEEPEST = ("densenet169", "densenet201", "densenet264")  # the same code as of densenet121, and seconds each


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in DEEPEST)) for name in models.MODELS]
)
def test_an_image_too_small_is_refused_with_the_smallest_that_is_not(name):
    size = least_size(name)
    model = models.build(name, image_size=size, **narrow(name)).eval()
    with torch.no_grad():
        assert model(torch.zeros(1, 1, size, size)).shape == (1, 10)
    for smaller in range(1, size):
        with pytest.raises(ValueError, match=rf"image_size {smaller} is too small for .*; .* works is {size}$"):
            on_meta(name, image_size=smaller)


@pytest.mark.parametrize("name", models.MODELS)
def test_width_narrows_every_network(name):
    narrow_, usual = (
        sum(p.numel() for p in on_meta(name, **settings).parameters()) for settings in ({"width": 0.5}, {})
    )
    assert narrow_ < usual
    with pytest.raises(
        ValueError, match=r"width 0 is not above 0; 1 is the network of the paper, 0\.25 a quarter of its"
    ):
        models.build(name, width=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", models.MODELS)
def test_half_precision_channels_last_and_a_copy_of_the_state(name):
    torch.manual_seed(0)
    settings = narrow(name) | SMALL[name] | {"image_size": 28}
    one, other = (models.build(name, **settings).eval().to(memory_format=torch.channels_last) for _ in range(2))
    other.load_state_dict(one.state_dict())
    X = torch.randn(2, 1, 28, 28)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(other(X), one(X))
        assert one(X).dtype == torch.bfloat16


@pytest.mark.parametrize("padding", [0, 1, 2, 3])
def test_the_smallest_size_named_is_the_smallest(padding):
    with pytest.raises(
        ValueError, match=rf"image_size 9 is too small for LeNet: .* smallest that works is {16 - 2 * padding}$"
    ):
        models.LeNet(image_size=9, padding=padding)
    least = 16 - 2 * padding
    assert models.LeNet(image_size=least, padding=padding)(torch.zeros(1, 1, least, least)).shape == (1, 10)
    with pytest.raises(ValueError, match="is too small for LeNet"):
        models.LeNet(image_size=least - 1, padding=padding)


def test_choices_that_cannot_be():
    with pytest.raises(ValueError, match="model 'lenet6' is not in the course; choose one of lenet, lenet_max"):
        models.build("lenet6")
    with pytest.raises(ValueError, match="activation 'gelu' is not one of relu, sigmoid, tanh"):
        models.build("lenet", activation="gelu")
    with pytest.raises(ValueError, match="pool 'min' is not one of avg, max"):
        models.build("lenet", pool="min")


def test_scaled_channels():
    assert [scaled(64, width) for width in (1, 0.25, 0.5, 2, 0.001)] == [64, 16, 32, 128, 1]
    for width in (0, -1, float("nan")):
        with pytest.raises(ValueError, match=rf"width {width} is not above 0; 1 is the network of the paper"):
            scaled(64, width)


def test_a_setting_that_no_size_can_help_is_refused_as_itself():
    with pytest.raises(ShapeError, match="padding=-1 is below 0"):
        models.LeNet(padding=-1)
    with pytest.raises(ShapeError, match="stride=0 is below 1"):
        models.ResNet(stages=((1, 8, 0),))
    with pytest.raises(ShapeError, match=r"image_size=28\.5 is not a whole number"):
        models.LeNet(image_size=28.5)


def test_the_side_of_the_last_map_is_pytorchs():
    layers = {
        "conv": torch.nn.Conv2d(1, 1, 5, stride=2, padding=1),
        "relu": torch.nn.ReLU(),
        "max": torch.nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        "average": torch.nn.AvgPool2d(2, 1, 1),
        "adaptive": torch.nn.AdaptiveAvgPool2d(6),
    }
    for last in range(1, 1 + len(layers)):
        chain = dict(list(layers.items())[:last])
        for size in range(3, 40):
            out = torch.nn.Sequential(*chain.values())(torch.zeros(1, 1, size, size))
            assert side_after("Net", size, chain) == out.shape[-1]


@pytest.mark.parametrize("name", ["lenet", "bn_lenet", "googlenet", "resnet18", "preact_resnet18", "densenet"])
def test_a_slice_is_the_first_layers_and_nothing_else(name):
    model = models.build(name, image_size=32).eval()
    front, back = model[:2], model[2:]
    assert type(front) is torch.nn.Sequential
    assert list(dict(front.named_children())) == list(dict(model.named_children()))[:2]
    X = torch.randn(2, 1, 32, 32)
    assert torch.equal(back(front(X)), model(X))
    assert model[0] is front[0]
