"""A setting that is one of a few names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def choose(what: str, name: str, table: Mapping[str, T]) -> T:
    """The entry of that name; raises ValueError with the names there are.
    >>> choose("stem", "small", {"paper": 7, "small": 3})
    3
    """
    if name not in table:
        raise ValueError(f"{what} {name!r} is not one of {', '.join(table)}")
    return table[name]
