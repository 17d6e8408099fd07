"""The picture of a convolution: its numbers, its labels, its colours."""

from __future__ import annotations

import colorsys
import json
import xml.etree.ElementTree as ET
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab import shapes
from cnnlab.draw import svg
from cnnlab.explore.conv.picture import Conv, conv_picture, window_sum
from tests.pictures import cells, check_labels

SVG = "{http://www.w3.org/2000/svg}"


def conv(size=12, kernel=3, stride=1, padding=0, dilation=1, divisor=1, bias=0) -> Conv:
    """A picture's numbers, worked out window by window."""
    image = [[(3 * r + c) % 10 for c in range(size)] for r in range(size)]
    weights = [[i - j for j in range(kernel)] for i in range(kernel)]
    pairs = {"stride": (stride,) * 2, "padding": (padding,) * 2, "dilation": (dilation,) * 2}
    try:
        length = shapes.out_size(size, kernel, stride, padding, dilation)
    except shapes.ShapeError as error:
        return Conv(image, weights, None, error=str(error), **pairs)
    padded = np.pad(image, padding)
    out = np.zeros((length, length), int)
    for r, c, i, j in product(range(length), range(length), range(kernel), range(kernel)):
        out[r, c] += weights[i][j] * padded[r * stride + i * dilation, c * stride + j * dilation]
    return Conv(image, weights, (out + bias * divisor).tolist(), divisor=divisor, bias=bias, **pairs)


def parse(drawn: Conv, **options) -> ET.Element:
    return ET.fromstring(conv_picture(drawn, **options))


SETTINGS = {
    "size": st.integers(1, 40),
    "kernel": st.integers(1, 7),
    "stride": st.integers(1, 5),
    "padding": st.integers(0, 4),
    "dilation": st.integers(1, 4),
}


@settings(max_examples=40, deadline=None)
@given(**SETTINGS)
def test_the_data_in_the_picture_agrees_with_the_arithmetic(**setting):
    drawn = conv(**setting)
    root = parse(drawn)
    size, kernel, stride, padding, dilation = setting.values()
    assert root.get("data-size") == f"{size},{size}"
    assert len(cells(root, "input")) == (size + 2 * padding) ** 2
    assert len(cells(root, "kernel")) == kernel**2
    if drawn.out is None:
        assert root.get("data-out-shape") is None
        assert root.find(f".//{SVG}rect[@class='misfit']") is not None
        return
    out = shapes.out_size(*setting.values())
    assert root.get("data-out-shape") == f"{out},{out}"
    windows = json.loads(root.get("data-windows-y"))
    assert windows == [list(shapes.window(i, kernel, stride, padding, dilation)) for i in range(out)]
    assert {at: e.value for at, e in cells(root, "output").items()} == {
        (r, c): drawn.out[r][c] for r in range(out) for c in range(out)
    }


@settings(max_examples=40, deadline=None)
@given(**SETTINGS)
def test_marks_stand_on_exactly_the_cells_nobody_reads(**setting):
    drawn = conv(**setting)
    if drawn.out is None:
        return
    size, kernel, stride, padding, dilation = setting.values()
    read = {p for i in range(drawn.out_shape[0]) for p in shapes.window(i, kernel, stride, padding, dilation)}
    padded = size + 2 * padding
    strip = shapes.unread(*setting.values())
    marks = {e.get("class"): int(e.get("data-count")) for e in parse(drawn).iter(f"{SVG}path")}
    assert marks.get("strip", 0) == padded**2 - (padded - strip) ** 2
    assert marks.get("gaps", 0) == (padded - strip) ** 2 - len(read) ** 2


def test_padding_is_apart_and_zero():
    root = parse(conv(5, padding=1))
    padding = root.find(f".//{SVG}g[@class='padding']")
    assert len(padding) == 7 * 7 - 5 * 5
    dashed = {(int(e.get("data-r")), int(e.get("data-c"))) for e in padding}
    assert {cells(root, "input")[at].label for at in dashed} == {"0"}
    assert padding.get("stroke-dasharray")


def test_a_pin_lights_its_window_in_the_kernels_colours():
    root = parse(conv(9, stride=2), pin=(1, 3))
    source, kernel = cells(root, "input"), cells(root, "kernel")
    for i, j in product(range(3), repeat=2):
        assert source[2 + i, 6 + j].fill == kernel[i, j].fill
    assert {e.get("class") for e in root.iter(f"{SVG}rect")} >= {"window", "result"}


# ---- words -----------------------------------------------------------------------------------------------------------


def test_the_sum_by_hand():
    image, weights = [[1, 2], [3, 4]], [[1, -1], [0, 2]]
    assert window_sum(Conv(image, weights, [[12]], bias=5), (0, 0)).replace("\xa0", " ") == (
        "1·1 − 1·2 + 0·3 + 2·4 + bias 5 = 12"
    )
    mean = Conv(image, [[1, 1], [1, 1]], [[6]], divisor=4, bias=-1)
    assert window_sum(mean, (0, 0)).replace("\xa0", " ") == (
        "(1·1 + 1·2 + 1·3 + 1·4) / 4 − bias 1 = 10/4 − bias 1 = 1.50"
    )


def texts(root: ET.Element) -> list[str]:
    return [e.text for e in root.findall(f"{SVG}text")]


