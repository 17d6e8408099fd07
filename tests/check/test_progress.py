"""The progress file of the exercises: two kernels, kill -9, damage, a later version and a bad disk lose nothing."""

import contextlib
import errno
import json
import os
import random
import subprocess
import sys
import threading
import time
import warnings

import pytest
from filelock import FileLock

from cnnlab import check
from cnnlab.check.catalogue import ENTRIES
from cnnlab.check.frame import progress

FIRST, SECOND, THIRD, FOURTH = ENTRIES[:4]


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    """A progress file of the test's own."""
    monkeypatch.setattr(progress, "user_data_path", lambda name: tmp_path / "home" / name)
    yield progress.path()
    check.pause(False)


@pytest.fixture
def solved_40(file):
    """The text of a file with forty solved exercises."""
    file.parent.mkdir(parents=True)
    rows = {entry.key: {"state": "right", "date": "2026-01-31"} for entry in ENTRIES[:40]}
    file.write_text(json.dumps(rows, indent=1))
    return file.read_text()


def right(n, k, s=1, p=0, d=1):
    return (n + 2 * p - d * (k - 1) - 1) // s + 1


def states(file):
    return {key: row["state"] for key, row in json.loads(file.read_text()).items()}


def set_aside(file):
    return sorted(file.parent.glob("exercises.damaged-*.json"))


def test_progress_is_kept_and_right_stays_right(file):
    check.padding.out_size(lambda *a: 1)
    assert progress.read()["padding.out_size"]["state"] == "wrong"
    check.padding.out_size(right)
    check.padding.out_size(lambda *a: 1)
    assert progress.read()["padding.out_size"]["state"] == "right"
    assert check.progress().solved == 1
    assert check.progress().summary() == f"1 of {len(ENTRIES)} exercises solved"
    assert not list(file.parent.glob("*.part"))
    check.reset()
    assert check.progress().solved == 0
    check.reset()


def test_an_untouched_exercise_leaves_no_file(file):
    check.padding.out_size(...)
    check.reset()
    assert not file.parent.exists()


def test_worked_solutions_leave_no_progress(file):
    check.pause()
    check.padding.out_size(right)
    assert not file.exists()


@pytest.mark.parametrize("content", ["", "{", "[1]", "\0", "[" * 100_000, "1" * 5000, '{"padding.out_size": 3}'])
def test_a_damaged_file_is_read_as_far_as_it_goes(file, content):
    file.parent.mkdir(parents=True)
    file.write_text(content)
    assert check.progress().solved == 0
    check.padding.out_size(right)
    assert json.loads(file.read_text()).keys() == {"padding.out_size"}


def test_a_folder_that_cannot_be_written_costs_no_verdict(file):
    file.parent.parent.write_text("a file where a folder should be")
    assert check.padding.out_size(right).right
    assert "is not recorded, because" in progress.record(FIRST, "right")
    assert check.progress().notice == ""
    check.reset()


def test_every_exercise_is_in_the_table_with_a_link():
    shown = check.progress()
    for entry in ENTRIES:
        assert entry.title in repr(shown)
        assert f'href="exercises/{entry.notebook}.ipynb"' in shown._repr_html_()


# Two kernels

KERNEL = """
import sys
from pathlib import Path
from cnnlab.check.catalogue import ENTRIES
from cnnlab.check.frame import progress

mine = int(sys.argv[1])
for line in sys.stdin:
    progress.user_data_path = lambda name: Path(line.strip())
    for number, entry in enumerate(ENTRIES[:10]):
        progress.record(entry, "right" if number % 2 == mine else "wrong")
    print("done", flush=True)
"""


def start(code, *arguments, **pipes):
    return subprocess.Popen([sys.executable, "-c", code, *arguments], text=True, stdout=subprocess.PIPE, **pipes)


@pytest.mark.slow
def test_two_kernels_at_once_lose_nothing(tmp_path):
    """Sixty runs; each kernel solves the exercises that the other one gets wrong."""
    with start(KERNEL, "0", stdin=subprocess.PIPE) as one, start(KERNEL, "1", stdin=subprocess.PIPE) as other:
        for run in range(60):
            folder = tmp_path / str(run)
            for kernel in (one, other):
                print(folder, file=kernel.stdin, flush=True)
            assert [kernel.stdout.readline() for kernel in (one, other)] == ["done\n", "done\n"]
            assert states(folder / "exercises.json") == {entry.key: "right" for entry in ENTRIES[:10]}
            assert not list(folder.glob("*.part"))


VICTIM = """
import sys
from pathlib import Path
from cnnlab.check.catalogue import ENTRIES
from cnnlab.check.frame import progress

progress.user_data_path = lambda name: Path(sys.argv[1])
print("ready", flush=True)
for state in ("wrong", "right"):
    for entry in ENTRIES[int(sys.argv[2])::2]:
        progress.record(entry, state)
        print(entry.key, state, flush=True)
"""


