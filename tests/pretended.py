"""A pretended GPU: tensors that lie on the processor, say that they are on a device, and do not mix with others.

    with Pretended("mps") as device:
        net.to("mps")(images.to("mps"))

As on a real one, a tensor of the processor beside one of the device is an error unless it holds a single number, the
values are read by .item(), .tolist() or .cpu() alone, and each reading is counted, since it makes the processor wait.
Gradients are torch's own, and so are the numbers. Below Python the tensors say meta:1, the only name for which torch
asks no driver.
"""

from __future__ import annotations

import torch
import torch._dynamo  # asks whether there is an Apple GPU, so before one is pretended
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

CARRIER = torch.device("meta", 1)
aten = torch.ops.aten
# What takes tensors of both devices.
BETWEEN = {aten.copy_.default, aten._to_copy.default}
READS = {aten._local_scalar_dense.default, aten.is_nonzero.default, aten.equal.default}


class On(torch.Tensor):
    """A tensor `inner` of the processor that says it is on `place`."""

    @staticmethod
    def __new__(cls, inner: torch.Tensor, place: torch.device) -> On:
        made = torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), storage_offset=inner.storage_offset(), dtype=inner.dtype,
            layout=inner.layout, device=CARRIER,
        )  # fmt: skip
        made.inner, made.place = inner, place
        return made

    device = property(lambda self: self.place)
    is_mps = property(lambda self: True)
    is_cpu = is_meta = property(lambda self: False)

    def __repr__(self, **_) -> str:
        return f"On({self.inner!r}, {self.place})"

    def tolist(self) -> list:
        Pretended.now.reads += 1
        return self.inner.tolist()

    def numpy(self, **_) -> None:
        raise TypeError(f"can't convert {self.place} device type tensor to numpy. Use Tensor.cpu() to copy it first")

    __array__ = numpy

    def __reduce_ex__(self, protocol: int) -> tuple:
        return self.inner.__reduce_ex__(protocol)  # a file knows the numbers alone

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return Pretended.now.run(func, args, kwargs or {})


class _Named(TorchFunctionMode):
    """Gives the carrier to torch where the device's own name is given."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is not torch.device:
            args, kwargs = tree_map(self.carried, (args, kwargs or {}))
        return func(*args, **(kwargs or {}))

    @staticmethod
    def carried(value):
        kind = Pretended.now.place.type
        named = isinstance(value, torch.device) or (isinstance(value, str) and value.split(":")[0] == kind)
        return CARRIER if named and torch.device(value).type == kind else value


class Pretended(TorchDispatchMode):
    """While it is entered, what is made for or moved to the device is an `On`. `reads` counts values that were read."""

    now: Pretended

    def __init__(self, kind: str = "mps"):
        super().__init__()
        self.place, self.reads, self.named = torch.device(kind, 0), 0, _Named()
        Pretended.now = self

    def __enter__(self) -> Pretended:
        self.named.__enter__()
        return super().__enter__()

    def __exit__(self, *error) -> None:
        super().__exit__(*error)
        self.named.__exit__(*error)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return self.run(func, args, kwargs or {})

    def run(self, func, args, kwargs):
        given = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, torch.Tensor)]
        here = [value for value in given if isinstance(value, On)]
        if here and func not in BETWEEN:
            for value in given:
                if not isinstance(value, On) and value.dim() and not (value.is_cpu and func in INDEXED):
                    raise RuntimeError(
                        f"Expected all tensors to be on the same device, but found {self.place} and {value.device} "
                        f"in {func}"
                    )
        if func in READS and here:
            self.reads += 1
        asked = kwargs.get("device")
        there = bool(here) if asked is None else torch.device(asked) == CARRIER
        if func is aten.copy_.default:
            self.reads += bool(here) and not isinstance(args[0], On)
            there = isinstance(args[0], On)
        if func is aten._to_copy.default and here and not there:
            self.reads += 1
        if asked is not None and there:
            kwargs = {**kwargs, "device": "cpu"}
        inner = lambda value: value.inner if isinstance(value, On) else value  # noqa: E731
        out = func(*tree_map(inner, args), **tree_map(inner, kwargs))
        known = {id(value.inner): value for value in here}  # what is changed in place comes back as it is

        def outer(value):
            if not isinstance(value, torch.Tensor) or isinstance(value, On) or not there:
                return value
            return known[id(value)] if id(value) in known else On(value, self.place)

        for value in here:
            if func._schema.is_mutable and value.inner.shape != value.shape:
                raise NotImplementedError(f"{func} changes a shape in place")
        return tree_map(outer, out)


INDEXED = {aten.index.Tensor, aten.index_put_.default, aten._index_put_impl_.default}
