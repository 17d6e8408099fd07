"""Train with settings of one's own, watch, stop, and keep the runs side by side."""

from __future__ import annotations

import math
import string
import threading
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets
import traitlets

from cnnlab.draw.svg import Picture
from cnnlab.explore.kit.base import Explorer, View, script, style
from cnnlab.explore.kit.settings import Choice, Whole, setting
from cnnlab.explore.training.controls import RunButtons, Settings
from cnnlab.explore.training.picture import STYLES, runs_picture
from cnnlab.explore.training.running import Run, train

# Small enough to be trained while one waits. "lenet, sigmoid" is the notes' own.
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "lenet": ("lenet", {}),
    "lenet, sigmoid": ("lenet", {"activation": "sigmoid"}),
    "lenet_max": ("lenet_max", {}),
    "bn_lenet": ("bn_lenet", {}),
    "fast": ("fast", {}),
}
LEAST_IMAGES = 10  # one of each class


class Rate(traitlets.TraitType):
    """A learning rate: a number above 0."""

    holds = float
    default_value = 0.1

    def validate(self, owner: traitlets.HasTraits, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise traitlets.TraitError(f"{self.name}={value!r} will not do; give a number above 0, such as 0.1")
        return float(value)


class RunsView(View):
    """The browser's side of a TrainingExplorer."""

    _esm = script("training/view.js")
    _css = style("training/view.css")


class TrainingExplorer(Explorer):
    """Training runs on `data` by `fit` (cnnlab.train.fit), each in a thread, so that the sliders stay alive meanwhile.

    start(), stop() and wait() do what the buttons do; `runs` keeps every run with its settings, `history` and `model`.
    `networks` names what else can be trained: functions that build a network.
    """

    view_class = RunsView

    network = setting(traitlets.Unicode(), default="lenet")
    lr = setting(Rate())
    batch_size = setting(Whole(128))
    epochs = setting(Whole(3))
    optimizer = setting(Choice(("sgd", "adamw")))
    schedule = setting(Choice(("constant", "one-cycle")))
    images = setting(Whole(5_000))
    seed = setting(Whole(0, least=0))

    def __init__(
        self,
        fit: Callable[..., Any],
        data: Any,
        *,
        networks: Mapping[str, Callable[[], Any]] | None = None,
        **settings: object,
    ) -> None:
        self.fit, self.data, self.runs = fit, data, []
        self.networks = {name: _builder(*what, data.train.size) for name, what in NETWORKS.items()} | dict(
            networks or {}
        )
        self._drawing, self._thread = threading.RLock(), None
        super().__init__(**settings)

    # ---- runs ----

    def start(self) -> Run:
        """Begin a run with the settings as they are. Raises RuntimeError where one is under way, ValueError where the
        settings cannot be."""
        if self.running:
            raise RuntimeError(f"run {self.running.label} is still training; stop it, or wait for its end")
        if self.error:
            raise ValueError(self.error)
        settings = {name: getattr(self, name) for name in self._names}
        run = Run(self._free_label(), self._free_style(), settings)
        self.runs.append(run)
        work = (run, self.fit, self.networks[self.network], self.data, self._draw)
        self._thread = threading.Thread(target=train, args=work, name=f"run {run.label}", daemon=True)
        self._draw()
        self._thread.start()
        return run

    def stop(self) -> None:
        """End the run under way after its next step; it stays, with the epochs that it finished."""
        if self.running:
            self.running.stopping.set()

    def wait(self, seconds: float | None = None) -> None:
        """Return when the run under way has ended, or after so many seconds."""
        if self._thread:
            self._thread.join(seconds)

    @property
    def running(self) -> Run | None:
        """The run under way."""
        return next((run for run in self.runs if not run.finished.is_set()), None)

    def run(self, label: str) -> Run:
        """The run of that letter."""
        found = next((run for run in self.runs if run.label == label), None)
        if found is None:
            raise ValueError(
                f"run {label!r} is not here; there is {', '.join(r.label for r in self.runs) or 'none yet'}"
            )
        return found

    def remove(self, label: str) -> None:
        """Forget a run. Raises RuntimeError for the one under way."""
        if self.run(label) is self.running:
            raise RuntimeError(f"run {label} is still training; stop it first")
        self.runs.remove(self.run(label))
        self._draw()

    def recall(self, label: str) -> None:
        """Set the controls to what a run was made with."""
        self._apply(self.run(label).settings)

    def repeat(self, label: str) -> Run:
        """Begin the same run with the next seed that it has not had."""
        settings = self.run(label).settings
        alike = [run.settings for run in self.runs if run.settings | {"seed": 0} == settings | {"seed": 0}]
        self._apply(settings | {"seed": 1 + max(each["seed"] for each in alike)})
        return self.start()

    def _free_label(self) -> str:
        # Z is followed by A2: a letter that was removed does not come back while the others are compared.
        self._count = getattr(self, "_count", -1) + 1
        turn, letter = divmod(self._count, len(string.ascii_uppercase))
        return string.ascii_uppercase[letter] + (str(turn + 1) if turn else "")

    def _free_style(self) -> int:
        return min(set(range(STYLES)) - {run.style for run in self.runs})

    # ---- results ----

    @property
    def error(self) -> str | None:
        """Why a run cannot be started with these settings, in words; None where it can."""
        most = len(self.data.train)
        if not LEAST_IMAGES <= self.images <= most:
            return f"images={self.images:,} is not between {LEAST_IMAGES} (one a class) and {most:,} (all there are)"
        if len(self.runs) >= STYLES and not self.running:
            return f"{STYLES} runs are kept, as many as can be told apart; remove one to start the next"
        return None

    def code(self) -> str:
        """The same run in code."""
        name, options = NETWORKS.get(self.network, (self.network, {}))
        more = "".join(f", {key}={value!r}" for key, value in options.items())
        build = f'models.build("{name}"{more})' if self.network in NETWORKS else f"networks[{self.network!r}]()"
        return (
            "import dataclasses\n"
            f"part = dataclasses.replace(data, train=data.train.subset({self.images}))\n"
            f"torch.manual_seed({self.seed})\n"
            f"model = {build}\n"
            f"history = fit(model, part, epochs={self.epochs}, lr={self.lr:g}, batch_size={self.batch_size},\n"
            f'              optimizer="{self.optimizer}", schedule="{self.schedule}", seed={self.seed})'
        )

    def static(self) -> Picture:
        """The same picture without a browser's help, for GitHub and for print."""
        return Picture(runs_picture(self._lines(), error=self.error, caption=[self._said()], still=True), repr(self))

    def __repr__(self) -> str:
        count = len(self.runs)
        result = f"{count} run{'s' * (count != 1)}" if count else "no run yet"
        return f"TrainingExplorer({self._settings_said()} → {result})"

    def _settings_said(self) -> str:
        how = f"{self.network}, {self.optimizer}, lr {self.lr:g}, batch {self.batch_size}, {self.schedule}"
        return f"{how}, {self.epochs} × {self.images:,} images"

    # ---- from settings to the picture ----

    @traitlets.validate("network")
    def _known(self, proposal: dict[str, Any]) -> str:
        if proposal["value"] not in self.networks:
            raise traitlets.TraitError(
                f"network={proposal['value']!r} is unknown; choose one of {', '.join(self.networks)}"
            )
        return proposal["value"]

    def _lines(self) -> list[Any]:
        return [run.line() for run in self.runs]

    def _said(self) -> str:
        if self.error:
            return f"{self.error}."
        if not self.runs:
            return f"No run yet with {self._settings_said()}."
        words = [run.words() for run in self.runs]
        return f"{'. '.join(word[:1].upper() + word[1:] for word in words)}."

    def _picture(self) -> dict[str, object]:
        said = f"Run {self.runs[-1].words()[4:]}." if self.runs else "No run yet."
        said = f"{self.error}." if self.error else said
        return {
            "svg": runs_picture(self._lines(), error=self.error),
            "says": {run.label: run.words() for run in self.runs},
            "code": self.code(),
            "error": self.error,
            "title": said,
        }

    def _draw(self) -> None:
        with self._drawing:  # a run's thread and the sliders both ask for it
            super()._draw()

    def _offers(self) -> list[tuple[dict[str, object], str]]:
        most = len(self.data.train)
        if self.images > most:
            return [({"images": most}, f"images = {most:,}")]
        if self.images < LEAST_IMAGES:
            return [({"images": LEAST_IMAGES}, f"images = {LEAST_IMAGES}")]
        last = self.runs[-1] if self.runs else None
        # A loss that is not finite before the first step is no matter of the rate.
        if last and "learning rate" in last.reason and self.lr >= last.settings["lr"]:
            lower = float(f"{last.settings['lr'] / 3:.1g}")
            return [({"lr": lower}, f"lr = {lower:g}")]
        return []

    # ---- controls ----

    def _controls(self) -> widgets.Widget:
        self.settings = Settings(self.networks, len(self.data.train), self._apply)
        acts = {name: lambda label, name=name: getattr(self, name)(label) for name in ("repeat", "recall", "remove")}
        self.buttons = RunButtons({"start": lambda _: self.start(), "stop": lambda _: self.stop(), **acts})
        self._show_state()
        self.observe(self._show_state, self._names)
        return widgets.VBox([self.settings, self.buttons])

    def _show_state(self, change: object = None) -> None:
        self.settings.show({name: getattr(self, name) for name in self._names})

    def _tidy(self) -> None:
        labels, busy = tuple(run.label for run in self.runs), self.running is not None
        self.buttons.show(labels, busy, startable=not busy and not self.error, full=len(labels) >= STYLES)


def _builder(name: str, settings: dict[str, Any], size: int) -> Callable[[], Any]:
    def build() -> Any:
        from cnnlab import models

        return models.build(name, image_size=size, **settings)

    return build
