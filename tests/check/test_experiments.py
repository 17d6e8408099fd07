"""Experiments of learners: numbers of every make, the data they are given, windows of references, conclusions."""

import contextlib
import copy
import dataclasses
import json
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab.check import alexnet, batch_norm
from cnnlab.check.frame import experiments, progress, references
from cnnlab.check.frame.calling import Runner
from cnnlab.check.frame.experiments import ACCURACY, MACHINE, OTHER, Asked, Measured, conclude, measure, measure_all
from cnnlab.check.frame.references import HIGHER, LOWER, UNCLEAR, contradicted, label, possible, window
from cnnlab.check.frame.verdict import ToDo, Wrong
from cnnlab.check.frame.watched import Notes, watched
from cnnlab.data import FashionMNIST
from cnnlab.train import evaluate, fit

LOW, HIGH, WIDE = [0.50, 0.51, 0.52], [0.70, 0.71, 0.72], [0.3, 0.5, 0.75]
ASKED = Asked("a.b", "experiment", ("one", "two"), images=600, valid=100)
# What a reference says of it: "two" is 0.2 above "one".
STORED = {"one": [0.48, 0.50, 0.52, 0.49, 0.51, 0.50], "two": [0.68, 0.70, 0.72, 0.69, 0.71, 0.70]}


@pytest.fixture
def real(tiny_data) -> FashionMNIST:
    """The same images, passed off as real ones."""
    return dataclasses.replace(
        tiny_data, **{name: dataclasses.replace(getattr(tiny_data, name), drawn=False) for name in SPLITS}
    )


SPLITS = ("train", "valid", "test")


@pytest.fixture(autouse=True)
def given(monkeypatch, real):
    """What an experiment is given, with a reference for it."""

    def small_data(images, valid):
        return dataclasses.replace(real, train=real.train.subset(images), valid=real.valid.subset(valid))

    monkeypatch.setattr(experiments, "small_data", small_data)
    monkeypatch.setattr(experiments, "stored", lambda: {"a.b": {"numbers": {"accuracy": STORED}, "steps": {}}})


def reading(value):
    """An experiment that reads both splits and gives what `value(variant, seed)` says."""

    def experiment(variant, seed, data):
        next(data.train.batches(8))
        next(data.valid.batches(8))
        return value(variant, seed)

    return experiment


def of_rows(one, two):
    return reading(lambda variant, seed: {"one": one, "two": two}[variant][seed])


def refusal(experiment, asked=ASKED) -> Wrong:
    with pytest.raises(Wrong) as caught:
        measure_all(Runner(), experiment, asked)
    return caught.value


# ---- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        float, torch.tensor, np.float32, np.float64, Fraction, np.array, lambda x: torch.tensor([x]),
        lambda x: torch.tensor(x, dtype=torch.float64), lambda x: torch.tensor(x, requires_grad=True),
    ],
)  # fmt: skip
def test_a_number_of_every_make_counts(make):
    found = measure(Runner(), of_rows([make(x) for x in LOW], [make(x) for x in HIGH]), ASKED)
    assert found["one"] == pytest.approx(LOW)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (True, "A number is wanted, and it gives back a bool"),
        ([0.5], "gives back a list"),
        (None, "gives back None"),
        (91.0, "between 0 and 1"),
        (float("inf"), "finite"),
        (10**400, "finite"),
        (1j, "A number is wanted"),
    ],
)
def test_what_is_no_accuracy(value, says):
    assert says in refusal(reading(lambda variant, seed: value)).sentence


@pytest.mark.parametrize("make", [list, tuple, torch.tensor, np.array, lambda row: [torch.tensor(x) for x in row]])
def test_a_curve_and_three_numbers_of_every_make(make):
    assert alexnet.last_and_gain(make([0.1, 0.25, 0.3, 0.4, 0.5, 0.75])) == pytest.approx([0.75, 0.5])
    assert alexnet.three_numbers(make([0.5, 2.0, 3.0])) == [0.5, 2, 3]
    assert batch_norm.valid_and_gap(make([0.75, 0.5])) == [0.5, 0.25]


