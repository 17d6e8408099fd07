"""Training: one epoch spelled out, evaluation, and `fit`, which loops over them."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import inspect
import math
import os
import platform
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from cnnlab import __version__
from cnnlab.data import FashionMNIST, Images
from cnnlab.device import autocast, describe, pick_device, pick_precision
from cnnlab.trace.modes import modes_kept
from cnnlab.train import doctor
from cnnlab.train.allocator import kept_memory
from cnnlab.train.doctor import training
from cnnlab.train.history import Epoch, History, write_atomically
from cnnlab.train.layout import channels_last_pays
from cnnlab.train.live import Progress, Silent, pick_progress
from cnnlab.train.optim import as_settings, check, count_parameters, make_optimizer, make_schedule
from cnnlab.train.seeding import draws_of, own_random

# At most, so that evaluation takes less memory than training; on two cores larger batches were no faster.
EVALUATION_BATCH, EVALUATION_PIXELS = 500, 256 * 96 * 96

SHARED_DRAWS = contextlib.nullcontext()  # from torch's shared generators


class DivergedError(ArithmeticError):
    """The loss is not finite; the message says in which step and at which learning rate, or what was wrong before."""


def train_epoch(model, batches, loss_fn, optimizer, precision="fp32", after_step=lambda loss: None, draws=SHARED_DRAWS):
    """One pass over `batches` of (X, y), one step per batch. -> (mean loss, accuracy), both while weights move.

    draws: a context for the forward passes, such as own_random, which decides where random numbers come from.
    """
    training(model)
    total_loss = correct = count = 0
    for X, y in batches:
        optimizer.zero_grad()  # forget the gradients of the step before
        with autocast(precision, X.device), draws:
            y_hat = model(X)  # predict
            loss = loss_fn(y_hat, y)  # how wrong is that?
        loss.backward()  # how would each weight change the loss?
        optimizer.step()  # move every weight a little downhill
        with torch.no_grad():
            total_loss += loss * len(y)
            correct += (y_hat.argmax(dim=1) == y).sum()
            count += len(y)
        after_step(loss)
    return float(total_loss) / count, float(correct) / count


@torch.no_grad()
def evaluate(model: nn.Module, images: Images, precision: str = "fp32") -> float:
    """The share of `images` classified rightly, in evaluation mode; every submodule gets its own mode back.

    Raises ValueError for images that are none, or a network whose scores do not fit them.
    """
    doctor.check_images(images)
    doctor.check_place(model, images)
    with modes_kept(model):
        model.eval()
        correct = torch.zeros((), dtype=torch.long, device=images.device)
        batch_size = min(EVALUATION_BATCH, EVALUATION_PIXELS // images.size**2)
        for X, y in dataclasses.replace(images, augment=()).batches(batch_size):
            with autocast(precision, X.device):
                scores = model(X)
                doctor.check_scores(scores, len(y))
                correct += (scores.argmax(dim=1) == y).sum()
    return int(correct) / len(images)


def init_xavier(model: nn.Module, seed: int = 0) -> nn.Module:
    """Draw convolutions and linear layers anew from `seed`: weights uniformly after Glorot and Bengio 2010, biases as
    PyTorch does, uniformly within ±1/√(inputs of a unit). Other layers stay. Returns the model.

    Raises ValueError for a lazy layer, which has no weights yet.
    """
    layers = {name: m for name, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}
    for name, layer in layers.items():
        if is_lazy(layer.weight):
            raise ValueError(
                f"layer {name!r} is lazy and has no weights yet; give the network a batch first, as in model(X)"
            )
    with own_random(seed):
        for layer in layers.values():
            nn.init.xavier_uniform_(layer.weight)
        for layer in layers.values():
            if layer.bias is not None:
                bound = layer.weight[0].numel() ** -0.5
                nn.init.uniform_(layer.bias, -bound, bound)
    return model


def fit(
    model: nn.Module,
    data: FashionMNIST,
    epochs: int = 10,
    lr: float = 0.1,
    *,
    batch_size: int = 256,
    optimizer: str = "sgd",
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    schedule: str = "constant",
    label_smoothing: float = 0.0,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    channels_last: bool | None = None,
    checkpoint: str | os.PathLike | None = None,
    progress: bool | Callable[[History], Progress] = True,
) -> History:
    """Train `model` on data.train by cross-entropy, validate on data.valid after each epoch.

    optimizer: "sgd" or "adamw". schedule: "constant", or "one-cycle" (lr is then its peak). seed: order of the
    images, augmentation, dropout, and the weights of lazy layers (all others are the model's own). device: "auto" is
    where the data is. precision: "fp32", "bf16" or "auto". channels_last: how the maps lie in memory, which changes
    the speed and not the result; None takes the faster. checkpoint: a file written after each epoch; when it exists,
    training goes on from it. progress: whether to show the run, or what makes its view. A part that is in evaluation
    mode inside a model in training mode, such as a frozen batch norm, stays so.

    Interrupting returns the History so far, and so does a loss that is not finite, with a RuntimeWarning;
    `History.stopped` then says why. A checkpoint that cannot be written is a RuntimeWarning too.

    Raises ValueError for a setting that cannot be, a network or data that cannot be trained, or a checkpoint that is
    damaged or of another run; nothing has been trained then.
    """
    doctor.check_model(model)
    doctor.check_data(data)
    checkpoint = doctor.check_checkpoint(checkpoint)
    settings = as_settings(locals(), inspect.signature(fit).parameters)
    check(settings)
    history, view = History(settings, _environment("not known yet")), Silent()
    try:
        device = data.train.device if device == "auto" else pick_device(device)
        settings["precision"] = pick_precision(precision, device)
        history.environment = _environment(describe(device))
        with modes_kept(model):
            run = prepare(model.to(device), data.to(device), history)
            if checkpoint is not None and checkpoint.exists():
                run.load(checkpoint)
            view = pick_progress(history, progress)
            run.go(view, checkpoint)
    except KeyboardInterrupt:
        history.stopped = f"interrupted in epoch {len(history) + 1}"
    except DivergedError as reason:
        history.stopped = str(reason)
        warnings.warn(history.stopped, RuntimeWarning, stacklevel=2)
    finally:
        view.close(history)
    return history


def prepare(model: nn.Module, data: FashionMNIST, history: History) -> Run:
    """Everything before the first step: faults that can be seen now, the layout, the optimizer and its schedule."""
    settings = history.settings
    lr, seed, batch_size = settings["lr"], settings["seed"], settings["batch_size"]
    import_whole("torch._dynamo")
    X = next(data.train.batches(2))[0]
    doctor.make_whole(model, X, seed)
    settings["parameters"] = count_parameters(model)
    doctor.check_last_batch(model, data.train, batch_size, settings["precision"], seed)
    if settings["channels_last"] is None:
        settings["channels_last"] = channels_last_pays(model, X[:1])
    model.to(memory_format=torch.channels_last if settings["channels_last"] else torch.preserve_format)
    optimizer = make_optimizer(model, settings["optimizer"], lr, settings["momentum"], settings["weight_decay"])
    steps = math.ceil(len(data.train) / batch_size)
    scheduler = make_schedule(optimizer, settings["schedule"], lr, settings["epochs"] * steps)
    return Run(model, data, optimizer, scheduler, history, steps)


def import_whole(name: str) -> None:
    """Import a large module that is needed anyway, in a thread: an interrupt then ends the waiting and not the import.

    Optimizers import torch's compiler. Where that is broken off in the middle, torch cannot be used any more.
    """
    if name not in sys.modules:
        importing = threading.Thread(target=importlib.import_module, args=(name,), daemon=True)
        importing.start()
        while importing.is_alive():
            importing.join(0.1)  # an endless one would not hear of an interrupt on every system


@dataclasses.dataclass
class Run:
    """A training run in progress: what a checkpoint has to hold, and the loop over epochs."""

    model: nn.Module
    data: FashionMNIST
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    history: History
    steps: int
    unwritable: bool = False

    def go(self, view: Progress, checkpoint: Path | None) -> None:
        """Every epoch that is still to do. Raises DivergedError where a loss is not finite."""
        loss_fn = CheckedLoss(self)
        for _ in range(len(self.history), self.history.settings["epochs"]):
            self.history.rows.append(self.epoch(loss_fn, view))
            view.epoch(self.history)
            if checkpoint is not None:
                self.keep(checkpoint)

    def epoch(self, loss_fn: Callable, view: Progress) -> Epoch:
        """One epoch of training and its validation, as a row."""
        number, settings, train = len(self.history) + 1, self.history.settings, self.data.train
        seed = epoch_seed(settings["seed"], number)
        loading: list[tuple[Any, Any]] = []
        batches = timed(train.batches(settings["batch_size"], seed), train.device, loading)
        started = time.perf_counter()
        draws = draws_of(self.model, seed)  # dropout is the same whether or not the run was resumed here
        with kept_memory(train.device) as keep:
            watch = Watch(self, view, keep)
            loss, accuracy = train_epoch(
                self.model, batches, loss_fn, self.optimizer, settings["precision"], watch.after_step, draws
            )
            watch.check()
        seconds = time.perf_counter() - started
        valid = evaluate(self.model, self.data.valid, settings["precision"])
        return Epoch(number, loss, accuracy, valid, seconds, sum(between(*pair) for pair in loading), watch.lr)

    def why_not_finite(self) -> str:
        """Where NaN or infinity came from in the first step of the epoch under way."""
        settings = self.history.settings
        seed = epoch_seed(settings["seed"], len(self.history) + 1)
        X, _ = next(self.data.train.batches(settings["batch_size"], seed))
        return doctor.not_finite(self.model, X, settings["precision"], seed)

    def keep(self, path: Path) -> None:
        """Save, and warn once where that cannot be done: what was learned so far counts for more than the file."""
        try:
            self.save(path)
        except (OSError, RuntimeError) as error:  # torch.save says RuntimeError when a disk is full
            if not self.unwritable:
                why = " ".join(str(error).split())
                warnings.warn(
                    f"checkpoint {path} could not be written ({why}); training goes on without it",
                    RuntimeWarning,
                    stacklevel=4,
                )
            self.unwritable = True

    def save(self, path: Path) -> None:
        """Write everything a later `fit` needs to go on as if nothing had happened."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "history": self.history.to_json(),
        }
        write_atomically(path, lambda temporary: torch.save(state, temporary))

    def load(self, path: Path) -> None:
        """Go on from a checkpoint. Raises ValueError when the file is not one, or of a run with other settings; the
        network is then as it was."""
        damaged = f"checkpoint {path} cannot be read; delete it to start afresh"
        try:
            # To the processor: optimizers want their counts of steps there, and move the rest themselves.
            state = dict(torch.load(path, map_location="cpu", weights_only=True))
            before = History.from_json(state["history"])
            weights = {name: tensor.shape for name, tensor in state["model"].items()}
        except Exception as error:
            raise ValueError(damaged) from error
        self._check_same(before.settings, path)
        if weights != {name: tensor.shape for name, tensor in self.model.state_dict().items()}:
            raise ValueError(f"checkpoint {path} holds the weights of another network; use another file")
        try:
            self.optimizer.load_state_dict(state["optimizer"])
            self.scheduler.load_state_dict(state["scheduler"])
            self.model.load_state_dict(state["model"])
        except Exception as error:
            raise ValueError(damaged) from error
        self.history.rows = before.rows

    def _check_same(self, before: dict[str, Any], path: Path) -> None:
        settings = self.history.settings
        # More epochs at a constant rate only continue the run; one-cycle would have bent its curve differently. How
        # maps lie in memory is a matter of the device, and the run may go on on another.
        free = {"epochs", "channels_last"} if settings["schedule"] == "constant" else {"channels_last"}
        for name in settings.keys() - free:
            if settings[name] != before.get(name):
                raise ValueError(
                    f"checkpoint {path} was made with {name}={before.get(name)!r}, not {settings[name]!r}; "
                    "use the same settings, or another file"
                )


