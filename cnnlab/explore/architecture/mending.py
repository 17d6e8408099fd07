"""What would make a network take its input again: changes that were traced and found to work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import gcd
from typing import Any

from cnnlab import shapes
from cnnlab.explore.architecture.sketch import Changes, advice
from cnnlab.explore.conv import transposed

MOST = 6  # layers that may have to follow one change
# Setting: the axis of the input it has to be.
INPUTS = {"in_channels": 1, "num_features": 1, "num_channels": 1, "in_features": -1}


def with_change(changes: Changes, name: str, settings: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """These changes and one more."""
    return {**changes, name: {**changes.get(name, {}), **settings}}


def mended(trace_of: Callable[[Changes], Any], changes: Changes, layers: Changes) -> Iterator[tuple[Changes, str]]:
    """Changes that work, each with a label: first the layers that refuse are given the channels that arrive, then the
    first of them gets another kernel, padding or number of groups, and the layers after it follow."""
    found = trace_of(changes)
    if not found.failure or not found.rows:
        return
    last = found.rows[-1]
    for fix in ({}, *_fixes(last, {**layers.get(last.name, {}), **changes.get(last.name, {})})):
        followed = _follow(trace_of, with_change(changes, last.name, fix) if fix else changes, layers)
        if followed:
            labels = ([_label(last.name, fix)] if fix else []) + followed[1]
            if len(labels) <= (2 if fix else 1):
                yield followed[0], "; ".join(labels)
            elif fix:
                yield followed[0], f"{labels[0]}; {len(labels) - 1} layers follow"
            else:
                yield followed[0], f"let {len(labels)} layers follow"


def _label(name: str, fix: Mapping[str, int]) -> str:
    return f"{name}: " + ", ".join(f"{setting} = {value}" for setting, value in fix.items())


def _follow(trace_of: Callable[[Changes], Any], changes: Changes, layers: Changes) -> tuple[Changes, list[str]] | None:
    """Give every layer that refuses the channels that arrive, until none does; None where that does not help."""
    labels: list[str] = []
    while True:
        found = trace_of(changes)
        if not found.failure:
            return changes, labels
        last = found.rows[-1] if found.rows else None
        if last is None or not last.in_shape or len(last.in_shape) < 2 or len(labels) == MOST:
            return None
        settings = {**layers.get(last.name, {}), **changes.get(last.name, {})}
        wanted = ((name, last.in_shape[axis]) for name, axis in INPUTS.items())
        fix = next((advice(settings, *each) for each in wanted if settings.get(each[0]) not in (None, each[1])), None)
        if fix is None:
            return None
        changes = with_change(changes, last.name, fix)
        labels.append(_label(last.name, fix))


def _fixes(row: Any, settings: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Other settings for a layer whose window does not fit its map, or whose groups do not divide its channels."""
    channels, groups = settings.get("out_channels", 0), settings.get("groups", 1)
    if channels % groups or settings.get("in_channels", 0) % groups:
        yield {"groups": gcd(settings.get("in_channels", groups), channels, groups)}
        yield {"out_channels": -(-channels // groups) * groups}
    if "kernel_size" not in settings or not row.in_shape or len(row.in_shape) < 3:
        return
    size, values = min(row.in_shape[2:]), {"padding": 0, "dilation": 1, **settings}
    if "output_padding" in settings:
        found = transposed.remedies(size, *(values[name] for name in transposed.NAMES[1:]))
    else:
        axis = (values[name] for name in ("kernel_size", "stride", "padding", "dilation"))
        found = shapes.remedies(size, *axis, pool="out_channels" not in settings)
    for remedy in found:
        fix = {{"kernel": "kernel_size"}.get(name, name): value for name, value in remedy.items()}
        if set(fix) <= set(settings):
            yield fix