@pytest.mark.parametrize(
    ("read", "value", "says"),
    [
        (alexnet.last_and_gain, torch.tensor(0.5), "That is one number"),
        (alexnet.last_and_gain, ["a"], "A list of numbers"),
        (alexnet.last_and_gain, [0.5] * 5, "6 epochs are asked for, and the list has 5"),
        (alexnet.last_and_gain, [50.0] * 6, "between 0 and 1"),
        (alexnet.three_numbers, (0.5, 1.0), "Three numbers"),
        (alexnet.three_numbers, (50.0, 1.0, 1.0), "The first number is an accuracy"),
        (alexnet.three_numbers, (0.5, 0, 1.0), "above 0"),
        (batch_norm.valid_and_gap, 0.5, "Two accuracies"),
        (batch_norm.valid_and_gap, (50.0, 40.0), "Two accuracies"),
    ],
)
def test_what_is_no_such_collection(read, value, says):
    with pytest.raises(Wrong, match=says):
        read(value)


def test_experiments_that_make_no_difference_are_refused():
    assert measure(Runner(), of_rows(LOW, HIGH), ASKED) == {"one": LOW, "two": HIGH}
    assert "Every seed gives exactly the same" in refusal(of_rows([0.5] * 3, [0.7] * 3)).sentence
    assert "Every seed gives exactly the same" in refusal(of_rows([0.1] * 3, [0.1] * 3)).sentence
    assert "is the variant used" in refusal(of_rows(LOW, LOW)).sentence
    other = ASKED._replace(key="")  # without a reference
    assert measure(Runner(), of_rows([0.1] * 3, LOW), other)["one"] == [0.1] * 3


# ---- the data that an experiment is given ----------------------------------------------------------------------------


def uses_test(use):
    def experiment(variant, seed, data):
        next(data.train.batches(8))
        next(data.valid.batches(8))
        use(data)
        return STORED[variant][seed]

    return experiment


def swallowing(data):
    with contextlib.suppress(Exception):
        data.test.subset(50)


@pytest.mark.parametrize(
    "use",
    [
        lambda data: next(data.test.batches(8)),
        lambda data: data.test.subset(50),
        lambda data: data.test.images,
        lambda data: data.test.labels,
        lambda data: data.test.example(0),
        lambda data: dataclasses.replace(data.test, augment=("flip",)),
        lambda data: evaluate(nn.Flatten(), data.test),
        swallowing,
    ],
)
def test_the_test_images_stay_sealed(use):
    assert "The test images stay sealed here" in refusal(uses_test(use)).sentence


@pytest.mark.parametrize(
    "use",
    [
        lambda data: type(data)(data.train.subset(60), data.valid, data.test, data.source),
        lambda data: dataclasses.replace(data, train=data.train.subset(60)),
        lambda data: (repr(data), len(data.test), data.test.name, data.to("cpu"), copy.deepcopy(data)),
    ],
)
def test_passing_the_test_images_on_is_no_use_of_them(use):
    assert measure(Runner(), uses_test(use), ASKED)["one"] == STORED["one"][:3]


def test_a_training_with_this_data_is_the_same(real):
    def accuracy(data):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
        history = fit(net, data, 2, lr=0.01, progress=False)
        return history.valid_accuracy, evaluate(net, data.train)

    notes = Notes()
    assert accuracy(watched(real, notes)) == accuracy(real)
    assert notes.sizes["train"] == {600}
    assert not notes.sizes["test"]


@pytest.mark.parametrize(
    "read",
    [
        lambda split: next(split.batches(8)),
        lambda split: split.images[:5],
        lambda split: split.example(3),
        lambda split: next(split.subset(20).batches(8)),
        lambda split: next(copy.deepcopy(split).with_augment("flip").batches(8)),
    ],
)
def test_a_split_notes_that_it_is_read(read, real):
    notes = Notes()
    data = watched(real, notes)
    assert len(data.train) == 600
    assert notes.sizes == {"train": set(), "valid": set(), "test": set()}
    read(data.valid)
    assert notes.sizes["valid"]
    assert not notes.sizes["train"]


