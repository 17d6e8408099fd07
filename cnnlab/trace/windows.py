"""Rules of operations that read neighbours: each says which positions an output reads along the axes it slides on.

A rule takes the operation, its input and what that sees of one axis of the image, and gives what the result sees.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor, gcd

from torch import Tensor

from cnnlab.shapes import window
from cnnlab.trace.operation import Call, conv_setting, pool_axes, pool_setting
from cnnlab.trace.sight import Lost, Reads, Sight, gather, slide


def convolution(call: Call, x: Tensor, sight: Sight) -> Sight:
    if x is not call.args["input"] or (1 in sight.dims and call.args["groups"] > 1):
        raise Lost
    reads: dict[int, Reads] = {}
    for axis in range(x.dim() - 2):
        kernel, stride, padding, dilation = conv_setting(call.args, axis)
        if call.args["transposed"]:
            reads[2 + axis] = _transposed_windows(kernel, stride, padding, dilation), 1
        else:
            reads[2 + axis] = [window(0, kernel, stride, padding, dilation)], stride
    return slide(gather(sight, [1]), reads, x, call.out[0])


def _transposed_windows(kernel: int, stride: int, padding: int, dilation: int) -> list[tuple[int, ...]]:
    # Output i is written by input j through tap t where i = j·stride − padding + t·dilation.
    sources = [[i + padding - tap * dilation for tap in range(kernel)] for i in range(stride)]
    return [tuple(source // stride for source in row if source % stride == 0) for row in sources]


def pool(call: Call, x: Tensor, sight: Sight) -> Sight:
    axes = pool_axes(call.name)
    reads: dict[int, Reads] = {}
    for axis in range(axes):
        kernel, stride, padding, dilation = pool_setting(call.args, axis)
        reads[x.dim() - axes + axis] = [window(0, kernel, stride, padding, dilation)], stride
    return slide(sight, reads, x, call.out[0])


def adaptive_pool(call: Call, x: Tensor, sight: Sight) -> Sight:
    reads: dict[int, Reads] = {}
    for dim in range(x.dim() - pool_axes(call.name), x.dim()):
        size, wanted = x.shape[dim], call.out[0].shape[dim]
        if wanted == 1:
            sight = gather(sight, [dim])
        turns = wanted // gcd(size, wanted)
        windows = [tuple(range(size * i // wanted, -(-size * (i + 1) // wanted))) for i in range(turns)]
        reads[dim] = windows, size // gcd(size, wanted)
    return slide(sight, reads, x, call.out[0])


def resize(call: Call, x: Tensor, sight: Sight) -> Sight:
    """Nearest neighbour reads one pixel, linear the two around the place an output falls on."""
    reads: dict[int, Reads] = {}
    linear, corners = "linear" in call.name, bool(call.args.get("align_corners"))
    for dim in range(2, x.dim()):
        size, wanted = x.shape[dim], call.out[0].shape[dim]
        if corners and wanted == 1:
            raise Lost
        step = Fraction(size - 1, wanted - 1) if corners else Fraction(size, wanted)
        if not corners and not _is_even(call, step):
            raise Lost
        offset = (step - 1) / 2 if linear and not corners else Fraction(0)
        places = [i * step + offset for i in range(step.denominator)]
        windows = [tuple(range(floor(p), (ceil(p) if linear else floor(p)) + 1)) for p in places]
        reads[dim] = windows, step.numerator
    return slide(sight, reads, x, call.out[0])


def _is_even(call: Call, step: Fraction) -> bool:
    # A scale that does not divide evenly is used as given, and not as the ratio of the sizes.
    scales = [call.args.get(name) for name in ("scales", "scales_d", "scales_h", "scales_w")]
    return all(not scale or Fraction(scale) * step == 1 for scale in scales)


def pixel_shuffle(call: Call, x: Tensor, sight: Sight) -> Sight:
    if x.dim() - 3 in sight.dims:
        raise Lost
    reads = ([(0,)] * call.args["upscale_factor"], 1)
    return slide(sight, {x.dim() - 2: reads, x.dim() - 1: reads}, x, call.out[0])


def pad(call: Call, x: Tensor, sight: Sight) -> Sight:
    before = (call.args.get("pad") or call.args["padding"])[::2]
    return slide(sight, {x.dim() - 1 - i: ([(-pixels,)], 1) for i, pixels in enumerate(before)}, x, call.out[0])


def slice_(call: Call, x: Tensor, sight: Sight) -> Sight:
    dim = call.args["dim"] % x.dim()
    first, _, step = slice(call.args["start"], call.args["end"], call.args["step"]).indices(x.shape[dim])
    return slide(sight, {dim: ([(first,)], step)}, x, call.out[0])


def split(call: Call, x: Tensor, sight: Sight, part: int) -> Sight:
    dim = call.args["dim"] % x.dim()
    first = sum(out.shape[dim] for out in call.out[:part])
    return slide(sight, {dim: ([(first,)], 1)}, x, call.out[part])
