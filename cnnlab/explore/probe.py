"""What a network's layers make of images: maps, scores, and which image of many moves a channel most.

torch is loaded by the first call, not with the module. The network is left as it was: mode, hooks, weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import nn

BATCH = 100  # images at a time
# Layers that keep every channel to itself, so that the kernel before them is still the one that made it.
THROUGH = ("ReLU", "ReLU6", "LeakyReLU", "GELU", "Sigmoid", "Tanh", "BatchNorm2d", "MaxPool2d", "AvgPool2d")
THROUGH += ("AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "Dropout", "Dropout2d", "Identity")


@dataclass(frozen=True, eq=False)
class Look:
    """One image in a network: the map (C, H, W) of each layer, the ten scores, and whose output each layer read."""

    maps: dict[str, np.ndarray]
    scores: np.ndarray | None
    source: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Strongest:
    """For every image and channel the largest activation and where in the map it is: both (N, C)."""

    values: np.ndarray
    places: np.ndarray

    def of(self, channel: int, count: int) -> list[tuple[int, float, int]]:
        """The images with the largest maxima as (image, activation, place); of equals the earlier one comes first."""
        values = self.values[:, channel]
        order = np.argsort(-values, kind="stable")[:count]
        return [(int(i), float(values[i]), int(self.places[i, channel])) for i in order]


def map_layers(model: nn.Module, shape: tuple[int, ...]) -> list[str]:
    """The layers whose output is a map of more than one pixel, by their names in a trace.

    Raises ValueError where the network cannot take such an image or has no map.
    """
    from cnnlab.trace import trace

    rows = trace(model, shape)
    if rows.failure:
        raise ValueError(f"{rows.failure}; give images of the size that the network was made for")
    maps = [row for row in rows if row.out_shape and len(row.out_shape) == 4 and row.out_shape[2:] != (1, 1)]
    names = list(dict.fromkeys(row.name for row in maps if row.name != "(model)"))
    if not names:
        raise ValueError(f"no layer of {type(model).__name__} puts out a map; give a network with convolutions")
    return names


@contextmanager
def watching(model: nn.Module, names: list[str], keep: Callable[[str, tuple, torch.Tensor], None]) -> Iterator[None]:
    """Evaluation mode without gradients inside, `keep` told of every output of the named layers; all is given back."""
    import torch

    modes = [(module, module.training) for module in model.modules()]
    hooks = []
    try:
        model.eval()
        for name in names:
            told = lambda _, given, out, name=name: keep(name, given, out)  # noqa: E731
            hooks.append(model.get_submodule(name).register_forward_hook(told))
        with torch.no_grad():
            yield
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes:
            module.training = training


def look(model: nn.Module, X: torch.Tensor, names: list[str]) -> Look:
    """What the network makes of one image. (C, H, W) -> Look."""
    makers, kept, source, alive = {}, {}, {}, []

    def keep(name: str, given: tuple, out: torch.Tensor) -> None:
        source[name] = makers.get(id(given[0])) if given else None
        makers[id(out)] = name
        alive.append(out)  # or another tensor could get its id
        kept[name] = out[0].float().cpu().numpy().copy()  # a copy: the next layer may work in place

    with watching(model, names, keep):
        out = model(_like(model, X[None]))
    scores = out[0].float().softmax(dim=0).cpu().numpy() if out.ndim == 2 else None
    return Look(kept, scores, source)


def strongest(model: nn.Module, images: object, count: int, names: list[str]) -> dict[str, Strongest]:
    """For each named layer, what each of the first `count` images (of cnnlab.data) moves most. One pass over them."""
    import torch

    values: dict[str, list] = {name: [] for name in names}
    places: dict[str, list] = {name: [] for name in names}
    batch: dict[str, tuple] = {}

    def keep(name: str, given: tuple, out: torch.Tensor) -> None:
        batch[name] = out.flatten(2).max(dim=2)  # of a layer called twice the last call counts, as in a Look

    with watching(model, names, keep):
        for first in range(0, min(count, len(images)), BATCH):
            stop = min(count, len(images), first + BATCH)
            model(_like(model, images.prepare(images.images[first:stop], torch.Generator())))
            for name in names:
                values[name].append(batch[name].values.float().cpu().numpy())
                places[name].append(batch[name].indices.cpu().numpy())
    return {name: Strongest(np.concatenate(values[name]), np.concatenate(places[name])) for name in names}


def kernel_layer(model: nn.Module, seen: Look, name: str) -> str | None:
    """The convolution whose kernel made the channels of this layer; None where several layers did."""
    passed = set()  # a layer called twice could lead in a circle
    while name is not None and type(model.get_submodule(name)).__name__ in THROUGH:
        before = seen.source[name]
        if before in passed or (before is not None and len(seen.maps[before]) != len(seen.maps[name])):
            return None
        passed.add(name)
        name = before
    return name if name is not None and type(model.get_submodule(name)).__name__ == "Conv2d" else None


def kernels(model: nn.Module, layer: str, channel: int) -> tuple[np.ndarray, int, float | None]:
    """The kernels (inputs, k_h, k_w) of one output channel, the first input channel they read, and the bias."""
    module = model.get_submodule(layer)
    weight = module.weight.detach()[channel].float().cpu().numpy()
    first = channel // (module.out_channels // module.groups) * len(weight)
    return weight, first, None if module.bias is None else float(module.bias.detach()[channel])


def weights_version(model: nn.Module) -> tuple:
    """Changes whenever a weight or a statistic is written, as in a step of training."""
    return tuple((id(t), t._version) for t in (*model.parameters(), *model.buffers()))


def _like(model: nn.Module, X: torch.Tensor) -> torch.Tensor:
    like = next(model.parameters(), X)
    return X.to(like.device, like.dtype)
