"""Guess the size first: every slip by hand, and the question that an explorer asks."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab import shapes
from cnnlab.explore import ConvExplorer
from cnnlab.explore.conv.guess import hint, parse_guess, slips, verdict

AXIS = st.tuples(st.integers(1, 40), st.integers(1, 7), st.integers(1, 5), st.integers(0, 4), st.integers(1, 4))


# size, kernel, stride, padding, dilation: chosen so that each guess has one reason
@pytest.mark.parametrize(
    ("guess", "axis", "said"),
    [
        (8, (12, 5, 1, 3, 1), "the padding is left out, but it is added at both ends: 12 + 2·3 = 18"),
        (11, (12, 5, 1, 3, 1), "the padding is counted once, but it is added at both ends: 12 + 2·3 = 18"),
        (20, (12, 5, 1, 3, 1), "the padding is counted twice over, but 3 is what each end gets: 12 + 2·3 = 18"),
        (13, (12, 5, 1, 3, 1), "the + 1 is missing: the place where the kernel starts counts too"),
        (6, (12, 3, 2, 0, 1), "it is rounded up, but a window that sticks out gives no output: round down"),
        (10, (12, 3, 1, 0, 3), "the dilation is left out: 3 taps, 3 px apart, span 7 px"),
        (13, (17, 5, 4, 0, 1), "the stride is left out: the kernel moves 4 px at a time"),
        (12, (12, 5, 1, 0, 1), "the kernel is not taken off: its window must stay inside"),
        (
            99,
            (12, 3, 2, 1, 1),
            "too large; of 14 px the kernel spans 3: how many steps of 2 are left, and one place more?",
        ),
        (
            1,
            (12, 3, 2, 1, 1),
            "too small; of 14 px the kernel spans 3: how many steps of 2 are left, and one place more?",
        ),
        (40, (7, 5, 1, 0, 2), "the kernel spans 9 px and there are only 7, so no output exists; type none"),
        (3, (7, 5, 1, 0, 2), "the dilation is left out: 5 taps, 2 px apart, span 9 px"),
    ],
)
def test_a_wrong_guess_gets_the_hint_for_its_slip(guess, axis, said):
    assert hint(guess, axis) == said


def test_two_slips_that_lead_to_the_same_number_are_both_named():
    # 9 + 2·1 − 3 = 8, halved and one more is 5. Without the padding (9 − 3) / 2 + 1 = 4, without the + 1 also 4.
    said = hint(4, (9, 3, 2, 1, 1))
    assert said.startswith("either the padding is left out")
    assert "; or the " in said


@given(axis=AXIS)
def test_no_hint_is_for_the_right_size(axis):
    try:
        right = shapes.out_size(*axis)
    except shapes.ShapeError:
        right = None
    assert right not in slips(*axis).values()
    assert all(length > 0 for length in slips(*axis).values())
    assert verdict(right and (right, right), (axis, axis)).right


@pytest.mark.parametrize(
    ("guess", "says"),
    [
        ((10, 8), "Right: 10 × 8."),
        ((8, 10), "Not quite: height comes first, then width."),
        (None, "Not quite: the kernel fits into the padded input, so there is an output."),
        ((10, 7), "Not quite: width: the + 1 is missing: the place where the kernel starts counts too."),
    ],
)
def test_two_axes_are_judged_apart(guess, says):
    assert verdict(guess, ((12, 3, 1, 0, 1), (10, 3, 1, 0, 1))).says == says


def test_no_output_is_an_answer():
    axes = ((3, 5, 1, 0, 1),) * 2
    assert verdict(None, axes).says == "Right: no output, the kernel does not fit."
    assert not verdict((1, 1), axes).right


@pytest.mark.parametrize(
    ("text", "guess"),
    [("10", (10, 10)), (" 10×8 ", (10, 8)), ("(10, 8)", (10, 8)), ("10 8", (10, 8)), ("None", None), ("0", None)],
)
def test_a_guess_can_be_typed_in_many_ways(text, guess):
    assert parse_guess(text) == guess


@pytest.mark.parametrize("text", ["", "ten", "1x2x3", "-4", "10 x"])
def test_what_is_no_size_is_said_to_be_none(text):
    with pytest.raises(
        ValueError, match=re.escape(f"{text!r} is not a size; type one number, height × width, or none")
    ):
        parse_guess(text)


# ---- in the explorer -------------------------------------------------------------------------------------------------


def type_guess(explorer: ConvExplorer, text: str) -> str:
    explorer.question.text.value = text
    return re.sub("<.*?>", "", explorer.question.says.value)


def test_the_output_is_hidden_until_it_is_guessed():
    explorer = ConvExplorer(12, guess=True)
    sent = explorer.view.picture
    assert sent["asked"]
    assert sent["facts"] == []
    assert not re.search(r">[^<]*10 × 10[^<]*<|10 × 10 output", sent["svg"])
    assert "data-out-shape" not in sent["svg"]
    assert repr(explorer) == "ConvExplorer(12×12, k=3, s=1, p=0 → ?)"
    assert explorer.static().name == repr(explorer)
    assert explorer.question.layout.display is None
    assert type_guess(explorer, "9").startswith("Not quite: the + 1 is missing")
    assert explorer.hidden
    assert type_guess(explorer, "10") == "Right: 10 × 10."
    assert not explorer.hidden
    assert not explorer.view.picture["asked"]
    assert repr(explorer).endswith("→ 10×10)")


def test_a_new_setting_is_a_new_question():
    explorer = ConvExplorer(12, guess=True)
    assert explorer.check("10").right
    explorer.weights = "blur"
    assert not explorer.hidden
    explorer.stride = 2
    assert explorer.hidden
    assert explorer.question.says.value == ""
    assert not explorer.check("6").right
    explorer.guess = False
    assert not explorer.hidden
    assert explorer.question.layout.display == "none"
    explorer.guess = True
    assert explorer.hidden


def test_an_impossible_setting_can_be_guessed_too():
    explorer = ConvExplorer(3, 5, guess=True)
    assert explorer.view.picture["error"] is None
    assert explorer.remedies.layout.display == "none"
    assert type_guess(explorer, "1").startswith("Not quite")
    assert type_guess(explorer, "none").startswith("Right: no output")
    assert explorer.view.picture["error"] == explorer.error
    assert explorer.remedies.layout.display is None


def test_what_is_typed_is_never_markup():
    explorer = ConvExplorer(guess=True)
    explorer.question.text.value = "<b>x</b>"
    assert "<b>" not in explorer.question.says.value
    assert "is not a size" in explorer.question.says.value
