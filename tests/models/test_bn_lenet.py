"""BN-LeNet against the layers the notes list, against plain LeNet, and with batch norm from scratch in it."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from cnnlab import models
from cnnlab.models.weights import copy_weights
from cnnlab.scratch import BatchNorm
from cnnlab.trace import trace


def notes():
    """Layer by layer as the notes have it, for 28×28."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, kernel_size=5), nn.BatchNorm2d(6), nn.Sigmoid(), nn.AvgPool2d(2, stride=2)),
        *(nn.Conv2d(6, 16, kernel_size=5), nn.BatchNorm2d(16), nn.Sigmoid(), nn.AvgPool2d(2, stride=2), nn.Flatten()),
        *(nn.Linear(256, 120), nn.BatchNorm1d(120), nn.Sigmoid()),
        *(nn.Linear(120, 84), nn.BatchNorm1d(84), nn.Sigmoid(), nn.Linear(84, 10)),
    )


def images(batch=8, size=28, seed=0):
    return torch.randn(batch, 1, size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def names(net):
    return [name for name, _ in net.named_children()]


def test_counts_and_shapes():
    net = models.build("bn_lenet")
    # LeNet without padding, and γ and β for 6 + 16 + 120 + 84 channels.
    assert sum(p.numel() for p in net.parameters()) == 44_426 + 2 * 226
    report = trace(net, (1, 1, 28, 28))
    assert report.macs == 281_640
    shapes = list(dict.fromkeys(row.out_shape[1:] for row in report))
    assert shapes == [(6, 24, 24), (6, 12, 12), (16, 8, 8), (16, 4, 4), (256,), (120,), (84,), (10,)]


def test_it_is_the_notes_network():
    theirs, ours = notes().double(), models.build("bn_lenet").double()
    assert [type(layer) for layer in ours] == [type(layer) for layer in theirs]
    copy_weights(theirs, ours)
    for mode in (True, False):  # training first, so that prediction has statistics of its own
        assert_close(ours.train(mode)(images()), theirs.train(mode)(images()))


def test_without_batch_norm_it_is_lenet():
    theirs = models.LeNet(padding=2, activation="tanh", pool="max").double()
    ours = models.BNLeNet(padding=2, activation="tanh", pool="max", norm="none").double()
    assert_close(copy_weights(theirs, ours)(images()), theirs(images()))


def test_where_batch_norm_stands():
    assert names(models.BNLeNet(norm="before"))[:4] == ["conv1", "bn1", "act1", "pool1"]
    after = models.BNLeNet(norm="after")
    assert names(after)[:4] == ["conv1", "act1", "bn1", "pool1"]
    assert names(after)[-4:] == ["fc2", "act4", "bn4", "fc3"]
    # Behind the activation it is the pooling's input that has mean 0 in training.
    for layer in (after.pool1, after.pool2):
        layer.register_forward_pre_hook(lambda _, X: seen.extend(X))
    seen = []
    after.double()(images())
    assert len(seen) == 2
    for X in seen:
        assert_close(X.mean((0, 2, 3)), torch.zeros(X.shape[1], dtype=torch.float64))
    assert [name for name in names(models.BNLeNet(norm_at=("conv2", "fc2"))) if "bn" in name] == ["bn2", "bn4"]


def test_with_batch_norm_from_scratch():
    theirs, ours = notes().double(), models.BNLeNet(norm_layer=BatchNorm).double()
    assert sum(isinstance(layer, BatchNorm) for layer in ours) == 4
    assert not any(isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in ours)
    copy_weights(theirs, ours)
    for mode in (True, False):
        assert_close(ours.train(mode)(images()), theirs.train(mode)(images()))
    for net in (theirs, ours):
        net.train()(images(seed=1)).logsumexp(1).sum().backward()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(p.grad, q.grad)


def test_the_bias_before_batch_norm_is_redundant():
    net = models.build("bn_lenet").double().train()
    before = net(images())
    with torch.no_grad():
        for layer in (net.conv1, net.conv2, net.fc1, net.fc2):
            layer.bias += 5
    assert_close(net(images()), before)
    without = models.build("bn_lenet", bias=False)
    assert sum(p.numel() for p in without.parameters()) == 44_426 + 226
    assert without.fc3.bias is not None


@pytest.mark.parametrize("settings", [{}, {"padding": 2, "pool": "max", "activation": "relu", "norm": "after"}])
def test_every_size_channel_class_count_and_width(settings):
    for size in (28, 64, 96, 224):
        net = models.build("bn_lenet", in_channels=3, num_classes=7, image_size=size, width=0.5, **settings)
        out = net(torch.randn(2, 3, size, size))
        assert out.shape == (2, 7)
        assert [net.conv1.out_channels, net.conv2.out_channels, net.fc2.in_features] == [3, 8, 60]
    out.logsumexp(1).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_the_smallest_size_works():
    assert models.build("bn_lenet", image_size=16)(torch.zeros(2, 1, 16, 16)).shape == (2, 10)
    with pytest.raises(ValueError, match=r"image_size 15 is too small for .*; the smallest that works is 16$"):
        models.build("bn_lenet", image_size=15)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"activation": "gelu"}, "activation 'gelu' is not one of .*sigmoid"),
        ({"pool": "min"}, "pool 'min' is not one of avg, max"),
        ({"norm": "around"}, "norm 'around' is not one of before, after, none"),
        ({"norm_at": ["fc3"]}, "norm_at 'fc3' is not one of conv1, conv2, fc1, fc2"),
    ],
)
def test_choices_that_cannot_be(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        models.BNLeNet(**settings)


def test_a_norm_layer_that_draws_leaves_the_other_layers_their_start():
    class Drawn(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(channels))

    starts = []
    for settings in ({"norm": "none"}, {"norm_layer": Drawn}):
        torch.manual_seed(0)
        net = models.BNLeNet(**settings)
        starts.append([getattr(net, name).weight for name in ("conv1", "conv2", "fc1", "fc2", "fc3")])
    for one, other in zip(*starts, strict=True):
        assert torch.equal(one, other)
