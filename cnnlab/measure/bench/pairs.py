"""The runs in turn, network by network: fit, train_ch6 drawing, train_ch6 not drawing, and the other way round."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnnlab.device import pick_device
from cnnlab.measure.bench import ours, peak, theirs
from cnnlab.measure.bench.job import FEWEST_BATCHES, Job, affordable, tests_for
from cnnlab.measure.bench.machine import about, peaks, share_of_peak
from cnnlab.measure.bench.report import spread
from cnnlab.measure.bench.run import Run
from cnnlab.measure.recipes import NOTES, TRAIN_IMAGES
from cnnlab.trace import trace

OURS, DRAWN, PLAIN = "cnnlab", "d2l drawing", "d2l"


@dataclasses.dataclass(frozen=True)
class Options:
    """What the command line asks for. images: at most so many an epoch; seconds: what one run may take."""

    device: str = "auto"
    precision: str = "auto"
    images: int = TRAIN_IMAGES
    seconds: float = 20.0
    repeats: int = 3
    epochs: int = 1


def measure(names: list[str], options: Options, tell: Callable[[str], None] = print) -> dict[str, Any]:
    """Everything the report says, of these networks, as plain values."""
    device = pick_device(options.device)
    products = peaks(device)
    rows, failed = [], {}
    with theirs.notes_folder() as folder:
        for name in names:
            try:
                rows.append(network(name, options, products, folder, tell))
            except RuntimeError as error:  # a loss that is not finite, or no memory: the other networks go on
                failed[name] = str(error)
                tell(f"{name}: {error}")
    return {
        "machine": about(device),
        "options": dataclasses.asdict(options),
        "matrix product, operations per second": products,
        "networks": rows,
        "not measured": failed,
    }


SETTINGS = ("network", "image_size", "batch_size", "lr", "settings")  # of a recipe, in the file


def network(name: str, options: Options, products: dict[str, float], folder: Path, tell=print) -> dict[str, Any]:
    """One network: warm up, find how many images the budget allows, run in turn, measure memory."""
    recipe = NOTES[name]
    warm = Job(recipe, 2 * recipe.batch_size, 10, 1, options.device, options.precision)
    ours.run(warm)
    a_batch = theirs.run(warm, folder).seconds_to_second_batch
    images = affordable(recipe, a_batch, options.seconds, options.images)
    job = dataclasses.replace(warm, images=images, tests=tests_for(images), epochs=options.epochs)
    runs = in_turn(job, options.repeats, folder, lambda words: tell(f"{name}: {words}"))
    macs = trace(job.model(), (1, 1, recipe.image_size, recipe.image_size)).macs
    return {
        "network": name,
        "settings": {what: getattr(recipe, what) for what in SETTINGS},
        "images": images,
        "tests": job.tests,
        "epochs": job.epochs,
        "precision": {OURS: job.our_precision, DRAWN: "fp32", PLAIN: "fp32"},
        "shortened": images < options.images,
        "at the least": images == FEWEST_BATCHES * recipe.batch_size,
        "macs": macs,
        "runs": {side: [dataclasses.asdict(run) for run in done] for side, done in runs.items()},
        "summary": summary(runs),
        "share of peak": shares(runs, macs, {OURS: products[job.our_precision], PLAIN: products["fp32"]}),
        "peak bytes": peak_bytes(job, runs, folder),
    }


def in_turn(job: Job, repeats: int, folder: Path, tell: Callable[[str], None]) -> dict[str, list[Run]]:
    """`repeats` runs of each side; every second round goes backwards, so that none is always the first."""
    sides = {
        OURS: lambda: ours.run(job),
        DRAWN: lambda: theirs.run(job, folder, draw=True),
        PLAIN: lambda: theirs.run(job, folder, draw=False),
    }
    runs: dict[str, list[Run]] = {side: [] for side in sides}
    for repeat in range(repeats):
        for side in list(sides)[:: -1 if repeat % 2 else 1]:
            runs[side].append(sides[side]())
            tell(f"round {repeat + 1} of {repeats}, {side}: {runs[side][-1].rate:,.0f} images/s with loading")
    return runs


def summary(runs: dict[str, list[Run]]) -> dict[str, Any]:
    """Median, least and most of every number, and of the ratios ours to theirs, round by round."""
    names = [field.name for field in dataclasses.fields(Run) if field.name not in ("images", "peak_bytes")]
    values = {
        side: {name: spread([getattr(run, name) for run in done]) for name in [*names, "rate", "rate_without_loading"]}
        for side, done in runs.items()
    }
    ratios = {
        f"{name}, to {side}": spread(
            [getattr(a, name) / getattr(b, name) for a, b in zip(runs[OURS], runs[side], strict=True)]
        )
        for name in ("rate", "rate_without_loading")
        for side in (DRAWN, PLAIN)
    }
    return {"sides": values, "ratios": ratios}


def shares(runs: dict[str, list[Run]], macs: int, products: dict[str, float]) -> dict[str, dict[str, float]]:
    """Part of the fastest matrix product, in its own precision, that a side reaches with loading."""
    return {
        side: spread([share_of_peak(run.rate, macs, product) for run in runs[side]])
        for side, product in products.items()
    }


def peak_bytes(job: Job, runs: dict[str, list[Run]], folder: Path) -> dict[str, dict[str, float]]:
    """Peak memory of both sides: of all runs by the GPU's allocator, else of one fresh process each."""
    if job.torch_device.type == "cuda":
        return {side: spread([run.peak_bytes for run in runs[side]]) for side in (OURS, PLAIN)}
    return {side: spread([peak.resident(side, job, folder)]) for side in (OURS, PLAIN)}
