"""Pictures without a view: what a notebook saves of them, and how JupyterLab shows that."""

from __future__ import annotations

import json
import re
from base64 import b64decode

import pytest

from cnnlab.draw.svg import Picture
from tests import jupyterlab

CELLS = [
    "from cnnlab.explore import CompareExplorer, ConvExplorer\nCompareExplorer().static()",
    "ConvExplorer().static()",
    "from cnnlab import models\nfrom cnnlab.draw.stack import network_picture\nfrom cnnlab.trace import trace\n"
    "network_picture(trace(models.build('lenet'), (1, 1, 28, 28)), 'LeNet')",
    "from IPython.display import HTML\nfrom cnnlab.draw.curve import training_curve\n"
    "HTML(training_curve([1, 0.5], [0.5, 0.6], [0.4, 0.5], 3))",
]
# For each picture: its width, its natural width, where it ends, where its output ends, what would have to be scrolled.
PLACES = """() => [...document.querySelectorAll(".jp-OutputArea-output")].map((area) => {
  const picture = area.querySelector("img, svg"), box = picture.getBoundingClientRect();
  return [box.width, box.height, box.right, area.getBoundingClientRect().right, area.scrollWidth - area.clientWidth];
})"""
browser = pytest.mark.skipif(bool(jupyterlab.why_not()), reason=str(jupyterlab.why_not()))


def test_the_picture_for_jupyterlab_is_the_svg():
    picture = Picture('<svg viewBox="0 0 2 1">×</svg>', "a [b] c")
    alt, address = re.fullmatch(r"!\[(.*?)\]\(data:image/svg\+xml;base64,(.*)\)", picture._repr_markdown_()).groups()
    assert (alt, b64decode(address).decode()) == ("a &#91;b&#93; c", picture._repr_svg_())


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    jupyterlab.write_notebook(folder / "still.ipynb", CELLS)
    with jupyterlab.server(folder) as url, jupyterlab.browser() as driven:
        page = jupyterlab.open_notebook(driven, url, "still.ipynb")
        page.lab = driven, url, folder
        jupyterlab.run_all(page)
        page.wait_for_function(f"({PLACES})().length === {len(CELLS)} && ({PLACES})().every(([wide]) => wide > 0)")
        yield page


@browser
@pytest.mark.browser
@pytest.mark.parametrize("width", [800, 1000, 1240, 1800])
def test_no_picture_leaves_its_column_or_grows(page, width):
    page.set_viewport_size({"width": width, "height": 1000})
    page.wait_for_timeout(400)
    drawn = page.evaluate(PLACES)
    assert len(drawn) == len(CELLS)
    for wide, high, right, end, hidden in drawn:
        assert 100 < wide <= 901
        assert high < wide
        assert right <= end
        assert hidden <= 0


@browser
@pytest.mark.browser
def test_a_notebook_that_jupyterlab_does_not_trust_shows_them_too(page):
    page.keyboard.press("Control+s")
    driven, url, folder = page.lab
    saved = folder / "still.ipynb"
    page.wait_for_function("!document.querySelector('.jp-mod-dirty')")
    notebook = json.loads(saved.read_text(encoding="utf-8"))
    notebook["cells"] = notebook["cells"][:3]
    for cell in notebook["cells"]:
        assert {"image/svg+xml", "text/markdown"} <= cell["outputs"][0]["data"].keys()
        cell["outputs"][0]["data"]["text/plain"] = "as if another machine had run it"
    (folder / "stranger.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    stranger = jupyterlab.open_notebook(driven, url, "stranger.ipynb")
    try:
        stranger.wait_for_selector(".jp-OutputArea-output img")
        assert stranger.locator(".jp-OutputArea-output.jp-mod-trusted").count() == 0
        assert all(wide > 400 for wide, *_ in stranger.evaluate(PLACES))
    finally:
        stranger.context.close()
