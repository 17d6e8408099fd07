"""The explorers without a browser: settings, results, sentences, messages."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import ipywidgets
import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st

import cnnlab.explore
from cnnlab import shapes
from cnnlab.explore import ConvExplorer
from cnnlab.explore.conv.numbers import correlate
from cnnlab.explore.kit import presets

SVG = "{http://www.w3.org/2000/svg}"


def side(least: int, most: int):
    return st.one_of(st.integers(least, most), st.tuples(st.integers(least, most), st.integers(least, most)))


SETTINGS = {
    "size": side(1, 20),
    "kernel_size": side(1, 5),
    "stride": side(1, 4),
    "padding": side(0, 3),
    "dilation": side(1, 3),
}


# ---- against PyTorch -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(weights=st.sampled_from(list(presets.KERNELS)), bias=st.integers(-3, 3), **SETTINGS)
def test_outputs_are_those_of_pytorch(weights, bias, **setting):
    explorer = ConvExplorer(**setting, weights=weights, bias=bias)
    conv, geometry = explorer.conv, {name: setting[name] for name in ("stride", "padding", "dilation")}
    image = torch.tensor(conv.image, dtype=torch.float64)[None, None]
    kernel = torch.tensor(conv.weights, dtype=torch.float64)[None, None] / conv.divisor
    try:
        expected = torch.nn.functional.conv2d(image, kernel, torch.tensor([bias], dtype=torch.float64), **geometry)
    except RuntimeError:
        assert explorer.out_shape is None
        assert explorer.error
        return
    assert explorer.error is None
    assert explorer.out_shape == tuple(expected.shape[2:])
    np.testing.assert_allclose(np.array(conv.out) / conv.divisor, expected[0, 0].numpy(), atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(**SETTINGS)
def test_the_line_of_code_makes_the_same_layer(**setting):
    explorer = ConvExplorer(**setting)
    layer = eval(explorer.code(), {"nn": torch.nn})
    if explorer.error:
        return
    image = torch.zeros(1, 1, *explorer.conv.size)
    assert tuple(layer(image).shape[2:]) == explorer.out_shape
    assert f"= {sum(p.numel() for p in layer.parameters()):,}" in dict(explorer.facts())["parameters"]


def test_correlate_of_one_row():
    assert correlate([[1, 2, 4, 8]], [[-1, 1]], (1, 2), (0, 1), 1) == [[1, 2, -8]]


# ---- settings and results --------------------------------------------------------------------------------------------


def test_settings_move_the_result():
    explorer = ConvExplorer()
    assert (explorer.out_shape, explorer.error) == ((10, 10), None)
    explorer.kernel = 5
    assert (explorer.kernel_size, explorer.out_shape) == (5, (8, 8))
    explorer.padding = (2, 0)
    assert explorer.out_shape == (12, 8)
    assert dict(explorer.facts())["output height"] == "⌊(12 + 2·2 − 1·(5 − 1) − 1) / 1⌋ + 1 = 12"
    explorer.stride = (3, 3)
    assert explorer.stride == 3
    assert dict(explorer.facts())["output height"].endswith("= 4, 2 rows unread")


def test_the_facts_by_hand():
    facts = dict(ConvExplorer(224, 7, 2, 3).facts())
    assert facts == {
        "output height and width": "⌊(224 + 2·3 − 1·(7 − 1) − 1) / 2⌋ + 1 = 112, 1 row and column unread",
        "parameters": "7·7 + 1 bias = 50",
        "multiply-accumulates (MACs)": "7·7 · 112·112 = 614,656",
        "activation memory": "112·112 · 4 bytes = 50,176",
    }


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({}, "ConvExplorer(12×12, k=3, s=1, p=0 → 10×10)"),
        ({"size": (9, 12), "kernel_size": (3, 5), "dilation": 2}, "ConvExplorer(9×12, k=3×5, s=1, p=0, d=2 → 5×4)"),
        ({"size": 7, "kernel_size": 5, "dilation": 2}, "ConvExplorer(7×7, k=5, s=1, p=0, d=2 → no output)"),
    ],
)
def test_it_says_itself_in_one_line(setting, expected):
    assert repr(ConvExplorer(**setting)) == expected
    assert ConvExplorer(**setting)._repr_mimebundle_()["text/plain"] == expected


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"stride": 0}, "stride=0 will not do; give a whole number of at least 1, or two of them as (height, width)"),
        ({"padding": -1}, "padding=-1 will not do; give a whole number of at least 0"),
        ({"kernel_size": 2.5}, "kernel_size=2.5 will not do"),
        ({"size": (1, 2, 3)}, "size=(1, 2, 3) will not do"),
        ({"size": ("a", "b")}, "size=('a', 'b') will not do"),
        ({"dilation": True}, "dilation=True will not do"),
        ({"image": "hat"}, "image='hat' is unknown; choose one of shirt, edge, ramp, dot"),
        ({"weights": "hat"}, "weights='hat' is unknown; choose one of edge, blur, sharpen, identity"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_in_one_sentence(setting, expected):
    with pytest.raises(traitlets.TraitError, match="^" + re.escape(expected)):
        ConvExplorer(**setting)
    explorer = ConvExplorer()
    for name, value in setting.items():
        with pytest.raises(traitlets.TraitError, match="^" + re.escape(expected)):
            setattr(explorer, name, value)
    assert explorer.out_shape == (10, 10)


def test_an_unknown_explorer_is_named():
    with pytest.raises(AttributeError, match=r"cnnlab\.explore has no 'Conv3dExplorer'; it has .*ConvExplorer"):
        cnnlab.explore.Conv3dExplorer  # noqa: B018
    assert "ConvExplorer" in dir(cnnlab.explore)


# ---- impossible settings ---------------------------------------------------------------------------------------------


def buttons(explorer: ConvExplorer) -> dict[str, ipywidgets.Button]:
    return {b.description: b for b in explorer.remedies.buttons if b.layout.display != "none"}


def test_an_impossible_setting_is_explained():
    explorer = ConvExplorer(7, 5, dilation=2)
    with pytest.raises(shapes.ShapeError) as said:
        shapes.out_size(7, 5, dilation=2)
    assert explorer.error == str(said.value)
    assert explorer.out_shape is None
    assert explorer.facts() == []
    assert list(buttons(explorer)) == ["padding = 1", "dilation = 1", "kernel_size = 4", "size = 9"]
    assert explorer.remedies.layout.display is None


@settings(max_examples=40, deadline=None)
@given(index=st.integers(0, 3), size=side(1, 8), kernel_size=side(1, 9), padding=side(0, 1), dilation=side(1, 3))
def test_every_button_mends(index, **setting):
    explorer = ConvExplorer(**setting)
    offered = list(buttons(explorer).values())
    assert bool(offered) == bool(explorer.error)
    if index < len(offered):
        offered[index].click()
        assert explorer.error is None
        assert buttons(explorer) == {}


def test_only_the_axis_that_fails_is_named_and_mended():
    explorer = ConvExplorer(size=(3, 9), kernel_size=5)
    assert explorer.error.startswith("height: a kernel spanning 5 px does not fit 3 px")
    assert list(buttons(explorer)) == ["padding = 1×0", "kernel_size = 3×5", "size = 5×9"]
    buttons(explorer)["padding = 1×0"].click()
    assert (explorer.padding, explorer.out_shape) == ((1, 0), (1, 5))


# ---- controls and messages -------------------------------------------------------------------------------------------


def test_sliders_and_settings_are_one():
    explorer = ConvExplorer()
    explorer.sliders["stride"].sliders[0].value = 3
    assert (explorer.stride, explorer.out_shape) == (3, (4, 4))
    explorer.size = 20
    assert explorer.sliders["size"].sliders[0].value == 20
    explorer.size = 64
    assert explorer.sliders["size"].sliders[0].max == 64
    explorer.sliders["size"].sliders[0].value = 10
    assert explorer.size == 10


def test_height_and_width_can_be_set_apart_and_joined_again():
    explorer = ConvExplorer()
    high, wide = explorer.sliders["padding"].sliders
    assert wide.layout.display == "none"
    explorer.apart.value = True
    assert (wide.layout.display, high.description, wide.description) == (None, "padding h", "padding w")
    wide.value = 2
    assert (explorer.padding, explorer.out_shape) == ((0, 2), (10, 14))
    explorer.apart.value = False
    assert (explorer.padding, explorer.out_shape) == (0, (10, 10))
    high.value = 1
    explorer.apart.value = True
    assert (explorer.padding, wide.value, explorer.out_shape) == (1, 1, (12, 12))


def test_a_pair_set_from_python_shows_both_sliders():
    explorer = ConvExplorer()
    explorer.kernel_size = (3, 5)
    assert explorer.apart.value
    assert [s.value for s in explorer.sliders["kernel_size"].sliders] == [3, 5]
    assert explorer.kernel_size == (3, 5)


def test_one_change_is_one_picture():
    explorer, seen = ConvExplorer(), []
    explorer.view.observe(lambda change: seen.append(change["new"]), "picture")
    explorer.sliders["kernel_size"].sliders[0].value = 5
    assert len(seen) == 1
    explorer.kernel_size = 5
    assert len(seen) == 1
    explorer.apart.value = True
    assert len(seen) == 1


# ---- the static twin -------------------------------------------------------------------------------------------------


def test_the_static_twin_tells_the_same():
    explorer = ConvExplorer(9, 3, 2, 1, image="edge")
    picture = explorer.static(pin=(1, 2))
    root = ET.fromstring(picture._repr_svg_())
    said = " ".join(e.text for e in root.findall(f"{SVG}text")).replace("\xa0", " ")
    assert "output (1, 2) = −1·0 + 0·0 + 1·9 − 1·0 + 0·0 + 1·9 − 1·0 + 0·0 + 1·9 + bias 0 = 27" in said
    assert "⌊(9 + 2·1 − 1·(3 − 1) − 1) / 2⌋ + 1 = 5" in said
    assert "nn.Conv2d(1, 1, kernel_size=3, stride=2, padding=1)" in said
    assert float(root.get("width")) <= 900
    assert repr(picture) == "Picture(ConvExplorer(9×9, k=3, s=2, p=1 → 5×5))"


def test_the_static_twin_is_the_same_text_every_time():
    assert str(ConvExplorer(5).static()) == str(ConvExplorer(5).static())
    assert "0x" not in repr(ConvExplorer(5).static())


def test_the_static_twin_of_an_impossible_setting_gives_the_reason():
    said = str(ConvExplorer(3, 5).static())
    assert "No output" in said
    assert "does not fit" in said


@pytest.mark.parametrize(("setting", "pin"), [({}, (10, 0)), ({}, (0, -1)), ({"size": 1}, (0, 0))])
def test_a_pin_outside_is_refused(setting, pin):
    with pytest.raises(ValueError, match=re.escape(f"pin={pin} is not an output of ConvExplorer(")):
        ConvExplorer(**setting).static(pin=pin)


# ---- images and kernels ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (12, 12), (28, 28), (1, 9)])
@pytest.mark.parametrize("name", presets.IMAGES)
def test_images_are_single_digits(name, size):
    image = np.array(presets.IMAGES[name](size))
    assert image.shape == size
    assert image.dtype.kind == "i"
    assert 0 <= image.min() <= image.max() <= 9


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 3), (1, 5), (5, 1), (4, 7)])
def test_kernels_do_what_they_say_to_a_flat_image(size):
    # On a flat image an edge is 0, and the others change nothing. One pixel alone can hold no edge.
    for name, expected in (("edge", 0), ("blur", 1), ("sharpen", 1), ("identity", 1)):
        weights, divisor = presets.KERNELS[name](size)
        weights = np.array(weights)
        assert weights.shape == size
        assert weights.sum() / divisor == (1 if size == (1, 1) else expected)
