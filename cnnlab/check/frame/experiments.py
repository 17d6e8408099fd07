"""What a learner's experiment measured over several seeds, next to a reference, and whether the conclusion follows."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from cnnlab.check.frame.calling import Runner, a_kind
from cnnlab.check.frame.judging import LARGEST, filled
from cnnlab.check.frame.references import HIGHER, LOWER, UNCLEAR, contradicted, label, possible, stored, window
from cnnlab.check.frame.showing import value_text
from cnnlab.check.frame.values import as_number, is_one_of
from cnnlab.check.frame.verdict import Wrong
from cnnlab.check.frame.watched import SEALED, Notes, noted, start_of, watched
from cnnlab.data import FashionMNIST, fashion_mnist

SEEDS = (0, 1, 2)
CHANCE = 0.15  # accuracies of ten classes up to here are guessing
GUESS = 0.1  # what counts for a training that broke off, whatever stands for it: 0, 0.1, NaN
ALIKE = 0.02  # a network with or without the biases before its batch norms is still the one that is asked for
FEWER = 0.8  # a training of less than so large a share of the steps has other epochs or batches than asked


@cache
def all_data() -> FashionMNIST:
    return fashion_mnist(device="cpu")  # read once, or looked for in vain once


@cache
def small_data(images: int = 2_000, valid: int = 2_000) -> FashionMNIST:
    """So many images for training and for validation, classes balanced, on the processor."""
    data = all_data()
    return replace(data, train=data.train.subset(images), valid=data.valid.subset(valid))


# ---- what is asked ---------------------------------------------------------------------------------------------------


def one_number(value: object) -> list[object]:
    """An experiment gives back one number: that one."""
    if as_number(value) is None:
        raise Wrong(f"A number is wanted, and it gives back {a_kind(value)}.")
    return [value]


# The kinds of number that an experiment measures: an accuracy on data.valid, another share or difference that a
# reference knows, or what depends on the machine.
ACCURACY, OTHER, MACHINE = "accuracy", "other", "machine"


class Asked(NamedTuple):
    """An experiment that an exercise asks for: `function(variant, seed, data)`.

    key: the exercise. function: what it is called there. images, valid: of the data that it is given; one validation
    image fewer than training images, so that a share of the ones is no share of the others. numbers: what is measured,
    and its kind. read: what the experiment gives back -> these numbers, or Wrong. several: whether a variant is a tuple
    of arguments.
    """

    key: str
    function: str
    variants: tuple
    images: int = 2_000
    valid: int = 1_999
    seeds: int = len(SEEDS)
    numbers: Mapping[str, str] = {"accuracy": ACCURACY}
    read: Callable[[object], Sequence[object]] = one_number
    several: bool = False

    def recorded(self) -> list[str]:
        """The numbers that are kept as a reference."""
        return [name for name, kind in self.numbers.items() if kind != MACHINE]

    def data(self) -> FashionMNIST:
        return small_data(self.images, self.valid)

    def text(self, variant: object, seed: int) -> str:
        """The call as one would write it."""
        arguments = ", ".join(map(repr, variant)) if self.several else repr(variant)
        return f"{self.function}({arguments}, seed={seed}, data)"


class Call(NamedTuple):
    """One call of an experiment: what it measured, and what it did with the data."""

    numbers: dict[str, float]
    notes: Notes


class Measured(dict):
    """{variant: one number a seed}; `reference` has the stored numbers of the same variants, or nothing."""

    def __init__(self, found: Mapping, reference: Mapping | None = None, drawn: bool = False):
        super().__init__(found)
        self.reference, self.drawn = dict(reference or {}), drawn

    def pick(self, *variants: object, names: Sequence[str] = ()) -> Measured:
        """These variants alone, under other names where there are some."""
        names = names or variants
        return self.derived(lambda rows: {name: rows[each] for name, each in zip(names, variants, strict=True)})

    def derived(self, change: Callable[[Mapping], Mapping]) -> Measured:
        """What `change` makes of the numbers, and of those of the reference."""
        return Measured(change(self), change(self.reference) if self.reference else {}, self.drawn)

    @property
    def note(self) -> str:
        """What a card adds where there was nothing to compare with."""
        return " These are drawn garments, so no reference was asked." if self.drawn else ""

    def means(self) -> dict[object, float]:
        return {variant: statistics.fmean(row) for variant, row in self.items()}


# ---- measuring -------------------------------------------------------------------------------------------------------


def measure(run: Runner, experiment: Callable, asked: Asked, variants: Iterable = ()) -> Measured:
    """The one number that the experiment gives for every variant and seed; Wrong as in `measure_all`."""
    (found,) = measure_all(run, experiment, asked, variants).values()
    return found


def measure_all(run: Runner, experiment: Callable, asked: Asked, variants: Iterable = ()) -> dict[str, Measured]:
    """The numbers that the experiment gives for every variant (or for these) and seed, by name.

    Wrong where it measures nothing: reads no images, trains less or other than asked, gives training accuracies, makes
    no difference between seeds or variants, starts from other weights when it is asked twice, or lies outside the
    window of a reference.
    """
    variants = tuple(variants) or asked.variants
    calls = {
        variant: [one_call(run, experiment, asked, variant, seed) for seed in range(asked.seeds)]
        for variant in variants
    }
    drawn, found = asked.data().drawn, {}
    for name in asked.numbers:
        rows = {variant: [call.numbers[name] for call in row] for variant, row in calls.items()}
        found[name] = Measured(rows, None if drawn else reference(asked, name, variants), drawn)
    steps = _steps_slip(calls, asked)
    for name, kind in asked.numbers.items():
        if kind != MACHINE:
            expect_differences(found[name], share=kind == ACCURACY, slip=steps)
    expect_starts(run, experiment, asked, calls)
    expect_steps(calls, asked)
    expect_network(calls, asked)
    expect_dropout(calls, asked)
    for name, kind in asked.numbers.items():
        if kind == ACCURACY:
            expect_validation(calls, name)
        if kind != MACHINE:
            expect_inside(found[name], name, share=kind == ACCURACY, slip=steps)
    return found


def one_call(run: Runner, experiment: Callable, asked: Asked, variant: object, seed: int) -> Call:
    """The experiment with one variant and seed, within the limit by itself."""
    notes, text = Notes(), asked.text(variant, seed)
    arguments = variant if asked.several else (variant,)
    with noted(notes):
        value = run(experiment, *arguments, seed, watched(asked.data(), notes), fresh=True, given=text)
    try:
        numbers = dict(zip(asked.numbers, map(as_number, asked.read(value)), strict=True))
    except Wrong as wrong:
        raise Wrong(wrong.sentence, call=text, got=value_text(value), slip=wrong.slip) from None
    broken = _broken_off(numbers, asked, notes)
    for name, number in numbers.items():
        if broken:
            numbers[name] = GUESS
        elif not abs(number) <= LARGEST:
            raise Wrong("A finite number is wanted.", call=text, got=value_text(value))
        elif asked.numbers[name] == ACCURACY and not 0 <= number <= 1:
            raise Wrong("An accuracy between 0 and 1 is wanted.", call=text, got=value_text(value))
    _expect_read(notes, text, ("train",) if broken else ("train", "valid"))
    return Call({name: float(number) for name, number in numbers.items()}, notes)


def _broken_off(numbers: Mapping, asked: Asked, notes: Notes) -> bool:
    """Whether the training diverged and was given up: no accuracy, or one of guessing without a look at an image."""
    if set(asked.numbers.values()) != {ACCURACY}:
        return False
    return all(number != number or (not notes.sizes["valid"] and 0 <= number <= CHANCE) for number in numbers.values())


READ = {"train": ("training", "train on data.train"), "valid": ("validation", "measure on data.valid")}


def _expect_read(notes: Notes, text: str, splits: Iterable[str] = tuple(READ)) -> None:
    if notes.sizes["test"]:
        raise Wrong(SEALED, call=text)
    for name in splits:
        if not notes.sizes[name]:
            what, do = READ[name]
            raise Wrong(
                f"The experiment never read the {what} images that it was given; {do}.",
                call=text,
                slip="a number is kept from an earlier run, or other images than those handed over are used",
            )


def reference(asked: Asked, name: str, variants: Iterable) -> dict[object, list[float]]:
    """The stored numbers of these variants; nothing where one is missing."""
    rows = stored().get(asked.key, {}).get("numbers", {}).get(name, {})
    variants = list(variants)
    return {variant: rows[label(variant)] for variant in variants} if all(label(v) in rows for v in variants) else {}


def table(found: Mapping[object, Sequence[float]]) -> str:
    """The measured numbers as lines of text: a mean and its seeds for every variant."""
    width = max(len(label(variant)) for variant in found)
    return "\n".join(
        f"{label(variant):<{width}}  mean {statistics.fmean(row):.4g}  seeds {', '.join(f'{value:.4g}' for value in row)}"
        for variant, row in found.items()
    )


# ---- is it what was asked? -------------------------------------------------------------------------------------------


Slip = Callable[[object], str]  # a variant -> the likely slip, where something tells it


def no_slip(variant: object) -> str:
    return ""


def expect_differences(found: Mapping[object, Sequence[float]], share: bool = True, slip: Slip = no_slip) -> None:
    """Wrong where seeds or variants make no difference at all."""
    if _flat(found):
        guesses = share and all(map(_guesses, found.values()))
        raise Wrong(
            "Every seed gives exactly the same number; call torch.manual_seed(seed) before the network is made.",
            got=table(found),
            slip=slip(next(iter(found))) or ("that is guessing: is the network trained?" if guesses else ""),
        )
    rows = {}
    for variant, row in found.items():
        if share and _guesses(row):
            continue  # two variants that learn nothing are alike without anyone's fault
        if (other := rows.setdefault(tuple(row), variant)) is not variant:
            raise Wrong(
                f"{other!r} and {variant!r} give exactly the same numbers; is the variant used?",
                got=table(found),
                slip=f"is {variant!r} spelt as in the question, and does it act before training?",
            )


def _guesses(row: Sequence[float]) -> bool:
    """Whether all are accuracies of networks that always name the same of ten classes, or that diverged."""
    return all(min(value, abs(value - 0.1)) < 1e-3 for value in row)


def _flat(found: Mapping[object, Sequence[float]]) -> bool:
    """Whether no seed makes a difference. Single variants that stay at chance are alike without anyone's fault."""
    values = {value for row in found.values() for value in row}
    if any(len(set(row)) > 1 for row in found.values()):
        return False
    return len(values) == 1 or max(values) > CHANCE


