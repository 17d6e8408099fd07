"""The explorers of blocks (Inception, dense, batch norm, residual) as a learner meets them, in JupyterLab."""

from __future__ import annotations

import re

import pytest

from tests import jupyterlab

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(jupyterlab.why_not()), reason=str(jupyterlab.why_not()))]

# An explorer, the label of a slider, and what it says of itself in its first part.
EXPLORERS = {
    "InceptionExplorer": ("c1", "1×1: 1×1, 192 → 64: 192·64 + 64 = 12,352 parameters"),
    "DenseExplorer": ("growth_rate", "layer 1 reads the 64 channels, adds 32 (3×3): 18,592 parameters"),
    "BatchNormExplorer": ("batch_size", "before: 32 images · 16 values = 512 values of one channel"),
    "ResidualExplorer": ("blocks", "plain: the gradient that arrives at block 1 is 1.2e-05"),
}
each = pytest.mark.parametrize("place", range(len(EXPLORERS)), ids=EXPLORERS)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    cells = [f"from cnnlab.explore import {name}\n{name}()" for name in EXPLORERS]
    with jupyterlab.running(tmp_path_factory.mktemp("lab"), cells, width=1240, height=4000) as page:
        page.wait_for_function(f"document.querySelectorAll('.cnnlab .stage svg').length === {len(EXPLORERS)}")
        yield page


def parts(page, place: int):
    """The explorer's box, its stage, and the label of its slider with what it says at first."""
    box = page.locator(".cnnlab-explorer").nth(place)
    return box, box.locator(".stage"), *list(EXPLORERS.values())[place]


@each
def test_the_keyboard_walks_through_what_it_tells(page, place):
    box, stage, _, says = parts(page, place)
    stage.press("Escape")
    assert box.locator(".tells span").inner_text() == ""
    stage.press("ArrowRight")
    assert box.locator(".tells span").inner_text().startswith(says)
    assert box.locator(".status").inner_text().startswith(says)
    assert stage.locator(".here").count() == 1
    stage.press("ArrowRight")
    assert not box.locator(".tells span").inner_text().startswith(says)


@each
def test_a_pointer_is_told_of_the_part_below_it(page, place):
    box, stage, _, _ = parts(page, place)
    stage.press("Escape")
    target = stage.locator("[data-said]:has(rect.back)").last
    target.hover(position={"x": 20, "y": 6}, force=True)
    assert box.locator(".tells span").inner_text() == target.get_attribute("data-said")


@each
def test_a_slider_moves_the_picture(page, place):
    box, stage, label, _ = parts(page, place)
    row = box.locator(".widget-slider", has=page.get_by_text(label, exact=True)).first
    before = stage.inner_html()
    row.locator(".noUi-handle").press("ArrowRight")
    stage.locator("svg").wait_for()
    page.wait_for_function(
        "([index, before]) => document.querySelectorAll('.cnnlab-explorer .stage')[index].innerHTML !== before",
        arg=[place, before],
    )
    row.locator(".noUi-handle").press("ArrowLeft")


def test_a_single_value_is_refused_in_words_and_a_button_mends_it(page):
    box, stage, *_ = parts(page, list(EXPLORERS).index("BatchNormExplorer"))
    preset = box.locator("select").first
    preset.select_option("dense layer, 2 images")
    size = box.locator(".widget-slider", has=page.get_by_text("batch_size", exact=True)).first
    size.locator(".widget-readout", has_text=re.compile("^2$")).wait_for()  # the preset has arrived
    size.locator(".noUi-handle").press("ArrowLeft")
    stage.get_by_text("No output").wait_for()
    assert "training refuses it" in box.locator(".status").inner_text()
    box.get_by_role("button", name="batch_size = 2").click()
    stage.get_by_text("No output").wait_for(state="detached")
    box.get_by_role("button", name="ask PyTorch").click()
    box.get_by_text("PyTorch agrees").wait_for()