def test_numbers_made_up_without_reading_an_image_are_refused():
    assert "never read the training images" in refusal(lambda variant, seed, data: STORED[variant][seed]).sentence

    def without_validation(variant, seed, data):
        next(data.train.batches(8))
        return STORED[variant][seed]

    assert "never read the validation images" in refusal(without_validation).sentence


@pytest.mark.parametrize("value", [0.0, 0.1, float("nan"), torch.tensor(float("nan"))])
def test_a_training_that_broke_off_counts_as_guessing_without_a_look_at_the_validation_images(value):
    def experiment(variant, seed, data):
        next(data.train.batches(8))
        if variant == "one":
            return value
        next(data.valid.batches(8))
        return STORED["two"][seed]

    found = measure(Runner(), experiment, ASKED._replace(key=""))
    assert found["one"] == [0.1] * 3
    assert found["two"] == STORED["two"][:3]


def trained(dropout=lambda variant, X: X, make=lambda seed: torch.manual_seed(seed)):
    """An experiment that takes one step from weights after `make(seed)`."""

    def experiment(variant, seed, data):
        weight = make(seed)
        weight = (
            nn.Parameter(torch.randn(784, 10) / 28) if isinstance(weight, torch.Generator) else nn.Parameter(weight)
        )
        optimizer = torch.optim.SGD([weight], lr=0.1)
        X, y = next(data.train.batches(20))
        nn.functional.cross_entropy(dropout(variant, X.flatten(1)) @ weight, y).backward()
        optimizer.step()
        next(data.valid.batches(8))
        return STORED[variant][seed]

    return experiment


def test_the_seed_decides_on_the_first_weights():
    assert measure(Runner(), trained(), ASKED)
    wrong = refusal(trained(make=lambda seed: torch.randn(784, 10) / 28))
    assert "Asked twice with the same seed" in wrong.sentence
    assert "before the network is made" in wrong.slip
    assert "Two seeds start from the same weights" in refusal(trained(make=lambda seed: torch.ones(784, 10))).sentence


def test_what_is_dropped_is_held_against_the_network_in_the_question(monkeypatch):
    dropped = {"one": ["dropout(p=0.3) on 784 numbers"], "two": []}
    monkeypatch.setattr(experiments, "stored", lambda: {"a.b": {"numbers": {"accuracy": STORED}, "dropped": dropped}})

    def dropping(p, function=nn.functional.dropout):
        return trained(lambda variant, X: function(X, p) if variant == "one" else X)

    def own(X, p):
        return X * torch.bernoulli(torch.full_like(X, 1 - p)) / (1 - p)

    for right in (dropping(0.3), dropping(0.3, own), dropping(0.3, lambda X, p: nn.Dropout(p)(X))):
        assert measure(Runner(), right, ASKED)
    for wrong in (dropping(0.7), dropping(0.0), trained(lambda variant, X: nn.functional.dropout(X, 0.3))):
        assert "drops other numbers than the network in the question" in refusal(wrong).sentence
    wrong = refusal(dropping(0.7))
    assert wrong.rows["given back"] == "dropout(p=0.7) on 784 numbers"


def test_training_accuracies_are_recognised_by_their_denominator():
    training = refusal(of_rows([301 / 600, 305 / 600, 299 / 600], [415 / 600, 421 / 600, 425 / 600]))
    assert "accuracies on training images: each is a number of 600" in training.sentence
    honest = [[count / 100 for count in row] for row in ((48, 49, 50), (67, 68, 69))]
    assert measure(Runner(), of_rows(*honest), ASKED)["one"] == honest[0]
    averaged = [[0.50123, 0.511234, 0.4951], [0.70321, 0.7156, 0.6912]]  # means of the accuracies of unequal batches
    assert measure(Runner(), of_rows(*averaged), ASKED)["one"] == averaged[0]


