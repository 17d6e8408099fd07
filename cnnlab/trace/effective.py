"""The effective receptive field of a net: how much each input pixel really moves one unit. Luo et al. 2016."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from cnnlab.trace.modes import as_input, looked_at, tensors


def effective_field(
    model: nn.Module,
    layer: str,
    image_size: int | tuple[int, int],
    *,
    unit: tuple[int, int] | None = None,
    channels: int = 1,
    images: torch.Tensor | None = None,
    samples: int = 32,
    seed: int = 0,
) -> np.ndarray:
    """Mean size of the gradient of one unit by each input pixel, the largest scaled to 1.
    a model, the name of a layer in it -> (H, W) of 0 … 1

    `unit` is a (row, column) of that layer's map, its middle if left out. The images are `images` (B, C, H, W), or
    else `samples` of noise with `channels` channels. The model is left as it was: mode, gradients and hooks.
    """
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    noise = torch.Generator().manual_seed(seed)
    if images is None:
        images = torch.randn(samples, channels, height, width, generator=noise)
    if images.shape[2:] != (height, width):
        raise ValueError(
            f"images of {tuple(images.shape[2:])} are not of image_size {(height, width)}; give one size for both"
        )
    _check_named(model, layer)
    inputs = as_input(model, images).detach().requires_grad_()
    maps = _map_of(model, inputs, layer)
    row, column = _place(maps, unit, layer)
    # Every channel with a chance weight of its own, or two that see alike could cancel in all images.
    weights = torch.randn(maps.shape[:2], generator=noise).to(maps)
    (slopes,) = torch.autograd.grad((maps[:, :, row, column] * weights).sum(), inputs)
    field = slopes.abs().sum(1).mean(0).float().cpu().numpy()
    return field / field.max() if field.max() > 0 else field


def _check_named(model: nn.Module, layer: str) -> None:
    modules = dict(getattr(model, "_orig_mod", model).named_modules(remove_duplicate=False))
    if not layer or layer not in modules:
        known = ", ".join(name for name, module in modules.items() if name and not list(module.children()))
        raise ValueError(f"layer={layer!r} is not in the model; choose one of {known}")


def _map_of(model: nn.Module, inputs: torch.Tensor, layer: str) -> torch.Tensor:
    kept: list[torch.Tensor] = []

    def keep(_name: str, _inputs: tuple, out: object) -> None:
        kept[:] = [made.clone() for made in tensors(out)[:1]]  # a copy: the next layer may work in place

    # Evaluation mode, since dropout and batch statistics would blur the field.
    with looked_at(model, [layer], keep) as net, torch.enable_grad():
        net(inputs.clone())  # a first layer in place cannot write into what gradients are asked for
    if not kept or kept[0].ndim != 4:
        shape = tuple(kept[0].shape) if kept else None
        raise ValueError(f"layer={layer!r} puts out {shape}, which is no map (B, C, H, W); choose a layer before it")
    return kept[0]


def _place(maps: torch.Tensor, unit: tuple[int, int] | None, layer: str) -> tuple[int, int]:
    sides = maps.shape[2:]
    row, column = ((sides[0] - 1) // 2, (sides[1] - 1) // 2) if unit is None else unit
    if not (0 <= row < sides[0] and 0 <= column < sides[1]):
        raise ValueError(
            f"unit={unit!r} is outside the {sides[0]} × {sides[1]} map of {layer!r}; give a row and a column inside"
        )
    return row, column
