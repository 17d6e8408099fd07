"""The run of a trace: the copy's modules entered and left, every operation under them followed, rows written."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

from cnnlab.shapes import Field, ShapeError
from cnnlab.trace.inputs import check_model, given, lacks_batch
from cnnlab.trace.meta_copy import Twins, meta_copy
from cnnlab.trace.modes import generators_kept, tensors, uncompiled
from cnnlab.trace.operation import Call, bind, macs
from cnnlab.trace.refusal import check, known, why
from cnnlab.trace.rules import through
from cnnlab.trace.sight import ASIDE, BLIND, UNKNOWN, Notes, Seen, Sight, report
from cnnlab.trace.table import Row, Shape, Trace, shape_text


def trace(
    model: nn.Module,
    input_shape: Sequence[int] | Tensor | None = None,
    *more: Sequence[int] | Tensor,
    depth: int | None = None,
    dtype: torch.dtype | None = None,
    **named: Any,
) -> Trace:
    """Rows for one forward pass in eval mode, without computing anything.
    (B, C, H, W), or any shape of at least two axes, -> Trace. `depth=1` folds the model to its direct children.

    Each input of the forward, by position or by name, is a shape or a tensor; a named tuple of ints is a shape, other
    named values are handed on as they are. `dtype` is that of the inputs given as shapes, by default the model's:
    `trace(model, (1, 12), dtype=torch.long)` gives indices to an embedding. Receptive fields are those in the first
    input, and in others of its height and width.

    The model is left exactly as it was: a copy with the same structure is run. Hooks of the user's own do not
    fire. A forward that needs numbers, as one with `.item()` does, is run on zeros, and `real_run` says why.
    Where a layer refuses its input the rows end with that layer and `failure` says why. Raises TypeError for what is
    no module, ShapeError for what is no shape.

    >>> net = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(1176, 10))
    >>> [(row.out_shape, row.receptive_field) for row in trace(net, (1, 1, 28, 28))]
    [((1, 6, 28, 28), 5), ((1, 6, 14, 14), 6), ((1, 1176), 6), ((1, 10), 32)]
    """
    check_model(model)
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 0):
        raise ShapeError(f"depth={depth!r} is not a level of the model; give 0 for one row, 1 for its direct children")
    args, named = given(model, (*([] if input_shape is None else [input_shape]), *more), named, dtype)
    with ExitStack() as borrowed:
        for context in (generators_kept(model), uncompiled(), torch.no_grad(), warnings.catch_warnings()):
            borrowed.enter_context(context)
        warnings.simplefilter("ignore")  # the copy must not warn in the model's name
        watch, reason = _on_shapes(model, depth, args, named), None
        if watch.stopped:
            alone, watch = watch, _on_numbers(model, depth, args, named)
            zeros = any(tensor.is_meta for tensor in tensors((args, named)))
            if not watch.stops_like(alone):
                reason = f"run on {'zeros' if zeros else 'the tensors given'}, since {alone.stopped}"
    shapes = [tuple(tensor.shape) for tensor in tensors((args, named))]
    unused = 0 if watch.failure else watch.total() - sum(row.params for row in watch.rows)
    return Trace(tuple(watch.rows), shapes[0], watch.failure, unused, watch.joins, tuple(shapes[1:]), reason)


def _on_shapes(model: nn.Module, depth: int | None, args: list, named: dict) -> _Watch:
    with torch.device("meta"):
        watch = _Watch(*meta_copy(model), depth)
        watch.run(*_each((args, named), lambda tensor: tensor.to("meta")))
    return watch


def _on_numbers(model: nn.Module, depth: int | None, args: list, named: dict) -> _Watch:
    """The same with numbers: the tensors that were given, and zeros where only a shape was."""
    twin, twins = meta_copy(model, real=True)
    device = next((tensor.device for tensor in (*twin.parameters(), *twin.buffers())), torch.device("cpu"))

    def number(tensor: Tensor) -> Tensor:
        return torch.zeros_like(tensor, device=device) if tensor.is_meta else tensor.detach().to(device, copy=True)

    watch = _Watch(twin, twins, depth)
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        # Fused kernels would hide the products that an LSTM or an attention is made of.
        torch.backends.mha.set_fastpath_enabled(False)
        with (
            torch.backends.mkldnn.flags(enabled=False),
            torch.backends.cudnn.flags(enabled=False),
            sdpa_kernel(SDPBackend.MATH),
        ):
            watch.run(*_each((args, named), number))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return watch


def _plain(value: Any) -> list[Tensor]:
    return [tensor for tensor in tensors(value) if not tensor.is_nested]


def _each(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same nested tuples, lists and dicts with every tensor changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: _each(item, change) for key, item in value.items()}
    return type(value)(_each(item, change) for item in value) if type(value) in (tuple, list) else value


@dataclass
class _Frame:
    """A module in flight, and what it did itself."""

    module: nn.Module
    name: str
    depth: int
    in_shape: Shape | None
    params: list[Tensor] = field(default_factory=list)
    macs: int = 0
    bytes: int = 0

    @property
    def kind(self) -> str:
        return type(self.module).__name__

    @property
    def is_layer(self) -> bool:
        return not any(self.module.children())


class _Watch(TorchDispatchMode):
    """Runs a copy: hooks say which module is in flight, and every operation passes `__torch_dispatch__`."""

    def __init__(self, model: nn.Module, twins: Twins, depth: int | None):
        super().__init__()
        self.model, self.twins, self.limit = model, twins, depth
        self.rows: list[Row] = []
        self.failure: str | None = None
        self.stopped = ""  # words for an error that a run on numbers might not meet
        self.error: type[Exception] | None = None
        self.flight: list[_Frame] = []
        self.notes = Notes()
        self.image: Shape = ()
        self.storages: set[int] = set()  # memory that has been counted
        self.joins: dict[str, str] = {}
        self.uncounted = {id(p) for p in model.parameters()}
        self.last: tuple[str, list[Shape]] = ("forward", [])  # the operation in hand, for the words of a refusal
        self.names = {module: name for name, module in model.named_modules()}
        for module in self.names:
            module.register_forward_pre_hook(self._enter, prepend=True, with_kwargs=True)
            module.register_forward_hook(self._leave, with_kwargs=True)

    def run(self, args: list, named: dict) -> None:
        first, *others = tensors((args, named))
        self.image = tuple(first.shape[2:])
        sight: Seen = tuple(Sight(Field(), size, (dim,), True, 1) for dim, size in enumerate(first.shape) if dim > 1)
        sight = UNKNOWN if lacks_batch(self.model, first) else sight
        for x in (first, *others):
            self.notes.mark(x, sight if x is first or (x.shape[2:] == first.shape[2:] and x.dim() > 1) else ASIDE)
            self._new_bytes(x)
        try:
            with self:
                self.model(*args, **named)
        except Exception as error:
            self._fail(error)

    def stops_like(self, other: _Watch) -> bool:
        """Whether both were ended by the same kind of error in the same layer, which numbers then had no part in."""
        return bool(self.stopped) and (self.error, self.rows[-1].name) == (other.error, other.rows[-1].name)

    def total(self) -> int:
        """Numbers to be learned in the whole model."""
        return sum(p.numel() for p in self.model.parameters() if not nn.parameter.is_lazy(p))

    # ---- modules -----------------------------------------------------------------------------------------------------

    def _enter(self, module: nn.Module, args: tuple, kwargs: dict) -> None:
        read = _plain((args, kwargs))
        if self.flight:
            self.owner.bytes += sum(map(self._new_bytes, read))
        name = self.names[module]
        depth = name.count(".") + 1 if name else 0
        self.flight.append(_Frame(module, name or "(model)", depth, tuple(read[0].shape) if read else None))

    def _leave(self, module: nn.Module, args: tuple, kwargs: dict, out: Any) -> None:
        while self.flight[-1].module is not module:  # a forward that caught an error of a layer and went on
            self.flight.pop()
        made, frame, owner = _plain(out), self.flight[-1], self.owner
        owner.bytes += sum(map(self._new_bytes, made))
        whole = frame.is_layer or frame.depth == self.limit
        if frame is owner and (whole or frame.params or frame.macs or frame.bytes):
            self.rows.append(self._row(frame, made))
        self.flight.pop()

    @property
    def owner(self) -> _Frame:
        """The frame that is charged: the innermost one, or the folded block around it."""
        return next(frame for frame in reversed(self.flight) if self.limit is None or frame.depth <= self.limit)

    def _new_bytes(self, tensor: Tensor) -> int:
        """New memory in a tensor handed from module to module; a parameter handed around is no activation."""
        if tensor.layout != torch.strided or self.notes.look(tensor) is BLIND:
            return 0
        storage = tensor.untyped_storage()
        if storage._cdata in self.storages:
            return 0
        self.storages.add(storage._cdata)
        return storage.nbytes()

    def _row(self, frame: _Frame, made: Sequence[Tensor]) -> Row:
        shape = tuple(made[0].shape) if made else None
        seen = self.notes.look(made[0]) if made else None
        counts = (sum(p.numel() for p in frame.params), frame.macs, frame.bytes)
        return Row(frame.name, frame.kind, frame.depth, frame.in_shape, shape, *counts, *report(seen))

    def _fail(self, error: Exception) -> None:
        self.rows.append(replace(self._row(self.owner, ()), params=0, macs=0, activation_bytes=0))
        frame, (name, read) = self.flight[-1], self.last
        label = f"{frame.name if frame.depth else 'the model'} ({frame.kind})"
        at_work = isinstance(error, RuntimeError | ShapeError) and read and not frame.is_layer
        where = f" in its {name} of {' and '.join(map(shape_text, read))}," if at_work else ""
        self.error = type(error)
        ours = known(frame.module, frame.in_shape, error)
        theirs = why(error, frame.depth, self.twins.real)
        if not ours:
            self.stopped = f"shapes alone were not enough for {label}: {theirs.partition('. ')[0]}"
        self.failure = f"{label} cannot take {shape_text(frame.in_shape)}:{where} {ours or theirs}"

    # ---- operations --------------------------------------------------------------------------------------------------

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        args, kwargs = _each((args, kwargs or {}), self._own)
        if not self.twins.real and kwargs.get("device") is not None:
            kwargs["device"] = torch.device("meta")
        read = tensors((args, kwargs))
        if any(map(nn.parameter.is_lazy, read)):  # a lazy layer about to learn its shape
            return func(*args, **kwargs)
        if any(tensor.is_nested for tensor in read):  # rows of unlike lengths have no shape to follow
            out = func(*args, **kwargs)
            for tensor in _plain(out):
                self.notes.mark(tensor, UNKNOWN)
            return out
        name, bound = bind(func, args, kwargs)
        self.last = (name.strip("_").removesuffix("_with_indices"), [tuple(tensor.shape) for tensor in read])
        check(name, bound)
        self._count_params(read)
        inputs = [(tensor, self.notes.look(tensor)) for tensor in read]
        if self.flight and name.strip("_") in ("add", "cat") and sum(seen is not BLIND for _, seen in inputs) > 1:
            self.joins[self.flight[-1].name] = name.strip("_")
        out = func(*args, **kwargs)
        call = Call(name, bound, inputs, _plain(out), self.image, torch.Tag.pointwise in func.tags)
        if self.flight:
            self.owner.macs += macs(call)
        for tensor, seen in zip(call.out, through(call), strict=True):
            # Numbers may have been read from the run and made a tensor again.
            seen = UNKNOWN if self.twins.real and name == "lift_fresh" else seen
            self.notes.mark(tensor, seen, written=any(tensor is other for other in read))
        return out

    def _own(self, tensor: Tensor) -> Tensor:
        """The run's own tensor for one that came from elsewhere, so that nothing else is read or written."""
        if tensor.is_nested or tensor in self.notes or self.twins.made(tensor):
            return tensor
        fresh = not self.twins.knows(tensor)
        twin = self.twins.of(tensor)
        if fresh and (self.twins.real or tensor.is_meta):  # perhaps a detour of the run itself, as through numpy
            self.notes.mark(twin, UNKNOWN)
        return twin

    def _count_params(self, read: Sequence[Tensor]) -> None:
        """Charge a parameter where it is first used."""
        for tensor in read:
            if id(tensor) in self.uncounted:
                self.uncounted.remove(id(tensor))
                self.owner.params.append(tensor)
