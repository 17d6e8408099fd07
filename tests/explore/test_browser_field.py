"""The ReceptiveFieldExplorer as a learner meets it: in JupyterLab, with a mouse and a keyboard."""

from __future__ import annotations

import pytest

from cnnlab import shapes
from tests import jupyterlab
from tests.jupyterlab import widget_messages

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(jupyterlab.why_not()), reason=str(jupyterlab.why_not()))]

LAYERS = [(3, 1, 1), (2, 2), (3, 1)]
CELLS = [
    "from cnnlab.explore import ReceptiveFieldExplorer\n"
    "explorer = ReceptiveFieldExplorer([(3, 1, 1), ('pool', 2), 3], size=20)\nexplorer"
]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The notebook, run."""
    with jupyterlab.running(tmp_path_factory.mktemp("lab"), CELLS, width=1240) as page:
        yield page


def point_at(page, layer: int, row: int, column: int) -> None:
    """Move the pointer over the middle of one unit."""
    place = page.locator(f'.stage [data-map="{layer}"]').evaluate(
        """(map, [row, column]) => {
          const [edge, cell] = [map.dataset.edge, map.dataset.cell].map(Number);
          const [x, y] = [column, row].map((index) => edge + (index + 0.5) * cell);
          const point = new DOMPoint(x, y).matrixTransform(map.getScreenCTM());
          return [point.x, point.y];
        }""",
        [row, column],
    )
    page.mouse.move(*place)


def drawn_field(page, map_: int) -> list[float]:
    """Top, left, side of what is marked on one map, in its units."""
    return page.locator(f'.stage [data-map="{map_}"] .sight').evaluate(
        """(rect) => {
          const { edge, cell } = rect.closest("[data-map]").dataset;
          const at = (name) => Number(rect.getAttribute(name));
          return [(at("y") - edge) / cell, (at("x") - edge) / cell, at("width") / cell];
        }"""
    )


def said(page) -> str:
    return page.locator(".sight-line span").inner_text()


@pytest.mark.parametrize(("layer", "row", "column"), [(1, 3, 5), (2, 4, 8), (3, 6, 1)])
def test_the_unit_under_the_pointer_shows_its_field(page, layer, row, column):
    point_at(page, layer, row, column)
    field = shapes.receptive_field(LAYERS[:layer])
    (top, bottom), (left, right) = field.span(row), field.span(column)
    assert f"Unit ({row}, {column}) of layer {layer}" in said(page)
    assert f"rows {top} to {bottom}, columns {left} to {right}".replace("-", "−") in said(page)
    assert drawn_field(page, 0) == pytest.approx([top, left, field.size], abs=0.01)
    between = shapes.receptive_field(LAYERS[1:layer])
    if layer > 1:
        expected = [between.span(row)[0], between.span(column)[0], between.size]
        assert drawn_field(page, 1) == pytest.approx(expected, abs=0.01)
    hidden = page.locator('.stage [data-map] .marks[display="none"]')
    assert hidden.count() == 3 - layer


def test_a_field_that_goes_on_in_the_padding_is_cut_and_dashed(page):
    look = "rect => [rect.getAttribute('y'), rect.getAttribute('stroke-dasharray')]"
    sight = page.locator('.stage [data-map="0"] .sight')
    point_at(page, 1, 0, 5)
    assert "rows −1 to 1" in said(page)
    assert sight.evaluate(look) == ["-6", "5 3"]
    point_at(page, 1, 1, 5)
    assert sight.evaluate(look) == ["0", "none"]


def test_click_keeps_and_keys_move_without_a_message(page):
    page.wait_for_timeout(400)
    page.sent.clear()
    point_at(page, 3, 2, 2)
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(1, 1)
    assert "Unit (2, 2) of layer 3" in said(page)
    for key in ("ArrowRight", "ArrowDown", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
    assert "Unit (0, 3) of layer 3" in said(page)  # the edge stops it
    assert page.locator(".status").inner_text() == said(page)
    page.keyboard.press("PageUp")
    assert "Unit (4, 4) of layer 2" in said(page)
    assert page.locator("tr.chosen td").first.inner_text() == "2. pool 2×2"
    page.keyboard.press("Escape")
    assert "Unit (3, 3) of layer 3" in said(page)
    assert widget_messages(page) == 0


def test_a_row_is_edited_and_an_impossible_layer_mended(page):
    page.locator(".cnnlab-row input").nth(8).fill("30")  # the kernel of the third layer
    page.keyboard.press("Enter")
    page.wait_for_selector(".stage .misfit")
    page.wait_for_selector(".cnnlab-row.cnnlab-failed")
    assert "Layer 3, conv 30×30" in " ".join(page.locator(".stage svg > text").all_text_contents())
    page.get_by_role("button", name="remove layer 3").click()
    page.wait_for_selector('.stage svg[data-sizes="[20, 20, 10]"]')
    page.wait_for_selector(".cnnlab-row.cnnlab-failed", state="detached")
    assert page.locator("table.fields tbody tr").count() == 2
    page.get_by_role("button", name="Add conv").click()
    page.wait_for_selector('.stage svg[data-sizes="[20, 20, 10, 8]"]')


@pytest.mark.parametrize("width", [1000, 1240])
def test_nothing_is_clipped_or_overlaps(page, width):
    page.set_viewport_size({"width": width, "height": 1000})
    page.wait_for_timeout(200)
    jupyterlab.check_labels(page)
