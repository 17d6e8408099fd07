"""Every exercise: to do when untouched, right with its worked solution, wrong with typical slips that are named."""

import copy
import importlib
import inspect
import json
import re
import textwrap

import pytest
import torch
from torch import nn

from cnnlab import check
from cnnlab.check.catalogue import CHAPTERS, ENTRIES
from cnnlab.check.frame import calling, judging, progress
from cnnlab.check.frame.calling import Runner
from cnnlab.check.frame.experiments import all_data
from cnnlab.check.frame.references import FILE
from cnnlab.check.frame.verdict import ToDo, Wrong
from tests.notebooks import EXERCISES, SOLUTIONS, code_cells, exercises_of, read
from tests.remembered import TRAININGS, beside_training
from tests.test_notebooks import words

MOST_WORDS = 80
WRONG = [
    (entry, source, says)
    for entry in ENTRIES
    for name, source, says in importlib.import_module(f"tests.answers.{entry.module}").WRONG
    if name == entry.name
]
each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.key)
each_chapter = pytest.mark.parametrize("notebook", [notebook for notebook, _ in CHAPTERS])


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch, remembered):
    """Nobody's progress is touched, none is paused, and no training is made twice."""
    monkeypatch.setattr(progress, "user_data_path", lambda name: tmp_path / name)
    yield
    check.pause(False)


def cells_of(entry, folder=SOLUTIONS):
    """The set-up cell, the answer cells and the check cell of one exercise."""
    slug = entry.name.replace("_", "-")
    cells = code_cells(read(folder / f"{entry.notebook}.ipynb"))
    setup = next(cell for cell in cells if cell.id == "setup")
    answer = next(cell for cell in cells if cell.id == f"{slug}-answer")
    judged = next(cell for cell in cells if cell.id == f"{slug}-check")
    return setup, answer, judged


def judge(entry, source, folder=EXERCISES):
    """The verdict on an answer cell with that source, after the exercise notebook's own set-up."""
    setup, _, judged = cells_of(entry, folder)
    names, TRAININGS.other_code = {}, beside_training(source)
    for text in (setup.source, source, judged.source):
        exec(compile(text, entry.key, "exec"), names)
    return getattr(getattr(check, entry.module), entry.name).verdict


def test_each_exercise_has_a_name_of_its_own_and_readme_counts_them():
    assert len({entry.key for entry in ENTRIES}) == len(ENTRIES)
    assert f"{len(ENTRIES)} exercises that check themselves" in (SOLUTIONS.parents[1] / "README.md").read_text("utf-8")


@each_chapter
def test_the_solutions_hold_the_exercises_of_the_catalogue_in_its_order(notebook):
    wanted = [entry.name.replace("_", "-") for entry in ENTRIES if entry.notebook == notebook]
    cells = code_cells(read(SOLUTIONS / f"{notebook}.ipynb"))
    assert [cell.id.removesuffix("-check") for cell in cells if cell.id.endswith("-check")] == wanted


@each_entry
def test_asked_in_few_words_with_level_minutes_hints_and_a_way_to_the_solution(entry):
    slug = entry.name.replace("_", "-")
    cells = {cell.id: cell.source for cell in read(EXERCISES / f"{entry.notebook}.ipynb").cells}
    title, facts, *question = [part for part in cells[slug].split("\n\n") if part.strip()]
    assert re.fullmatch(rf"## \d+ · {re.escape(entry.title)}", title)
    assert facts == f"{entry.stars} · {entry.minutes} minutes"
    assert 5 <= words("\n\n".join(question)) <= MOST_WORDS
    assert cells[f"{slug}-hints"].count("<details>") >= 2
    assert f"](../solutions/{entry.notebook}.ipynb)" in cells[f"{slug}-hints"]


@each_entry
def test_the_untouched_exercise_is_to_do(entry):
    _, answer, judged = cells_of(entry, EXERCISES)
    assert "..." in answer.source
    assert judge(entry, answer.source).state == "to do"
    (shown,) = judged.outputs
    assert shown.data["text/plain"].startswith("○ to do")


@pytest.mark.slow
@each_entry
def test_the_worked_solution_is_right(entry):
    _, answer, judged = cells_of(entry)
    verdict = judge(entry, answer.source)
    assert verdict.right, verdict
    assert judged.outputs[0].data["text/plain"].startswith("✓ right")


@each_entry
def test_at_least_two_wrong_answers_are_known(entry, monkeypatch):
    written = len({source for other, source, _ in WRONG if other == entry})
    assert written >= 2 or (entry in DECLARING and written + refuse_declared(entry, monkeypatch) >= 2)


@pytest.mark.slow
@pytest.mark.parametrize(("entry", "source", "says"), WRONG, ids=[f"{row[0].key}: {row[2]}" for row in WRONG])
def test_a_wrong_answer_is_told_its_slip(entry, source, says):
    if entry.key in json.loads(FILE.read_text()) and all_data().drawn:
        pytest.skip("the reference of an experiment, by which its slips are told, is of the real images")
    verdict = judge(entry, textwrap.dedent(source))
    assert verdict.state == "wrong", verdict
    assert says in repr(verdict), verdict


