"""What a FeatureMapExplorer says of a channel: the kernel behind it, and the images that move it most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cnnlab.explore.features import probe
from cnnlab.explore.features.parts import Best, Kernels, Thumb, number

if TYPE_CHECKING:
    from cnnlab.explore.features.explorer import FeatureMapExplorer

MOST_KERNELS, MOST_IMAGES, MOST_NAMED = 8, 8, 4


def titled(layer: str) -> str:
    """A layer's name as it stands in a sentence; those of a Sequential are bare numbers.
    >>> titled("conv1"), titled("0")
    ('conv1', 'layer 0')
    """
    return f"layer {layer}" if layer.isdigit() else layer


def source_of(explorer: FeatureMapExplorer) -> tuple[str, str]:
    """Where the image comes from, and what it shows."""
    if explorer.photo:
        name = explorer.photo.name if len(explorer.photo.name) <= 22 else f"{explorer.photo.name[:21]}…"
        return f"uploaded: {name}", "right answer: not known"
    answer = explorer.answer or "not known"
    return f"image {explorer._shown:,} of {explorer.gallery.name}", f"right answer: {answer}"


def kernels_of(explorer: FeatureMapExplorer) -> Kernels:
    """The kernel of the chosen channel, the strongest input channels where there are many; or why there is none."""
    if explorer.error:
        return Kernels("")
    name = probe.kernel_layer(explorer.network, explorer.seen, explorer.layer)
    if name is None:
        return Kernels("no single kernel", notes=_several(explorer))
    weights, first, bias = probe.kernels(explorer.network, name, explorer.channel)
    power = (weights**2).sum(axis=(1, 2))
    kept = np.sort(np.argsort(-power, kind="stable")[:MOST_KERNELS])
    height, width = weights.shape[1:]
    short = titled(name) if len(name) <= 22 else f"…{name[-21:]}"
    rows = [(first + int(i), weights[i].tolist()) for i in kept]
    many = f", one for each of {len(weights)} input channels" if len(weights) > 1 else ""
    return Kernels(f"kernel of {short}", f"{height} × {width} weights{many}", rows, _notes(weights, power, kept, bias))


def _several(explorer: FeatureMapExplorer) -> list[str]:
    """Why there is no single kernel, and which layers have one."""
    layer, modules = explorer.layer, dict(explorer.network.named_modules())
    block = layer if any(modules[layer].children()) else layer.rpartition(".")[0]
    inside = [name for name in explorer.layers if name.startswith(f"{block}.")]
    inside = [name for name in inside if type(modules[name]).__name__ == "Conv2d"][:MOST_NAMED]
    notes = [f"{titled(layer)} puts together what several layers made."]
    return notes + [f"Kernels are in {', '.join(inside)}."] * bool(block and inside)


def _notes(weights: np.ndarray, power: np.ndarray, kept: np.ndarray, bias: float | None) -> list[str]:
    notes = []
    if len(kept) < len(weights):
        share = power[kept].sum() / power.sum() if power.sum() else 0
        notes.append(
            f"The {len(kept)} strongest of {len(weights):,} input channels, with {100 * share:.0f} % of the squared"
            " weights."
        )
    reach = number(float(abs(weights).max()))
    said = "no bias" if bias is None else f"bias {number(bias)}"
    notes.append(f"Green adds, purple takes away; the strongest weight has size {reach}; {said}.")
    return notes


def best_of(explorer: FeatureMapExplorer) -> Best:
    """The images that move the chosen channel most."""
    title = f"strongest of the first {explorer.searched:,} images"
    if explorer.error:
        there = "Choose an image and a channel that are there."
        return Best(title, note=there if explorer._finite else "Without finite numbers no image is the strongest.")
    found = explorer.best(MOST_IMAGES)
    if found[0][1] == 0:
        return Best(title, note="None of them moves this channel above 0: it is dead for these images.")
    shape = explorer.activations.shape
    thumbs = [
        Thumb(index, explorer._name(index) or "", explorer.gallery.pixels(index), value, place, shape)
        for index, value, place in found
    ]
    return Best(title, thumbs)