def test_the_labels_name_every_size():
    said = texts(parse(conv(12, 5, stride=2, padding=2, dilation=2)))
    assert {"12 × 12 input", "padded to 16 × 16", "5 × 5 kernel", "spans 9 × 9 px", "4 × 4 output"} <= set(said)
    assert "never read: 1 row, 1 column, 161 px in gaps" in said


def test_the_picture_of_an_impossible_layer_gives_the_reason():
    root = parse(conv(7, 5, dilation=2))
    said = " ".join(texts(root))
    assert "A kernel spanning 9 px (5 taps, dilation 2) does not fit 7 px; pad by 1 on each side" in said
    assert "does not fit" in root.findtext(f"{SVG}desc")


def test_it_has_a_text_equivalent():
    root = parse(conv())
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == root.get("aria-label")
    assert root.findtext(f"{SVG}title") == "Convolution: 12 × 12 input, 3 × 3 kernel, 10 × 10 output"


@pytest.mark.parametrize("still", [False, True])
@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"size": 1, "kernel": 1},
        {"size": 28},
        {"size": 32, "padding": 3},
        {"size": 3, "kernel": 3, "padding": 0},
        {"size": 5, "kernel": 2, "stride": 3, "padding": 1, "dilation": 2},
        {"kernel": 5, "stride": 2, "padding": 2, "dilation": 2},
        {"size": 12, "kernel": 11, "divisor": 121},
        {"size": 7, "kernel": 5, "dilation": 2},
        {"size": 12, "kernel": 11, "dilation": 6},
        {"size": 120, "kernel": 7, "stride": 2, "padding": 3},
    ],
)
def test_no_label_overlaps_another_or_leaves_the_picture(setting, still):
    drawn = conv(**setting)
    pin = drawn.default_pin if still else None
    caption = ["a caption " * 40] if still else []
    root = parse(drawn, pin=pin, caption=caption, still=still)
    check_labels(root)


def test_values_are_left_out_where_they_would_be_too_small():
    assert all(e.label is not None for e in cells(parse(conv()), "output").values())
    small = cells(parse(conv(40)), "input")
    assert all(e.label is None for e in small.values())
    assert small[3, 4].value == (3 * 3 + 4) % 10


def test_a_large_input_keeps_its_two_ends():
    drawn = conv(120, 7, stride=2, padding=3)
    root = parse(drawn)
    rows = sorted({r for r, _ in cells(root, "input")})
    assert (rows[0], rows[-1]) == (-3, 122)
    assert {"⋯", "⋮"} <= {e.text for e in root.iter(f"{SVG}text")}
    for r, _ in cells(root, "output"):
        assert set(shapes.window(r, 7, 2, 3)) <= set(rows)


# ---- colours ---------------------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_numbers_are_readable_on_every_cell(dark):
    ink = svg.PALETTE["ink"][dark]
    shades = [svg.shade(ramp, level, dark) for ramp in svg.RAMPS for level in range(svg.LEVELS + 1)]
    assert min(contrast(ink, shade) for shade in shades) >= 4.5
    assert contrast(svg.PALETTE["muted"][dark], svg.PALETTE["faint"][dark]) >= 4.5
    for name in ("input", "kernel", "output", "error", "muted", "ink"):
        assert contrast(svg.PALETTE[name][dark], svg.PALETTE["paper"][dark]) >= 4.5


def test_weights_are_readable_and_their_colours_apart():
    taps = [svg.tap_colour(i, j, 3, 3) for i in range(3) for j in range(3)]
    assert min(contrast(svg.TAP_INK, tap) for tap in taps) >= 4.5
    # To a reader without red-green vision red and green count as their mean; blue and brightness remain.
    seen = [((r + g) / 2, b) for r, g, b in ([int(tap[i : i + 2], 16) for i in (1, 3, 5)] for tap in taps)]
    assert min(max(abs(a[0] - b[0]), abs(a[1] - b[1])) for a, b in combinations(seen, 2)) >= 12
    assert min(colorsys.rgb_to_hsv(*(int(tap[i : i + 2], 16) / 255 for i in (1, 3, 5)))[2] for tap in taps) > 0.5


def test_every_colour_of_a_still_picture_has_its_dark_twin():
    root = parse(conv(9, stride=2, padding=1), pin=(0, 0), still=True)
    css = root.findtext(f"{SVG}style")
    fills = {e.get("fill") for e in root.iter() if e.get("fill") not in (None, "none")}
    fixed = {svg.TAP_INK} | {svg.tap_colour(i, j, 3, 3) for i in range(3) for j in range(3)}
    assert all(f'[fill="{fill}"]' in css for fill in fills - fixed)


def test_the_same_numbers_give_the_same_text():
    assert conv_picture(conv(), still=True) == conv_picture(conv(), still=True)
    assert " id=" not in conv_picture(conv(), still=True)


# ---- helpers ---------------------------------------------------------------------------------------------------------


def test_words_are_escaped():
    assert svg.text("a < b & c", 0, 0, 12).count("&lt;") == 1
    assert svg.tag("g", data_name='"quoted"') == '<g data-name="&quot;quoted&quot;"/>'


def test_a_picture_shows_saves_and_names_itself(tmp_path):
    picture = svg.Picture("<svg/>", "a name")
    picture.save(tmp_path / "picture.svg")
    assert (tmp_path / "picture.svg").read_text(encoding="utf-8") == picture._repr_svg_() == str(picture)
    assert repr(picture) == "Picture(a name)"
