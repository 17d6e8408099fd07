"""What has been changed of a network's layers, as a trait."""

from __future__ import annotations

from typing import Any, ClassVar

import traitlets

from cnnlab.explore import sketch


class Changes(traitlets.TraitType):
    """For each changed layer its new settings: {"conv1": {"kernel_size": 5}}."""

    default_value: ClassVar[dict[str, dict[str, int]]] = {}

    def validate(self, owner: Any, value: object) -> dict[str, dict[str, int]]:
        try:
            changes = {name: dict(settings) for name, settings in dict(value).items()}
        except (TypeError, ValueError):
            raise traitlets.TraitError(
                f"changes={value!r} will not do; give a dict of layers, as in {{'conv1': {{'kernel_size': 5}}}}"
            ) from None
        for name, settings in changes.items():
            known = owner.layers.get(name)
            if known is None:
                names = ", ".join(list(owner.layers)[:3])
                raise traitlets.TraitError(
                    f"layer {name!r} cannot be changed; choose one of the {len(owner.layers)} in `layers`: {names} …"
                )
            for setting, number in settings.items():
                least = sketch.LEAST.get(setting, 1)
                whole = isinstance(number, int) and not isinstance(number, bool)
                if setting not in known or not whole or number < least:
                    raise traitlets.TraitError(
                        f"{setting}={number!r} of {name} will not do; give {' or '.join(known)}, a whole number of at"
                        f" least {least}"
                    )
        # What is as before is no change.
        left = {name: {k: v for k, v in s.items() if v != owner.layers[name][k]} for name, s in changes.items()}
        return {name: settings for name, settings in left.items() if settings}
