"""What checkers share: an exercise's frame, comparing on many calls, recognising slips, numbers and choices."""

from __future__ import annotations

import functools
import inspect
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from cnnlab.check import GRADING
from cnnlab.check.catalogue import find
from cnnlab.check.frame import cells, process, progress
from cnnlab.check.frame.calling import SECONDS, Runner, a_kind, in_words
from cnnlab.check.frame.showing import call_text, grids, sizes, value_text
from cnnlab.check.frame.values import as_items, as_number, as_tensor, as_truth, is_one_of
from cnnlab.check.frame.verdict import CheckFailedError, ToDo, Verdict, Wrong, likely_slip

LARGEST = 10**300  # beyond it a whole number cannot be set against a float
Call = tuple[tuple, dict[str, Any]]


class Exercise:
    """One checker: called with the answers it shows a card and never raises, but while a grader executes."""

    seconds = SECONDS

    def __init__(self, judge: Callable[..., str], fresh: bool):
        functools.update_wrapper(self, judge)
        self.judge, self.fresh = judge, fresh
        self.entry = find(judge.__module__.split(".")[2], judge.__name__)
        self.verdict: Verdict | None = None  # the last one

    def __call__(self, *answers) -> Verdict | None:
        self.verdict = self._judge(answers)
        if grading():
            return self._graded()
        if says := progress.record(self.entry, self.verdict.state):
            self.verdict = replace(self.verdict, rows=(*self.verdict.rows, ("progress", says)))
        return self.verdict

    def _graded(self) -> None:
        """Raises where the answer is not right. The card is displayed: what a cell returns, nbgrader reads as points."""
        if not self.verdict.right:
            raise CheckFailedError(repr(self.verdict))
        from IPython.display import display

        display(self.verdict)

    def _judge(self, answers: tuple) -> Verdict:
        names = [name for name in inspect.signature(self.judge).parameters if name != "run"]
        try:
            if len(answers) != len(names):
                raise Wrong(f"The check takes {' and '.join(names)}; it was given {len(answers)}.")
            for trouble in (process.poisoned(), cells.not_run(self.entry.key, answers)):
                if trouble:
                    raise Wrong(trouble)
            # The judge draws random cases, a learner's code may too: neither moves the notebook's own generators.
            with process.usual_settings():
                torch.manual_seed(0)
                run = Runner(self.seconds, self.fresh, self.entry.key)
                says = self.judge(run, *map(run.settle, answers))
                trouble = process.poisoned()
            if trouble:
                raise Wrong(trouble)
            return Verdict(self.entry, "right", says)
        except ToDo:
            return Verdict(self.entry, "to do", "Replace the dots in the cell above, run it, then run this check.")
        except Exception as error:
            # Most answers are run by `run`, which tells what they raise; this is for odd things that are handed over.
            wrong = (
                error
                if isinstance(error, Wrong)
                else Wrong(f"The check cannot follow this answer. {in_words(error, self.seconds)}")
            )
            rows = tuple((name, value) for name, value in wrong.rows.items() if value)
            return Verdict(self.entry, "wrong", wrong.sentence, rows, wrong.slip, wrong.picture)


def exercise(title: str, *, level: int, minutes: int, fresh: bool = False) -> Callable[[Callable[..., str]], Exercise]:
    """Makes a judge (run, answers…) -> a sentence for what is right an Exercise. It raises Wrong or ToDo.

    title, level, minutes: written out, for `catalogue` reads them as text. fresh: whether each call of an answer has
    the ten seconds for itself, where honest answers compute for long.
    """
    return functools.partial(Exercise, fresh=fresh)


def grading() -> bool:
    """Whether nbgrader executed this notebook when cnnlab.check was first imported."""
    return GRADING


def filled(*answers: object) -> None:
    """Raises ToDo where one of the answers is still the dots of the starter."""
    if any(answer is Ellipsis for answer in answers):
        raise ToDo


def call(*args, **kwargs) -> Call:
    """One call to compare on."""
    return args, kwargs


