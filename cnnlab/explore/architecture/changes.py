"""What has been changed of a network's layers, as a trait, and what would make it take its input again."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from math import gcd
from typing import Any, ClassVar

import traitlets

from cnnlab import shapes
from cnnlab.explore.architecture import sketch
from cnnlab.explore.conv import transposed
from cnnlab.explore.kit.settings import said


class Changes(traitlets.TraitType):
    """For each changed layer its new settings: {"conv1": {"kernel_size": 5}}."""

    default_value: ClassVar[dict[str, dict[str, int]]] = {}

    def validate(self, owner: Any, value: object) -> dict[str, dict[str, int]]:
        try:
            changes = {name: dict(settings) for name, settings in dict(value).items()}
        except (TypeError, ValueError):
            raise traitlets.TraitError(
                f"changes={said(value)} will not do; give a dict of layers, as in {{'conv1': {{'kernel_size': 5}}}}"
            ) from None
        layers, left = owner.layers if changes else {}, {}
        for name, settings in changes.items():
            if name not in layers:
                names = ", ".join(list(layers)[:3])
                choose = f"choose one of the {len(layers)} in `layers`: {names} …" if names else "this network has none"
                raise traitlets.TraitError(f"layer {said(name)} cannot be changed; {choose}")
            layer, known = sketch.module_at(owner.model, name), layers[name]
            numbers = {setting: _number(name, setting, number, known) for setting, number in settings.items()}
            # What is as before is no change.
            left[name] = {key: number for key, number in numbers.items() if not sketch.is_so(layer, key, number)}
        return {name: settings for name, settings in left.items() if settings}


def _number(name: str, setting: str, value: object, known: dict[str, int]) -> int:
    least = sketch.LEAST.get(setting, 1)
    whole = not isinstance(value, bool) and hasattr(value, "__index__")
    if setting not in known or not whole or operator.index(value) < least:
        raise traitlets.TraitError(
            f"{setting}={said(value)} of {name} will not do; give {' or '.join(known)}, a whole number of at least"
            f" {least}"
        )
    return operator.index(value)


# ---- changes that were traced and work -------------------------------------------------------------------------------


MOST = 6  # layers that may have to follow one change
# Setting: the axis of the input it has to be.
INPUTS = {"in_channels": 1, "num_features": 1, "num_channels": 1, "in_features": -1}


def with_change(changes: sketch.Changes, name: str, settings: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """These changes and one more."""
    return {**changes, name: {**changes.get(name, {}), **settings}}


def mended(
    trace_of: Callable[[sketch.Changes], Any], changes: sketch.Changes, layers: sketch.Changes
) -> Iterator[tuple[sketch.Changes, str]]:
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


def _follow(
    trace_of: Callable[[sketch.Changes], Any], changes: sketch.Changes, layers: sketch.Changes
) -> tuple[sketch.Changes, list[str]] | None:
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
        fix = next(
            (sketch.advice(settings, *each) for each in wanted if settings.get(each[0]) not in (None, each[1])), None
        )
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
    yield from (fix for fix in found if set(fix) <= set(settings))
