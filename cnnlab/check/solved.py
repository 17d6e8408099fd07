"""Which exercises are solved: one small file in the user's folder, written whole or not at all."""

from __future__ import annotations

import datetime
import json
from html import escape
from pathlib import Path

from platformdirs import user_data_path

from cnnlab.check.catalogue import CHAPTERS, ENTRIES, Entry
from cnnlab.check.verdict import LOOKS

_paused = False


def path() -> Path:
    """Where progress is kept."""
    return user_data_path("cnnlab") / "exercises.json"


def pause(paused: bool = True) -> None:
    """Stop recording in this kernel, as the worked solutions do: they are nobody's progress."""
    global _paused
    _paused = paused


def record(entry: Entry, state: str) -> None:
    """Keep the state of an exercise. "right" stays once it is reached; "to do" is what is not in the file."""
    if _paused or state == "to do":
        return
    states = read()
    if states.get(entry.key, {}).get("state") == "right":
        return
    states[entry.key] = {"state": state, "date": datetime.date.today().isoformat()}
    _write(states)


def read() -> dict[str, dict[str, str]]:
    """What the file says; a file that is missing or damaged says nothing, and of what is known only what is whole."""
    try:
        content = json.loads(path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    known = {entry.key for entry in ENTRIES}
    rows = content.items() if isinstance(content, dict) else ()
    return {key: row for key, row in rows if key in known and isinstance(row, dict) and row.get("state") in LOOKS}


def reset() -> None:
    """Forget all progress."""
    path().unlink(missing_ok=True)


def _write(states: dict[str, dict[str, str]]) -> None:
    # A full disk or a read-only home costs the record, never the verdict.
    try:
        path().parent.mkdir(parents=True, exist_ok=True)
        temporary = path().with_suffix(".part")
        temporary.write_text(json.dumps(states, indent=1), encoding="utf-8")
        temporary.replace(path())
    except OSError:
        pass


class Progress:
    """All exercises with their states; a table in a notebook, text elsewhere."""

    def __init__(self, states: dict[str, dict[str, str]]):
        self.states = {entry.key: states.get(entry.key, {}).get("state", "to do") for entry in ENTRIES}

    @property
    def solved(self) -> int:
        return list(self.states.values()).count("right")

    def summary(self) -> str:
        return f"{self.solved} of {len(self.states)} exercises solved"

    def __repr__(self) -> str:
        lines = [self.summary()]
        for notebook, module in CHAPTERS:
            lines.append(notebook)
            for entry in (entry for entry in ENTRIES if entry.module == module):
                sign, _ = LOOKS[self.states[entry.key]]
                lines.append(f"  {sign} {entry.stars} {entry.minutes:3d} min  {entry.title}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(self._chapter(notebook, module) for notebook, module in CHAPTERS)
        return (
            '<div style="max-width:820px;font:14px/1.5 var(--jp-ui-font-family,system-ui,sans-serif);'
            f'color:var(--jp-ui-font-color1,#1f2329)"><p style="margin:0 0 6px"><b>{self.summary()}</b></p>'
            f"{_bar(self.solved, len(self.states))}"
            f'<table style="table-layout:auto;border-collapse:collapse;font-size:14px;width:100%;margin:8px 0">{rows}</table></div>'
        )

    def _chapter(self, notebook: str, module: str) -> str:
        entries = [entry for entry in ENTRIES if entry.module == module]
        solved = [self.states[entry.key] for entry in entries].count("right")
        cell = "padding:3px 12px 3px 0;text-align:left;background:none"
        head = (
            f'<tr style="background:none;border-top:1px solid rgba(128,128,128,.4)"><td style="{cell}" colspan="3">'
            f'<a href="exercises/{notebook}.ipynb"><b>{notebook.replace("-", " ")}</b></a></td>'
            f'<td style="{cell};padding-right:0;text-align:right">{solved} of {len(entries)}</td></tr>'
        )
        return head + "".join(self._row(entry, cell) for entry in entries)

    def _row(self, entry: Entry, cell: str) -> str:
        state = self.states[entry.key]
        sign, ink = LOOKS[state]
        return (
            f'<tr style="background:none"><td style="{cell};color:{ink};white-space:nowrap;width:72px">'
            f'<b>{sign}</b> {state}</td><td style="{cell};width:100%">{escape(entry.title)}</td>'
            f'<td style="{cell};white-space:nowrap">{entry.stars}</td>'
            f'<td style="{cell};padding-right:0;text-align:right;white-space:nowrap">{entry.minutes} min</td></tr>'
        )


def _bar(solved: int, total: int) -> str:
    return (
        '<div style="height:8px;border-radius:4px;background:rgba(128,128,128,.3)">'
        f'<div style="height:8px;border-radius:4px;background:{LOOKS["right"][1]};width:{100 * solved / total:.1f}%"></div></div>'
    )


def progress() -> Progress:
    """The learner's progress over all exercises."""
    return Progress(read())
