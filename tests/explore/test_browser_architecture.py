"""The ArchitectureExplorer as a learner meets it: in JupyterLab, with a mouse and a keyboard."""

from __future__ import annotations

import pytest

from tests import jupyterlab
from tests.jupyterlab import slider

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(jupyterlab.why_not()), reason=str(jupyterlab.why_not()))]

CELLS = [
    "from cnnlab.explore import ArchitectureExplorer\nexplorer = ArchitectureExplorer('resnet18', 96)\nexplorer",
]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with jupyterlab.running(tmp_path_factory.mktemp("lab"), CELLS, width=1240, height=1500) as page:
        yield page


def line(page, name: str):
    return page.locator(f'.stage [data-line][data-path="{name}"]').first


def texts(page, name: str) -> list[str]:
    return line(page, name).locator("text").all_text_contents()


# First of all, since a process drives one browser at a time and the page of the others stays open.
def test_the_size_slider_reaches_its_end_and_a_button_leads_back(tmp_path):
    cells = [
        "from cnnlab.explore import ArchitectureExplorer\nexplorer = ArchitectureExplorer('alexnet', 224)\nexplorer"
    ]
    with jupyterlab.running(tmp_path, cells, width=1240, height=1500) as page:
        slider(page, "size, px").press("Home")
        page.locator(".stage [data-line] text", has_text="refuses its input").wait_for()
        assert "1×8×8 → no output" in page.locator(".status").inner_text()
        page.get_by_role("button", name="size = 224").click()
        page.wait_for_function("!document.querySelector('.stage').textContent.includes('refuses its input')")
        assert "1×224×224 → 10" in page.locator(".status").inner_text()


def test_its_labels_keep_apart(page):
    jupyterlab.check_labels(page)


def test_a_pointer_on_a_line_lights_its_block_and_says_it(page):
    line(page, "conv1").hover()
    assert page.locator(".stage [data-block].here").count() == 1
    assert page.locator(".tells span").inner_text() == (
        "conv1 (Conv2d): 64 × 48 × 48, 3,136 parameters, 7,225,344 MACs, 576 KiB, a unit sees 7 px"
    )


def test_a_click_opens_a_block_and_another_folds_it(page):
    before = page.locator(".stage [data-line]").count()
    folded = page.locator('.stage [data-fold="folded"]').first
    key = folded.get_attribute("data-key")
    folded.locator(".fold").click()
    page.wait_for_function(f"document.querySelectorAll('.stage [data-line]').length > {before}")
    opened = key.split(" ×")[0]
    more = page.locator(".stage [data-line]").count()
    page.locator(f'.stage [data-key="{opened}"] .fold').first.click()
    page.wait_for_function(f"document.querySelectorAll('.stage [data-line]').length !== {more}")


def test_the_size_slider_moves_every_shape(page):
    handle = slider(page, "size, px")
    was = texts(page, "conv1")
    handle.press("ArrowRight")
    handle.press("ArrowRight")
    page.wait_for_function(
        "w => document.querySelector('.stage [data-path=\"conv1\"]').textContent !== w", arg="".join(was)
    )
    assert "64 × 49 × 49" in texts(page, "conv1")
    handle.press("ArrowLeft")
    handle.press("ArrowLeft")
    page.wait_for_function(
        "w => document.querySelector('.stage [data-path=\"conv1\"]').textContent === w", arg="".join(was)
    )


def test_a_changed_layer_turns_the_next_red_and_a_button_mends_it(page):
    line(page, "conv1").click()
    count = page.locator(".cnnlab-explorer .widget-text", has=page.get_by_text("out_channels", exact=True)).locator(
        "input"
    )
    count.fill("32")
    count.press("Enter")
    page.locator(".stage [data-line] text", has_text="refuses its input").wait_for()
    assert "✗" in "".join(page.locator(".stage [data-line] text").all_text_contents())
    assert "bn1 (BatchNorm2d) cannot take" in page.locator(".status").inner_text()
    page.get_by_role("button", name="undo all changes").first.click()
    page.wait_for_function("!document.querySelector('.stage').textContent.includes('refuses its input')")


def test_the_keyboard_walks_the_lines_and_opens_blocks(page):
    stage = page.locator(".stage")
    stage.press("Escape")
    stage.press("ArrowDown")
    assert page.locator(".status").inner_text().startswith("conv1 (Conv2d)")
    before = page.locator(".stage [data-line]").count()
    for _ in range(before):
        if page.locator('.stage [data-line].here[data-fold="folded"]').count():
            break
        stage.press("ArrowDown")
    else:
        pytest.fail(f"none of {before} lines on the way down is a folded block")
    stage.press("Enter")
    page.wait_for_function(f"document.querySelectorAll('.stage [data-line]').length !== {before}")
