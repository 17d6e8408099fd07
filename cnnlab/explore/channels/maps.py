"""Small maps, kernels and biases for layers of several channels, and layers to start from."""

from __future__ import annotations

import numpy as np

from cnnlab.explore.kit import presets

PRESETS = {
    "standard": {"in_channels": 3, "out_channels": 2, "kernel_size": 3, "groups": 1},
    "1×1": {"in_channels": 3, "out_channels": 2, "kernel_size": 1, "groups": 1},
    "grouped": {"in_channels": 4, "out_channels": 4, "kernel_size": 3, "groups": 2},
    "depthwise": {"in_channels": 4, "out_channels": 4, "kernel_size": 3, "groups": 4},
}
PICTURES = ("shirt", "edge", "ramp", "dot")
BIASES = (1, -1, 2, 0)
MAPS, KERNELS, PERIOD = 8, 6, 24  # channels after which input maps, kernels, and pairs of both come again


def input_map(channel: int, size: tuple[int, int]) -> np.ndarray:
    """A small picture for each channel, after four of them mirrored.  (H, W) of 0 … 3"""
    image = presets.IMAGES[PICTURES[channel % 4]](size) // 3
    return image[:, ::-1] if channel // 4 % 2 else image


def kernel(target: int, source: int, size: tuple[int, int]) -> np.ndarray:
    """Weights from one input to one output channel.  (k_h, k_w) of −1, 0 and 1"""
    i, j = np.indices(size)
    across, down = np.sign(2 * j - size[1] + 1), np.sign(2 * i - size[0] + 1)
    middle = ((i == (size[0] - 1) // 2) & (j == (size[1] - 1) // 2)).astype(int)
    kinds = (across, middle, down, -middle, across * down, np.maximum(across, down))
    chosen = kinds[(source + 2 * target) % len(kinds)]
    # One pixel alone has no across or down.
    return chosen if chosen.any() else middle * (1 if (source + target) % 2 == 0 else -1)
