"""Finds out an answer of an earlier run, whose cell has failed since: SyntaxError above, and a verdict on the old one."""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import sys
from types import FunctionType
from typing import Any

ASSIGNED = r"^(?:async\s+)?(?:def|class)\s+{0}\b|^(?:\w+\s*[,=]\s*)*{0}\s*(?:,\s*\w+\s*)*=(?!=)"


def not_run(checker: str, answers: tuple) -> str:
    """One sentence where the last cell that defines an answer did not run to that definition; empty where it did.

    checker: the call that judges, as in "padding.out_size". Outside of IPython nothing is known, and nothing is said.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    cells = shell.user_ns.get("In", [""]) if shell else [""]
    for name, answer in zip(_names(cells[-1], checker), answers, strict=False):
        source = next((cell for cell in reversed(cells[:-1]) if _defines(cell, name)), None)
        if source is not None and _stale(shell, source, name, answer):
            return (
                f"The last cell that defines {name} did not run: an error stands below it, and {name} is still that of an "
                "earlier run. Correct the error, run that cell, then run this check."
            )
    return ""


def _names(cell: str, checker: str) -> list[str]:
    """The names that the check's own cell hands over."""
    try:
        calls = [node for node in ast.walk(ast.parse(cell)) if isinstance(node, ast.Call)]
    except SyntaxError:  # magics
        return []
    for node in calls:
        if ast.unparse(node.func).endswith(checker):
            return [argument.id if isinstance(argument, ast.Name) else "" for argument in node.args]
    return []


def _defines(cell: str, name: str) -> bool:
    """Whether the text, which may be broken, gives that name a value at its top level."""
    return bool(name) and re.search(ASSIGNED.format(re.escape(name)), cell, re.MULTILINE) is not None


def _stale(shell: Any, cell: str, name: str, answer: object) -> bool:
    try:
        text = shell.transform_cell(cell)
        tree = ast.parse(text)
    except SyntaxError:
        return True
    node = next((node for node in reversed(tree.body) if _binds(node, name)), None)
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        defined = _cell_of(answer)
        return bool(defined) and defined.strip() != text.strip()
    try:
        value = ast.literal_eval(node.value) if isinstance(node, ast.Assign) else answer
        single = isinstance(node, ast.Assign) and all(isinstance(target, ast.Name) for target in node.targets)
        return single and type(value) is type(answer) and value != answer
    except ValueError:
        return False  # computed: what came out is not known


def _binds(node: ast.stmt, name: str) -> bool:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name == name
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(part, ast.Name) and part.id == name for target in targets for part in ast.walk(target))


def _cell_of(answer: object) -> str:
    """The text of the cell in which a function or a class was defined; empty where that is not known."""
    if isinstance(answer, type):
        own = (value for value in vars(answer).values() if isinstance(value, FunctionType))
        answer = next((f for f in own if f.__qualname__.startswith(answer.__qualname__)), None)
    answer = inspect.unwrap(answer) if callable(answer) else None
    return "".join(linecache.getlines(answer.__code__.co_filename)) if isinstance(answer, FunctionType) else ""
