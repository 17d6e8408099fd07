"""VGG against the notes' counts, the paper's table, torchvision's networks and published counts."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from cnnlab import models
from cnnlab.trace import trace
from tests.networks import on_meta, published, randomised, sides, torchvisions, without_gradient

NAMES = ["vgg11", "vgg13", "vgg16", "vgg19"]


@pytest.mark.parametrize(
    ("width", "params", "macs"), [(1.0, 128_806_154, 7_547_232_256), (0.25, 43_093_322, 512_155_648)]
)
def test_counts_as_the_notes_build_it(width, params, macs):
    traced = trace(on_meta("vgg11", width=width), (1, 1, 224, 224))
    assert (traced.params, traced.macs) == (params, macs)
    assert sides(traced, ["MaxPool2d"]) == [112, 56, 28, 14, 7]
    assert next(row for row in traced if row.kind == "Flatten").out_shape == (1, int(25_088 * width))


# Table 2 of the paper, in millions. It says 133 for A and B alike, 138 for D and 144 for E.
@pytest.mark.parametrize(("name", "millions"), [("vgg11", 133), ("vgg13", 133), ("vgg16", 138), ("vgg19", 144)])
def test_the_papers_layers_and_parameters(name, millions):
    net = on_meta(name, in_channels=3, num_classes=1000)
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(layers) == int(name[3:])
    assert round(sum(p.numel() for p in net.parameters()) / 1e6) == millions


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_counts_torchvision_publishes(name, batch_norm):
    params, giga = published(f"{name}_bn" if batch_norm else name)
    traced = trace(on_meta(name, in_channels=3, num_classes=1000, batch_norm=batch_norm), (1, 3, 224, 224))
    assert traced.params == params
    assert round(traced.macs / 1e9, 3) == giga


def at_side_1(net):
    """torchvision's VGG for 32 px: the mean it takes over 7×7 and the linear layers that read 7×7 are for 224."""
    with torch.device("meta"):
        net.avgpool = nn.Identity()
        net.classifier[0], net.classifier[3], net.classifier[6] = (
            nn.Linear(512, 30),
            nn.Linear(30, 30),
            nn.Linear(30, 7),
        )
    return net


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg16_bn"])
@pytest.mark.parametrize("stem", ["paper", "small"])
def test_torchvisions_weights_give_torchvisions_outputs(name, stem):
    theirs = randomised(at_side_1(torchvisions(name)))
    settings = {"in_channels": 3, "num_classes": 7, "image_size": 32, "dense": 30, "stem": stem}
    ours = on_meta(name.removesuffix("_bn"), batch_norm=name.endswith("_bn"), **settings).to_empty(device="cpu")
    models.copy_weights(theirs, ours).eval()
    X = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert theirs(X).std() > 0.1
        assert_close(ours(X), theirs(X), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_all_of_torchvisions_vgg11_at_224():
    theirs = randomised(torchvisions("vgg11"))
    ours = on_meta("vgg11", in_channels=3, num_classes=1000).to_empty(device="cpu")
    models.copy_weights(theirs, ours).eval()
    X = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert_close(ours(X), theirs(X), rtol=1e-4, atol=1e-4)


def test_five_halvings_need_32_pixels_unless_they_round_up():
    with pytest.raises(
        ValueError,
        match=r"image_size 31 is too small for VGG: block5.pool gets 1 px and needs 2; the smallest that works is 32$",
    ):
        models.build("vgg11", image_size=31)
    for size, stem in ((32, "paper"), (28, "small"), (1, "small")):
        model = models.build("vgg11", image_size=size, stem=stem, width=0.1, dense=16)
        assert model(torch.zeros(2, 1, size, size)).shape == (2, 10)


def test_fewer_blocks_leave_a_larger_map():
    model = models.VGG(1, 10, 32, convs=(1, 2), width=0.1, dense=16)
    assert model.fc6.in_features == 13 * 8 * 8
    assert model(torch.zeros(2, 1, 32, 32)).shape == (2, 10)


def test_the_small_stem_rounds_up():
    traced = trace(on_meta("vgg16", image_size=28, stem="small"), (1, 1, 28, 28))
    assert sides(traced, ["MaxPool2d"]) == [14, 7, 4, 2, 1]


@pytest.mark.parametrize("size", [64, 96, 224])
def test_the_stems_are_one_network_at_multiples_of_32(size):
    small, paper = (
        trace(on_meta("vgg11", image_size=size, stem=stem), (1, 1, size, size)) for stem in ("small", "paper")
    )
    assert [row.out_shape for row in small] == [row.out_shape for row in paper]


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_gradient_reaches_every_parameter(name, batch_norm):
    torch.manual_seed(0)
    settings = {"width": 0.25, "dense": 32, "num_classes": 2, "batch_norm": batch_norm}
    model = models.build(name, image_size=28, stem="small", **settings)
    assert without_gradient(model, torch.randn(8, 1, 28, 28)) == []


def test_weights_start_where_glorot_and_bengio_put_them():
    torch.manual_seed(0)
    net = models.build("vgg11", image_size=32, dense=512)
    for layer, fans in ((net.block4.conv1, 9 * (256 + 512)), (net.fc7, 512 + 512)):
        assert layer.weight.var().item() == pytest.approx(2 / fans, rel=0.02)
        assert not layer.bias.any()


def test_width_leaves_the_dense_layers():
    net = on_meta("vgg16", width=0.25, dense=100, num_classes=3)
    convolutions = [layer.out_channels for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    assert convolutions == [16] * 2 + [32] * 2 + [64] * 3 + [128] * 6
    assert [layer.weight.shape for layer in (net.fc6, net.fc7, net.fc8)] == [(100, 128 * 49), (100, 100), (3, 100)]


def test_a_stem_that_is_not_there():
    with pytest.raises(ValueError, match="stem 'ceil' is not one of paper, small"):
        models.build("vgg11", stem="ceil")
