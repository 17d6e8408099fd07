"""What a learner's experiment measured over several seeds, and whether the conclusion follows from it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

from cnnlab.check.calling import Runner, a_kind
from cnnlab.check.judging import filled
from cnnlab.check.showing import value_text
from cnnlab.check.verdict import Wrong
from cnnlab.data import FashionMNIST, fashion_mnist

SEEDS = (0, 1, 2)
CHANCE = 0.15  # accuracies of ten classes up to here are guessing
HIGHER, LOWER, UNCLEAR = "higher", "lower", "no clear difference"


@cache
def all_data() -> FashionMNIST:
    return fashion_mnist(device="cpu")  # read once, or looked for in vain once


@cache
def small_data(images: int = 2_000, valid: int = 2_000) -> FashionMNIST:
    """So many images for training and for validation, classes balanced, on the processor."""
    data = all_data()
    return replace(data, train=data.train.subset(images), valid=data.valid.subset(valid))


def measure(
    run: Runner, experiment: Callable, variants: Sequence, *args, seeds: Sequence[int] = SEEDS, share: bool = True
) -> dict[object, list[float]]:
    """experiment(variant, seed, *args) for every variant and seed, each within the limit by itself.

    share: whether each number must be an accuracy, 0 to 1. Wrong where seeds or variants make no difference at all.
    """
    found = {}
    for variant in variants:
        found[variant] = [_one(run, experiment, variant, seed, args, share) for seed in seeds]
    if len(seeds) > 1 and _flat(found):
        raise Wrong(
            "Every seed gives exactly the same number; call torch.manual_seed(seed) before the network is made."
        )
    if len(variants) > 1 and len({tuple(row) for row in found.values()}) == 1:
        raise Wrong(f"{_listed(variants)} give exactly the same numbers; is the variant used?", got=table(found))
    return found


def _one(run: Runner, experiment: Callable, variant: object, seed: int, args: tuple, share: bool) -> float:
    name = getattr(experiment, "__name__", "experiment")
    text = f"{name}({variant!r}, seed={seed}" + (", data)" if args else ")")
    value = run(experiment, variant, seed, *args, fresh=True, given=text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Wrong(f"A number is wanted, and it gives back {a_kind(value)}.", call=text)
    if share and not 0 <= value <= 1:
        raise Wrong("An accuracy between 0 and 1 is wanted.", call=text, got=value_text(value))
    return float(value)


def _flat(found: dict[object, list[float]]) -> bool:
    """Whether no seed makes a difference. Single variants that stay at chance are alike without anyone's fault."""
    values = {value for row in found.values() for value in row}
    if any(len(set(row)) > 1 for row in found.values()):
        return False
    return len(values) == 1 or max(values) > CHANCE


def _listed(variants: Sequence) -> str:
    return " and ".join(map(repr, variants))


def table(found: dict[object, list[float]]) -> str:
    """The measured numbers as lines of text: a mean and its seeds for every variant."""
    width = max(len(str(variant)) for variant in found)
    return "\n".join(
        f"{variant!s:<{width}}  mean {statistics.fmean(row):.4g}  seeds {', '.join(f'{value:.4g}' for value in row)}"
        for variant, row in found.items()
    )


def possible(first: Sequence[float], second: Sequence[float]) -> set[str]:
    """What may be said of `second` next to `first`: "higher", "lower", "no clear difference", or two of them.

    The difference d of the means is set against its standard error e: beyond 3 e it is clear, below 1.5 e it is not,
    and between them either may be said.
    """
    difference = statistics.fmean(second) - statistics.fmean(first)
    error = math.sqrt((statistics.variance(first) + statistics.variance(second)) / len(first))
    direction = HIGHER if difference > 0 else LOWER
    if abs(difference) >= 3 * error:
        return {direction} if difference else {UNCLEAR}
    return {UNCLEAR} if abs(difference) < 1.5 * error else {UNCLEAR, direction}


def conclude(picked: object, found: dict[object, list[float]], name: str = "conclusion") -> str:
    """Judges a conclusion about two variants, the second next to the first. Returns a sentence with the numbers."""
    filled(picked)
    choices = (HIGHER, LOWER, UNCLEAR)
    if picked not in choices:
        raise Wrong(
            f"{name} is {value_text(picked)}; choose one of {', '.join(map(repr, choices))}, in quotation marks."
        )
    (first, a), (second, b) = found.items()
    allowed = possible(a, b)
    if picked not in allowed:
        follows = " or ".join(repr(choice) for choice in choices if choice in allowed)
        raise Wrong(
            f"{picked!r} does not follow from what your experiment measured; with these seeds {follows} does.",
            got=table(found),
            slip="one seed was looked at, or the direction of the comparison is turned round",
        )
    return f"Measured here: {first} {statistics.fmean(a):.4g}, {second} {statistics.fmean(b):.4g} (means of {len(a)} seeds)."
