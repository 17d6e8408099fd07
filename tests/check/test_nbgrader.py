"""The exercises in the real nbgrader: handed out, handed in right, wrong, crashing and hanging, graded, exported."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from cnnlab.check.teach.course import make_course
from tests.notebooks import EXERCISES, ROOT, SOLUTIONS, read

pytestmark = pytest.mark.slow  # notebooks are graded in kernels

CHAPTER = "02-padding-stride"
TEACH = ROOT / ".venv" / "teach"
LOOP = "def out_size(n, k, s=1, p=0, d=1):\n    while True:\n        pass"
# What is handed in as the answer to out_size; everything else is the worked solution.
HANDED_IN = {
    "right": None,
    "wrong": "def out_size(n, k, s=1, p=0, d=1):\n    return (n + 2 * p - k) // s + 1",
    "crashing": "def out_size(n, k, s=1, p=0, d=1):\n    return n // 0",
    "hanging": LOOP,
    "broken": "def out_size(:",
}


def nbgrader(course: Path, *words: str) -> None:
    """One of its commands, run in the course's folder."""
    paths = [path for path in (str(TEACH), str(ROOT), os.environ.get("PYTHONPATH")) if path]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        # It calls `alembic` by its name.
        "PATH": os.pathsep.join([str(TEACH / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "XDG_DATA_HOME": str(course / "home"),
        "JUPYTER_CONFIG_DIR": str(course / "home"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *words], cwd=course, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course of one assignment that was handed out, handed in by each of HANDED_IN, graded and exported."""
    if not (TEACH / "nbgrader").exists():
        pytest.skip("nbgrader is not installed; `make unit` installs it")
    folder = tmp_path_factory.mktemp("course")
    only = tmp_path_factory.mktemp("solutions")
    nbformat.write(read(SOLUTIONS / f"{CHAPTER}.ipynb"), only / f"{CHAPTER}.ipynb")
    assert make_course(folder, only) == [CHAPTER]
    nbgrader(folder, "generate_assignment", CHAPTER)
    for student, source in HANDED_IN.items():
        hand_in(folder, student, source)
    nbgrader(folder, "autograde", CHAPTER)
    nbgrader(folder, "export", "--to", "grades.csv")
    return folder


def hand_in(folder: Path, student: str, source: str | None) -> None:
    answers = {cell.id: cell.source for cell in read(SOLUTIONS / f"{CHAPTER}.ipynb").cells}
    if source is not None:
        answers["out-size-answer"] = source
    notebook = read(folder / "release" / CHAPTER / f"{CHAPTER}.ipynb")
    for cell in notebook.cells:
        if cell.id.endswith("-answer"):
            cell.source = answers[cell.id]
    path = folder / "submitted" / student / CHAPTER / f"{CHAPTER}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


def test_what_is_handed_out_is_the_exercise_notebook_without_the_way_to_the_solutions(course):
    given = read(course / "release" / CHAPTER / f"{CHAPTER}.ipynb")
    ours = read(EXERCISES / f"{CHAPTER}.ipynb")
    assert [cell.source for cell in given.cells if cell.cell_type == "code"] == [
        cell.source for cell in ours.cells if cell.cell_type == "code"
    ]
    text = "\n".join(cell.source for cell in given.cells)
    assert "SOLUTION" not in text
    assert "solutions/" not in text
    assert "<details>" in text


def test_marks(course):
    with open(course / "grades.csv", newline="") as file:
        rows = {row["student_id"]: (float(row["score"]), float(row["max_score"])) for row in csv.DictReader(file)}
    assert rows == {student: (5 if student == "right" else 4, 5) for student in HANDED_IN}


@pytest.mark.parametrize(
    ("student", "says"),
    [
        ("wrong", "likely slip: dilation is left out"),
        ("crashing", "It raises ZeroDivisionError"),
        ("hanging", "Nothing came back within 10 s"),
        ("broken", "name 'out_size' is not defined"),
    ],
)
def test_a_failed_check_raises_its_sentence(course, student, says):
    graded = read(course / "autograded" / student / CHAPTER / f"{CHAPTER}.ipynb")
    (cell,) = [cell for cell in graded.cells if cell.id == "out-size-check"]
    (error,) = [output for output in cell.outputs if output.output_type == "error"]
    assert says in error.evalue


def test_grading_leaves_nobodys_progress(course):
    assert not list((course / "home").rglob("exercises.json"))
