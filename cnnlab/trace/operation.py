"""One operation as PyTorch's dispatcher hands it over: its arguments by name, its settings per axis, its cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor

from cnnlab.trace.sight import BLIND, Seen
from cnnlab.trace.table import Shape

POOLS = ("max_pool2d_with_indices", "max_pool3d_with_indices", "avg_pool1d", "avg_pool2d", "avg_pool3d")
# Products of matrices, and the arguments that are multiplied.
PRODUCTS = {
    "mm": ("self", "mat2"),
    "addmm": ("mat1", "mat2"),
    "bmm": ("self", "mat2"),
    "baddbmm": ("batch1", "batch2"),
    "mv": ("self", "vec"),
    "addmv": ("mat", "vec"),
    "dot": ("self", "tensor"),
}


@dataclass(frozen=True)
class Call:
    """One operation that ran. `inputs` are its tensors with what they see, `image` the size of the model's input."""

    name: str
    args: dict[str, Any]
    inputs: list[tuple[Tensor, Seen]]
    out: list[Tensor]
    image: Shape
    pointwise: bool


def bind(func: torch._ops.OpOverload, args: tuple, kwargs: dict) -> tuple[str, dict[str, Any]]:
    """The bare name of an operation (`add_`, `convolution`) and all of its arguments by name."""
    schema = func._schema
    bound = {arg.name: arg.default_value if arg.has_default_value() else None for arg in schema.arguments}
    bound.update(zip(bound, args, strict=False))
    return schema.name.removeprefix("aten::"), {**bound, **kwargs}


def conv_setting(args: dict[str, Any], axis: int) -> tuple[int, int, int, int]:
    """Kernel, stride, padding and dilation of a convolution along one axis of the image."""
    stride, padding, dilation = (per_axis(args[name], axis) for name in ("stride", "padding", "dilation"))
    return args["weight"].shape[2 + axis], stride, padding, dilation


def pool_setting(args: dict[str, Any], axis: int) -> tuple[int, int, int, int]:
    """The same of a pooling."""
    kernel = per_axis(args["kernel_size"], axis)
    stride = per_axis(args["stride"], axis) if args.get("stride") else kernel
    return kernel, stride, per_axis(args["padding"], axis), per_axis(args.get("dilation") or [1], axis)


def pool_axes(name: str) -> int:
    """How many axes a pooling slides along, which its arguments do not always say.
    >>> pool_axes("max_pool2d_with_indices")
    2
    """
    return int(name.partition("_pool")[2][0])


def per_axis(values: Sequence[int], axis: int) -> int:
    """A setting along one axis; one number alone is for all of them."""
    return values[axis] if len(values) > 1 else values[0]


def macs(call: Call) -> int:
    """Multiply-accumulates of one operation.
    Every weight of a convolution is used once a pixel: of the output, or of the input where it is transposed."""
    if call.name == "convolution":
        pixels = call.args["input"] if call.args["transposed"] else call.out[0]
        return call.args["weight"].numel() * pixels.shape[0] * prod(pixels.shape[2:])
    if call.name in PRODUCTS:
        left, right = (call.args[name] for name in PRODUCTS[call.name])
        if _sees(call, left) and _sees(call, right):
            return 0  # attention multiplies activations with activations: that is no layer's weight
        return call.out[0].numel() * left.shape[-1]
    return 0


def _sees(call: Call, tensor: Tensor) -> bool:
    return next((seen for other, seen in call.inputs if other is tensor), BLIND) is not BLIND
