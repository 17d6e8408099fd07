"""What a layer costs: parameters, multiply-accumulates, memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cnnlab.shapes.sizes import ShapeError, whole


@dataclass(frozen=True)
class Cost:
    """What one layer costs for one image: learned numbers, multiply-accumulates, bytes of its output."""

    params: int
    macs: int
    activation_bytes: int


def conv_cost(
    in_channels: int,
    out_channels: int,
    kernel_size: int | tuple[int, int],
    out_hw: int | tuple[int, int],
    groups: int = 1,
    bias: bool = True,
    *,
    element_size: int = 4,
) -> Cost:
    """Cost of a 2-d convolution for one image; `kernel_size` and `out_hw` are one int or (h, w).
    params            k_h·k_w·(c_in / groups)·c_out weights, and c_out biases
    macs              k_h·k_w·(c_in / groups)·c_out·o_h·o_w; taps on padding count, adding the bias does not
    activation_bytes  c_out·o_h·o_w numbers of `element_size` bytes (4 is float32)

    >>> conv_cost(1, 6, kernel_size=5, out_hw=28)
    Cost(params=156, macs=117600, activation_bytes=18816)
    """
    (k_h, k_w), (o_h, o_w) = _pair("kernel_size", kernel_size), _pair("out_hw", out_hw)
    for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
        if whole(name, channels) % whole("groups", groups):
            raise ShapeError(f"{name}={channels} does not split into {groups} groups; make it a multiple of {groups}")
    weights = k_h * k_w * (in_channels // groups) * out_channels
    pixels = o_h * o_w
    return Cost(weights + out_channels * bool(bias), weights * pixels, out_channels * pixels * element_size)


def linear_cost(in_features: int, out_features: int, bias: bool = True, *, element_size: int = 4) -> Cost:
    """Cost of a linear layer for one vector.
    params in·out weights and out biases; macs in·out; activation_bytes out numbers of `element_size` bytes.
    >>> linear_cost(400, 120)
    Cost(params=48120, macs=48000, activation_bytes=480)
    """
    weights = whole("in_features", in_features) * whole("out_features", out_features)
    return Cost(weights + out_features * bool(bias), weights, out_features * element_size)


def _pair(name: str, value: int | tuple[int, int]) -> tuple[int, int]:
    if not isinstance(value, Sequence):
        return (whole(name, value),) * 2
    if len(value) != 2:
        raise ShapeError(f"{name}={value!r} has {len(value)} numbers; give one int or a pair (h, w)")
    return whole(name, value[0]), whole(name, value[1])
