"""Small images and kernels of any size, in whole numbers, so that every sum can be checked in one's head."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

BRIGHTEST = 9  # one digit a pixel stays readable on a small cell


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


IMAGES: dict[str, Callable[[tuple[int, int]], np.ndarray]] = {"shirt": shirt, "edge": edge, "ramp": ramp, "dot": dot}
# Weights as whole numbers, and what to divide them by.
KERNELS: dict[str, Callable[[tuple[int, int]], tuple[np.ndarray, int]]] = {
    "edge": edge_kernel,
    "blur": blur_kernel,
    "sharpen": sharpen_kernel,
    "identity": identity_kernel,
}
