"""What a trace is given: a model that can be followed, and its inputs as shapes or tensors."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.shapes import ShapeError
from cnnlab.trace.modes import tensors
from cnnlab.trace.table import Shape

_WANTED = "give whole numbers of at least 1 for (B, C, H, W), such as (1, 1, 28, 28)"


def check_model(model: object) -> None:
    """Refuse what is no module, and modules whose layers cannot be followed. Raises TypeError."""
    if isinstance(model, type):
        name = model.__name__
        raise TypeError(f"{name} is a class and not a model; make one of it: trace({name}(...), shape)")
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"{type(model).__name__} is not an nn.Module; put what is to be traced into the forward of a module"
        )
    for name, module in model.named_modules():
        label = f"{name or 'the model'} ({getattr(module, 'original_name', type(module).__name__)})"
        if isinstance(module, torch.jit.ScriptModule):
            raise TypeError(
                f"{label} is scripted by torch.jit, which hides its layers; trace the module it was made of"
            )
        if ".quantized." in f"{type(module).__module__}.":
            raise TypeError(f"{label} is quantised, which packs its weights away; trace the model before quantisation")


def given(model: nn.Module, inputs: Sequence[Any], named: Mapping[str, Any], dtype: Any) -> tuple[list, dict]:
    """The inputs with a tensor on the meta device in place of each shape."""
    if dtype is None:
        dtypes = (
            t.dtype for t in chain(model.parameters(), model.buffers()) if t.is_floating_point() or t.is_complex()
        )
        dtype = next(dtypes, torch.get_default_dtype())
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"dtype={dtype!r} is not a torch.dtype; give one such as torch.float32 or torch.long")
    args = [_placed(value, dtype) for value in inputs]
    named = {key: _placed(value, dtype) if _is_shape(value) else value for key, value in named.items()}
    found = tensors((args, named))
    if not found:
        raise ShapeError(f"a trace without an input has nothing to follow; {_WANTED}")
    _check_first(model, next(iter((*args, *named.values()))), found[0])
    return args, named


def lacks_batch(model: nn.Module, tensor: Tensor) -> bool:
    """Whether a tensor would be one image without a batch axis to this model."""
    return tensor.dim() == 3 and any(type(module).__name__.endswith("2d") for module in model.modules())


def _is_shape(value: Any) -> bool:
    """Whether a named input is a shape, or shapes and tensors in a tuple or list, and not a setting."""
    if not isinstance(value, tuple | list) or not value:
        return isinstance(value, Tensor)
    return all(type(item) is int for item in value) or all(map(_is_shape, value))


def _placed(value: Any, dtype: torch.dtype) -> Any:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, tuple | list) and value and all(isinstance(item, Tensor | tuple | list) for item in value):
        return type(value)(_placed(item, dtype) for item in value)
    return torch.empty(_sizes(value), dtype=dtype, device="meta")


def _sizes(shape: Any) -> Shape:
    try:
        sizes = tuple(operator.index(size) for size in shape if not isinstance(size, bool))
    except TypeError:
        raise ShapeError(f"input shape {shape!r} is not a tuple of ints; {_WANTED}") from None
    if len(sizes) != len(shape) or min(sizes, default=0) < 1:
        raise ShapeError(f"input shape {shape!r} is not a shape with a batch axis; {_WANTED}")
    return sizes


def _check_first(model: nn.Module, value: Any, first: Tensor) -> None:
    shape = tuple(first.shape)
    if len(shape) < (2 if first.is_floating_point() or first.is_complex() else 1):  # one axis of indices is a batch
        raise ShapeError(f"input shape {shape!r} is not a shape with a batch axis; {_WANTED}")
    # Conv2d would take three axes as one image without a batch, and its rows as channels; better to ask. In a list they
    # are meant: detectors take images of many sizes so.
    if value is first and lacks_batch(model, first):
        raise ShapeError(f"input shape {shape!r} lacks an axis, since this model works on images; {_WANTED}")
