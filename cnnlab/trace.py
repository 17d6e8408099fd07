"""What a model does to a shape: one row a layer with shape, parameters, multiply-accumulates, memory, receptive field.

    trace(model, (1, 1, 28, 28))

runs a stand-in of the model on PyTorch's meta device, where tensors have a shape and no numbers. The model itself is
never called. Three parts follow: the table, the run, and the rules by which each operation hands on what its units see.
"""

from __future__ import annotations

import copy
import operator
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from html import escape
from math import ceil, floor, gcd, prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from cnnlab.shapes import Field, ShapeError, out_size, pool_out_size, transposed_out_size, window

Shape = tuple[int, ...]
PerAxis = int | float | tuple[int | float | None, ...] | None

# ---- the table -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One call of one layer, or what a block did itself beyond its layers (an addition, a concatenation).

    macs              multiply-accumulates of convolutions and linear layers, for the whole batch
    activation_bytes  new tensors handed from layer to layer; 0 for a layer that works in place or only reshapes
    receptive_field   input pixels a unit sees, padding counted: an int, (h, w) where they differ, None if not known
    jump              input pixels between neighbouring units; None where no grid is left (flattened, pooled to one)
    """

    name: str
    kind: str
    depth: int
    in_shape: Shape | None
    out_shape: Shape | None
    params: int
    macs: int
    activation_bytes: int
    receptive_field: PerAxis
    jump: PerAxis


@dataclass(frozen=True, repr=False)
class Trace:
    """The rows in the order of the calls; a block's own row comes after its layers. The totals are sums over rows."""

    rows: tuple[Row, ...]
    input_shape: Shape
    failure: str | None = None
    unused_params: int = 0

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Row:
        return self.rows[index]

    @property
    def params(self) -> int:
        """Learned numbers that the run used, each counted once; `unused_params` has the rest."""
        return sum(row.params for row in self.rows)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and linear layers, for the whole batch."""
        return sum(row.macs for row in self.rows)

    @property
    def activation_bytes(self) -> int:
        """Bytes of all tensors handed from layer to layer, the input not counted."""
        return sum(row.activation_bytes for row in self.rows)

    def __repr__(self) -> str:
        table = [_HEAD, *map(_cells, self.rows), self._total()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [_line(cells, widths) for cells in table]
        rule = "─" * len(lines[0])
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1].rstrip(), *self._notes()])

    def _repr_html_(self) -> str:
        rows = [_html_row(_cells(row), failed=row.out_shape is None) for row in self.rows]
        head, total = _html_row(_HEAD, tag="th"), _html_row(self._total(), tag="th")
        notes = "".join(f"<p>{escape(note)}</p>" for note in self._notes())
        return f'<div><table style="{_TABLE_STYLE}">{head}{"".join(rows)}{total}</table>{notes}</div>'

    def _total(self) -> tuple[str, ...]:
        sums = (f"{total:,}" for total in (self.params, self.macs, self.activation_bytes))
        return ("total", "", _shape(self.input_shape), "", *sums, "", "")

    def _notes(self) -> list[str]:
        unused = f"{self.unused_params:,} more parameters were not used in this run" if self.unused_params else ""
        return [note for note in (self.failure and f"stopped: {self.failure}", unused) if note]


_HEAD = ("layer", "kind", "in", "out", "params", "MACs", "bytes", "sees", "jump")
_TABLE_STYLE = "border-collapse:collapse;font-size:12px;color:var(--jp-ui-font-color1,inherit)"
_CELL_STYLE = "padding:2px 8px;border-bottom:1px solid var(--jp-border-color2,#8888);white-space:nowrap"


def _shape(shape: Shape | None) -> str:
    return "–" if shape is None else "×".join(map(str, shape))


def _per_axis(value: PerAxis) -> str:
    if isinstance(value, tuple):
        return "×".join(map(_per_axis, value))
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _cells(row: Row) -> tuple[str, ...]:
    counts = (f"{count:,}" for count in (row.params, row.macs, row.activation_bytes))
    sees, jump = _per_axis(row.receptive_field), _per_axis(row.jump)
    return (row.name, row.kind, _shape(row.in_shape), _shape(row.out_shape), *counts, sees, jump)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    pairs = list(zip(cells, widths, strict=True))
    return "  ".join([c.ljust(w) for c, w in pairs[:4]] + [c.rjust(w) for c, w in pairs[4:]])


def _html_row(cells: Sequence[str], tag: str = "td", failed: bool = False) -> str:
    colour = ";color:var(--jp-error-color1,#c62828)" if failed else ""
    sides = ["left"] * 4 + ["right"] * (len(cells) - 4)
    made = (
        f'<{tag} style="{_CELL_STYLE};text-align:{side}{colour}">{escape(cell)}</{tag}>'
        for cell, side in zip(cells, sides, strict=True)
    )
    return f"<tr>{''.join(made)}</tr>"


# ---- the run ---------------------------------------------------------------------------------------------------------


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
        stand_in, twins = _stand_in(model)
        watch = _Watch(stand_in, twins, depth)
        dtype = next((p.dtype for p in stand_in.parameters() if p.is_floating_point()), torch.float32)
        failure = watch.run(torch.empty(shape, dtype=dtype))
        total = sum(p.numel() for p in stand_in.parameters() if not nn.parameter.is_lazy(p))
    used = sum(row.params for row in watch.rows)
    return Trace(tuple(watch.rows), shape, failure, 0 if failure else total - used)


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


def _stand_in(model: nn.Module) -> tuple[nn.Module, dict[int, Tensor]]:
    """A copy of the structure in eval mode, every tensor on the meta device, and which tensor stands for which."""
    model = getattr(model, "_orig_mod", model)  # under torch.compile the module itself is in here
    twins: dict[int, Tensor] = {}
    memo: dict[int, Any] = {}
    for module in model.modules():
        for value in (*module._parameters.values(), *module._buffers.values(), *vars(module).values()):
            if isinstance(value, Tensor):
                twins.setdefault(id(value), _meta_twin(value))
        memo.update({id(hook): hook for hooks in _hook_tables(module) for hook in hooks.values() if not _torchs(hook)})
    try:
        stand_in = copy.deepcopy(model, {**memo, **twins})
    except Exception as error:
        raise TypeError(f"{type(model).__name__} cannot be copied ({error}); keep what is not a tensor or a module out"
                        " of its attributes") from error  # fmt: skip
    for module in stand_in.modules():
        for hooks in _hook_tables(module):
            for key in [key for key, hook in hooks.items() if not _torchs(hook)]:
                del hooks[key]
    return stand_in.eval(), twins


def _meta_twin(value: Tensor) -> Tensor:
    if nn.parameter.is_lazy(value):
        return type(value)(requires_grad=value.requires_grad, device="meta")
    twin = torch.empty_like(value, device="meta")
    return nn.Parameter(twin, value.requires_grad) if isinstance(value, nn.Parameter) else twin


def _hook_tables(module: nn.Module) -> tuple[dict, ...]:
    return module._forward_pre_hooks, module._forward_hooks, module._backward_pre_hooks, module._backward_hooks


def _torchs(hook: Any) -> bool:
    # Lazy layers and weight_norm live in hooks of torch's own: they are part of the model, unlike a user's recorder.
    return (getattr(hook, "__module__", None) or type(hook).__module__).startswith("torch.")


@dataclass
class _Frame:
    """A module in flight, and what it did itself."""

    module: nn.Module
    name: str
    depth: int
    folds: bool
    in_shape: Shape | None
    params: list[Tensor] = field(default_factory=list)
    macs: int = 0
    bytes: int = 0


class _Watch:
    """Runs the stand-in and writes the rows."""

    def __init__(self, model: nn.Module, twins: dict[int, Tensor], depth: int | None):
        self.model, self.limit = model, depth
        self.rows: list[Row] = []
        self.flight: list[_Frame] = []
        self.tensors: list[Tensor] = []  # kept alive, so that no storage is taken for another that is gone
        self.storages: set[int] = set()
        self.sights = _Sights(twins, self)
        self.uncounted = {id(p) for p in model.parameters()}
        for name, module in model.named_modules():
            level = name.count(".") + 1 if name else 0
            module.register_forward_pre_hook(self._enter(name or "(model)", level), prepend=True, with_kwargs=True)
            module.register_forward_hook(self._leave, with_kwargs=True)

    def run(self, x: Tensor) -> str | None:
        self.sights.start(x, self.model)
        self._hold(x)
        try:
            with self.sights:
                self.model(x)
        except Exception as error:
            return self._fail(error)
        return None

    def _enter(self, name: str, level: int) -> Callable:
        def hook(module: nn.Module, args: tuple, kwargs: dict) -> None:
            given = _tensors((args, kwargs))
            if self.flight:
                self.owner.bytes += sum(map(self._hold, given))
            folds = level == self.limit or not any(module.children())
            self.flight.append(_Frame(module, name, level, folds, tuple(given[0].shape) if given else None))

        return hook

    def _leave(self, module: nn.Module, args: tuple, kwargs: dict, out: Any) -> None:
        while self.flight[-1].module is not module:  # a forward that caught an error of a layer and went on
            self.flight.pop()
        made, frame, owner = _tensors(out), self.flight[-1], self.owner
        owner.bytes += sum(map(self._hold, made))
        if frame is owner and (frame.folds or frame.params or frame.macs or frame.bytes):
            self.rows.append(self._row(frame, made))
        self.flight.pop()

    def _row(self, frame: _Frame, made: Sequence[Tensor]) -> Row:
        seen = self.sights.look(made[0]) if made else None
        shape = tuple(made[0].shape) if made else None
        params = sum(p.numel() for p in frame.params)
        counts = (params, frame.macs, frame.bytes)
        return Row(frame.name, _kind(frame), frame.depth, frame.in_shape, shape, *counts, *_report(seen))

    @property
    def owner(self) -> _Frame:
        """The frame that is charged: the innermost one, or the folded block around it."""
        if self.limit is None:
            return self.flight[-1]
        return [frame for frame in self.flight if frame.depth <= self.limit][-1]

    def _hold(self, tensor: Tensor) -> int:
        """New bytes in this tensor; a parameter handed around is no activation."""
        storage = tensor.untyped_storage()
        if storage._cdata in self.storages or self.sights.look(tensor) is BLIND:
            return 0
        self.storages.add(storage._cdata)
        self.tensors.append(tensor)
        return storage.nbytes()

    def touch(self, tensor: Tensor) -> None:
        """Charge a parameter where it is first used."""
        if id(tensor) in self.uncounted:
            self.uncounted.remove(id(tensor))
            self.owner.params.append(tensor)

    def charge(self, macs: int) -> None:
        self.owner.macs += macs

    def _fail(self, error: Exception) -> str:
        frame = self.flight[-1]
        self.rows.append(replace(self._row(self.owner, ()), params=0, macs=0, activation_bytes=0))
        label = f"{frame.name if frame.depth else 'the model'} ({_kind(frame)})"
        name, given = self.sights.last
        where = f" in its {name} of {' and '.join(map(_shape, given))}," if any(frame.module.children()) else ""
        return f"{label} cannot take {_shape(frame.in_shape)}:{where} {_why(frame, error)}"


def _kind(frame: _Frame) -> str:
    return type(frame.module).__name__


def _tensors(value: Any) -> list[Tensor]:
    """All tensors in nested tuples, lists and dicts, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for item in value for t in _tensors(item)] if isinstance(value, tuple | list) else []


