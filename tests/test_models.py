"""LeNet against the counts and shapes that were published with it."""

import pytest
import torch

from cnnlab import models


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


@pytest.mark.parametrize("name", models.MODELS)
def test_every_size_channel_and_class_count(name):
    for size in (28, 64, 96):
        model = models.build(name, in_channels=3, num_classes=7, image_size=size)
        assert model(torch.zeros(2, 3, size, size)).shape == (2, 7)


@pytest.mark.parametrize("padding", [0, 1, 2, 3])
def test_the_smallest_size_named_is_the_smallest(padding):
    with pytest.raises(ValueError, match=rf"image_size 9 runs out .* smallest that works is {16 - 2 * padding}"):
        models.LeNet(image_size=9, padding=padding)
    least = 16 - 2 * padding
    assert models.LeNet(image_size=least, padding=padding)(torch.zeros(1, 1, least, least)).shape == (1, 10)
    with pytest.raises(ValueError, match="runs out of pixels"):
        models.LeNet(image_size=least - 1, padding=padding)


def test_choices_that_cannot_be():
    with pytest.raises(ValueError, match="model 'lenet6' is not in the course; choose one of lenet, lenet_max"):
        models.build("lenet6")
    with pytest.raises(ValueError, match="activation 'gelu' is not one of relu, sigmoid, tanh"):
        models.build("lenet", activation="gelu")
    with pytest.raises(ValueError, match="pool 'min' is not one of avg, max"):
        models.build("lenet", pool="min")
