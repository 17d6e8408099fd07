"""python -m cnnlab.reference: train each network by the notes' recipe and by ours, for several seeds, and keep a table.

On a processor LeNet and BN-LeNet are trained in full, and only these. The others want a GPU: a row that was not
measured says so.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import torch

from cnnlab import models
from cnnlab.bench.machine import about
from cnnlab.bench.recipes import EPOCHS, RECIPES
from cnnlab.data import DataError, FashionMNIST, fashion_mnist
from cnnlab.device import DEVICES, pick_device
from cnnlab.history import write_atomically
from cnnlab.memory import step_memory
from cnnlab.record import spread
from cnnlab.trace import trace
from cnnlab.train import evaluate, fit, init_xavier

KINDS = ("notes", "ours")
CHANCE = 0.15  # a run that ends below it has learned nothing: ten classes make 0.1
# The best test accuracy over many published builds of the notes, ten epochs each.
PUBLISHED = {
    "lenet": 0.828,
    "alexnet": 0.886,
    "vgg11": 0.925,
    "nin": 0.885,
    "googlenet": 0.900,
    "bn_lenet": 0.892,
    "resnet18_notes": 0.927,
    "densenet": 0.918,
}
ON_A_PROCESSOR = ("lenet", "bn_lenet")
OURS = {"epochs": EPOCHS, "optimizer": "adamw", "schedule": "one-cycle", "label_smoothing": 0.1, "batch_size": 256}


@dataclass(frozen=True)
class Row:
    """One network by one recipe. `settings` go to models.build, `training` to fit; `xavier`: the notes' start."""

    network: str
    recipe: str
    image_size: int
    settings: dict[str, Any]
    training: dict[str, Any]
    xavier: bool = False
    augment: tuple[str, ...] = ()

    def model(self, seed: int) -> torch.nn.Module:
        torch.manual_seed(seed)
        net = models.build(self.network, image_size=self.image_size, **self.settings)
        return init_xavier(net, seed) if self.xavier else net


def rows(network: str) -> dict[str, Row]:
    """The two rows of a network. Raises ValueError for a name that the notes do not have."""
    if network not in RECIPES:
        raise ValueError(f"network {network!r} is not one of {', '.join(RECIPES)}; the notes have no recipe for it")
    notes = RECIPES[network]
    theirs = {"epochs": EPOCHS, "batch_size": notes.batch_size, "lr": notes.lr}
    ours = {**OURS, "lr": 1e-2 if network == "bn_lenet" else 4e-3, "batch_size": min(256, notes.batch_size)}
    better = {"lenet": {"activation": "relu"}, "bn_lenet": {"activation": "relu"}, "nin": {"last_relu": False}}
    settings = {**notes.settings, **better.get(network, {})}
    return {
        "notes": Row(network, "notes", notes.image_size, notes.settings, theirs, xavier=True),
        "ours": Row(network, "ours", notes.image_size, settings, ours, augment=("flip",)),
    }


@dataclass
class Result:
    """What the seeds gave. seconds: of training; bytes: the peak of one training step in float32."""

    row: Row
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


def measure(row: Row, data: FashionMNIST, seeds: Sequence[int], say: Callable[[str], None] = print) -> Result:
    """Train `row` once a seed and judge it at rest, by the test images too."""
    with torch.device("meta"):
        cost = trace(row.model(0), (1, 1, row.image_size, row.image_size))
    device = data.train.device
    memory = step_memory(row.network, row.image_size, row.training["batch_size"], str(device), **row.settings)
    result = Result(row, cost.params, cost.macs, memory, about(device), "", len(data.train))
    for seed in seeds:
        net = row.model(seed)
        history = fit(net, data, seed=seed, progress=False, **row.training)
        result.precision = history.settings["precision"]
        result.seconds.append(history.seconds)
        result.valid.append(history.valid_accuracy if len(history) else math.nan)
        result.test.append(evaluate(net, data.test, result.precision))
        result.stopped += [history.stopped] if history.stopped else []
        say(f"{row.network}, {row.recipe}, seed {seed}: test {result.test[-1]:.4f} in {history.seconds:.0f} s")
    return result


def load(row: Row, device: torch.device) -> FashionMNIST:
    """All images as the row wants them. Raises DataError when there are only drawn ones."""
    data = fashion_mnist(row.image_size, device, augment=row.augment)
    if data.standin:
        raise DataError("a reference on drawn images means nothing; set CNNLAB_DATA to a folder with the four archives")
    return data


# ---- the files -------------------------------------------------------------------------------------------------------


def path(folder: Path, device_type: str) -> Path:
    """One file for a processor, another for a GPU."""
    return folder / f"reference-{device_type}.json"


def read(folder: Path, device_type: str = "cpu") -> dict[str, Result]:
    """Results by "network recipe"; none where there is no file."""
    file = path(folder, device_type)
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return {name: Result(**{**fields, "row": Row(**fields["row"])}) for name, fields in kept.items()}