# ---- a refusal, in words ---------------------------------------------------------------------------------------------


def _why(frame: _Frame, error: Exception) -> str:
    axes = {"1d": "(B, C, W)", "2d": "(B, C, H, W)", "3d": "(B, C, D, H, W)"}.get(_kind(frame)[-2:])
    if axes and frame.in_shape and len(frame.in_shape) != axes.count(",") + 1 and not any(frame.module.children()):
        return f"it works on {axes}, which is {axes.count(',') + 1} axes and not {len(frame.in_shape)}"
    taken = getattr(frame.module, "num_features", None)
    if "BatchNorm" in _kind(frame) and frame.in_shape and taken not in (None, frame.in_shape[1]):
        return f"{_channels(frame.in_shape[1])} a batch norm for {taken}; give it num_features={frame.in_shape[1]}"
    text = next(iter(str(error).strip().splitlines()), "no reason given")
    return text if isinstance(error, ShapeError | RuntimeError) else f"{type(error).__name__}: {text}"


def _check(name: str, args: dict[str, Any]) -> None:
    """Refuse in our own words what PyTorch refuses in its own; on the meta device it lets some of this pass."""
    if name == "convolution":
        _check_channels(args["input"].shape[1], args["weight"].shape, args["groups"], args["transposed"])
        _conv_shape(args)
    elif name in _POOLS:
        _pool_shape(args)
    elif name in ("mm", "addmm") and args["mat1" if name == "addmm" else "self"].shape[-1] != args["mat2"].shape[0]:
        given, taken = args["mat1" if name == "addmm" else "self"].shape[-1], args["mat2"].shape[0]
        raise ShapeError(f"vectors of {given} do not fit a linear layer for {taken}; give it {given} inputs")
    elif name == "cat":
        dim = args["dim"] % args["tensors"][0].dim()
        rests = {(*t.shape[:dim], *t.shape[dim + 1 :]) for t in args["tensors"]}
        if len(rests) > 1:
            raise ShapeError("maps must agree in every axis but the joined one; pad or stride the branches alike")


