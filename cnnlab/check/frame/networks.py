"""Shapes, counts, numbers and gradients of a network that a learner built, in whatever way it was written."""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from cnnlab.check.frame.calling import Runner, a_kind
from cnnlab.check.frame.judging import difference
from cnnlab.check.frame.showing import sizes, value_text
from cnnlab.check.frame.verdict import Wrong, likely_slip


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


def _elementwise(*shapes: object, out_shape: torch.Size, **_: object) -> int:
    """A product of two tensors, in the two operations of a multiply-accumulate; one with a plain number is none."""
    return 2 * math.prod(out_shape) if sum(isinstance(shape, torch.Size) for shape in shapes) > 1 else 0


def _inner(*shapes: torch.Size, out_shape: torch.Size, **_: object) -> int:
    """A matrix or a vector times a vector."""
    return 2 * max(math.prod(shape) for shape in shapes if isinstance(shape, torch.Size))


# What PyTorch's own counter, which is after matrix products and convolutions, leaves out.
_UNSEEN = {"mul": _elementwise, "mul_": _elementwise, "mv": _inner, "addmv": _inner, "dot": _inner, "vdot": _inner}


def multiplications(compute: Callable[[], object]) -> int:
    """Multiplications of two computed numbers in what `compute` does: in products of matrices and vectors, in
    convolutions and element by element.
    >>> A, x = torch.ones(3, 4), torch.ones(4)
    >>> [multiplications(product) for product in (lambda: A @ x, lambda: (A * x).sum(1), lambda: A @ A.T, lambda: x @ x)]
    [12, 12, 36, 4]
    """
    unseen = {getattr(torch.ops.aten, name): count for name, count in _UNSEEN.items()}
    with FlopCounterMode(display=False, custom_mapping=unseen) as counter:
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


def build(run: Runner, answer: Callable, *args, shape: Sequence[int] | None = None, **kwargs) -> nn.Module:
    """The module that `answer(*args, **kwargs)` builds, on the processor; Wrong where it is none.

    shape: of an input, by which lazy layers get their sizes.
    """
    model = run(answer, *args, **kwargs)
    if not isinstance(model, nn.Module):
        hint = "; call the class" if isinstance(model, type) else ""
        raise Wrong(f"An nn.Module is wanted, and it gives back {a_kind(model)}{hint}.")
    model = sized(model.cpu(), shape, run) if shape else model.cpu()
    if all(parameter.numel() == 0 for parameter in model.parameters()):
        raise Wrong(
            "The network has no parameters; are its layers kept in plain lists? Use nn.Sequential or ModuleList."
        )
    return model


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The network in evaluation mode, and afterwards in the mode it was in."""
    mode = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(mode)


def plainly(function: Callable, *args, **_: object):
    """In place of a Runner, for what is not a learner's."""
    return function(*args)


def sized(model: nn.Module, shape: Sequence[int], run: Callable = plainly) -> nn.Module:
    """The network, its lazy layers with the sizes that an input of that shape gives them."""
    if any(map(is_lazy, [*model.parameters(), *model.buffers()])):
        with torch.no_grad(), evaluating(model):
            run(model, torch.zeros(*shape), given=f"model(X), X of shape {sizes(shape)}")
    return model


def output(run: Runner, model: nn.Module, shape: Sequence[int]) -> torch.Tensor:
    """What the network makes of a random input of that shape, in its present mode."""
    Y = run(model, torch.randn(*shape), given=f"model(X), X of shape {sizes(shape)}")
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
    """The output for a random input in evaluation mode; Wrong where its shape is not `wanted`, with the slip that
    gives the shape it has."""
    with evaluating(model):
        Y = output(run, model, shape)
    if tuple(Y.shape) != tuple(wanted):
        slip = likely_slip(slips or {}, lambda other: tuple(other) == tuple(Y.shape))
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


def expect_parameters(model: nn.Module, wanted: int, slips: Mapping[str, int] | None = None, *, call: str = "") -> None:
    """Wrong where the count is not `wanted`, with the slip that gives the count it has."""
    count = parameters(model)
    if count != wanted:
        slip = likely_slip(slips or {}, lambda other: other == count)
        raise Wrong("The number of parameters differs.", call=call, got=f"{count:,}", wanted=f"{wanted:,}", slip=slip)


def kind(shape: Sequence[int]) -> tuple[int, ...]:
    """A parameter's shape however it is written: a 1 × 1 kernel is a matrix, and a matrix may be transposed.
    >>> kind((8, 3, 5, 5)), kind((8, 3, 1, 1)), kind((3, 8)), kind((1, 8, 1, 1))
    ((8, 3, 5, 5), (3, 8), (3, 8), (8,))
    """
    shape = tuple(shape)
    if math.prod(shape) == max(shape, default=1):
        return (math.prod(shape),)
    return tuple(sorted(shape[:2])) if math.prod(shape[2:]) == 1 else shape


