"""The frame of the exercises: whatever an answer does becomes one sentence; slips are recognised; progress survives."""

import os
import subprocess
import sys
import time

import pytest
import torch
from torch import nn

from cnnlab import check
from cnnlab.__main__ import main
from cnnlab.check.catalogue import ENTRIES, find
from cnnlab.check.frame import calling, progress
from cnnlab.check.frame.calling import Clock, Runner, time_limit
from cnnlab.check.frame.judging import call, choose, compare, difference, number
from cnnlab.check.frame.networks import build, expect_gradients, expect_parameters, expect_shape
from cnnlab.check.frame.verdict import CheckFailedError, ToDo, Wrong
from cnnlab.check.teach.course import make_course
from cnnlab.check.teach.handout import starter


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    """A progress file of the test's own."""
    monkeypatch.setattr(progress, "user_data_path", lambda name: tmp_path / "home" / name)
    yield progress.path()
    check.pause(False)


def right(n, k, s=1, p=0, d=1):
    return (n + 2 * p - d * (k - 1) - 1) // s + 1


def loops(*args):
    while True:
        pass


def swallows(*args):
    while True:
        try:  # noqa: SIM105
            time.sleep(0.001)
        except:  # noqa: E722
            pass


def prints(*args):
    while True:
        print("again and again")


def imports(*args):
    import a_package_that_nobody_has  # noqa: F401


def unknown(*args):
    return undefined_name  # noqa: F821


def without_end(*args):
    return without_end(*args)


def leaves(*args):
    raise SystemExit


# What an answer to out_size does: the sentence on its card.
BAD = {
    "loops": (loops, "never ends"),
    "swallows": (swallows, "never ends"),
    "sleeps": (lambda *a: time.sleep(60), "never ends"),
    "prints": (prints, "prints more than 20,000 characters"),
    "imports": (imports, "imports a_package_that_nobody_has, which is not installed"),
    "unknown": (unknown, "undefined_name is unknown"),
    "without end": (without_end, "calls itself without end"),
    "leaves": (leaves, "calls exit"),
    "divides": (lambda *a: 1 // 0, "raises ZeroDivisionError"),
    "too few arguments": (lambda n: n, "raises TypeError"),
    "gives nothing": (lambda *a: print(end=""), "is a return missing"),
    "a text": (lambda *a: "five", "a number is wanted, and it gives back a str"),
    "nan": (lambda *a: float("nan"), "gives back NaN"),
    "a list": (lambda *a: [1], "gives back a list"),
    "truth": (lambda *a: True, "gives back a bool"),
    "no function": (3, "a function is asked for, and this is an int"),
    "its result": (right(5, 3), "a function is asked for"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "says"), BAD.values(), ids=BAD)
def test_whatever_an_answer_does_becomes_a_sentence(answer, says, monkeypatch):
    monkeypatch.setattr(check.padding.out_size, "seconds", 1.0)
    monkeypatch.setattr(calling, "slowness", lambda: 1.0)
    started = time.perf_counter()
    verdict = check.padding.out_size(answer)
    assert verdict.state == "wrong"
    assert says.lower() in verdict.sentence.lower()
    assert time.perf_counter() - started < 5


def test_no_check_waits_longer_than_ten_seconds_by_default():
    assert Runner().seconds == check.padding.out_size.seconds == 10


def test_the_limit_holds_in_another_thread_too():
    """As on Windows, where there is no alarm."""
    from concurrent.futures import ThreadPoolExecutor

    def endless():
        with pytest.raises(Wrong, match="never ends"):
            Runner(0.3)(loops)
        return "stopped"

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(endless).result(timeout=5) == "stopped"


def test_no_alarm_is_left_behind():
    with time_limit(Clock(0.2)):
        pass
    time.sleep(0.3)


def test_interrupting_by_hand_is_passed_on():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Runner()(interrupted)


def test_what_it_printed_stands_on_the_card():
    def says_first(*args):
        print("n is", args[0])
        raise ValueError("oh")

    assert ("printed", "n is 4\n") in check.padding.out_size(says_first).rows


@pytest.mark.parametrize("answer", [..., lambda *a: ..., lambda *a: None])
def test_a_starter_is_to_do(answer):
    assert check.padding.out_size(answer).state == "to do"


def test_a_changed_input_is_refused():
    def same_conv(X, K):
        X += 1
        return X

    assert "changes what it is given" in check.padding.even_same(same_conv).sentence


def test_the_wrong_number_of_answers():
    assert "takes out_size" in check.padding.out_size().sentence


def test_judging_moves_nobodys_random_numbers():
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    check.padding.even_same(lambda X, K: torch.rand(3))
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize(
    ("got", "wanted", "says"),
    [
        (torch.zeros(2, 3), torch.zeros(3, 2), "shape is 2×3 instead of 3×2"),
        (torch.tensor([1.0, float("nan")]), torch.ones(2), "1 of 2 numbers are NaN"),
        (torch.ones(2), torch.tensor([1.0, 2.0]), "1 of 2 numbers differ"),
        (torch.ones(2, dtype=torch.int64), torch.ones(2), "int64 instead of float32"),
        ([1, 2], torch.ones(2), "A tensor is wanted"),
        (2.0, 2, "whole numbers stay whole"),
        ((1, 3), (1, 2), "Value 2 of 2"),
        ((1,), (1, 2), "1 values instead of 2"),
        ("b", "a", "differs"),
        (10**400, 0.5, "larger than any"),
        (True, 1, "A number is wanted"),
    ],
)
def test_a_difference_in_words(got, wanted, says):
    assert says in difference(got, wanted)


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (torch.ones(2), torch.ones(2, dtype=torch.float64)),
        (1.0000000001, 1.0),
        ([1, (2.0, "a")], (1, [2.0, "a"])),
        (torch.tensor(3), 3),
        (1_000_000.0 * (torch.ones(2) + 1e-7), 1_000_000.0 * torch.ones(2)),
    ],
)
def test_no_difference(got, wanted):
    assert difference(got, wanted) == ""