def _check_channels(given: int, weight: Shape, groups: int, transposed: bool) -> None:
    taken = weight[0] if transposed else weight[1] * groups
    if given != taken:
        raise ShapeError(f"{_channels(given)} a convolution for {taken}; give it in_channels={given}")


def _channels(given: int) -> str:
    return "1 channel does not fit" if given == 1 else f"{given} channels do not fit"


def _conv_shape(args: dict[str, Any]) -> None:
    for axis, size in enumerate(args["input"].shape[2:]):
        kernel = args["weight"].shape[2 + axis]
        stride, padding, dilation = (_at(args[name], axis) for name in ("stride", "padding", "dilation"))
        if args["transposed"]:
            transposed_out_size(size, kernel, stride, padding, _at(args["output_padding"], axis), dilation)
        else:
            out_size(size, kernel, stride, padding, dilation)


def _pool_shape(args: dict[str, Any]) -> None:
    for axis, size in enumerate(args["self"].shape[-args["axes"] :]):
        kernel, stride, padding, dilation = _pool_setting(args, axis)
        pool_out_size(size, kernel, stride, padding, dilation, bool(args.get("ceil_mode")))


def _at(values: Sequence[int], axis: int) -> int:
    return values[axis] if len(values) > 1 else values[0]


def _pool_setting(args: dict[str, Any], axis: int) -> tuple[int, int, int, int]:
    kernel = _at(args["kernel_size"], axis)
    stride = _at(args["stride"], axis) if args.get("stride") else kernel
    return kernel, stride, _at(args["padding"], axis), _at(args.get("dilation") or [1], axis)


