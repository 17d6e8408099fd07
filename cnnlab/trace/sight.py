"""What the units of a tensor see of the input, along one axis of it, and the steps that every rule is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from cnnlab.shapes import Field
from cnnlab.trace.table import PerAxis

# Where an operation reads along one axis: output i reads positions windows[i]; the pattern then moves on by an advance.
Reads = tuple[Sequence[Sequence[int]], int]
IN_PLACE: Reads = ([(0,)], 1)


class Lost(Exception):  # noqa: N818 - a signal, not an error
    """The rules cannot say what a unit sees; the row then says None."""


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
            raise Lost
        return min(first for first, _ in spans), max(last for _, last in spans)


class _Blind:
    """Parameters and constants: they see nothing of the input."""


BLIND = _Blind()
ASIDE = _Blind()  # another input than the image, and what is made of it: no constant, but nothing of the image either
UNKNOWN = None
Seen = tuple[Sight, ...] | _Blind | None  # of a whole tensor: one sight for each axis of the input


class Notes:
    """What each tensor of a run sees. All of them are kept alive, so that no id and no storage passes to another."""

    def __init__(self) -> None:
        self.notes: dict[int, tuple[Tensor, Seen, int]] = {}
        self.writes: Counter[int] = Counter()  # storage -> how often what is seen through it has changed

    def __contains__(self, tensor: Tensor) -> bool:
        return id(tensor) in self.notes

    def look(self, tensor: Tensor) -> Seen:
        # What the run did not make, a parameter or a constant, holds nothing of the input.
        _, seen, writes = self.notes.get(id(tensor), (tensor, BLIND, 0))
        # After a write through another view of the same memory, what was noted here no longer holds.
        return seen if writes == self.writes[_storage(tensor)] else UNKNOWN

    def mark(self, tensor: Tensor, seen: Seen, written: bool = False) -> None:
        """Note what a tensor sees; `written` where it was there before and has been overwritten."""
        if written and self.look(tensor) != seen:
            self.writes[_storage(tensor)] += 1
        self.notes[id(tensor)] = tensor, seen, self.writes[_storage(tensor)]


def _storage(tensor: Tensor) -> int:
    try:
        return tensor.untyped_storage()._cdata
    except (NotImplementedError, RuntimeError):  # a sparse tensor has no storage of its own
        return id(tensor)


def report(seen: Seen) -> tuple[PerAxis, PerAxis]:
    """Receptive field and jump, as a row has them."""
    if not isinstance(seen, tuple) or not seen:
        return None, None
    sizes = tuple(sight.field.size for sight in seen)
    jumps = tuple(sight.field.jump if sight.grid else None for sight in seen)
    return (sizes[0] if len(set(sizes)) == 1 else sizes), (jumps[0] if len(set(jumps)) == 1 else jumps)


# ---- steps -----------------------------------------------------------------------------------------------------------


def everywhere(span: tuple[int, int] | None) -> Sight:
    """Every unit sees these pixels, first to last."""
    return Sight(Field((span,)), 1, (), False)


def gather(sight: Sight, dims: Iterable[int]) -> Sight:
    """After a sum over these axes of the tensor."""
    left = set(sight.dims) - set(dims)
    if left == set(sight.dims):
        return sight
    if left:
        raise Lost
    return everywhere(sight.hull())


def slide(sight: Sight, reads: dict[int, Reads], x: Tensor, out: Tensor) -> Sight:
    """After a layer that reads so along these axes of its input `x`."""
    for dim in sight.dims:
        windows, advance = reads.get(dim, IN_PLACE)
        if (windows, advance) == IN_PLACE and x.shape[dim] == out.shape[dim]:
            continue
        if not sight.grid:
            raise Lost
        return replace(sight, field=sight.field.through(windows, advance), length=out.shape[dim])
    return sight


def spread(sight: Sight, x: Tensor, out: Tensor) -> Sight:
    """After a broadcast of `x` to a larger shape."""
    ahead = out.dim() - x.dim()
    if any(x.shape[dim] != out.shape[dim + ahead] for dim in sight.dims):
        return everywhere(sight.hull())  # one unit is read by all
    return replace(sight, dims=tuple(dim + ahead for dim in sight.dims))


def meet(sights: Sequence[Sight], size: int) -> Sight:
    """Where branches meet, a unit sees what it sees through any; `size` is that of the input."""
    joined = sights[0]
    for sight in sights[1:]:
        joined = _join(joined, sight, size)
    return joined


def _join(one: Sight, other: Sight, size: int) -> Sight:
    if one == other and (one.after is not None or not one.dims):
        return one
    aligned = (one.dims, one.length, one.after) == (other.dims, other.length, other.after) and one.after is not None
    if aligned and one.field.jump == other.field.jump:
        return replace(one, field=one.field | other.field)
    (first, last), (near, far) = one.hull(), other.hull()
    if one.length == other.length == 1 or _covers(one, other, size) or _covers(other, one, size):
        return everywhere((min(first, near), max(last, far)))
    raise Lost


def _covers(one: Sight, other: Sight, size: int) -> bool:
    """Each unit of one sees all of the input that any unit of the other does."""
    (first, last), (near, far) = one.hull(), other.hull()
    return not one.dims and first <= max(near, 0) and last >= min(far, size - 1)
