"""Which exercises are solved: one file in the user's folder, which two kernels, a crash or damage cannot empty.

A change is made under a lock: the file is read again, merged with the new state ("right" wins over "wrong"), written
whole under another name and moved into place. A damaged file is first copied beside it, and what can be read is kept.
"""

from __future__ import annotations

import datetime
import itertools
import json
import os
import re
import secrets
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock
from platformdirs import user_data_path

from cnnlab.check.catalogue import CHAPTERS, ENTRIES, Entry
from cnnlab.check.frame.verdict import LOOKS
from cnnlab.draw.svg import escaped

LOCK_SECONDS = 1.5  # the longest wait for another kernel
LEFT_OVER_SECONDS = 3600  # a temporary file older than this belongs to a process that was killed
DAMAGE = "it is not one complete JSON object"

_paused = False

# In a damaged file: the start of an entry, and the state of an entry that breaks off after it.
_START = re.compile(r'"([^"\\]{1,200})"\s*:\s*(?=\{)')
_STATE = re.compile(r'\{\s*"state"\s*:\s*"(right|wrong)"')


def path() -> Path:
    """Returns where progress is kept."""
    return user_data_path("cnnlab") / "exercises.json"


def pause(paused: bool = True) -> None:
    """Stops recording in this kernel, as the worked solutions do: they are nobody's progress."""
    global _paused
    _paused = paused


def record(entry: Entry, state: str) -> str:
    """Keeps the state of an exercise and returns a sentence for the learner where something is amiss, else "".

    "right" stays once it is reached; "to do" is not recorded. The sentence tells that the file was damaged and where
    it was set aside, or that it cannot be written. Nothing is raised: a full disk or a read-only home costs the record,
    never the verdict. Another kernel that holds the lock delays it by less than two seconds.
    """
    if _paused or state == "to do":
        return ""
    try:
        return _record(entry.key, {"state": state, "date": datetime.date.today().isoformat()})
    except (OSError, RecursionError) as error:
        return (
            f"This result is not recorded, because the progress file {path()} cannot be read or written "
            f"({_reason(error)}); make the file and its folder writable, then run this check again."
        )


def read() -> dict[str, dict[str, str]]:
    """Returns the entries of exercises that this version of the course knows, from a damaged file those left whole."""
    try:
        return _known(_load()[0])
    except OSError:
        return {}


def reset() -> None:
    """Forgets all progress, damaged files that were set aside included.

    Raises OSError where a file cannot be deleted.
    """
    if not path().parent.is_dir():
        return
    with _locked():
        for file in (path(), *_damaged_files()):
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise OSError(
                    f"{file} cannot be deleted ({_reason(error)}); make its folder writable or delete it by hand."
                ) from error


def _record(key: str, new: dict[str, str]) -> str:
    rows, damaged = _load()
    if damaged is None and _better(rows.get(key), new) is rows.get(key):
        return ""
    with _locked():
        rows, damaged = _load()  # another kernel may have written in the meantime
        told = "" if damaged is None else _told_aside(len(_known(rows)), _set_aside(damaged))
        rows[key] = _better(rows.get(key), new)
        _write(rows)
        return told


def _better(old: Any, new: dict[str, Any]) -> Any:
    """Returns the entry to keep of two for one exercise.

    What only a later version of the course understands gives way to "right" alone; its further fields stay.

    >>> _better({"state": "right"}, {"state": "wrong"})
    {'state': 'right'}
    >>> _better({"state": "wrong", "tries": 3}, {"state": "right"})
    {'state': 'right', 'tries': 3}
    """
    if old is None:
        return new
    state = old.get("state") if isinstance(old, dict) else "of a later version"
    if state == "right" or (state not in (None, "to do", "wrong") and new.get("state") != "right"):
        return old
    return {**old, **new} if isinstance(old, dict) else new


def _known(rows: dict[str, Any]) -> dict[str, dict[str, str]]:
    keys, states = {entry.key for entry in ENTRIES}, list(LOOKS)
    return {
        key: row for key, row in rows.items() if key in keys and isinstance(row, dict) and row.get("state") in states
    }


def _load() -> tuple[dict[str, Any], bytes | None]:
    """Returns all entries, those of a later version too, and the content of the file where it is damaged, else None.

    Raises OSError where there is a file that cannot be read.
    """
    try:
        content = _patiently(path().read_bytes)
    except (FileNotFoundError, NotADirectoryError):
        return {}, None
    try:
        rows = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        rows = None
    return (rows, None) if isinstance(rows, dict) else (_salvage(content.decode(errors="replace")), content)


def _salvage(text: str) -> dict[str, Any]:
    """Returns the entries that are still whole in the text of a damaged file, wherever they stand.

    >>> _salvage('{"a.b": {"state": "right"}, "c.d": {"state": "wrong", "da')
    {'a.b': {'state': 'right'}, 'c.d': {'state': 'wrong'}}
    """
    rows: dict[str, Any] = {}
    position = 0
    while start := _START.search(text, position):
        position = start.end()
        try:
            row, position = json.JSONDecoder().raw_decode(text, position)
        except (ValueError, RecursionError):
            cut = _STATE.match(text, position)
            if not cut:
                continue
            row, position = {"state": cut[1]}, cut.end()
        if "\ufffd" not in text[start.start() : position]:  # stands for bytes that are no text
            rows[start[1]] = _better(rows.get(start[1]), row)
    return rows


