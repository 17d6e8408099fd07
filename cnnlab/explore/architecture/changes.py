"""What has been changed of a network's layers, as a trait."""

from __future__ import annotations

import operator
from typing import Any, ClassVar

import traitlets

from cnnlab.explore.architecture import sketch
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
