"""NiN against the notes' counts, sizes worked out by hand, and what the paper says about 1×1 convolutions."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from cnnlab import models
from cnnlab.trace import trace
from tests.networks import on_meta, randomised, sides, without_gradient


def kernels(net):
    return [layer.kernel_size[0] for layer in net.modules() if isinstance(layer, nn.Conv2d)]


def test_counts_and_sizes_as_the_notes_build_it():
    traced = trace(on_meta("nin"), (1, 1, 224, 224))
    assert (traced.params, traced.macs) == (1_992_166, 762_297_352)
    seen = sides(traced, ["Conv2d", "MaxPool2d", "AdaptiveAvgPool2d"])
    assert seen == [54] * 3 + [26] * 4 + [12] * 4 + [5] * 4 + [1]


def test_parameters_do_not_depend_on_the_image_size():
    assert {trace(on_meta("nin", image_size=size), (1, 1, size, size)).params for size in (67, 96)} == {1_992_166}


def test_a_block_is_a_convolution_and_a_dense_network_at_every_pixel():
    block = randomised(models.nin_block(3, 8, kernel_size=5, stride=2, padding=1))
    X = torch.randn(2, 3, 11, 11, generator=torch.Generator().manual_seed(0))
    Y = nn.functional.conv2d(X, block.conv.weight, block.conv.bias, stride=2, padding=1).relu().movedim(1, -1)
    for layer in (block.conv1x1_1, block.conv1x1_2):
        Y = nn.functional.linear(Y, layer.weight[:, :, 0, 0], layer.bias).relu()
    assert_close(block(X), Y.movedim(-1, 1))


@pytest.mark.parametrize(
    ("pointwise", "expected"),
    [(0, [11, 5, 3, 3]), (1, [11, 1, 5, 1, 3, 1, 3, 1]), (2, [11, 1, 1, 5, 1, 1, 3, 1, 1, 3, 1, 1])],
)
def test_pointwise_convolutions_in_each_block(pointwise, expected):
    net = on_meta("nin", pointwise=pointwise)
    assert kernels(net) == expected
    # Each one that goes takes c² + c parameters with it: of 96, 256, 384 and 10 channels.
    gone = (2 - pointwise) * sum(c * c + c for c in (96, 256, 384, 10))
    assert sum(p.numel() for p in net.parameters()) == 1_992_166 - gone


def test_without_the_last_relu_scores_may_be_negative():
    nets = [models.build("nin", image_size=28, stem="small", width=0.1, last_relu=last) for last in (True, False)]
    clipped, free = (net.eval() for net in nets)
    models.copy_weights(randomised(clipped), free)
    X = torch.randn(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert clipped(X).min() == 0
        assert free(X).min() < 0
        # Nothing else differs: a ReLU between the maps of the one and their mean gives the other.
        assert_close(nn.Sequential(*list(free)[:-2])(X).relu().mean(dim=(2, 3)), clipped(X))


def test_a_last_relu_that_nothing_passes_stops_all_learning():
    images = torch.rand(4, 1, 28, 28)
    for last_relu, silent in ((True, True), (False, False)):
        torch.manual_seed(0)
        net = models.build("nin", image_size=28, stem="small", width=0.25, num_classes=2, last_relu=last_relu)
        nn.init.constant_(net.block4.conv1x1_2.bias, -100.0)
        assert (len(without_gradient(net, images)) == len(list(net.parameters()))) is silent


def test_last_channels():
    net = on_meta("nin", last_channels=192)
    assert [net.block4.conv.out_channels, net.block4.conv1x1_1.out_channels] == [192, 192]
    assert net.block4.conv1x1_2.out_channels == 10


# By hand, backwards: pool3 needs 3, so pool2 7, so pool1 15, so the first convolution 14·4 + 11 = 67, or 15.
@pytest.mark.parametrize(("stem", "least"), [("paper", 67), ("small", 15)])
def test_the_smallest_size_named_is_the_smallest(stem, least):
    with pytest.raises(
        ValueError,
        match=rf"image_size {least - 1} is too small for NiN: pool3 gets 2 px and needs 3; .* works is {least}$",
    ):
        models.build("nin", image_size=least - 1, stem=stem)
    model = models.build("nin", image_size=least, stem=stem, width=0.1)
    assert model(torch.zeros(2, 1, least, least)).shape == (2, 10)


@pytest.mark.parametrize("pointwise", [1, 2])
@pytest.mark.parametrize("stem", ["paper", "small"])
def test_gradient_reaches_every_parameter(stem, pointwise):
    torch.manual_seed(0)
    # Without the last ReLU, since that may let none through.
    settings = {"stem": stem, "pointwise": pointwise, "last_relu": False, "width": 0.25, "num_classes": 2}
    assert without_gradient(models.build("nin", image_size=67, **settings), torch.randn(8, 1, 67, 67)) == []


def test_images_are_told_apart_from_the_start():
    torch.manual_seed(0)
    net = models.build("nin", image_size=28, stem="small", last_relu=False).eval()
    images = torch.rand(16, 1, 28, 28)
    with torch.no_grad():
        own = net(images).std(dim=0).mean()
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d):
                layer.reset_parameters()
        assert own > 10 * net(images).std(dim=0).mean()


def test_width():
    net = on_meta("nin", width=0.5, num_classes=7)
    assert [block.conv.out_channels for block in (net.block1, net.block2, net.block3, net.block4)] == [48, 128, 192, 7]


def test_choices_that_cannot_be():
    with pytest.raises(ValueError, match="pointwise=-1 is below 0; give an int of at least 0"):
        models.build("nin", pointwise=-1)
    with pytest.raises(ValueError, match="stem 'cifar' is not one of paper, small"):
        models.build("nin", stem="cifar")