@torch.no_grad()
def randomise(model: nn.Module, seed: int = 0) -> None:
    """Draws every parameter anew, so that none is what it was at the start: weights so that maps keep their spread,
    everything else at least 0.5 away from 0."""
    draw = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        if len(kind(parameter.shape)) > 1:
            spread = (2 * parameter.shape[0] / parameter.numel()) ** 0.5
            parameter.copy_(torch.randn(parameter.shape, generator=draw) * spread)
        else:
            sign = torch.randint(2, parameter.shape, generator=draw) * 2 - 1
            parameter.copy_((torch.rand(parameter.shape, generator=draw) + 0.5) * sign)


def expect_gradients(run: Runner, model: nn.Module, shape: Sequence[int]) -> None:
    """Wrong where no backward pass gives a parameter any gradient. All parameters are drawn anew: a network may start
    with zeros that let none through."""
    model.float().train()
    idle = dict(model.named_parameters())
    for seed in range(3):
        randomise(model, seed)
        Y = output(run, model, shape)
        # Squared, so that a batch norm at the end, whose outputs always add up to the same, passes a gradient on.
        (Y * torch.randn_like(Y)).pow(2).sum().backward()
        idle = {name: value for name, value in idle.items() if value.grad is None or not value.grad.any()}
        model.zero_grad()
    if idle:
        raise _never_used(list(idle))


def _never_used(names: Sequence[str]) -> Wrong:
    return Wrong(
        f"No gradient reaches {len(names)} parameters; is a layer made and never used in forward?",
        got=value_text(names[:4]),
    )


class Use(NamedTuple):
    """What a run does with a parameter. Its first four say which of two networks' parameters belong together."""

    kind: tuple[int, ...]
    before: tuple  # kinds of the weights whose results it meets
    behind: tuple  # kinds of the weights that meet its results
    when: tuple[int, int]
    step: torch.autograd.graph.Node  # where it meets the input
    parameter: nn.Parameter


