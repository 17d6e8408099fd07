"""The PoolExplorer without a browser, against PyTorch's own pooling and its gradients, and then in one."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from itertools import product

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cnnlab import shapes
from cnnlab.draw import svg
from cnnlab.explore import PoolExplorer
from cnnlab.explore.kit import presets
from cnnlab.explore.pool.picture import Pool, pool_picture
from tests import jupyterlab
from tests.jupyterlab import cell, lit, slider
from tests.pictures import cells, check_labels

SVG = "{http://www.w3.org/2000/svg}"


def side(least: int, most: int):
    return st.one_of(st.integers(least, most), st.tuples(st.integers(least, most), st.integers(least, most)))


SETTINGS = {
    "size": side(1, 12),
    "kernel_size": side(1, 5),
    "stride": st.one_of(st.none(), side(1, 4)),
    "padding": side(0, 2),
    "ceil_mode": st.booleans(),
    "mode": st.sampled_from(["max", "avg", "min"]),
    "image": st.sampled_from(list(presets.IMAGES)),
}


def layer(explorer: PoolExplorer):
    """The layer that the line of code makes."""
    code = explorer.code()
    if explorer.mode == "min":
        return lambda x: eval(code, {"nn": torch.nn, "x": x})
    return eval(code, {"nn": torch.nn})


def tensor(image) -> torch.Tensor:
    return torch.tensor(np.array(image), dtype=torch.float64)[None, None].requires_grad_()


def grid(values: dict, shape: tuple[int, int]) -> np.ndarray:
    return np.array([float(values[at]) for at in product(*map(range, shape))]).reshape(shape)


# ---- against PyTorch -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(shift=st.integers(0, 2), **SETTINGS)
def test_outputs_and_gradients_are_those_of_pytorch(shift, **setting):
    explorer = PoolExplorer(**setting, shift=shift)
    image = tensor(explorer.pool.image)
    try:
        expected = layer(explorer)(image)
    except RuntimeError:
        assert explorer.out_shape is None
        assert explorer.error
        return
    assert explorer.error is None
    assert explorer.out_shape == tuple(expected.shape[2:])
    np.testing.assert_allclose(grid(explorer.pool.out, explorer.out_shape), expected[0, 0].detach(), atol=1e-12)
    expected.sum().backward()
    reached = grid(explorer.pool.gradients, explorer.pool.size)
    np.testing.assert_allclose(reached, image.grad[0, 0], atol=1e-12)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 99), most=st.integers(0, 3), **{**SETTINGS, "mode": st.sampled_from(["max", "min"])})
def test_of_equals_the_same_pixel_wins_as_in_pytorch(seed, most, **setting):
    explorer = PoolExplorer(**setting)
    assume(explorer.error is None)
    # Few different values, so that nearly every window holds a tie.
    drawn = np.random.default_rng(seed).integers(0, most + 1, explorer.pool.size)
    pool = Pool(drawn.tolist(), *astuple(explorer.pool), mode=setting["mode"], ceil_mode=setting["ceil_mode"])
    image = tensor(drawn if setting["mode"] == "max" else -drawn)
    geometry = {"kernel_size": pool.kernel_size, "stride": pool.stride, "padding": pool.padding}
    _, index = torch.nn.functional.max_pool2d(image, **geometry, ceil_mode=pool.ceil_mode, return_indices=True)
    flat = [y * pool.size[1] + x for y, x in (pool.winners[at] for at in pool.places)]
    assert flat == index.flatten().tolist()


def astuple(pool: Pool) -> tuple:
    return pool.kernel_size, pool.stride, pool.padding, pool.out_shape


@settings(max_examples=30, deadline=None)
@given(shift=st.integers(1, 2), **SETTINGS)
def test_the_count_of_changed_outputs_is_pytorchs(shift, **setting):
    explorer = PoolExplorer(**setting, shift=shift)
    assume(explorer.error is None)
    still = torch.tensor(presets.IMAGES[setting["image"]](explorer.pool.size), dtype=torch.float64)[None, None]
    moved = torch.nn.functional.pad(still, (shift, 0))[..., : still.shape[-1]]
    changed = (layer(explorer)(still) - layer(explorer)(moved)).abs() > 1e-9
    assert explorer.changed == int(changed.sum())
    pixels = int((still != moved).sum())
    said = f"{explorer.changed} of {changed.numel()} outputs changed, {pixels} of {still.numel()} pixels"
    assert dict(explorer.facts())[f"moved right by {shift} px"] == said


# ---- settings and results --------------------------------------------------------------------------------------------


def test_settings_move_the_result():
    explorer = PoolExplorer()
    assert (explorer.out_shape, explorer.error, explorer.changed) == ((4, 4), None, 0)
    explorer.kernel_size = 3
    assert (explorer.step, explorer.out_shape) == (3, (2, 2))
    explorer.stride = (2, 1)
    assert explorer.out_shape == (3, 6)
    explorer.stride = None
    explorer.ceil_mode = True
    assert explorer.out_shape == (3, 3)
    assert dict(explorer.facts())["ceil mode"] == "the last window's part beyond the edge is left out"


def test_the_facts_by_hand():
    assert dict(PoolExplorer(8, 2).facts()) == {
        "output height and width": "⌊(8 + 2·0 − 1·(2 − 1) − 1) / 2⌋ + 1 = 4",
        "comparisons (no multiply-accumulates)": "(2·2 − 1) · 4·4 = 48",
        "parameters": "nothing is learned: 0",
    }
    mean = dict(PoolExplorer(4, 2, padding=1, mode="avg", gradient=True, image="dot").facts())
    assert mean["additions (no multiply-accumulates)"] == "(2·2 − 1) · 3·3 = 27, and 9 divisions"
    assert mean["padding"] == "counts as zeros in the mean (PyTorch's count_include_pad=True)"
    # Nine outputs send a quarter to each place; the 4×4 pixels are 16 of the 36 places.
    assert mean["gradient, 1 from each output"] == "9 sent, 4 arrive, on 16 of 16 pixels; 5 on padding"
    apart = dict(PoolExplorer((9, 8), (3, 2), padding=(1, 0)).facts())
    assert apart["output height"] == "⌊(9 + 2·1 − 1·(3 − 1) − 1) / 3⌋ + 1 = 3, 2 rows unread"
    assert apart["padding"] == "counts as −∞, so it never wins"


def test_overlapping_windows_add_their_gradients():
    pool = PoolExplorer(5, 3, 1, image="dot", gradient=True).pool
    assert pool.gradients[2, 2] == 9
    mean = PoolExplorer(5, 3, 1, mode="avg", gradient=True).pool
    assert (mean.gradients[0, 0], mean.gradients[0, 1], mean.gradients[2, 2]) == (
        pytest.approx(1 / 9),
        pytest.approx(2 / 9),
        1,
    )


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({}, "PoolExplorer(8×8, max, k=2, s=2, p=0 → 4×4)"),
        (
            {"kernel_size": (3, 2), "mode": "avg", "ceil_mode": True},
            "PoolExplorer(8×8, avg, k=3×2, s=3×2, p=0, ceil → 3×4)",
        ),
        ({"size": 3, "kernel_size": 5}, "PoolExplorer(3×3, max, k=5, s=5, p=0 → no output)"),
    ],
)
def test_it_says_itself_in_one_line(setting, expected):
    assert repr(PoolExplorer(**setting)) == expected
    assert PoolExplorer(**setting)._repr_mimebundle_()["text/plain"] == expected


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({}, "nn.MaxPool2d(kernel_size=2)"),
        ({"stride": 2}, "nn.MaxPool2d(kernel_size=2)"),
        ({"mode": "min", "stride": 1, "padding": 1}, "-nn.MaxPool2d(kernel_size=2, stride=1, padding=1)(-x)"),
        ({"mode": "avg", "kernel_size": (2, 3), "ceil_mode": True}, "nn.AvgPool2d(kernel_size=(2, 3), ceil_mode=True)"),
    ],
)
def test_the_line_of_code(setting, expected):
    assert PoolExplorer(**setting).code() == expected


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"stride": 0}, "stride=0 will not do; give a whole number of at least 1"),
        ({"padding": -1}, "padding=-1 will not do; give a whole number of at least 0"),
        ({"shift": 3}, "shift=3 will not do; give 0, 1 or 2 pixels"),
        ({"shift": True}, "shift=True will not do"),
        ({"mode": "median"}, "mode='median' is unknown; choose one of max, avg, min"),
        ({"ceil_mode": 2}, "The 'ceil_mode' trait of a PoolExplorer instance expected a boolean"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_in_one_sentence(setting, expected):
    with pytest.raises(traitlets.TraitError, match="^" + re.escape(expected)):
        PoolExplorer(**setting)


# ---- impossible settings ---------------------------------------------------------------------------------------------


def buttons(explorer) -> dict:
    return {b.description: b for b in explorer.remedies.buttons if b.layout.display != "none"}


def test_padding_past_half_the_kernel_is_explained():
    explorer = PoolExplorer(8, 3, padding=2)
    assert explorer.error == (
        "padding 2 is more than half of a pooling kernel of 3;"
        " lower the padding to 1 on each side, or raise the kernel to 4"
    )
    assert explorer.facts() == []
    assert list(buttons(explorer)) == ["padding = 1", "kernel_size = 4"]
    buttons(explorer)["kernel_size = 4"].click()
    assert (explorer.kernel_size, explorer.out_shape, buttons(explorer)) == (4, (3, 3), {})


def test_only_the_axis_that_fails_is_named_and_mended():
    explorer = PoolExplorer((3, 9), 5)
    assert explorer.error.startswith("height: a kernel spanning 5 px does not fit 3 px")
    assert list(buttons(explorer)) == ["padding = 1×0", "kernel_size = 3×5", "size = 5×9"]


@settings(max_examples=60, deadline=None)
@given(index=st.integers(0, 3), size=side(1, 6), kernel_size=side(1, 9), padding=side(0, 4))
def test_every_button_mends(index, **setting):
    explorer = PoolExplorer(**setting)
    offered = list(buttons(explorer).values())
    assert bool(offered) == bool(explorer.error)
    if index < len(offered):
        offered[index].click()
        assert explorer.error is None
        assert buttons(explorer) == {}


# ---- controls and messages -------------------------------------------------------------------------------------------


def test_the_stride_follows_the_kernel_until_it_is_moved():
    explorer = PoolExplorer()
    explorer.sliders["kernel_size"].sliders[0].value = 3
    assert (explorer.stride, explorer.step, explorer.sliders["stride"].value) == (None, 3, 3)
    explorer.sliders["stride"].sliders[0].value = 2
    assert (explorer.stride, explorer.tied.value) == (2, False)
    explorer.sliders["kernel_size"].sliders[0].value = 4
    assert explorer.step == 2
    explorer.tied.value = True
    assert (explorer.stride, explorer.sliders["stride"].value, explorer.out_shape) == (None, 4, (2, 2))
    explorer.tied.value = False
    assert explorer.stride == 4


def test_height_and_width_can_be_set_apart_and_joined_again():
    explorer = PoolExplorer()
    explorer.kernel_size = (3, 2)
    assert (explorer.apart.value, explorer.out_shape, explorer.sliders["stride"].value) == (True, (2, 4), (3, 2))
    explorer.apart.value = False
    assert (explorer.kernel_size, explorer.step, explorer.out_shape) == (3, 3, (2, 2))


def test_one_change_is_one_picture():
    explorer, seen = PoolExplorer(6), []
    explorer.view.observe(lambda change: seen.append(change["new"]), "picture")
    explorer.sliders["kernel_size"].sliders[0].value = 3
    explorer.shifts.value = 1
    explorer.tied.value = False  # the same stride, so the same picture
    assert len(seen) == 2


# ---- the picture -----------------------------------------------------------------------------------------------------


def parse(explorer: PoolExplorer, **options) -> ET.Element:
    return ET.fromstring(pool_picture(explorer.pool, **options))


@settings(max_examples=40, deadline=None)
@given(gradient=st.booleans(), shift=st.integers(0, 2), **SETTINGS)
def test_the_data_in_the_picture_agrees_with_the_arithmetic(gradient, shift, **setting):
    explorer = PoolExplorer(**setting, gradient=gradient, shift=shift)
    root, pool = parse(explorer), explorer.pool
    assert root.get("data-size") == f"{pool.size[0]},{pool.size[1]}"
    if explorer.error:
        assert root.get("data-out-shape") is None
        assert root.find(f".//{SVG}rect[@class='misfit']") is not None
        return
    for axis, name in enumerate("yx"):
        out = shapes.pool_out_size(*pool.axis(axis), ceil_mode=pool.ceil_mode)
        windows = [list(shapes.window(i, *pool.axis(axis)[1:])) for i in range(out)]
        assert json.loads(root.get(f"data-windows-{name}")) == windows
    assert set(cells(root, "output")) == set(pool.places)
    assert set(pool.places) <= set(product(*map(range, explorer.out_shape)))
    assert [e.get("data-count") for e in root.iter(f"{SVG}path") if e.get("class") == "changed"] == (
        [str(explorer.changed)] if explorer.changed else []
    )
    rings = [int(e.get("data-count")) for e in root.iter(f"{SVG}path") if e.get("class") == "won"]
    assert rings == ([len(set(pool.winners.values()))] if pool.winners else [])


def test_a_pin_lights_its_window_and_the_winner_apart():
    explorer = PoolExplorer(8, 3, 2, 1)
    source = cells(parse(explorer, pin=(1, 1)), "input")
    fills = {at: source[at].fill for at in product(range(1, 4), repeat=2)}
    assert [at for at, fill in fills.items() if fill == svg.TAP_CORNERS[0][1]] == [explorer.pool.winners[1, 1]]
    assert list(fills.values()).count(svg.TAP_CORNERS[0][0]) == 8


@pytest.mark.parametrize("still", [False, True])
@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"size": 1, "kernel_size": 1},
        {"size": 16, "kernel_size": 3, "stride": 1, "padding": 1, "shift": 2},
        {"size": 16, "kernel_size": 6, "stride": 5, "padding": 3, "ceil_mode": True, "shift": 1, "gradient": True},
        {"size": (16, 3), "kernel_size": (5, 2), "stride": 3, "mode": "avg"},
        {"size": (3, 16), "kernel_size": (2, 3), "mode": "avg", "gradient": True},
        {"size": 2, "kernel_size": 6},
        {"size": 9, "kernel_size": 3, "padding": 3},
        {"size": 60, "kernel_size": 3, "stride": 2, "shift": 1},
    ],
)
def test_no_label_overlaps_another_or_leaves_the_picture(setting, still):
    explorer = PoolExplorer(**setting)
    pin = explorer.pool.default_pin if still else None
    root = parse(explorer, pin=pin, caption=["a caption " * 40] if still else [], still=still)
    check_labels(root)


def test_the_static_twin_tells_the_same_every_time():
    picture = PoolExplorer(6, image="ramp", shift=1).static(pin=(1, 2))
    said = " ".join(e.text for e in ET.fromstring(str(picture)).findall(f"{SVG}text"))
    assert "output (1, 2) = largest of 4, 5, 5, 6 = 6" in said
    assert "nn.MaxPool2d(kernel_size=2)" in said
    assert re.search(r"moved right by 1 px: \d of 9 outputs changed", said)
    assert str(PoolExplorer(6, image="ramp", shift=1).static(pin=(1, 2))) == str(picture)
    assert repr(picture) == "Picture(PoolExplorer(6×6, max, k=2, s=2, p=0 → 3×3))"
    mean = str(PoolExplorer(4, image="dot", mode="avg").static(pin=(1, 1)))
    assert "output (1, 1) = (9 + 0 + 0 + 0) / 4 = 2.25" in mean
    assert "No output" in str(PoolExplorer(3, 5).static())


@pytest.mark.parametrize(("setting", "pin"), [({}, (4, 0)), ({}, (0, -1)), ({"size": 1}, (0, 0))])
def test_a_pin_outside_is_refused(setting, pin):
    with pytest.raises(ValueError, match=re.escape(f"pin={pin} is not an output of PoolExplorer(")):
        PoolExplorer(**setting).static(pin=pin)


# ---- in JupyterLab ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A notebook with one PoolExplorer, run."""
    with jupyterlab.running(
        tmp_path_factory.mktemp("lab"), ["from cnnlab.explore import PoolExplorer\nPoolExplorer(8, 3, 2, 1)"]
    ) as page:
        yield page


