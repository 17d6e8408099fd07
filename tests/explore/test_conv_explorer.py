"""What a ConvExplorer does on request: ask PyTorch, count uses, take other values, channels and settings."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab.data.drawn import draw_garments
from cnnlab.explore import ConvExplorer
from cnnlab.explore.conv.numbers import torch_output
from cnnlab.explore.kit import presets
from cnnlab.explore.kit.ask import compare
from tests.pictures import cells, check_labels

SETTINGS = {
    "size": st.integers(1, 14),
    "kernel_size": st.integers(1, 4),
    "stride": st.integers(1, 4),
    "padding": st.integers(0, 3),
    "dilation": st.integers(1, 3),
}


# ---- ask PyTorch -----------------------------------------------------------------------------------------------------


def said(explorer: ConvExplorer) -> str:
    return re.sub("<.*?>", "", explorer.asking.says.value)


def test_the_button_says_that_pytorch_agrees():
    explorer = ConvExplorer(12, weights="blur", bias=2)
    assert explorer.answer is None
    explorer.asking.button.click()
    assert explorer.answer.agrees
    assert explorer.answer.shape == (10, 10)
    assert 0 <= explorer.answer.difference < 1e-5
    assert said(explorer).startswith("✓ PyTorch agrees: 10×10, and all 100 values are the same (largest difference")
    explorer.stride = 2
    assert (explorer.answer, said(explorer)) == (None, "")


@settings(max_examples=30, deadline=None)
@given(weights=st.sampled_from(list(presets.KERNELS)), bias=st.integers(-3, 3), **SETTINGS)
def test_pytorch_agrees_on_every_setting(weights, bias, **setting):
    assert ConvExplorer(**setting, weights=weights, bias=bias).ask_torch().agrees


def test_pytorch_refuses_what_the_explorer_refuses():
    answer = ConvExplorer(3, 5).ask_torch()
    assert answer.agrees
    assert answer.says.startswith("PyTorch refuses too: ")
    assert ConvExplorer(in_channels=3, groups=2, out_channels=2).ask_torch().says.startswith("PyTorch refuses too: ")


def test_a_disagreement_is_shown_as_such():
    ours = np.arange(4.0).reshape(2, 2)
    theirs = ours + np.array([[0, 0], [5, 0]])
    assert compare(ours, theirs).says == (
        "PyTorch disagrees: 2×2 as in the picture, but at (1, 0) it has 7 and the picture 2."
    )
    assert compare(ours, ours[:1]).says == "PyTorch disagrees: it makes 1×2, the picture has 2×2."
    assert compare(None, ours).says == "PyTorch disagrees: it makes 2×2, the picture has no output."
    assert compare(ours, "too small").says == "PyTorch disagrees, it refuses: too small"
    assert not any(compare(*pair).agrees for pair in ((ours, theirs), (None, ours), (ours, "too small")))


def test_a_wrong_picture_would_be_found_out():
    explorer = ConvExplorer(5)
    explorer.conv.out[1][2] += 1
    explorer.asking.button.click()
    assert not explorer.answer.agrees
    assert said(explorer).startswith("✗ PyTorch disagrees: 3×3 as in the picture, but at (1, 2)")


def test_without_pytorch_the_button_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    explorer = ConvExplorer(5)
    explorer.asking.button.click()
    assert said(explorer) == "✗ PyTorch is not installed here; pip install torch brings it."
    assert not explorer.asking.button.disabled


# ---- how often a pixel is used ---------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(**SETTINGS)
def test_uses_are_what_a_gradient_counts(**setting):
    explorer = ConvExplorer(**setting)
    if explorer.error:
        return
    conv = explorer.conv
    padded = torch.zeros(1, 1, *(s + 2 * p for s, p in zip(conv.size, conv.padding, strict=True)), requires_grad=True)
    ones = torch.ones(1, 1, *conv.kernel_size)
    torch.nn.functional.conv2d(padded, ones, stride=conv.stride, dilation=conv.dilation).sum().backward()
    counts = padded.grad[0, 0].int()
    pads = conv.padding
    assert [
        [conv.uses(r - pads[0], c - pads[1]) for c in range(counts.shape[1])] for r in range(counts.shape[0])
    ] == counts.tolist()
    assert conv.most_uses == counts.max()


def test_the_heat_map_writes_counts_and_a_legend():
    explorer = ConvExplorer(4, heat=True)
    svg = explorer.view.picture["svg"]
    written = [cell.label for cell in cells(ET.fromstring(svg), "input").values()]
    # A 3×3 window has 2 places along an axis of 4: it uses the ends once, the middle twice.
    assert [int(count) for count in written] == [1, 2, 2, 1, 2, 4, 4, 2, 2, 4, 4, 2, 1, 2, 2, 1]
    assert 'class="legend"' in svg
    assert ">4 outputs<" in svg
    assert "how many outputs use each pixel" in str(explorer.static())
    explorer.heat = False
    assert "legend" not in explorer.view.picture["svg"]


# ---- other values ----------------------------------------------------------------------------------------------------


def test_own_weights_and_an_own_image():
    explorer = ConvExplorer(2, 2, image="own", own_image=[[1, 2], [3, 4]], weights="own", own_weights=[[1, 0], [0, -1]])
    assert explorer.conv.out == [[1 - 4]]
    explorer.size = 3
    assert explorer.conv.image == [[1, 2, 0], [3, 4, 0], [0, 0, 0]]
    explorer.kernel_size = 1
    assert explorer.conv.weights == [[1]]
    assert explorer.ask_torch().agrees


def test_the_browser_can_change_weights_and_paint():
    explorer, seen = ConvExplorer(5), []
    explorer.view.observe(lambda change: seen.append(change), "picture")
    explorer._edited(explorer.view, {"part": "kernel", "cells": [[0, 2, 7]]}, [])
    assert (explorer.weights, explorer.own_weights) == ("own", ((-1, 0, 7), (-1, 0, 1), (-1, 0, 1)))
    explorer._edited(explorer.view, {"part": "input", "cells": [[0, 0, 9], [0, 1, 9]]}, [])
    assert (explorer.image, explorer.own_image[0][:2]) == ("own", (9, 9))
    assert len(seen) == 2
    assert explorer.ask_torch().agrees


@pytest.mark.parametrize("grid", [[[1, 2], [3]], [[1.5]], 3, [[]], ["ab"]])
def test_a_grid_that_is_none_is_refused(grid):
    with pytest.raises(traitlets.TraitError, match=r"is no grid of whole numbers; give rows of equal length"):
        ConvExplorer(own_weights=grid)


def test_the_garment_keeps_its_light_at_every_size():
    whole = np.mean(presets.garment((28, 28)))
    assert all(abs(np.mean(presets.garment(size)) - whole) < 0.5 for size in ((12, 12), (7, 14), (40, 40)))


def test_the_garment_is_the_first_that_is_drawn():
    images, labels = draw_garments(40, seed=1)
    assert presets.garment((28, 28)) == (images[labels == 0][0] / 255 * 9).round().astype(int).tolist()
    assert presets.GARMENT.split() == [bytes(row.tolist()).hex() for row in images[labels == 0][0]]


def test_an_image_of_ones_own_is_dark_where_nothing_is_given():
    assert ConvExplorer(4, image="own").conv.image == [[0] * 4] * 4


def test_the_kernels_of_three_by_three():
    assert presets.edge_kernel((3, 3))[0] == [[-1, 0, 1]] * 3
    assert presets.sharpen_kernel((3, 3))[0] == [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]


# ---- channels and settings -------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(groups=st.integers(1, 4), ins=st.integers(1, 4), outs=st.integers(1, 4), kernel=st.integers(1, 3))
def test_channels_cost_what_pytorch_has(groups, ins, outs, kernel):
    explorer = ConvExplorer(6, kernel, in_channels=ins * groups, out_channels=outs * groups, groups=groups)
    layer = eval(explorer.code(), {"nn": torch.nn})
    facts = dict(explorer.facts())
    assert facts["parameters"].endswith(f"= {sum(p.numel() for p in layer.parameters()):,}")
    made = layer(torch.zeros(1, ins * groups, 6, 6))
    assert facts["activation memory"].endswith(f"= {made.numel() * made.element_size():,}")
    assert facts["multiply-accumulates (MACs)"].endswith(f"= {layer.weight.numel() * made[0, 0].numel():,}")
    assert explorer.ask_torch().agrees


def test_channels_that_do_not_split_are_explained_and_mended():
    explorer = ConvExplorer(in_channels=3, out_channels=4, groups=2)
    assert explorer.error == "in_channels=3 does not split into 2 groups; make it a multiple of 2"
    (button,) = [b for b in explorer.remedies.buttons if b.layout.display != "none"]
    button.click()
    assert (explorer.groups, explorer.error) == (1, None)


@pytest.mark.parametrize("value", [0, 1.5, True, "2"])
def test_a_channel_count_that_is_none_is_refused(value):
    with pytest.raises(traitlets.TraitError, match=r"groups=.* will not do; give a whole number of at least 1"):
        ConvExplorer(groups=value)


# Sizes from the papers' tables, parameters from torchvision's alexnet and resnet18 (which has no bias there).
@pytest.mark.parametrize(
    ("name", "out", "code"),
    [
        ("AlexNet, first layer", 55, "nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2)"),
        ("ResNet, stem", 112, "nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3)"),
        ("depthwise 3×3", 12, "nn.Conv2d(32, 32, kernel_size=3, padding=1, groups=32)"),
        ("dilated 3×3", 12, "nn.Conv2d(1, 1, kernel_size=3, padding=2, dilation=2)"),
        ("same 3×3", 12, "nn.Conv2d(1, 1, kernel_size=3, padding=1)"),
        ("1×1", 12, "nn.Conv2d(1, 1, kernel_size=1)"),
    ],
)
def test_settings_to_start_from(name, out, code):
    explorer, seen = ConvExplorer(9, 2, stride=3), []
    explorer.view.observe(lambda change: seen.append(change), "picture")
    explorer.preset_choice.value = name
    assert (explorer.out_shape, explorer.code(), len(seen)) == ((out, out), code, 1)
    assert explorer.preset_choice.value == name
    explorer.kernel_size = 2
    assert explorer.preset_choice.value not in presets.SETTINGS


def test_an_unknown_setting_is_refused():
    with pytest.raises(ValueError, match=r"there is no setting 'VGG'; choose one of same 3×3, 1×1, dilated 3×3"):
        ConvExplorer().start_from("VGG")


def test_a_slider_gets_its_scale_back():
    explorer = ConvExplorer()
    explorer.size = 224
    explorer.start_from("same 3×3")
    assert explorer.sliders["size"].sliders[0].max == 32


def test_torch_output_by_hand():
    explorer = ConvExplorer(2, 2, image="own", own_image=[[1, 2], [3, 4]], weights="blur", bias=1)
    assert torch_output(explorer.conv).tolist() == [[3.5]]


# ---- what is drawn ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 4, 12, 28, 120])
@pytest.mark.parametrize("mode", ["heat", "guess"])
def test_no_label_overlaps_another_or_leaves_the_picture(size, mode):
    explorer = ConvExplorer(size, 3, stride=2, padding=1, dilation=2, **{mode: True})
    for svg in (explorer.view.picture["svg"], str(explorer.static())):
        check_labels(ET.fromstring(svg))
