"""How a training run shows itself: a live curve in a notebook, a bar in a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol

from cnnlab.train.history import History

REDRAW_SECONDS = 0.25  # often enough to look alive, seldom enough to cost nothing

# The picture arrives as one string; replacing it whole is what keeps it from flickering.
VIEW = """
function render({ model, el }) {
  const picture = document.createElement("div");
  const status = document.createElement("div");
  status.setAttribute("role", "status");
  status.style.cssText = "font:13px var(--jp-ui-font-family, sans-serif);padding:2px 0 6px";
  el.append(picture, status);
  const show = () => {
    picture.innerHTML = model.get("picture");
    status.textContent = model.get("status");
  };
  model.on("change:picture change:status", show);
  show();
}
export default { render };
"""


class Progress(Protocol):
    """What `fit` tells whoever shows the run."""

    def step(self, history: History, step: int, steps: int, loss: float, lr: float) -> None: ...
    def epoch(self, history: History) -> None: ...
    def close(self, history: History) -> None: ...


def pick_progress(history: History, show: bool | Callable[[History], Progress] = True) -> Progress:
    """The view that fits where this runs, or the one that `show` makes. A view stops a run by KeyboardInterrupt."""
    if callable(show):
        return show(history)
    if show and in_notebook():
        return NotebookProgress(history)
    if show and sys.stderr.isatty():
        return TerminalProgress(history)
    return Silent()


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this code."""
    if "ipykernel" not in sys.modules:
        return False
    from IPython import get_ipython

    shell = get_ipython()
    return shell is not None and shell.has_trait("kernel")


class Silent:
    """Shows nothing: the result is enough where nobody watches."""

    def step(self, history: History, step: int, steps: int, loss: float, lr: float) -> None:
        pass

    def epoch(self, history: History) -> None:
        pass

    def close(self, history: History) -> None:
        pass


class TerminalProgress(Silent):
    """One tqdm bar over all steps."""

    def __init__(self, history: History):
        from tqdm import tqdm

        self.bar = tqdm(desc=history.settings["model"], unit="step")

    def step(self, history: History, step: int, steps: int, loss: float, lr: float) -> None:
        self.bar.total = steps * history.settings["epochs"]
        self.bar.n = len(history) * steps + step
        self.bar.set_postfix(self._words(history, loss), refresh=False)
        self.bar.update(0)

    def close(self, history: History) -> None:
        self.bar.refresh()
        self.bar.close()

    def _words(self, history: History, loss: float) -> dict[str, str]:
        words = {"epoch": f"{len(history) + 1}/{history.settings['epochs']}", "loss": f"{loss:.3f}"}
        return {**words, "valid": f"{history.valid_accuracy:.4f}"} if history.rows else words


class NotebookProgress(Silent):
    """The learning curve, redrawn a few times a second in one widget."""

    def __init__(self, history: History):
        from IPython.display import display

        self.trail: list[tuple[float, float]] = []
        self.widget = make_widget()
        self.drawn = self.started = time.perf_counter()
        self._draw(history, "starting")
        display(self.widget)

    def step(self, history: History, step: int, steps: int, loss: float, lr: float) -> None:
        now = time.perf_counter()
        if now - self.drawn < REDRAW_SECONDS:
            return
        self.drawn = now
        done = len(history) + step / steps
        self.trail.append((done, loss))
        left = (now - self.started) * (history.settings["epochs"] / done - 1)
        epoch = f"epoch {len(history) + 1} of {history.settings['epochs']}, step {step} of {steps}"
        self._draw(history, f"{epoch}: loss {loss:.3f}, learning rate {lr:.2g}, about {left:.0f} s left")

    def epoch(self, history: History) -> None:
        self._draw(history, history.summary())

    def close(self, history: History) -> None:
        self._draw(history, f"{history.summary()}; {history.seconds:.1f} s of training")

    def _draw(self, history: History, status: str) -> None:
        with self.widget.hold_sync():  # both strings in one message
            self.widget.picture, self.widget.status = history.svg(self.trail), status


def make_widget():
    """The live view; made here so that training without a notebook imports no widgets."""
    import anywidget
    import traitlets

    class LiveCurve(anywidget.AnyWidget):
        _esm = VIEW
        picture = traitlets.Unicode("").tag(sync=True)
        status = traitlets.Unicode("").tag(sync=True)

        def __repr__(self) -> str:
            return "live curve, drawn here while the cell runs"  # the same on every run: the History has the numbers

    return LiveCurve()
