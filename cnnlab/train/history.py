"""What a training run leaves behind: one row an epoch, the settings, the machine, and why it stopped."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from base64 import b64encode
from pathlib import Path
from typing import Any

from cnnlab.draw.curve import WIDTH, on_paper, training_curve
from cnnlab.draw.svg import escaped


@dataclasses.dataclass(frozen=True)
class Epoch:
    """One pass over the training images.

    train_loss and train_accuracy are running means while the weights move, in training mode; valid_accuracy is
    measured afterwards, weights at rest, in evaluation mode. `seconds` is the training pass as a whole,
    `seconds_loading` the part of it spent preparing batches; validation is in neither.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    valid_accuracy: float
    seconds: float
    seconds_loading: float
    lr: float

    @property
    def seconds_without_loading(self) -> float:
        return self.seconds - self.seconds_loading


@dataclasses.dataclass
class History:
    """The epochs of a run with its settings and environment. `stopped` is None, or why it ended early."""

    settings: dict[str, Any]
    environment: dict[str, Any]
    rows: list[Epoch] = dataclasses.field(default_factory=list)
    stopped: str | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"History({self.summary()})"

    def summary(self) -> str:
        """How far it came and how well, in one line."""
        words = f"{len(self)} of {self.settings['epochs']} epochs"
        if self.rows:
            last = self.rows[-1]
            words += f", train loss {last.train_loss:.3f}, validation accuracy {last.valid_accuracy:.4f}"
        return words + (f"; stopped: {self.stopped}" if self.stopped else "")

    def column(self, name: str) -> list[float]:
        """One value an epoch of any Epoch attribute, such as "train_loss" or "seconds"."""
        return [getattr(row, name) for row in self.rows]

    @property
    def valid_accuracy(self) -> float:
        """Validation accuracy after the last finished epoch; nan before the first."""
        return self.rows[-1].valid_accuracy if self.rows else float("nan")

    @property
    def seconds(self) -> float:
        """Seconds of training, validation not counted."""
        return sum(self.column("seconds"))

    def svg(self, trail=()) -> str:
        """The learning curve as SVG."""
        columns = (self.column(name) for name in ("train_loss", "train_accuracy", "valid_accuracy"))
        title = f"{self.settings['model']} on {self.settings['data']}"
        return training_curve(*columns, epochs=self.settings["epochs"], trail=trail, title=title)

    def plot(self, axes=None):
        """Loss and accuracy over epochs on two matplotlib axes; returns them."""
        from cnnlab.plots import plot_history  # matplotlib takes half a second that training need not wait for

        return plot_history(self, axes)

    def to_json(self, path: str | os.PathLike | None = None) -> str:
        """The whole history as JSON text; also written to `path`, whole or not at all, when one is given."""
        text = json.dumps(dataclasses.asdict(self), indent=2)
        if path is not None:
            write_atomically(Path(path), lambda temporary: Path(temporary).write_text(text, encoding="utf-8"))
        return text

    @classmethod
    def from_json(cls, text: str) -> History:
        """The history that `to_json` wrote."""
        content = json.loads(text)
        return cls(**{**content, "rows": [Epoch(**row) for row in content["rows"]]})

    def _repr_html_(self) -> str:
        result = self._result()
        tables = [_table("result", result), _table("settings", self.settings), _table("environment", self.environment)]
        note = f'<p style="margin:4px 0"><b>Stopped:</b> {escaped(self.stopped)}</p>' if self.stopped else ""
        return (
            '<div style="max-width:900px;font-size:13px">'
            + self._image()
            + note
            + '<div style="display:flex;flex-wrap:wrap;gap:4px 36px;align-items:flex-start">'
            + "".join(tables)
            + "</div></div>"
        )

    def _image(self) -> str:
        # Of a drawing in the page JupyterLab leaves the bare words where it does not trust a notebook; an image stays.
        picture = b64encode(on_paper(self.svg()).encode()).decode()
        alt = escaped(self.summary())
        return f'<img src="data:image/svg+xml;base64,{picture}" alt="{alt}" width="{WIDTH}" style="max-width:100%">'

    def _result(self) -> dict[str, str]:
        if not self.rows:
            return {"epochs": "none finished"}
        last, images = self.rows[-1], self.settings["train_images"] * len(self)
        compute = self.seconds - sum(self.column("seconds_loading"))
        return {
            "validation accuracy": f"{last.valid_accuracy:.4f}",
            "train accuracy": f"{last.train_accuracy:.4f} (running)",
            "train loss": f"{last.train_loss:.4f} (running)",
            "epochs": f"{len(self)} of {self.settings['epochs']}",
            "seconds": f"{self.seconds:.1f}, {compute:.1f} without loading",
            "images per second": f"{images / self.seconds:,.0f}, {images / compute:,.0f} without loading",
        }


def _table(caption: str, rows: dict[str, Any]) -> str:
    cell = "text-align:left;padding:1px 8px 1px 0;border:none;vertical-align:top"
    lines = "".join(
        f'<tr style="background:none"><td style="{cell};opacity:.75">{escaped(str(name).replace("_", " "))}</td>'
        f'<td style="{cell}">{escaped(_words(value))}</td></tr>'
        for name, value in rows.items()
    )
    head = f'<tr style="background:none"><th colspan="2" style="{cell};font-weight:600">{caption}</th></tr>'
    return f'<table style="border:none;margin:4px 0">{head}{lines}</table>'


def _words(value: Any) -> str:
    """
    >>> _words(True), _words(55000), _words(0.1)
    ('yes', '55,000', '0.1')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def write_atomically(path: Path, write) -> None:
    """Call `write(temporary path)` and move the file to `path`: there is the old file or the new, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    os.close(handle)
    try:
        write(temporary)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