def refuse_declared(entry, monkeypatch) -> int:
    """Judges every slip that an exercise declares for a function, a number or a choice as the answer that it is.

    Each must be refused and told its own sentence. Nothing is trained for it. Returns how many there are.
    """
    run, module, told = Runner(1_000), getattr(check, entry.module), []

    def refused(says, part, *args, **settings):
        with pytest.raises(Wrong) as caught:
            part(*args, **settings)
        assert says in (caught.value.slip, caught.value.sentence)
        told.append(says)

    def compare(_, answer, calls, oracle, slips=None, **settings):
        calls = list(calls)
        for says, slip in (slips or {}).items():
            refused(says, judging.compare, run, slip, calls, oracle, slips, **settings)
        judging.compare(run, answer, calls, oracle, slips, **settings)

    def number(given, wanted, slips=None, **settings):
        for says, slip in (slips or {}).items():
            refused(says, judging.number, slip, wanted, slips, **settings)
        judging.number(given, wanted, slips, **settings)

    def choose(picked, right, others, **settings):
        for other, says in others.items():
            refused(says, judging.choose, other, right, others, **settings)
        judging.choose(picked, right, others, **settings)

    def measure(*args, **settings):
        raise ToDo

    for name, part in {"compare": compare, "number": number, "choose": choose, "measure": measure}.items():
        monkeypatch.setattr(module, name, part, raising=False)
    monkeypatch.setattr(module, "measure_all", measure, raising=False)
    _, answer, _ = cells_of(entry)
    verdict = judge(entry, answer.source)
    assert verdict.state in ("right", "to do"), verdict
    return len(told)


DECLARING = [entry for entry in ENTRIES if hasattr(getattr(check, entry.module), "compare")]


@pytest.mark.slow
@pytest.mark.parametrize("entry", DECLARING, ids=lambda entry: entry.key)
def test_every_slip_that_an_exercise_declares_is_refused_and_named(entry, monkeypatch):
    refuse_declared(entry, monkeypatch)


class Raising(nn.Module):
    """A network with a parameter whose forward pass always fails."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, X):
        raise RuntimeError("no way through")


# What may be handed over instead of an answer, or come back from one.
NONSENSE = {
    "nothing": None, "a number": 3, "nan": float("nan"), "huge": 10**400, "text": "ReLU", "list": [1, "a"],
    "dict": {1: 2}, "tensor": torch.zeros(2, 2), "empty": torch.zeros(0), "complex": torch.ones(1, 1, 2, 2) * 1j,
    "class": nn.ReLU, "layer": nn.Identity(), "linear": nn.Linear(2, 2), "raising": Raising(),
}  # fmt: skip


@pytest.mark.slow
@each_entry
def test_nonsense_is_refused_without_an_exception(entry):
    exercise = getattr(getattr(check, entry.module), entry.name)
    count = len(inspect.signature(exercise.judge).parameters) - 1
    for thing in NONSENSE.values():
        for answer in (thing, lambda *a, thing=thing, **k: thing):
            assert exercise(*[answer] * count).state in ("wrong", "to do")


@pytest.mark.slow
@each_entry
def test_an_answer_that_never_ends_is_stopped(entry, monkeypatch):
    """After ten seconds for learners, sooner here."""

    def endless(*args, **kwargs):
        while True:
            pass

    exercise = getattr(getattr(check, entry.module), entry.name)
    assert exercise.seconds == 10
    monkeypatch.setattr(exercise, "seconds", 0.2)
    monkeypatch.setattr(calling, "slowness", lambda: 1.0)
    count = len(inspect.signature(exercise.judge).parameters) - 1
    assert exercise(*[endless] * count).state == "wrong"


@each_chapter
def test_the_exercise_notebook_is_the_handout_of_the_solutions(notebook):
    made, there = exercises_of(EXERCISES / f"{notebook}.ipynb"), read(EXERCISES / f"{notebook}.ipynb")
    assert [(cell.id, cell.source, cell.metadata) for cell in made.cells] == [
        (cell.id, cell.source, cell.metadata) for cell in there.cells
    ]


@each_chapter
def test_solutions_explain(notebook):
    """Behind every check of a worked solution stands a reason, and in every chapter something is measured."""
    cells = read(SOLUTIONS / f"{notebook}.ipynb").cells
    reasons = [cell for cell in cells if cell.id.split("-")[-2:-1] == ["why"]]
    asked = [entry for entry in ENTRIES if entry.notebook == notebook]
    assert {cell.id.rsplit("-why", 1)[0] for cell in reasons} == {entry.name.replace("_", "-") for entry in asked}
    assert all("solution" in cell.metadata.tags for cell in reasons)
    assert sum("-shown-" in cell.id for cell in cells) >= len(asked) // 2


@each_chapter
def test_what_a_grader_needs(notebook):
    """Answers may be changed and are not graded, checks are locked and give one point."""
    for cell in code_cells(read(EXERCISES / f"{notebook}.ipynb")):
        if cell.id == "setup":
            continue
        grader = copy.deepcopy(dict(cell.metadata["nbgrader"]))
        judged = cell.id.endswith("-check")
        assert grader.pop("grade_id") == cell.id
        assert grader.pop("points", None) == (1 if judged else None)
        expected = {"grade": judged, "locked": judged, "solution": not judged, "schema_version": 3, "task": False}
        assert grader == expected
