"""Which operation follows which rule, and what the results of any operation see: known, nothing, or not known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from torch import Tensor

from cnnlab.shapes import ShapeError
from cnnlab.trace import layout, windows
from cnnlab.trace.operation import POOLS, Call
from cnnlab.trace.sight import ASIDE, BLIND, UNKNOWN, Lost, Seen, Sight, meet, spread

# Operations whose every output pixel reads the same pixel of each input, but which PyTorch does not tag as such.
_POINTWISE = {"hardswish", "_prelu_kernel", "masked_fill", "clamp", "where", "rrelu_with_noise", "dropout"}
_POINTWISE |= {"leaky_relu", "elu", "celu", "selu", "hardtanh", "hardsigmoid"}  # torch 2.8 tags only some of these
# Operations that take a shape from a tensor and no number, and the one that brings in a constant.
_FRESH = {"lift_fresh"} | {f"{what}_like" for what in ("zeros", "ones", "empty", "full", "rand", "randn")}
_FRESH |= {f"new_{what}" for what in ("zeros", "ones", "empty", "full", "empty_strided")}

# Operations with one input that sees anything.
_RULES: dict[str, Callable[[Call, Tensor, Sight], Sight]] = {
    name: rule
    for rule, names in {
        windows.convolution: "convolution",
        windows.pool: " ".join(POOLS),
        windows.adaptive_pool: "_adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d",
        windows.resize: "upsample_nearest1d upsample_nearest2d upsample_nearest3d"
        " upsample_linear1d upsample_bilinear2d upsample_trilinear3d",
        windows.pixel_shuffle: "pixel_shuffle",
        windows.pad: "constant_pad_nd reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d",
        windows.slice_: "slice",
        layout.reduce: "mean sum amax amin max min var std logsumexp linalg_vector_norm",
        layout.softmax: "_softmax _log_softmax",
        layout.batch_norm: "native_batch_norm",
        layout.group_norm: "native_group_norm",
        layout.layer_norm: "native_layer_norm",
        layout.product: "mm addmm bmm baddbmm",
        layout.reshape: "view _unsafe_view reshape unsqueeze squeeze unflatten",
        layout.permute: "permute transpose t",
        layout.select: "select",
        layout.expand: "expand",
        layout.same: "clone detach alias _to_copy channel_shuffle contiguous",
    }.items()
    for name in names.split()
}
# The same with a list of results: the rule is told which of them.
_PARTS: dict[str, Callable[[Call, Tensor, Sight, int], Sight]] = {
    "split": windows.split,
    "split_with_sizes": windows.split,
    "unbind": layout.select,
}


def through(call: Call) -> list[Seen]:
    """What the units of each result see."""
    seen = [sights for _, sights in call.inputs]
    if call.name in _FRESH or all(sights is BLIND for sights in seen):
        return [BLIND] * len(call.out)
    if all(sights in (BLIND, ASIDE) for sights in seen):
        return [ASIDE] * len(call.out)
    if any(sights is UNKNOWN for sights in seen):
        return [UNKNOWN] * len(call.out)
    try:
        return _known(call)
    except (Lost, ShapeError):
        return [UNKNOWN] * len(call.out)


def _known(call: Call) -> list[Seen]:
    name, seeing = call.name.removesuffix("_"), [(x, seen) for x, seen in call.inputs if isinstance(seen, tuple)]
    if call.pointwise or name in _POINTWISE:
        return [_meet(call, [[spread(s, x, call.out[0]) for s in sights] for x, sights in seeing])] * len(call.out)
    if name in ("cat", "stack"):
        return [_meet(call, [[_beside(call, sight) for sight in sights] for _, sights in seeing])]
    if name == "copy":
        return [_copied(call, call.args["src"])]
    if not any(sight.dims for _, sights in seeing for sight in sights):
        # Where all units see the same already, no rearrangement of them, known or not, changes that.
        return [_meet(call, [sights for _, sights in seeing])] * len(call.out)
    if len(seeing) != 1:
        raise Lost
    ((x, sights),) = seeing
    if name in _PARTS:
        return [tuple(_PARTS[name](call, x, sight, part) for sight in sights) for part in range(len(call.out))]
    if name not in _RULES:
        raise Lost
    first = tuple(_RULES[name](call, x, sight) for sight in sights)
    # What comes after the result itself (indices, saved statistics) is of the same map, or not followed.
    return [first if out.shape == call.out[0].shape else UNKNOWN for out in call.out]


def _meet(call: Call, branches: Iterable[Sequence[Sight]]) -> tuple[Sight, ...]:
    """Where branches come together, pixel on pixel: axis by axis of the image."""
    axes = zip(*branches, strict=True)
    return tuple(meet(sights, size) for sights, size in zip(axes, call.image, strict=True))


def _beside(call: Call, sight: Sight) -> Sight:
    """Side by side along an axis that holds nothing of the image."""
    dim = call.args["dim"] % call.out[0].dim()
    if call.name == "stack":
        return replace(sight, dims=tuple(d + (d >= dim) for d in sight.dims))
    if dim in sight.dims:
        raise Lost
    return sight


def _copied(call: Call, source: Tensor) -> Seen:
    seen = next((seen for x, seen in call.inputs if x is source), BLIND)
    return seen if not isinstance(seen, tuple) else tuple(spread(sight, source, call.out[0]) for sight in seen)