_POOLS = frozenset(["max_pool2d_with_indices", "max_pool3d_with_indices", "avg_pool1d", "avg_pool2d", "avg_pool3d"])

# ---- what each unit sees ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sight:
    """What the units of a tensor see of one axis of the input.

    `dims` are the axes of the tensor along which that changes; without any, all units see the same. On a grid it is one
    axis that holds nothing else, and `field` says what each unit of it sees. Flattened, the axis holds more: then
    `after` numbers lie between a unit and the next, or None where they are mixed beyond following.
    """

    field: Field
    length: int
    dims: tuple[int, ...]
    grid: bool
    after: int | None = None

    def hull(self) -> tuple[int, int]:
        """First and last input pixel that any unit sees."""
        spans = [span for span in map(self.field.span, range(self.length)) if span]
        if not spans:
            raise _Lost
        return min(first for first, _ in spans), max(last for _, last in spans)


class _Lost(Exception):  # noqa: N818 - a signal, not an error
    """The rules cannot say what a unit sees; the row then says None."""


class _Blind:
    """Parameters and constants: they see nothing of the input."""


BLIND = _Blind()
UNKNOWN = None
Seen = tuple[Sight, ...] | _Blind | None


def _report(seen: Seen) -> tuple[PerAxis, PerAxis]:
    if not isinstance(seen, tuple) or not seen:
        return None, None
    sizes = tuple(sight.field.size for sight in seen)
    jumps = tuple(sight.field.jump if sight.grid else None for sight in seen)
    return (sizes[0] if len(set(sizes)) == 1 else sizes), (jumps[0] if len(set(jumps)) == 1 else jumps)


@dataclass(frozen=True)
class _Call:
    """One operation: its bare name, its arguments by name, what its tensors see, its result, the input's size."""

    name: str
    args: dict[str, Any]
    inputs: list[tuple[Tensor, Seen]]
    out: list[Tensor]
    image: Shape


class _Sights(TorchDispatchMode):
    """Follows every operation under the modules, and keeps on each tensor what its units see."""

    def __init__(self, twins: dict[int, Tensor], watch: _Watch):
        super().__init__()
        self.twins, self.watch = twins, watch
        self.writes: dict[int, int] = {}  # storage -> how often what is seen through it has changed
        self.written: list[Tensor] = []
        self.image: Shape = ()
        self.last: tuple[str, list[Shape]] = ("forward", [])  # the operation in hand, for the words of a refusal

    def start(self, x: Tensor, model: nn.Module) -> None:
        self.image = tuple(x.shape[2:])
        for tensor in (*self.twins.values(), *model.parameters(), *model.buffers()):
            if not nn.parameter.is_lazy(tensor):
                self.mark(tensor, BLIND)
        self.mark(x, tuple(Sight(Field(), size, (dim,), True, 1) for dim, size in enumerate(x.shape) if dim > 1))

    def look(self, tensor: Tensor) -> Seen:
        if nn.parameter.is_lazy(tensor) or isinstance(tensor, nn.Parameter):
            return BLIND
        seen, writes = getattr(tensor, "_cnnlab_seen", (UNKNOWN, 0))
        # After a write through another view of the same memory, what was noted here no longer holds.
        return seen if writes == self.writes.get(tensor.untyped_storage()._cdata, 0) else UNKNOWN

    def mark(self, tensor: Tensor, seen: Seen) -> None:
        tensor._cnnlab_seen = (seen, self.writes.get(tensor.untyped_storage()._cdata, 0))

    def _overwrite(self, tensor: Tensor, seen: Seen) -> None:
        if self.look(tensor) != seen:
            storage = tensor.untyped_storage()._cdata
            self.writes[storage] = self.writes.get(storage, 0) + 1
            self.written.append(tensor)
            self.mark(tensor, seen)

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        args, kwargs = self._on_meta(args), self._on_meta(kwargs or {})
        if kwargs.get("device") is not None:
            kwargs["device"] = torch.device("meta")
        name, bound = func._schema.name.removeprefix("aten::"), _bind(func, args, kwargs)
        given = _tensors((args, kwargs))
        if any(map(nn.parameter.is_lazy, given)):  # a lazy layer about to learn its shape
            return func(*args, **kwargs)
        self.last = (name.strip("_").removesuffix("_with_indices"), [tuple(tensor.shape) for tensor in given])
        _check(name, bound)
        for tensor in given:
            self.watch.touch(tensor)
        inputs = [(tensor, self.look(tensor)) for tensor in given]
        out = func(*args, **kwargs)
        call = _Call(name, bound, inputs, _tensors(out), self.image)
        self.watch.charge(_macs(call))
        pointwise = torch.Tag.pointwise in func.tags
        for tensor, seen in zip(call.out, _through(call, pointwise), strict=True):
            known = any(tensor is other for other in given)
            (self._overwrite if known else self.mark)(tensor, seen)
        return out

    def _on_meta(self, value: Any) -> Any:
        """The same arguments with every real tensor replaced, so that nothing is computed and nothing written."""
        if isinstance(value, Tensor):
            if value.device.type == "meta":
                return value
            twin = self.twins.get(id(value))
            if twin is None:
                twin = value.detach().to("meta")
                self.mark(twin, BLIND)
            return twin
        if isinstance(value, dict):
            return {key: self._on_meta(item) for key, item in value.items()}
        return type(value)(map(self._on_meta, value)) if type(value) in (tuple, list) else value