def drawn_calls(seed: int, fits: Callable[..., bool], *sizes: tuple[int, Sequence[tuple[int, int]]]) -> list[Call]:
    """Calls with random whole numbers that fit together, the same ones in every check.

    sizes: how many calls, and from where to where each argument lies; small ones come first.
    """
    draw, found, wanted = random.Random(seed), [], 0
    for count, ends in sizes:
        wanted += count
        while len(found) < wanted:
            numbers = [draw.randint(*end) for end in ends]
            if fits(*numbers):
                found.append(call(*numbers))
    return found


def seeded(seed: int = 0):
    """A function that draws float64 tensors of a shape, the same ones in every check."""
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


def compare(
    run: Runner,
    answer: Callable,
    calls: Iterable[Call],
    oracle: Callable,
    slips: Mapping[str, Callable] | None = None,
    *,
    given: Callable[..., str] | None = None,
    tolerance: float = 1e-6,
) -> None:
    """Raises Wrong for the smallest call on which `answer` and `oracle` differ.

    slips: a sentence for each wrong function that learners are known to write; the first one that gives what the
    answer gave, on every call, is named. given: writes a call for the card. tolerance: relative to the largest number.
    """
    calls = sorted(calls, key=_size)
    faults, results = [], []
    for args, kwargs in calls:
        text = given(*args, **kwargs) if given else call_text(answer, args, kwargs)
        try:
            got = run(answer, *args, given=text, **kwargs)
        except Wrong:
            if faults:
                break
            raise
        wanted = oracle(*args, **kwargs)
        results.append((args, kwargs, got))
        fault = difference(got, wanted, tolerance)
        if fault:
            faults.append((fault, text, got, wanted))
    if faults:
        fault, text, got, wanted = faults[0]
        slip = _recognise(results, slips or {}, tolerance)
        shown = {"got": value_text(got), "wanted": value_text(wanted), "picture": grids(got, wanted)}
        raise Wrong(fault, call=text, slip=slip, **shown)


def _size(call: Call) -> float:
    values = [*call[0], *call[1].values()]
    return sum(map(_weight, values))


def _weight(value: object) -> float:
    if isinstance(value, torch.Tensor):
        return value.numel()
    if isinstance(value, list | tuple):
        return sum(map(_weight, value))
    return abs(value) if isinstance(value, int | float) else 0


def _recognise(results: Sequence[tuple[tuple, dict, object]], slips: Mapping[str, Callable], tolerance: float) -> str:
    def explains(slip: Callable) -> bool:
        try:
            return all(not difference(got, slip(*args, **kwargs), tolerance) for args, kwargs, got in results)
        except Exception:
            return False  # a slip that cannot even be computed here is not the one

    return likely_slip(slips, explains)


def difference(got: object, wanted: object, tolerance: float = 1e-6) -> str:
    """One sentence for how `got` differs from `wanted`; empty when it does not."""
    if got is None and wanted is not None:
        return "It gives back None; is a return missing?"
    if isinstance(wanted, torch.Tensor):
        return _tensor_difference(got, wanted, tolerance)
    if isinstance(wanted, bool):
        truth = as_truth(got)
        return "" if truth is wanted else "The answer differs." if truth is not None else _no_truth(got)
    if isinstance(wanted, str) or wanted is None:
        return "" if isinstance(got, type(wanted)) and got == wanted else "The answer differs."
    if isinstance(wanted, int | float):
        return _number_difference(got, wanted, tolerance)
    if isinstance(wanted, list | tuple):
        return _sequence_difference(got, wanted, tolerance)
    return "" if got == wanted else "The answer differs."


def _no_truth(got: object) -> str:
    return f"True or False is wanted, and it gives back {a_kind(got)}."


