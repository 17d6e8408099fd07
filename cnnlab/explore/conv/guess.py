"""Guess the output size first: which slip leads to a wrong guess, and the hint for that slip."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import ipywidgets as widgets

from cnnlab.draw.svg import escaped as escape
from cnnlab.shapes.sizes import effective_kernel

Axis = tuple[int, ...]  # size, kernel, stride, padding, dilation; a transposed one has output_padding before the last


@dataclass(frozen=True)
class Verdict:
    """Whether a guess is right, and one sentence on it."""

    right: bool
    says: str


def parse_guess(text: str) -> tuple[int, int] | None:
    """A typed guess as (height, width); None stands for "no output".
    >>> parse_guess("10"), parse_guess("10 x 8"), parse_guess("none")
    ((10, 10), (10, 8), None)
    """
    words = text.strip().strip("()").lower()
    if words in ("none", "no output", "0"):
        return None
    numbers = re.fullmatch(r"(\d{1,6})(?:\s*(?:[x×*,]|\s)\s*(\d{1,6}))?", words)
    if not numbers:
        raise ValueError(f"{text!r} is not a size; type one number, height × width, or none")
    height, width = numbers[1], numbers[2] or numbers[1]
    return int(height), int(width)


def out_length(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int | None:
    """Output length along one axis, None where the kernel does not fit."""
    room = size + 2 * padding - effective_kernel(kernel, dilation)
    return room // stride + 1 if room >= 0 else None


def slips(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> dict[str, int]:
    """What each usual slip makes of one axis, under the hint for it. A slip that changes nothing is left out.
    >>> sorted(slips(9, 3, stride=2, padding=1).values())
    [4, 4, 4, 6, 9]
    """
    span, right = effective_kernel(kernel, dilation), out_length(size, kernel, stride, padding, dilation)
    full = size + 2 * padding
    room, whole = full - span, f"{size} + 2·{padding} = {full}"
    made = {
        f"the padding is left out, but it is added at both ends: {whole}": (size - span) // stride + 1,
        f"the padding is counted once, but it is added at both ends: {whole}": (size + padding - span) // stride + 1,
        f"the padding is counted twice over, but {padding} is what each end gets: {whole}": (room + 2 * padding)
        // stride
        + 1,
        "the + 1 is missing: the place where the kernel starts counts too": room // stride,
        "it is rounded up, but a window that sticks out gives no output: round down": -(-room // stride) + 1,
        f"the dilation is left out: {kernel} taps, {dilation} px apart, span {span} px": (full - kernel) // stride + 1,
        f"the stride is left out: the kernel moves {stride} px at a time": room + 1,
    }
    return {hint: length for hint, length in made.items() if length > 0 and length != right}


def named(guess: int, made: dict[str, int]) -> str:
    """The slips that lead to a guess, two at most; empty where none does.
    >>> named(4, {"the + 1 is missing": 4, "the stride is left out": 9})
    'the + 1 is missing'
    """
    found = [text for text, length in made.items() if length == guess]
    return f"either {found[0]}; or {found[1]}" if len(found) > 1 else "".join(found)


def hint(guess: int, axis: Axis) -> str:
    """What is wrong with a guess along one axis: the slip that leads there, or which way to go.
    >>> hint(9, (12, 3, 1, 0, 1))
    'the + 1 is missing: the place where the kernel starts counts too'
    """
    found = named(guess, slips(*axis))
    if found:
        return found
    size, kernel, stride, padding, dilation = axis
    span, right = effective_kernel(kernel, dilation), out_length(*axis)
    full = size + 2 * padding
    if right and guess == full // stride:
        return "the kernel is not taken off: its window must stay inside"
    if right is None:
        return f"the kernel spans {span} px and there are only {full}, so no output exists; type none"
    way = "too large" if guess > right else "too small"
    return f"{way}; of {full} px the kernel spans {span}: how many steps of {stride} are left, and one place more?"


@dataclass(frozen=True)
class Rules:
    """How guesses about one kind of layer are judged: a length, a hint, and what is said about no output."""

    length: Callable[..., int | None]
    hint: Callable[[int, Axis], str]
    none: str
    some: str


CONV = Rules(
    out_length,
    hint,
    none="the kernel does not fit",
    some="the kernel fits into the padded input, so there is an output",
)


def verdict(guess: tuple[int, int] | None, axes: tuple[Axis, Axis], rules: Rules = CONV) -> Verdict:
    """Whether (height, width), or None for no output, is what the two axes give."""
    lengths = tuple(rules.length(*axis) for axis in axes)
    right = None if None in lengths else lengths
    if guess == right:
        return Verdict(True, "Right: " + (f"{right[0]} × {right[1]}." if right else f"no output, {rules.none}."))
    if guess is None:
        return Verdict(False, f"Not quite: {rules.some}.")
    if right and guess == right[::-1]:
        return Verdict(False, "Not quite: height comes first, then width.")
    return Verdict(False, f"Not quite: {_where(guess, lengths, axes, rules.hint)}.")


def _where(
    guess: tuple[int, int],
    lengths: tuple[int | None, ...],
    axes: tuple[Axis, Axis],
    hint: Callable[[int, Axis], str],
) -> str:
    if axes[0] == axes[1] and guess[0] == guess[1]:
        return hint(guess[0], axes[0])
    rows = zip(("height", "width"), guess, lengths, axes, strict=True)
    return "; ".join(f"{name}: {hint(given, axis)}" for name, given, length, axis in rows if given != length)


class Question(widgets.HBox):
    """A line to type a guess on, and what is said to it."""

    def __init__(self, check: Callable[[str], Verdict]) -> None:
        self.check = check
        self.text = widgets.Text(
            placeholder="a number, h × w, or none",
            description="output size?",
            continuous_update=False,
            style={"description_width": "84px"},
            layout={"width": "290px"},
        )
        self.button = widgets.Button(description="Check", layout={"width": "auto"})
        self.says = widgets.HTML()
        super().__init__([self.text, self.button, self.says], layout={"flex_flow": "row wrap", "margin": "0 0 8px"})
        self.text.observe(lambda change: change["new"] and self.answer(), "value")
        self.button.on_click(lambda _: self.answer())
        self.ask(False)

    def ask(self, asked: bool) -> None:
        """Show the line empty, or put it away."""
        self.text.value, self.says.value = "", ""
        for widget in (self, self.text, self.button):
            widget.layout.display = None if asked else "none"

    def answer(self) -> None:
        """Check what is typed and say what came out; the line goes once the guess is right."""
        try:
            found = self.check(self.text.value)
        except ValueError as error:
            found = Verdict(False, f"{error}.")
        if found.right:
            self.text.layout.display = self.button.layout.display = "none"
            self.layout.display = None
        self.says.value = f'<span role="status" class="cnnlab-says">{escape(found.says)}</span>'
