"""Whether an explorer answers: while a cell runs, after the kernel has gone, and opened again from its file."""

import pytest

from tests import jupyterlab

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(jupyterlab.why_not() is not None, reason=jupyterlab.why_not() or ""),
]
CELLS = [
    "from cnnlab.explore import ConvExplorer\nexplorer = ConvExplorer(size=8, kernel_size=3)\nexplorer",
    "import time\nend = time.monotonic() + 20\nwhile time.monotonic() < end:\n    pass",
]
BUSY = '.jp-Notebook-ExecutionIndicator[data-status="busy"]'
GREY = ".cnnlab.unanswered .no-answer:not(:empty)"
# Keeps the delay, in ms, of the timer whose callback greys the picture.
WATCHED = """grey => {
  const set = window.setTimeout;
  window.setTimeout = (callback, delay, ...rest) => set(() => {
    const before = document.querySelector(grey);
    callback(...rest);
    if (!before && document.querySelector(grey)) window.greyedAfter ??= delay;
  }, delay);
}"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with jupyterlab.running(tmp_path_factory.mktemp("answers"), CELLS[:1]) as page:
        yield page


def sides(page) -> str:
    return page.locator(".stage svg").first.get_attribute("data-out-shape")


def test_it_answers_while_a_cell_runs(page):
    before = sides(page)
    page.locator(".jp-Notebook .jp-Cell").first.click(position={"x": 300, "y": 20})
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    page.keyboard.insert_text(CELLS[1])
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(BUSY, timeout=5000)
    handle = jupyterlab.slider(page, "stride").first
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "before => document.querySelector('.stage svg').dataset.outShape !== before", arg=before, timeout=8000
    )
    assert page.locator(BUSY).count() == 1
    page.wait_for_selector(GREY, state="detached", timeout=3000)
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', timeout=30_000)


def test_it_is_greyed_once_no_kernel_answers_and_says_what_to_do(page):
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.get_by_text("Save Notebook", exact=True).click()
    page.wait_for_timeout(1500)
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_text("Shut Down Kernel", exact=True).click()
    page.wait_for_timeout(1500)
    handle = jupyterlab.slider(page, "stride").first
    handle.focus()
    page.evaluate(WATCHED, GREY)
    page.keyboard.press("ArrowRight")
    page.wait_for_function("window.greyedAfter !== undefined", timeout=5000)
    assert page.evaluate("window.greyedAfter") <= 500  # as asked of the browser: a busy machine may keep it waiting
    assert "run this cell again" in page.locator(GREY).inner_text()


def test_a_saved_one_opens_whole_without_its_kernel(page):
    page.goto(f"{page.url.split('?')[0]}?reset")
    page.wait_for_selector(".cnnlab .stage svg", timeout=60_000)
    boxes = page.locator(".cnnlab-explorer .jupyter-widgets-disconnected")
    assert boxes.count() > 10
    assert boxes.evaluate_all("all => all.every(e => getComputedStyle(e, '::before').display === 'none')")
    handle = jupyterlab.slider(page, "stride").first
    handle.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(GREY, timeout=5000)
