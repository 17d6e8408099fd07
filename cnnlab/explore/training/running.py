"""Training runs in a thread of their own: what each is, how it is watched, and how it is stopped."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from cnnlab.explore.training.picture import Line

REDRAW_SECONDS = 0.25
TRAIL = 20  # points of the loss inside an epoch


@dataclass(eq=False)
class Run:
    """One training run: its letter, its style, its settings, and what came of it so far."""

    label: str
    style: int
    settings: dict[str, Any]
    model: Any = None
    history: Any = None
    failed: str = ""
    trail: list[tuple[float, float]] = field(default_factory=list)
    finished: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def accuracy(self) -> float | None:
        """Validation accuracy after the last finished epoch."""
        return self.history.valid_accuracy if self.history else None

    @property
    def state(self) -> str:
        """ "epoch 2 of 3", "done", "stopped", "diverged" or "failed"."""
        if self.failed:
            return "failed"
        if not self.finished.is_set():
            return f"epoch {self.epochs_done + 1} of {self.settings['epochs']}"
        if self.history.stopped is None:
            return "done"
        return "stopped" if self.history.stopped.startswith("interrupted") else "diverged"

    @property
    def epochs_done(self) -> int:
        return len(self.history) if self.history is not None else 0

    @property
    def reason(self) -> str:
        """Why it ended early, in words; empty where it did not."""
        if self.failed or (self.history is not None and self.history.stopped):
            return self.failed or self.history.stopped
        return ""

    def words(self) -> str:
        """The run in one line."""
        words = f"run {self.label}, {self.settings['network']}: {self.state}"
        if self.epochs_done:
            words += f", validation accuracy {self.accuracy:.4f} after {self.epochs_done} of {self.settings['epochs']}"
        return words + (f"; {self.reason}" if self.reason and self.state != "stopped" else "")

    def line(self) -> Line:
        """The run as the picture shows it."""
        rows = list(self.history.rows) if self.history is not None else []
        losses, accuracies = [row.train_loss for row in rows], [row.valid_accuracy for row in rows]
        reason = self.reason if self.state in ("diverged", "failed") else ""
        return Line(
            self.label, self.style, self.settings["epochs"], losses, accuracies, tuple(self.trail), self._cells(rows),
            reason, self.words(),
        )  # fmt: skip

    def _cells(self, rows: list[Any]) -> list[str]:
        s = self.settings
        result = ["–", "–"]
        if rows:
            result = [f"{100 * rows[-1].valid_accuracy:.1f} %", f"{sum(row.seconds for row in rows):.1f}"]
        chosen = [s["network"], s["optimizer"], f"{float(format(s['lr'], '.3g')):g}", s["schedule"]]
        counts = [f"{s[name]:,}" for name in ("batch_size", "epochs", "images", "seed")]
        return [*chosen, *counts, *result, self.state]


class Watcher:
    """What `fit` tells of its steps; asks for a redraw now and then, and ends the run when it is to stop."""

    def __init__(self, run: Run, history: Any, redraw: Callable[[], None]) -> None:
        self.run, self.redraw = run, redraw
        self.drawn, self.kept = time.perf_counter(), (0, 0)
        run.history = history
        redraw()
        self.stop_if_asked()

    def stop_if_asked(self) -> None:
        if self.run.stopping.is_set():
            raise KeyboardInterrupt  # what fit takes for the stop button: it returns the history so far

    def step(self, history: Any, step: int, steps: int, loss: float, lr: float) -> None:
        self.stop_if_asked()
        # By steps, not by seconds: the same run leaves the same trail.
        part = (len(history), step * TRAIL // steps)
        if part != self.kept:
            self.kept = part
            self.run.trail.append((len(history) + step / steps, loss))
        if time.perf_counter() - self.drawn >= REDRAW_SECONDS:
            self.drawn = time.perf_counter()
            self.redraw()

    def epoch(self, history: Any) -> None:
        self.redraw()

    def close(self, history: Any) -> None:
        pass


def train(run: Run, fit: Callable, build: Callable[[], Any], data: Any, redraw: Callable[[], None]) -> None:
    """Train to the end, to a stop or to a failure. For a thread: nothing is raised, the run says what happened."""
    # fit warns of a loss that diverged; the run shows that sentence itself. Only what is called from here is silenced.
    warnings.filterwarnings("ignore", category=RuntimeWarning, module=__name__.replace(".", r"\."))
    try:
        run.model = seeded(build, run.settings["seed"])
        count = run.settings["images"]
        part = data if count == len(data.train) else replace(data, train=data.train.subset(count))
        view = lambda history: Watcher(run, history, redraw)  # noqa: E731
        fit(run.model, part, progress=view, **for_fit(run.settings))
    except Exception as error:
        run.failed = f"{type(error).__name__}: {error}"
    run.finished.set()
    redraw()


def for_fit(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that are fit's own."""
    return {name: value for name, value in settings.items() if name not in ("network", "images")}


def seeded(build: Callable[[], Any], seed: int) -> Any:
    """A network with weights drawn from `seed`; the caller's random numbers go on as if nothing had happened."""
    from cnnlab.train.seeding import own_random

    with own_random(seed):
        return build()
