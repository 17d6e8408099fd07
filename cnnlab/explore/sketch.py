"""A network on the meta device that can be changed layer by layer: shapes and costs without a single computation."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

# What may be changed of a layer, by the name of its class.
SETTINGS = {
    "Conv2d": ("kernel_size", "stride", "padding", "out_channels", "in_channels"),
    "MaxPool2d": ("kernel_size", "stride", "padding"),
    "AvgPool2d": ("kernel_size", "stride", "padding"),
    "Linear": ("out_features", "in_features"),
    "BatchNorm2d": ("num_features",),
}
LEAST = {"padding": 0}
WIDTHS = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0)

Changes = Mapping[str, Mapping[str, int]]


def named_model(name: str, size: int, width: float | None) -> Any:
    """A model of the course built for images of `size`, on the meta device."""
    import torch  # takes seconds, so only who shows a network waits

    from cnnlab import models

    settings = {} if width is None else {"width": width}
    with torch.device("meta"):
        return models.build(name, image_size=size, **settings)


def has_width(name: str) -> bool:
    """Whether a model of the course can be made narrower."""
    from cnnlab import models

    parameters = inspect.signature(models.MODELS[name]).parameters
    return "width" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def copied(model: Any) -> Any:
    """A copy of the model's structure; the model itself is never changed."""
    import torch

    from cnnlab.trace.stand_in import stand_in

    with torch.no_grad(), torch.device("meta"):
        return stand_in(model)[0]


def editable(model: Any) -> dict[str, dict[str, int]]:
    """The layers that can be changed, by name, with their settings as they are."""
    found = {}
    for name, module in model.named_modules():
        if type(module).__name__ in SETTINGS and name:
            found[name] = {key: _one(getattr(module, key)) for key in SETTINGS[type(module).__name__]}
    return found


def _one(value: Any) -> int:
    # A layer with two sides is shown by the larger; "same" padding by none.
    return max(value) if isinstance(value, tuple) else value if isinstance(value, int) else 0


def traced(model: Any, changes: Changes, shape: tuple[int, ...]) -> Any:
    """The Trace of the model with these changes; afterwards the model is as before."""
    from cnnlab.trace import trace

    before = {name: model.get_submodule(name) for name in changes}
    try:
        for name, settings in changes.items():
            model.set_submodule(name, changed(before[name], settings))
        return trace(model, shape)
    finally:
        for name, module in before.items():
            model.set_submodule(name, module)


def changed(layer: Any, settings: Mapping[str, int]) -> Any:
    """A layer like this one with other settings, on the meta device."""
    import torch

    kept = {name: getattr(layer, name) for name in inspect.signature(type(layer)).parameters if hasattr(layer, name)}
    if "bias" in kept:
        kept["bias"] = layer.bias is not None
    with torch.device("meta"):
        return type(layer)(**{**kept, **settings}).eval()
