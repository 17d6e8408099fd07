"""`python -m cnnlab`: the table, its remedies and its exit status."""

import os
import subprocess
import sys

import pytest

from cnnlab import __main__, compat
from cnnlab.compat import load_torchvision
from cnnlab.course import environment
from cnnlab.course.environment import Check, check_package, checks, report
from cnnlab.data import archives


@pytest.mark.slow
def test_the_command_prints_a_table_and_succeeds_here():
    run = subprocess.run([sys.executable, "-m", "cnnlab"], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    names = [line.split()[0] for line in run.stdout.splitlines()[1:-1] if not line.startswith(" ")]
    assert names[:6] == ["Python", "torch", "torchvision", "device", "cores", "data"]
    assert set(names[6:]) == {"jupyterlab", "ipywidgets", "anywidget", "matplotlib", "nbval", "d2l"}
    assert "Everything the course needs is here." in run.stdout


def test_it_fails_and_names_what_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(environment, "version", lambda package: None if package == "nbval" else "9.9")
    assert __main__.main([]) == 1
    out = capsys.readouterr().out
    assert "needed for `pytest --nbval notebooks`: run `make lab`" in out
    assert out.endswith("The course cannot run yet: nbval.\n")


def mismatched(tmp_path, message):
    """A torchvision whose import fails with `message`, first on the path of a fresh process."""
    folder = tmp_path / "torchvision"
    folder.mkdir()
    (folder / "__init__.py").write_text(f"raise RuntimeError({message!r})\n")
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


@pytest.mark.slow
def test_torchvision_from_another_build_is_named(tmp_path):
    env = mismatched(tmp_path, "operator torchvision::nms does not exist")
    run = subprocess.run([sys.executable, "-m", "cnnlab"], capture_output=True, text=True, env=env)
    assert run.returncode == 1
    assert "does not match torch" in run.stdout
    assert "are not from the same build; install them as a pair" in run.stdout
    assert run.stdout.endswith("The course cannot run yet: torchvision.\n")


def test_other_errors_of_torchvision_pass(monkeypatch):
    def broken(_name):
        raise RuntimeError("something else")

    monkeypatch.setattr(compat.importlib, "import_module", broken)
    with pytest.raises(RuntimeError, match="something else"):
        load_torchvision()
    assert "something else" in environment.check_torchvision().found


def test_mismatch_becomes_one_sentence(monkeypatch):
    def broken(_name):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(compat.importlib, "import_module", broken)
    with pytest.raises(ImportError, match=r"torch .* and torchvision .* are not from the same build"):
        load_torchvision()


@pytest.mark.parametrize("package", ["torch", "torchvision"])
def test_missing_packages(monkeypatch, package):
    monkeypatch.setattr(environment, "version", lambda _package: None)
    row = getattr(environment, f"check_{package}")()
    assert (row.state, row.found) == ("missing", "not installed")
    assert "pip install -r requirements.txt" in row.remedy


def test_old_versions(monkeypatch):
    monkeypatch.setattr(environment, "version", lambda _package: "2.4.1+cpu")
    assert "needs 2.8 or later" in environment.check_torch().remedy
    monkeypatch.setattr(environment.sys, "version_info", (3, 9))
    assert environment.check_python().remedy == "install Python 3.11 or later"


def test_a_single_core_is_a_note_and_not_a_failure(monkeypatch):
    monkeypatch.setattr(environment.os, "sched_getaffinity", lambda _pid: {0}, raising=False)
    row = environment.check_cores()
    assert (row.found, row.state) == ("1", "note")


def test_data_found_or_not(monkeypatch, tmp_path):
    monkeypatch.delenv("CNNLAB_DATA", raising=False)
    monkeypatch.setattr(archives, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(archives, "INSTALLED", tmp_path / "none")
    assert environment.check_data().state == "note"
    for name in archives.ARCHIVES:
        (tmp_path / name).touch()
    assert environment.check_data() == Check("data", "Fashion-MNIST, in the user's cache")
    monkeypatch.setattr(archives, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path / "typo"))
    assert "there is no such folder" in environment.check_data().remedy
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path))
    assert environment.check_data() == Check("data", "Fashion-MNIST, under CNNLAB_DATA")


def test_report_puts_each_remedy_under_its_line():
    text = report([Check("one", "1.0"), Check("three", "gone", "missing", "get it"), check_package("pytest", "tests")])
    lines = text.splitlines()
    assert lines[0] == "one     ok       1.0"
    assert lines[1] == "three   MISSING  gone"
    assert lines[2].strip() == "→ get it"
    assert len(checks()) == 12
