"""What the chapters measured on this machine, kept so that each can show its network next to those before it.

One small JSON file an entry, in the user's own folder; a chapter that is run again replaces its entry.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import platformdirs
from torch import nn

from cnnlab.draw.svg import clean
from cnnlab.draw.svg import escaped as escape
from cnnlab.trace import trace
from cnnlab.train.history import History, write_atomically


@dataclass(frozen=True)
class Entry:
    """One network as a chapter trained it. macs and activation_bytes are for one image of image_size."""

    chapter: str
    network: str
    image_size: int
    parameters: int
    macs: int
    activation_bytes: int
    train_images: int
    epochs: int
    seconds: float
    valid_accuracy: float
    data: str
    device: str


def remember(chapter: str, network: str, model: nn.Module, history: History, folder: Path | None = None) -> Journal:
    """Keep what `history` says of `model`, and return the journal up to this chapter.

    Where the folder cannot be written, a RuntimeWarning says so, and the entry is in what comes back alone.
    """
    settings = history.settings
    size = settings["image_size"]
    cost = trace(model, (1, 1, size, size))
    entry = Entry(
        chapter,
        network,
        size,
        settings["parameters"],
        cost.macs,
        cost.activation_bytes,
        settings["train_images"],
        len(history),
        history.seconds,
        history.valid_accuracy,
        settings["data"],
        history.environment["device"],
    )
    text = json.dumps(asdict(entry), indent=2)
    try:
        folder = default_folder() if folder is None else folder
        write_atomically(_path(folder, entry), lambda temporary: Path(temporary).write_text(text, encoding="utf-8"))
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        warnings.warn(
            f"the journal could not be written ({error}); this entry is shown, and not kept",
            RuntimeWarning,
            stacklevel=2,
        )
    else:
        return journal(folder, until=chapter)
    others = [each for each in journal(folder, until=chapter) if (each.chapter, each.network) != (chapter, network)]
    return Journal(sorted([*others, entry], key=lambda each: f"{each.chapter} {each.network}"))


def journal(folder: Path | None = None, until: str | None = None) -> Journal:
    """Every entry in order of its chapter, none after `until`. A file that cannot be read counts as not there."""
    try:
        folder = default_folder() if folder is None else folder
        paths = sorted(folder.glob("*.json"))
    except (OSError, RuntimeError):
        paths = []
    found = [entry for path in paths if (entry := _read(path))]
    return Journal([entry for entry in found if until is None or entry.chapter <= until])


def default_folder() -> Path:
    """Where entries are kept between runs. Raises RuntimeError where this user has no home."""
    return Path(platformdirs.user_data_dir("cnnlab")).expanduser() / "journal"


def _path(folder: Path, entry: Entry) -> Path:
    return folder / f"{entry.chapter} {entry.network}.json".replace("/", "-")


def _read(path: Path) -> Entry | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Entry(**{field.name: content[field.name] for field in fields(Entry)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


class Journal(list[Entry]):
    """Entries, shown as a table."""

    def __repr__(self) -> str:
        rows = [HEAD, *map(_cells, self)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for row in rows:
            padded = zip(row, widths, strict=True)
            lines.append("  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(padded)))
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        style = "padding:2px 7px;border-bottom:1px solid var(--jp-border-color2,#8888);vertical-align:bottom"

        def row(cells: tuple[str, ...], tag: str) -> str:
            sides = ["left", "left", *["right"] * (len(cells) - 2)]
            wraps = "normal" if tag == "th" else "nowrap"  # narrow enough for the column of a laptop's window
            drawn = (
                f'<{tag} style="{style};white-space:{wraps};text-align:{side}">{escape(cell)}</{tag}>'
                for cell, side in zip(cells, sides, strict=True)
            )
            return f"<tr>{''.join(drawn)}</tr>"

        body = row(HEAD, "th") + "".join(row(_cells(entry), "td") for entry in self)
        table = "border-collapse:collapse;font-size:12px;color:var(--jp-ui-font-color1,inherit)"
        return f'<table style="{table}">{body}</table>'


HEAD = (
    "chapter",
    "network",
    "input px",
    "parameters",
    "MACs",
    "activations kB",
    "images × epochs",
    "seconds",
    "validation",
)


def _cells(entry: Entry) -> tuple[str, ...]:
    return (
        clean(entry.chapter),
        clean(entry.network),
        f"{entry.image_size}×{entry.image_size}",
        f"{entry.parameters:,}",
        f"{entry.macs:,}",
        f"{entry.activation_bytes / 1000:,.0f}",
        f"{entry.train_images:,} × {entry.epochs}",
        f"{entry.seconds:.0f}",
        f"{entry.valid_accuracy:.4f}",
    )