@pytest.mark.slow
def test_kill_at_any_moment_loses_nothing(tmp_path, monkeypatch):
    """Fifty times two kernels are killed while they write, every other time from a damaged file on."""
    draw = random.Random(0)
    before = ENTRIES[::3]
    content = json.dumps({entry.key: {"state": "right"} for entry in before})
    for run in range(50):
        folder = tmp_path / str(run)
        folder.mkdir()
        file = folder / "exercises.json"
        file.write_text(content[:-1] if run % 2 else content)
        kernels = [start(VICTIM, str(folder), number) for number in "01"]
        for kernel in kernels:
            assert kernel.stdout.readline() == "ready\n"
        time.sleep(draw.uniform(0, 0.04))
        for kernel in kernels:
            kernel.kill()
        lines = [line for kernel in kernels for line in kernel.communicate()[0].splitlines(keepends=True)]
        monkeypatch.setattr(progress, "user_data_path", lambda name, folder=folder: folder)
        found = {key: row["state"] for key, row in progress.read().items()}
        assert all(found[entry.key] == "right" for entry in before)
        for key, state in (line.split() for line in lines if line.endswith("\n")):
            assert found[key] in (state, "right")
        # The lock died with its holder.
        started = time.perf_counter()
        progress.record(FIRST, "right")
        assert time.perf_counter() - started < 1
        assert states(file) == found | {FIRST.key: "right"}


def test_only_old_left_overs_are_cleaned_away(file):
    file.parent.mkdir(parents=True)
    content = json.dumps({SECOND.key: {"state": "right"}})
    old, of_the_first_version, young = (
        file.with_name(f"{name}.part") for name in ("exercises-1-a", "exercises", "exercises-2-b")
    )
    for left_over in (old, of_the_first_version, young):
        left_over.write_text(content)
    for left_over in (old, of_the_first_version):
        os.utime(left_over, (time.time() - 7200,) * 2)
    progress.record(FIRST, "right")
    assert list(file.parent.glob("*.part")) == [young]
    assert progress.read().keys() == {FIRST.key}


@contextlib.contextmanager
def held(file, seconds):
    """Another kernel that holds the lock for so long."""
    progress.record(SECOND, "wrong")
    (name,) = file.parent.glob("*.lock")
    taken, over = threading.Event(), threading.Event()

    def hold():
        with FileLock(name):
            taken.set()
            over.wait(seconds)

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    yield
    over.set()
    thread.join()


def test_a_lock_that_is_never_given_back_delays_by_two_seconds_at_most(file):
    with held(file, 30):
        started = time.perf_counter()
        assert progress.record(FIRST, "right") == ""
        assert time.perf_counter() - started < 2.5
    assert states(file) == {FIRST.key: "right", SECOND.key: "wrong"}


def test_reset_waits_for_the_kernel_that_writes(file):
    with held(file, 0.5):
        started = time.perf_counter()
        check.reset()
        assert time.perf_counter() - started > 0.2
    assert not file.exists()


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_keeps_progress(file, monkeypatch, code):
    fcntl = pytest.importorskip("fcntl")

    def flock(*args):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for entry in (FIRST, SECOND):
            started = time.perf_counter()
            assert progress.record(entry, "right") == ""
            assert time.perf_counter() - started < 2.5
    assert states(file) == {FIRST.key: "right", SECOND.key: "right"}


# Damage


def damages(text):
    """Each damage of a file with forty solved exercises, and how many of them are still to be read."""
    content, half, state = text.encode(), len(text) // 2, '"state": "right"'
    yield "two characters short", content[:-2], 40
    yield "cut after the last state", content[: text.rindex(state) + len(state)], 40
    yield "cut in the last state", content[: text.rindex(state) + len(state) - 3], 39
    yield "zeros where the end was", content[:-2] + bytes(4096), 40
    yield "zeros where the start was", bytes(60) + content[60:], 39
    yield "bytes that are no text", content[:-2] + b"\xff\xfe", 40
    yield "a state that is no text", content.replace(b"right", b"r\xffght", 1), 39
    yield "a key that is no text", content.replace(FIRST.key.encode(), b"\xff" + FIRST.key.encode(), 1), 39
    yield "two versions after a conflict", b"<<<<\n" + content + b"====\n" + content.replace(b"right", b"wrong"), 40
    yield "a list", b"[" + content + b"]", 40
    yield "the second half twice", content + content[half:], 40


