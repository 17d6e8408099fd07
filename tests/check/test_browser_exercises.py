"""One exercise in JupyterLab in a real browser: untouched, wrong, its hint opened, then right; the index follows."""

import shutil

import pytest

from cnnlab.check.catalogue import ENTRIES
from tests import jupyterlab
from tests.notebooks import EXERCISES, FOLDER, ROOT

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(jupyterlab.why_not() is not None, reason=str(jupyterlab.why_not())),
]
ARTIFACTS = ROOT / "artifacts"
WRONG = "def out_size(n, k, s=1, p=0, d=1):\nreturn (n + 2 * p - d * (k - 1) - 1) // s"
RIGHT = WRONG + " + 1"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on a copy of an exercise notebook and the index, and a browser."""
    folder = tmp_path_factory.mktemp("exercises")
    (folder / "exercises").mkdir()
    shutil.copy(EXERCISES / "02-padding-stride.ipynb", folder / "exercises")
    shutil.copy(FOLDER / "15-exercises.ipynb", folder)
    with jupyterlab.server(folder) as url, jupyterlab.browser() as driven:
        yield url, driven


def write(page, cell, source: str) -> None:
    """Type a source in place of what stands in a cell; the editor indents after a colon by itself."""
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.type(source)
    page.keyboard.press("Shift+Enter")


def run(page, cell) -> None:
    cell.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_wrong_then_the_hint_then_right(lab, theme):
    url, driven = lab
    page = jupyterlab.open_notebook(driven, url, "exercises/02-padding-stride.ipynb", theme=theme, height=1300)
    ARTIFACTS.mkdir(exist_ok=True)
    try:
        jupyterlab.run_all(page)
        page.evaluate("document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0")
        cells = page.locator(".jp-CodeCell")
        answer = cells.filter(has_text="def out_size").first
        judged = cells.filter(has_text="check.padding.out_size").first
        card = judged.locator(".cnnlab-card")

        def shows(state: str) -> None:
            judged.locator(f'.cnnlab-card[data-state="{state}"]').wait_for(timeout=20_000)
            page.wait_for_timeout(300)
            jupyterlab.screenshot(page, ARTIFACTS / f"exercise-{state.replace(' ', '-')}-{theme}.png")

        shows("to do")
        write(page, answer, WRONG)
        run(page, judged)
        shows("wrong")
        assert "the + 1 is missing" in card.inner_text()
        hint = page.locator("details").first
        assert not hint.locator("p").first.is_visible()
        hint.locator("summary").click()
        assert "How many places" in hint.inner_text()
        assert hint.locator("p").first.is_visible()
        jupyterlab.screenshot(page, ARTIFACTS / f"exercise-hint-{theme}.png")
        write(page, answer, RIGHT)
        run(page, judged)
        shows("right")
        assert "60 random settings" in card.inner_text()
    finally:
        page.context.close()


def test_the_index_shows_what_was_solved(lab):
    """After the test above: its progress file is the one that this JupyterLab's kernels share."""
    url, driven = lab
    page = jupyterlab.open_notebook(driven, url, "15-exercises.ipynb", height=1300)
    try:
        jupyterlab.run_all(page)
        shown = page.locator(".jp-CodeCell").filter(has_text="check.progress()").locator(".jp-OutputArea-output")
        shown.scroll_into_view_if_needed()
        assert f"1 of {len(ENTRIES)} exercises solved" in shown.inner_text()
        assert shown.locator('a[href*="02-padding-stride"]').count() == 1
        jupyterlab.screenshot(page, ARTIFACTS / "exercises-index.png")
    finally:
        page.context.close()
