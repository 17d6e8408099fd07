"""The fast network against sizes and counts worked out by hand, and the order inside its block."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from cnnlab import models
from cnnlab.models.fast import Block
from cnnlab.trace import trace
from tests.networks import on_meta, randomised, sides, without_gradient


def test_counts_by_hand():
    traced = trace(on_meta("fast"), (1, 1, 28, 28))
    convolutions = 1 * 4 * 4 * 32, 32 * 3 * 3 * 64, 64 * 3 * 3 * 128
    norms, dense = 2 * (32 + 64 + 128), 128 * 3 * 3 * 10 + 10
    assert traced.params == sum(convolutions) + norms + dense == 104_650
    pixels = 14 * 14, 14 * 14, 7 * 7  # of each convolution's output
    assert traced.macs == sum(c * p for c, p in zip(convolutions, pixels, strict=True)) + 128 * 3 * 3 * 10 == 7_337_216


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [14, 14, 7, 7, 3]),
        ({"stem": "small"}, [28, 14, 14, 7, 7, 3]),
        ({"convolutions": 4}, [14, 14, 14, 7, 7, 3]),
    ],
)
def test_sides_at_28(settings, expected):
    assert sides(trace(on_meta("fast", **settings), (1, 1, 28, 28))) == expected


def test_the_fourth_convolution_and_the_textbook_stem_in_parameters():
    count = {
        key: sum(p.numel() for p in on_meta("fast", **settings).parameters())
        for key, settings in (("three", {}), ("four", {"convolutions": 4}), ("small", {"stem": "small"}))
    }
    assert count["four"] - count["three"] == 64 * 3 * 3 * 64 + 2 * 64
    assert count["small"] - count["three"] == 32 * (5 * 5 - 4 * 4)


def test_without_batch_norm_there_is_a_bias_instead():
    net = on_meta("fast", batch_norm=False)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in net.modules())
    assert sum(p.numel() for p in net.parameters()) == 104_650 - (32 + 64 + 128)
    assert all(layer.bias is None for layer in on_meta("fast").modules() if isinstance(layer, nn.Conv2d))


def test_a_block_is_convolution_pooling_norm_and_relu():
    block = randomised(models.fast_block(3, Block(8, pool=2)))
    X = torch.randn(2, 3, 11, 11, generator=torch.Generator().manual_seed(0))
    Y = nn.functional.max_pool2d(nn.functional.conv2d(X, block.conv.weight, padding=1), 2)
    mean, var, weight, bias = (
        v[:, None, None] for v in (block.norm.running_mean, block.norm.running_var, block.norm.weight, block.norm.bias)
    )
    with torch.no_grad():
        assert_close(block(X), ((Y - mean) / (var + block.norm.eps).sqrt() * weight + bias).relu())


# By hand, backwards: pool3 needs 2, so pool2 4, so the halving convolution (4×4, padding 1) 8; the other stem too.
@pytest.mark.parametrize("stem", ["halving", "small"])
def test_the_smallest_size_named_is_the_smallest(stem):
    with pytest.raises(
        ValueError,
        match=r"image_size 7 is too small for FastNet: block3\.pool gets 1 px and needs 2; .* works is 8$",
    ):
        models.build("fast", image_size=7, stem=stem)
    assert models.build("fast", image_size=8, stem=stem)(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


@pytest.mark.parametrize("settings", [{}, {"stem": "small"}, {"convolutions": 4}, {"batch_norm": False}])
def test_gradient_reaches_every_parameter(settings):
    torch.manual_seed(0)
    net = models.build("fast", num_classes=2, width=0.25, **settings)
    assert without_gradient(net, torch.randn(32, 1, 28, 28)) == []


def test_width_classes_and_dropout():
    net = on_meta("fast", width=0.5, num_classes=7, in_channels=3, dropout=0.3)
    assert [layer.out_channels for layer in net.modules() if isinstance(layer, nn.Conv2d)] == [16, 32, 64]
    assert net.block1.conv.in_channels == 3
    assert (net.fc.in_features, net.fc.out_features, net.dropout.p) == (64 * 9, 7, 0.3)
    assert not hasattr(on_meta("fast"), "dropout")


def test_choices_that_cannot_be():
    with pytest.raises(ValueError, match="convolutions=5 is not one of 3, 4; take 3 to be fast, 4 to be better"):
        models.build("fast", convolutions=5)
    with pytest.raises(ValueError, match="stem 'paper' is not one of halving, small"):
        models.build("fast", stem="paper")