def _bind(func: Any, args: tuple, kwargs: dict) -> dict[str, Any]:
    bound = {arg.name: arg.default_value if arg.has_default_value() else None for arg in func._schema.arguments}
    bound.update(zip(bound, args, strict=False))
    bound.update(kwargs)
    digits = [int(c) for c in func._schema.name.partition("_pool")[2][:1] if c.isdigit()]
    return {**bound, "axes": digits[0] if digits else 0}


def _macs(call: _Call) -> int:
    """Multiply-accumulates of one operation.
    Every weight of a convolution is used once a pixel: of the output, or of the input where it is transposed."""
    args = call.args
    if call.name == "convolution":
        pixels = args["input"] if args["transposed"] else call.out[0]
        return args["weight"].numel() * pixels.shape[0] * prod(pixels.shape[2:])
    if call.name in _PRODUCTS:
        left, right = (args[name] for name in _PRODUCTS[call.name])
        if _sees(call, left) and _sees(call, right):
            return 0  # attention multiplies activations with activations: that is no layer's weight
        return call.out[0].numel() * left.shape[-1]
    return 0


def _sees(call: _Call, tensor: Tensor) -> bool:
    return next(seen for other, seen in call.inputs if other is tensor) is not BLIND


_PRODUCTS = {
    "mm": ("self", "mat2"),
    "addmm": ("mat1", "mat2"),
    "bmm": ("self", "mat2"),
    "baddbmm": ("batch1", "batch2"),
    "mv": ("self", "vec"),
    "addmv": ("mat", "vec"),
    "dot": ("self", "tensor"),
}


# ---- the rules -------------------------------------------------------------------------------------------------------


def _through(call: _Call, pointwise: bool) -> list[Seen]:
    """What the units of each result see."""
    seen = [sights for _, sights in call.inputs]
    if all(sights is BLIND for sights in seen) or call.name in _FRESH:
        return [BLIND] * len(call.out)
    if any(sights is UNKNOWN for sights in seen):
        return [UNKNOWN] * len(call.out)
    try:
        return _seen_by(call, pointwise)
    except (_Lost, ShapeError):
        return [UNKNOWN] * len(call.out)


def _seen_by(call: _Call, pointwise: bool) -> list[Seen]:
    seeing = [(tensor, seen) for tensor, seen in call.inputs if isinstance(seen, tuple)]
    name, axes = call.name.removesuffix("_"), range(len(call.image))
    if pointwise or name in _POINTWISE:
        return [tuple(_meet(call, [_spread(t, s[a], call.out[0]) for t, s in seeing], a) for a in axes)] * len(call.out)
    if name in ("cat", "stack"):
        return [tuple(_meet(call, [_beside(call, s[axis]) for _, s in seeing], axis) for axis in axes)]
    if name == "copy":
        source = next((seen for tensor, seen in seeing if tensor is call.args["src"]), None)
        return [BLIND if source is None else tuple(_spread(call.args["src"], s, call.out[0]) for s in source)]
    if not any(sight.dims for _, sights in seeing for sight in sights):
        # Where all units see the same already, no rearrangement of them, known or not, changes that.
        return [tuple(_meet(call, [s[axis] for _, s in seeing], axis) for axis in axes)] * len(call.out)
    if name not in _RULES or len(seeing) != 1:
        raise _Lost
    rule, (tensor, sights) = _RULES[name], seeing[0]
    if name in _LISTS:
        return [tuple(rule(call, tensor, s, i) for s in sights) for i in range(len(call.out))]
    first: Seen = tuple(rule(call, tensor, sight) for sight in sights)
    # What comes after the result itself (indices, saved statistics) is of the same map, or not followed.
    return [first if out.shape == call.out[0].shape else UNKNOWN for out in call.out]


