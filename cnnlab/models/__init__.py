"""The networks of the course, by name.

models.build("lenet", in_channels=1, num_classes=10)
"""

from __future__ import annotations

from torch import nn

from cnnlab.models.lenet import LeNet, lenet, lenet_max

MODELS = {
    "lenet": lenet,
    "lenet_max": lenet_max,
}

__all__ = ["MODELS", "LeNet", "build", "lenet", "lenet_max"]


def build(name: str, **settings) -> nn.Module:
    """A network of the course by its name, e.g. build("lenet", num_classes=10). Raises ValueError for others."""
    if name not in MODELS:
        raise ValueError(f"model {name!r} is not in the course; choose one of {', '.join(MODELS)}")
    return MODELS[name](**settings)
