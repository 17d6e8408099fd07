"""Small maps, kernels and biases for layers of several channels, and layers to start from."""

from __future__ import annotations

from cnnlab.draw.grid import Grid
from cnnlab.explore.kit import presets

PRESETS = {
    "standard": {"in_channels": 3, "out_channels": 2, "kernel_size": 3, "groups": 1},
    "1×1": {"in_channels": 3, "out_channels": 2, "kernel_size": 1, "groups": 1},
    "grouped": {"in_channels": 4, "out_channels": 4, "kernel_size": 3, "groups": 2},
    "depthwise": {"in_channels": 4, "out_channels": 4, "kernel_size": 3, "groups": 4},
}
PICTURES = ("shirt", "edge", "ramp", "dot")
BIASES = (1, -1, 2, 0)
# A weight from where it stands below the middle or above it, right or left of it, and whether it is the middle itself.
KINDS = (
    lambda down, across, middle: across,
    lambda down, across, middle: int(middle),
    lambda down, across, middle: down,
    lambda down, across, middle: -middle,
    lambda down, across, middle: across * down,
    lambda down, across, middle: max(across, down),
)
MAPS, KERNELS, PERIOD = 8, 6, 24  # channels after which input maps, kernels, and pairs of both come again


def input_map(channel: int, size: tuple[int, int]) -> Grid:
    """A small picture for each channel, after four of them mirrored.  (H, W) of 0 … 3"""
    image = [[value // 3 for value in row] for row in presets.IMAGES[PICTURES[channel % 4]](size)]
    return [row[::-1] for row in image] if channel // 4 % 2 else image


def kernel(target: int, source: int, size: tuple[int, int]) -> Grid:
    """Weights from one input to one output channel.  (k_h, k_w) of −1, 0 and 1"""
    height, width = size
    middle = (height - 1) // 2, (width - 1) // 2
    weight = KINDS[(source + 2 * target) % len(KINDS)]
    chosen = [
        [weight(_sign(2 * i - height + 1), _sign(2 * j - width + 1), (i, j) == middle) for j in range(width)]
        for i in range(height)
    ]
    if any(map(any, chosen)):
        return chosen
    # One pixel alone has no across or down.
    alone = 1 if (source + target) % 2 == 0 else -1
    return [[alone * ((i, j) == middle) for j in range(width)] for i in range(height)]


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
