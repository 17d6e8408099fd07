"""A copy of a model: the same structure, on the meta device, where tensors have a shape and no numbers, or real.

A run of it writes to nothing that the model has or knows.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn


class Twins:
    """Which tensor each of the model's, or of its surroundings, is stood in for by; made when it is first met."""

    def __init__(self, real: bool) -> None:
        self.real = real
        self._pairs: dict[int, tuple[Tensor, Tensor]] = {}  # both are kept, so that no id passes to another tensor
        self._made: set[int] = set()

    def of(self, value: Tensor) -> Tensor:
        if id(value) not in self._pairs:
            twin = self._twin(value)
            self._pairs[id(value)] = value, twin
            self._made.add(id(twin))
        return self._pairs[id(value)][1]

    def knows(self, value: Tensor) -> bool:
        return id(value) in self._pairs

    def made(self, value: Tensor) -> bool:
        return id(value) in self._made

    def _twin(self, value: Tensor) -> Tensor:
        if nn.parameter.is_lazy(value):
            device = value.device if self.real else "meta"
            return type(value)(requires_grad=value.requires_grad, device=device, dtype=value.dtype)
        if not self.real:
            try:
                twin = value.detach().to("meta")
            except RuntimeError:  # a quantised tensor has no such form; a run that meets it here stops
                twin = value.detach().clone()
        elif value.is_meta:
            twin = torch.zeros_like(value, device="cpu")
        else:
            twin = value.detach().clone()
        if isinstance(value, nn.Parameter):
            return nn.Parameter(twin, value.requires_grad)
        return twin


def meta_copy(model: nn.Module, real: bool = False) -> tuple[nn.Module, Twins]:
    """A copy of the structure in eval mode without the user's hooks, and what stands for what."""
    model = getattr(model, "_orig_mod", model)  # under torch.compile the module itself is in here
    twins = Twins(real)
    memo: dict[int, Any] = {id(tensor): twins.of(tensor) for tensor in _held(model)}
    for module in model.modules():  # a user's hook may hold anything, so it is not copied
        memo |= {id(hook): hook for hooks in _hook_tables(module) for hook in hooks.values() if not _torchs(hook)}
    try:
        twin = copy.deepcopy(model, memo)
    except Exception as error:
        raise TypeError(_uncopied(model, memo, error)) from error
    for module in twin.modules():
        module._modules.update({key: part._orig_mod for key, part in module._modules.items() if _is_compiled(part)})
        for hooks in _hook_tables(module):
            for key in [key for key, hook in hooks.items() if not _torchs(hook)]:
                del hooks[key]
    return twin.eval(), twins


def _held(model: nn.Module) -> Iterator[Tensor]:
    """Every tensor that can be reached from the model through attributes, lists, tuples, sets and dicts."""
    waiting, met = deque([model]), set()
    while waiting:
        value = waiting.popleft()
        if id(value) in met or isinstance(value, type):
            continue
        met.add(id(value))
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list | tuple | set | frozenset | deque):
            waiting.extend(value)
        elif isinstance(value, MethodType):
            waiting.append(value.__self__)
        elif hasattr(value, "__dict__") and not isinstance(value, FunctionType | ModuleType):
            waiting.extend(vars(value).values())


def _uncopied(model: nn.Module, memo: dict[int, Any], error: Exception) -> str:
    """What of a model cannot be copied, in words."""
    for name, module in model.named_modules():
        for key, value in vars(module).items():
            if key in ("_parameters", "_buffers", "_modules"):
                continue
            try:
                copy.deepcopy(value, dict(memo))
            except Exception:
                what = f"{name}.{key}" if name else key
                return (
                    f"{type(model).__name__} cannot be copied, since its attribute {what} holds what cannot be "
                    f"({error}); take it out before the trace, or keep it outside the model"
                )
    return f"{type(model).__name__} cannot be copied ({error}); keep what cannot be copied outside the model"


def _is_compiled(module: Any) -> bool:
    return isinstance(getattr(module, "_orig_mod", None), nn.Module)


def _hook_tables(module: nn.Module) -> tuple[dict, ...]:
    return module._forward_pre_hooks, module._forward_hooks, module._backward_pre_hooks, module._backward_hooks


def _torchs(hook: Any) -> bool:
    # Lazy layers and weight_norm live in hooks of torch's own: they are part of the model, unlike a user's recorder.
    return (getattr(hook, "__module__", None) or type(hook).__module__).startswith("torch.")
