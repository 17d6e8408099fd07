"""`pytest --nbval notebooks` where there is neither data nor network; and that it fails when a notebook is wrong.

One run serves both: copies of the first chapters, one of them changed in four places, on a machine made to look bare.
The chapters after them read their data in the same way and train for minutes; they run where the data is.
"""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import nbformat
import pytest

from tests.notebooks import FOLDER, chapters, code_cells, read

pytestmark = pytest.mark.slow  # every chapter up to pooling runs in a kernel

ROOT = FOLDER.parent
COPIED = [path for path in chapters() if path.stem <= "04-pooling"]
CHANGED = "01-convolution"
# cell id: what stands there, and what it is changed to; in the output or in the source
CHANGES = {
    "corr2d-check": ("output", "(6, 12) True", "(6, 13) True"),  # a printed shape
    "layer-count": ("output", "10 parameters", "11 parameters"),  # a parameter count
    "ninety-six-band": ("source", "> 0.85", "> 0.999"),  # an accuracy band in the code
    "ninety-six-smooth-band": ("output", "noise before", "noise after"),  # a band's verdict
}


def change(notebook: nbformat.NotebookNode) -> None:
    for cell in code_cells(notebook):
        if cell.id in CHANGES:
            where, old, new = CHANGES[cell.id]
            holder = cell if where == "source" else cell.outputs[0]
            key = "source" if where == "source" else "text"
            assert old in holder[key], f"{cell.id} no longer shows {old!r}"
            holder[key] = holder[key].replace(old, new)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """(notebook, number of the cell) -> whether it failed, from a plain `pytest --nbval notebooks`."""
    folder = tmp_path_factory.mktemp("course")
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    (folder / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "nbval_sanitize.cfg", folder / "tests")
    for path in COPIED:
        notebook = read(path)
        if path.stem == CHANGED:
            change(notebook)
        target = folder / "notebooks" / path.relative_to(FOLDER)
        target.parent.mkdir(exist_ok=True, parents=True)
        nbformat.write(notebook, target)
    dead = "http://127.0.0.1:9"
    bare = {"XDG_CACHE_HOME": str(folder / "cache"), "XDG_DATA_HOME": str(folder / "kept")}
    bare |= {"http_proxy": dead, "https_proxy": dead, "no_proxy": ""}
    env = {name: value for name, value in os.environ.items() if name != "CNNLAB_DATA"} | bare
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "notebooks",
        "-p",
        "no:cacheprovider",
        "--junitxml=result.xml",
    ]
    run = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert run.returncode == 1, run.stdout[-3000:]
    cases = ET.parse(folder / "result.xml").iter("testcase")
    return {
        (case.get("classname").split(".")[-2], int(case.get("name").removeprefix("Cell "))): (
            case.find("failure") is not None or case.find("error") is not None
        )
        for case in cases
    }


def number(stem: str, cell_id: str) -> int:
    return [cell.id for cell in code_cells(read(FOLDER / f"{stem}.ipynb"))].index(cell_id)


def test_every_cell_ran(verdicts):
    assert len(verdicts) == sum(len(code_cells(read(path))) for path in COPIED)


@pytest.mark.parametrize("cell_id", CHANGES)
def test_a_wrong_number_is_noticed(verdicts, cell_id):
    assert verdicts[CHANGED, number(CHANGED, cell_id)]


def test_all_else_passes_without_data_and_without_network(verdicts):
    expected = {(CHANGED, number(CHANGED, cell_id)) for cell_id in CHANGES}
    assert {cell for cell, failed in verdicts.items() if failed} == expected
