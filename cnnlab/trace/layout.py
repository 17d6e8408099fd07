"""Rules of operations that mix whole axes (sums, norms, products) or only rearrange them (view, permute, select).

A rule takes the operation, its input and what that sees of one axis of the image, and gives what the result sees.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from torch import Tensor

from cnnlab.trace.operation import PRODUCTS, Call
from cnnlab.trace.sight import Lost, Sight, everywhere, gather, spread
from cnnlab.trace.table import Shape

# ---- mixing ----------------------------------------------------------------------------------------------------------


def reduce(call: Call, x: Tensor, sight: Sight) -> Sight:
    """Sums, means and extremes over one axis, some, or all."""
    dims = call.args.get("dim")
    dims = range(x.dim()) if dims in (None, []) else [d % x.dim() for d in ([dims] if isinstance(dims, int) else dims)]
    sight = gather(sight, dims)
    if call.args.get("keepdim"):
        return sight
    return replace(sight, dims=tuple(d - sum(gone < d for gone in dims) for d in sight.dims))


def softmax(call: Call, x: Tensor, sight: Sight) -> Sight:
    return gather(sight, [call.args["dim"] % x.dim()])


def batch_norm(call: Call, x: Tensor, sight: Sight) -> Sight:
    # With running statistics a pixel is only scaled; with those of the batch it sees all that went into them.
    return gather(sight, [0, *range(2, x.dim())]) if call.args["training"] else sight


def group_norm(call: Call, x: Tensor, sight: Sight) -> Sight:
    return gather(sight, range(1, x.dim()))


def layer_norm(call: Call, x: Tensor, sight: Sight) -> Sight:
    return gather(sight, range(x.dim() - len(call.args["normalized_shape"]), x.dim()))


def product(call: Call, x: Tensor, sight: Sight) -> Sight:
    """A matrix times weights: each row of it is mixed."""
    left, right = (call.args[name] for name in PRODUCTS[call.name])
    if x is not left or right.dim() < 2:
        raise Lost
    return gather(sight, [x.dim() - 1])


# ---- rearranging -----------------------------------------------------------------------------------------------------


def same(call: Call, x: Tensor, sight: Sight) -> Sight:
    return sight


def expand(call: Call, x: Tensor, sight: Sight) -> Sight:
    return spread(sight, x, call.out[0])


def select(call: Call, x: Tensor, sight: Sight, part: int | None = None) -> Sight:
    """One place of an axis; the axis is gone."""
    dim = call.args["dim"] % x.dim()
    if dim not in sight.dims:
        return replace(sight, dims=tuple(d - (d > dim) for d in sight.dims))
    if not sight.grid:
        raise Lost
    return everywhere(sight.field.span(call.args["index"] % x.shape[dim] if part is None else part))


def permute(call: Call, x: Tensor, sight: Sight) -> Sight:
    order = list(range(x.dim()))
    if call.name == "permute":
        order = [dim % x.dim() for dim in call.args["dims"]]
    else:
        one, other = (0, x.dim() - 1) if call.name == "t" else (call.args["dim0"], call.args["dim1"])
        order[one], order[other] = order[other], order[one]
    return replace(sight, dims=tuple(sorted(order.index(dim) for dim in sight.dims)))


def reshape(call: Call, x: Tensor, sight: Sight) -> Sight:
    """Follow each axis through a new division of the same numbers in the same order."""
    out = call.out[0].shape
    groups = [pair for pair in _groups(tuple(x.shape), tuple(out)) if set(pair[0]) & set(sight.dims)]
    if not groups:  # one unit on an axis of length 1
        return everywhere(sight.hull()) if sight.dims else sight
    if sight.after is not None:
        old, new = groups[0]
        after = sight.after * prod(x.shape[dim] for dim in old if dim > sight.dims[0])
        for dim in new:
            inner, left = divmod(after, prod(out[later] for later in new if later > dim))
            if not left and out[dim] % (sight.length * max(inner, 1)) == 0:
                return replace(sight, dims=(dim,), grid=out[dim] == sight.length, after=inner)
    return replace(sight, dims=tuple(sorted({dim for _, new in groups for dim in new})), grid=False, after=None)


def _groups(old: Shape, new: Shape) -> list[tuple[list[int], list[int]]]:
    """Runs of axes that hold the same numbers before and after; axes of length 1 hold nothing and are left out.
    >>> _groups((1, 6, 5, 5), (1, 150)), _groups((4, 1, 6), (2, 2, 6))
    ([([1, 2, 3], [1])], [([0], [0, 1]), ([2], [2])])
    """
    olds, news = ([dim for dim, size in enumerate(shape) if size != 1] for shape in (old, new))
    groups = []
    while olds or news:
        left, right = [olds.pop(0)], [news.pop(0)]
        while (a := prod(old[d] for d in left)) != (b := prod(new[d] for d in right)):
            (left if a < b else right).append((olds if a < b else news).pop(0))
        groups.append((left, right))
    return groups
