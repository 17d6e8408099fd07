"""Training one row for several seeds, judged by the test images at rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from cnnlab.data import FashionMNIST
from cnnlab.data.archives import DataError
from cnnlab.measure.bench.machine import about
from cnnlab.measure.memory import step_memory
from cnnlab.measure.recipes import Recipe
from cnnlab.trace import trace
from cnnlab.train import evaluate, fit

CHANCE = 0.15  # a run that ends below it has learned nothing: ten classes make 0.1


@dataclass
class Result:
    """What the seeds gave. seconds: of training; bytes: the peak of one training step in float32."""

    row: Recipe
    parameters: int
    macs: int
    bytes: int
    machine: dict[str, str]
    precision: str
    train_images: int
    seconds: list[float] = field(default_factory=list)
    valid: list[float] = field(default_factory=list)
    test: list[float] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    @property
    def collapsed(self) -> int:
        """Runs that ended at chance, or whose loss was no number any more."""
        return sum(not accuracy > CHANCE for accuracy in self.test)


def measure(row: Recipe, data: FashionMNIST, seeds: Sequence[int], say: Callable[[str], None] = print) -> Result:
    """Train `row` once a seed and judge it at rest, by the test images too."""
    with torch.device("meta"):
        cost = trace(row.model(0), (1, 1, row.image_size, row.image_size))
    device = data.train.device
    counted = "cpu" if device.type == "mps" else str(device)  # Apple's GPUs keep no peak of their memory
    memory = step_memory(row.network, row.image_size, row.training["batch_size"], counted, **row.settings)
    result = Result(row, cost.params, cost.macs, memory, about(device), "", len(data.train))
    for seed in seeds:
        net = row.model(seed)
        history = fit(net, data, seed=seed, progress=False, **row.training)
        result.precision = history.settings["precision"]
        result.seconds.append(history.seconds)
        result.valid.append(history.valid_accuracy if len(history) else math.nan)
        result.test.append(evaluate(net, data.test, result.precision))
        result.stopped += [history.stopped] if history.stopped else []
        say(f"{row.network}, {row.kind}, seed {seed}: test {result.test[-1]:.4f} in {history.seconds:.0f} s")
    return result


def load(row: Recipe, device: torch.device) -> FashionMNIST:
    """All images as the row wants them. Raises DataError when there are only drawn ones."""
    data = row.data(device)
    if data.drawn:
        raise DataError("a reference on drawn images means nothing; set CNNLAB_DATA to a folder with the four archives")
    return data
