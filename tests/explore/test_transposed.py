"""The transposed convolution of a ConvExplorer: PyTorch as oracle, the picture's data, what mends it, guesses."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab import shapes
from cnnlab.explore import ConvExplorer
from cnnlab.explore.conv.numbers import torch_output
from cnnlab.explore.conv.transposed import RULES, hint, length, slips
from cnnlab.explore.kit import presets
from cnnlab.trace import trace
from tests.explore.test_explore import side
from tests.pictures import SVG, cells, check_labels

SETTINGS = {
    "size": side(1, 9),
    "kernel_size": side(1, 4),
    "stride": side(1, 4),
    "padding": side(0, 4),
    "dilation": side(1, 3),
    "output_padding": side(0, 3),
}


def both(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


# ---- against PyTorch -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(weights=st.sampled_from(list(presets.KERNELS)), bias=st.integers(-3, 3), **SETTINGS)
def test_outputs_are_those_of_pytorch(weights, bias, **setting):
    explorer = ConvExplorer(**setting, weights=weights, bias=bias, transposed=True)
    conv = explorer.conv
    image = torch.tensor(conv.image, dtype=torch.float64)[None, None]
    kernel = torch.tensor(conv.weights, dtype=torch.float64)[None, None] / conv.divisor
    geometry = {name: setting[name] for name in ("stride", "padding", "dilation", "output_padding")}
    assert explorer.ask_torch().agrees
    try:
        made = torch.nn.functional.conv_transpose2d(
            image, kernel, torch.tensor([bias], dtype=torch.float64), **geometry
        )
    except RuntimeError:
        assert explorer.out_shape is None
        assert explorer.error
        return
    assert explorer.out_shape == tuple(made.shape[2:])
    np.testing.assert_allclose(np.array(conv.out) / conv.divisor, made[0, 0].numpy(), atol=1e-9)
    # Every output is also the sum that is written out for it, and without a crop the cropped ones would be outputs.
    whole = torch.nn.functional.conv_transpose2d(
        image, kernel, torch.tensor([bias]).double(), **geometry | {"padding": 0}
    )
    top, left = both(setting["padding"])
    for row, column in product(*conv.shown_output):
        assert conv.total(row, column) / conv.divisor == pytest.approx(whole[0, 0, row + top, column + left].item())


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(groups=st.integers(1, 3), ins=st.integers(1, 3), outs=st.integers(1, 3), **SETTINGS)
def test_the_line_of_code_makes_the_same_layer_at_the_same_cost(groups, ins, outs, **setting):
    channels = {"in_channels": ins * groups, "out_channels": outs * groups, "groups": groups}
    explorer = ConvExplorer(**setting, **channels, transposed=True)
    layer = eval(explorer.code(), {"nn": torch.nn})
    if explorer.error:
        return
    traced = trace(layer, (1, ins * groups, *both(setting["size"])))
    facts = dict(explorer.facts())
    assert traced[0].out_shape[2:] == explorer.out_shape
    for name, number in (
        ("parameters", traced.params),
        ("multiply-accumulates (MACs)", traced.macs),
        ("activation memory", traced.activation_bytes),
    ):
        assert facts[name].endswith(f"= {number:,}")


def test_the_facts_by_hand():
    explorer = ConvExplorer(12, 4, 2, 1, transposed=True)
    assert repr(explorer) == "ConvExplorer(12×12, k=4, s=2, p=1, transposed → 24×24)"
    assert explorer.code() == "nn.ConvTranspose2d(1, 1, kernel_size=4, stride=2, padding=1)"
    assert dict(explorer.facts()) == {
        "output height and width": "(12 − 1)·2 − 2·1 + 1·(4 − 1) + 0 + 1 = 24",
        "parameters": "4·4 + 1 bias = 17",
        "multiply-accumulates (MACs)": "4·4 · 12·12 = 2,304",
        "activation memory": "24·24 · 4 bytes = 2,304",
    }
    formulas = dict(explorer.view.picture["formulas"])
    assert formulas["output, along each axis"] == (
        "(size − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1"
    )


def test_output_padding_counts_only_where_the_layer_is_transposed():
    explorer = ConvExplorer(6, 3, 2, 1, output_padding=(1, 0), dilation=2, transposed=True)
    assert repr(explorer) == "ConvExplorer(6×6, k=3, s=2, p=1, op=1×0, d=2, transposed → 14×13)"
    assert explorer.code().endswith("stride=2, padding=1, output_padding=(1, 0), dilation=2)")
    assert explorer.sliders["output_padding"].layout.display is None
    explorer.transposed = False
    assert repr(explorer) == repr(ConvExplorer(6, 3, 2, 1, 2))
    assert explorer.code() == "nn.Conv2d(1, 1, kernel_size=3, stride=2, padding=1, dilation=2)"
    assert explorer.sliders["output_padding"].layout.display == "none"


def test_the_switch_is_one_message():
    explorer, seen = ConvExplorer(6), []
    explorer.view.observe(lambda change: seen.append(change), "picture")
    explorer.switches["transposed"].value = True
    assert (explorer.out_shape, len(seen)) == ((8, 8), 1)
    assert 'data-transposed="true"' in explorer.view.picture["svg"]
    assert "nn.ConvTranspose2d" in explorer.asking.button.tooltip


def test_a_setting_to_start_from():
    explorer = ConvExplorer(9, 2, output_padding=1)
    explorer.preset_choice.value = "transposed ×2"
    assert explorer.code() == "nn.ConvTranspose2d(1, 1, kernel_size=4, stride=2, padding=1)"
    assert explorer.out_shape == tuple(2 * each for each in explorer.conv.size)
    explorer.output_padding = 1
    assert explorer.preset_choice.value not in presets.SETTINGS
    explorer.preset_choice.value = "same 3×3"
    assert (explorer.transposed, explorer.out_shape) == (False, (12, 12))


def test_torch_output_by_hand():
    explorer = ConvExplorer((1, 2), (1, 3), (1, 2), image="own", own_image=[[1, 2]], transposed=True)
    explorer._apply({"weights": "own", "own_weights": [[1, 10, 100]]})
    assert explorer.conv.out == [[1, 10, 102, 20, 200]]
    assert torch_output(explorer.conv).tolist() == [[1, 10, 102, 20, 200]]


def test_a_wrong_picture_would_be_found_out():
    explorer = ConvExplorer(5, transposed=True)
    explorer.conv.out[1][2] += 1
    assert explorer.ask_torch().says.startswith("PyTorch disagrees: 7×7 as in the picture, but at (1, 2)")


# ---- the picture -----------------------------------------------------------------------------------------------------


def picture(**setting) -> ET.Element:
    return ET.fromstring(ConvExplorer(**setting, transposed=True).view.picture["svg"])


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(**SETTINGS)
def test_the_data_in_the_picture_agrees_with_the_arithmetic(**setting):
    root = picture(**setting)
    axes = [[both(setting[name])[a] for name in setting] for a in (0, 1)]
    try:
        outs = [shapes.transposed_out_size(n, k, s, p, extra, d) for n, k, s, p, d, extra in axes]
    except shapes.ShapeError:
        assert root.get("data-out-shape") is None
        assert json.loads(root.get("data-windows-y")) == []
        return
    assert root.get("data-out-shape") == f"{outs[0]},{outs[1]}"
    for name in setting:
        assert root.get(f"data-{name.replace('_', '-')}") == "{},{}".format(*both(setting[name]))
    for name, (n, k, s, p, d, _) in zip("yx", axes, strict=True):
        assert json.loads(root.get(f"data-windows-{name}")) == [list(shapes.written(i, k, s, p, d)) for i in range(n)]
    assert len(cells(root, "input")) == both(setting["size"])[0] * both(setting["size"])[1]
    shown = cells(root, "output")
    kept = {at for at in shown if 0 <= at[0] < outs[0] and 0 <= at[1] < outs[1]}
    assert kept == set(product(range(outs[0]), range(outs[1])))
    cropped = [(out + 2 * p) for out, p in zip(outs, both(setting["padding"]), strict=True)]
    assert len(shown) == cropped[0] * cropped[1]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(**SETTINGS)
def test_the_heat_map_counts_the_inputs_that_write(**setting):
    explorer = ConvExplorer(**setting, transposed=True, heat=True)
    if explorer.error:
        return
    geometry = {name: setting[name] for name in ("stride", "padding", "dilation", "output_padding")}
    ones = [torch.ones(1, 1, *both(setting[name])) for name in ("size", "kernel_size")]
    counts = torch.nn.functional.conv_transpose2d(*ones, **geometry)[0, 0].int()
    root = ET.fromstring(explorer.view.picture["svg"])
    for at, element in cells(root, "output").items():
        label = element.label
        if explorer.conv.kept(*at) and label:
            assert int(label) == counts[at]
    marks = {e.get("class"): int(e.get("data-count")) for e in root.iter(f"{SVG}path")}
    assert sum(marks.values()) == (counts == 0).sum()
    assert explorer.conv.bare_pixels == (counts == 0).sum()
    assert explorer.conv.most_uses == counts.max()


@pytest.mark.slow
def test_the_checkerboard_of_kernel_3_and_stride_2():
    explorer = ConvExplorer(4, 3, 2, transposed=True, heat=True)
    drawn = cells(ET.fromstring(explorer.view.picture["svg"]), "output")
    fills = {at: element.fill for at, element in drawn.items()}
    counts = {at: int(element.label) for at, element in drawn.items()}
    inner = range(1, 8)
    assert {at: counts[at] for at in product(inner, inner)} == {
        (r, c): (1 + (r % 2 == 0)) * (1 + (c % 2 == 0)) for r, c in product(inner, inner)
    }
    assert len({fills[at] for at in ((1, 1), (1, 2), (2, 2))}) == 3
    assert ">4 inputs<" in explorer.view.picture["svg"]


def test_outputs_that_only_the_bias_reaches_are_marked():
    explorer = ConvExplorer(3, 1, 2, transposed=True, output_padding=1, bias=2)
    # 6 × 6 of which the 3 × 3 inputs write one each; a row and a column of them lie after the last input.
    root = ET.fromstring(explorer.view.picture["svg"])
    marks = {e.get("class"): int(e.get("data-count")) for e in root.iter(f"{SVG}path")}
    assert marks == {"gaps": 16, "strip": 11}
    assert "only the bias reaches 27 px" in explorer.view.picture["svg"]
    assert "output (1, 0) = bias\xa02 = 2" in str(explorer.static(pin=(1, 0)))


def test_what_is_cropped_is_dashed_and_named():
    explorer = ConvExplorer(4, 4, 2, (1, 2), transposed=True)
    root = ET.fromstring(explorer.view.picture["svg"])
    dashed = root.find(f".//{SVG}g[@class='cropped']")
    assert len(dashed) == 10 * 10 - 8 * 6
    assert dashed.get("stroke-dasharray")
    assert "dashed: 1 × 2 px cropped on each side" in explorer.view.picture["svg"]


def test_the_sum_of_a_static_picture_by_hand():
    explorer = ConvExplorer(
        2, 3, 2, 1, image="own", own_image=[[1, 2], [3, 4]], weights="blur", transposed=True, bias=1
    )
    drawn = explorer.static(pin=(1, 1))
    text = re.sub(r"\s+", " ", " ".join(ET.fromstring(str(drawn)).itertext()).replace("\xa0", " "))
    assert "output (1, 1) = (1·1 + 1·2 + 1·3 + 1·4) / 9 + bias 1 = 10/9 + bias 1 = 2.11" in text
    assert drawn.name == repr(explorer)


def test_a_pin_takes_the_colours_of_the_weights_it_goes_through():
    root = ET.fromstring(str(ConvExplorer(4, 3, 2, transposed=True).static(pin=(2, 2))))
    source, kernel = cells(root, "input"), cells(root, "kernel")
    for place, tap in {(0, 0): (2, 2), (0, 1): (2, 0), (1, 0): (0, 2), (1, 1): (0, 0)}.items():
        assert source[place].fill == kernel[tap].fill
    assert {e.get("class") for e in root.iter(f"{SVG}rect")} >= {"window", "result"}


def test_it_has_a_text_equivalent():
    root = picture(size=6, kernel_size=4, stride=2, padding=1)
    assert root.get("aria-label") == "Transposed convolution: 6 × 6 input, 4 × 4 kernel, 12 × 12 output"
    assert root.findtext(f"{SVG}desc") == (
        "stride 2 × 2, padding 1 × 1, output_padding 0 × 0, dilation 1 × 1. every output pixel is written."
    )


@pytest.mark.parametrize("size", [1, 4, 6, 12, 28, 120])
@pytest.mark.parametrize("more", [{}, {"heat": True}, {"guess": True}, {"output_padding": 3}, {"padding": (9, 40)}])
def test_no_label_overlaps_another_or_leaves_the_picture(size, more):
    explorer = ConvExplorer(**{"size": size, "kernel_size": 4, "stride": 2, "padding": 1, **more}, transposed=True)
    for svg in (explorer.view.picture["svg"], str(explorer.static())):
        check_labels(ET.fromstring(svg))


@pytest.mark.parametrize("setting", [{"size": 224}, {"size": 60, "stride": 8}, {"size": 9, "stride": 8}])
def test_a_large_output_keeps_its_ends_and_all_that_writes_them(setting):
    root = picture(**{"kernel_size": 4, "stride": 2, "padding": 1, **setting})
    rows = json.loads(root.get("data-windows-y"))
    inputs = {r for r, _ in cells(root, "input")}
    outputs = {r for r, _ in cells(root, "output")}
    last = int(root.get("data-out-shape").split(",")[0])
    assert {-1, 0, last - 1, last} <= outputs
    assert len(outputs) <= 48
    assert all(index in inputs for index, window in enumerate(rows) if outputs & set(window))


# ---- settings that cannot work ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        (
            {"size": 6, "stride": 2, "output_padding": 2},
            r"^output_padding 2 is not below the larger of stride 2 and dilation 1; lower it to 1 or less$",
        ),
        (
            {"size": 2, "padding": 3},
            r"^padding 3 crops all of the 4 px a transposed convolution makes from 2 px; lower the padding to 1 or le",
        ),
        ({"size": (2, 9), "padding": 2}, r"^height: padding 2 crops all of the 4 px"),
    ],
)
def test_what_cannot_be_is_explained(setting, says):
    explorer = ConvExplorer(**setting, transposed=True)
    assert re.search(says, explorer.error)
    assert explorer.out_shape is None
    assert explorer.facts() == []
    assert repr(explorer).endswith("transposed → no output)")
    assert explorer.ask_torch().says.startswith("PyTorch refuses too: ")
    root = ET.fromstring(explorer.view.picture["svg"])
    said = " ".join(e.text for e in root.findall(f"{SVG}text"))
    assert explorer.error.partition(";")[0].lower() in said.lower()


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(**SETTINGS)
def test_every_button_mends(**setting):
    setting["padding"] = tuple(2 * each for each in both(setting["padding"]))
    explorer = ConvExplorer(**setting, transposed=True)
    shown = [b for b in explorer.remedies.buttons if b.layout.display != "none"]
    assert bool(shown) == bool(explorer.error)
    for change, _ in explorer.remedies.changes:
        for axis in (0, 1):
            size, kernel, stride, padding, dilation, extra = (
                both(value)[axis] for value in {**setting, **change}.values()
            )
            assert shapes.transposed_out_size(size, kernel, stride, padding, extra, dilation) > 0
    if shown:
        shown[-1].click()
        assert explorer.error is None


def test_the_buttons_are_the_nearest_settings():
    explorer = ConvExplorer(2, padding=3, transposed=True)
    assert [label for _, label in explorer.remedies.changes] == ["padding = 1", "kernel_size = 6", "size = 5"]
    explorer = ConvExplorer(1, output_padding=4, padding=5, transposed=True)
    assert [label for _, label in explorer.remedies.changes] == [
        "output_padding = 0, padding = 1",
        "stride = 5, padding = 3",
        "dilation = 5",
    ]
    # Height and width are broken each in its own way, and one button mends both.
    explorer = ConvExplorer((6, 1), 3, 2, 4, output_padding=(2, 0), transposed=True)
    assert [label for _, label in explorer.remedies.changes] == ["output_padding = 1×0, padding = 4×1"]


# ---- guesses ---------------------------------------------------------------------------------------------------------


# (10 − 1)·4 = 36, and a stamp of 3·(5 − 1) + 1 = 13 and 2 more are 51; less 2·3 are 45. Each slip has its own number.
@pytest.mark.parametrize(
    ("guess", "said"),
    [
        (1, "this is what the ordinary convolution makes of it; the transposed one runs it backwards"),
        (51, "the padding is left out, but it crops 3 px at each end: take off 2·3"),
        (48, "the padding is taken off once, but it crops 3 px at each end: take off 2·3"),
        (57, "the padding is added, but here it crops 3 px at each end: take off 2·3"),
        (49, "the − 1 is missing: between 10 stamps there are only 9 steps"),
        (44, "the + 1 is missing: a stamp spans 3·(5 − 1) + 1 px"),
        (43, "the output_padding is left out: it adds 2 px at the end"),
        (47, "the output_padding is added twice, but only the end gets its 2 px"),
        (37, "the dilation is left out: 5 taps, 3 px apart, span 13 px"),
        (18, "the stride is left out: the stamps start 4 px apart"),
        (40, "the kernel is left out: the last stamp starts at 36 and spans 13 px"),
        (60, "too large; 10 stamps of 13 px start 4 px apart, with 3 px cropped at each end and 2 added at the end"),
        (2, "too small; 10 stamps of 13 px start 4 px apart, with 3 px cropped at each end and 2 added at the end"),
    ],
)
def test_a_wrong_guess_gets_the_hint_for_its_slip(guess, said):
    assert hint(guess, (10, 5, 4, 3, 2, 3)) == said


AXIS = st.tuples(
    st.integers(1, 20), st.integers(1, 7), st.integers(1, 5), st.integers(0, 8), st.integers(0, 5), st.integers(1, 4)
)


@given(axis=AXIS)
def test_no_hint_is_for_the_right_size(axis):
    right = length(*axis)
    if right is None:
        assert "so no output exists; type none" in hint(3, axis)
    else:
        assert right not in slips(*axis).values()
        assert all(each > 0 for each in slips(*axis).values())


def test_the_output_is_hidden_until_it_is_guessed():
    explorer = ConvExplorer(6, 4, 2, 1, transposed=True, guess=True)
    svg = explorer.view.picture["svg"]
    assert "data-out-shape" not in svg
    assert "12 × 12" not in svg
    assert "Stride 2, padding 1. How" in svg
    assert not explorer.check("none").right
    assert "the crop leaves something over" in explorer.verdict.says
    assert "this is what the ordinary convolution makes of it" in explorer.check("3").says
    assert explorer.check("12").says == "Right: 12 × 12."
    assert repr(explorer).endswith("→ 12×12)")
    explorer.output_padding = 1
    assert explorer.hidden


def test_no_output_is_an_answer():
    explorer = ConvExplorer(2, padding=3, transposed=True, guess=True)
    assert "padding 3 crops all of the 4 px" in explorer.check("2").says
    assert explorer.check("none").says == f"Right: no output, {RULES.none}."
    assert explorer.view.picture["error"] == explorer.error


def test_a_map_without_a_value_is_no_output_to_either():
    """(2 − 1)·4 − 2·4 + (4 − 1) + 1 = 0: PyTorch makes 0 × 0, the picture says why there is nothing."""
    explorer = ConvExplorer(2, kernel_size=4, stride=4, padding=4, transposed=True)
    assert explorer.error
    answer = explorer.ask_torch()
    assert answer.agrees
    assert answer.says == "PyTorch agrees: it makes 0×0, a map without a value."
