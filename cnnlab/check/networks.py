"""Shapes, counts and gradients of a network that a learner built."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from cnnlab.check.calling import Runner, a_kind
from cnnlab.check.judging import difference
from cnnlab.check.showing import sizes, value_text
from cnnlab.check.verdict import Wrong


class Used(NamedTuple):
    """One use of a layer."""

    name: str
    layer: nn.Module
    x: torch.Tensor
    y: torch.Tensor


@contextlib.contextmanager
def used_layers(model: nn.Module, *kinds: type[nn.Module]) -> Iterator[list[Used]]:
    """A list that fills with every use of a layer of these kinds, in order; of every layer without parts by default."""
    used, names = [], {layer: name for name, layer in model.named_modules()}

    def note(layer, inputs, y):
        used.append(Used(names[layer], layer, inputs[0], y))

    watched = [layer for layer in names if (isinstance(layer, kinds) if kinds else not list(layer.children()))]
    handles = [layer.register_forward_hook(note) for layer in watched]
    try:
        yield used
    finally:
        for handle in handles:
            handle.remove()


def macs(compute: Callable[[], object]) -> int:
    """Multiply-accumulates of what `compute` does, by PyTorch's own counter, which counts both halves of each."""
    with FlopCounterMode(display=False) as counter:
        compute()
    return counter.get_total_flops() // 2


class Operations(TorchDispatchMode):
    """Notes what PyTorch is asked to compute while it is entered: `names`, in order."""

    def __init__(self):
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.append(function.overloadpacket.__name__)
        return function(*args, **(kwargs or {}))


def kept_bytes(model: nn.Module, X: torch.Tensor, *, own: bool = False, twice: bool = False) -> int:
    """Bytes that autograd keeps for the backward pass. own: parameters count; twice: a tensor counts at every use."""
    found, total = {}, 0
    held = [] if own else [*model.parameters(), *model.buffers()]
    mine = {tensor.untyped_storage().data_ptr() for tensor in held}

    def pack(tensor):
        nonlocal total
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in mine:
            found[storage.data_ptr()] = storage.nbytes()
            total += tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model(X)
    return total if twice else sum(found.values())


def build(run: Runner, answer: Callable, *args, **kwargs) -> nn.Module:
    """The module that `answer(*args, **kwargs)` builds; Wrong where it is none."""
    model = run(answer, *args, **kwargs)
    if not isinstance(model, nn.Module):
        hint = "; call the class" if isinstance(model, type) else ""
        raise Wrong(f"An nn.Module is wanted, and it gives back {a_kind(model)}{hint}.")
    if all(parameter.numel() == 0 for parameter in model.parameters()):
        raise Wrong(
            "The network has no parameters; are its layers kept in plain lists? Use nn.Sequential or ModuleList."
        )
    return model


def output(run: Runner, model: nn.Module, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """What the network makes of a random input of that shape, in its present mode."""
    X = torch.randn(*shape, dtype=dtype)
    Y = run(model, X, given=f"model(X), X of shape {sizes(shape)}")
    if not isinstance(Y, torch.Tensor):
        raise Wrong(f"The network gives back {a_kind(Y)} instead of a tensor; is a return missing in forward?")
    return Y


def expect_shape(
    run: Runner,
    model: nn.Module,
    shape: Sequence[int],
    wanted: Sequence[int],
    slips: Mapping[str, Sequence[int]] | None = None,
) -> torch.Tensor:
    """The output for a random input; Wrong where its shape is not `wanted`, with the slip that gives the shape it has."""
    Y = output(run, model, shape)
    if tuple(Y.shape) != tuple(wanted):
        slip = next((text for text, other in (slips or {}).items() if tuple(other) == tuple(Y.shape)), "")
        raise Wrong(
            "The output has the wrong shape.",
            call=f"model(X), X of shape {sizes(shape)}",
            got=sizes(Y.shape),
            wanted=sizes(wanted),
            slip=slip,
        )
    if not torch.isfinite(Y).all():
        raise Wrong("The output is not finite at the start; is something divided by zero?")
    return Y


def parameters(model: nn.Module) -> int:
    """How many numbers the network learns."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def expect_parameters(model: nn.Module, wanted: int, slips: Mapping[str, int] | None = None) -> None:
    """Wrong where the count is not `wanted`, with the slip that gives the count it has."""
    count = parameters(model)
    if count != wanted:
        slip = next((text for text, other in (slips or {}).items() if other == count), "")
        raise Wrong("The number of parameters differs.", got=f"{count:,}", wanted=f"{wanted:,}", slip=slip)


def expect_gradients(run: Runner, model: nn.Module, shape: Sequence[int]) -> None:
    """Wrong where one backward pass leaves a parameter without any gradient."""
    model.train()
    Y = output(run, model, shape)
    # Squared, so that a batch norm at the end, whose outputs always add up to the same, passes a gradient on.
    (Y * torch.randn_like(Y)).pow(2).sum().backward()
    idle = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()]
    model.zero_grad()
    if idle:
        raise Wrong(
            f"No gradient reaches {len(idle)} parameters; is a layer made and never used in forward?",
            got=value_text(idle[:4]),
        )


def expect_numbers(run: Runner, model: nn.Module, wanted: nn.Module, shape: Sequence[int], whose: str) -> None:
    """Wrong where the model gives other numbers than `wanted` with the same parameters, if they come in one order."""
    mine, theirs = list(model.parameters()), list(wanted.parameters())
    if [p.shape for p in mine] != [p.shape for p in theirs]:
        return  # built in another order, which is no mistake
    with torch.no_grad():
        for p, q in zip(mine, theirs, strict=True):
            p.copy_(q.copy_(torch.randn_like(q) * 0.5))
    X = torch.randn(*shape, dtype=torch.float64)
    got = run(model.double().train(), X, given=f"model(X), X of shape {sizes(shape)}")
    fault = difference(got, wanted.double().train()(X), 1e-6)
    model.float()
    if fault:
        raise Wrong(f"With the same weights it computes other numbers than {whose}. {fault}")
