"""How long an explorer takes from a slider's key press to the painted picture, in JupyterLab and headless Chromium.

    python tests/bench_explorers.py            every explorer
    python tests/bench_explorers.py Conv       those whose name contains a word

Prints a table; nothing is judged here, because a busy machine is slower.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests import jupyterlab

MOVES, WARM_UP = 60, 6
# An explorer as it is written in a cell, and the label of the slider that is moved. One line each.
BENCHED = [
    ("ConvExplorer()", "padding"),
    ("ConvExplorer(32)", "padding"),
    ("ConvExplorer(32, heat=True)", "padding"),
    ("ConvExplorer(6, 4, 2, 1, transposed=True)", "padding"),
    ("ConvExplorer(32, 4, 2, 1, transposed=True)", "padding"),
    ("PoolExplorer()", "padding"),
    ("PoolExplorer(32)", "padding"),
    ("ChannelExplorer()", "padding"),
    ("ChannelExplorer(size=32)", "padding"),
    ("ReceptiveFieldExplorer()", "size"),
    ("ReceptiveFieldExplorer(size=32)", "size"),
    ("CompareExplorer()", "size"),
    ("CompareExplorer(size=32)", "size"),
    ("ArchitectureExplorer('resnet18', 96)", "size, px"),
    ("InceptionExplorer()", "c1"),
    ("DenseExplorer()", "growth_rate"),
    ("BatchNormExplorer()", "batch_size"),
    ("ResidualExplorer()", "blocks"),
    ("FeatureMapExplorer(net, data.valid)", "image"),
    ("TrainingExplorer(fit, data)", "epochs"),
]
# What the last two are given, before the first picture is timed.
GIVEN = """from cnnlab import models
from cnnlab.data import fashion_mnist
from cnnlab.train import fit
net, data = models.build("lenet"), fashion_mnist()"""
AHEAD = {"size, px"}  # moved one way only: a network's trace is remembered, and each of these has to be a new one
# From the key to the first frame that shows the new picture: a frame callback runs before that frame is painted, a
# message posted from there after it.
WATCH = """() => {
  window.bench = [];
  let pressed = null;
  addEventListener("keydown", () => { pressed = performance.now(); }, true);
  const after = (act) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = act;
    port2.postMessage(null);
  });
  new MutationObserver(() => after(() => {
    if (pressed !== null) window.bench.push(performance.now() - pressed);
    pressed = null;
  })).observe(document.querySelector(".cnnlab .stage"), { childList: true });
}"""


def move(page, label: str) -> list[float]:
    """Milliseconds of each of MOVES moves, there and back, or ahead."""
    page.evaluate(WATCH)
    handle = jupyterlab.slider(page, label)
    for index in range(MOVES + WARM_UP):
        handle.press("ArrowRight" if index % 2 == 0 or label in AHEAD else "ArrowLeft")
        page.wait_for_function("count => window.bench.length >= count", arg=index + 1)
    return page.evaluate("window.bench")[WARM_UP:]


def hover(page) -> int:
    """Messages that a walk of the pointer over twenty cells sends to Python."""
    page.wait_for_timeout(300)
    page.sent.clear()
    cells = page.locator(".cnnlab .stage :is([data-r], [data-map], [data-ways], [data-said], [data-say], [data-run])")
    step = max(1, cells.count() // 20)
    for index in range(0, cells.count(), step):
        cells.nth(index).hover(force=True)
    page.wait_for_timeout(300)
    return jupyterlab.widget_messages(page)


def first_picture(page) -> float:
    """Seconds from running the cell in a fresh kernel to the picture."""
    page.locator(".jp-Cell").last.click()
    start = time.monotonic()
    page.keyboard.press("Shift+Enter")
    page.wait_for_selector(".cnnlab .stage svg")
    return time.monotonic() - start


def bench(driven, url: str, folder: Path, source: str, label: str) -> tuple[float, list[float], int]:
    """First picture in s, the moves in ms, messages while hovering."""
    name = source.split("(")[0]
    given = [GIVEN] if "data" in source else []
    jupyterlab.write_notebook(folder / "bench.ipynb", [*given, f"from cnnlab.explore import {name}\n{source}"])
    page = jupyterlab.open_notebook(driven, url, "bench.ipynb", watch=jupyterlab.watch)
    try:
        if given:
            page.locator(".jp-Cell").first.click()
            page.keyboard.press("Shift+Enter")
            page.wait_for_function("/\\[\\d+\\]/.test(document.querySelector('.jp-InputPrompt').textContent)")
        return first_picture(page), move(page, label), hover(page)
    finally:
        page.context.close()


def main(words: list[str]) -> None:
    chosen = [line for line in BENCHED if not words or any(word in line[0] for word in words)]
    print(f"{'explorer':44}{'slider':>12}{'median':>10}{'95 %':>10}{'first':>10}{'hover':>14}")
    with (
        tempfile.TemporaryDirectory() as folder,
        jupyterlab.server(Path(folder)) as url,
        jupyterlab.browser() as driven,
    ):
        for source, label in chosen:
            first, times, messages = bench(driven, url, Path(folder), source, label)
            median, high = statistics.median(times), statistics.quantiles(times, n=20)[-1]
            row = f"{source:44}{label:>12}{median:>7.0f} ms{high:>7.0f} ms{first:>8.2f} s{messages:>5} messages"
            print(row, flush=True)


if __name__ == "__main__":
    if jupyterlab.why_not():
        sys.exit(jupyterlab.why_not())
    main(sys.argv[1:])