def test_the_smallest_failing_call_is_shown_with_the_slip():
    calls = [call(torch.arange(float(n)).reshape(1, n)) for n in (9, 2, 5)]
    with pytest.raises(Wrong) as caught:
        compare(Runner(), lambda X: X + 1, calls, lambda X: X + 2, {"only once": lambda X: X + 1, "no": lambda X: X})
    assert caught.value.rows["call"] == "<lambda>([[0, 1]])"
    assert caught.value.slip == "only once"
    assert "given back" in caught.value.picture


def test_a_slip_must_agree_on_every_call():
    with pytest.raises(Wrong) as caught:
        compare(Runner(), lambda n: n if n < 3 else 0, [call(1), call(2), call(5)], lambda n: -n, {"sign": lambda n: n})
    assert caught.value.slip == ""


def test_choices():
    refused = {"b": "b moves the map", "c": "c is for sound"}
    choose("a", "a", refused)
    with pytest.raises(Wrong, match="b moves the map"):
        choose("b", "a", refused)
    with pytest.raises(Wrong, match="choose one of 'a', 'b', 'c'"):
        choose("d", "a", refused)
    with pytest.raises(ToDo):
        choose(..., "a", refused)


def test_numbers():
    number(10.0, 10)
    number(10.4, 10, within=0.05)
    with pytest.raises(Wrong) as caught:
        number(20, 10, {"twice": 20})
    assert caught.value.slip == "twice"
    with pytest.raises(Wrong, match="too small"):
        number(9, 10)
    with pytest.raises(Wrong, match="too large"):
        number(10**400, 10.5)
    with pytest.raises(Wrong, match="too small"):
        number(-(10**400), 10.5)
    with pytest.raises(Wrong, match="is NaN"):
        number(float("nan"), 10)
    with pytest.raises(Wrong, match="a number is asked for"):
        number("ten", 10)
    with pytest.raises(ToDo):
        number(..., 10)


def test_networks():
    run = Runner()
    model = build(run, lambda: nn.Sequential(nn.Flatten(), nn.Linear(4, 2)))
    expect_shape(run, model, (3, 1, 2, 2), (3, 2))
    expect_parameters(model, 10)
    expect_gradients(run, model, (3, 1, 2, 2))
    with pytest.raises(Wrong) as caught:
        expect_shape(run, model, (3, 1, 2, 2), (3, 4), {"too narrow": (3, 2)})
    assert caught.value.slip == "too narrow"
    with pytest.raises(Wrong) as caught:
        expect_parameters(model, 8, {"with bias": 10})
    assert caught.value.slip == "with bias"
    with pytest.raises(Wrong, match=r"An nn.Module is wanted, and it gives back a type; call the class"):
        build(run, lambda: nn.ReLU)
    with pytest.raises(Wrong, match="no parameters"):
        build(run, nn.Sequential)


