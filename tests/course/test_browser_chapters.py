"""Chapters opened in JupyterLab in a real browser and run from top to bottom. Pictures are left in artifacts/.

Networks are trained for a moment only, and the bands that a whole training reaches are left out: nbval holds those.
"""

import nbformat
import pytest

from tests import jupyterlab
from tests.notebooks import FOLDER, chapters, read

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(jupyterlab.why_not() is not None, reason=str(jupyterlab.why_not())),
]
ARTIFACTS = FOLDER.parent / "artifacts"
ERRORS = '[data-mime-type="application/vnd.jupyter.error"]'
CHAPTER_SECONDS = 280
# The chapters after these bring no explorer of their own yet, and train for minutes; nbval runs them.
CHAPTERS = [path.stem for path in chapters() if path.stem <= "05-lenet"]
# What every kernel runs first: `fit` takes a few images, once.
SHORT = """
def _shorten():
    import dataclasses, functools
    import cnnlab.train
    whole = cnnlab.train.fit

    @functools.wraps(whole)
    def short(model, data, epochs=1, *args, **settings):
        few = data.train.subset(min(len(data.train), 1_000))
        return whole(model, dataclasses.replace(data, train=few), 1, *args, **settings)

    cnnlab.train.fit = short
_shorten()
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on a copy of the notebooks, and a browser."""
    folder = tmp_path_factory.mktemp("chapters")
    for path in chapters():
        notebook = read(path)
        notebook.cells = [cell for cell in notebook.cells if not cell.id.endswith("-band")]
        nbformat.write(notebook, folder / path.name)
    startup = folder / ".jupyter-private" / "ipythondir" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "short.py").write_text(SHORT)
    with jupyterlab.server(folder) as url, jupyterlab.browser() as driven:
        yield url, driven


@pytest.mark.parametrize("stem", CHAPTERS)
def test_chapter_runs_in_the_browser(lab, stem):
    url, driven = lab
    page = jupyterlab.open_notebook(driven, url, f"{stem}.ipynb", height=2000)
    try:
        jupyterlab.run_all(page, CHAPTER_SECONDS)
        page.evaluate("document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0")
        page.wait_for_timeout(500)
        ARTIFACTS.mkdir(exist_ok=True)
        jupyterlab.screenshot(page, ARTIFACTS / f"{stem}.png")
        assert page.locator(ERRORS).count() == 0, page.locator(ERRORS).first.inner_text()
        if "Explorer(" in (FOLDER / f"{stem}.ipynb").read_text(encoding="utf-8"):
            assert page.locator(".cnnlab svg").count() > 0
    finally:
        page.context.close()
