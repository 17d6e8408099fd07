"""Every exercise of the course by chapter: its name, title, level (1 to 3) and minutes.

They stand where the exercise does, in the chapter's file, which is read here as text: to import it takes torch.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Entry(NamedTuple):
    """One exercise: `check.<module>.<name>` judges it, notebooks/exercises/<notebook>.ipynb asks it."""

    notebook: str
    module: str
    name: str
    title: str
    level: int
    minutes: int

    @property
    def key(self) -> str:
        """What it is called in the progress file.
        >>> find("padding", "out_size").key
        'padding.out_size'
        """
        return f"{self.module}.{self.name}"

    @property
    def stars(self) -> str:
        """Its level, drawn.
        >>> find("padding", "out_size").stars
        '★☆☆'
        """
        return "★" * self.level + "☆" * (3 - self.level)


# The notebooks that ask exercises, and the module of each that judges them.
CHAPTERS = [
    ("01-convolution", "convolution"),
    ("02-padding-stride", "padding"),
    ("03-channels", "channels"),
    ("04-pooling", "pooling"),
    ("05-lenet", "lenet"),
    ("06-alexnet", "alexnet"),
    ("07-vgg", "vgg"),
    ("08-nin", "nin"),
    ("09-googlenet", "googlenet"),
    ("10-batch-norm", "batch_norm"),
    ("11-resnet", "resnet"),
    ("12-densenet", "densenet"),
]


def declared(notebook: str, module: str) -> Iterator[Entry]:
    """The exercises of a chapter in the order of its file, read off their decorators `@exercise(title, level=…, minutes=…)`."""
    for node in ast.parse(Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8")).body:
        for decorator in getattr(node, "decorator_list", ()):
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "exercise":
                facts = {keyword.arg: ast.literal_eval(keyword.value) for keyword in decorator.keywords}
                title = ast.literal_eval(decorator.args[0])
                yield Entry(notebook, module, node.name, title, facts["level"], facts["minutes"])


ENTRIES = [entry for chapter in CHAPTERS for entry in declared(*chapter)]
MODULES = [module for _, module in CHAPTERS]


def find(module: str, name: str) -> Entry:
    """The entry of `check.<module>.<name>`. Raises KeyError when there is none."""
    for entry in ENTRIES:
        if (entry.module, entry.name) == (module, name):
            return entry
    raise KeyError(f"no exercise is called {module}.{name}; the catalogue lists all of them")