def _same(sight: Sight) -> Sight:
    """Every unit sees all that any of them sees."""
    return Sight(Field((sight.hull(),)), 1, (), False)


def _gather(sight: Sight, dims: Sequence[int]) -> Sight:
    """After a sum over these axes of the tensor."""
    if not set(sight.dims) & set(dims):
        return sight
    if not set(sight.dims) <= set(dims):
        raise _Lost
    return _same(sight)


def _slide(sight: Sight, layers: dict[int, tuple[Sequence[Sequence[int]], int]], out: Tensor) -> Sight:
    """After a layer that reads `windows` and moves by `advance` along each of these axes."""
    hit = [dim for dim in sight.dims if layers.get(dim, ([(0,)], 1)) != ([(0,)], 1)]
    if not hit:
        return sight
    if not sight.grid:
        raise _Lost
    windows, advance = layers[hit[0]]
    return replace(sight, field=sight.field.through(windows, advance), length=out.shape[hit[0]])


def _spread(tensor: Tensor, sight: Sight, out: Tensor) -> Sight:
    """Broadcast to a larger shape."""
    ahead = out.dim() - tensor.dim()
    if any(tensor.shape[dim] != out.shape[dim + ahead] for dim in sight.dims):
        return _same(sight)  # one unit is read by all
    return replace(sight, dims=tuple(dim + ahead for dim in sight.dims))


def _meet(call: _Call, sights: list[Sight], axis: int) -> Sight:
    joined = sights[0]
    for sight in sights[1:]:
        joined = _join(joined, sight, call.image[axis])
    return joined


def _join(one: Sight, other: Sight, size: int) -> Sight:
    """Where two branches meet, a unit sees what it sees through either."""
    if one == other and (one.after is not None or not one.dims):
        return one
    if _aligned(one, other) and one.field.jump == other.field.jump:
        return replace(one, field=one.field | other.field)
    hulls = (one.hull(), other.hull())
    both = Sight(Field(((min(a for a, _ in hulls), max(b for _, b in hulls)),)), 1, (), False)
    if one.length == other.length == 1:
        return both
    for (first, last), sight, (near, far) in ((hulls[0], one, hulls[1]), (hulls[1], other, hulls[0])):
        if not sight.dims and first <= max(near, 0) and last >= min(far, size - 1):
            return both
    raise _Lost


def _aligned(one: Sight, other: Sight) -> bool:
    layouts = [(sight.dims, sight.length, sight.after) for sight in (one, other)]
    return layouts[0] == layouts[1] and one.after is not None


def _beside(call: _Call, sight: Sight) -> Sight:
    out, dim = call.out[0], call.args["dim"] % call.out[0].dim()
    if call.name == "stack":
        return replace(sight, dims=tuple(d + (d >= dim) for d in sight.dims))
    if dim in sight.dims or out.dim() < 1:
        raise _Lost
    return sight


def _conv(call: _Call, x: Tensor, sight: Sight) -> Sight:
    args = call.args
    if x is not args["input"] or (1 in sight.dims and args["groups"] > 1):
        raise _Lost
    layers = {}
    for axis in range(x.dim() - 2):
        kernel = args["weight"].shape[2 + axis]
        stride, padding, dilation = (_at(args[name], axis) for name in ("stride", "padding", "dilation"))
        if args["transposed"]:
            layers[2 + axis] = _transposed_windows(kernel, stride, padding, dilation), 1
        else:
            layers[2 + axis] = [window(0, kernel, stride, padding, dilation)], stride
    return _slide(_gather(sight, [1]), layers, call.out[0])