def write(results: dict[str, Result], folder: Path, device_type: str) -> list[Path]:
    """The results as JSON and as Markdown, those of other networks kept; the paths."""
    kept = {**read(folder, device_type), **results}
    json_path = path(folder, device_type)
    texts = {
        json_path: json.dumps({name: asdict(result) for name, result in kept.items()}, indent=1) + "\n",
        json_path.with_suffix(".md"): markdown(kept, device_type),
    }
    for file, text in texts.items():
        write_atomically(file, lambda temporary, text=text: Path(temporary).write_text(text, encoding="utf-8"))
    return list(texts)


def markdown(results: dict[str, Result], device_type: str) -> str:
    """The whole table with its circumstances."""
    lines = [cells(network, kind, results.get(f"{network} {kind}")) for network in RECIPES for kind in KINDS]
    table = "\n".join("| " + " | ".join(line) + " |" for line in [HEAD, ["---"] * len(HEAD), *lines])
    machines = {"; ".join(f"{k} {v}" for k, v in result.machine.items() if k != "date") for result in results.values()}
    return "\n\n".join([INTRODUCTION.format(device=device_type), table, *sorted(machines)]) + "\n"


HEAD = ["network", "recipe", "px", "images × epochs", "parameters", "MACs", "step MiB", "seconds",
        "test, mean ± sd", "least", "collapsed", "best published"]  # fmt: skip
INTRODUCTION = """\
# Reference on a {device}

`python -m cnnlab.reference` repeats this. Training uses 55,000 images and the recipe was chosen by 5,000 others; the
10,000 test images are judged once a seed, at rest. *notes*: plain SGD from a Xavier start, settings of the notes.
*ours*: AdamW, one-cycle, label smoothing, flips. step MiB: peak memory of one training step in float32. seconds: mean
of the training passes, loading included. Best published: over many builds of *Dive into Deep Learning*."""


def cells(network: str, kind: str, result: Result | None) -> list[str]:
    """One line of the table; what was not measured says so."""
    row = rows(network)[kind]
    head = [network, kind, str(row.image_size)]
    if result is None:
        return [*head, "not measured", *[""] * (len(HEAD) - 5), f"{PUBLISHED[network]:.3f}"]
    test = spread(result.test)
    return [
        *head,
        f"{result.train_images:,} × {row.training['epochs']}",
        f"{result.parameters:,}",
        f"{result.macs:,}",
        f"{result.bytes / 2**20:,.0f}",
        f"{sum(result.seconds) / len(result.seconds):.0f}",
        f"{test['mean']:.4f} ± {test['sd']:.4f} ({len(result.test)} seeds)",
        f"{test['min']:.4f}",
        f"{result.collapsed} of {len(result.test)}",
        f"{PUBLISHED[network]:.3f}",
    ]


class Shown(list):
    """Lines of the table, for a notebook."""

    def __repr__(self) -> str:
        widths = [max(map(len, column)) for column in zip(HEAD, *self, strict=True)]
        lines = [HEAD, *self]
        return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)

    def _repr_html_(self) -> str:
        style = "padding:2px 6px;text-align:left;vertical-align:bottom"
        drawn = [
            "".join(f'<{tag} style="{style}">{escape(cell)}</{tag}>' for cell in line)
            for tag, line in [("th", HEAD), *(("td", line) for line in self)]
        ]
        return f'<table style="font-size:12px">{"".join(f"<tr>{line}</tr>" for line in drawn)}</table>'


def reference(network: str, folder: Path | str = "../results", device_type: str = "cpu") -> Shown:
    """The two lines of a network, for the chapter that has just trained it."""
    results = read(Path(folder), device_type)
    return Shown(cells(network, kind, results.get(f"{network} {kind}")) for kind in rows(network))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m cnnlab.reference", description=__doc__.split(": ", 1)[1])
    made.add_argument("--networks", nargs="+", help=f"of {', '.join(RECIPES)}; what the device can do unless named")
    made.add_argument("--recipes", nargs="+", default=KINDS, choices=KINDS)
    made.add_argument("--seeds", type=int, default=5, help="how many, from 0")
    made.add_argument("--device", default="auto", help=f"one of {', '.join(DEVICES)}")
    made.add_argument("--out", type=Path, default=Path("results"), help="folder of the reference files")
    return made


def main(words: list[str] | None = None, say: Callable[[str], None] = print) -> None:
    asked = parser().parse_args(words)
    try:
        if asked.seeds < 1:
            raise ValueError(f"--seeds {asked.seeds} is below 1; one seed is a run, five are a result")
        device = pick_device(asked.device)
        for network in asked.networks or (ON_A_PROCESSOR if device.type == "cpu" else RECIPES):
            for kind in asked.recipes:
                row = rows(network)[kind]
                result = measure(row, load(row, device), range(asked.seeds), say)
                paths = write({f"{network} {kind}": result}, asked.out, device.type)  # nothing measured is lost
    except (ValueError, DataError) as error:
        sys.exit(str(error))
    say("written to " + ", ".join(map(str, paths)))


if __name__ == "__main__":
    main()