class CheckedLoss:
    """Cross-entropy of scores (B, classes) and labels (B,) that says what is wrong with them, in one sentence.

    The first call also looks at all labels, at the gradient, and at whether the loss is finite: no step has been
    taken then, so the learning rate is not to blame.
    """

    def __init__(self, run: Run):
        self.run, self.first = run, True
        self.cross_entropy = nn.CrossEntropyLoss(label_smoothing=run.history.settings["label_smoothing"])

    def __call__(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        first, self.first = self.first, False
        splits = [split.labels.cpu() for split in (self.run.data.train, self.run.data.valid)] if first else []
        most, least = max((int(s.max()) for s in splits), default=0), min((int(s.min()) for s in splits), default=0)
        doctor.check_scores(scores, len(labels), most, least)
        loss = self.cross_entropy(scores, labels)
        if first and not loss.requires_grad:
            raise ValueError(
                f"the scores of {type(self.run.model).__name__} carry no gradient; "
                "compute them without detach(), .data or torch.no_grad()"
            )
        if first and not bool(loss.isfinite()):
            raise DivergedError(self.run.why_not_finite())
        return loss


class Watch:
    """After each step: move the schedule, notice a loss that is no longer finite, tell whoever shows the run.

    `keep` is called after the first.
    """

    def __init__(self, run: Run, view: Progress, keep: Callable[[], None] = lambda: None):
        self.run, self.view, self.keep = run, view, keep
        self.step, self.lr = 0, run.scheduler.get_last_lr()[0]
        self.pending: list[tuple[torch.Tensor, float]] = []
        # Reading a loss makes the processor wait for the GPU, so there it is done for twenty at a time.
        self.every = 1 if run.data.train.device.type == "cpu" else 20

    def after_step(self, loss: torch.Tensor) -> None:
        self.step += 1
        if self.step == 1:
            self.keep()
        self.lr = self.run.scheduler.get_last_lr()[0]
        self.pending.append((loss.detach(), self.lr))
        self.run.scheduler.step()
        if len(self.pending) == self.every:
            self.check()

    def check(self) -> None:
        """Look at the losses since the last look. Raises DivergedError."""
        if not self.pending:
            return
        first = self.step - len(self.pending) + 1
        losses = torch.stack([loss for loss, _ in self.pending]).tolist()
        rates = [lr for _, lr in self.pending]
        self.pending = []
        for step, (loss, lr) in enumerate(zip(losses, rates, strict=True), start=first):
            if not math.isfinite(loss):
                raise DivergedError(
                    f"the loss became {loss} in epoch {len(self.run.history) + 1}, step {step}, "
                    f"at learning rate {lr:g}; try a lower one, such as {lr / 3:.1g}"
                )
            self.view.step(self.run.history, step, self.run.steps, loss, lr)


def epoch_seed(seed: int, epoch: int) -> int:
    """The seed of one epoch's shuffling, augmentation and dropout; epochs count from 1."""
    return 100_000 * seed + epoch


def timed(batches: Iterable, device: torch.device, spent: list[tuple[Any, Any]]) -> Iterator:
    """The same batches; the moments before and after each was prepared are added to `spent`."""
    iterator = iter(batches)
    while True:
        begin = moment(device)
        batch = next(iterator, None)
        spent.append((begin, moment(device)))
        if batch is None:
            return
        yield batch


def moment(device: torch.device) -> Any:
    """Now, on the device's own clock: a CUDA event does not make the processor wait."""
    if device.type != "cuda":
        return time.perf_counter()
    event = torch.cuda.Event(enable_timing=True)
    event.record(torch.cuda.current_stream(device))
    return event


def between(begin: Any, end: Any) -> float:
    """Seconds between two moments."""
    return end - begin if isinstance(begin, float) else begin.elapsed_time(end) / 1000


def _environment(device: str) -> dict[str, str]:
    return {
        "device": device,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "cnnlab": __version__,
    }
