"""Two stacks side by side: costs by hand and by PyTorch, the picture, the explorer."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import combinations, product

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cnnlab.draw import svg
from cnnlab.explore import CompareExplorer
from cnnlab.explore.compare.numbers import PAIRS, Part

SVG = "{http://www.w3.org/2000/svg}"

PART = st.builds(Part, st.sampled_from(["conv", "depthwise"]), st.sampled_from([1, 3, 5, 7]))
STACK = st.lists(PART, min_size=1, max_size=4)


def parse(explorer: CompareExplorer) -> ET.Element:
    return ET.fromstring(explorer.view.picture["svg"])


def measures(explorer: CompareExplorer) -> dict:
    return {measure.name: measure for measure in explorer.facts()}


# ---- costs -----------------------------------------------------------------------------------------------------------


def test_five_against_two_threes_by_hand():
    found = measures(CompareExplorer(channels=10, size=7))
    assert found["parameters"].values == (2500, 1800)
    assert found["parameters"].texts == ("25·C² = 2,500", "18·C² = 1,800")
    assert found["parameters"].verdict == "18·C² against 25·C²: 0.72×"
    assert found["MACs"].values == (2500 * 49, 1800 * 49)
    assert found["receptive field"].values == (5, 5)
    assert found["receptive field"].verdict == "the same"
    assert (found["non-linearities"].values, found["non-linearities"].verdict) == ((1, 2), "2×")
    assert found["activation bytes"].values == (10 * 49 * 4, 2 * 10 * 49 * 4)


@pytest.mark.parametrize(
    ("preset", "verdict"),
    [
        ("7×7 vs three 3×3", "27·C² against 49·C²: 0.55×"),  # Simonyan and Zisserman 2015, section 2.3
        ("standard vs depthwise separable", "C² + 9·C against 9·C²: 0.13×"),  # 1/9 + 1/64, Howard et al. 2017
    ],
)
def test_the_presets_by_hand(preset, verdict):
    assert measures(CompareExplorer(preset=preset, channels=64))["parameters"].verdict == verdict


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(left=STACK, right=STACK, channels=st.integers(1, 6), size=st.integers(1, 9))
def test_the_code_has_these_costs_and_fields(left, right, channels, size):
    explorer = CompareExplorer(left, right, channels, size)
    made: dict = {"nn": nn}
    exec(explorer.code(), made)
    found, drawn = measures(explorer), parse(explorer).findall(f"{SVG}g[@data-size]")
    for index, (side, group) in enumerate(zip(("left", "right"), drawn, strict=True)):
        stack = made[side]
        assert found["parameters"].values[index] == sum(p.numel() for p in stack.parameters())
        assert found["non-linearities"].values[index] == sum(isinstance(layer, nn.ReLU) for layer in stack)
        assert stack(torch.zeros(1, channels, size, size)).shape == (1, channels, size, size)
        ways = ways_by_gradient(stack, int(group.get("data-size")))
        shown = [int(e.get("data-ways")) for e in group.findall(f"{SVG}rect") if e.get("data-ways") != "0"]
        assert shown == ways.ravel().tolist()


def ways_by_gradient(stack: nn.Sequential, field: int) -> np.ndarray:
    """With all weights one and a single channel, the gradient counts the ways."""
    layers = [nn.Conv2d(1, 1, c.kernel_size, padding=c.padding, bias=False) for c in stack if isinstance(c, nn.Conv2d)]
    for layer in layers:
        nn.init.ones_(layer.weight)
    net, image = nn.Sequential(*layers).double(), torch.zeros(1, 1, field, field, dtype=torch.float64)
    image.requires_grad_()
    net(image)[0, 0, field // 2, field // 2].backward()
    return image.grad[0, 0].numpy().round().astype(int)


# ---- settings and results --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({}, "CompareExplorer(5×5 | two 3×3, 64 channels, 28×28 → parameters 0.72×)"),
        (
            {"left": [3], "right": [("depthwise", 5), 1, 1], "channels": 8, "size": 4},
            "CompareExplorer(3×3 | depthwise 5×5 + two 1×1, 8 channels, 4×4 → parameters 0.57×)",
        ),
        ({"left": [21], "right": [1]}, "CompareExplorer(21×21 | 1×1, 64 channels, 28×28 → parameters 0.0023×)"),
        ({"left": [1], "right": [3] * 6}, "CompareExplorer(1×1 | 6 3×3, 64 channels, 28×28 → parameters 54×)"),
    ],
)
def test_it_says_itself_in_one_line(setting, expected):
    assert repr(CompareExplorer(**setting)) == expected


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"left": []}, "left=[] is no stack; give odd kernels, such as [3, 3] or"),
        ({"right": [4]}, "right=[4] is no stack; give odd kernels"),
        ({"right": [("fold", 3)]}, "right=[('fold', 3)] is no stack; give odd kernels"),
        ({"left": 3}, "left=3 is no stack; give odd kernels"),
        ({"left": [True]}, "left=[True] is no stack; give odd kernels"),
        ({"channels": 0}, "channels=0 will not do; give a whole number of at least 1"),
        ({"size": 2.5}, "size=2.5 will not do; give a whole number of at least 1"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_in_one_sentence(setting, expected):
    with pytest.raises(traitlets.TraitError, match="^" + re.escape(expected)):
        CompareExplorer(**setting)


def test_an_unknown_preset_is_named():
    with pytest.raises(ValueError, match="preset='3×3 vs 1×1' is unknown; choose one of 5×5 vs two 3×3, 7×7 vs three"):
        CompareExplorer(preset="3×3 vs 1×1")
    with pytest.raises(ValueError, match="preset='' is unknown"):
        CompareExplorer().preset = ""


def test_controls_and_settings_are_one():
    explorer, seen = CompareExplorer(), []
    explorer.view.observe(lambda change: seen.append(change["new"]), "picture")
    explorer.preset_choice.value = "7×7 vs three 3×3"
    assert (explorer.left, explorer.right, len(seen)) == (*PAIRS["7×7 vs three 3×3"], 1)
    explorer.sliders["channels"].value = 32
    assert (explorer.channels, len(seen)) == (32, 2)
    explorer.left = [3]
    assert (explorer.preset_choice.value, explorer.preset, len(seen)) == ("own pair", None, 3)
    explorer.size = 300
    assert (explorer.sliders["size"].value, len(seen)) == (300, 4)
    explorer.preset = "5×5 vs two 3×3"
    assert (explorer.preset_choice.value, len(seen)) == ("5×5 vs two 3×3", 5)


def test_rows_edit_both_stacks():
    explorer = CompareExplorer()
    left, right = explorer.rows["left"], explorer.rows["right"]
    left.rows[0].kind.value = "depthwise"
    assert explorer.left == (Part("depthwise", 5),)
    right.rows[1].numbers[0].value = 7
    assert explorer.right == (Part("conv", 3), Part("conv", 7))
    right.children[-1].children[1].click()
    assert explorer.right == (Part("conv", 3), Part("conv", 7), Part("depthwise", 3))
    right.rows[0].remove.click()
    assert explorer.right == (Part("conv", 7), Part("depthwise", 3))
    assert explorer.preset_choice.value == "own pair"
    assert (left.rows[0].remove.disabled, right.rows[0].remove.disabled) == (True, False)


def test_a_kernel_that_rows_do_not_offer_is_shown_and_stays():
    explorer = CompareExplorer([21, 3])
    row = explorer.rows["left"].rows[0]
    assert (row.numbers[0].value, row.numbers[0].options) == (21, (1, 3, 5, 7, 21))
    explorer.rows["left"].rows[1].remove.click()
    assert explorer.left == (Part("conv", 21),)


# ---- pixels, layers and workings -------------------------------------------------------------------------------------


def ways_by_hand(kernels: list[int], row: int, column: int) -> int:
    """Every choice of one tap in each layer, counted if it leads there."""
    taps = [list(product(range(-(k // 2), k // 2 + 1), repeat=2)) for k in kernels]
    return sum((sum(r for r, _ in path), sum(c for _, c in path)) == (row, column) for path in product(*taps))


@settings(max_examples=25, deadline=None)
@given(
    left=st.lists(st.sampled_from([1, 3, 5]), min_size=1, max_size=3),
    right=st.lists(st.sampled_from([1, 3]), min_size=1, max_size=3),
    row=st.integers(-7, 7),
    column=st.integers(-7, 7),
)
def test_the_ways_of_a_pixel_are_the_choices_of_taps(left, right, row, column):
    found = CompareExplorer(left, right).ways(row, column)
    assert found == (ways_by_hand(left, row, column), ways_by_hand(right, row, column))


@pytest.mark.parametrize(
    ("pixel", "expected"),
    [
        ((-1, 2), "pixel (−1, 2) reaches the left unit by 1 way of 49 and the right unit by 2 ways of 81"),
        ((3, 0), "pixel (3, 0) reaches the left unit by 1 way of 49 and does not reach the right unit"),
        ((4, -4), "pixel (4, −4) reaches neither unit"),
    ],
)
def test_a_pixel_is_told_in_words(pixel, expected):
    explorer = CompareExplorer([7], [3, 3])
    assert explorer.story(*pixel) == expected
    root = ET.fromstring(str(explorer.static(pixel)))
    said = " ".join(e.text for e in root.findall(f"{SVG}text"))
    assert expected in said
    assert len(root.findall(f"{SVG}rect[@class='pixel']")) == 2


def test_a_pixel_that_only_the_right_side_sees():
    expected = "pixel (2, 2) does not reach the left unit and reaches the right unit by 1 way of 81"
    assert CompareExplorer([3], [3, 3]).story(2, 2) == expected


def test_counts_do_not_overflow():
    explorer = CompareExplorer([3] * 25, [3])
    assert sum(map(sum, explorer._sides[0].ways)) == 9**25 > 2**64


@settings(max_examples=25, deadline=None)
@given(parts=STACK, channels=st.integers(1, 6), size=st.integers(1, 9))
def test_layers_share_out_the_whole(parts, channels, size):
    explorer = CompareExplorer(parts, [3], channels, size)
    found = explorer.contributions("left")
    assert [one.before for one in found[1:]] == [one.after for one in found[:-1]]
    assert (found[0].before, found[-1].after) == (1, explorer.field("left").size)
    made: dict = {"nn": nn}
    exec(explorer.code(), made)
    sizes = [layer.weight.numel() for layer in made["left"] if isinstance(layer, nn.Conv2d)]
    shares = [one.shares["parameters"] for one in found]
    assert [last - first for first, last in shares] == pytest.approx([size / sum(sizes) for size in sizes])
    assert all(f" = {size:,} of its parameters" in one.words for size, one in zip(sizes, found, strict=True))


@pytest.mark.parametrize("name", ["receptive field", "parameters", "MACs", "activation bytes"])
@pytest.mark.parametrize("right", [[3, 3], [("depthwise", 3), 1], [1]])
def test_workings_work_out(name, right):
    found = measures(CompareExplorer([5], right, channels=12, size=7))[name]
    for value, working in zip(found.values, found.workings, strict=True):
        *_, sum_, result = working.replace(" px", "").split(" = ")
        for sign, plain in (("·", "*"), ("²", "**2"), ("−", "-")):
            sum_ = sum_.replace(sign, plain)
        assert eval(sum_) == int(result.replace(",", "")) == value


# ---- the picture -----------------------------------------------------------------------------------------------------


def boxes(root: ET.Element):
    found = []
    for e in root.findall(f"{SVG}text"):
        x, y, size = (float(e.get(name)) for name in ("x", "y", "font-size"))
        found.append((x, y - 0.8 * size, x + svg.text_width(e.text, size), y + 0.25 * size))
    return found


@pytest.mark.parametrize("still", [False, True])
@pytest.mark.parametrize(
    "setting",
    [
        *({"preset": name} for name in PAIRS),
        {"preset": "7×7 vs three 3×3", "channels": 512, "size": 224},
        {"left": [21]},
        {"left": [7, 5, 3, 1, ("depthwise", 7), ("depthwise", 5)] * 2, "right": [("depthwise", 7)], "channels": 512},
    ],
)
def test_no_label_overlaps_another_or_leaves_the_picture(setting, still):
    explorer = CompareExplorer(**setting)
    root = ET.fromstring(str(explorer.static())) if still else parse(explorer)
    _, _, width, height = map(float, root.get("viewBox").split())
    for one, other in combinations(boxes(root), 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    rects = [[float(e.get(k)) for k in ("x", "y", "width", "height")] for e in root.iter(f"{SVG}rect")]
    for left, top, right, bottom in boxes(root) + [(x, y, x + w, y + h) for x, y, w, h in rects]:
        assert left >= 0
        assert top >= 0
        assert right <= width
        assert bottom <= height


def test_bars_are_to_scale_and_grey_where_nothing_differs():
    bars = parse(CompareExplorer()).findall(f"{SVG}rect[@class='bar']")
    values, lengths = ([float(bar.get(name)) for bar in bars] for name in ("data-value", "width"))
    for i in range(0, len(bars), 2):
        assert lengths[i] / lengths[i + 1] == pytest.approx(values[i] / values[i + 1], rel=1e-3)
        assert (bars[i].get("fill") == svg.colour("muted")) == (values[i] == values[i + 1])


def test_what_differs_is_marked():
    explorer = CompareExplorer([7], [3, 3], channels=8)
    root = parse(explorer)
    marks = [e.text for e in root.findall(f"{SVG}text[@class='differs']")]
    assert marks == ["≠" if one.values[0] != one.values[1] else "=" for one in explorer.facts()]
    only = root.findall(f"{SVG}path[@class='only']")
    assert [path.get("data-count") for path in only] == [str(7 * 7 - 5 * 5)]
    assert not parse(CompareExplorer()).findall(f"{SVG}path[@class='only']")
    assert [e.text for e in parse(CompareExplorer()).findall(f"{SVG}text[@class='differs']")] == list("=≠≠≠≠")


def test_the_static_twin_tells_the_same():
    explorer = CompareExplorer()
    root = ET.fromstring(str(explorer.static()))
    said = " ".join(e.text for e in root.findall(f"{SVG}text"))
    assert "18·C² against 25·C²: 0.72×" in said
    assert explorer.view.picture["title"].startswith("5×5 against two 3×3 at C = 64: receptive field 5 px against 5 px")
    assert str(explorer.static()) == str(explorer.static())
    css = root.findtext(f"{SVG}style")
    for name in ("fill", "stroke"):
        used = {e.get(name) for e in root.iter() if e.get(name)} - {"none"}
        assert all(f'[{name}="{colour}"]' in css for colour in used)