def expect_starts(run: Runner, experiment: Callable, asked: Asked, calls: Mapping[object, Sequence[Call]]) -> None:
    """Wrong where the seed does not decide on the first weights: asked twice they differ, or two seeds have the same."""
    variant, row = next(iter(calls.items()))
    starts = [call.notes.start for call in row]
    if not any(starts):
        return  # trained without one of torch's optimisers
    if len(set(starts)) < len(starts):
        raise Wrong("Two seeds start from the same weights.", call=asked.text(variant, 1), slip=SEED_FIRST)
    notes, text = Notes(), asked.text(variant, 0)
    arguments = variant if asked.several else (variant,)
    run(start_of(experiment, notes), *arguments, 0, watched(asked.data(), notes), fresh=True, given=text)
    if notes.start not in (None, starts[0]):  # None: it remembers what it measured
        raise Wrong("Asked twice with the same seed, it starts from other weights.", call=text, slip=SEED_FIRST)


SEED_FIRST = "torch.manual_seed(seed) comes before the network is made, and the network is made anew for each seed"


def expect_steps(calls: Mapping[object, Sequence[Call]], asked: Asked) -> None:
    """Wrong where a training makes far fewer steps than the recipe of the question; runs at chance may have diverged."""
    for variant, wanted in _wanted(calls, asked, "steps").items():
        for seed, call in enumerate(calls[variant]):
            chance = any(kind == ACCURACY and call.numbers[name] <= CHANCE for name, kind in asked.numbers.items())
            if 0 < call.notes.steps < FEWER * wanted and not chance:
                raise Wrong(
                    f"It trains for {call.notes.steps} steps; what the question asks for makes {wanted}.",
                    call=asked.text(variant, seed),
                    slip="fewer epochs than asked, or larger batches",
                )


