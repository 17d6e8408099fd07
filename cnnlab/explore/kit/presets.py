"""Small images and kernels of any size, in whole numbers, so that every sum can be checked in one's head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from cnnlab.data.drawn import draw_garments

BRIGHTEST = 9  # one digit a pixel stays readable on a small cell
GARMENT_CLASS, GARMENT_SEED = 0, 1  # a checked T-shirt with wide sleeves


def _places(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    # Pixel centres on a unit square, so that one drawing serves every size.
    height, width = size
    return (np.arange(height)[:, None] + 0.5) / height, (np.arange(width)[None, :] + 0.5) / width


def shirt(size: tuple[int, int]) -> np.ndarray:
    """A striped T-shirt.  (H, W) of 0 … 9"""
    y, x = _places(size)
    aside = abs(x - 0.5)
    body = (aside < 0.25) & (y > 0.08) & (y < 0.94)
    sleeves = (y > 0.08 + 0.3 * (aside - 0.25)) & (y < 0.52 - 0.35 * (aside - 0.25)) & (aside < 0.47)
    neck = (aside / 0.16) ** 2 + (y / 0.2) ** 2 < 1
    cloth = np.where((y > 0.52) & (y < 0.68), 4, np.where(body, 9 - 8 * aside, 6))
    return np.where((body | sleeves) & ~neck, cloth, 0).round().astype(int)


def edge(size: tuple[int, int]) -> np.ndarray:
    """Dark on the left, bright on the right.  (H, W) of 0 … 9"""
    _, x = _places(size)
    return np.broadcast_to(np.where(x > 0.5, BRIGHTEST, 0), size).astype(int)


def dot(size: tuple[int, int]) -> np.ndarray:
    """One bright pixel: the output is then the kernel itself, turned by 180°.  (H, W) of 0 … 9"""
    image = np.zeros(size, int)
    image[size[0] // 2, size[1] // 2] = BRIGHTEST
    return image


@cache
def _garment() -> np.ndarray:
    # The first of its class that is drawn with that seed.
    images, labels = draw_garments(40, seed=GARMENT_SEED)
    return images[labels == GARMENT_CLASS][0] / 255


def garment(size: tuple[int, int]) -> np.ndarray:
    """A garment as in Fashion-MNIST, brought to size by area.  (H, W) of 0 … 9"""
    picture = _garment()
    shares = [_shares(new, old) for new, old in zip(size, picture.shape, strict=True)]
    return (shares[0] @ picture @ shares[1].T * BRIGHTEST).round().astype(int)


def _shares(new: int, old: int) -> np.ndarray:
    # Which part of each old pixel a new one covers; rows sum to one.
    edges = np.arange(new + 1)[:, None] * old / new
    inside = np.clip(edges - np.arange(old), 0, 1)
    return np.diff(inside, axis=0) * new / old


def fit(grid: Sequence[Sequence[int]], size: tuple[int, int]) -> np.ndarray:
    """A grid at another size: cut off, or filled with zeros, at the bottom and the right.
    >>> fit([[1, 2], [3, 4]], (1, 3)).tolist()
    [[1, 2, 0]]
    """
    whole = np.zeros(size, int)
    part = np.array(grid, int).reshape(len(grid), -1)[: size[0], : size[1]]
    whole[: part.shape[0], : part.shape[1]] = part
    return whole


def ramp(size: tuple[int, int]) -> np.ndarray:
    """Brighter from the top left to the bottom right.  (H, W) of 0 … 9"""
    y, x = _places(size)
    return ((y + x) / 2 * (BRIGHTEST + 0.99)).astype(int)


def _middle(length: int) -> int:
    return (length - 1) // 2


def identity_kernel(size: tuple[int, int]) -> tuple[np.ndarray, int]:
    """The middle pixel as it is."""
    weights = np.zeros(size, int)
    weights[_middle(size[0]), _middle(size[1])] = 1
    return weights, 1


def edge_kernel(size: tuple[int, int]) -> tuple[np.ndarray, int]:
    """Right minus left: zero where nothing changes. A kernel one pixel wide takes below minus above."""
    height, width = size
    if width > 1:
        return np.broadcast_to(np.sign(2 * np.arange(width) - (width - 1)), size).astype(int), 1
    return np.sign(2 * np.arange(height) - (height - 1)).reshape(size).astype(int) + (size == (1, 1)), 1


def blur_kernel(size: tuple[int, int]) -> tuple[np.ndarray, int]:
    """The mean of the window."""
    return np.ones(size, int), size[0] * size[1]


def sharpen_kernel(size: tuple[int, int]) -> tuple[np.ndarray, int]:
    """The middle pixel, less its neighbours above, below, left and right."""
    weights = np.zeros(size, int)
    row, column = _middle(size[0]), _middle(size[1])
    for i, j in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
        if 0 <= i < size[0] and 0 <= j < size[1]:
            weights[i, j] = -1
    weights[row, column] = 1 - weights.sum()
    return weights, 1


IMAGES: dict[str, Callable[[tuple[int, int]], np.ndarray]] = {
    "shirt": shirt,
    "edge": edge,
    "ramp": ramp,
    "dot": dot,
    "garment": garment,
}
# Weights as whole numbers, and what to divide them by.
KERNELS: dict[str, Callable[[tuple[int, int]], tuple[np.ndarray, int]]] = {
    "edge": edge_kernel,
    "blur": blur_kernel,
    "sharpen": sharpen_kernel,
    "identity": identity_kernel,
}

# Layers to start from. Channels are those of the named network; only the first of them is drawn.
SETTINGS: dict[str, dict[str, int]] = {
    "same 3×3": {"size": 12, "kernel_size": 3, "padding": 1},
    "1×1": {"size": 12, "kernel_size": 1},
    "dilated 3×3": {"size": 12, "kernel_size": 3, "padding": 2, "dilation": 2},
    "depthwise 3×3": {"size": 12, "kernel_size": 3, "padding": 1, "in_channels": 32, "out_channels": 32, "groups": 32},
    "AlexNet, first layer": {
        "size": 224,
        "kernel_size": 11,
        "stride": 4,
        "padding": 2,
        "in_channels": 3,
        "out_channels": 64,
    },
    "transposed ×2": {"size": 6, "kernel_size": 4, "stride": 2, "padding": 1, "transposed": True},
    "ResNet, stem": {"size": 224, "kernel_size": 7, "stride": 2, "padding": 3, "in_channels": 3, "out_channels": 64},
}
_PLAIN = {
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "in_channels": 1,
    "out_channels": 1,
    "groups": 1,
    "transposed": False,
    "output_padding": 0,
}
SETTINGS = {name: {**_PLAIN, **given} for name, given in SETTINGS.items()}
