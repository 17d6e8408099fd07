"""The InceptionExplorer and the DenseExplorer without a browser: their counts are those of the real modules."""

import xml.etree.ElementTree as ET

import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cnnlab import models
from cnnlab.explore import DenseExplorer, InceptionExplorer
from cnnlab.explore.inception.explorer import TABLE
from cnnlab.models.densenet import transition
from cnnlab.models.googlenet import STAGES
from tests.pictures import SVG, check_labels


def count(module: nn.Module, channels: int, side: int) -> tuple[int, int, tuple[int, ...]]:
    """Parameters, multiply-accumulates by torch's own counter, and the output's shape."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        Y = module.to("meta").eval()(torch.empty(1, channels, side, side))
    return sum(p.numel() for p in module.parameters()), counter.get_total_flops() // 2, tuple(Y.shape)


widths = st.integers(1, 40)


@settings(max_examples=20, deadline=None)
@given(channels=widths, side=st.integers(1, 9), c=st.tuples(*[widths] * 6))
def test_an_inception_block_counts_as_the_module_does(channels, side, c):
    c1, r3, c3, r5, c5, pool = c
    explorer = InceptionExplorer(
        in_channels=channels, side=side, c1=c1, reduce3=r3, c3=c3, reduce5=r5, c5=c5, c_pool=pool
    )
    params, macs, shape = count(models.Inception(channels, c1, (r3, c3), (r5, c5), pool), channels, side)
    assert (explorer.params, explorer.macs) == (params, macs)
    assert (explorer.out_channels, *explorer.out_shape) == shape[1:]
    explorer.reduced = False
    direct = [
        nn.Conv2d(channels, c1, 1),
        nn.Conv2d(channels, c3, 3),
        nn.Conv2d(channels, c5, 5),
        nn.Conv2d(channels, pool, 1),
    ]
    assert explorer.params == sum(p.numel() for module in direct for p in module.parameters())
    assert explorer.macs == side**2 * sum(module.weight.numel() for module in direct)


def test_the_presets_are_the_papers_table():
    rows = {name.removeprefix("inception"): row for stage in STAGES.values() for name, row in stage.items()}
    for name, (_, _, c1, r3, c3, r5, c5, pool) in TABLE.items():
        assert rows[name] == {"c1": c1, "c3": (r3, c3), "c5": (r5, c5), "c_pool": pool}
    for one, other in zip(["3a", "4a", "4b", "4c", "4d", "5a"], ["3b", "4b", "4c", "4d", "4e", "5b"], strict=True):
        first, second = (InceptionExplorer(preset=f"Inception {name}") for name in (one, other))
        assert first.out_channels == second.in_channels
    assert InceptionExplorer().out_channels == 256
    assert InceptionExplorer().shares == (2, 4, 1, 1)
    assert InceptionExplorer(preset="Inception 3b").shares == (4, 6, 3, 2)
    assert InceptionExplorer().saving == pytest.approx(2.41, abs=0.01)  # 308,281,344 / 128,049,152, by hand


def test_a_branch_tells_how_its_numbers_come_about():
    story = InceptionExplorer().story(2)
    assert story == (
        "1×1, 192 → 16: 192·16 + 16 = 3,088 parameters, 192·16·28² = 2,408,448 MACs; then "
        "5×5, 16 → 32: 16·32·5² + 32 = 12,832 parameters, 16·32·5²·28² = 10,035,200 MACs"
    )


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(
    channels=widths, growth=widths, layers=st.integers(1, 5), side=st.integers(2, 9),
    share=st.floats(0.05, 1), bottleneck=st.booleans(),
)  # fmt: skip
def test_a_dense_block_counts_as_the_modules_do(channels, growth, layers, side, share, bottleneck):
    explorer = DenseExplorer(
        in_channels=channels, growth_rate=growth, num_convs=layers, compression=share, side=side, bottleneck=bottleneck
    )
    block = models.DenseBlock(layers, channels, growth, bottleneck=bottleneck, bias=not bottleneck)
    params, macs, shape = count(block, channels, side)
    assert (explorer.params, explorer.macs, explorer.out_channels) == (params, macs, shape[1])
    if explorer.error:
        assert int(explorer.out_channels * share) == 0
        return
    after = transition(explorer.out_channels, explorer.kept_channels, bias=not bottleneck)
    params, macs, shape = count(after, explorer.out_channels, side)
    assert explorer.transition_cost.params == params
    assert explorer.transition_cost.macs == macs
    assert (explorer.kept_channels, *explorer.out_shape) == shape[1:]


@pytest.mark.parametrize("bottleneck", [False, True])
def test_the_maps_of_a_dense_block_are_all_it_makes(bottleneck):
    explorer = DenseExplorer(in_channels=6, growth_rate=4, num_convs=3, side=5, bottleneck=bottleneck)
    block, numbers = models.DenseBlock(3, 6, 4, bottleneck=bottleneck), []
    for module in block.modules():
        if not any(module.children()):
            module.register_forward_hook(lambda m, x, y: numbers.append(y.numel()))
    block(torch.zeros(1, 6, 5, 5))
    joined = sum(channels * 25 for channels in (10, 14, 18))
    assert explorer.activation_bytes == 4 * (sum(numbers) + joined)


def test_the_presets_are_the_notes_and_the_papers():
    assert DenseExplorer().out_channels == 192
    assert DenseExplorer().kept_channels == 96
    assert DenseExplorer(preset="notes, second block").out_channels == 224
    small = DenseExplorer(preset="3 + 2 × 10 → 23 → 10")
    assert (small.out_channels, small.kept_channels) == (23, 10)
    paper = DenseExplorer(preset="DenseNet-121, first block")
    assert (paper.out_channels, paper.kept_channels) == (256, 128)
    block = models.build("densenet121")
    first = next(module for module in block.modules() if isinstance(module, models.DenseBlock))
    assert paper.params == sum(p.numel() for p in first.parameters())


@pytest.mark.parametrize("hundredths", range(5, 101, 5))
def test_the_transition_loses_no_channel_to_rounding(hundredths):
    explorer = DenseExplorer(in_channels=180, growth_rate=1, num_convs=20, compression=hundredths / 100)
    assert explorer.kept_channels == 200 * hundredths // 100
    assert DenseExplorer(in_channels=170, growth_rate=10, num_convs=1, compression=0.35).kept_channels == 63


def test_a_residual_block_of_the_same_channels_beside_it():
    residual = models.Residual(192, 192)
    params, macs, _ = count(residual, 192, 24)
    assert (DenseExplorer().residual_cost.params, DenseExplorer().residual_cost.macs) == (params, macs)


def test_a_map_too_small_for_the_transition_is_explained_and_mended():
    explorer = DenseExplorer(side=1)
    assert explorer.error == "the transition's 2×2 pooling does not fit a map of 1 px; let side be 2 or more"
    assert explorer.out_shape is None
    explorer._apply(explorer.remedies.changes[0][0])
    assert explorer.out_shape == (1, 1)


def test_a_compression_that_leaves_no_channel_is_explained_and_mended():
    explorer = DenseExplorer(in_channels=3, growth_rate=1, num_convs=1, compression=0.05)
    assert explorer.error == "0.05 of 4 channels is less than one; let compression be 0.25 or more"
    explorer._apply(explorer.remedies.changes[0][0])
    assert (explorer.error, explorer.kept_channels) == (None, 1)


@pytest.mark.parametrize("explorer", [InceptionExplorer, DenseExplorer])
def test_every_preset_is_drawn_with_labels_apart_and_by_its_channels(explorer):
    for name in explorer.presets:
        made = explorer(preset=name)
        assert made.preset == name
        root = ET.fromstring(str(made.static()))
        check_labels(root)
        assert len([g for g in root.iter(f"{SVG}g") if g.get("data-said")]) >= 3
    made.preset = next(iter(explorer.presets))
    assert made.preset_choice.value == made.preset
    with pytest.raises(ValueError, match=r"preset='6a' is unknown; choose one of "):
        made.preset = "6a"
    with pytest.raises(ValueError, match=r"preset='6a' is unknown; choose one of "):
        explorer(preset="6a")
    with pytest.raises(ValueError, match=r"depth is no setting here; give some of "):
        explorer(depth=3)


def test_a_share_outside_its_range_is_refused():
    with pytest.raises(traitlets.TraitError, match=r"compression=0 will not do; give more than 0 and at most 1"):
        DenseExplorer().compression = 0


def test_the_bars_of_a_layer_are_its_channels():
    root = ET.fromstring(str(DenseExplorer(in_channels=5, growth_rate=3, num_convs=4).static()))
    layers = [g for g in root.iter(f"{SVG}g") if g.get("data-said", "").startswith("layer")]
    for number, layer in enumerate(layers):
        given = [int(bar.get("data-channels")) for bar in layer.iter(f"{SVG}rect") if bar.get("data-channels")]
        assert given == [5, *[3] * number, 3]


def test_sliders_follow_and_are_followed():
    explorer = InceptionExplorer()
    explorer.c1 = 999  # beyond its slider
    explorer.preset = "Inception 3a"
    assert explorer.c1 == 64
    assert explorer.preset_choice.value == "Inception 3a"
    explorer.reduced = False
    assert "without reductions" in repr(explorer)
    assert "torch.cat" in explorer.code()
