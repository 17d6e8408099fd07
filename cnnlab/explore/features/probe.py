"""What a network's layers make of images: maps, scores, and which image of many moves a channel most.

torch is loaded by the first call, not with the module. The network is left as it was: modes, hooks, weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from cnnlab.trace.modes import as_input, looked_at, tensors

if TYPE_CHECKING:
    import torch
    from torch import nn

    from cnnlab.explore.features.gallery import Gallery

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
def watching(
    model: nn.Module, names: list[str], keep: Callable[[str, tuple, torch.Tensor], None]
) -> Iterator[nn.Module]:
    """Evaluation mode without gradients inside, `keep` told of the first tensor that each of the named layers puts out.

    The model to call is what `with` gives; modes, hooks and generators are given back.
    """
    import torch

    def told(name: str, given: tuple, out: object) -> None:
        for made in tensors(out)[:1]:
            keep(name, given, made)

    with looked_at(model, names, told) as net, torch.no_grad():
        yield net


def look(model: nn.Module, X: torch.Tensor, names: list[str]) -> Look:
    """What the network makes of one image. (C, H, W) -> Look."""
    makers, kept, source, alive = {}, {}, {}, []

    def keep(name: str, given: tuple, out: torch.Tensor) -> None:
        read = tensors(given)
        source[name] = makers.get(id(read[0])) if read else None
        makers[id(out)] = name
        alive.append(out)  # or another tensor could get its id
        kept[name] = out[0].float().cpu().numpy().copy()  # a copy: the next layer may work in place

    with watching(model, names, keep) as net:
        found = tensors(net(as_input(net, X[None])))
    scores = next((t[0] for t in found if t.ndim == 2 and len(t) == 1 and t.is_floating_point()), None)
    return Look(kept, None if scores is None else scores.float().softmax(dim=0).cpu().numpy(), source)


def strongest(model: nn.Module, images: Gallery, count: int, names: list[str]) -> dict[str, Strongest]:
    """For each named layer, what each of the first `count` images moves most. One pass over them."""
    values: dict[str, list] = {name: [] for name in names}
    places: dict[str, list] = {name: [] for name in names}
    batch: dict[str, tuple] = {}

    def keep(name: str, given: tuple, out: torch.Tensor) -> None:
        batch[name] = out.flatten(2).max(dim=2)  # of a layer called twice the last call counts, as in a Look

    with watching(model, names, keep) as net:
        for first in range(0, min(count, len(images)), BATCH):
            net(as_input(net, images.inputs(first, min(count, len(images), first + BATCH))))
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
    weight = module.weight.detach()[channel].float().cpu().numpy().copy()  # a step of training writes into the weight
    first = channel // (module.out_channels // module.groups) * len(weight)
    return weight, first, None if module.bias is None else float(module.bias.detach()[channel])


def weights_version(model: nn.Module) -> tuple:
    """Changes whenever a weight or a statistic is written, as in a step of training."""
    return tuple((id(t), t._version) for t in (*model.parameters(), *model.buffers()))
