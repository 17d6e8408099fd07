"""Training: one epoch spelled out, evaluation, and `fit`, which loops over them."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import math
import os
import pickle
import platform
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cnnlab import __version__
from cnnlab.allocator import kept_memory
from cnnlab.data import FashionMNIST, Images
from cnnlab.device import autocast, channels_last_pays, describe, pick_device, pick_precision
from cnnlab.history import Epoch, History, write_atomically
from cnnlab.progress import Progress, pick_progress
from cnnlab.settings import as_settings, check, make_optimizer, make_schedule

# At most, so that evaluation takes less memory than training; on two cores larger batches were no faster.
EVALUATION_BATCH, EVALUATION_PIXELS = 500, 256 * 96 * 96


class DivergedError(ArithmeticError):
    """The loss is no longer a number; the message says when and at which learning rate."""


def train_epoch(model, batches, loss_fn, optimizer, precision="fp32", after_step=lambda loss: None):
    """One pass over `batches` of (X, y), one step a batch. -> (mean loss, accuracy), both while weights move."""
    model.train()
    total_loss = correct = count = 0
    for X, y in batches:
        optimizer.zero_grad()  # forget the gradients of the step before
        with autocast(precision, X.device):
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
    """The share of `images` classified rightly, in evaluation mode; the model's mode is given back."""
    mode = model.training
    model.eval()
    try:
        correct = torch.zeros((), dtype=torch.long, device=images.device)
        batch_size = min(EVALUATION_BATCH, EVALUATION_PIXELS // images.size**2)
        for X, y in dataclasses.replace(images, augment=()).batches(batch_size):
            with autocast(precision, X.device):
                correct += (model(X).argmax(dim=1) == y).sum()
    finally:
        model.train(mode)
    return int(correct) / len(images)


def init_xavier(model: nn.Module, seed: int = 0) -> nn.Module:
    """Draw the weights of convolutions and linear layers anew, uniformly after Glorot and Bengio 2010; biases stay."""
    with own_random(next(model.parameters()).device, seed):
        for module in model.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(module.weight)
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
    images, augmentation and dropout (the weights are the model's own). device: "auto" is where the data is.
    precision: "fp32", "bf16" or "auto". channels_last: how the maps lie in memory, which changes the speed and not
    the result; None takes the faster. checkpoint: a file written after each epoch; when it exists, training
    goes on from it. progress: whether to show the run, or what makes its view. Interrupting returns the History so
    far, and so does a loss that is no longer finite, with a RuntimeWarning; `History.stopped` then says why.

    Raises ValueError for a setting that cannot be or a checkpoint of another run.
    """
    device = data.train.device if device == "auto" else pick_device(device)
    precision = pick_precision(precision, device)
    data = data.to(device)
    model.to(device)
    if channels_last is None:
        channels_last = channels_last_pays(model, next(data.train.batches(1))[0])
    settings = as_settings(locals(), inspect.signature(fit).parameters)
    check(settings)
    model.to(memory_format=torch.channels_last if channels_last else torch.preserve_format)
    optimizer = make_optimizer(model, optimizer, lr, momentum, weight_decay)
    steps = math.ceil(len(data.train) / batch_size)
    scheduler = make_schedule(optimizer, schedule, lr, epochs * steps)
    loss_fn = nn.CrossEntropyLoss(label_smoothing=label_smoothing)
    run = Run(model, data, loss_fn, optimizer, scheduler, History(settings, _environment(device)), steps)
    if checkpoint is not None and Path(checkpoint).exists():
        run.load(Path(checkpoint))
    return run.go(pick_progress(run.history, progress), checkpoint)


@dataclasses.dataclass
class Run:
    """A training run in progress: what a checkpoint has to hold, and the loop over epochs."""

    model: nn.Module
    data: FashionMNIST
    loss_fn: nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    history: History
    steps: int

    def go(self, view: Progress, checkpoint: str | os.PathLike | None) -> History:
        """Every epoch that is still to do; whatever ends it early, the History so far comes back."""
        history, mode = self.history, self.model.training
        try:
            for _ in range(len(history), history.settings["epochs"]):
                history.rows.append(self.epoch(view))
                view.epoch(history)
                if checkpoint is not None:
                    self.save(Path(checkpoint))
        except KeyboardInterrupt:
            history.stopped = f"interrupted in epoch {len(history) + 1}"
        except DivergedError as reason:
            history.stopped = str(reason)
            warnings.warn(history.stopped, RuntimeWarning, stacklevel=3)
        finally:
            self.model.train(mode)
            view.close(history)
        return history

    def epoch(self, view: Progress) -> Epoch:
        """One epoch of training and its validation, as a row."""
        number, settings, train = len(self.history) + 1, self.history.settings, self.data.train
        seed = epoch_seed(settings["seed"], number)
        loading: list[tuple[Any, Any]] = []
        batches = timed(train.batches(settings["batch_size"], seed), train.device, loading)
        started = time.perf_counter()
        # Dropout is the same whether or not the run was resumed here.
        with own_random(train.device, seed), kept_memory(train.device) as keep:
            watch = Watch(self, view, keep)
            loss, accuracy = train_epoch(
                self.model, batches, self.loss_fn, self.optimizer, settings["precision"], watch.after_step
            )
            watch.check()
        seconds = time.perf_counter() - started
        valid = evaluate(self.model, self.data.valid, settings["precision"])
        return Epoch(number, loss, accuracy, valid, seconds, sum(between(*pair) for pair in loading), watch.lr)

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
        """Go on from a checkpoint. Raises ValueError when the file is not one, or of a run with other settings."""
        try:
            state = torch.load(path, map_location=self.data.train.device, weights_only=True)
            before = History.from_json(state["history"])
        except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"checkpoint {path} cannot be read; delete it to start afresh") from error
        self._check_same(before.settings, path)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.history.rows = before.rows

    def _check_same(self, before: dict[str, Any], path: Path) -> None:
        settings = self.history.settings
        # More epochs at a constant rate only continue the run; one-cycle would have bent its curve differently.
        free = {"epochs"} if settings["schedule"] == "constant" else set()
        for name in settings.keys() - free:
            if settings[name] != before.get(name):
                raise ValueError(
                    f"checkpoint {path} was made with {name}={before.get(name)!r}, not {settings[name]!r}; "
                    "use the same settings, or another file"
                )


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
        self.view.step(self.run.history, self.step, self.run.steps, sum(losses) / len(losses), rates[-1])


def epoch_seed(seed: int, epoch: int) -> int:
    """The seed of one epoch's shuffling, augmentation and dropout; epochs count from 1."""
    return 100_000 * seed + epoch


@contextlib.contextmanager
def own_random(device: torch.device, seed: int) -> Iterator[None]:
    """Random numbers from `seed` inside; the generators of the processor and of the device are given back."""
    devices = [] if device.type == "cpu" else [device.index or 0]
    with torch.random.fork_rng(devices, device_type="cuda" if device.type == "cpu" else device.type):
        torch.manual_seed(seed)
        yield


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
    event.record()
    return event


def between(begin: Any, end: Any) -> float:
    """Seconds between two moments."""
    return end - begin if isinstance(begin, float) else begin.elapsed_time(end) / 1000


def _environment(device: torch.device) -> dict[str, str]:
    return {
        "device": describe(device),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "cnnlab": __version__,
    }
