"""A solution notebook -> the exercise notebook: answers become starters, explanations go.

The solution notebooks are the source. Cells tagged `solution` are left out; in the others what stands between
`### BEGIN SOLUTION` and `### END SOLUTION` is replaced: inside a function by `return ...`, at the top level by
`name = ...` for every name that was given a value there, or by nothing where there is none.
"""

from __future__ import annotations

import ast
import copy
import textwrap
from typing import Any

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
ONLY_SOLUTION = "solution"


def handout(notebook: Any, solutions: str = "") -> Any:
    """The exercise notebook, its cells not yet run. The given notebook stays as it is.

    solutions: where the worked solutions are; with it a link to them stands under the hints of every exercise.
    """
    notebook = copy.deepcopy(notebook)
    notebook.cells = [cell for cell in notebook.cells if ONLY_SOLUTION not in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source, cell.outputs, cell.execution_count = starter(cell.source), [], None
        elif solutions and cell.id.endswith("-hints"):
            cell.source += f"\n\n[Worked solution]({solutions})"
    return notebook


def starter(source: str) -> str:
    """The source with its solution regions replaced. Raises ValueError for a region that is not closed.
    >>> print(starter("def f(x):\\n    ### BEGIN SOLUTION\\n    return x + 1\\n    ### END SOLUTION"))
    def f(x):
        return ...
    """
    lines, region = [], None
    for line in source.splitlines():
        if line.strip() == BEGIN:
            if region is not None:
                raise ValueError("a solution region opens inside another; close the first")
            region = []
        elif line.strip() == END:
            if region is None:
                raise ValueError("a solution region closes that was never opened; write the line that opens it")
            indent = line[: len(line) - len(line.lstrip())]
            lines += [indent + text for text in replacement(region, bool(indent))]
            region = None
        elif region is None:
            lines.append(line)
        else:
            region.append(line)
    if region is not None:
        raise ValueError("a solution region is not closed; write the line that closes it")
    return "\n".join(lines).strip("\n")


def replacement(region: list[str], inside: bool) -> list[str]:
    """The lines that a learner finds in place of a region."""
    if inside:
        return ["return ..."]
    names = {}
    for node in ast.parse(textwrap.dedent("\n".join(region))).body:
        for target in node.targets if isinstance(node, ast.Assign) else []:
            names.update(dict.fromkeys(name.id for name in ast.walk(target) if isinstance(name, ast.Name)))
    return [f"{name} = ..." for name in names]