def expect_network(calls: Mapping[object, Sequence[Call]], asked: Asked) -> None:
    """Wrong where another number of parameters is trained than those of the network in the question."""
    for variant, wanted in _wanted(calls, asked, "parameters").items():
        for seed, call in enumerate(calls[variant]):
            if call.notes.parameters and abs(call.notes.parameters - wanted) > ALIKE * wanted:
                raise Wrong(
                    f"It trains {call.notes.parameters:,} parameters; the network in the question has {wanted:,}.",
                    call=asked.text(variant, seed),
                    slip=_whose(call.notes.parameters, variant, asked),
                )


def expect_dropout(calls: Mapping[object, Sequence[Call]], asked: Asked) -> None:
    """Wrong where other numbers are dropped in training than by the network in the question, or with another
    probability. A dropout that is no layer or function of torch's is left alone."""
    recorded = stored().get(asked.key, {}).get("dropped", {})
    for variant in calls:
        wanted = set(recorded.get(label(variant), ()))
        for seed, call in enumerate(calls[variant]):
            own = call.notes.masks and not call.notes.dropped
            if call.notes.steps and label(variant) in recorded and not own and call.notes.dropped != wanted:
                raise Wrong(
                    "In training it drops other numbers than the network in the question.",
                    call=asked.text(variant, seed),
                    got=", ".join(sorted(call.notes.dropped)) or "nothing",
                    wanted=", ".join(sorted(wanted)) or "nothing",
                    slip="p is the share that is dropped; and where does the question place the dropout?",
                )


