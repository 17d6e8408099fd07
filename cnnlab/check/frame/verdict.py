"""Three verdicts, to do, wrong and right, and the card that shows one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from cnnlab.check.catalogue import Entry
from cnnlab.draw.svg import escaped

# state: (sign, colour). The colours keep a contrast of 4 and more on white and on JupyterLab's dark paper.
LOOKS = {"to do": ("○", "#75808d"), "wrong": ("✗", "#d1402f"), "right": ("✓", "#1f8a5b")}


class ToDo(Exception):  # noqa: N818 - a signal between modules, not an error
    """The answer is still the starter."""


class Wrong(Exception):  # noqa: N818 - a signal between modules, not an error
    """What is wrong, in one sentence, with the call that shows it."""

    def __init__(
        self,
        sentence: str,
        *,
        call: str = "",
        got: str = "",
        wanted: str = "",
        slip: str = "",
        picture: str = "",
        printed: str = "",
    ):
        super().__init__(sentence)
        self.sentence, self.slip, self.picture = sentence, slip, picture
        self.rows = {"call": call, "given back": got, "wanted": wanted, "printed": printed}


Slip = TypeVar("Slip")


def likely_slip(slips: Mapping[str, Slip], explains: Callable[[Slip], bool]) -> str:
    """The sentence of the first slip that explains what was given back; empty where none does."""
    return next((sentence for sentence, slip in slips.items() if explains(slip)), "")


@contextlib.contextmanager
def naming_slips(slips: Mapping[str, str]) -> Iterator[None]:
    """Names the slip behind an error of PyTorch's: {what its message contains: the slip}."""
    try:
        yield
    except Wrong as wrong:
        for text, slip in slips.items():
            if text in wrong.sentence:
                wrong.slip = slip
        raise


class CheckFailedError(AssertionError):
    """Raised instead of shown while a grader executes the notebook."""


@dataclass(frozen=True)
class Verdict:
    """What a check found. `state` is "to do", "wrong" or "right"; a notebook shows it as a card."""

    entry: Entry
    state: str
    sentence: str
    rows: tuple[tuple[str, str], ...] = ()
    slip: str = ""
    picture: str = ""

    @property
    def right(self) -> bool:
        return self.state == "right"

    def __repr__(self) -> str:
        end = "" if self.entry.title.endswith("?") else "."
        lines = [f"{LOOKS[self.state][0]} {self.state}: {self.entry.title}{end} {self.sentence}"]
        lines += [f"  {name}: {value}" for name, value in self.rows]
        return "\n".join(lines + ([f"  likely slip: {self.slip}"] if self.slip else []))

    def _repr_html_(self) -> str:
        sign, ink = LOOKS[self.state]
        head = (
            f'<span style="color:{ink};font-weight:700;font-size:15px" aria-hidden="true">{sign}</span> '
            f'<span style="color:{ink};font-weight:700">{self.state}</span>'
            f'<span style="opacity:.75"> · {escaped(self.entry.title)}</span>'
        )
        slip = f'<p style="margin:6px 0 0"><b>Likely slip:</b> {escaped(self.slip)}</p>' if self.slip else ""
        return (
            f'<div class="cnnlab-card" role="status" data-state="{self.state}" style="max-width:820px;'
            f"border:1px solid rgba(128,128,128,.35);border-left:5px solid {ink};border-radius:6px;padding:9px 14px;"
            'font:14px/1.5 var(--jp-ui-font-family,system-ui,sans-serif);color:var(--jp-ui-font-color1,#1f2329)">'
            f'<div>{head}</div><p style="margin:4px 0 0">{escaped(self.sentence)}</p>{self._table()}{self.picture}{slip}'
            "</div>"
        )

    def _table(self) -> str:
        # What the picture shows need not be read as text too.
        shown = [row for row in self.rows if not (self.picture and row[0] in ("given back", "wanted"))]
        if not shown:
            return ""
        cell = "padding:1px 14px 1px 0;vertical-align:top;text-align:left;background:none"
        mono = "font-family:var(--jp-code-font-family,monospace);font-size:13px;white-space:pre-wrap;overflow-wrap:anywhere"
        rows = "".join(
            f'<tr style="background:none"><td style="{cell};opacity:.75;white-space:nowrap">{escaped(name)}</td>'
            f'<td style="{cell};{mono}">{_lines(value)}</td></tr>'
            for name, value in shown
        )
        return f'<table style="table-layout:auto;border-collapse:collapse;margin:6px 0 0;font-size:13px">{rows}</table>'


def _lines(value: str) -> str:
    return "\n".join(map(escaped, value.split("\n")))
