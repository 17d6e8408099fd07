"""The receptive field of a stack: its numbers against gradients and papers, its picture, its explorer."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from cnnlab.draw import svg
from cnnlab.explore import ReceptiveFieldExplorer
from cnnlab.explore.field.numbers import Chain, Step, sight
from cnnlab.explore.field.picture import field_picture
from cnnlab.explore.field.stacks import STACKS
from cnnlab.explore.kit.base import read
from cnnlab.trace.effective import effective_field
from tests.pictures import check_apart, check_labels, corners

SVG = "{http://www.w3.org/2000/svg}"

LAYER = st.builds(
    Step, st.just("conv"), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 3)
) | st.builds(Step, st.just("pool"), st.integers(2, 3), st.integers(1, 3), st.integers(0, 1), st.just(1))


def module(layer: Step) -> nn.Module:
    """The layer with weights of one, so that no tap can vanish; a pooling that passes every gradient."""
    if layer.kind == "pool" and layer.dilation == 1:
        return nn.AvgPool2d(*layer[1:4])
    conv = nn.Conv2d(1, 1, *layer[1:4], dilation=layer.dilation, bias=False)
    nn.init.ones_(conv.weight)
    return conv


def seen_by_gradient(layers, size: int, row: int, column: int) -> np.ndarray | None:
    image = torch.ones(1, 1, size, size, requires_grad=True)
    try:
        maps = nn.Sequential(*map(module, layers))(image)
    except RuntimeError:
        return None
    maps[0, 0, row % maps.shape[2], column % maps.shape[3]].backward()
    return (image.grad[0, 0] != 0).numpy()


def parse(explorer: ReceptiveFieldExplorer) -> ET.Element:
    return ET.fromstring(explorer.view.picture["svg"])


# ---- against PyTorch and papers --------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(layers=st.lists(LAYER, max_size=4), size=st.integers(4, 24), row=st.integers(0, 30), column=st.integers(0, 30))
@example(layers=[Step("conv", 3, dilation=2), Step("conv", 3, 2, 1)], size=24, row=3, column=4)
@example(layers=[Step("conv", 3, padding=2, dilation=2)] * 3, size=24, row=11, column=12)
def test_the_reach_in_the_picture_is_what_gradients_reach(layers, size, row, column):
    explorer = ReceptiveFieldExplorer(layers, size)
    expected = seen_by_gradient(layers, size, row, column)
    assert (expected is None) == bool(explorer.error)
    if expected is None:
        return
    root = parse(explorer)
    last = json.loads(root.get("data-sizes"))[-1]
    first, end, step, gaps = json.loads(root.get("data-reach"))[-1][0]
    drawn = []
    for index in (row % last, column % last):
        read = np.zeros(size, bool)
        missed = {p for gap in gaps for p in range(gap[0], gap[1] + 1)}
        for position in range(first, end + 1):
            at = position + index * step
            if position not in missed and 0 <= at < size:
                read[at] = True
        drawn.append(read)
    drawn = np.outer(*drawn)
    assert drawn[expected].all()
    # A tap on padding between the layers leads nowhere: at the border less may arrive than the field holds.
    sizes, reach = json.loads(root.get("data-sizes")), json.loads(root.get("data-reach"))[-1]
    places = [(low + i % last * by, high + i % last * by) for low, high, by, _ in reach[1:] for i in (row, column)]
    whole = [place[0] >= 0 and place[1] < sizes[1 + n // 2] for n, place in enumerate(places)]
    if all(whole):
        np.testing.assert_array_equal(drawn, expected)


@settings(max_examples=25, deadline=None)
@given(layers=st.lists(LAYER, max_size=4), size=st.integers(6, 20))
def test_the_code_makes_the_same_maps(layers, size):
    explorer = ReceptiveFieldExplorer(layers, size)
    if explorer.error is None:
        out = eval(explorer.code(), {"nn": nn})(torch.zeros(1, 1, size, size))
        assert tuple(out.shape[2:]) == explorer.out_shape


@pytest.mark.parametrize(
    ("preset", "size", "jump"),
    [("one 5×5", 5, 1), ("two 3×3", 5, 1), ("AlexNet", 195, 32), ("VGG-16", 212, 32), ("dilated 1, 2, 4", 15, 1)],
)
def test_published_fields(preset, size, jump):
    # Araujo, Norris and Sim 2019 for the two networks; Yu and Koltun 2016 for the dilated stack.
    explorer = ReceptiveFieldExplorer(preset=preset)
    assert (explorer.field.size, explorer.field.jump, explorer.preset) == (size, jump, preset)


@pytest.mark.slow
def test_the_torchvision_networks_have_these_layers():
    import torchvision

    for preset, features in (
        ("AlexNet", torchvision.models.alexnet().features),
        ("VGG-16", torchvision.models.vgg16().features),
    ):
        found = []
        for layer in features:
            if isinstance(layer, nn.Conv2d):
                found.append(
                    Step("conv", *(getattr(layer, n)[0] for n in ("kernel_size", "stride", "padding", "dilation")))
                )
            elif isinstance(layer, nn.MaxPool2d):
                found.append(Step("pool", layer.kernel_size, layer.stride, layer.padding, layer.dilation))
        assert STACKS[preset] == (224, tuple(found))


def test_dilation_alone_leaves_gaps():
    assert Chain(28, STACKS["dilated 2, 2, 2"][1]).reach[3][0].gaps == tuple((p, p) for p in range(-5, 6, 2))
    assert Chain(28, STACKS["dilated 1, 2, 4"][1]).reach[3][0].gaps == ()


# ---- settings and results --------------------------------------------------------------------------------------------


def test_the_facts_by_hand():
    explorer = ReceptiveFieldExplorer([3, ("pool", 2), (3, 1, 1)])
    assert explorer.facts() == [
        ("1. conv 3×3", "26 × 26", "3 × 3", "1", "1"),
        ("2. pool 2×2", "13 × 13", "4 × 4", "2", "1.5"),
        ("3. conv 3×3", "13 × 13", "8 × 8", "2", "1.5"),
    ]
    assert [field.size for field in explorer.fields] == [3, 4, 8]
    assert (explorer.out_shape, explorer.error, explorer.failed) == ((13, 13), None, None)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({}, "ReceptiveFieldExplorer(3 layers, 28×28 → field 6, jump 2)"),
        ({"layers": [5], "size": 9}, "ReceptiveFieldExplorer(1 layer, 9×9 → field 5, jump 1)"),
        ({"layers": []}, "ReceptiveFieldExplorer(0 layers, 28×28 → field 1, jump 1)"),
        ({"layers": [9], "size": 4}, "ReceptiveFieldExplorer(1 layer, 4×4 → no output)"),
        ({"preset": "AlexNet"}, "ReceptiveFieldExplorer(8 layers, 224×224 → field 195, jump 32)"),
    ],
)
def test_it_says_itself_in_one_line(setting, expected):
    assert repr(ReceptiveFieldExplorer(**setting)) == expected


def test_layers_can_be_written_in_several_ways():
    explorer = ReceptiveFieldExplorer([3, (3, 2), ("conv", 3, 1, 1), ("pool", 2), ("pool", 3, 2), Step("conv", 1)])
    assert explorer.layers == (
        Step("conv", 3),
        Step("conv", 3, 2),
        Step("conv", 3, 1, 1),
        Step("pool", 2, 2),
        Step("pool", 3, 2),
        Step("conv", 1),
    )


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"layers": "conv"}, "layers: 'conv' is no list of layers; give each as"),
        ({"layers": [("fold", 3)]}, "layers: ('fold', 3) is no layer; give each as"),
        ({"layers": [3.5]}, "layers: 3.5 is no layer; give each as"),
        ({"layers": [(3, True)]}, "layers: (3, True) is no layer; give each as"),
        ({"size": 0}, "size=0 will not do; give a whole number of at least 1"),
        ({"image": "hat"}, "image='hat' is unknown; choose one of"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_in_one_sentence(setting, expected):
    with pytest.raises(traitlets.TraitError, match="^" + re.escape(expected)):
        ReceptiveFieldExplorer(**setting)


def test_an_unknown_preset_is_named():
    with pytest.raises(ValueError, match=r"preset='VGG-11' is unknown; choose one of one 5×5, two 3×3, VGG block"):
        ReceptiveFieldExplorer(preset="VGG-11")
    with pytest.raises(ValueError, match="preset='LeNet' is unknown"):
        ReceptiveFieldExplorer().preset = "LeNet"


# ---- impossible layers -----------------------------------------------------------------------------------------------


def buttons(explorer):
    return {b.description: b for b in explorer.remedies.buttons if b.layout.display != "none"}


def test_an_impossible_layer_is_explained_and_its_row_marked():
    explorer = ReceptiveFieldExplorer([3, ("pool", 2), (9, 1, 0, 2), 3], 20)
    assert explorer.error == (
        "layer 3, conv 9×9 (dilation 2): a kernel spanning 17 px (9 taps, dilation 2) does not fit 9 px;"
        " pad by 4 on each side, or lower the dilation to 1"
    )
    assert (explorer.failed, explorer.field, explorer.out_shape) == (3, None, None)
    assert [f.size for f in explorer.fields] == [3, 4]
    assert ["cnnlab-failed" in row._dom_classes for row in explorer.rows.rows] == [False, False, True, False]
    assert parse(explorer).find(f".//{SVG}rect[@class='misfit']") is not None
    assert list(buttons(explorer)) == ["layer 3: padding = 4", "layer 3: dilation = 1", "size = 40", "remove layer 3"]
    buttons(explorer)["layer 3: padding = 4"].click()
    assert explorer.failed == 4
    assert ["cnnlab-failed" in row._dom_classes for row in explorer.rows.rows] == [False, False, False, True]


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(layers=st.lists(LAYER | st.just(Step("conv", 0)) | st.just(Step("pool", 2, 0, 2)), max_size=4))
def test_every_button_gets_past_the_layer_that_failed(layers):
    explorer = ReceptiveFieldExplorer(layers, 5)
    assert bool(buttons(explorer)) == bool(explorer.error)
    for name in buttons(explorer):
        mended = ReceptiveFieldExplorer(layers, 5)
        failed, count = mended.failed, len(layers)
        buttons(mended)[name].click()
        assert mended.failed is None or mended.failed > failed or len(mended.layers) < count or "stride" in name


# ---- controls and messages -------------------------------------------------------------------------------------------


def test_rows_and_layers_are_one():
    explorer = ReceptiveFieldExplorer(preset="two 3×3")
    explorer.rows.rows[1].numbers[0].value = 5
    assert explorer.layers == (Step("conv", 3), Step("conv", 5))
    assert explorer.preset_choice.value == "own stack"
    adders = explorer.rows.children[2].children
    adders[1].click()
    assert explorer.layers[2] == Step("pool", 2, 2)
    explorer.rows.rows[0].remove.click()
    assert explorer.layers == (Step("conv", 5), Step("pool", 2, 2))
    assert len(explorer.rows.body.children) == 2
    explorer.rows.rows[0].kind.value = "pool"
    assert explorer.layers[0] == Step("pool", 5, 1)
    explorer.preset_choice.value = "AlexNet"
    assert (explorer.size, explorer.size_slider.value, explorer.field.size) == (224, 224, 195)


def test_one_change_is_one_picture():
    explorer, seen = ReceptiveFieldExplorer(), []
    explorer.view.observe(lambda change: seen.append(change["new"]), "picture")
    for act in (
        lambda: setattr(explorer.rows.rows[0].numbers[0], "value", 5),
        lambda: setattr(explorer, "preset", "AlexNet"),
        lambda: setattr(explorer, "layers", [3, 3]),
        lambda: setattr(explorer.size_slider, "value", 20),
        lambda: explorer.show_effective(np.pad(np.ones((2, 2)), 9)),
        lambda: setattr(explorer, "size", 24),
    ):
        seen.clear()
        act()
        assert len(seen) == 1
    explorer.layers = [3, 3]
    assert len(seen) == 1


# ---- the picture -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("still", [False, True])
@pytest.mark.parametrize(
    "setting",
    [
        *({"preset": name} for name in STACKS),
        {"layers": []},
        {"layers": [3, ("pool", 9, 2), 3], "size": 6},
        {"layers": [(3, 2)] * 4, "size": 20},
        {"layers": [(3, 1, 1)] * 24, "size": 28},
        {"preset": "AlexNet", "size": 64},
    ],
)
def test_no_label_overlaps_another_or_leaves_the_picture(setting, still):
    explorer = ReceptiveFieldExplorer(**setting)
    root = ET.fromstring(str(explorer.static())) if still else parse(explorer)
    check_labels(root, "svg")
    check_apart(corners(root, "svg"))


def test_the_marks_are_where_the_field_is():
    chain = Chain(10, (Step("conv", 3), Step("conv", 3)))
    root = ET.fromstring(field_picture(chain, [[0] * 10] * 10, (2, 1, 4)))
    source, middle, last = root.findall(f"{SVG}svg")
    cell = float(source.get("data-cell"))
    seen = {k: float(source.find(f".//{SVG}rect[@class='sight']").get(k)) / cell for k in ("x", "y", "width")}
    assert seen == {"x": 4, "y": 1, "width": 5}
    # Each map lies over the input: the first unit of the first map is centred on pixel 1.
    assert float(middle.get("data-edge")) == pytest.approx(float(middle.get("data-cell")))
    assert float(last.get("data-edge")) == pytest.approx(2 * float(last.get("data-cell")))


def test_a_field_larger_than_the_input_is_marked():
    explorer = ReceptiveFieldExplorer(preset="AlexNet", size=64)
    assert "195 × 195 field, beyond the input" in [e.text for e in parse(explorer).findall(f"{SVG}text")]
    assert sight(explorer.chain, explorer.chain.default_unit).endswith(
        "larger than the 64 × 64 input, padding included."
    )


def test_a_field_that_goes_on_beyond_the_input_is_cut_at_the_rim_and_dashed():
    for row, top, dashes in ((0, "-6", "5 3"), (1, "0", None)):
        root = ET.fromstring(str(ReceptiveFieldExplorer([(3, 1, 1)]).static(unit=(1, row, 5))))
        drawn = root.find(f".//{SVG}rect[@class='sight']")
        assert (drawn.get("y"), drawn.get("stroke-dasharray")) == (top, dashes)


def test_every_colour_of_a_still_picture_has_its_dark_twin():
    explorer = ReceptiveFieldExplorer([3, 3])
    explorer.show_effective(np.pad(np.ones((2, 2)), 13))
    root = ET.fromstring(str(explorer.static()))
    css = root.findtext(f"{SVG}style")
    for name in ("fill", "stroke"):
        used = {e.get(name) for e in root.iter() if e.get(name)} - {"none", "transparent"}
        assert all(f'[{name}="{colour}"]' in css for colour in used)


def test_the_browser_uses_the_colours_of_the_picture():
    inks = re.search(r"INKS = \{(.*?)\}", read("field/view.js")).group(1)
    found = dict(re.findall(r'(\w+): "(#\w+)"', inks))
    assert found == {name: svg.colour(name) for name in ("ink", "kernel", "output")}


def test_the_static_twin_tells_the_same():
    explorer = ReceptiveFieldExplorer([3, 3])
    root = ET.fromstring(str(explorer.static(unit=(1, 0, 2))))
    said = " ".join(e.text for e in root.findall(f"{SVG}text")).replace("\xa0", " ")
    assert "Unit (0, 2) of layer 1, conv 3×3, sees 3 × 3 px: rows 0 to 2, columns 2 to 4." in said
    assert "2. conv 3×3       24 × 24   field     5 × 5   jump   1   centre 2" in said
    assert str(explorer.static()) == str(explorer.static())
    assert " id=" not in str(explorer.static())
    assert repr(explorer.static()) == f"Picture({explorer!r})"


@pytest.mark.parametrize("unit", [(3, 0, 0), (0, 0, 0), (2, 24, 0), (1, -1, 0), (1, 2)])
def test_a_unit_outside_is_refused(unit):
    expected = re.escape(f"unit={unit} is not in ReceptiveFieldExplorer(2 layers") + ".*the layer from 1 to 2"
    with pytest.raises(ValueError, match=expected):
        ReceptiveFieldExplorer([3, 3]).static(unit=unit)


# ---- the effective field ---------------------------------------------------------------------------------------------


def net() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Dropout(), nn.Conv2d(4, 4, 3), nn.Flatten())


def test_the_effective_field_lies_in_the_theoretical():
    field = effective_field(net(), "3", 12)
    assert (field.shape, field.max()) == ((12, 12), 1)
    seen = np.zeros((12, 12), bool)
    seen[3:8, 3:8] = True
    assert (field[seen] > 0).all()
    assert (field[~seen] == 0).all()


def test_the_effective_field_of_a_linear_net_by_hand():
    linear = nn.Sequential(nn.Conv2d(1, 1, (1, 3), bias=False), nn.Conv2d(1, 1, (1, 3), bias=False))
    for layer in linear:
        nn.init.ones_(layer.weight)
    np.testing.assert_allclose(effective_field(linear, "1", (1, 5), unit=(0, 0))[0], np.array([1, 2, 3, 2, 1]) / 3)


def test_the_model_is_left_as_it_was():
    model = net()
    model[2].eval()
    effective_field(model, "0", 12, images=torch.rand(2, 1, 12, 12))
    assert [part.training for part in model] == [True, True, False, True, True]
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(part._forward_hooks for part in model.modules())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"layer": "conv"}, "layer='conv' is not in the model; choose one of 0, 1, 2, 3, 4"),
        ({"layer": "4"}, r"layer='4' puts out \(32, 256\), which is no map \(B, C, H, W\); choose a layer before it"),
        ({"unit": (8, 0)}, r"unit=\(8, 0\) is outside the 8 × 8 map of '3'; give a row and a column inside"),
        ({"images": torch.rand(1, 1, 9, 9)}, r"images of \(9, 9\) are not of image_size \(12, 12\); give one size"),
    ],
)
def test_what_has_no_effective_field_is_refused(changes, expected):
    with pytest.raises(ValueError, match=expected):
        effective_field(net(), **{"layer": "3", "image_size": 12, **changes})


def test_an_effective_field_is_laid_over_the_input():
    field = effective_field(net(), "3", 12)
    explorer = ReceptiveFieldExplorer([3, 3], 12, effective=field)
    heat = parse(explorer).find(f".//{SVG}g[@class='effective']")
    assert heat.get("data-unit") == "2,3,3"
    assert heat.get("display") is None
    assert explorer.effective.words.startswith("Effective field: 90 % of its weight lies in the middle ")
    assert explorer.effective.words in " ".join(
        e.text for e in ET.fromstring(str(explorer.static())).iter(f"{SVG}text")
    )
    explorer.layers = [5]
    assert explorer.effective is None


def test_the_width_of_an_effective_field_by_hand():
    weights = np.zeros((9, 9))
    weights[3:6, 3:6], weights[4, 4] = 1, 82  # 90 of 100 in the middle 3 × 3
    weights[2, 2:7] = 2
    explorer = ReceptiveFieldExplorer([3, 3], 9, effective=weights)
    assert explorer.effective.words == "Effective field: 90 % of its weight lies in the middle 3 × 3 of 5 × 5 px."


@pytest.mark.parametrize("weights", [np.ones((3, 3)), np.zeros((9, 9)), -np.ones((9, 9)), np.full((9, 9), np.nan)])
def test_weights_that_are_no_field_are_refused(weights):
    with pytest.raises(ValueError, match=r"an effective field of shape \(\d, \d\) does not fit; give 9 × 9 weights"):
        ReceptiveFieldExplorer([3, 3], 9).show_effective(weights)


def test_an_effective_field_of_another_net_is_refused():
    with pytest.raises(ValueError, match=r"reaches 56 px that unit \(2, 2\) of layer 2 cannot see; give the layers"):
        ReceptiveFieldExplorer([3, 3], 9).show_effective(np.ones((9, 9)))
