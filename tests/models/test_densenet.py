"""DenseNet against the paper's table 1, the published counts and torchvision."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn

from cnnlab import models
from cnnlab.compat import load_torchvision
from cnnlab.models.weights import copy_weights
from cnnlab.trace import trace

PAPER = ["densenet121", "densenet169", "densenet201", "densenet264"]


def on_meta(name="densenet", **settings):
    with torch.device("meta"):
        return models.build(name, **settings)


def weights_of(name):
    """What torchvision states of a network, without loading any."""
    return load_torchvision().models.get_model_weights(name).IMAGENET1K_V1.meta


def blocks(model):
    return [layer for layer in model if isinstance(layer, models.DenseBlock)]


# ---- the notes' network ----------------------------------------------------------------------------------------------


def test_counts_as_the_notes_build_it():
    traced = trace(on_meta(), (1, 1, 96, 96))
    assert (traced.params, traced.macs) == (758_226, 129_077_168)


def test_channels_and_sides_as_the_notes_build_it():
    X, shapes = torch.empty(2, 1, 96, 96, device="meta"), []
    for layer in on_meta():
        X = layer(X)
        shapes.append(tuple(X.shape[1:]))
    assert [channels for channels, *_ in shapes[:8]] == [64, 192, 96, 224, 112, 240, 120, 248]
    assert [side for _, side, _ in shapes[:8]] == [24, 24, 12, 12, 6, 6, 3, 3]
    assert shapes[-3:] == [(248, 1, 1), (248,), (10,)]


def test_two_convolutions_of_ten_channels_on_three():
    torch.manual_seed(0)
    block, X = models.DenseBlock(2, 3, 10), torch.randn(4, 3, 8, 8)
    Y = block(X)
    assert Y.shape == (4, 23, 8, 8)
    assert block.out_channels == 23
    assert torch.equal(Y[:, :3], X)
    assert models.transition(23, 10)(Y).shape == (4, 10, 4, 4)


@pytest.mark.parametrize("bottleneck", [False, True])
def test_each_layer_reads_all_layers_before_it(bottleneck):
    """By gradient: layer i changes with the input and with every layer before it, and with none after."""
    torch.manual_seed(0)
    c_in, growth = 3, 2
    block = models.DenseBlock(3, c_in, growth, bottleneck=bottleneck).eval()
    for i, layer in enumerate(block.layers):
        read = torch.randn(1, c_in + i * growth, 4, 4, requires_grad=True)
        layer(read).sum().backward()
        assert (read.grad.abs().sum(dim=(0, 2, 3)) > 0).all()
    X = torch.randn(1, c_in, 4, 4)
    before = block(X)
    nn.init.zeros_(block.layers[1].conv2.weight if bottleneck else block.layers[1].conv.weight)
    changed = (block(X) != before).flatten(2).any(dim=2)[0].tolist()
    assert changed == [False] * (c_in + growth) + [True] * 2 * growth


def test_a_transition_averages():
    """Norm at its start changes nothing in eval mode; so this is ReLU, a 1×1 of ones, and a mean over 2×2."""
    layer = models.transition(2, 1, bias=False).eval()
    nn.init.ones_(layer.conv.weight)
    layer.norm.eps = 0.0
    X = torch.tensor([[[[1.0, 2], [3, -4]], [[5.0, -6], [7, 8]]]])
    assert layer(X).tolist() == [[[[(1 + 2 + 3 + 5 + 7 + 8) / 4]]]]


# ---- the paper's ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", PAPER[:3])
def test_counts_torchvision_publishes(name):
    stated = weights_of(name)
    traced = trace(on_meta(name, in_channels=3, num_classes=1000), (1, 3, 224, 224))
    assert traced.params == stated["num_params"]
    assert round(traced.macs / 1e9, 3) == stated["_ops"]


def test_densenet161_from_the_same_settings():
    table = {"num_convs": (6, 12, 36, 24), "growth_rate": 48, "stem_channels": 96, "bottleneck": True, "bias": False}
    model = on_meta(in_channels=3, num_classes=1000, image_size=224, **table)
    assert sum(p.numel() for p in model.parameters()) == weights_of("densenet161")["num_params"]


def test_densenet264_by_hand():
    """torchvision has none. Weights of each kind of layer, summed as table 1 reads."""
    growth, channels, total = 32, 64, 7 * 7 * 3 * 64 + 2 * 64
    for i, layers in enumerate((6, 12, 64, 48)):
        for _ in range(layers):
            total += 2 * channels + channels * 4 * growth + 2 * 4 * growth + 9 * 4 * growth * growth
            channels += growth
        if i < 3:
            total += 2 * channels + channels * (channels // 2)
            channels //= 2
    total += 2 * channels + channels * 1000 + 1000
    model = on_meta("densenet264", in_channels=3, num_classes=1000)
    assert sum(p.numel() for p in model.parameters()) == total


@pytest.mark.slow
@pytest.mark.parametrize(("name", "depth"), list(zip(PAPER, [121, 169, 201, 265], strict=True)))
def test_layers_with_weights_are_what_the_names_count(name, depth):
    """All but the last: 2·130 + 5 is 265."""
    layers = [layer for layer in on_meta(name).modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(layers) == depth


@pytest.mark.slow
@pytest.mark.parametrize("name", PAPER)
def test_sides_of_table_1(name):
    model, X, sides = on_meta(name), torch.empty(1, 1, 224, 224, device="meta"), []
    for layer in model:
        X = layer(X)
        if isinstance(layer, models.DenseBlock):
            sides.append(tuple(X.shape[2:]))
    assert sides == [(56, 56), (28, 28), (14, 14), (7, 7)]


@pytest.mark.slow
@pytest.mark.parametrize("name", PAPER[:3])
def test_same_outputs_as_torchvision(name):
    torch.manual_seed(0)
    source = getattr(load_torchvision().models, name)(weights=None, num_classes=7)
    with torch.no_grad():
        # Statistics of some data: one batch norm in the place of another would show.
        source.train()(torch.randn(4, 3, 32, 32))
        source.eval()
        ours = copy_weights(source, models.build(name, in_channels=3, num_classes=7, image_size=32)).eval()
        X = torch.randn(2, 3, 32, 32)
        torch.testing.assert_close(ours(X), source(X))


def test_bottleneck_and_bias():
    layer = models.DenseBlock(1, 20, 6, bottleneck=True, bias=False).layers[0]
    assert layer.conv1.weight.shape == (4 * 6, 20, 1, 1)
    assert layer.conv2.weight.shape == (6, 4 * 6, 3, 3)
    assert layer.conv1.bias is layer.conv2.bias is None
    for bias in (False, True):
        convs = [layer for layer in on_meta(bias=bias).modules() if isinstance(layer, nn.Conv2d)]
        assert {conv.bias is not None for conv in convs} == {bias}


@pytest.mark.parametrize(
    ("compression", "channels"),
    [(1, [192, 320, 448, 576]), (0.5, [192, 224, 240, 248]), (0.3, [192, 57 + 128, 55 + 128, 54 + 128])],
)
def test_compression_keeps_that_share_rounded_down(compression, channels):
    assert [block.out_channels for block in blocks(on_meta(compression=compression))] == channels


# ---- sizes, widths, refusals ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stem", "shrinks", "sizes"),
    # The paper's form at 28 is refused, see below.
    [("paper", 4, [64, 96, 224]), ("half", 2, [28, 64, 96, 224]), ("small", 1, [28, 64, 96, 224])],
)
def test_every_stem_at_every_size(stem, shrinks, sizes):
    for size in sizes:
        check_shapes(stem, shrinks, size)


def check_shapes(stem, shrinks, size):
    model = on_meta(in_channels=3, num_classes=7, image_size=size, stem=stem)
    X = torch.empty(2, 3, size, size, device="meta")
    assert model.stem(X).shape == (2, 64, size // shrinks, size // shrinks)
    assert model(X).shape == (2, 7)


@pytest.mark.slow
@pytest.mark.parametrize(("stem", "least"), [("paper", 29), ("half", 15), ("small", 8)])
@pytest.mark.parametrize("name", ["densenet", *PAPER[:1]])
def test_the_smallest_image(name, stem, least):
    why = f"image_size {least - 1} is too small for DenseNet: transition3 gets 1 px and needs 2; .* works is {least}$"
    with pytest.raises(ValueError, match=why):
        models.build(name, image_size=least - 1, stem=stem)
    model = on_meta(name, image_size=least, stem=stem)
    # Two images: in training a batch norm over 1 px needs more than one value.
    assert model(torch.empty(2, 1, least, least, device="meta")).shape == (2, 10)


def test_the_smallest_image_is_the_one_torchvision_states():
    least, _ = weights_of("densenet121")["min_size"]
    with pytest.raises(ValueError, match=f"smallest that works is {least}$"):
        models.build("densenet121", image_size=least - 1)


def test_width_scales_the_stem_and_the_growth():
    narrow = on_meta(width=0.25)
    assert [block.out_channels for block in blocks(narrow)] == [48, 56, 60, 62]
    assert narrow.stem.conv0.weight.shape == (16, 1, 7, 7)
    assert narrow.denseblock1.layers[0].conv.weight.shape == (8, 16, 3, 3)
    assert narrow.classifier.weight.shape == (10, 62)


@pytest.mark.parametrize("bottleneck", [False, True])
def test_gradient_reaches_every_parameter(bottleneck):
    torch.manual_seed(0)
    model = models.build("densenet", width=0.25, bottleneck=bottleneck, bias=False, stem="half", image_size=32)
    model(torch.randn(4, 1, 32, 32)).logsumexp(1).sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("cast", [nullcontext(), torch.autocast("cpu", torch.bfloat16)], ids=["float32", "bfloat16"])
def test_channels_last_changes_the_order_in_memory_only(cast):
    torch.manual_seed(0)
    model, X = models.build("densenet", width=0.25).eval(), torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        expected = model(X)
        with cast:
            found = model.to(memory_format=torch.channels_last)(X.to(memory_format=torch.channels_last))
    torch.testing.assert_close(found.float(), expected, atol=2e-2, rtol=2e-2)


def test_choices_that_cannot_be():
    with pytest.raises(ValueError, match="stem 'tiny' is not one of paper, half, small"):
        models.build("densenet", stem="tiny")
    for num_convs in ((), (4, 0)):
        with pytest.raises(ValueError, match=r"num_convs .* has no layer in some block; give at least 1 for each"):
            models.build("densenet", num_convs=num_convs)
    for compression in (0, 1.5):
        with pytest.raises(ValueError, match=rf"compression {compression} is not above 0 and at most 1; 0\.5 halves"):
            models.build("densenet", compression=compression)
