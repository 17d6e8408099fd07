"""The exercises as a course of nbgrader: one assignment a chapter, handed out, graded and exported by nbgrader itself.

nbgrader is an optional extra, `cnnlab[teach]`. Making the folder needs no more than the solution notebooks.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from cnnlab.check.teach.handout import handout

CONFIG = """from cnnlab.check.teach.course import configure

configure(get_config())
"""
CELL_SECONDS = 120  # a check stops an answer after 10 s by itself; this is for a cell that hangs outside of one


def make_course(folder: Path, solutions: Path) -> list[str]:
    """Write nbgrader_config.py and source/NN-name/NN-name.ipynb of every solution notebook into `folder`.

    Returns the names of the assignments. What is there already is kept, but for the notebooks of that name.
    Raises FileNotFoundError where `solutions` has no notebooks.
    """
    notebooks = sorted(solutions.glob("*.ipynb"))
    if not notebooks:
        raise FileNotFoundError(f"{solutions} has no notebooks; name the folder of the worked solutions")
    for path in notebooks:
        (folder / "source" / path.stem).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / "source" / path.stem / path.name)
    config = folder / "nbgrader_config.py"
    if not config.exists():
        config.write_text(CONFIG, encoding="utf-8")
    return [path.stem for path in notebooks]


def configure(config: Any) -> None:
    """nbgrader's settings for this course: our rule for handouts, and time for a cell."""
    from nbgrader import preprocessors as theirs

    class Handout(theirs.NbGraderPreprocessor):
        """In place of ClearSolutions, whose one stub cannot suit both a function and a name."""

        def preprocess(self, notebook, resources):
            return handout(notebook), resources

    config.CourseDirectory.course_id = "cnnlab"
    config.GenerateAssignment.preprocessors = [
        theirs.IncludeHeaderFooter,
        Handout,
        theirs.LockCells,
        theirs.ClearOutput,
        theirs.CheckCellMetadata,
        theirs.ComputeChecksums,
        theirs.SaveCells,
    ]
    config.Execute.timeout = CELL_SECONDS