@pytest.mark.parametrize("number", range(11))
def test_a_damaged_file_is_set_aside_and_nothing_solved_is_lost(file, solved_40, number):
    name, content, left = list(damages(solved_40))[number]
    file.write_bytes(content)

    # Reading tells it, and changes nothing.
    shown = check.progress()
    assert shown.solved == left, name
    assert f"{file} is damaged" in shown.notice
    assert shown.notice in repr(shown)
    assert "is damaged" in shown._repr_html_()
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    assert file.read_bytes() == content

    # The next check keeps the file and what is left of it, and says where.
    said = progress.record(ENTRIES[50], "wrong")
    (aside,) = set_aside(file)
    assert aside.read_bytes() == content
    assert str(file) in said
    assert aside.name in said
    assert f"{left} exercises" in said
    assert list(states(file).values()).count("right") == left
    assert states(file)[ENTRIES[50].key] == "wrong"

    # It is told once on a card; progress goes on telling where the file lies, until it is gone.
    assert progress.record(ENTRIES[51], "wrong") == ""
    assert str(aside) in check.progress().notice
    aside.unlink()
    assert check.progress().notice == ""
    assert check.progress()._repr_html_().count("<p") == 1


def test_a_damaged_file_never_takes_the_place_of_an_earlier_one(file, solved_40):
    for number in range(3):
        file.write_text(f"damage {number}")
        progress.record(FIRST, "right")
    assert sorted(each.read_text() for each in set_aside(file)) == ["damage 0", "damage 1", "damage 2"]
    check.reset()
    assert not set_aside(file)
    assert check.progress().notice == ""


def test_a_solved_exercise_mends_a_damaged_file_too(file, solved_40):
    file.write_text(solved_40[:-2])
    assert "1 exercise " not in progress.record(FIRST, "right")
    assert states(file)[FIRST.key] == "right"
    assert len(set_aside(file)) == 1


def test_where_a_damaged_file_cannot_be_set_aside_it_stays(file, solved_40, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    file.write_text(solved_40[:-2])
    assert "No space left on device" in progress.record(FIRST, "right")
    assert file.read_text() == solved_40[:-2]
    assert not set_aside(file)
    assert not list(file.parent.glob("*.part"))


def test_a_full_disk_leaves_the_file_as_it_was(file, solved_40, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert "No space left on device" in progress.record(ENTRIES[50], "right")
    assert file.read_text() == solved_40
    assert not list(file.parent.glob("*.part"))


def test_a_file_that_cannot_be_read_is_not_written_over(file):
    (file / "inside").mkdir(parents=True)
    assert "cannot be read or written" in progress.record(FIRST, "right")
    assert check.padding.out_size(right).right
    assert progress.read() == {}
    assert "cannot be read" in check.progress().notice
    with pytest.raises(
        OSError, match=r"exercises\.json cannot be deleted .*; make its folder writable or delete it by hand"
    ):
        check.reset()
    assert (file / "inside").is_dir()


def test_a_file_that_is_open_elsewhere_is_tried_again(file, monkeypatch):
    """As on Windows, which refuses to replace a file while another program reads it."""
    replace, refused = os.replace, [PermissionError(errno.EACCES, "Permission denied")] * 2

    def busy(*args):
        if refused:
            raise refused.pop()
        replace(*args)

    monkeypatch.setattr(os, "replace", busy)
    assert progress.record(FIRST, "right") == ""
    refused += [PermissionError(errno.EACCES, "Permission denied")] * 9
    assert "(Permission denied)" in progress.record(SECOND, "right")
    assert states(file) == {FIRST.key: "right"}


# A later version of the course

LATER = {
    "version": 2,
    "padding.of_a_later_version": {"state": "right", "date": "2027-01-01"},
    FIRST.key: {"state": "mastered", "date": "2027-01-01"},
    SECOND.key: {"state": ["right", 2]},
    THIRD.key: {"state": "wrong", "date": "2027-01-01", "tries": 3},
    FOURTH.key: "right",
}


def test_entries_of_a_later_version_are_kept_and_not_counted(file):
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(LATER), encoding="utf-8-sig")  # as an editor of Windows writes it
    assert progress.read() == {THIRD.key: LATER[THIRD.key]}
    assert check.progress().solved == 0
    assert check.progress().notice == ""
    assert [progress.record(entry, "wrong") for entry in (FIRST, SECOND, FOURTH, ENTRIES[50])] == [""] * 4
    rows = json.loads(file.read_text())
    assert rows.pop(ENTRIES[50].key)["state"] == "wrong"
    assert rows == LATER


def test_what_is_solved_here_counts_whatever_a_later_version_said(file):
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(LATER))
    for entry in (FIRST, SECOND, THIRD, FOURTH):
        progress.record(entry, "right")
    assert check.progress().solved == 4
    rows = json.loads(file.read_text())
    assert rows[THIRD.key]["tries"] == 3
    assert rows["version"] == 2


def test_entries_of_a_later_version_survive_damage(file):
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(LATER)[:-1])
    progress.record(ENTRIES[50], "wrong")
    rows = json.loads(file.read_text())
    del rows[ENTRIES[50].key]
    assert rows == {key: row for key, row in LATER.items() if isinstance(row, dict)}