def _tensor_difference(got: object, wanted: torch.Tensor, tolerance: float) -> str:
    got = as_tensor(got)
    if not isinstance(got, torch.Tensor):
        return f"A tensor is wanted, and it gives back {a_kind(got)}."
    if got.shape != wanted.shape:
        return f"The shape is {sizes(got.shape)} instead of {sizes(wanted.shape)}."
    if got.is_floating_point() != wanted.is_floating_point() or got.is_complex():
        return f"The numbers are {str(got.dtype)[6:]} instead of {str(wanted.dtype)[6:]}."
    if wanted.is_floating_point() and torch.isnan(got).any() and not torch.isnan(wanted).any():
        return f"{int(torch.isnan(got).sum())} of {got.numel()} numbers are NaN; is something divided by zero?"
    distance = (got.detach().double() - wanted.detach().double()).abs()
    # A rounding of the coarser of the two numbers is no mistake.
    coarse = max(torch.finfo(x.dtype).eps for x in (got, wanted)) if wanted.is_floating_point() else 0
    allowed = max(tolerance, 100 * coarse) * max(
        float(wanted.detach().double().abs().max()) if wanted.numel() else 0, 1
    )
    off = int((distance > allowed).sum()) if wanted.numel() else 0
    return f"The shape is right; {off} of {wanted.numel()} numbers differ." if off else ""


def _number_difference(got: object, wanted: float, tolerance: float) -> str:
    kind, got = a_kind(got), as_number(got)
    if got is None:
        return f"A number is wanted, and it gives back {kind}."
    if isinstance(got, int) and abs(got) > LARGEST:
        return "The number is larger than any that a computer calculates with."
    if got != got:
        return "It gives back NaN; is something divided by zero?"
    if isinstance(wanted, int) and got == wanted and isinstance(got, float):
        return "The value is right, but it is a float; whole numbers stay whole with //."
    near = abs(got - wanted) <= tolerance * max(abs(wanted), 1) if isinstance(wanted, float) else got == wanted
    return "" if near else "The number differs."


def _sequence_difference(got: object, wanted: Sequence, tolerance: float) -> str:
    kind = a_kind(got)
    got = list(got) if isinstance(got, torch.Tensor) and got.dim() else as_items(got)
    if got is None:
        return f"{len(wanted)} values are wanted, and it gives back {kind}."
    if len(got) != len(wanted):
        return f"It gives back {len(got)} values instead of {len(wanted)}."
    for number, (mine, theirs) in enumerate(zip(got, wanted, strict=True), 1):
        if fault := difference(mine, theirs, tolerance):
            return f"Value {number} of {len(wanted)}: {fault[0].lower()}{fault[1:]}" if len(wanted) > 1 else fault
    return ""


def choose(picked: object, right: str, refused: Mapping[str, str], name: str = "answer") -> None:
    """A choice. `refused` gives each wrong choice the sentence that shows why. Raises ToDo or Wrong."""
    filled(picked)
    choices = sorted([right, *refused])
    if not is_one_of(picked, choices):
        listed = ", ".join(map(repr, choices))
        raise Wrong(f"{name} is {value_text(picked)}; choose one of {listed}, in quotation marks.")
    if picked != right:
        raise Wrong(refused[picked], got=value_text(picked))


def number(
    given: object, wanted: float, slips: Mapping[str, float] | None = None, *, name: str = "answer", within: float = 0
) -> None:
    """A number. `slips` gives a sentence for numbers that come from a known mistake; `within` is the tolerance as a
    share of `wanted`. Raises ToDo or Wrong, which keeps the wanted number to itself."""
    filled(given)
    text, given = value_text(given), as_number(given)
    if given is None:
        raise Wrong(f"{name} is {text}; a number is asked for.")
    if given != given:
        raise Wrong(f"{name} is NaN; is something divided by zero?")
    given = max(-LARGEST, min(LARGEST, given))

    def near(other: float) -> bool:
        return abs(given - other) <= within * abs(other) + 1e-12 * abs(other)

    if near(wanted):
        return
    slip = likely_slip(slips or {}, near)
    where = "not right" if slip else "too small" if given < wanted else "too large"
    raise Wrong(f"{name} is {where}.", got=value_text(given), slip=slip)
