"""How maps lie in memory while a network trains."""

from __future__ import annotations

import platform

import torch
from torch import nn

from cnnlab.trace.modes import modes_kept

MEASURED = ("x86_64", "amd64")
LANES = 16  # numbers that a processor takes at a time


def channels_last_pays(model: nn.Module, X: torch.Tensor) -> bool:
    """Whether training on images like X is faster with a pixel's channels side by side: for convolutions it is, on
    CUDA cards and on the processors that were measured, those of the x86 family.

    Not for batch norms too narrow for a processor's 16 lanes: backward, theirs took forty times as long. They decide
    where they hold a third or more of all that is normalised.
    """
    if X.device.type != "cpu":
        return X.device.type == "cuda"
    if platform.machine().lower() not in MEASURED:
        return False
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    if all(norm.num_features >= LANES for norm in norms):
        return True
    values = {True: 0, False: 0}  # narrow or not: how many are normalised

    def count(norm: nn.BatchNorm2d, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        values[norm.num_features < LANES] += output.numel()

    hooks = [norm.register_forward_hook(count) for norm in norms]
    try:
        with modes_kept(model), torch.no_grad():
            model.eval()(X)
    finally:
        for hook in hooks:
            hook.remove()
    return 3 * values[True] < sum(values.values())
