"""What the experiments of the course give over many seeds, kept in references.json, and what follows from it.

python -m cnnlab.check.frame.references                          measure the experiments that are missing there
python -m cnnlab.check.frame.references nin.dropout --seeds 20   measure these anew

An experiment is measured by the function of the worked solution, on the data that its check hands over.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import re
import statistics
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("references.json")
SOLUTIONS = Path(__file__).parents[3] / "notebooks" / "solutions"
HIGHER, LOWER, UNCLEAR = "higher", "lower", "no clear difference"
OPPOSITE = {HIGHER: LOWER, LOWER: HIGHER}
# Honest means leave a window less than once in a thousand: 6 standard errors, with 10 seeds and more, and room for
# another processor, precision or order of drawing weights where seeds hardly differ.
ERRORS, ROOM = 6, 0.05
LEAST, TIMES = 20, 3  # so many seeds, or so many times those of the check where that is more


def label(variant: object) -> str:
    """How a variant is called in the file and on cards.
    >>> label(16), label(("max", "relu")), label((("conv1", "conv2"), "after"))
    ('16', 'max, relu', 'conv1, conv2, after')
    """
    return ", ".join(map(label, variant)) if isinstance(variant, tuple) else str(variant)


@cache
def stored() -> dict[str, dict[str, Any]]:
    """The file: for each exercise the data, where it was measured, steps of training, trained
    parameters, dropouts, and numbers by name and variant."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def window(values: Sequence[float], seeds: int, share: bool = True) -> tuple[float, float]:
    """From where to where the mean of so many seeds lies, going by these values of other seeds."""
    mean, error = statistics.fmean(values), math.sqrt(1 / seeds + 1 / len(values)) * statistics.stdev(values)
    half = max(ERRORS * error, ROOM, 0 if share else 2 * ROOM * abs(mean))
    return (max(mean - half, 0), min(mean + half, 1)) if share else (mean - half, mean + half)


def gap(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """How much higher the mean of `second` is, and the standard error of that."""
    error = math.sqrt(statistics.variance(first) / len(first) + statistics.variance(second) / len(second))
    return statistics.fmean(second) - statistics.fmean(first), error


def possible(first: Sequence[float], second: Sequence[float]) -> set[str]:
    """What may be said of `second` next to `first`: "higher", "lower", "no clear difference", or two of them.

    The difference d of the means is set against its standard error e: beyond 3 e it is clear, below 1.5 e it is not,
    and between them either may be said.
    """
    difference, error = gap(first, second)
    direction = HIGHER if difference > 0 else LOWER
    if abs(difference) >= 3 * error:
        return {direction} if difference else {UNCLEAR}
    return {UNCLEAR} if abs(difference) < 1.5 * error else {UNCLEAR, direction}


def contradicted(first: Sequence[float], second: Sequence[float], seeds: int) -> set[str]:
    """What nobody may say who measured so many seeds, where these many seeds gave `first` and `second`.

    The opposite of every direction that may be said; and that nothing is clear, where so many honest seeds always
    show it: where the difference is 6 of their standard errors.
    """
    refused = {OPPOSITE[word] for word in possible(first, second) - {UNCLEAR}}
    difference = abs(gap(first, second)[0])
    spread = math.sqrt((statistics.variance(first) + statistics.variance(second)) / seeds)
    return refused | ({UNCLEAR} if difference and difference >= 6 * spread else set())


# ---- measuring -----------------------------------------------------------------------------------------------------


def asked_for() -> Mapping[str, Any]:
    """Every experiment that a check asks for, by the exercise."""
    from cnnlab import check
    from cnnlab.check.catalogue import ENTRIES
    from cnnlab.check.frame.experiments import Asked

    modules = {getattr(getattr(check, entry.module), entry.name).judge.__module__ for entry in ENTRIES}
    values = [value for name in sorted(modules) for value in vars(importlib.import_module(name)).values()]
    return {value.key: value for value in values if isinstance(value, Asked)}


def solution(key: str, function: str) -> Any:
    """That function of the worked solution."""
    from cnnlab.check.catalogue import find

    entry = find(*key.split("."))
    cells = json.loads((SOLUTIONS / f"{entry.notebook}.ipynb").read_text())["cells"]
    names: dict[str, Any] = {}
    for name in ("setup", f"{entry.name.replace('_', '-')}-answer"):
        (source,) = ("".join(cell["source"]) for cell in cells if cell["id"] == name)
        exec(compile(source, f"{key}: {name}", "exec"), names)
    return names[function]


def record(asked: Any, seeds: int) -> dict[str, Any]:
    """What the worked solution's experiment gives for every variant and so many seeds."""
    import torch

    from cnnlab.check.frame.calling import Runner
    from cnnlab.check.frame.experiments import one_call
    from cnnlab.device import describe, pick_precision

    function, cpu = solution(asked.key, asked.function), torch.device("cpu")
    numbers: dict[str, dict[str, list[float]]] = {name: {} for name in asked.recorded()}
    steps: dict[str, list[int]] = {}
    parameters: dict[str, list[int]] = {}
    dropped: dict[str, list[str]] = {}
    for variant in asked.variants:
        calls = [one_call(Runner(600, key=asked.key), function, asked, variant, seed) for seed in range(seeds)]
        for name, row in numbers.items():
            row[label(variant)] = [round(call.numbers[name], 5) for call in calls]
        steps[label(variant)] = [call.notes.steps for call in calls]
        parameters[label(variant)] = [call.notes.parameters for call in calls]
        dropped[label(variant)] = sorted(set().union(*(call.notes.dropped for call in calls)))
    return {
        "images": [asked.images, asked.valid],
        "measured on": f"{describe(cpu)}, torch {torch.__version__}, {pick_precision('auto', cpu)} where fit may choose",
        "steps": {name: row[0] if len(set(row)) == 1 else row for name, row in steps.items()},
        "parameters": {name: row[0] if len(set(row)) == 1 else row for name, row in parameters.items()},
        "dropped": dropped,
        "numbers": numbers,
    }


def write(found: Mapping[str, Any]) -> None:
    """Save the file, a row of seeds a line."""
    text = json.dumps(dict(sorted(found.items())), indent=1, ensure_ascii=False)
    text = re.sub(r"\[\s+([^\]\[]*?)\s+\]", lambda row: "[" + " ".join(row[1].split()) + "]", text)
    part = FILE.with_suffix(".part")
    part.write_text(text + "\n")
    os.replace(part, FILE)


def main(words: Sequence[str] | None = None) -> int:
    """The command line."""
    from cnnlab.check.frame.experiments import all_data

    parser = argparse.ArgumentParser(
        prog="python -m cnnlab.check.frame.references", description=__doc__.splitlines()[0]
    )
    parser.add_argument("keys", nargs="*", help="exercises, as in nin.dropout; those that are missing by default")
    parser.add_argument(
        "--seeds", type=int, help=f"of each variant; {LEAST} by default, or {TIMES} times those of the check"
    )
    options = parser.parse_args(words)
    if all_data().drawn:
        parser.error("references are of the real images; set CNNLAB_DATA to their folder")
    warnings.simplefilter("ignore")  # that a run diverges is a result here
    asked, found = asked_for(), dict(stored())
    for key in options.keys or [key for key in asked if key not in found]:
        started = time.perf_counter()
        found[key] = record(asked[key], options.seeds or max(LEAST, TIMES * asked[key].seeds))
        write(found)
        print(f"{key}: {time.perf_counter() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
