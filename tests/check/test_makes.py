"""Every worked solution, its results rewritten in the makes that learners hand over: still right."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab import check
from cnnlab.check.catalogue import ENTRIES
from cnnlab.data import FashionMNIST
from tests.check.test_exercises import cells_of, own_progress  # noqa: F401 - a fixture
from tests.remembered import TRAININGS, beside_training

# One way to write a truth value, a whole number, a number and a collection each; how exact a tensor's numbers are.
MAKES = {
    "numpy": {
        "bool": np.bool_, "int": np.int64, "float": np.float64,
        "list": np.array, "tuple": list, "set": frozenset, "tensor": torch.Tensor.float,
    },
    "torch": {
        "bool": torch.tensor, "int": torch.tensor, "float": torch.tensor,
        "list": tuple, "tuple": torch.tensor, "set": list, "tensor": torch.Tensor.double,
    },
    "one element": {
        "bool": lambda x: torch.tensor([x]), "int": lambda x: np.array([x]), "float": lambda x: torch.tensor([[x]]),
        "list": torch.tensor, "tuple": np.array, "set": tuple,
        "tensor": lambda x: x if x.requires_grad else x.numpy(),
    },
    "exact": {
        "bool": lambda x: torch.tensor(x)[None], "int": Fraction, "float": Fraction,
        "list": iter, "tuple": list, "set": lambda x: dict.fromkeys(x).keys(), "tensor": lambda x: x,
    },
    "float32": {
        "bool": np.array, "int": lambda x: np.int32(x) if abs(x) < 2**31 else np.int64(x), "float": np.float32,
        "list": list, "tuple": tuple, "set": set, "tensor": torch.Tensor.float,
    },
}  # fmt: skip


def remade(value, make):
    """The value with everything in it written in that make."""
    if isinstance(value, bool | int | float):
        return make[type(value).__name__](value)
    if isinstance(value, torch.Tensor):
        return make["tensor"](value) if value.is_floating_point() else value
    if isinstance(value, str):
        return np.str_(value)
    if isinstance(value, list | tuple | set | frozenset):
        kind = "set" if isinstance(value, set | frozenset) else type(value).__name__
        plain = bool(value) and all(isinstance(item, int | float) for item in value)
        mixed = plain and len(set(map(type, value))) > 1  # an array would turn whole numbers into floats
        if plain and not mixed:
            return make[kind](value)
        items = [remade(item, make) for item in value]
        return tuple(items) if kind == "tuple" else items
    if isinstance(value, dict):
        return {key: remade(item, make) for key, item in value.items()}
    return value


class Remade:
    """An answer whose results are rewritten. What was trained once is remembered; the images are read all the same.

    written: whether a make has written anything in another way. Networks stay as they are.
    """

    def __init__(self, answer):
        self.answer, self.known, self.make, self.written = answer, {}, None, False
        self.__name__ = answer.__name__

    def __call__(self, *args, **kwargs):
        images = next((value for value in args if isinstance(value, FashionMNIST)), None)
        if images is None:
            return self.remade(self.answer(*args, **kwargs))
        key = repr(args[:-1])
        if key not in self.known:
            self.known[key] = self.answer(*args, **kwargs)
        for part in (images.train, images.valid):
            next(part.batches(2))
        return self.remade(self.known[key])

    def remade(self, value):
        made = remade(value, self.make)
        self.written |= made is not value
        return made


@pytest.mark.slow
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.key)
def test_a_right_answer_is_right_in_every_make(entry):
    setup, answer, judged = cells_of(entry)
    names, wrapped, TRAININGS.other_code = {}, [], beside_training(answer.source)
    for cell in (setup, answer):
        exec(compile(cell.source, entry.key, "exec"), names)
    exercise = getattr(getattr(check, entry.module), entry.name)
    given = judged.source[judged.source.index("(") + 1 : judged.source.rindex(")")].split(", ")
    values = {name: names[name] for name in given}
    for name, value in values.items():
        if callable(value) and not isinstance(value, type | nn.Module):
            names[name] = Remade(value)
            wrapped.append(names[name])
    for label, make in MAKES.items():
        for each in wrapped:
            each.make = make
        for name, value in values.items():
            if not callable(value):
                names[name] = remade(value, make)
        exec(judged.source, names)
        assert exercise.verdict.right, (label, exercise.verdict)
        if len(wrapped) == len(values) and not any(each.written for each in wrapped):
            break  # every make is the answer as it is


def test_the_makes_differ():
    """A make that left everything as it is would test nothing."""
    written = {label: repr(remade([True, 3, 0.5, (1, 2), torch.ones(1)], make)) for label, make in MAKES.items()}
    assert all(a != b for a, b in itertools.combinations(written.values(), 2))
