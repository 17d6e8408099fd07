"""Shapes, counts and gradients of a network that a learner built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from cnnlab.check.calling import Runner, a_kind
from cnnlab.check.showing import value_text
from cnnlab.check.verdict import Wrong


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


def sizes(shape: Sequence[int]) -> str:
    """A shape as text.
    >>> sizes((1, 3, 8, 8))
    '1×3×8×8'
    """
    return "×".join(map(str, shape))
