"""FeatureMapExplorer and TrainingExplorer as a learner meets them: in JupyterLab, with a mouse and a keyboard."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cnnlab import models
from cnnlab.explore import FeatureMapExplorer
from tests import jupyterlab
from tests.conftest import blobs

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(jupyterlab.why_not()), reason=str(jupyterlab.why_not()))]

# The same network and images on both sides: what the page says is checked against the explorer made here.
SETUP = (
    "import torch\nfrom cnnlab import models\nfrom cnnlab.data import FashionMNIST\nfrom cnnlab.train import fit\n"
    "from tests.conftest import blobs\n"
    "from cnnlab.explore import FeatureMapExplorer, TrainingExplorer\n"
    "torch.manual_seed(0)\nlenet = models.build('lenet')\n"
    "images = blobs(60, 2, 'valid')\ndata = FashionMNIST(blobs(600, 1), images, images, 'drawn')"
)
CELLS = [
    f"import sys\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\n{SETUP}",
    "maps = FeatureMapExplorer(lenet, images, layer='act1')\nmaps",
    "runs = TrainingExplorer(fit, data, images=600, epochs=2, batch_size=100)\nruns",
]
MAPS, RUNS = ".cnnlab:has(.cnnlab-features)", ".cnnlab:has(.cnnlab-runs)"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    jupyterlab.write_notebook(folder / "features.ipynb", CELLS)
    with jupyterlab.server(folder) as url, jupyterlab.browser() as driven:
        yield driven, url


@pytest.fixture(scope="module")
def page(lab):
    page = opened(lab, watch=jupyterlab.watch)
    yield page
    assert page.mistakes == []


def opened(lab, **options):
    driven, url = lab
    page = jupyterlab.open_notebook(driven, url, "features.ipynb", width=1240, height=2400, **options)
    jupyterlab.run_all(page)
    page.wait_for_selector(f"{MAPS} .stage svg")
    page.wait_for_selector(f"{RUNS} .stage svg")
    return page


def mirror(**settings) -> FeatureMapExplorer:
    torch.manual_seed(0)
    return FeatureMapExplorer(models.build("lenet"), blobs(60, 2, "valid"), **{"layer": "act1", **settings})


def told(page, part: str = MAPS) -> str:
    return page.locator(f"{part} .tells").inner_text()


def spot(page, row: int, column: int) -> tuple[float, float]:
    """Where on the page the middle of one unit of the large map is."""
    stage = page.locator(f"{MAPS} .stage svg").first
    box, place = stage.bounding_box(), stage.evaluate("e => JSON.parse(e.dataset.place)")
    scale = box["width"] / stage.evaluate("e => e.viewBox.baseVal.width")
    x, y = (place["x"] + (column + 0.5) * place["cell"], place["y"] + (row + 0.5) * place["cell"])
    return box["x"] + x * scale, box["y"] + y * scale


def wait_for_picture(page, part: str, text: str) -> None:
    page.wait_for_function(f"document.querySelector('{part} .stage svg').textContent.includes({text!r})")


def unit(page, row: int, column: int) -> tuple[str, float]:
    words, value = told(page).rsplit(" ", 1)
    assert words.endswith(f"row {row}, column {column}: activation")
    return words, float(value.replace("−", "-").replace(",", ""))


# ---- maps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [(0, 0), (13, 20), (27, 27)])
def test_a_unit_is_told_with_its_activation(page, place):
    page.mouse.move(*spot(page, *place))
    words, value = unit(page, *place)
    assert words.startswith("act1, channel 0,")
    assert value == pytest.approx(float(mirror().activations[place]), rel=6e-3, abs=1e-9)
    assert page.locator(f"{MAPS} .status").inner_text() == told(page)
    assert page.locator(f"{MAPS} .stage .unit").count() == 1


def test_keys_walk_over_the_map_and_nothing_goes_to_python(page):
    page.mouse.move(1, 1)
    page.wait_for_timeout(300)
    page.sent.clear()
    page.locator(f"{MAPS} .stage").focus()
    for key, place in [
        ("ArrowDown", (14, 14)),
        ("ArrowRight", (14, 15)),
        ("ArrowUp", (13, 15)),
        ("ArrowLeft", (13, 14)),
    ]:
        page.keyboard.press(key)
        unit(page, *place)
    page.keyboard.press("Escape")
    assert told(page).startswith("Point at the large map")
    assert jupyterlab.widget_messages(page) == 0


def test_weights_bars_and_images_are_told(page):
    page.locator(f"{MAPS} [data-say^=weight]").first.hover()
    name, weights = mirror().kernel()
    assert name == "conv1"
    value = float(told(page).split()[1].replace("−", "-"))
    assert value == pytest.approx(weights[0, 0, 0], rel=6e-3)
    page.locator(f"{MAPS} .score").first.hover()
    assert told(page).startswith("T-shirt/top: ")
    thumb = page.locator(f'{MAPS} [data-go*="image"]').first
    thumb.hover()
    index, value, _ = mirror().best(1)[0]
    assert told(page).startswith(f"image {index}, ")


def test_a_channel_is_chosen_by_click_and_by_slider(page):
    page.locator(f"{MAPS} [data-go]").nth(4).click()
    wait_for_picture(page, MAPS, "act1, channel 4")
    handle = jupyterlab.slider(page, "channel")
    assert handle.get_attribute("aria-valuenow") == "4.0"
    page.mouse.move(*spot(page, 9, 9))
    _, value = unit(page, 9, 9)
    assert value == pytest.approx(float(mirror(channel=4).activations[9, 9]), rel=6e-3, abs=1e-9)
    handle.press("ArrowLeft")
    wait_for_picture(page, MAPS, "act1, channel 3")


def test_an_image_is_chosen_by_slider_and_by_its_picture(page):
    jupyterlab.slider(page, "image").press("ArrowRight")
    wait_for_picture(page, MAPS, "image 1 of valid")
    thumb = page.locator(f'{MAPS} [data-go*="image"]').first
    thumb.focus()
    index = mirror(channel=3).best(1)[0][0]
    page.keyboard.press("Enter")
    wait_for_picture(page, MAPS, f"image {index} of valid")


def test_a_channel_that_the_next_layer_lacks_is_explained_and_mended(page):
    layer = page.locator(".cnnlab-explorer select").first
    layer.select_option("conv2")
    wait_for_picture(page, MAPS, "conv2, channel 3")
    page.locator(f"{MAPS} [data-go]").nth(12).click()
    wait_for_picture(page, MAPS, "conv2, channel 12")
    layer.select_option("act1")
    wait_for_picture(page, MAPS, "No map to show")
    assert told(page) == "channel 12 is not in act1; it has channels 0 to 5."
    page.get_by_role("button", name="channel = 5").click()
    wait_for_picture(page, MAPS, "act1, channel 5")


def give(page, name: str, content: bytes) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Own picture").click()
    chooser.value.set_files({"name": name, "mimeType": "image/png", "buffer": content})


def test_a_picture_of_ones_own(page):
    pixels = np.full((60, 40), 250, np.uint8)
    pixels[15:45, 10:30] = 30
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    give(page, "vest.png", content.getvalue())
    wait_for_picture(page, MAPS, "uploaded: vest.png")
    give(page, "bad.png", b"no picture")
    page.get_by_text("bad.png cannot be read as a png or jpg picture; choose another file").wait_for()
    page.get_by_role("button", name="back to image").click()
    page.wait_for_function(f"!document.querySelector('{MAPS} .stage svg').textContent.includes('vest')")


# ---- runs ------------------------------------------------------------------------------------------------------------


def button(page, name: str):
    return page.locator(".cnnlab-explorer button.jupyter-button", has_text=name)


def press(page, name: str) -> None:
    button(page, name).click()


def ended(page, label: str, state: str) -> None:
    page.wait_for_function(
        f"document.querySelector('{RUNS} [data-run={label}].hit')?.getAttribute('aria-label')?.includes(': {state}')"
    )


def test_a_run_starts_ends_and_is_repeated(page):
    press(page, "Start")
    ended(page, "A", "done")
    assert page.locator(f"{RUNS} .status").inner_text().startswith("Run A, lenet: done, validation accuracy")
    press(page, "Another seed")
    ended(page, "B", "done")
    assert page.locator(f"{RUNS} .stage circle").count() == 8


def test_a_row_brings_its_run_out(page):
    page.locator(f"{RUNS} .hit").nth(1).hover()
    assert told(page, RUNS).startswith("Run B, lenet: done")
    dim = page.locator(f"{RUNS} .run.dim").evaluate_all("all => all.map(e => e.dataset.run)")
    assert dim
    assert set(dim) == {"A"}
    page.mouse.move(1, 1)
    page.locator(f"{RUNS} .stage").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(1, 1)
    assert told(page, RUNS).startswith("Run A, lenet: done")
    page.locator(f"{RUNS} .stage").focus()
    page.keyboard.press("Escape")
    assert page.locator(f"{RUNS} .run.dim").count() == 0


def test_sliders_answer_while_a_run_trains_and_stop_keeps_it(page):
    epochs = jupyterlab.slider(page, "epochs")
    epochs.press("End")
    batches = page.locator(".cnnlab-explorer .widget-dropdown", has=page.get_by_text("batch size", exact=True))
    batches.locator("select").select_option("16")
    wait_for_code(page, "batch_size=16")
    wait_for_code(page, "epochs=20")
    press(page, "Start")
    page.wait_for_function(f"document.querySelector('{RUNS} .stage svg').textContent.includes('epoch 1 of 20')")
    epochs.press("ArrowLeft")
    wait_for_code(page, "epochs=19")
    assert "of 20" in page.locator(f"{RUNS} .stage svg").text_content()
    page.wait_for_function(f"document.querySelector('{RUNS} .stage svg').textContent.includes('epoch 3 of 20')")
    press(page, "Stop")
    ended(page, "C", "stopped")
    assert button(page, "Start").is_enabled()
    press(page, "Remove")
    page.wait_for_function(f"!document.querySelector('{RUNS} [data-run=C]')")


def wait_for_code(page, text: str) -> None:
    page.wait_for_function(f"document.querySelector('{RUNS} code').textContent.includes({text!r})")


def test_nothing_is_written_below_the_cell_and_nothing_is_clipped(page):
    assert page.locator(".jp-OutputArea-output[data-mime-type*=stderr]").count() == 0
    for width in (1000, 1240):
        page.set_viewport_size({"width": width, "height": 2400})
        page.wait_for_timeout(300)
        for part in (MAPS, RUNS):
            stage = page.locator(f"{part} .stage").bounding_box()
            edges = "all => all.map(e => { const b = e.getBoundingClientRect(); return [b.left, b.right]; })"
            for left, right in page.locator(f"{part} .stage svg > text").evaluate_all(edges):
                assert stage["x"] <= left
                assert right <= stage["x"] + stage["width"]
            area = page.locator(".jp-OutputArea-output", has=page.locator(part)).first
            assert area.evaluate("e => e.scrollWidth - e.clientWidth") <= 0


def test_dark_theme(lab):
    dark = opened(lab, theme="dark")
    try:
        brightness = "(e, name) => getComputedStyle(e)[name].match(/\\d+/g).slice(0, 3).map(Number)"
        for part in (MAPS, RUNS):
            heading = dark.locator(f"{part} .stage svg > text").first
            assert max(heading.evaluate(brightness, "fill")) > 200
    finally:
        dark.context.close()
