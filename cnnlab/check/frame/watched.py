"""What an experiment does while it runs: which images it reads, what it trains and drops. Test images are sealed."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode

from cnnlab.check.frame.verdict import Wrong
from cnnlab.data import FashionMNIST, Images

SEALED = "The test images stay sealed here; measure on data.valid."


class Notes:
    """What one call of an experiment did.

    sizes: for each split, by its name, how many images each part had of which some were read. steps: of all optimisers.
    parameters: how many numbers the largest of them moves. start: a number that tells the weights before the first
    step from others. dropped: each dropout in training, as in "dropout(p=0.5) on 120 numbers". masks: whether random
    numbers are drawn of which a dropout of one's own could be made.
    """

    def __init__(self):
        self.sizes: dict[str, set[int]] = {"train": set(), "valid": set(), "test": set()}
        self.steps = self.parameters = 0
        self.start: float | None = None
        self.dropped: set[str] = set()
        self.masks = False

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


class Started(BaseException):
    """Ends an experiment before its first step. Not an Exception, so that `except Exception` lets it pass."""


class _Dropouts(TorchFunctionMode):
    """Notes every dropout that is on."""

    def __init__(self, notes: Notes):
        super().__init__()
        self.notes = notes

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, getattr(function, "__name__", "")
        if "dropout" in name:
            self._note(name, *args, **kwargs)
        elif name in ("bernoulli", "bernoulli_", "rand", "rand_like"):
            self.notes.masks = True
        return function(*args, **kwargs)

    def _note(self, name, input, p=0.5, training=True, *_, train=True, **__):
        if training and train and p > 0 and input.dim():
            self.notes.dropped.add(f"{name}(p={p:.3g}) on {input.numel() // max(len(input), 1):,} numbers")


@contextlib.contextmanager
def noted(notes: Notes, stop: bool = False) -> Iterator[None]:
    """Notes what torch's optimisers move and what is dropped in training. stop: raises Started before the first step."""

    def before(optimizer, *_):
        if notes.start is None:
            weights = [value.detach().double() for value in _moved(optimizer) if value.dim() > 1]
            notes.start = float(sum((i + 1) * value.abs().sum() for i, value in enumerate(weights)))
            if stop:
                raise Started

    def after(optimizer, *_):
        notes.steps += 1
        notes.parameters = max(notes.parameters, sum(value.numel() for value in _moved(optimizer)))

    handles = [register_optimizer_step_pre_hook(before), register_optimizer_step_post_hook(after)]
    try:
        with _Dropouts(notes):
            yield
    finally:
        for handle in handles:
            handle.remove()


def _moved(optimizer: Optimizer) -> list:
    return [value for group in optimizer.param_groups for value in group["params"] if value.grad is not None]


def start_of(experiment: Callable, notes: Notes) -> Callable:
    """The experiment, ended before its first step, whose start `notes` then has."""

    def begun(*args):
        with contextlib.suppress(Started), noted(notes, stop=True):
            experiment(*args)

    return begun
