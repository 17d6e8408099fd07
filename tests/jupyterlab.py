"""JupyterLab in headless Chromium: start a server on a free port, open a notebook, run it, take a picture of it.

with server(folder) as url, browser() as chromium:
    page = open_notebook(chromium, url, "notebook.ipynb", theme="dark")
    run_all(page)
    screenshot(page, "picture.png")
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cnnlab.course.lab import with_settings

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
START_SECONDS, RUN_SECONDS, STOP_SECONDS = 60, 120, 30
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


def chromium() -> str | None:
    """Path of an installed Chromium, or None."""
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def why_not() -> str | None:
    """Why no browser test can run here, in words; None where they can."""
    if chromium() is None:
        return f"no Chromium here: none of {', '.join(CHROMIUM_NAMES)} is on PATH; install Debian's chromium package"
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return 'playwright is not installed; pip install -e ".[test]"'
    return None


def write_notebook(path: Path, sources: Sequence[str]) -> Path:
    """A notebook of code cells. Its kernelspec is named, or JupyterLab would ask for one and wait."""
    cells = [
        {
            "id": f"cell-{index}",
            "cell_type": "code",
            "source": source,
            "metadata": {},
            "execution_count": None,
            "outputs": [],
        }
        for index, source in enumerate(sources)
    ]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url: str, process: subprocess.Popen) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"JupyterLab ended with code {process.returncode} before it answered")
        try:
            with urllib.request.urlopen(f"{url}/api", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not answer within {START_SECONDS} s")


@contextmanager
def server(folder: Path, python: str = sys.executable) -> Iterator[str]:
    """A JupyterLab that serves `folder` to this machine alone, with settings of its own; yields its address."""
    port = free_port()
    private = folder / ".jupyter-private"
    names = (
        "JUPYTER_CONFIG_DIR",
        "JUPYTERLAB_SETTINGS_DIR",
        "JUPYTERLAB_WORKSPACES_DIR",
        "JUPYTER_RUNTIME_DIR",
        "IPYTHONDIR",
        "XDG_DATA_HOME",  # progress in the exercises
    )
    # The kernel is found through the interpreter in use, and the user's own Jupyter settings stay out of it.
    environment = with_settings({**os.environ, **{name: str(private / name.lower()) for name in names}})
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    options += ["--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True", f"--ServerApp.root_dir={folder}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([python, "-m", "jupyterlab", *options], env=environment, **quiet) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def browser() -> Iterator:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        driven = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        try:
            yield driven
        finally:
            driven.close()


def open_notebook(
    driven,
    url: str,
    name: str,
    theme: str = "light",
    width: int = 1400,
    height: int = 1000,
    watch: Callable | None = None,
):
    """A page with the notebook open, its kernel ready. A clean workspace keeps other tabs away.

    `watch` is called with the page before anything is loaded, to listen to it from the start.
    """
    context = driven.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
    _set_theme(url, theme)
    page = context.new_page()
    if watch:
        watch(page)
    page.goto(f"{url}/lab/tree/{name}?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=START_SECONDS * 1000)
    page.wait_for_selector(f'body[data-jp-theme-light="{str(theme == "light").lower()}"]', state="attached")
    # The status bar names the kernel only once it is there; running earlier makes JupyterLab ask for one and wait.
    page.get_by_text("| Idle").first.wait_for(timeout=START_SECONDS * 1000)
    return page


def _set_theme(url: str, theme: str) -> None:
    body = json.dumps({"raw": json.dumps({"theme": THEMES[theme]})}).encode()
    address = f"{url}/lab/api/settings/@jupyterlab/apputils-extension:themes"
    urllib.request.urlopen(urllib.request.Request(address, data=body, method="PUT"), timeout=10).close()


def run_all(page, seconds: float = RUN_SECONDS) -> None:
    """Run every cell and wait, at most so many seconds, until the kernel rests."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    numbered = (
        "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].every(p => /\\[\\d+\\]/.test(p.textContent))"
    )
    page.wait_for_function(numbered, timeout=seconds * 1000)
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', timeout=seconds * 1000)


def screenshot(page, path: Path | str, selector: str | None = None) -> None:
    """A PNG of the window, or of one element in it."""
    (page.locator(selector).first if selector else page).screenshot(path=str(path))


# ---- what the explorers' tests ask of a page -------------------------------------------------------------------------


def watch(page) -> None:
    """Keep the page's own errors, and what it sends to Python: a `watch` for `open_notebook`."""
    page.mistakes, page.sent = [], []
    page.on("pageerror", lambda error: page.mistakes.append(str(error)))
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: page.sent.append(frame)))


def widget_messages(page) -> int:
    """How many of the kept messages are a widget's."""
    return sum(b"comm_msg" in (frame if isinstance(frame, bytes) else frame.encode()) for frame in page.sent)


def slider(page, name: str):
    """The handle of an explorer's slider."""
    row = page.locator(".cnnlab-explorer .widget-slider", has=page.get_by_text(name, exact=True)).first
    return row.locator(".noUi-handle")


def cell(page, part: str, row: int, column: int):
    """The square of one drawn cell."""
    return page.locator(f'.stage [data-part="{part}"] [data-r="{row}"][data-c="{column}"]')


def label(square):
    """What is written on a cell: labels stand in the next group, in the order of the squares."""
    at = "e => e.parentNode.nextElementSibling.children[[...e.parentNode.children].indexOf(e)]"
    return square.evaluate_handle(at).as_element()


def lit(page, part: str) -> set[tuple[int, int]]:
    """The cells of one part that are lit."""
    places = page.locator(f'.stage [data-part="{part}"] .lit')
    return {tuple(place) for place in places.evaluate_all("all => all.map(e => [+e.dataset.r, +e.dataset.c])")}


def check_labels(page) -> None:
    """No label of the picture leaves its stage or overlaps another as the browser lays them out."""
    boxes = page.locator(".stage svg > text").evaluate_all(
        "all => all.map(e => { const b = e.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; })"
    )
    stage = page.locator(".stage").bounding_box()
    for index, (left, top, right, bottom) in enumerate(boxes):
        assert stage["x"] <= left
        assert right <= stage["x"] + stage["width"]
        for other in boxes[:index]:
            # Lines of one label may share a pixel row of empty line space.
            assert right <= other[0] or other[2] <= left or bottom <= other[1] + 2 or other[3] <= top + 2


@contextmanager
def running(folder: Path, cells: Sequence[str], **options) -> Iterator:
    """A page with a notebook of these cells, run to its end and scrolled to its top; no error of the page's own."""
    write_notebook(folder / "explorer.ipynb", cells)
    with server(folder) as url, browser() as driven:
        page = open_notebook(driven, url, "explorer.ipynb", watch=watch, **options)
        run_all(page)
        page.locator(".jp-WindowedPanel-outer").first.evaluate("e => e.scrollTo(0, 0)")
        page.wait_for_selector(".cnnlab .stage svg")
        yield page
        assert page.mistakes == []
