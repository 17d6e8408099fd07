"""`fit` for tests that judge many answers with the same training: what was trained once in a process is remembered.

A training is the same where network, first weights, images, settings and the answer's other code are the same; it then
leaves the same weights, history and notes. Everything else about an answer runs as it is.
"""

from __future__ import annotations

import ast
import copy
import hashlib
import pickle

import torch
from torch import nn

import cnnlab.train
from cnnlab.check.frame.watched import Notes
from cnnlab.data import FashionMNIST, Images


class Remembered:
    """Stands in for `fit`. other_code: what the answer defines beside the function that trains."""

    def __init__(self, fit):
        self.fit, self.known, self.other_code = fit, {}, ""
        self.__wrapped__ = fit  # its signature is asked for

    def __call__(self, model: nn.Module, data: FashionMNIST, *args, **settings):
        if hooked(model):
            return self.fit(model, data, *args, **settings)
        key = fingerprint(self.other_code, described(model), images(data.train), images(data.valid), args, settings)
        notes = vars(data.train).get("notes", Notes())
        if key in self.known:
            weights, history, then = self.known[key]
            model.load_state_dict(weights)
            add(notes, then)
            return copy.deepcopy(history)
        before, mine = dict(vars(notes)), Notes()
        vars(notes).update(vars(mine))
        try:
            history = self.fit(model, data, *args, **settings)
        finally:
            vars(mine).update(vars(notes))
            vars(notes).update(before)
            add(notes, mine)
        self.known[key] = copy.deepcopy(model.state_dict()), copy.deepcopy(history), mine
        return history


def add(notes: Notes, then: Notes) -> None:
    """What a training noted, added to what was noted before it."""
    for name, sizes in then.sizes.items():
        notes.sizes.setdefault(name, set()).update(sizes)
    notes.steps += then.steps
    notes.parameters = max(notes.parameters, then.parameters)
    notes.start = then.start if notes.start is None else notes.start
    notes.dropped |= then.dropped
    notes.masks |= then.masks


def hooked(model: nn.Module) -> bool:
    names = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(vars(part).get(name) for part in model.modules() for name in names)


def described(model: nn.Module) -> list:
    """The network as text, every attribute of its parts, which weights are trained, and all weights."""
    kept = [
        (type(part).__qualname__, name, told)
        for part in model.modules()
        for name, value in vars(part).items()
        if not name.startswith("_") and (told := as_text(value))
    ]
    trained = [name for name, value in model.named_parameters() if value.requires_grad]
    return [repr(model), kept, trained, [(name, value.numpy().tobytes()) for name, value in model.state_dict().items()]]


def as_text(value: object) -> str:
    """A setting, or a function with what it remembers; nothing for tensors and containers of modules."""
    if isinstance(value, bool | int | float | str | tuple | None):
        return repr(value)
    code = getattr(value, "__code__", None)
    held = [as_text(cell.cell_contents) for cell in getattr(value, "__closure__", None) or ()]
    return (
        f"{getattr(value, '__qualname__', '')} {code and (code.co_code, code.co_consts, held)}"
        if callable(value)
        else ""
    )


def images(split: Images) -> list:
    fields = {name: value for name, value in vars(split).items() if name not in ("images", "labels", "notes")}
    return [fields, split.labels.numpy().tobytes(), vars(split)["images"].numpy().tobytes()]


def fingerprint(*parts) -> str:
    return hashlib.sha256(pickle.dumps([parts, torch.get_default_dtype()])).hexdigest()


def beside_training(source: str) -> str:
    """The functions and classes of an answer cell, but for the functions that call `fit`."""
    defined = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return "\n".join(ast.dump(node) for node in defined if "fit" not in names(node))


def names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


TRAININGS = Remembered(cnnlab.train.fit)
