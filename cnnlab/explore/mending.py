"""What would make a network take its input again: changes that were traced and found to work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cnnlab import shapes
from cnnlab.explore.sketch import Changes

MOST = 6  # layers that may have to follow one change
INPUTS = {"in_channels": 1, "num_features": 1, "in_features": -1}  # setting: the axis of the input it has to be


def with_change(changes: Changes, name: str, settings: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """These changes and one more."""
    return {**changes, name: {**changes.get(name, {}), **settings}}


def follow(trace_of: Callable[[Changes], Any], changes: Changes, layers: Changes) -> tuple[Changes, str] | None:
    """Give every layer that refuses the channels that arrive, until none does; None where that does not help."""
    labels: list[str] = []
    for _ in range(MOST):
        found = trace_of(changes)
        if not found.failure:
            return changes, labels[0] if len(labels) == 1 else f"let {len(labels)} layers follow"
        last = found.rows[-1]
        given, settings = last.in_shape, {**layers.get(last.name, {}), **changes.get(last.name, {})}
        fix = next(
            (
                {name: given[axis]}
                for name, axis in INPUTS.items()
                if given and settings.get(name) not in (None, given[axis])
            ),
            None,
        )
        if fix is None:
            return None
        changes = with_change(changes, last.name, fix)
        labels.append(f"{last.name}: " + ", ".join(f"{name} = {value}" for name, value in fix.items()))
    return None


def refit(trace_of: Callable[[Changes], Any], changes: Changes, layers: Changes) -> Iterator[tuple[Changes, str]]:
    """Another kernel or padding for a layer whose window does not fit its map."""
    last = trace_of(changes).rows[-1]
    settings = {**layers.get(last.name, {}), **changes.get(last.name, {})}
    if "kernel_size" not in settings or not last.in_shape or len(last.in_shape) < 4:
        return
    own = settings["kernel_size"], settings["stride"], settings["padding"]
    for found in shapes.remedies(min(last.in_shape[2:]), *own, pool="Pool" in last.kind):
        fix = {{"kernel": "kernel_size"}.get(name, name): value for name, value in found.items()}
        if set(fix) <= set(settings):
            more = with_change(changes, last.name, fix)
            if not trace_of(more).failure:
                yield more, f"{last.name}: " + ", ".join(f"{name} = {value}" for name, value in fix.items())