def test_a_layer_that_is_never_used_gets_no_gradient():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, X):
            return self.used(X)

    with pytest.raises(Wrong, match="No gradient reaches 2 parameters"):
        expect_gradients(Runner(), Idle(), (2, 3))


def test_starters():
    assert starter("def f(x):\n    ### BEGIN SOLUTION\n    y = x\n    return y\n    ### END SOLUTION") == (
        "def f(x):\n    return ..."
    )
    assert starter("### BEGIN SOLUTION\na, b = 1, 2\nc = 3\n### END SOLUTION") == "a = ...\nb = ...\nc = ..."
    assert starter("x = 1\n### BEGIN SOLUTION\nprint(x)\n### END SOLUTION") == "x = 1"
    for source, says in {
        "### BEGIN SOLUTION\n### BEGIN SOLUTION": "opens inside another",
        "### END SOLUTION": "never opened",
        "### BEGIN SOLUTION": "not closed",
    }.items():
        with pytest.raises(ValueError, match=says):
            starter(source)


def test_a_card_says_its_state_in_words_sign_and_colour():
    cards = [check.padding.out_size(answer)._repr_html_() for answer in (..., lambda *a: 1, right)]
    for card, sign, state in zip(cards, "○✗✓", ("to do", "wrong", "right"), strict=True):
        assert sign in card
        assert f'data-state="{state}"' in card
        assert f">{state}</span>" in card
    assert len({card.split("border-left:5px solid ")[1][:7] for card in cards}) == 3


def test_a_card_escapes_what_an_answer_gives_back():
    card = check.padding.to_56(lambda: "<script>")._repr_html_()
    assert "<script>" not in card
    assert "&lt;script&gt;" in card


def test_an_unknown_checker_is_named():
    with pytest.raises(AttributeError, match=r"no attribute 'sound'; the checkers are convolution"):
        check.sound  # noqa: B018
    with pytest.raises(KeyError, match=r"no exercise is called padding.sound"):
        find("padding", "sound")


def test_while_a_grader_executes_a_failed_check_raises(monkeypatch, file):
    monkeypatch.setattr("cnnlab.check.frame.judging.GRADING", True)
    with pytest.raises(CheckFailedError, match="the \\+ 1 is missing"):
        check.padding.out_size(lambda *a: right(*a) - 1)
    with pytest.raises(CheckFailedError, match="to do"):
        check.padding.out_size(...)
    assert check.padding.out_size(right) is None
    assert not file.exists()


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [("autograde", ""), ("", "autograde")])
def test_an_answer_cannot_change_whether_a_grader_executes(before, after):
    code = (
        f"import os; import cnnlab.check; os.environ['NBGRADER_EXECUTION'] = {after!r}\n"
        "from cnnlab.check.frame.judging import grading; print(grading())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"NBGRADER_EXECUTION": before},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == str(bool(before))


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["exercises"]])
@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "cp1252"},
        {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=lambda each: next(iter(each.values())),
)
def test_the_command_line_prints_under_any_encoding(words, environment, tmp_path):
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONIOENCODING"}
    run = subprocess.run(
        [sys.executable, "-m", "cnnlab", *words],
        env=clean | {"XDG_DATA_HOME": str(tmp_path)} | environment,
        capture_output=True,
    )
    assert b"Traceback" not in run.stderr
    assert run.returncode in (0, 1)
    if words:
        assert b"?" in run.stdout  # a star, which none of these encodings has


def test_command_line(monkeypatch, capsys, tmp_path):
    check.padding.out_size(right)
    assert main(["exercises"]) == 0
    assert f"1 of {len(ENTRIES)} exercises solved" in capsys.readouterr().out
    assert main(["exercises", "--reset"]) == 0
    assert check.progress().solved == 0


def test_command_line_makes_a_course(capsys, tmp_path):
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "02-x.ipynb").write_text("{}")
    words = ["exercises", "--course", str(tmp_path / "course"), "--solutions", str(tmp_path / "solutions")]
    assert main(words) == 0
    assert "02-x" in capsys.readouterr().out
    assert (tmp_path / "course" / "source" / "02-x" / "02-x.ipynb").exists()
    assert "configure" in (tmp_path / "course" / "nbgrader_config.py").read_text()
    with pytest.raises(SystemExit, match="has no notebooks; name the folder"):
        main(["exercises", "--course", str(tmp_path), "--solutions", str(tmp_path)])


def test_a_course_needs_solutions(tmp_path):
    with pytest.raises(FileNotFoundError, match="has no notebooks; name the folder of the worked solutions"):
        make_course(tmp_path, tmp_path)
