"""What a value is, whatever it is made of: a truth value, a number or a collection of Python, NumPy or PyTorch."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Rational, Real

import numpy as np
import torch


def bare(value: object) -> object:
    """A 0-dimensional or one-element array or tensor as Python's own value; everything else as it is.
    >>> bare(torch.tensor([3])), bare(np.float32(0.5)), bare(np.bool_(True)), bare("a")
    (3, 0.5, True, 'a')
    """
    if isinstance(value, torch.Tensor):
        return value.detach().item() if value.numel() == 1 and not value.is_meta else value
    if isinstance(value, np.ndarray | np.generic):
        return value.item() if value.size == 1 else value
    return value


def as_truth(value: object) -> bool | None:
    """True or False, or None for what is no truth value.
    >>> as_truth(torch.tensor([True])), as_truth(np.bool_(False)), as_truth(1)
    (True, False, None)
    """
    value = bare(value)
    return value if isinstance(value, bool) else None


def as_number(value: object) -> int | float | None:
    """A real number as int or float, or None for what is none; a truth value is none. A whole fraction is an int.
    >>> from fractions import Fraction
    >>> as_number(torch.tensor(3)), as_number(np.float32(0.5)), as_number(Fraction(49, 9)), as_number(True)
    (3, 0.5, 5.444444444444445, None)
    """
    value = bare(value)
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    if isinstance(value, Integral) or (isinstance(value, Rational) and value.denominator == 1):
        return int(value)
    return float(value)


def as_items(value: object) -> list | None:
    """The items of a list, tuple, set, range, array or tensor, or None for what is no collection.
    >>> as_items(range(3)), as_items(torch.tensor([1, 2])), as_items(frozenset({5})), as_items("ab")
    ([0, 1, 2], [1, 2], [5], None)
    """
    if isinstance(value, torch.Tensor | np.ndarray):
        return value.tolist() if len(value.shape) > 0 else None
    if isinstance(value, set | frozenset):
        # A set has no order; the usual one makes it comparable.
        return sorted(value) if all(as_number(item) is not None for item in value) else list(value)
    if isinstance(value, list | tuple | range | type({}.keys()) | type({}.values())):
        return list(value)
    return None


def as_numbers(value: object) -> list[int | float] | None:
    """The items of a collection as numbers, or None where it is none or holds anything else.
    >>> as_numbers((torch.tensor(1.5), np.int64(2))), as_numbers(["a"])
    ([1.5, 2], None)
    """
    items = as_items(value)
    numbers = [as_number(item) for item in items] if items is not None else [None]
    return None if None in numbers else numbers


def as_tensor(value: object) -> object:
    """An array of numbers as a tensor; everything else as it is.
    >>> as_tensor(np.ones(2)), as_tensor([1, 2])
    (tensor([1., 1.], dtype=torch.float64), [1, 2])
    """
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufc":
        return torch.as_tensor(np.ascontiguousarray(value)) if value.shape else torch.tensor(value.item())
    return value


def is_one_of(value: object, choices: Iterable[str]) -> bool:
    """Whether the value is one of these texts; values that cannot be compared are not."""
    return isinstance(value, str) and str(value) in list(choices)
