"""Random numbers from generators of one's own, which code in other threads neither changes nor notices."""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils import checkpoint
from torch.utils._python_dispatch import TorchDispatchMode

SHARED = threading.Lock()  # around the few operations that know no generator but the shared one
# Modules of torch whose layers draw nothing, but for the classes below.
STILL = {
    f"torch.nn.modules.{name}"
    for name in ("activation", "batchnorm", "container", "conv", "flatten", "linear", "normalization", "pooling")
}
DRAWING = (nn.RReLU, nn.MultiheadAttention, nn.FractionalMaxPool2d, nn.FractionalMaxPool3d)


class own_random(TorchDispatchMode):  # noqa: N801 - used like a function, as torch.no_grad is
    """A context in which torch draws from generators of its own, one per device, seeded by `seed`.

    What is drawn is what the shared generators would give after torch.manual_seed(seed). They stay as they are, so
    code that runs in other threads at the same time neither changes these numbers nor is changed by them, which
    torch.random.fork_rng cannot promise. The context may be entered again; the generators then go on. Only inside
    torch.utils.checkpoint, which computes parts of a network twice, is the shared generator drawn from: its state is
    what the second pass begins with.
    """

    def __init__(self, seed: int):
        super().__init__()
        self.seed, self.generators = seed, {}

    def __torch_dispatch__(
        self, func: torch._ops.OpOverload, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if not _is_random(func):
            return func(*args, **kwargs)
        device, (seeded, place) = _device_of(args, kwargs), _with_generator(func)
        given = kwargs.get("generator") or (args[place] if place is not None and place < len(args) else None)
        if given is not None or device.type == "meta" or _is_recomputed():
            return func(*args, **kwargs)
        generator = self.generator(device)
        if seeded is None:
            return _in_place_of_the_shared(generator, device, lambda: func(*args, **kwargs))
        if place is not None:
            args = args[:place]
        return seeded(*args, **{**kwargs, "generator": generator})

    def generator(self, device: torch.device) -> torch.Generator:
        """The generator of that device, made and seeded when it is first asked for."""
        if device not in self.generators:
            self.generators[device] = torch.Generator(device).manual_seed(self.seed)
        return self.generators[device]


def draws_of(model: nn.Module, seed: int) -> contextlib.AbstractContextManager:
    """own_random for the forward passes of a model; nothing where none of its modules draws.

    own_random looks at each operation, which takes some microseconds. Modules of torch and of the course are known;
    where there are others, or hooks, they may draw.
    """
    modules = getattr(model, "_orig_mod", model).modules()  # a compiled model keeps the one that it was made of
    return contextlib.nullcontext() if all(map(_draws_nothing, modules)) else own_random(seed)


def _draws_nothing(module: nn.Module) -> bool:
    kind = type(module)
    known = kind.__module__ in STILL or kind.__module__.startswith("cnnlab.models.")
    added = module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module)
    return known and not isinstance(module, DRAWING) and not added


@functools.cache
def _is_random(func: torch._ops.OpOverload) -> bool:
    return torch.Tag.nondeterministic_seeded in func.tags


@functools.cache
def _with_generator(func: torch._ops.OpOverload) -> tuple[torch._ops.OpOverload | None, int | None]:
    """The overload that takes a generator beside the same arguments, None where there is none, and the generator's
    place where it is positional."""
    names = [argument.name for argument in func._schema.arguments]
    if "generator" in names:
        argument = func._schema.arguments[names.index("generator")]
        return func, None if argument.kwarg_only else names.index("generator")
    wanted = [(argument.name, str(argument.type)) for argument in func._schema.arguments]
    packet = func.overloadpacket
    for name in packet.overloads():
        overload = getattr(packet, name)
        found = [(argument.name, str(argument.type)) for argument in overload._schema.arguments]
        if [each for each in found if each[0] != "generator"] == wanted and len(found) == len(wanted) + 1:
            return overload, None
    return None, None


def _device_of(args: tuple, kwargs: dict[str, Any]) -> torch.device:
    """The device of the result: the one that the call names, else that of its first tensor."""
    tensors = (value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor))
    first = next(tensors, None)
    if kwargs.get("device") is not None:
        device = torch.device(kwargs["device"])
        if device.index is None and device.type in ("cuda", "mps"):  # as tensors name it
            device = torch.device(device.type, torch.cuda.current_device() if device.type == "cuda" else 0)
        return device
    return torch.device("cpu") if first is None else first.device


def _is_recomputed() -> bool:
    """Whether torch.utils.checkpoint has called the operation, and will call it again in the backward pass."""
    frame = sys._getframe()
    while frame is not None and frame.f_code.co_filename != checkpoint.__file__:
        frame = frame.f_back
    return frame is not None


def _in_place_of_the_shared(generator: torch.Generator, device: torch.device, draw: Callable[[], Any]) -> Any:
    """`draw` with the shared generator in the state of `generator`, both brought up to date afterwards."""
    shared = torch if device.type == "cpu" else torch.get_device_module(device)
    where = () if device.type in ("cpu", "mps") else (device,)
    with SHARED:
        before = shared.get_rng_state(*where)
        try:
            shared.set_rng_state(generator.get_state(), *where)
            drawn = draw()
            generator.set_state(shared.get_rng_state(*where))
        finally:
            shared.set_rng_state(before, *where)
    return drawn