def uses(run: Callable, model: nn.Module, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> list[Use]:
    """Every parameter's first use in evaluation mode. Read from the graph for the backward pass, so that neither the
    order of declaration nor that of branches counts, nor whether there are layers at all."""
    X = torch.randn(*shape, dtype=dtype, requires_grad=True)
    with torch.enable_grad(), evaluating(model):
        Y = run(model, X * 1, given=f"model(X), X of shape {sizes(shape)}")
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    if not isinstance(Y, torch.Tensor) or Y.grad_fn is None:
        raise _never_used(list(names.values()))
    nodes, parents = _graph(Y.grad_fn)
    leaves = {node: node.variable for node in nodes if hasattr(node, "variable")}
    bits = {node: 1 << place for place, node in enumerate(leaves)}
    source = next((bits[node] for node, value in leaves.items() if value is X), 0)
    reached: dict[object, int] = {}  # which leaves a node's result depends on
    for node in nodes:
        reached[node] = bits.get(node, 0)
        for child, _ in node.next_functions:
            reached[node] |= reached.get(child, 0)

    def meetings(node):
        """Where a leaf, perhaps transposed or reshaped, meets what comes from the input, and as which operand."""
        for parent, place in parents[node]:
            if reached[parent] & source:
                yield parent._sequence_nr(), place, parent
            else:
                yield from meetings(parent)

    met = {node: sorted(meetings(node), key=lambda m: m[:2]) for node, value in leaves.items() if id(value) in names}
    if idle := names.keys() - {id(leaves[node]) for node, found in met.items() if found}:
        raise _never_used([names[each] for each in names if each in idle])
    shapes = {node: kind(leaves[node].shape) for node in met}
    weights = {node: shapes[node] for node in met if len(shapes[node]) > 1}
    data = {
        node: _union(reached[child] for _, _, step in met[node] for child, _ in step.next_functions
                     if child is not None and reached[child] & source)
        for node in weights
    }  # fmt: skip
    found = []
    for node, places in met.items():
        results = _union(reached[step] for _, _, step in places)
        before = tuple(sorted(shape for other, shape in weights.items() if results & bits[other]))
        behind = tuple(sorted(shape for other, shape in weights.items() if data[other] & bits[node]))
        found.append(Use(shapes[node], before, behind, places[0][:2], places[0][2], leaves[node]))
    return found


def _graph(root) -> tuple[list, dict]:
    """The nodes behind this one, each after all that it is made of, and who uses each of them as which operand."""
    order, parents, seen, stack = [], defaultdict(list), set(), [(root, False)]
    while stack:
        node, finished = stack.pop()
        if finished:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            for place, (child, _) in enumerate(node.next_functions):
                if child is not None:
                    parents[child].append((node, place))
                    stack.append((child, False))
    return order, parents


def _union(bits) -> int:
    found = 0
    for each in bits:
        found |= each
    return found


def together(mine: Sequence[Use], theirs: Sequence[Use]) -> list[tuple[nn.Parameter, nn.Parameter]] | None:
    """Pairs of parameters that do the same in two networks; None where their kinds of shape differ."""
    pair = [sorted(uses_, key=lambda use: use[:4]) for uses_ in (mine, theirs)]
    if [use.kind for use in pair[0]] != [use.kind for use in pair[1]]:
        return None
    return [(one.parameter, other.parameter) for one, other in zip(*pair, strict=True)]


@torch.no_grad()
def fill(parameter: nn.Parameter, value: torch.Tensor, turned: bool = False) -> None:
    """Writes a value of the same kind of shape. turned: a square matrix is transposed."""
    if len(kind(value.shape)) == 2:
        value = value.reshape(value.shape[:2])
        if value.shape != parameter.shape[:2] or (turned and parameter.shape == parameter.shape[:1] * 2):
            value = value.T
    parameter.copy_(value.reshape(parameter.shape))


def expect_numbers(
    run: Runner,
    model: nn.Module,
    wanted: nn.Module | Sequence[nn.Module],
    shape: Sequence[int],
    whose: str,
    slips: Mapping[str, Callable[[], nn.Module | Sequence[nn.Module]]] | None = None,
    *,
    modes: Sequence[bool] = (True, True, False),
    start: Callable[[nn.Module], None] = randomise,
    call: str = "",
) -> None:
    """Wrong where the model gives other numbers than `wanted`, or one of them, with the same parameters.

    The parameters are matched by what they do, see `uses`. slips: makes the networks of each known mistake; the first
    one with the model's numbers is named. modes: of the batches in a row; by default the running statistics of two
    batches in training are used on the third. start: gives `wanted` its parameters. The model is used up.
    """
    wanted = _several(wanted)
    call = call or f"model(X), X of shape {sizes(shape)}"
    dtype, tolerance = torch.float64, 1e-6
    try:
        mine = uses(run, model.double(), shape, dtype)
    except Wrong as wrong:
        if "type" not in wrong.sentence:
            raise
        dtype, tolerance = torch.float32, 1e-3  # a forward that converts to float32 itself
        mine = uses(run, model.float(), shape, dtype)
    theirs = uses(plainly, wanted[0].to(dtype), shape, dtype)
    start(wanted[0])
    if not (pairs := together(mine, theirs)):
        more, less = (Counter(use.kind for use in uses_) for uses_ in (mine, theirs))
        raise Wrong(
            f"Its parameters have other shapes than those of {whose}; one layer is wanted for each of its layers.",
            call=call,
            got=value_text([*(more - less)]),
            wanted=value_text([*(less - more)]),
        )
    for parameter, value in pairs:
        fill(parameter, value)
    batches = [torch.randn(*shape, dtype=dtype) for _ in modes]

    @torch.no_grad()
    def outputs(run, net):
        return [run(net.train(mode), X, given=call) for mode, X in zip(modes, batches, strict=True)]

    got = outputs(run, model)

    def faults(net: nn.Module) -> list[str]:
        """How the outputs differ in each mode, in whichever way square matrices are meant."""
        for turned in (False, True):
            other = copy.deepcopy(net).to(dtype)
            if not (pairs := together(mine, uses(plainly, other, shape, dtype))):
                return ["Its parameters have other shapes."]
            for parameter, value in pairs:
                fill(value, parameter, turned)
            _take_over(model, other, pairs)
            found = [difference(a, b, tolerance) for a, b in zip(got, outputs(plainly, other), strict=True)]
            if not any(found):
                break
        return found

    def least(nets: nn.Module | Sequence[nn.Module]) -> list[str]:
        return min(map(faults, _several(nets)), key=any)

    found = least(wanted)
    if any(found):
        slip = likely_slip(slips or {}, lambda make: not any(least(make())))
        place = next(place for place, fault in enumerate(found) if fault)
        mode = " in evaluation mode" if not modes[place] and len(set(modes)) > 1 else ""
        raise Wrong(
            f"With the same weights it computes other numbers than {whose}{mode}. {found[place]}", call=call, slip=slip
        )


def combined(make: Callable[..., nn.Module], ways: Mapping[str, Mapping], most: int = 2) -> dict[str, Callable]:
    """Slips for `expect_numbers`: make(**settings) for each known mistake and its settings, and for up to `most` of
    them at once."""
    found = {}
    for number in range(1, most + 1):
        for some in itertools.combinations(ways.items(), number):
            settings = [(name, value) for _, way in some for name, value in way.items()]
            if len(dict(settings)) == len(settings):
                found[", and ".join(text for text, _ in some)] = functools.partial(make, **dict(settings))
    return found


def _several(nets: nn.Module | Sequence[nn.Module]) -> list[nn.Module]:
    return [nets] if isinstance(nets, nn.Module) else list(nets)


def _take_over(model: nn.Module, other: nn.Module, pairs: Sequence[tuple[nn.Parameter, nn.Parameter]]) -> None:
    """The batch norms of `other` get ε and momentum of the learner's, which are free to choose."""
    mine, theirs = (
        {id(p): layer for layer in net.modules() for p in layer.parameters(recurse=False)} for net in (model, other)
    )
    for parameter, value in pairs:
        one, two = mine[id(parameter)], theirs[id(value)]
        if isinstance(one, _BatchNorm) and isinstance(two, _BatchNorm):
            two.eps, two.momentum = one.eps, one.momentum