def _transposed_windows(kernel: int, stride: int, padding: int, dilation: int) -> list[tuple[int, ...]]:
    # Output i is written by input j through tap t where i = j·stride − padding + t·dilation.
    sources = [[i + padding - tap * dilation for tap in range(kernel)] for i in range(stride)]
    return [tuple(source // stride for source in row if source % stride == 0) for row in sources]


def _pool(call: _Call, x: Tensor, sight: Sight) -> Sight:
    axes = call.args["axes"]
    layers = {}
    for axis in range(axes):
        kernel, stride, padding, dilation = _pool_setting(call.args, axis)
        layers[x.dim() - axes + axis] = [window(0, kernel, stride, padding, dilation)], stride
    return _slide(sight, layers, call.out[0])


def _adaptive(call: _Call, x: Tensor, sight: Sight) -> Sight:
    layers = {}
    for dim in range(x.dim() - call.args["axes"], x.dim()):
        size, wanted = x.shape[dim], call.out[0].shape[dim]
        if wanted == 1:
            sight = _gather(sight, [dim])
        turns = wanted // gcd(size, wanted)
        windows = [range(size * i // wanted, ceil(Fraction(size * (i + 1), wanted))) for i in range(turns)]
        layers[dim] = [tuple(positions) for positions in windows], size // gcd(size, wanted)
    return _slide(sight, layers, call.out[0])


def _resize(call: _Call, x: Tensor, sight: Sight) -> Sight:
    layers = {}
    linear, corners = "linear" in call.name, bool(call.args.get("align_corners"))
    for dim in range(2, x.dim()):
        size, wanted = x.shape[dim], call.out[0].shape[dim]
        if corners and wanted == 1:
            raise _Lost
        step = Fraction(size - 1, wanted - 1) if corners else Fraction(size, wanted)
        _check_scales(call, step, corners)
        offset = (step - 1) / 2 if linear and not corners else Fraction(0)
        places = [i * step + offset for i in range(step.denominator)]
        ends = [ceil(place) if linear else floor(place) for place in places]
        windows = [tuple(range(floor(place), end + 1)) for place, end in zip(places, ends, strict=True)]
        layers[dim] = windows, step.numerator
    return _slide(sight, layers, call.out[0])


def _check_scales(call: _Call, step: Fraction, corners: bool) -> None:
    # A scale that does not divide evenly is used as given, and not as the ratio of the sizes.
    scales = [call.args.get(name) for name in ("scales", "scales_d", "scales_h", "scales_w")]
    if not corners and any(scale and Fraction(scale) * step != 1 for scale in scales):
        raise _Lost


def _reduce(call: _Call, x: Tensor, sight: Sight) -> Sight:
    dims = call.args.get("dim")
    dims = range(x.dim()) if dims in (None, []) else [d % x.dim() for d in ([dims] if isinstance(dims, int) else dims)]
    sight = _gather(sight, list(dims))
    if call.args.get("keepdim"):
        return sight
    return replace(sight, dims=tuple(d - sum(gone < d for gone in dims) for d in sight.dims))


def _softmax(call: _Call, x: Tensor, sight: Sight) -> Sight:
    return _gather(sight, [call.args["dim"] % x.dim()])


def _batch_norm(call: _Call, x: Tensor, sight: Sight) -> Sight:
    # With running statistics a pixel is only scaled; with those of the batch it sees all that went into them.
    return _gather(sight, [0, *range(2, x.dim())]) if call.args["training"] else sight


def _group_norm(call: _Call, x: Tensor, sight: Sight) -> Sight:
    return _gather(sight, range(1, x.dim()))


def _layer_norm(call: _Call, x: Tensor, sight: Sight) -> Sight:
    return _gather(sight, range(x.dim() - len(call.args["normalized_shape"]), x.dim()))


def _product(call: _Call, x: Tensor, sight: Sight) -> Sight:
    left, right = (call.args[name] for name in _PRODUCTS[call.name])
    if x is not left or right.dim() < 2:
        raise _Lost
    return _gather(sight, [x.dim() - 1])


def _reshape(call: _Call, x: Tensor, sight: Sight) -> Sight:
    """Follow each axis through a new division of the same numbers in the same order."""
    out = call.out[0].shape
    groups = [pair for pair in _groups(tuple(x.shape), tuple(out)) if set(pair[0]) & set(sight.dims)]
    if not groups:  # one unit on an axis of length 1
        return _same(sight) if sight.dims else sight
    if sight.after is not None:
        old, new = groups[0]
        after = sight.after * prod(x.shape[dim] for dim in old if dim > sight.dims[0])
        for dim in new:
            inner, left = divmod(after, prod(out[later] for later in new if later > dim))
            if not left and out[dim] % (sight.length * max(inner, 1)) == 0:
                return replace(sight, dims=(dim,), grid=out[dim] == sight.length, after=inner)
    return replace(sight, dims=tuple(sorted({dim for _, new in groups for dim in new})), grid=False, after=None)


def _groups(old: Shape, new: Shape) -> list[tuple[list[int], list[int]]]:
    """Runs of axes that hold the same numbers before and after; axes of length 1 hold nothing and are left out."""
    olds, news = ([dim for dim, size in enumerate(shape) if size != 1] for shape in (old, new))
    groups = []
    while olds or news:
        left, right = [olds.pop(0)], [news.pop(0)]
        while (a := prod(old[d] for d in left)) != (b := prod(new[d] for d in right)):
            (left if a < b else right).append((olds if a < b else news).pop(0))
        groups.append((left, right))
    return groups


def _permute(call: _Call, x: Tensor, sight: Sight) -> Sight:
    order = list(range(x.dim()))
    if call.name == "permute":
        order = [dim % x.dim() for dim in call.args["dims"]]
    else:
        one, other = (0, x.dim() - 1) if call.name == "t" else (call.args["dim0"], call.args["dim1"])
        order[one], order[other] = order[other], order[one]
    return replace(sight, dims=tuple(sorted(order.index(dim) for dim in sight.dims)))


def _cut(call: _Call, x: Tensor, sight: Sight, first: int, step: int = 1, out: Tensor | None = None) -> Sight:
    return _slide(sight, {call.args["dim"] % x.dim(): ([(first,)], step)}, call.out[0] if out is None else out)


def _slice(call: _Call, x: Tensor, sight: Sight) -> Sight:
    size = x.shape[call.args["dim"]]
    first, _, step = slice(call.args["start"], call.args["end"], call.args["step"]).indices(size)
    cut = _cut(call, x, sight, first, step)
    # Cut at the end alone the field is unchanged, but fewer units are left.
    dim = call.args["dim"] % x.dim()
    if dim in cut.dims and call.out[0].shape[dim] != size:
        return replace(cut, length=call.out[0].shape[dim]) if cut.grid else _lose()
    return cut


def _lose() -> Sight:
    raise _Lost


def _split(call: _Call, x: Tensor, sight: Sight, part: int) -> Sight:
    dim = call.args["dim"] % x.dim()
    if dim not in sight.dims:
        return sight
    if not sight.grid:
        raise _Lost
    first = sum(out.shape[dim] for out in call.out[:part])
    return replace(_cut(call, x, sight, first, 1, call.out[part]), length=call.out[part].shape[dim])


def _select(call: _Call, x: Tensor, sight: Sight, part: int | None = None) -> Sight:
    dim = call.args["dim"] % x.dim()
    index = call.args["index"] % x.shape[dim] if part is None else part
    if dim in sight.dims:
        span = sight.field.span(index) if sight.grid else _lose()
        return Sight(Field((span,)), 1, (), False)
    return replace(sight, dims=tuple(d - (d > dim) for d in sight.dims))


def _pad(call: _Call, x: Tensor, sight: Sight) -> Sight:
    before = call.args.get("pad") or call.args["padding"]
    layers = {x.dim() - 1 - i: ([(-before[2 * i],)], 1) for i in range(len(before) // 2)}
    padded = _slide(sight, layers, call.out[0])
    return replace(padded, length=call.out[0].shape[padded.dims[0]]) if padded.grid else padded


def _expand(call: _Call, x: Tensor, sight: Sight) -> Sight:
    return _spread(x, sight, call.out[0])


def _shuffle(call: _Call, x: Tensor, sight: Sight) -> Sight:
    times = call.args["upscale_factor"]
    if x.dim() - 3 in sight.dims:
        raise _Lost
    return _slide(sight, {dim: ([(0,)] * times, 1) for dim in (x.dim() - 2, x.dim() - 1)}, call.out[0])


def _unit(call: _Call, x: Tensor, sight: Sight) -> Sight:
    return sight


def _each(names: str, rule: Callable[..., Sight]) -> dict[str, Callable[..., Sight]]:
    return dict.fromkeys(names.split(), rule)


# Operations whose every output pixel reads the same pixel of each input, but which PyTorch does not tag as such.
_POINTWISE = frozenset(["hardswish", "_prelu_kernel", "masked_fill", "clamp", "where", "rrelu_with_noise", "dropout"])
# Operations that take a shape from a tensor and no number, and the one that brings in a constant.
_FRESH = {"lift_fresh"} | {f"{what}_like" for what in ("zeros", "ones", "empty", "full", "rand", "randn")}
_FRESH |= {f"new_{what}" for what in ("zeros", "ones", "empty", "full", "empty_strided")}
_LISTS = frozenset(("split", "split_with_sizes", "unbind"))
_RULES: dict[str, Callable[..., Sight]] = {
    "convolution": _conv,
    **dict.fromkeys(_POOLS, _pool),
    **_each("_adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d", _adaptive),
    **_each("upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d upsample_bilinear2d "
            "upsample_trilinear3d", _resize),
    **_each("mean sum amax amin max min var std logsumexp linalg_vector_norm", _reduce),
    **_each("_softmax _log_softmax", _softmax),
    "native_batch_norm": _batch_norm,
    "native_group_norm": _group_norm,
    "native_layer_norm": _layer_norm,
    **_each("mm addmm bmm baddbmm", _product),
    **_each("view _unsafe_view reshape unsqueeze squeeze unflatten", _reshape),
    **_each("permute transpose t", _permute),
    "slice": _slice,
    "select": _select,
    **_each("split split_with_sizes", _split),
    "unbind": _select,
    **_each("constant_pad_nd reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d", _pad),
    "expand": _expand,
    "pixel_shuffle": _shuffle,
    **_each("clone detach alias _to_copy channel_shuffle contiguous", _unit),
}  # fmt: skip
