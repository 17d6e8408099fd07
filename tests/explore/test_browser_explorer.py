"""The ConvExplorer as a learner meets it: in JupyterLab, with a mouse and a keyboard."""

from __future__ import annotations

import re

import pytest

from cnnlab import shapes
from tests import jupyterlab
from tests.jupyterlab import cell, label, lit, slider, watch, widget_messages

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(jupyterlab.why_not()), reason=str(jupyterlab.why_not()))]

CELLS = [
    "from cnnlab.explore import ConvExplorer\nexplorer = ConvExplorer(9, kernel_size=3, stride=2, padding=1)\nexplorer",
]
SETTING = {"size": 9, "kernel_size": 3, "stride": 2, "padding": 1, "dilation": 1}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A server with the notebook, and a browser."""
    folder = tmp_path_factory.mktemp("lab")
    jupyterlab.write_notebook(folder / "explorer.ipynb", CELLS)
    with jupyterlab.server(folder) as url, jupyterlab.browser() as driven:
        yield driven, url


@pytest.fixture(scope="module")
def page(lab):
    driven, url = lab
    page = jupyterlab.open_notebook(driven, url, "explorer.ipynb", watch=watch)
    jupyterlab.run_all(page)
    page.wait_for_selector(".cnnlab .stage svg")
    yield page
    assert page.mistakes == []


@pytest.fixture(autouse=True)
def at_rest(page):
    """Every test starts from the same setting, nothing under the pointer, nothing playing."""
    page.mouse.move(1, 1)
    settle(page, **SETTING)


def settle(page, **setting: int) -> None:
    """Bring every slider to a value with the keyboard."""
    for name, value in setting.items():
        handle = slider(page, name)
        by = value - int(float(handle.get_attribute("aria-valuenow")))
        for _ in range(abs(by)):
            handle.press("ArrowRight" if by > 0 else "ArrowLeft")
    expected = shapes.out_size(**setting)
    size = setting["size"]
    page.wait_for_selector(f'.stage svg[data-out-shape="{expected},{expected}"][data-size="{size},{size}"]')


def along(**changes: int) -> dict[str, int]:
    setting = {**SETTING, **changes}
    return {name: setting[name] for name in ("kernel_size", "stride", "padding", "dilation")}


def test_an_output_lights_its_window(page):
    cell(page, "output", 0, 4).hover()
    rows, columns = shapes.window(0, **along()), shapes.window(4, **along())
    assert lit(page, "input") == {(r, c) for r in rows for c in columns}
    assert page.locator(".sum .term").count() == 9
    assert page.locator(".sum .term.pad").count() == sum(r < 0 or c > 8 for r in rows for c in columns)


def test_a_weight_lights_every_place_it_touches(page):
    cell(page, "kernel", 0, 2).hover()
    firsts = [shapes.window(i, **along()) for i in range(5)]
    assert lit(page, "input") == {(rows[0], columns[2]) for rows in firsts for columns in firsts}
    assert "touches 25 input positions" in page.locator(".sum").inner_text()


@pytest.mark.parametrize("place", [(3, 3), (4, 4), (-1, 0), (3, 4)])
def test_a_pixel_lights_the_outputs_that_use_it(page, place):
    cell(page, "input", *place).hover()
    used = [[i for i in range(5) if at in shapes.window(i, **along())] for at in place]
    assert lit(page, "output") == {(r, c) for r in used[0] for c in used[1]}
    count = len(used[0]) * len(used[1])
    assert f"is used by {count} output{'s' * (count > 1)}" in page.locator(".sum").inner_text()


def test_hover_pin_and_play_send_nothing_to_python(page):
    page.wait_for_timeout(500)
    page.sent.clear()
    cell(page, "output", 1, 1).hover()
    cell(page, "kernel", 1, 1).hover()
    cell(page, "output", 2, 2).click()
    page.keyboard.press(" ")
    page.wait_for_timeout(600)
    page.keyboard.press(" ")
    assert widget_messages(page) == 0
    slider(page, "padding").press("ArrowRight")
    page.wait_for_selector('.stage svg[data-padding="2,2"]')
    assert widget_messages(page) > 0  # what would have been seen


def test_a_click_pins_and_arrows_move_the_pin(page):
    cell(page, "output", 2, 2).click()
    page.mouse.move(1, 1)
    assert page.locator(".sum h4").inner_text().startswith("output (2, 2)")
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    assert page.locator(".sum h4").inner_text().startswith("output (4, 3)")  # the edge stops it
    assert page.locator(".status").inner_text().startswith("Output row 4, column 3 is")
    assert page.locator(".jp-Cell.jp-mod-active").get_attribute("data-windowed-list-index") in (None, "0")


def test_space_plays_and_pauses_and_the_buttons_step(page):
    cell(page, "output", 0, 0).click()
    page.keyboard.press(" ")
    assert page.locator("button.play").get_attribute("aria-label").startswith("Pause")
    page.wait_for_function("+document.querySelector('.transport input').value >= 2")
    page.keyboard.press(" ")
    held = page.locator(".count").inner_text()
    page.wait_for_timeout(400)
    assert page.locator(".count").inner_text() == held
    page.locator("button.back").click()
    now = int(re.search(r"\d+", page.locator(".count").inner_text())[0])
    assert now == int(re.search(r"\d+", held)[0]) - 1
    page.locator(".transport input").fill("24")
    assert page.locator(".sum h4").inner_text().startswith("output (4, 4)")


def test_the_written_sum_is_the_value_in_the_cell(page):
    cell(page, "output", 1, 0).hover()
    text = page.locator(".sum .terms").inner_text().replace("−", "-").replace("·", "*").replace("bias", "")
    left, right = re.sub(r"\s+", " ", text).split("=")
    assert eval(left) == int(right) == int(cell(page, "output", 1, 0).get_attribute("data-v"))


def test_a_slider_moves_with_the_mouse(page):
    handle = slider(page, "stride")
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 5, steps=4)
    page.mouse.up()
    page.wait_for_selector('.stage svg[data-stride="8,8"]')
    assert "⌊(9 + 2·1 − 1·(3 − 1) − 1) / 8⌋ + 1 = 2" in page.locator(".facts").inner_text()
    assert page.locator(".code code").inner_text() == "nn.Conv2d(1, 1, kernel_size=3, stride=8, padding=1)"


def test_an_impossible_setting_is_explained_and_mended(page):
    kernel = slider(page, "kernel_size")
    kernel.press("End")
    page.wait_for_selector('.stage svg[data-kernel-size="11,11"]')
    dilation = slider(page, "dilation")
    dilation.press("ArrowRight")
    page.wait_for_selector(".stage .misfit")
    with pytest.raises(shapes.ShapeError) as said:
        shapes.out_size(9, 11, 2, 1, 2)
    shown = " ".join(page.locator(".stage svg > text").all_text_contents())
    assert str(said.value)[1:] in shown
    assert not page.locator(".sum").is_visible()
    page.get_by_role("button", name="dilation = 1").click()
    page.wait_for_selector('.stage svg[data-out-shape="1,1"]')
    assert slider(page, "dilation").get_attribute("aria-valuenow") == "1.0"
    assert not page.get_by_role("button", name="dilation = 1").is_visible()


def test_nothing_is_clipped_or_overlaps(page):
    jupyterlab.check_labels(page)


def test_dark_theme(lab, page):
    driven, url = lab
    dark = jupyterlab.open_notebook(driven, url, "explorer.ipynb", theme="dark")
    try:
        jupyterlab.run_all(dark)
        dark.wait_for_selector(".cnnlab .stage svg")
        fill = "e => getComputedStyle(e).fill.match(/\\d+/g).map(Number)"
        plain, weight = cell(dark, "input", 0, 0), cell(dark, "kernel", 0, 0)
        assert max(plain.evaluate(fill)) < 60
        assert min(label(plain).evaluate(fill)) > 200
        assert min(weight.evaluate(fill)) > 120 > 60 > max(label(weight).evaluate(fill))
    finally:
        dark.context.close()
