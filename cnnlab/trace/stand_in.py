"""A stand-in of a model on the meta device: the same structure, tensors with a shape and no numbers."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

Twins = dict[int, Tensor]


def stand_in(model: nn.Module) -> tuple[nn.Module, Twins]:
    """A copy of the structure in eval mode, and which tensor (by its id) each tensor of it stands for."""
    model = getattr(model, "_orig_mod", model)  # under torch.compile the module itself is in here
    twins: Twins = {}
    users: dict[int, Any] = {}
    for module in model.modules():
        for value in (*module._parameters.values(), *module._buffers.values(), *vars(module).values()):
            if isinstance(value, Tensor):
                twins.setdefault(id(value), _twin(value))
        users.update({id(hook): hook for hooks in _hook_tables(module) for hook in hooks.values() if not _torchs(hook)})
    try:
        twin = copy.deepcopy(model, {**users, **twins})  # a user's hook may hold anything, so it is not copied
    except Exception as error:
        raise TypeError(
            f"{type(model).__name__} cannot be copied ({error}); keep what is not a tensor or a module out of its"
            " attributes"
        ) from error
    for module in twin.modules():
        for hooks in _hook_tables(module):
            for key in [key for key, hook in hooks.items() if not _torchs(hook)]:
                del hooks[key]
    return twin.eval(), twins


def on_meta(value: Any, twins: Twins) -> Any:
    """The same arguments with every real tensor replaced, so that nothing is computed and nothing written."""
    if isinstance(value, Tensor):
        if value.device.type == "meta":
            return value
        return twins[id(value)] if id(value) in twins else value.detach().to("meta")
    if isinstance(value, dict):
        return {key: on_meta(item, twins) for key, item in value.items()}
    return type(value)(on_meta(item, twins) for item in value) if type(value) in (tuple, list) else value


def _twin(value: Tensor) -> Tensor:
    if nn.parameter.is_lazy(value):
        return type(value)(requires_grad=value.requires_grad, device="meta")
    twin = torch.empty_like(value, device="meta")
    return nn.Parameter(twin, value.requires_grad) if isinstance(value, nn.Parameter) else twin


def _hook_tables(module: nn.Module) -> tuple[dict, ...]:
    return module._forward_pre_hooks, module._forward_hooks, module._backward_pre_hooks, module._backward_hooks


def _torchs(hook: Any) -> bool:
    # Lazy layers and weight_norm live in hooks of torch's own: they are part of the model, unlike a user's recorder.
    return (getattr(hook, "__module__", None) or type(hook).__module__).startswith("torch.")
