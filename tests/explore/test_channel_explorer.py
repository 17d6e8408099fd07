"""The ChannelExplorer without a browser, against PyTorch's own layer, and then in one."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from itertools import product

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab import shapes
from cnnlab.explore import ChannelExplorer
from cnnlab.explore.channels.numbers import PRESETS
from cnnlab.explore.channels.picture import channel_picture
from tests import jupyterlab
from tests.jupyterlab import cell, lit, slider
from tests.pictures import cells, check_labels

SVG = "{http://www.w3.org/2000/svg}"


def side(least: int, most: int):
    return st.one_of(st.integers(least, most), st.tuples(st.integers(least, most), st.integers(least, most)))


SETTINGS = {
    "in_channels": st.integers(1, 9),
    "out_channels": st.integers(1, 9),
    "groups": st.integers(1, 4),
    "kernel_size": side(1, 4),
    "size": side(1, 7),
    "padding": side(0, 2),
    "bias": st.booleans(),
}


# ---- against PyTorch -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(data=st.data(), **SETTINGS)
def test_sums_and_costs_are_those_of_pytorch(data, **setting):
    channel = data.draw(st.integers(0, setting["out_channels"] - 1))
    explorer = ChannelExplorer(**setting, channel=channel)
    try:
        layer = eval(explorer.code(), {"nn": torch.nn}).double()
        images = torch.tensor(np.array(explorer.layer.images), dtype=torch.float64)
        layer(images)
    except (RuntimeError, ValueError):
        assert explorer.out_shape is None
        assert explorer.error
        return
    assert explorer.error is None
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(explorer.weights))
        if setting["bias"]:
            layer.bias.copy_(torch.tensor(explorer.biases))
        expected = layer(images)
    assert (explorer.out_channels, *explorer.out_shape) == tuple(expected.shape)
    np.testing.assert_array_equal(explorer.layer.out, expected[channel].numpy())
    assert explorer.cost().params == sum(p.numel() for p in layer.parameters())
    # Every weight of a channel meets each of its outputs once.
    assert explorer.cost().macs == layer.weight.numel() * expected[0].numel()
    facts = dict(explorer.facts())
    assert facts["multiply-accumulates (MACs)"].endswith(f"= {explorer.cost().macs:,}")


@settings(max_examples=30, deadline=None)
@given(**{**SETTINGS, "kernel_size": st.just(1), "size": st.just(2), "padding": st.just(0)})
def test_who_feeds_whom_is_what_a_gradient_says(**setting):
    explorer = ChannelExplorer(**setting)
    if explorer.error:
        return
    layer = eval(explorer.code(), {"nn": torch.nn})
    torch.nn.init.ones_(layer.weight)
    for target in range(explorer.out_channels):
        images = torch.ones(explorer.in_channels, 2, 2, requires_grad=True)
        layer(images)[target].sum().backward()
        fed = images.grad.abs().sum((1, 2)) > 0
        assert [explorer.layer.feeds(c, target) for c in range(explorer.in_channels)] == fed.tolist()


# ---- settings and results --------------------------------------------------------------------------------------------


def test_the_facts_by_hand():
    assert dict(ChannelExplorer(4, 4, 3, 5, 2).facts()) == {
        "output": "4 maps of 3×3",
        "parameters, c_out·(c_in/g)·k·k + c_out": "4·(4/2)·3·3 + 4 = 76",
        "multiply-accumulates (MACs)": "4·(4/2)·3·3 · 3·3 = 648",
    }
    assert ChannelExplorer(bias=False).facts()[1] == ("parameters, c_out·(c_in/g)·k·k", "2·(3/1)·3·3 = 54")
    assert ChannelExplorer(4, 4, 3, 5, 4).cost(groups=1) == shapes.conv_cost(4, 4, 3, 3)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({}, "ChannelExplorer(3×5×5, k=3, g=1 → 2×3×3)"),
        ({"in_channels": 4, "groups": 2, "padding": 1}, "ChannelExplorer(4×5×5, k=3, g=2, p=1 → 2×5×5)"),
        ({"kernel_size": (1, 7)}, "ChannelExplorer(3×5×5, k=1×7, g=1 → no output)"),
    ],
)
def test_it_says_itself_in_one_line(setting, expected):
    assert repr(ChannelExplorer(**setting)) == expected
    assert ChannelExplorer(**setting)._repr_mimebundle_()["text/plain"] == expected


def test_the_line_of_code():
    assert ChannelExplorer().code() == "nn.Conv2d(3, 2, kernel_size=3)"
    full = ChannelExplorer(4, 4, (3, 1), groups=4, padding=1, bias=False)
    assert full.code() == "nn.Conv2d(4, 4, kernel_size=(3, 1), padding=1, groups=4, bias=False)"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"in_channels": 0}, "in_channels=0 will not do; give a whole number of at least 1"),
        ({"groups": 1.5}, "groups=1.5 will not do; give a whole number of at least 1"),
        ({"padding": -1}, "padding=-1 will not do; give a whole number of at least 0"),
        ({"channel": 2}, "channel=2 is past the last output channel; give 0 to 1"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_in_one_sentence(setting, expected):
    with pytest.raises(traitlets.TraitError, match="^" + re.escape(expected)):
        ChannelExplorer(**setting)
    explorer = ChannelExplorer()
    for name, value in setting.items():
        with pytest.raises(traitlets.TraitError, match="^" + re.escape(expected)):
            setattr(explorer, name, value)


# ---- impossible settings ---------------------------------------------------------------------------------------------


def buttons(explorer) -> dict:
    return {b.description: b for b in explorer.remedies.buttons if b.layout.display != "none"}


def test_groups_that_do_not_divide_are_explained_and_mended():
    explorer = ChannelExplorer(4, 6, groups=3)
    assert explorer.error == "in_channels=4 does not split into 3 groups; make it a multiple of 3"
    assert (explorer.out_shape, explorer.facts()) == (None, [])
    assert list(buttons(explorer)) == ["groups = 2", "in_channels = 6"]
    buttons(explorer)["in_channels = 6"].click()
    assert (explorer.in_channels, explorer.out_shape, buttons(explorer)) == (6, (3, 3), {})


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(index=st.integers(0, 3), **SETTINGS)
def test_every_button_mends(index, **setting):
    explorer = ChannelExplorer(**setting)
    offered = list(buttons(explorer).values())
    assert bool(offered) == bool(explorer.error)
    if index < len(offered):
        offered[index].click()
        assert explorer.error is None
        assert buttons(explorer) == {}


# ---- controls and messages -------------------------------------------------------------------------------------------


def test_presets_set_the_layer_and_name_themselves():
    explorer = ChannelExplorer()
    assert explorer.preset_choice.value == "standard"
    for name, given_ in PRESETS.items():
        explorer.preset_choice.value = name
        assert {key: getattr(explorer, key) for key in given_} == given_
        assert explorer.error is None
    assert explorer.groups == explorer.in_channels == explorer.out_channels
    explorer.groups = 2
    assert explorer.preset_choice.value == "grouped"
    explorer.kernel_size = 2
    assert explorer.preset_choice.value == "choose …"


def test_the_chosen_channel_stays_among_the_channels():
    explorer = ChannelExplorer(4, 4, channel=3)
    explorer.sliders["out_channels"].sliders[0].value = 2
    assert (explorer.channel, explorer.channels.max, explorer.layer.channel) == (1, 1, 1)
    explorer.out_channels = 6
    explorer.channel = 5
    assert (explorer.channels.value, explorer.layer.channel) == (5, 5)


def test_one_change_is_one_picture():
    explorer, seen = ChannelExplorer(), []
    explorer.view.observe(lambda change: seen.append(change["new"]), "picture")
    explorer.sliders["kernel_size"].sliders[0].value = 2
    explorer.channels.value = 1
    assert len(seen) == 2


# ---- the picture -----------------------------------------------------------------------------------------------------


def parse(explorer: ChannelExplorer, **options) -> ET.Element:
    return ET.fromstring(channel_picture(explorer.layer, explorer._bars(), **options))


def values(root: ET.Element, part: str) -> dict[tuple[int, int], int]:
    return {at: int(cell.value) for at, cell in cells(root, part).items()}


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(**SETTINGS)
def test_the_data_in_the_picture_agrees_with_the_arithmetic(**setting):
    explorer = ChannelExplorer(**setting)
    root, layer = parse(explorer), explorer.layer
    shown = json.loads(root.get("data-shown"))
    assert len(shown) == min(4, layer.in_channels)
    if explorer.error:
        assert root.get("data-out-shape") is None
        return
    for axis, name in enumerate("yx"):
        k, p, out = layer.kernel_size[axis], layer.padding[axis], explorer.out_shape[axis]
        windows = [list(shapes.window(i, k, padding=p)) for i in range(out)]
        assert json.loads(root.get(f"data-windows-{name}")) == windows
    members, hidden = json.loads(root.get("data-members")), json.loads(root.get("data-hidden") or "[]")
    rows = [values(root, f"product-{row}") for row, channel in enumerate(shown) if channel in members]
    for place, (at, value) in enumerate(values(root, "output").items()):
        rest = hidden[place] if hidden else 0
        assert value == sum(row[at] for row in rows) + rest + int(root.get("data-bias"))
    wires = json.loads(root.find(f".//{SVG}g[@class='wiring']").get("data-wires"))
    assert {c for c, o in wires if o == layer.channel} == set(shown) & set(members)


@pytest.mark.parametrize("still", [False, True])
@pytest.mark.parametrize(
    "setting",
    [
        *PRESETS.values(),
        {"in_channels": 1, "out_channels": 1, "kernel_size": 1, "size": 1},
        {"in_channels": 4, "out_channels": 4, "size": 8, "padding": 2, "kernel_size": 5, "groups": 2, "channel": 3},
        {"in_channels": 1, "size": 8, "padding": 2, "kernel_size": 1},
        {"in_channels": 64, "out_channels": 128, "channel": 70},
        {"in_channels": 64, "out_channels": 64, "groups": 64, "channel": 30, "size": 8},
        {"groups": 2},
        {"in_channels": 4, "size": 3, "kernel_size": 5},
    ],
)
def test_no_label_overlaps_another_or_leaves_the_picture(setting, still):
    explorer = ChannelExplorer(**setting)
    pin = explorer.layer.default_pin if still else None
    root = parse(explorer, pin=pin, caption=["a caption " * 40] if still else [], still=still)
    check_labels(root)


def test_the_bars_compare_with_one_group():
    said = [e.text for e in parse(ChannelExplorer(4, 4, 3, 5, 4)).iter(f"{SVG}text")]
    assert {"40", "148", "324 (1/4)", "1,296", "groups = 1"} <= set(said)
    assert "groups = 1" not in [e.text for e in parse(ChannelExplorer()).iter(f"{SVG}text")]


def test_the_static_twin_tells_the_same_every_time():
    explorer = ChannelExplorer(2, 1, 1, 2)
    picture = explorer.static(pin=(0, 1))
    said = " ".join(e.text for e in ET.fromstring(str(picture)).findall(f"{SVG}text"))
    parts = [int(np.array(explorer.layer.products[c])[0, 1]) for c in (0, 1)]
    total = sum(parts) + 1
    written = re.search(r"output 0 \(0, 1\) = (.*?) = (−?\d+)", said)
    assert eval(written[1].replace("−", "-").replace("bias", "")) == total == int(written[2].replace("−", "-"))
    assert "nn.Conv2d(2, 1, kernel_size=1)" in said
    assert str(ChannelExplorer(2, 1, 1, 2).static(pin=(0, 1))) == str(picture)
    assert repr(picture) == "Picture(ChannelExplorer(2×2×2, k=1, g=1 → 1×2×2))"
    assert "No output" in str(ChannelExplorer(groups=2).static())


@pytest.mark.parametrize(("setting", "pin"), [({}, (3, 0)), ({}, (0, -1)), ({"groups": 2}, (0, 0))])
def test_a_pin_outside_is_refused(setting, pin):
    with pytest.raises(ValueError, match=re.escape(f"pin={pin} is not an output of ChannelExplorer(")):
        ChannelExplorer(**setting).static(pin=pin)


# ---- in JupyterLab ---------------------------------------------------------------------------------------------------


CELLS = ["from cnnlab.explore import ChannelExplorer\nChannelExplorer(4, 4, groups=2, channel=1)"]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A notebook with one ChannelExplorer, run."""
    with jupyterlab.running(tmp_path_factory.mktemp("lab"), CELLS) as page:
        yield page


