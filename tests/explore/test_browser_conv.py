"""What a learner asks of a ConvExplorer in JupyterLab: a question, the heat map, PyTorch, values of one's own."""

from __future__ import annotations

from itertools import product

import pytest

from cnnlab import shapes
from tests import jupyterlab
from tests.jupyterlab import cell, label, lit

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(jupyterlab.why_not()), reason=str(jupyterlab.why_not()))]

FILLER = ["print('line\\n' * 60)"] * 6
CELLS = ["from cnnlab.explore import ConvExplorer\nexplorer = ConvExplorer(6)\nexplorer", *FILLER]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A notebook with an explorer, and much to scroll through after it."""
    with jupyterlab.running(tmp_path_factory.mktemp("lab"), CELLS) as page:
        yield page


def button(page, name: str):
    return page.locator(".cnnlab-explorer").get_by_role("button", name=name, exact=True)


def test_a_guess_hides_hints_and_reveals(page):
    button(page, "guess first").click()
    page.wait_for_selector(".stage .asked")
    assert page.locator(".stage svg").get_attribute("data-out-shape") is None
    for part in (".sum", ".facts", ".transport", ".code"):
        assert not page.locator(part).is_visible()
    line = page.get_by_placeholder("a number, h × w, or none")
    line.fill("3")
    line.press("Enter")
    page.get_by_text("Not quite: the + 1 is missing").wait_for()
    line.fill("4")
    button(page, "Check").click()
    page.get_by_text("Right: 4 × 4.").wait_for()
    page.wait_for_selector('.stage svg[data-out-shape="4,4"]')
    assert page.locator(".sum").is_visible()
    button(page, "guess first").click()


def test_the_heat_map_counts(page):
    button(page, "heat map").click()
    page.wait_for_selector(".stage svg.heat")
    for place, count in (((0, 0), 1), ((2, 2), 9), ((0, 2), 3)):
        assert label(cell(page, "input", *place)).text_content() == str(count)
        cell(page, "input", *place).hover()
        assert f"is used by {count} output" in page.locator(".sum").inner_text()
    button(page, "heat map").click()
    page.wait_for_selector(".stage svg:not(.heat)")


def test_pytorch_is_asked(page):
    button(page, "ask PyTorch").click()
    page.get_by_text("PyTorch agrees: 4×4, and all 16 values are the same").wait_for(timeout=60_000)


def test_formulas_on_demand(page):
    assert not page.locator(".formulas dl").is_visible()
    page.locator(".formulas summary").click()
    assert "⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1" in page.locator(".formulas").inner_text()
    page.locator(".formulas summary").click()


def test_a_weight_is_typed(page):
    cell(page, "kernel", 0, 2).click()
    page.keyboard.type("-7")
    page.keyboard.press("Enter")
    page.wait_for_selector('.stage [data-part="kernel"] [data-r="0"][data-c="2"][data-v="-7"]')
    assert page.locator(".stage svg").get_by_text("own").is_visible()
    page.keyboard.press("ArrowLeft")  # the keyboard is back at the picture
    assert page.locator(".sum h4").inner_text().startswith("weight (0, 1)")


def test_the_input_is_painted(page):
    before = [cell(page, "input", 1, c).get_attribute("data-v") for c in range(6)]
    button(page, "Paint on the input").click()
    start, end = (cell(page, "input", 1, c).bounding_box() for c in (1, 4))
    page.mouse.move(start["x"] + 9, start["y"] + 9)
    page.mouse.down()
    page.mouse.move(end["x"] + 9, end["y"] + 9, steps=20)
    page.mouse.up()
    brush = "0" if int(before[1]) > 4 else "9"
    page.wait_for_selector(f'.stage [data-part="input"] [data-r="1"][data-c="4"][data-v="{brush}"]')
    assert [cell(page, "input", 1, c).get_attribute("data-v") for c in range(6)] == [
        before[0], *[brush] * 4, before[5]
    ]  # fmt: skip
    button(page, "Paint on the input").click()


def test_the_picture_survives_scrolling_away_and_back(page):
    shape = page.locator(".stage svg").get_attribute("aria-label")
    notebook = page.locator(".jp-WindowedPanel-outer").first
    notebook.evaluate("e => e.scrollTo(0, e.scrollHeight)")
    page.wait_for_timeout(500)
    notebook.evaluate("e => e.scrollTo(0, 0)")
    page.wait_for_selector(".cnnlab .stage svg", state="visible")
    assert page.locator(".stage svg").get_attribute("aria-label") == shape
    cell(page, "output", 1, 1).hover()
    assert page.locator(".sum h4").inner_text().startswith("output (1, 1)")


def start_from(page, name: str) -> None:
    page.locator(".cnnlab-explorer select", has=page.get_by_text("AlexNet, first layer")).select_option(name)


def test_a_transposed_layer_is_chosen_and_its_stamps_lit(page):
    start_from(page, "transposed ×2")
    page.wait_for_selector('.stage svg[data-transposed="true"]')
    drawn = page.locator(".stage svg")
    size, out = (int(drawn.get_attribute(name).split(",")[0]) for name in ("data-size", "data-out-shape"))
    assert out == 2 * size
    cell(page, "input", 0, 2).hover()
    rows, columns = (shapes.written(i, 4, 2, 1) for i in (0, 2))
    assert lit(page, "output") == set(product(rows, columns))
    assert "writes a stamp of 16 outputs" in page.locator(".sum").inner_text()
    assert "4 of them are cropped" in page.locator(".sum").inner_text()
    cell(page, "output", 4, 3).hover()
    rows, columns = (shapes.writers(i, size, 4, 2, 1) for i in (4, 3))
    assert lit(page, "input") == set(product(rows, columns))
    assert page.locator(".sum .term").count() == 4
    cell(page, "output", -1, 3).hover()
    assert "cropped (−1, 3) · 2 inputs write it" in page.locator(".sum").inner_text()
    cell(page, "kernel", 0, 0).hover()
    corners = [shapes.written(i, 4, 2, 1)[0] for i in range(size)]
    assert lit(page, "output") == set(product(corners, corners))
    button(page, "transposed").click()
    page.wait_for_selector(".stage svg:not([data-transposed])")


def test_a_large_output_is_counted_in_full(page):
    start_from(page, "AlexNet, first layer")
    page.wait_for_selector('.stage svg[data-out-shape="55,55"]')
    cell(page, "output", 54, 54).click()
    assert page.locator(".count").inner_text() == "output 3,025 of 3,025"
    drawn = page.locator('.stage [data-part="output"] [data-r]').count()
    assert page.locator(".transport input").evaluate("e => [+e.value, +e.max]") == [drawn - 1, drawn - 1]
    assert drawn < 55 * 55