def _whose(parameters: int, variant: object, asked: Asked) -> str:
    others = _wanted(dict.fromkeys(asked.variants), asked, "parameters")
    exchanged = next((other for other, count in others.items() if other != variant and count == parameters), None)
    if exchanged is None:
        return "count the layers and their widths once more"
    return f"that is the network of {label(exchanged)!r}: the two look exchanged"


def _wanted(calls: Mapping[object, Sequence[Call]], asked: Asked, what: str) -> dict[object, int]:
    """Steps or parameters of the reference, where all its runs had as many."""
    counts = stored().get(asked.key, {}).get(what, {})
    return {variant: counts[label(variant)] for variant in calls if isinstance(counts.get(label(variant)), int)}


def _steps_slip(calls: Mapping[object, Sequence[Call]], asked: Asked) -> Slip:
    """What the number of steps says about a variant whose numbers are odd."""
    wanted = _wanted(calls, asked, "steps")

    def slip(variant: object) -> str:
        made = max(call.notes.steps for call in calls[variant])
        off = made and variant in wanted and not FEWER <= made / wanted[variant] <= 1 / FEWER
        return f"it trains for {made} steps, and what is asked makes {wanted[variant]}: epochs, batches?" if off else ""

    return slip


def expect_validation(calls: Mapping[object, Sequence[Call]], name: str) -> None:
    """Wrong where the numbers are shares of the training images that were read, and not of the validation images."""
    every = [(call.numbers[name], call.notes.sizes) for row in calls.values() for call in row]
    told = [(value, sizes) for value, sizes in every if 0 < value < 1 and sizes["valid"]]  # without those broken off
    trained = told and all(_is_share(value, sizes["train"]) for value, sizes in told)
    if trained and not all(_is_share(value, sizes["valid"], rounded=True) for value, sizes in told):
        counts = " or ".join(f"{size:,}" for size in sorted({size for _, sizes in told for size in sizes["train"]}))
        raise Wrong(
            f"These are accuracies on training images: each is a number of {counts}, and not of those in data.valid.",
            got=", ".join(f"{value:.6g}" for value, _ in every[:4]),
            slip="return evaluate(net, data.valid), or history.valid_accuracy",
        )


def _is_share(value: float, sizes: Collection[int], rounded: bool = False) -> bool:
    """Whether so large a share of one of these numbers of images is a whole number of them; or so it is, rounded."""
    for size in sizes:
        nearest = round(value * size) / size
        kinds = [nearest, *(round(nearest, digits) for digits in (2, 3, 4) if rounded)]
        if any(abs(value - kind) < 1e-6 for kind in kinds):
            return True
    return False