def test_fewer_steps_than_asked_are_refused(monkeypatch):
    steps = {"a.b": {"numbers": {"accuracy": STORED}, "steps": {"one": 20, "two": 20}}}
    monkeypatch.setattr(experiments, "stored", lambda: steps)

    def trained(epochs, numbers=STORED):
        def experiment(variant, seed, data):
            optimizer = torch.optim.AdamW([nn.Parameter(torch.ones(1))])
            for epoch in range(epochs):
                for _ in data.train.batches(60, epoch):
                    optimizer.step()
            next(data.valid.batches(8))
            return numbers[variant][seed]

        return experiment

    assert measure(Runner(), trained(2), ASKED)
    wrong = refusal(trained(1))
    assert "trains for 10 steps; what the question asks for makes 20" in wrong.sentence
    assert "fewer epochs" in wrong.slip
    far = {"one": [0.81, 0.82, 0.83], "two": [0.91, 0.92, 0.93]}
    assert "it trains for 40 steps, and what is asked makes 20" in refusal(trained(4, far)).slip
    assert measure(Runner(), of_rows(LOW, HIGH), ASKED)  # a step without torch's optimisers is not counted


# ---- windows ---------------------------------------------------------------------------------------------------------


def test_windows_are_as_wide_as_the_seeds_lie_apart():
    assert window([0.5, 0.5, 0.5, 0.5], 3) == pytest.approx((0.45, 0.55))
    assert window([0.1, 0.1, 0.1], 3) == pytest.approx((0.05, 0.15))
    low, high = window([0.1, 0.1, 0.1, 0.6, 0.6, 0.6], 3)
    assert low == 0
    assert high == 1
    assert window([0.1, 0.1, 0.1, 0.6, 0.6, 0.6] * 6, 8)[1] < 0.95
    assert window([5.0, 5.0, 5.0], 3, share=False) == pytest.approx((4.5, 5.5))


def test_honest_means_hardly_ever_leave_a_window():
    """Drawn from the same numbers: three of them against twelve others."""
    random, out = torch.Generator().manual_seed(0), 0
    for _ in range(2_000):
        seeds = (0.6 + 0.03 * torch.randn(15, generator=random)).tolist()
        low, high = window(seeds[3:], 3)
        out += not low <= sum(seeds[:3]) / 3 <= high
    assert out <= 2


@pytest.mark.parametrize(
    ("rows", "says", "slip"),
    [
        ((HIGH, LOW), "For 'one' the mean accuracy is 0.710; a reference of 6 seeds", "'one' and 'two' look exchanged"),
        ((LOW, [0.1, 0.11, 0.1]), "For 'two' the mean accuracy is 0.103", "is the network trained"),
        ((LOW, [0.9, 0.91, 0.92]), "room from 0.64 to 0.76", "training accuracy"),
        ((LOW, [0.4, 0.41, 0.42]), "For 'two'", "fewer epochs"),
    ],
)
def test_a_mean_outside_its_window_is_refused_with_the_likely_slip(rows, says, slip):
    wrong = refusal(of_rows(*rows))
    assert says in wrong.sentence
    assert slip in wrong.slip


def test_drawn_garments_have_no_reference(monkeypatch, tiny_data):
    monkeypatch.setattr(experiments, "small_data", lambda *sizes: tiny_data)
    found = measure(Runner(), of_rows(HIGH, LOW), ASKED)
    assert not found.reference
    assert "drawn garments" in conclude("lower", found)


# ---- conclusions -----------------------------------------------------------------------------------------------------


def test_what_may_be_said_of_numbers():
    assert possible(LOW, HIGH) == {HIGHER}
    assert possible(HIGH, LOW) == {LOWER}
    assert possible(LOW, WIDE) == {UNCLEAR}
    assert possible(LOW, LOW) == {UNCLEAR}
    assert possible([0.50, 0.51, 0.52], [0.515, 0.525, 0.535]) == {UNCLEAR, HIGHER}
    assert possible([0.1] * 3, [0.1] * 3) == {UNCLEAR}
    assert possible([0.1] * 3, [0.2] * 3) == {HIGHER}