@pytest.mark.browser
@pytest.mark.skipif(bool(jupyterlab.why_not()), reason=str(jupyterlab.why_not()))
class TestInJupyterLab:
    def test_hover_lights_windows_and_readers(self, page):
        pool = PoolExplorer(8, 3, 2, 1).pool
        cell(page, "output", 0, 2).hover()
        window = set(product(shapes.window(0, 3, 2, 1), shapes.window(2, 3, 2, 1)))
        assert lit(page, "input") == window
        told = page.locator(".sum").inner_text()
        assert f"taken from input {pool.winners[0, 2]}" in told
        assert page.locator(".sum .term").count() == 9
        assert page.locator(".sum .term.pad").count() == 3
        cell(page, "input", 3, 3).hover()
        assert lit(page, "output") == {(1, 1), (1, 2), (2, 1), (2, 2)}
        wins = sum(winner == (3, 3) for winner in pool.winners.values())
        assert f"is read by 4 outputs and wins {wins}" in page.locator(".sum").inner_text()

    def test_keys_shift_gradient_and_mending(self, page):
        cell(page, "output", 1, 1).click()
        page.keyboard.press("ArrowRight")
        assert page.locator(".status").inner_text().startswith("Output row 1, column 2 is")
        assert page.locator(".stage").get_attribute("aria-label").startswith("Pooling")
        slider(page, "shift").press("ArrowRight")
        changed = PoolExplorer(8, 3, 2, 1, shift=1).changed
        page.wait_for_selector(f'.stage svg[data-shift="1"][data-changed="{changed}"]')
        assert f"{changed} of 16 outputs changed" in page.locator(".facts").inner_text()
        page.get_by_label("gradient").check()
        page.wait_for_selector(".stage svg[data-gradients]")
        slider(page, "padding").press("End")
        page.wait_for_selector(".stage .misfit")
        page.get_by_role("button", name="padding = 1").click()
        page.wait_for_selector('.stage svg[data-out-shape="4,4"]')
        jupyterlab.check_labels(page)
