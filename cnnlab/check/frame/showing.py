"""Values and calls as short text, and small grids as pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from cnnlab.check.frame.values import bare
from cnnlab.draw.svg import escaped

MOST_CELLS = 64  # a tensor up to this many numbers is written out
MOST_SIDE = 12  # a grid up to this side is drawn
POSITIVE, NEGATIVE = "0,112,78", "117,66,137"  # told apart by every common kind of colour blindness


@dataclass(frozen=True)
class Foreign:
    """What is left of a value of a class that checks do not know: the name of the class, and the value's text."""

    kind: str
    text: str

    def __repr__(self) -> str:
        return self.text


def sizes(shape: Iterable[int]) -> str:
    """A shape as text.
    >>> sizes((1, 3, 8, 8)), sizes(())
    ('1×3×8×8', '()')
    """
    return "×".join(map(str, shape)) or "()"


def value_text(value: object) -> str:
    """A value in one line.
    >>> value_text(torch.eye(2)), value_text(torch.zeros(3, 40, 40)), value_text(0.5)
    ('[[1, 0], [0, 1]]', 'tensor of shape 3×40×40, float32', '0.5')
    """
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        value = torch.as_tensor(value)
    if isinstance(value, torch.Tensor):
        if value.dim() <= 2 and 0 < value.numel() <= MOST_CELLS:
            return _nested(value.detach().tolist())
        return f"tensor of shape {sizes(value.shape)}, {str(value.dtype).removeprefix('torch.')}"
    value = bare(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Foreign):
        text = value.text
    elif isinstance(value, frozenset):
        text = repr(set(value)) if value else "set()"
    elif isinstance(value, nn.Module):
        text = f"a module {type(value).__name__}"
    else:
        text = _nested(value) if isinstance(value, list | tuple) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= 200 else text[:199] + "…"


def _nested(value: object) -> str:
    if isinstance(value, list | tuple):
        inside = ", ".join(map(_nested, value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' if len(value) == 1 else ''})"
    return f"{value:.4g}" if isinstance(value, float) else value_text(value)


def call_text(function: Callable | str, args: tuple, kwargs: dict) -> str:
    """A call as one would write it.
    >>> call_text("f", (7,), {"stride": 2})
    'f(7, stride=2)'
    """
    name = function if isinstance(function, str) else getattr(function, "__name__", "answer")
    parts = [*map(value_text, args), *(f"{key}={value_text(value)}" for key, value in kwargs.items())]
    return f"{name}({', '.join(parts)})"


def grids(got: object, wanted: object) -> str:
    """Two small grids side by side as HTML, what was given back and what was wanted; empty where they do not fit."""
    pair = [_as_grid(got), _as_grid(wanted)]
    if None in pair or not all(map(_fits, pair)):
        return ""
    largest = max((abs(number) for grid in pair for row in grid for number in row), default=0) or 1.0
    tables = [_table(title, grid, largest) for title, grid in zip(("given back", "wanted"), pair, strict=True)]
    return f'<div style="display:flex;gap:28px;flex-wrap:wrap;margin:8px 0 2px">{"".join(tables)}</div>'


def _as_grid(value: object) -> list[list[float]] | None:
    if not isinstance(value, torch.Tensor) or value.is_complex():
        return None
    value = value.detach()
    while value.dim() > 2 and value.shape[0] == 1:
        value = value[0]
    value = value[None] if value.dim() == 1 else value
    if value.dim() != 2 or not torch.isfinite(value.double()).all():
        return None
    return value.double().tolist()


def _fits(grid: list[list[float]]) -> bool:
    return 0 < len(grid) <= MOST_SIDE and 0 < len(grid[0]) <= MOST_SIDE


def _table(title: str, grid: list[list[float]], largest: float) -> str:
    rows = "".join("<tr>" + "".join(_cell(number, largest) for number in row) + "</tr>" for row in grid)
    label = f'<div style="font-size:12px;margin-bottom:3px">{escaped(title)}</div>'
    return f'<div>{label}<table style="table-layout:auto;border-collapse:collapse;margin:0">{rows}</table></div>'


def _cell(number: float, largest: float) -> str:
    ink = POSITIVE if number > 0 else NEGATIVE
    style = (
        f"background:rgba({ink},{0.45 * abs(number) / largest:.2f});border:1px solid rgba(128,128,128,.45);"
        "min-width:34px;height:26px;padding:0 4px;text-align:center;font-size:12px;"
        "color:var(--jp-ui-font-color1,#1f2329);font-variant-numeric:tabular-nums"
    )
    return f'<td style="{style}">{number:.3g}</td>'
