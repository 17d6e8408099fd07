"""python -m cnnlab.measure.record: train the fast network for several seeds, and write seconds and accuracy down."""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from cnnlab.data import FashionMNIST
from cnnlab.data.archives import DataError
from cnnlab.device import DEVICES, pick_device
from cnnlab.measure.bench.machine import about
from cnnlab.measure.recipes import RECORD, Timed
from cnnlab.train import evaluate, fit
from cnnlab.train.history import History, write_atomically


class Mirrored(torch.nn.Module):
    """The scores of an image plus those of its mirror image. (B, C, H, W) -> (B, num_classes)."""

    def __init__(self, net: torch.nn.Module):
        super().__init__()
        self.net = net

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.net(X) + self.net(X.flip(-1))


def load(recipe: Timed, device: str | torch.device = "auto") -> FashionMNIST:
    """The images as the recipe wants them, on the device. Raises DataError when there are only drawn ones."""
    data = recipe.data(device)
    if data.drawn:
        raise DataError("a record on drawn images means nothing; set CNNLAB_DATA to a folder with the four archives")
    return data


def run(
    recipe: Timed, data: FashionMNIST, seed: int, progress: bool = False
) -> tuple[torch.nn.Module, History, dict[str, Any]]:
    """The trained network, its History and one row of the record.

    seconds: the training passes; seconds_in_all: with building the network and validation after every epoch.
    """
    began = time.perf_counter()
    net = recipe.model(seed)
    history = fit(net, data, **recipe.training, seed=seed, progress=progress)
    in_all = time.perf_counter() - began
    judged, precision = Mirrored(net) if recipe.mirrored else net, history.settings["precision"]
    row = {
        "seed": seed,
        "seconds": history.seconds,
        "seconds_in_all": in_all,
        "valid_accuracy": evaluate(judged, data.valid, precision),
        "valid_accuracy_unmirrored": history.valid_accuracy,
        "test_accuracy": evaluate(judged, data.test, precision),
        "parameters": history.settings["parameters"],
        "precision": precision,
    }
    return net, history, row