def test_conclusions_follow_from_the_numbers():
    assert "0.71" in conclude("higher", {"a": LOW, "b": HIGH})
    with pytest.raises(Wrong, match="'lower' does not follow"):
        conclude("lower", {"a": LOW, "b": HIGH})
    with pytest.raises(Wrong, match="choose one of"):
        conclude("better", {"a": LOW, "b": HIGH})
    with pytest.raises(Wrong, match="choose one of"):
        conclude(torch.zeros(2), {"a": LOW, "b": HIGH})
    with pytest.raises(ToDo):
        conclude(..., {"a": LOW, "b": HIGH})
    words = {"b": HIGHER, "a": LOWER, "neither": UNCLEAR}
    assert conclude("b", {"a": LOW, "b": HIGH}, words=words)
    with pytest.raises(Wrong, match="with these seeds 'b' does"):
        conclude("neither", {"a": LOW, "b": HIGH}, words=words)


def test_what_a_reference_contradicts():
    assert contradicted(STORED["one"], STORED["two"], 3) == {LOWER, UNCLEAR}
    assert contradicted(STORED["two"], STORED["one"], 3) == {HIGHER, UNCLEAR}
    assert contradicted(STORED["one"], STORED["one"], 3) == set()
    assert contradicted([0.1] * 6, [0.1] * 6, 3) == set()
    # Clear with many seeds, and not always with three.
    assert contradicted([0.3, 0.4, 0.5] * 9, [0.45, 0.55, 0.65] * 9, 3) == {LOWER}


def with_reference(one, two, first=STORED["one"], second=STORED["two"]):
    return Measured({"one": one, "two": two}, {"one": first, "two": second})


def test_a_conclusion_that_the_reference_contradicts_is_refused():
    assert conclude("higher", with_reference(LOW, HIGH)).endswith("(means of 3 seeds).")
    unclear = [0.4, 0.6, 0.75]
    assert possible(LOW, unclear) == {UNCLEAR}
    with pytest.raises(Wrong, match="could be said of your 3 seeds, but 6 seeds of the reference contradict") as caught:
        conclude(UNCLEAR, with_reference(LOW, unclear))
    assert "reference" in caught.value.rows["given back"]
    with pytest.raises(Wrong, match="'lower' could be said of your 3 seeds, but"):
        conclude("lower", with_reference(HIGH, LOW))


def test_after_an_unlucky_draw_what_the_reference_shows_is_right():
    with pytest.raises(Wrong, match=r"'no clear difference' does not follow.*with these seeds 'higher' does"):
        conclude(UNCLEAR, with_reference(HIGH, LOW))
    says = conclude("higher", with_reference(HIGH, LOW))
    assert "Your seeds alone show 'lower'. 6 seeds of the reference show 'higher'." in says
    # Where the reference shows no direction, that of the learner's own numbers is accepted.
    says = conclude("higher", with_reference(LOW, HIGH, WIDE * 3, WIDE * 3))
    assert "9 seeds of the reference show 'no clear difference'" in says


def test_gains_are_compared_with_those_of_the_reference():
    found = with_reference(LOW, HIGH).derived(lambda rows: {"zero": [0, 0.1, 0.2], "two": rows["two"]})
    assert found["two"] == HIGH
    assert found.reference["two"] == STORED["two"]
    renamed = with_reference(LOW, HIGH).pick("two", "one", names=("b", "a"))
    assert list(renamed) == list(renamed.reference) == ["b", "a"]


# ---- what depends on the machine -------------------------------------------------------------------------------------


def test_seconds_are_held_against_a_training_on_this_machine(monkeypatch):
    monkeypatch.setattr(alexnet, "seconds_here", {16: 0.8, 256: 0.25}.get)
    never = pytest.fail
    assert alexnet.expect_seconds({16: [0.9, 0.7, 1.6], 256: [0.2, 0.3, 0.4]}, never) == {HIGHER, UNCLEAR}
    with pytest.raises(Wrong, match=r"take about 0\.8 s here") as caught:
        alexnet.expect_seconds({16: [0.004, 0.0041, 0.0042], 256: [0.02, 0.021, 0.022]}, lambda size: 0.004)
    assert "seconds of one step" in caught.value.slip
    with pytest.raises(Wrong, match="Every seed gives exactly the same number"):
        alexnet.expect_seconds({16: [0.5] * 3, 256: [0.4] * 3}, never)
    busy = {16: [3.1, 3.2, 3.3], 256: [0.4, 0.6, 0.3]}
    assert alexnet.expect_seconds(busy, lambda size: 0.9)
    monkeypatch.setattr(alexnet, "seconds_here", {16: 0.4, 256: 0.35}.get)
    assert alexnet.expect_seconds({16: [0.4, 0.41, 0.42], 256: [0.3, 0.31, 0.33]}, never) == set()


