"""The journal keeps one entry a network, in order, and survives a damaged file."""

import pytest

from cnnlab import models
from cnnlab.measure.journal import journal, remember
from cnnlab.train.history import Epoch, History

SETTINGS = {"image_size": 28, "parameters": 61_706, "train_images": 55_000, "data": "Fashion-MNIST"}


def history(accuracy: float) -> History:
    rows = [Epoch(1, 0.5, 0.8, accuracy - 0.1, 2.0, 0.1, 0.01), Epoch(2, 0.4, 0.85, accuracy, 3.0, 0.1, 0.01)]
    return History(SETTINGS, {"device": "cpu"}, rows)


def test_an_entry_says_what_was_measured_and_is_replaced_by_a_later_one(tmp_path):
    remember("05", "LeNet", models.build("lenet"), history(0.9), tmp_path)
    (entry,) = remember("05", "LeNet", models.build("lenet"), history(0.91), tmp_path)
    assert (entry.macs, entry.parameters, entry.epochs) == (416_520, 61_706, 2)
    assert (entry.seconds, entry.valid_accuracy) == (5.0, 0.91)
    assert entry.activation_bytes == 4 * (
        2 * 6 * 28**2 + 6 * 14**2 + 2 * 16 * 10**2 + 16 * 5**2 + 2 * 120 + 2 * 84 + 10
    )


def test_a_chapter_sees_those_before_it_and_not_those_after(tmp_path):
    for chapter in ("07", "05", "06"):
        shown = remember(chapter, "LeNet", models.build("lenet"), history(0.9), tmp_path)
    assert [entry.chapter for entry in shown] == ["05", "06"]
    assert [entry.chapter for entry in journal(tmp_path)] == ["05", "06", "07"]


def test_a_damaged_file_counts_as_not_there(tmp_path):
    remember("05", "LeNet", models.build("lenet"), history(0.9), tmp_path)
    (tmp_path / "06 broken.json").write_text('{"chapter": "06"')
    (tmp_path / "07 other.json").write_text('{"chapter": "07"}')
    assert [entry.chapter for entry in journal(tmp_path)] == ["05"]


def test_it_prints_as_a_table_and_as_html(tmp_path):
    shown = remember("05", "LeNet <a>", models.build("lenet"), history(0.9), tmp_path)
    line = repr(shown).splitlines()[1]
    for text in ("05", "LeNet <a>", "28×28", "61,706", "416,520", "55,000 × 2", "0.9000"):
        assert text in line
    assert "LeNet &lt;a&gt;" in shown._repr_html_()
    assert len(journal(tmp_path / "none")) == 0


def test_the_users_folder_is_the_default(monkeypatch, tmp_path):
    monkeypatch.setattr("cnnlab.measure.journal.platformdirs.user_data_dir", lambda name: str(tmp_path / name))
    remember("05", "LeNet", models.build("lenet"), history(0.9))
    assert [path.name for path in (tmp_path / "cnnlab" / "journal").iterdir()] == ["05 LeNet.json"]
    assert journal()[0].valid_accuracy == pytest.approx(0.9)


@pytest.mark.parametrize("kind", ["a file in its place", "no home", "read only"])
def test_a_home_that_cannot_be_written_costs_the_keeping_only(monkeypatch, tmp_path, kind):
    data = tmp_path / "share"
    if kind == "a file in its place":
        data.write_text("")
    if kind == "read only":
        remember("04", "Before", models.build("lenet"), history(0.8), data / "journal")
        remember("05", "LeNet", models.build("lenet"), history(0.7), data / "journal")
        monkeypatch.setattr("cnnlab.train.history.tempfile.mkstemp", refuse)
    named = "~a-user-who-is-not-here" if kind == "no home" else str(data)
    monkeypatch.setattr("cnnlab.measure.journal.platformdirs.user_data_dir", lambda _name: named)
    with pytest.warns(RuntimeWarning, match="journal could not be written .*; this entry is shown, and not kept"):
        shown = remember("05", "LeNet", models.build("lenet"), history(0.9))
    assert [(entry.chapter, entry.valid_accuracy) for entry in shown][-1] == ("05", 0.9)
    assert len(shown) == (2 if kind == "read only" else 1)
    assert "0.9000" in repr(shown)
    assert len(journal()) == (2 if kind == "read only" else 0)


def refuse(**_):
    raise PermissionError(13, "Permission denied")
