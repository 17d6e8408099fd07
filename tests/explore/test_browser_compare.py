"""The CompareExplorer as a learner meets it: in JupyterLab, with a mouse and a keyboard."""

from __future__ import annotations

import numpy as np
import pytest

from cnnlab.explore import CompareExplorer
from tests import jupyterlab
from tests.explore.test_browser_explorer import slider, watch, widget_messages

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(jupyterlab.why_not()), reason=str(jupyterlab.why_not()))]

CELLS = [
    "from cnnlab.explore import CompareExplorer\n"
    "explorer = CompareExplorer([7], [3, 3], channels=8, size=10)\nexplorer",
    "from ipywidgets.widgets.widget import _instances\n"
    "def count():\n    return f'widgets: {len(_instances)} at {explorer.channels} channels'\ncount()",
]
# By how many ways two 3×3 reach a pixel along one axis: the second row of Pascal's triangle of threes.
PAIR = np.convolve([1, 1, 1], [1, 1, 1])


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A server with the notebook, and a browser."""
    folder = tmp_path_factory.mktemp("lab")
    jupyterlab.write_notebook(folder / "compare.ipynb", CELLS)
    with jupyterlab.server(folder) as url, jupyterlab.browser() as driven:
        yield driven, url


@pytest.fixture(scope="module")
def page(lab):
    page = opened(lab, watch=watch)
    yield page
    assert page.mistakes == []


def opened(lab, **options):
    driven, url = lab
    page = jupyterlab.open_notebook(driven, url, "compare.ipynb", width=1240, height=1300, **options)
    jupyterlab.run_all(page)
    page.wait_for_selector(".cnnlab .stage svg")
    return page


@pytest.fixture(autouse=True)
def at_rest(page):
    """Every test starts with nothing under the pointer and nothing held."""
    page.locator(".stage").press("Escape")
    page.mouse.move(1, 1)


def pixel(page, side: int, row: int, column: int):
    """The cell of the pixel at that offset in one of the fields."""
    field = page.locator(f'.stage [data-extent][data-side="{side}"]')
    extent = int(field.get_attribute("data-extent"))
    half = extent // 2
    return field.locator("rect").nth((row + half) * extent + column + half)


def told(page) -> str:
    return page.locator(".tells h4").inner_text()


def words(row: int, column: int) -> str:
    """What is to be said of 7×7 against two 3×3, from the convolution of ones."""
    place = f"Pixel ({row}, {column}) ".replace("-", "−")
    ways = [int(abs(row) <= 3 and abs(column) <= 3), 0]
    if max(abs(row), abs(column)) <= 2:
        ways[1] = int(PAIR[row + 2] * PAIR[column + 2])
    if not any(ways):
        return f"{place}reaches neither unit."
    right = (
        f"the right unit by {ways[1]} way{'s' * (ways[1] > 1)} of 81" if ways[1] else "does not reach the right unit"
    )
    return f"{place}reaches the left unit by 1 way of 49 and {right}."


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("place", [(0, 0), (-1, 2), (2, -2), (3, 1), (-4, 4)])
def test_a_pixel_is_lit_in_both_fields_and_told(page, side, place):
    pixel(page, side, *place).hover()
    assert told(page) == words(*place)
    assert page.locator(".status").inner_text() == words(*place)[:1].lower() + words(*place)[1:-1]
    marks = page.locator(".stage .mark.pixel")
    assert marks.count() == 2
    for other in (0, 1):
        cell, mark = pixel(page, other, *place).bounding_box(), marks.nth(other).bounding_box()
        middles = [[box[at] + box[size] / 2 for at, size in (("x", "width"), ("y", "height"))] for box in (cell, mark)]
        assert middles[0] == pytest.approx(middles[1], abs=1)
    dashed = [mark.evaluate("e => e.classList.contains('dashed')") for mark in marks.all()]
    assert dashed == [max(map(abs, place)) > 3, max(map(abs, place)) > 2]


def test_the_browser_says_what_python_says(page):
    explorer = CompareExplorer([7], [3, 3])
    for place in [(-2, 1), (3, 3), (0, -1)]:
        pixel(page, 0, *place).hover()
        assert page.locator(".status").inner_text() == explorer.story(*place)


def test_the_taps_that_lead_there_are_listed(page):
    pixel(page, 1, -1, 2).hover()
    assert page.locator(".tells span").all_inner_texts() == [
        "one tap, (−1, 2)",
        "rows: −1 = −1 + 0 = 0 − 1, 2 ways; columns: 2 = 1 + 1, 1 way; 2 × 1 = 2",
    ]
    pixel(page, 1, 3, 0).hover()
    assert page.locator(".tells span").all_inner_texts() == ["one tap, (3, 0)", "not in its field"]


def test_a_layer_shows_what_it_widens_and_its_part_of_every_bar(page):
    page.locator('.stage .hit[data-side="1"][data-layer="1"]').hover()
    assert told(page).startswith("Conv 3×3, layer 2 of 2 of the right stack, widens the field from 3 to 5 px and has")
    assert "9·C² = 576 of its parameters (50 %), 57,600 MACs" in told(page)
    drawn = page.locator(".stage .mark.right").evaluate_all("all => all.map(e => +e.getAttribute('width'))")
    unit = float(page.locator('[data-extent][data-side="1"]').get_attribute("data-cell"))
    assert [width / unit for width in drawn] == pytest.approx([5, 3], abs=0.05)
    shares = page.locator(".stage .mark.share")
    bars = page.locator('.stage .bar[data-side="1"]')
    assert shares.count() == bars.count() == 5
    part = [shares.nth(i).bounding_box()["width"] / bars.nth(i).bounding_box()["width"] for i in range(5)]
    assert part == pytest.approx([2 / 5, 1 / 2, 1 / 2, 1 / 2, 1 / 2], abs=0.02)


def test_a_bar_shows_both_formulas_with_numbers(page):
    bar = page.locator('.stage .hit[data-measure="2"]')
    bar.hover()
    assert bar.evaluate("e => getComputedStyle(e).fill") == "none"  # framed, not covered
    assert told(page) == "MACs"
    assert page.locator(".tells span").all_inner_texts() == [
        "49·C²·H·W = 49·8²·10² = 313,600",
        "18·C²·H·W = 18·8²·10² = 115,200",
    ]


def test_a_click_holds_keys_move_and_nothing_goes_to_python(page):
    page.wait_for_timeout(500)
    page.sent.clear()
    pixel(page, 1, 1, 1).click()
    pixel(page, 1, -2, -2).hover()
    assert told(page) == words(-2, -2)  # a hover has the word for as long as it lasts
    page.mouse.move(1, 1)
    assert told(page) == words(1, 1)
    for key, place in [("ArrowUp", (0, 1)), ("ArrowRight", (0, 2)), ("ArrowDown", (1, 2)), ("ArrowLeft", (1, 1))]:
        page.keyboard.press(key)
        assert told(page) == words(*place)
        assert page.locator(".status").inner_text().casefold() == words(*place).casefold()
    for _ in range(9):
        page.keyboard.press("ArrowDown")
    assert told(page) == words(4, 1)  # the edge of the grid stops it
    page.keyboard.press("Escape")
    assert page.locator(".stage .mark").count() == 0
    assert told(page).startswith("Point at a pixel")
    page.keyboard.press("ArrowLeft")
    assert told(page) == words(0, 0)  # the first key finds the middle
    assert widget_messages(page) == 0
    assert page.locator(".jp-Cell.jp-mod-active").get_attribute("data-windowed-list-index") in (None, "0")


def test_layers_and_bars_are_reached_and_held_by_keyboard(page):
    stage = page.locator(".stage")
    stage.focus()
    page.keyboard.press("Tab")
    assert told(page).startswith("Conv 7×7, layer 1 of 1 of the left stack")
    assert page.evaluate("getComputedStyle(document.activeElement).stroke") == "rgb(11, 97, 168)"  # seen to be there
    for _ in range(3):
        page.keyboard.press("Tab")
    assert told(page) == "Receptive field"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert told(page) == "Parameters"
    page.mouse.move(1, 1)
    page.evaluate("document.activeElement.blur()")
    assert told(page) == "Receptive field"


def test_sliders_move_with_keyboard_and_mouse_and_what_is_held_stays(page):
    pixel(page, 0, -1, 0).click()
    slider(page, "channels").press("ArrowRight")
    page.wait_for_function("document.querySelector('.stage svg').textContent.includes('49·C² = 3,969')")
    assert told(page) == words(-1, 0)
    handle = slider(page, "size")
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 650, box["y"] + 5, steps=4)
    page.mouse.up()
    page.wait_for_function(f"document.querySelector('.stage svg').textContent.includes('{3969 * 112**2:,}')")
    slider(page, "channels").press("ArrowLeft")
    slider(page, "size").press("Home")
    for _ in range(9):
        slider(page, "size").press("ArrowRight")
    page.wait_for_function("document.querySelector('.stage svg').textContent.includes('313,600')")


def test_rows_change_a_stack(page):
    rows = page.locator(".cnnlab-rows").nth(1)
    rows.get_by_role("button", name="Add depthwise").click()
    page.wait_for_selector('.stage [data-side="1"][data-size="7"]')
    assert "two 3×3 + depthwise 3×3" in page.locator(".stage svg").text_content()
    rows.locator("select").nth(5).select_option("5")
    page.wait_for_selector('.stage [data-side="1"][data-size="9"]')
    rows.locator('button[title="Remove layer 2"]').click()
    page.wait_for_selector('.stage [data-side="1"][data-size="7"]')
    rows.locator("select").nth(2).select_option("conv")
    rows.locator("select").nth(3).select_option("3")
    page.wait_for_selector('.stage [data-side="1"][data-size="5"][data-kernels="3,3"]')
    assert page.locator(".cnnlab-rows").nth(0).locator('button[title="Remove layer 1"]').is_disabled()


def counted(page, channels: int) -> str:
    """What the second cell says of the widgets there are, run now."""
    page.locator(".jp-CodeCell").nth(1).locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    said = page.locator(".jp-OutputArea-output", has_text=f" at {channels} channels")
    said.wait_for()
    page.wait_for_timeout(500)  # the old output may stand there a moment longer
    return said.inner_text().split()[1]


def test_three_hundred_moves_leave_no_widget_behind(page):
    before = counted(page, 8)
    handle = slider(page, "channels")
    for move in range(300):
        handle.press("ArrowRight" if move % 30 < 15 else "ArrowLeft")
    handle.press("ArrowLeft")  # to a width that none of the moves before has shown: only the last one ends there
    page.wait_for_function("document.querySelector('.stage svg').textContent.includes('49·C² = 2,401')")
    assert counted(page, 7) == before
    handle.press("ArrowRight")
    page.wait_for_function("document.querySelector('.stage svg').textContent.includes('313,600')")


@pytest.mark.parametrize("width", [1000, 1240])
def test_nothing_is_clipped_or_scrolls(page, width):
    page.set_viewport_size({"width": width, "height": 1300})
    page.wait_for_timeout(300)
    stage = page.locator(".stage").bounding_box()
    edges = "all => all.map(e => { const b = e.getBoundingClientRect(); return [b.left, b.right]; })"
    for left, right in page.locator(".stage svg > text").evaluate_all(edges):
        assert stage["x"] <= left
        assert right <= stage["x"] + stage["width"]
    area = page.locator(".jp-OutputArea-output", has=page.locator(".stage")).first
    assert area.evaluate("e => e.scrollWidth - e.clientWidth") <= 0
    for button in page.locator('.cnnlab-row button[title^="Remove"]').all():
        assert button.evaluate("e => e.scrollWidth <= e.clientWidth")
    page.set_viewport_size({"width": 1240, "height": 1300})


def test_dark_theme(lab):
    dark = opened(lab, theme="dark")
    try:
        brightness = "(e, name) => getComputedStyle(e)[name].match(/\\d+/g).slice(0, 3).map(Number)"
        outside = pixel(dark, 1, 4, 4)
        outside.hover()
        assert max(outside.evaluate(brightness, "fill")) < 60
        mark = dark.locator(".stage .mark.pixel").first
        assert min(mark.evaluate(brightness, "stroke")) > 200
        name = dark.locator(".tells b.left")
        pixel(dark, 1, 0, 0).hover()
        assert name.evaluate(brightness, "color") == [0x6C, 0xB6, 0xF5]
    finally:
        dark.context.close()
