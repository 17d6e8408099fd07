"""ResNets against the paper's tables, torchvision and d2l; pre-activation against its formula."""

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from cnnlab import models
from cnnlab.compat import load_d2l, load_torchvision
from cnnlab.models.resnet import STAGES
from cnnlab.models.weights import copy_weights
from cnnlab.trace import trace

NAMES = [name for name in models.MODELS if "resnet" in name or name.startswith("plain")]
DEPTHS = [18, 34, 50, 101, 152]
TINY = {"width": 1 / 16, "stem": "small"}


def params(model):
    return sum(p.numel() for p in model.parameters())


@pytest.fixture
def meta():
    """Networks of their real size, without their numbers."""
    with torch.device("meta"):
        yield


def shaken(model, seed=0):
    """The model in double precision, with learned numbers and statistics that no batch norm starts with."""
    random = torch.Generator().manual_seed(seed)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for value in (layer.weight.data, layer.running_var):
                value.copy_(torch.rand(value.shape, generator=random) + 0.5)
            for value in (layer.bias.data, layer.running_mean):
                value.copy_(torch.randn(value.shape, generator=random))
    return model.double()


def images(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# ---- counts and shapes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bias", "count"), [(True, 11_178_378), (False, 11_173_578)])
def test_the_notes_resnet18(meta, bias, count):
    net = models.build("resnet18_notes", bias=bias)
    assert params(net) == count
    assert trace(net, (1, 1, 96, 96)).macs == 318_657_536
    assert trace(net, (1, 1, 224, 224)).macs == 1_734_890_496
    assert [row.out_shape[2] for row in trace(net, (1, 1, 96, 96), depth=1) if "_x" in row.name] == [24, 12, 6, 3]


def test_the_notes_form_differs_from_the_papers_in_biases_and_shortcuts_only(meta):
    notes, paper = models.build("resnet18_notes"), models.build("resnet18")
    # 64 + 4·(64 + 128 + 256 + 512) + (128 + 256 + 512) biases; γ and β of three shortcuts.
    assert params(notes) - 4800 == params(paper) - 2 * (128 + 256 + 512) == 11_173_578


@pytest.mark.slow
@pytest.mark.parametrize("depth", DEPTHS)
def test_counts_are_torchvisions(meta, depth):
    published = getattr(load_torchvision().models, f"ResNet{depth}_Weights").DEFAULT.meta
    net = models.build(f"resnet{depth}", in_channels=3, num_classes=1000)
    assert params(net) == published["num_params"]
    assert round(trace(net, (1, 3, 224, 224)).macs / 1e9, 3) == published["_ops"]


def test_output_sizes_of_table_1(meta):
    for name, channels in (("resnet34", (64, 128, 256, 512)), ("resnet50", (256, 512, 1024, 2048))):
        rows = [row.out_shape[1:] for row in trace(models.build(name, num_classes=1000), (1, 1, 224, 224), depth=1)]
        assert rows[0] == (64, 112, 112)
        assert rows[3] == (64, 56, 56)
        assert rows[4:9] == [*((c, s, s) for c, s in zip(channels, (56, 28, 14, 7), strict=True)), (channels[-1], 1, 1)]
        assert rows[-1] == (1000,)


@pytest.mark.parametrize(("name", "flops"), [("plain18", 1.8), ("plain34", 3.6)])
def test_plain_nets_cost_what_table_1_says(meta, name, flops):
    net = models.build(name, in_channels=3, num_classes=1000)
    assert round(trace(net, (1, 3, 224, 224)).macs / 1e9, 1) == flops


@pytest.mark.parametrize(("n", "millions"), [(3, 0.27), (5, 0.46), (7, 0.66), (9, 0.85), (18, 1.7)])
def test_small_nets_of_table_6(meta, n, millions):
    """Its shortcuts have no parameters, so the count is that of the plain net."""
    net = models.ResNet(3, 10, 32, stages=models.cifar_stages(n), stem="small", shortcut=False)
    assert round(params(net) / 1e6, 1 if n == 18 else 2) == millions
    assert sum(isinstance(layer, nn.Conv2d | nn.Linear) for layer in net.modules()) == 6 * n + 2


def test_stages_of_any_length():
    net = models.ResNet(1, 10, 28, stages=((1, 8, 1), (2, 12, 2)), stem="half", block=models.Bottleneck)
    sides = [row.out_shape[1:] for row in trace(net, (1, 1, 28, 28), depth=1)][2:5]
    assert sides == [(8, 14, 14), (32, 14, 14), (48, 7, 7)]


# ---- the same as others ----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("depth", DEPTHS)
def test_outputs_are_torchvisions(depth):
    theirs = getattr(load_torchvision().models, f"resnet{depth}")(weights=None, num_classes=7)
    with torch.device("meta"):
        ours = models.build(f"resnet{depth}", in_channels=3, num_classes=7)
    shaken(theirs).eval()
    copy_weights(theirs, ours.to_empty(device="cpu").double()).eval()
    X = images(2, 3, 33, 40)
    with torch.no_grad():
        assert_close(ours(X), theirs(X))


def take_residual(theirs, ours):
    """d2l registers its three convolutions before its batch norms, so they are matched by name."""
    pairs = [(getattr(theirs, name), getattr(ours.branch, name)) for name in ("conv1", "bn1", "conv2", "bn2")]
    for source, target in [*pairs, (theirs.conv3 or nn.Identity(), ours.shortcut)]:
        target.load_state_dict(source.state_dict())


@pytest.mark.parametrize(("channels", "stride"), [(3, 1), (6, 1), (6, 2)])
def test_the_block_is_d2ls(channels, stride):
    theirs = shaken(load_d2l().Residual(3, channels, use_1x1conv=channels != 3, strides=stride))
    ours = models.Residual(3, channels, stride, shortcut_norm=False, bias=True).double()
    take_residual(theirs, ours)
    X = images(4, 3, 7, 6)
    for mode in (False, True):
        assert_close(ours.train(mode)(X), theirs.train(mode)(X))
    assert_close(ours.branch.bn2.running_var, theirs.bn2.running_var)


def test_the_notes_small_net_is_d2ls():
    theirs = shaken(load_d2l().resnet18(num_classes=10, in_channels=1))
    ours = models.build("resnet18_notes", image_size=28, stem="small").double()
    copy_weights(theirs[:2], nn.Sequential(ours.conv1, ours.bn1))
    for number in range(1, 5):
        for pair in zip(getattr(theirs, f"resnet_block{number}"), getattr(ours, f"conv{number + 1}_x"), strict=True):
            take_residual(*pair)
    ours.fc.load_state_dict(theirs.fc[1].state_dict())
    X = images(3, 1, 20, 20)
    for mode in (False, True):
        assert_close(ours.train(mode)(X), theirs.train(mode)(X))


# ---- blocks ----------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))
@example(3, 2, 2, 9, 8)
def test_block_shapes(c_in, c, stride, h, w):
    X = torch.zeros(2, c_in, h, w)
    for block, factor in ((models.Residual, 1), (models.Bottleneck, 4), (models.PreActivation, 1)):
        shape = (2, factor * c, math.ceil(h / stride), math.ceil(w / stride))
        assert block(c_in, c, stride).eval()(X).shape == shape


@pytest.mark.parametrize("block", [models.Residual, models.Bottleneck])
def test_a_block_that_starts_as_identity(block):
    X = images(3, 8, 5, 5)
    ours = block(8, 8 // block.expansion).double()
    assert not torch.allclose(ours(X), F.relu(X))
    ours.start_as_identity()
    assert torch.equal(ours(X), F.relu(X))
    plain = block(8, 8 // block.expansion, shortcut=False).double()
    plain.start_as_identity()
    assert not plain(X).any()


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_zero_init_residual_is_torchvisions(name):
    theirs = getattr(load_torchvision().models, name)(weights=None, zero_init_residual=True)
    ours = models.build(name, zero_init_residual=True)
    zeros = [
        [bool(layer.weight.any()) for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
        for net in (theirs, ours)
    ]
    assert zeros[0] == zeros[1]
    assert zeros[0].count(False) == sum(blocks for blocks, *_ in STAGES[int(name[-2:])])


def preactivation(block, X):
    """Figure 1 b and the appendix of He et al. 2016, on the block's numbers."""
    one, two = block.bn1, block.branch.bn2
    A = F.relu(F.batch_norm(X, None, None, one.weight, one.bias, training=True))
    Y = F.conv2d(A, block.branch.conv1.weight, stride=block.branch.conv1.stride, padding=1)
    Y = F.relu(F.batch_norm(Y, None, None, two.weight, two.bias, training=True))
    Y = F.conv2d(Y, block.branch.conv2.weight, padding=1)
    projection = dict(block.shortcut.named_parameters()).get("weight")
    return Y + (X if projection is None else F.conv2d(A, projection, stride=block.shortcut.stride))


@pytest.mark.parametrize(("channels", "stride"), [(3, 1), (5, 1), (3, 2), (6, 2)])
def test_preactivation_by_its_formula(channels, stride):
    block = shaken(models.PreActivation(3, channels, stride))
    X = images(4, 3, 7, 6)
    Y = block(X)
    assert_close(Y, preactivation(block, X))
    assert (Y < 0).any()  # nothing is applied after the sum


def test_preactivation_starts_as_identity_and_leaves_it():
    """A zero γ in front of a ReLU would never get a gradient; a zero convolution does."""
    net = models.build("preact_resnet18", zero_init_residual=True, **TINY).double()
    block = net.conv2_x[1]
    X = images(3, 4, 5, 5)
    assert torch.equal(block(X), X)
    net(images(2, 1, 28, 28)).square().sum().backward()
    assert all(block.branch.conv2.weight.grad.any() for stage in (net.conv2_x, net.conv5_x) for block in stage)


def test_preactivation_ends_and_begins_as_the_paper_says():
    net = shaken(models.build("preact_resnet18", **TINY)).train()
    names = list(dict(net.named_children()))
    assert names[-5:] == ["bn_last", "relu_last", "avgpool", "flatten", "fc"]
    # The stem's ReLU feeds both ways of the first block, which has no batch norm of its own before its convolution.
    first = net.conv2_x[0]
    A = net.relu1(net.bn1(net.conv1(images(2, 1, 12, 12))))
    assert torch.equal(first(A), A + first.branch(A))
    # Each batch norm stands one place earlier than in the notes' ResNet, so the counts agree.
    with torch.device("meta"):
        assert params(models.build("preact_resnet18")) == 11_173_578


# ---- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_size_stem_channel_and_class_count(meta, name):
    for stem, sizes, stride in (("small", (28, 64, 224), 1), ("half", (28, 96), 2), ("paper", (96, 224), 2)):
        net = models.build(name, in_channels=3, num_classes=7, image_size=sizes[0], stem=stem, width=1 / 16)
        assert net.conv1.stride == (stride, stride)
        for size in sizes:
            assert net(torch.zeros(2, 3, size, size)).shape == (2, 7)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_reaches_every_parameter(name):
    torch.manual_seed(0)
    net = models.build(name, image_size=16, **TINY)
    net(torch.randn(4, 1, 16, 16)).logsumexp(1).sum().backward()
    for key, p in net.named_parameters():
        assert p.grad is not None, key
        # A bias in front of batch norm is cancelled by it: what is left is rounding.
        assert p.grad.any() or ("conv" in key and key.endswith("bias")), key


def test_biases_are_redundant():
    net = shaken(models.build("resnet18_notes", **TINY)).train()
    X = images(4, 1, 16, 16)
    before = net(X)
    with torch.no_grad():
        for block in (block for stage in (net.conv2_x, net.conv3_x) for block in stage):
            block.branch.conv1.bias += 3  # taken away with the mean
            for p in block.shortcut.parameters():
                if p.dim() == 1:  # behind no batch norm, but added to another's β
                    p += 2
                    block.branch.bn2.bias -= 2
    assert_close(net(X), before)


def test_width(meta):
    net = models.build("resnet50", width=0.25)
    assert [net.conv1.out_channels, net.conv2_x[0].branch.conv2.out_channels, net.fc.in_features] == [16, 16, 512]
    assert models.build("resnet18", width=0.5).fc.in_features == 256


@pytest.mark.parametrize("name", ["resnet18", "plain18", "preact_resnet18"])
def test_memory_format_precision_and_state(name):
    net = models.build(name, image_size=16, **TINY).eval()
    X = torch.randn(2, 1, 16, 16)
    again = models.build(name, image_size=16, **TINY).eval()
    again.load_state_dict(net.state_dict())
    assert torch.equal(again(X), net(X))
    last = again.to(memory_format=torch.channels_last)(X.to(memory_format=torch.channels_last))
    assert_close(last, net(X))
    with torch.autocast("cpu", torch.bfloat16):
        assert_close(net(X).float(), last, rtol=0.1, atol=0.1)


def test_one_pixel_is_enough_and_none_is_not():
    """Every layer that strides is padded, so that a side of 1 stays 1."""
    for name in ("resnet18", "preact_resnet18"):
        assert models.build(name, image_size=1, width=1 / 16).eval()(torch.zeros(1, 1, 1, 1)).shape == (1, 10)
        with pytest.raises(ValueError, match="image_size=0 is below 1"):
            models.build(name, image_size=0)


def test_choices_that_cannot_be():
    with pytest.raises(ValueError, match=r"^stem 'large' is not one of paper, half, small$"):
        models.build("resnet18", stem="large")
    with pytest.raises(ValueError, match="zero_init_residual=True without shortcuts would pass on only zeros"):
        models.build("plain18", zero_init_residual=True)
    with pytest.raises(ValueError, match="width 0 is not above 0"):
        models.build("resnet18", width=0)
