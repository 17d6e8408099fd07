"""The run of a trace: the stand-in's modules entered and left, every operation under them followed, rows written."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from cnnlab.shapes import Field, ShapeError
from cnnlab.trace.operation import Call, bind, macs, tensors
from cnnlab.trace.refusal import check, why
from cnnlab.trace.rules import through
from cnnlab.trace.sight import BLIND, Notes, Sight, report
from cnnlab.trace.stand_in import Twins, on_meta, stand_in
from cnnlab.trace.table import Row, Shape, Trace, shape_text


def trace(model: nn.Module, input_shape: Sequence[int], depth: int | None = None) -> Trace:
    """Rows for one forward pass in eval mode, without computing anything.
    (B, C, H, W), or any shape of at least two axes, -> Trace. `depth=1` folds the model to its direct children.

    The model is left exactly as it was: a stand-in with the same structure is run. Hooks of the user's own do not
    fire. Where a layer refuses its input the rows end with that layer and `failure` says why.

    >>> net = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(1176, 10))
    >>> [(row.out_shape, row.receptive_field) for row in trace(net, (1, 1, 28, 28))]
    [((1, 6, 28, 28), 5), ((1, 6, 14, 14), 6), ((1, 1176), 6), ((1, 10), 32)]
    """
    shape = _input_shape(model, input_shape)
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 0):
        raise ShapeError(f"depth={depth!r} is not a level of the model; give 0 for one row, 1 for its direct children")
    with warnings.catch_warnings(), torch.no_grad(), torch.device("meta"):
        warnings.simplefilter("ignore")  # the stand-in must not warn in the model's name
        twin, twins = stand_in(model)
        dtype = next((p.dtype for p in twin.parameters() if p.is_floating_point()), torch.float32)
        watch = _Watch(twin, twins, depth)
        failure = watch.run(torch.empty(shape, dtype=dtype))
        total = sum(p.numel() for p in twin.parameters() if not nn.parameter.is_lazy(p))
    used = sum(row.params for row in watch.rows)
    return Trace(tuple(watch.rows), shape, failure, 0 if failure else total - used, watch.joins)


def _input_shape(model: nn.Module, shape: Sequence[int]) -> Shape:
    wanted = "give whole numbers of at least 1 for (B, C, H, W), such as (1, 1, 28, 28)"
    try:
        sizes = tuple(operator.index(size) for size in shape if not isinstance(size, bool))
    except TypeError:
        raise ShapeError(f"input shape {shape!r} is not a tuple of ints; {wanted}") from None
    if len(sizes) != len(shape) or len(sizes) < 2 or min(sizes) < 1:
        raise ShapeError(f"input shape {shape!r} is not a shape with a batch axis; {wanted}")
    # Conv2d would take three axes as one image without a batch, and its rows as channels; better to ask.
    if len(sizes) == 3 and any(type(module).__name__.endswith("2d") for module in model.modules()):
        raise ShapeError(f"input shape {shape!r} lacks an axis, since this model works on images; {wanted}")
    return sizes


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
    """Runs a stand-in: hooks say which module is in flight, and every operation passes `__torch_dispatch__`."""

    def __init__(self, model: nn.Module, twins: Twins, depth: int | None):
        super().__init__()
        self.model, self.twins, self.limit = model, twins, depth
        self.rows: list[Row] = []
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

    def run(self, x: Tensor) -> str | None:
        self.image = tuple(x.shape[2:])
        self.notes.mark(x, tuple(Sight(Field(), size, (dim,), True, 1) for dim, size in enumerate(x.shape) if dim > 1))
        self._new_bytes(x)
        try:
            with self:
                self.model(x)
        except Exception as error:
            return self._fail(error)
        return None

    # ---- modules -----------------------------------------------------------------------------------------------------

    def _enter(self, module: nn.Module, args: tuple, kwargs: dict) -> None:
        given = tensors((args, kwargs))
        if self.flight:
            self.owner.bytes += sum(map(self._new_bytes, given))
        name = self.names[module]
        depth = name.count(".") + 1 if name else 0
        self.flight.append(_Frame(module, name or "(model)", depth, tuple(given[0].shape) if given else None))

    def _leave(self, module: nn.Module, args: tuple, kwargs: dict, out: Any) -> None:
        while self.flight[-1].module is not module:  # a forward that caught an error of a layer and went on
            self.flight.pop()
        made, frame, owner = tensors(out), self.flight[-1], self.owner
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
        storage = tensor.untyped_storage()
        if storage._cdata in self.storages or self.notes.look(tensor) is BLIND:
            return 0
        self.storages.add(storage._cdata)
        return storage.nbytes()

    def _row(self, frame: _Frame, made: Sequence[Tensor]) -> Row:
        shape = tuple(made[0].shape) if made else None
        seen = self.notes.look(made[0]) if made else None
        counts = (sum(p.numel() for p in frame.params), frame.macs, frame.bytes)
        return Row(frame.name, frame.kind, frame.depth, frame.in_shape, shape, *counts, *report(seen))

    def _fail(self, error: Exception) -> str:
        self.rows.append(replace(self._row(self.owner, ()), params=0, macs=0, activation_bytes=0))
        frame, (name, given) = self.flight[-1], self.last
        label = f"{frame.name if frame.depth else 'the model'} ({frame.kind})"
        where = "" if frame.is_layer else f" in its {name} of {' and '.join(map(shape_text, given))},"
        return f"{label} cannot take {shape_text(frame.in_shape)}:{where} {why(frame.module, frame.in_shape, error)}"

    # ---- operations --------------------------------------------------------------------------------------------------

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        args, kwargs = on_meta((args, kwargs or {}), self.twins)
        if kwargs.get("device") is not None:
            kwargs["device"] = torch.device("meta")
        given = tensors((args, kwargs))
        if any(map(nn.parameter.is_lazy, given)):  # a lazy layer about to learn its shape
            return func(*args, **kwargs)
        name, bound = bind(func, args, kwargs)
        self.last = (name.strip("_").removesuffix("_with_indices"), [tuple(tensor.shape) for tensor in given])
        check(name, bound)
        self._count_params(given)
        inputs = [(tensor, self.notes.look(tensor)) for tensor in given]
        if self.flight and name.strip("_") in ("add", "cat") and sum(seen is not BLIND for _, seen in inputs) > 1:
            self.joins[self.flight[-1].name] = name.strip("_")
        out = func(*args, **kwargs)
        call = Call(name, bound, inputs, tensors(out), self.image, torch.Tag.pointwise in func.tags)
        self.owner.macs += macs(call)
        for tensor, seen in zip(call.out, through(call), strict=True):
            self.notes.mark(tensor, seen, written=any(tensor is other for other in given))
        return out

    def _count_params(self, given: Sequence[Tensor]) -> None:
        """Charge a parameter where it is first used."""
        for tensor in given:
            if id(tensor) in self.uncounted:
                self.uncounted.remove(id(tensor))
                self.owner.params.append(tensor)
