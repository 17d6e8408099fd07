"""The data that an experiment is given: it notes which images are read and how often weights move; test images are sealed."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

from torch.optim.optimizer import register_optimizer_step_post_hook

from cnnlab.check.verdict import Wrong
from cnnlab.data import FashionMNIST, Images

SEALED = "The test images stay sealed here; measure on data.valid."


class Notes:
    """What one call of an experiment did.

    sizes: for each split, by its name, how many images each part had of which some were read. steps: of all optimisers.
    parameters: how many numbers the largest of them moves.
    """

    def __init__(self):
        self.sizes: dict[str, set[int]] = {"train": set(), "valid": set(), "test": set()}
        self.steps = self.parameters = 0

    def __deepcopy__(self, memo: dict) -> Notes:
        return self  # a copy of the data still reports here

    def read(self, name: str, size: int) -> None:
        self.sizes.setdefault(name, set()).add(size)


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Watched(Images):
    """A split whose notes say that its images were read; so do those of every subset and copy of it."""

    notes: Notes = dataclasses.field(default_factory=Notes)

    def __getattribute__(self, name: str):
        if name == "images":
            vars(self)["notes"].read(vars(self)["name"], len(vars(self)["labels"]))
        return super().__getattribute__(name)


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Sealed(Images):
    """A split that may be handed on and counted; whatever reads it raises Wrong. It holds no images."""

    count: int = 0
    notes: Notes = dataclasses.field(default_factory=Notes)

    def __getattribute__(self, name: str):
        if name in ("images", "labels"):
            vars(self)["notes"].read(vars(self)["name"], self.count)
            raise Wrong(SEALED)
        return super().__getattribute__(name)

    def __len__(self) -> int:
        return self.count

    def to(self, device: object) -> Sealed:
        return self  # `fit` moves the whole data, sealed images too


def watched(data: FashionMNIST, notes: Notes) -> FashionMNIST:
    """The same data, noting into `notes` what is read of it, its test images sealed."""
    train, valid = (Watched(**_fields(split), notes=notes) for split in (data.train, data.valid))
    empty = _fields(data.test) | {"images": data.test.images[:0], "labels": data.test.labels[:0]}
    return dataclasses.replace(data, train=train, valid=valid, test=Sealed(**empty, count=len(data.test), notes=notes))


def _fields(split: Images) -> dict:
    return {field.name: getattr(split, field.name) for field in dataclasses.fields(Images)}


@contextlib.contextmanager
def counted_steps(notes: Notes) -> Iterator[None]:
    """Notes every step of any of torch's optimisers, and how many numbers it moves."""

    def note(optimizer, *_):
        notes.steps += 1
        moved = (value for group in optimizer.param_groups for value in group["params"] if value.grad is not None)
        notes.parameters = max(notes.parameters, sum(value.numel() for value in moved))

    handle = register_optimizer_step_post_hook(note)
    try:
        yield
    finally:
        handle.remove()