def expect_inside(found: Measured, name: str, share: bool = True, slip: Slip = no_slip) -> None:
    """Wrong where the mean of a variant lies outside the window of its reference."""
    windows = {variant: window(row, len(found[variant]), share) for variant, row in found.reference.items()}
    means = found.means()
    out = [variant for variant, (low, high) in windows.items() if not low <= means[variant] <= high]
    if not out:
        return
    variant = out[0]
    low, high = windows[variant]
    others = [each for each in windows if each != variant and _inside(means[variant], windows[each])]
    exchanged = next((each for each in others if _inside(means[each], windows[variant])), None)
    likely = slip(variant) or _slip(means[variant], low, high, share)
    if exchanged is not None:
        likely = f"the numbers of {label(variant)!r} and {label(exchanged)!r} look exchanged"
    raise Wrong(
        f"For {label(variant)!r} the mean {name} is {means[variant]:.3f}; a reference of "
        f"{len(found.reference[variant])} seeds leaves room from {low:.2f} to {high:.2f}.",
        got=table(found),
        slip=likely,
    )


def _inside(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]


def _slip(mean: float, low: float, high: float, share: bool) -> str:
    if share and mean <= CHANCE:
        return "that is guessing: is the network trained, and is it the one that is asked?"
    if mean > high:
        return "is it the training accuracy, or another recipe than the question's?" if share else "another recipe?"
    return "fewer epochs, another rate or another network than the question asks for?"


# ---- conclusions -----------------------------------------------------------------------------------------------------


def conclude(
    picked: object,
    found: Mapping,
    name: str = "conclusion",
    *,
    words: Mapping[str, str] | None = None,
    refused: Collection[str] | None = None,
) -> str:
    """Judges a conclusion about two variants, the second next to the first. Returns a sentence with the numbers.

    It has to follow from the numbers, and the reference must not contradict it; after a draw that shows anything else
    than the reference, what the reference shows is right too. words: {choice: "higher", …} where the choices have
    names of their own. refused: what something else than the stored reference contradicts.
    """
    filled(picked)
    words = words or {word: word for word in (HIGHER, LOWER, UNCLEAR)}
    if not is_one_of(picked, words):
        raise Wrong(f"{name} is {value_text(picked)}; choose one of {', '.join(map(repr, words))}, in quotation marks.")
    (first, a), (second, b) = found.items()
    theirs, many = list(getattr(found, "reference", {}).values()), 0
    follows, shown = possible(a, b), set()
    if theirs:
        many, shown = min(map(len, theirs)), possible(*theirs)
        refused = contradicted(*theirs, len(a)) if refused is None else refused
    refused = set(refused or ())
    allowed = (follows - refused) | (set() if follows & shown else shown) or {HIGHER, LOWER, UNCLEAR} - refused
    said = {meaning: repr(word) for word, meaning in words.items()}

    def either(meanings: Collection[str]) -> str:
        return " or ".join(said[meaning] for meaning in (HIGHER, LOWER, UNCLEAR) if meaning in meanings)

    means = (
        f"{label(first)} {statistics.fmean(a):.4g}, {label(second)} {statistics.fmean(b):.4g} (means of {len(a)} seeds)"
    )
    if words[picked] in allowed:
        text = f"Measured here: {means}."
        if shown and words[picked] not in follows & shown:
            mine = "" if words[picked] in follows else f"Your seeds alone show {either(follows)}. "
            text += f" {mine}{many} seeds of the reference show {either(shown)}."
        return text + getattr(found, "note", "")
    if words[picked] in follows:
        other = (
            f"{many} seeds of the reference contradict it: they show {either(shown)}" if theirs else "it is not so here"
        )
        raise Wrong(
            f"{picked!r} could be said of your {len(a)} seeds, but {other}.",
            got=table(found) + (f"\nreference\n{table(found.reference)}" if theirs else ""),
            slip="are the variants exchanged, or is it an unlucky draw? Look at more seeds",
        )
    raise Wrong(
        f"{picked!r} does not follow from what your experiment measured; with these seeds {either(allowed)} does.",
        got=table(found),
        slip="one seed was looked at, or the direction of the comparison is turned round",
    )
