"""Weights from another implementation of the same network, such as a pretrained one of torchvision."""

from __future__ import annotations

import torch
from torch import Tensor, nn


@torch.no_grad()
def copy_weights(source: nn.Module, target: nn.Module) -> nn.Module:
    """Give `target` the weights and running statistics of `source`, layer by layer in order of definition.

    The layers may be called otherwise, what they hold may not differ: raises ValueError at the first pair where it
    does, before anything is changed. Returns `target`.
    """
    theirs, ours = _layers(source), _layers(target)
    if len(theirs) != len(ours):
        raise ValueError(f"{len(theirs)} layers with weights do not fit {len(ours)}; build both for the same network")
    pairs = list(zip(theirs.items(), ours.items(), strict=True))
    for (their_name, given), (our_name, wanted) in pairs:
        if _shapes(given) != _shapes(wanted):
            raise ValueError(
                f"{their_name} has {_text(given)} and {our_name} needs {_text(wanted)}; "
                "build both with the same channels, classes and image size"
            )
    for (_, given), (_, wanted) in pairs:
        for name, value in wanted.items():
            value.copy_(given[name])
    return target


def _layers(model: nn.Module) -> dict[str, dict[str, Tensor]]:
    """What each module holds itself, its children's left to them; modules that hold nothing are left out."""
    held = {
        name: {key: value for key, value in module.state_dict().items() if "." not in key}
        for name, module in model.named_modules()
    }
    return {name: values for name, values in held.items() if values}


def _shapes(values: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in values.items()}


def _text(values: dict[str, Tensor]) -> str:
    """
    >>> _text(nn.Linear(3, 2).state_dict())
    'weight 2×3, bias 2'
    """
    return ", ".join(f"{name} {'×'.join(map(str, value.shape))}".strip() for name, value in values.items())