def test_memory_is_held_against_the_network():
    alexnet.expect_memory({16: [2.0] * 3, 256: [31.6] * 3})
    with pytest.raises(Wrong, match="about 16 times the bytes"):
        alexnet.expect_memory({16: [2.0] * 3, 256: [2.0] * 3})
    with pytest.raises(Wrong, match=r"keeps about 2\.0 MB for a batch of 16"):
        alexnet.expect_memory({16: [1.0] * 3, 256: [16.0] * 3})
    with pytest.raises(Wrong, match="keeps about") as caught:
        alexnet.expect_memory({16: [2.0e6] * 3, 256: [31.6e6] * 3})
    assert "a million bytes each" in caught.value.slip


# ---- the file of references ------------------------------------------------------------------------------------------


def test_every_experiment_has_a_reference_of_what_its_check_asks_for():
    asked, kept = references.asked_for(), references.stored()
    assert len(asked) == 17
    assert kept.keys() == asked.keys()
    for key, each in asked.items():
        assert kept[key]["images"] == [each.images, each.valid]
        assert list(kept[key]["numbers"]) == each.recorded()
        for rows in kept[key]["numbers"].values():
            assert list(rows) == [label(variant) for variant in each.variants]
            assert min(map(len, rows.values())) >= 8
        assert kept[key]["steps"].keys() == rows.keys()


def test_shares_of_validation_images_are_no_shares_of_training_images():
    for each in references.asked_for().values():
        assert each.valid != each.images or ACCURACY not in each.numbers.values()


def test_references_are_measured_by_the_worked_solution(monkeypatch, tmp_path, capsys):
    asked = ASKED._replace(
        numbers={"accuracy": ACCURACY, "gap": OTHER, "seconds": MACHINE}, read=lambda value: [*value, 0.1, 1.0]
    )
    monkeypatch.setattr(references, "FILE", tmp_path / "references.json")
    monkeypatch.setattr(references, "stored", lambda: {"z.z": {"numbers": {}}})
    monkeypatch.setattr(references, "asked_for", lambda: {"a.b": asked})
    monkeypatch.setattr(references, "solution", lambda key, name: reading(lambda variant, seed: [0.125 * seed]))
    monkeypatch.setattr(experiments, "all_data", lambda: experiments.small_data(600, 100))
    assert references.main(["--seeds", "4"]) == 0
    assert "a.b" in capsys.readouterr().out
    found = json.loads(references.FILE.read_text())
    assert list(found) == ["a.b", "z.z"]
    assert found["a.b"]["numbers"] == {
        "accuracy": {"one": [0, 0.125, 0.25, 0.375], "two": [0, 0.125, 0.25, 0.375]},
        "gap": {"one": [0.1] * 4, "two": [0.1] * 4},
    }
    assert found["a.b"]["steps"] == {"one": 0, "two": 0}
    assert "torch" in found["a.b"]["measured on"]


def test_references_are_not_measured_on_drawn_garments(monkeypatch, tiny_data, capsys):
    monkeypatch.setattr(experiments, "all_data", lambda: tiny_data)
    with pytest.raises(SystemExit):
        references.main([])
    assert "references are of the real images" in capsys.readouterr().err


def test_the_worked_solutions_experiment_is_found(monkeypatch):
    monkeypatch.setattr(progress, "_paused", False)  # the solutions pause it: given back, or later tests record nothing
    assert references.solution("nin.dropout", "with_dropout").__name__ == "with_dropout"
