"""Why an operation cannot take its input, in words: the value, the rule it breaks, the way out."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from cnnlab.shapes import ShapeError, out_size, pool_out_size, transposed_out_size
from cnnlab.trace.operation import POOLS, PRODUCTS, conv_setting, per_axis, pool_axes, pool_setting
from cnnlab.trace.table import Shape

_AXES = {"1d": "(B, C, W)", "2d": "(B, C, H, W)", "3d": "(B, C, D, H, W)"}


def check(name: str, args: dict[str, Any]) -> None:
    """Refuse in our own words what PyTorch refuses in its own; on the meta device it lets some of this pass."""
    if name in PRODUCTS:
        left, right = (args[key].dtype for key in PRODUCTS[name])
        if left != right:  # not ours to decide: under autocast a real run may take it
            raise RuntimeError(f"{left} and {right} cannot be multiplied; give dtype={right}, or a tensor of it")
    if name == "convolution":
        _check_convolution(args)
    elif name in POOLS:
        for axis, size in enumerate(args["self"].shape[-pool_axes(name) :]):
            pool_out_size(size, *pool_setting(args, axis), bool(args.get("ceil_mode")))
    elif name in ("mm", "addmm"):
        left, right = (args[key] for key in PRODUCTS[name])
        given, taken = left.shape[-1], right.shape[0]
        if given != taken:
            raise ShapeError(f"vectors of {given} do not fit a linear layer for {taken}; give it {given} inputs")
    elif name in ("add", "add_") and isinstance(args["other"], Tensor):
        _check_addition(tuple(args["self"].shape), tuple(args["other"].shape))
    elif name == "cat":
        parts = [t for t in args["tensors"] if t.shape != (0,)]  # torch skips an empty list's tensor
        dim = args["dim"] % parts[0].dim() if parts else 0
        if len({(*t.shape[:dim], *t.shape[dim + 1 :]) for t in parts}) > 1:
            raise ShapeError("maps must agree in every axis but the joined one; pad or stride the branches alike")


def _check_addition(one: Shape, other: Shape) -> None:
    pairs = zip(reversed(one), reversed(other), strict=False)
    if any(1 not in (a, b) and a != b for a, b in pairs):
        raise ShapeError("only maps of one shape can be added; give both ways the same stride, padding and channels")


def _check_convolution(args: dict[str, Any]) -> None:
    given, weight = args["input"].shape[1], args["weight"].shape
    taken = weight[0] if args["transposed"] else weight[1] * args["groups"]
    if given != taken:
        raise ShapeError(f"{_channels(given)} a convolution for {taken}; give it in_channels={given}")
    for axis, size in enumerate(args["input"].shape[2:]):
        kernel, stride, padding, dilation = conv_setting(args, axis)
        if args["transposed"]:
            transposed_out_size(size, kernel, stride, padding, per_axis(args["output_padding"], axis), dilation)
        else:
            out_size(size, kernel, stride, padding, dilation)


def known(module: nn.Module, shape: Shape | None, error: Exception) -> str | None:
    """The reason a module did not take an input of this shape, where it is one of ours; None for any other error."""
    kind, is_layer = type(module).__name__, not any(module.children())
    axes = _AXES.get(kind[-2:])
    if axes and shape and len(shape) != axes.count(",") + 1 and is_layer:
        return f"it works on {axes}, which is {axes.count(',') + 1} axes and not {len(shape)}"
    taken = getattr(module, "num_features", None)
    if "BatchNorm" in kind and shape and taken not in (None, shape[1]):
        return f"{_channels(shape[1])} a batch norm for {taken}; give it num_features={shape[1]}"
    return str(error) if isinstance(error, ShapeError) else None


def why(error: Exception, depth: int, on_zeros: bool) -> str:
    """Any other error in its own words, and a way out where there is one."""
    text = next(iter(str(error).strip().splitlines()), "no reason given")
    if isinstance(error, RuntimeError) and not isinstance(error, NotImplementedError | RecursionError):
        indices = "scalar types: Long" in text
        return f"{text}; give dtype=torch.long, or a tensor of indices" if indices else text
    text = f"{type(error).__name__}: {text}"
    if isinstance(error, TypeError) and "required positional argument" in text and not depth:
        return f"{text}; give a shape or a tensor for each input"
    if on_zeros and isinstance(error, AssertionError | ValueError | LookupError | ArithmeticError):
        return f"{text}; if zeros are the reason, give a tensor in place of the shape"
    return text


def _channels(given: int) -> str:
    return "1 channel does not fit" if given == 1 else f"{given} channels do not fit"
