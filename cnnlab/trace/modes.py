"""Running a learner's network for a look at it: modes and random generators given back, hooks removed, outputs found.

torch is loaded by the first call, not with the module.
"""

from __future__ import annotations

import dataclasses
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Gives every submodule its own mode back at the end, whatever happens inside.

    `model.train(model.training)` would not: it also puts a frozen part, such as a batch norm in evaluation mode inside
    a model in training mode, into the mode of the whole.

    >>> from torch import nn
    >>> model = nn.Sequential(nn.BatchNorm2d(1).eval(), nn.Dropout())
    >>> with modes_kept(model):
    ...     model = model.eval()
    >>> [module.training for module in model.modules()]
    [True, False, True]
    """
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def generators_kept(model: nn.Module) -> Iterator[None]:
    """Gives random generators their state back: torch's own, Python's, numpy's and those that the model holds."""
    import numpy as np
    import torch

    gpus = {tensor.device.index for tensor in _tensors_of(model) if tensor.device.type == "cuda"}
    held = {id(value): value for module in model.modules() for value in vars(module).values()}
    states = [(value, value.get_state()) for value in held.values() if isinstance(value, torch.Generator)]
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(sorted(gpus)):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
            for generator, state in states:
                generator.set_state(state)


@contextmanager
def uncompiled() -> Iterator[None]:
    """Lets models and functions under torch.compile run as they were written, so that hooks fire."""
    if "torch._dynamo" not in sys.modules:  # nothing has been compiled, and the import takes seconds
        yield
        return
    import torch

    with torch.compiler.set_stance("force_eager"):
        yield


@contextmanager
def looked_at(
    model: nn.Module, layers: Iterable[str] = (), keep: Callable[[str, tuple, Any], None] | None = None
) -> Iterator[nn.Module]:
    """Evaluation mode inside, `keep(name, inputs, output)` called after each of the named layers; all is given back.

    The model to call is what `with` gives: the one without torch.compile. Gradients are left to the caller.
    """
    model = getattr(model, "_orig_mod", model)
    with ExitStack() as borrowed:
        for context in (modes_kept(model), generators_kept(model), uncompiled()):
            borrowed.enter_context(context)
        model.eval()
        for name in layers:
            told = lambda _, given, out, name=name: keep(name, given, out)  # noqa: E731
            borrowed.callback(model.get_submodule(name).register_forward_hook(told).remove)
        yield model


def as_input(model: nn.Module, X: torch.Tensor) -> torch.Tensor:
    """A copy of images on the model's device and in its dtype; a copy, since the first layer may work in place.

    Whole numbers stay whole, but for bytes, which are pixels.
    """
    import torch

    like = next((t for t in _tensors_of(model) if t.is_floating_point() or t.is_complex()), None)
    dtype = torch.float32 if like is None else like.dtype
    becomes = X.dtype == torch.uint8 or (X.is_floating_point() and like is not None)
    return X.to(X.device if like is None else like.device, dtype if becomes else X.dtype, copy=True)


def tensors(value: Any) -> list[torch.Tensor]:
    """All tensors in nested tuples, lists, dicts and dataclasses, in order."""
    import torch

    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    return [tensor for item in value for tensor in tensors(item)] if isinstance(value, tuple | list) else []


def _tensors_of(model: nn.Module) -> Iterator[torch.Tensor]:
    yield from model.parameters()
    yield from model.buffers()