def total(page) -> int:
    """The value of the sum on show, worked out from its terms."""
    text = page.locator(".sum .terms").inner_text().replace("−", "-").replace("·", "*").replace("bias", "")
    left, right = re.sub(r"\s+", " ", text).split("=")
    assert eval(left) == int(right)
    return int(right)


@pytest.mark.browser
@pytest.mark.skipif(bool(jupyterlab.why_not()), reason=str(jupyterlab.why_not()))
class TestInJupyterLab:
    def test_hover_lights_every_map_of_the_group_and_sums(self, page):
        cell(page, "output", 1, 2).hover()
        window = set(product(shapes.window(1, 3), shapes.window(2, 3)))
        assert [lit(page, f"input-{row}") for row in range(4)] == [window, window, set(), set()]
        assert [lit(page, f"product-{row}") for row in range(2)] == [{(1, 2)}, {(1, 2)}]
        assert page.locator(".sum h4").inner_text() == "output 1 (1, 2), the sum over 2 channels"
        assert total(page) == int(cell(page, "output", 1, 2).get_attribute("data-v"))
        cell(page, "product-1", 0, 0).hover()
        assert total(page) == int(cell(page, "product-1", 0, 0).get_attribute("data-v"))
        assert lit(page, "input-0") == set()
        cell(page, "input-0", 2, 2).hover()
        assert lit(page, "output") == set(product(range(3), repeat=2))
        cell(page, "input-3", 2, 2).hover()
        assert "is not read by output 1" in page.locator(".sum").inner_text()
        cell(page, "kernel-0", 0, 0).hover()
        assert lit(page, "input-0") == set(product(range(3), repeat=2))

    def test_keys_presets_and_mending(self, page):
        cell(page, "output", 1, 1).click()
        page.keyboard.press("ArrowRight")
        assert page.locator(".status").inner_text().startswith("Output 1, row 1, column 2 is")
        slider(page, "groups").press("ArrowRight")
        page.wait_for_selector('.stage svg:not([data-out-shape])[data-groups="3"]')
        assert "does not split into 3 groups" in " ".join(page.locator(".stage svg > text").all_text_contents())
        page.get_by_role("button", name="groups = 4").click()
        page.wait_for_selector('.stage svg[data-groups="4"][data-out-shape="3,3"]')
        page.locator(".cnnlab-explorer select").first.select_option("1×1")
        page.wait_for_selector('.stage svg[data-kernel-size="1,1"][data-in-channels="3"]')
        jupyterlab.check_labels(page)
