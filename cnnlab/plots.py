"""Figures in matplotlib: images, kernels, feature maps, curves. Each takes axes where it can and returns them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import nn

from cnnlab.draw.curve import TRAIN, VALID
from cnnlab.trace.modes import as_input, looked_at, tensors

CELL = 1.15  # inches a small picture
WIDEST = 11.5  # inches a figure: wider ones are shrunk by the notebook until their titles cannot be read


def grid(count: int, columns: int, title: str = "", captions: bool = False, cell: float = CELL) -> list[Axes]:
    """`count` bare axes in rows of `columns`, with room for a caption over each where there are captions."""
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    cell = min(cell, WIDEST / columns)
    height = (cell + 0.2 * captions) * rows + 0.35 * bool(title)
    figure, axes = plt.subplots(rows, columns, figsize=(cell * columns, height), squeeze=False, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    if title:
        figure.suptitle(title, fontsize=11)
    for ax in axes.flat:
        ax.set_axis_off()
    return list(axes.flat[:count])


def show_image(image, title: str = "", ax: Axes | None = None, signed: bool = False) -> Axes:
    """One (H, W) or (1, H, W) image in grey; `signed` centres zero in the middle of red and blue."""
    pixels = np.asarray(torch.as_tensor(image).detach().float().cpu())
    pixels = pixels.reshape(pixels.shape[-2:])
    if ax is None:
        (ax,) = grid(1, 1, captions=bool(title), cell=2.2)
    reach = max(abs(pixels).max(), 1e-12)
    style = {"cmap": "RdBu_r", "vmin": -reach, "vmax": reach} if signed else {"cmap": "gray"}
    ax.imshow(pixels, interpolation="nearest", **style)
    ax.set_axis_off()
    if title:
        ax.set_title(title, fontsize=9)
    return ax


def show_images(images, titles: Sequence[str] | None = None, columns: int = 10, title: str = "", signed: bool = False):
    """Images (N, H, W) or (N, 1, H, W) in rows; returns the axes."""
    axes = grid(len(images), columns, title, captions=titles is not None)
    for ax, image, name in zip(axes, images, titles or [""] * len(images), strict=True):
        show_image(image, name, ax, signed)
    return axes


def show_split(split, count: int = 20, columns: int = 10):
    """The first images of a data split with their class names, under its title; returns the axes."""
    from cnnlab.data import CLASSES

    names = [CLASSES[label] for label in split.labels[:count].tolist()]
    return show_images(split.images[:count], names, columns, split.title())


def show_kernels(layer: nn.Conv2d, title: str = "", columns: int = 8):
    """The first input channel's kernel of every output channel, zero in white; returns the axes."""
    return show_images(layer.weight[:, 0], columns=columns, title=title, signed=True)


@torch.no_grad()
def feature_maps(model: nn.Module, X: torch.Tensor, names: Sequence[str]) -> dict[str, torch.Tensor]:
    """What the named layers of `model` put out for the batch X, in evaluation mode. name -> (B, C, H, W) float32.

    X is moved to the model's device and dtype. The maps are copies on the CPU; of a layer called twice they are those
    of the last call, and of one that puts out several tensors, the first. Raises ValueError for a layer without any.
    """
    kept: dict[str, torch.Tensor] = {}

    def keep(name: str, _inputs: tuple, out: object) -> None:
        for made in tensors(out)[:1]:
            kept[name] = made.to("cpu", torch.float32, copy=True)  # a copy: the next layer may work in place

    with looked_at(model, names, keep) as net:
        net(as_input(net, X))
    missing = [name for name in names if name not in kept]
    if missing:
        raise ValueError(
            f"layer {missing[0]!r} put out no tensor in this run of {type(model).__name__}; "
            f"choose a layer that its forward calls"
        )
    return {name: kept[name] for name in names}


def show_feature_maps(maps: torch.Tensor, title: str = "", columns: int = 8, limit: int = 16):
    """The channels (C, H, W) of one image's feature map, at most `limit` of them; returns the axes."""
    count = min(len(maps), limit)
    more = f", first {count} of {len(maps)} channels" if len(maps) > limit else ""
    return show_images(maps[:count], columns=columns, title=f"{title}{more}")


def plot_history(history, axes: Sequence[Axes] | None = None):
    """Training loss, and accuracy in training and validation, over epochs; returns the two axes."""
    if axes is None:
        _, axes = plt.subplots(1, 2, figsize=(8.4, 2.9), layout="constrained")
    epochs = history.column("epoch")
    axes[0].plot(epochs, history.column("train_loss"), ".-", color=TRAIN)
    axes[0].set(xlabel="epochs done", ylabel="training loss", ylim=(0, None))
    for name, colour, label in (("train_accuracy", TRAIN, "train (running)"), ("valid_accuracy", VALID, "validation")):
        axes[1].plot(epochs, history.column(name), ".-", color=colour, label=label)
    axes[1].set(xlabel="epochs done", ylabel="accuracy")
    axes[1].legend(frameon=False)
    for ax in axes:
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
        ax.xaxis.get_major_locator().set_params(integer=True)
    axes[0].figure.suptitle(f"{history.settings['model']} on {history.settings['data']}", fontsize=11)
    return axes