def _set_aside(damaged: bytes) -> Path:
    """Copies the content of the damaged file to a new file beside it; the file itself stays until it is replaced."""
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    for number in itertools.count(1):
        aside = path().with_name(f"exercises.damaged-{stamp}{f'-{number}' if number > 1 else ''}.json")
        with suppress(FileExistsError):
            _create(aside, damaged)
            return aside


def _damaged_files() -> list[Path]:
    return sorted(path().parent.glob("exercises.damaged-*.json"))


def _write(rows: dict[str, Any]) -> None:
    file = path()
    content = json.dumps(rows, indent=1).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"exercises-{os.getpid()}-{secrets.token_hex(4)}.part")
    _create(temporary, content)
    try:
        _patiently(os.replace, temporary, file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    for left_over in file.parent.glob("exercises*.part"):
        with suppress(OSError):
            if time.time() - left_over.stat().st_mtime > LEFT_OVER_SECONDS:
                left_over.unlink()


def _create(file: Path, content: bytes) -> None:
    """Writes a new file through to the disk. Raises FileExistsError where there is one, and leaves none half written."""
    with open(file, "xb") as out:
        try:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        except BaseException:
            out.close()
            file.unlink(missing_ok=True)
            raise


def _patiently(action: Callable, *args) -> Any:
    """Calls `action(*args)`, again where it is refused: Windows does so while another program has the file open."""
    for pause_seconds in (0.01, 0.05, 0.1):
        try:
            return action(*args)
        except PermissionError:
            time.sleep(pause_seconds)
    return action(*args)


@contextmanager
def _locked() -> Iterator[None]:
    """Keeps other kernels from changing the file meanwhile; goes on without a lock where none is to be had in time."""
    lock = FileLock(path().with_suffix(".lock"))
    # RuntimeError: some versions of filelock raise it on a file system without locks; others warn.
    with suppress(OSError, RuntimeError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lock.acquire(timeout=LOCK_SECONDS, poll_interval=0.01)
    try:
        yield
    finally:
        with suppress(OSError, RuntimeError):
            lock.release()


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _exercises(count: int) -> str:
    return "1 exercise" if count == 1 else f"{count} exercises"


def _told_aside(count: int, aside: Path) -> str:
    return (
        f"The progress file {path()} was damaged ({DAMAGE}), so it was set aside as {aside.name} in the same folder and "
        f"the states of {_exercises(count)} that could be read are kept; run again the check of a solved exercise that "
        "check.progress() does not show."
    )


class Progress:
    """All exercises with their states; a table in a notebook, text elsewhere.

    notice: a sentence on what is amiss with the progress file; empty where nothing is.
    """

    def __init__(self, states: dict[str, dict[str, str]], notice: str = ""):
        self.states = {entry.key: states.get(entry.key, {}).get("state", "to do") for entry in ENTRIES}
        self.notice = notice

    @property
    def solved(self) -> int:
        return list(self.states.values()).count("right")

    def summary(self) -> str:
        return f"{self.solved} of {len(self.states)} exercises solved"

    def __repr__(self) -> str:
        lines = [self.summary(), self.notice] if self.notice else [self.summary()]
        for notebook, module in CHAPTERS:
            lines.append(notebook)
            for entry in (entry for entry in ENTRIES if entry.module == module):
                sign, _ = LOOKS[self.states[entry.key]]
                lines.append(f"  {sign} {entry.stars} {entry.minutes:3d} min  {entry.title}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(self._chapter(notebook, module) for notebook, module in CHAPTERS)
        notice = f'<p style="margin:0 0 6px">{escaped(self.notice)}</p>' if self.notice else ""
        return (
            '<div style="max-width:820px;font:14px/1.5 var(--jp-ui-font-family,system-ui,sans-serif);'
            f'color:var(--jp-ui-font-color1,#1f2329)"><p style="margin:0 0 6px"><b>{self.summary()}</b></p>{notice}'
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
            f'<b>{sign}</b> {state}</td><td style="{cell};width:100%">{escaped(entry.title)}</td>'
            f'<td style="{cell};white-space:nowrap">{entry.stars}</td>'
            f'<td style="{cell};padding-right:0;text-align:right;white-space:nowrap">{entry.minutes} min</td></tr>'
        )


def _bar(solved: int, total: int) -> str:
    return (
        '<div style="height:8px;border-radius:4px;background:rgba(128,128,128,.3)">'
        f'<div style="height:8px;border-radius:4px;background:{LOOKS["right"][1]};width:{100 * solved / total:.1f}%"></div></div>'
    )


def progress() -> Progress:
    """Returns the learner's progress over all exercises; it only reads, and tells where the file is damaged."""
    try:
        rows, damaged = _load()
    except OSError as error:
        notice = f"The progress file {path()} cannot be read ({_reason(error)}); make it readable, then run this again."
        return Progress({}, notice)
    states = _known(rows)
    notice = ""
    if damaged is not None:
        notice = (
            f"The progress file {path()} is damaged ({DAMAGE}), and the states of {_exercises(len(states))} could be "
            "read from it; the next check keeps them and sets the damaged file aside in the same folder."
        )
    elif aside := _damaged_files():
        notice = (
            f"The damaged progress file {aside[-1]} was set aside; run again the check of a solved exercise that is "
            "missing here, then delete that file."
        )
    return Progress(states, notice)