def summary(recipe: Timed, runs: Sequence[dict[str, Any]], device: torch.device) -> dict[str, Any]:
    """The runs with recipe, machine, versions and date, and mean, standard deviation, least and most of a column."""
    columns = ("seconds", "seconds_in_all", "valid_accuracy", "test_accuracy")
    return {
        "recipe": dataclasses.asdict(recipe),
        "machine": about(device),
        "runs": list(runs),
        **{name: spread([row[name] for row in runs]) for name in columns},
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """
    >>> spread([1.0, 2.0, 3.0])
    {'mean': 2.0, 'sd': 1.0, 'min': 1.0, 'max': 3.0}
    """
    sd = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": statistics.fmean(values), "sd": sd, "min": min(values), "max": max(values)}


def line(row: dict[str, Any]) -> str:
    """One run in words."""
    return (
        f"seed {row['seed']}: {row['seconds']:.1f} s of training ({row['seconds_in_all']:.1f} s with validation), "
        f"validation {row['valid_accuracy']:.4f}, test {row['test_accuracy']:.4f}"
    )


def verdict(result: dict[str, Any]) -> str:
    """Mean, standard deviation and extremes, and whether the goal is met."""
    test, seconds, recipe = result["test_accuracy"], result["seconds"], result["recipe"]
    met = "met" if test["mean"] >= recipe["goal"] and seconds["mean"] <= recipe["limit"] else "missed"
    return (
        f"test accuracy {test['mean']:.4f} ± {test['sd']:.4f} (least {test['min']:.4f}) "
        f"in {seconds['mean']:.1f} ± {seconds['sd']:.1f} s of training (most {seconds['max']:.1f} s); "
        f"the goal, {recipe['goal']:.3f} in {recipe['limit']:.0f} s, is {met}"
    )


def markdown(results: dict[str, dict[str, Any]]) -> str:
    """The record of every recipe as tables."""
    parts = [INTRODUCTION]
    for name, result in results.items():
        recipe = result["recipe"]
        machine = "; ".join(f"{what} {value}" for what, value in result["machine"].items())
        settings = ", ".join(f"{what} {value}" for what, value in {**recipe["settings"], **recipe["training"]}.items())
        rows = [f"| {' | '.join(cells(row))} |" for row in result["runs"]]
        parts.append(
            f"## {name}: {verdict(result)}\n\n"
            f"Network `{recipe['network']}`, {result['runs'][0]['parameters']:,} parameters; {settings}; "
            f"augmented by {' and '.join(recipe['augment']) or 'nothing'}; {result['runs'][0]['precision']}; "
            f"judged by {'image and mirror image together' if recipe['mirrored'] else 'the image alone'}.\n\n"
            + "\n".join([HEAD, *rows])
            + f"\n\n{machine}"
        )
    return "\n\n".join(parts) + "\n"


INTRODUCTION = """\
# Fashion-MNIST in seconds

`python -m cnnlab.measure.record --seeds 5` repeats this. Training uses 55,000 images; 5,000 others chose the recipe;
the 10,000 test images are judged once a seed, after the last step, by the weights as they then are. Seconds of training
are the training passes with the preparation of every batch and with the warm-up of the first; validation after every
epoch is in the second column. Reading the files is in neither."""
HEAD = "| seed | seconds of training | with validation | validation accuracy | test accuracy |\n|---|---|---|---|---|"


def cells(row: dict[str, Any]) -> list[str]:
    return [
        str(row["seed"]),
        f"{row['seconds']:.1f}",
        f"{row['seconds_in_all']:.1f}",
        f"{row['valid_accuracy']:.4f}",
        f"{row['test_accuracy']:.4f}",
    ]


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """What record.json in `folder` holds, by recipe; nothing where there is none."""
    path = folder / "record.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for result in kept.values():
        if "network_settings" in result["recipe"]:  # what they were once called
            result["recipe"]["settings"] = result["recipe"].pop("network_settings")
    return kept


def write(results: dict[str, dict[str, Any]], folder: Path) -> list[Path]:
    """record.json and record.md in `folder`, recipes that are not in `results` kept; the paths."""
    results = {name: result for name, result in ({**read(folder), **results}).items() if name in RECORD}
    results = {name: results[name] for name in RECORD if name in results}
    texts = {"record.json": json.dumps(results, indent=1) + "\n", "record.md": markdown(results)}
    for name, text in texts.items():
        write_atomically(folder / name, lambda path, text=text: Path(path).write_text(text, encoding="utf-8"))
    return [folder / name for name in texts]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m cnnlab.measure.record", description=__doc__.split(": ", 1)[1])
    made.add_argument("--recipe", nargs="+", default=list(RECORD), choices=RECORD, help="both unless one is named")
    add_arguments(made, "folder for record.json and record.md")
    return made


def add_arguments(parser: argparse.ArgumentParser, out: str) -> None:
    """What every command takes that trains once a seed and writes a table; `out` says what its folder is for."""
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0")
    parser.add_argument("--device", default="auto", help=f"one of {', '.join(DEVICES)}")
    parser.add_argument("--out", type=Path, default=Path("results"), help=out)


def asked_device(asked: argparse.Namespace) -> torch.device:
    """The device asked for. Raises ValueError where it cannot be, and for fewer seeds than one."""
    if asked.seeds < 1:
        raise ValueError(f"--seeds {asked.seeds} is below 1; one seed is a run, five are a result")
    return pick_device(asked.device)


def main(words: list[str] | None = None, say: Callable[[str], None] = print) -> None:
    asked = parser().parse_args(words)
    try:
        device = asked_device(asked)
        results = {}
        for name in asked.recipe:
            recipe = RECORD[name]
            data, rows = load(recipe, device), []
            for seed in range(asked.seeds):
                rows.append(run(recipe, data, seed)[-1])
                say(f"{name}, {line(rows[-1])}")
            results[name] = summary(recipe, rows, device)
            say(f"{name}: {verdict(results[name])}")
    except (ValueError, DataError) as error:
        sys.exit(str(error))
    say("written to " + ", ".join(map(str, write(results, asked.out))))


if __name__ == "__main__":
    # Numbers below 1e-38 are slow to work with and count as 0 here. It has to be said before the first computation:
    # threads that exist already would go on as before.
    torch.set_flush_denormal(True)
    main()
