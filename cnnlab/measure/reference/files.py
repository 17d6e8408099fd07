"""The files of the reference: one for a processor, one for a GPU."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cnnlab.course.run_size import by_scale
from cnnlab.device import pick_device
from cnnlab.measure.recipes import KINDS, Recipe
from cnnlab.measure.reference.measure import Result
from cnnlab.measure.reference.table import Shown, cells, just_now, markdown
from cnnlab.train.history import History, write_atomically


def path(folder: Path, device_type: str) -> Path:
    """One file for a processor, another for a GPU."""
    return folder / f"reference-{device_type}.json"


def read(folder: Path, device_type: str = "cpu") -> dict[str, Result]:
    """Results by "network recipe"; none where there is no file."""
    file = path(folder, device_type)
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return {name: Result(**{**fields, "row": _row(fields["row"])}) for name, fields in kept.items()}


def _row(fields: dict[str, Any]) -> Recipe:
    """As it was before JSON made lists of its tuples; `kind` was once called recipe."""
    fields = {"kind" if name == "recipe" else name: value for name, value in fields.items()}
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in fields["settings"].items()}
    return Recipe(**{**fields, "settings": settings, "augment": tuple(fields["augment"])})


def write(results: dict[str, Result], folder: Path, device_type: str) -> list[Path]:
    """The results as JSON and as Markdown, those of other networks kept; the paths."""
    kept = {**read(folder, device_type), **results}
    json_path = path(folder, device_type)
    texts = {
        json_path: json.dumps({name: asdict(result) for name, result in kept.items()}, indent=1) + "\n",
        json_path.with_suffix(".md"): markdown(kept, device_type),
    }
    for file, text in texts.items():
        write_atomically(file, lambda temporary, text=text: Path(temporary).write_text(text, encoding="utf-8"))
    return list(texts)


def reference(
    network: str, history: History | None = None, folder: Path | str = "../results", device_type: str | None = None
) -> Shown:
    """The two lines of a network, and under them the run that `history` tells of, for the chapter that just trained it.

    device_type: whose file; None takes a processor's, and a GPU's where CNNLAB_SCALE asks for the full size.
    """
    if device_type is None:
        here = pick_device().type
        device_type = by_scale("cpu", "cuda" if here == "cpu" else here)
    results = read(Path(folder), device_type)
    lines = [cells(network, kind, results.get(f"{network} {kind}"), device_type) for kind in KINDS]
    return Shown(lines + ([just_now(history)] if history else []))
