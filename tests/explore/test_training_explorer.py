"""The TrainingExplorer: runs against fit called directly, stopped, diverged, failed, repeated, removed, drawn."""

from __future__ import annotations

import itertools
import re
import threading
import time
import warnings
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
import torch
import traitlets

from cnnlab import models
from cnnlab.explore import TrainingExplorer
from cnnlab.explore.training import picture as drawing
from cnnlab.explore.training.explorer import NETWORKS
from cnnlab.explore.training.picture import STYLES, Line
from cnnlab.explore.training.running import Run, train
from cnnlab.train import fit, optim
from cnnlab.train.live import Silent, pick_progress
from cnnlab.train.seeding import own_random
from tests.pictures import SVG, check_labels, said

WITHOUT_TIME = ("epoch", "train_loss", "train_accuracy", "valid_accuracy", "lr")


@pytest.fixture
def explorer(tiny_data):
    made = TrainingExplorer(fit, tiny_data, images=600, epochs=2, batch_size=100)
    yield made
    made.stop()
    made.wait(30)


def ran(explorer: TrainingExplorer, **settings: object):
    """A run with these settings, waited for."""
    explorer._apply(settings)
    run = explorer.start()
    explorer.wait(60)
    return run


def rows(history) -> list[list[float]]:
    return [history.column(name) for name in WITHOUT_TIME]


def parse(explorer: TrainingExplorer) -> ET.Element:
    return ET.fromstring(explorer.view.picture["svg"])


# ---- a run is fit's own ----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"network": "lenet_max", "lr": 0.004, "optimizer": "adamw", "schedule": "one-cycle", "seed": 3},
        {"network": "bn_lenet", "lr": 0.5, "batch_size": 64, "images": 250},
    ],
)
def test_the_history_is_that_of_fit_called_directly(explorer, tiny_data, settings):
    run = ran(explorer, **settings)
    seed, images = run.settings["seed"], run.settings["images"]
    part = tiny_data if images == 600 else replace(tiny_data, train=tiny_data.train.subset(images))
    torch.manual_seed(seed)
    model = models.build(explorer.network)
    names = ("epochs", "lr", "batch_size", "optimizer", "schedule")
    expected = fit(model, part, seed=seed, **{name: getattr(explorer, name) for name in names})
    assert rows(run.history) == rows(expected)
    assert run.state == "done"
    for ours, theirs in zip(run.model.parameters(), model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_code_is_the_run(explorer, tiny_data):
    run = ran(explorer, network="lenet, sigmoid", lr=0.9, images=300, epochs=1)
    names = {"data": tiny_data, "torch": torch, "models": models, "fit": fit}
    exec(explorer.code(), names)
    assert rows(names["history"]) == rows(run.history)


def test_every_network_of_the_course_can_be_trained(explorer):
    for name in NETWORKS:
        assert ran(explorer, network=name, epochs=1, images=100).state == "done"


def test_choices_are_those_of_fit():
    assert TrainingExplorer.optimizer.names == optim.OPTIMIZERS
    assert TrainingExplorer.schedule.names == optim.SCHEDULES


def test_the_callers_random_numbers_and_the_data_are_left_alone(explorer, tiny_data):
    before, labels = torch.random.get_rng_state(), tiny_data.train.labels.clone()
    ran(explorer, epochs=1)
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(labels, tiny_data.train.labels)


def test_a_network_of_ones_own(tiny_data):
    own = {"line": lambda: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))}
    explorer = TrainingExplorer(fit, tiny_data, images=600, network="line", networks=own, epochs=1)
    assert "line" in explorer.settings.controls["network"].options
    assert ran(explorer).history.settings["parameters"] == 7850
    assert "networks['line']()" in explorer.code()


def test_a_view_of_ones_own_is_shown_instead_of_the_usual_one(tiny_data):
    made = []

    def view(history):
        made.append(history)
        return Silent()

    assert isinstance(pick_progress(None, view), Silent)
    history = fit(models.build("lenet"), tiny_data, epochs=1, progress=view)
    assert made == [None, history]


# ---- stop, diverge, fail ---------------------------------------------------------------------------------------------


def test_stop_keeps_the_epochs_that_were_done(explorer):
    explorer._apply({"epochs": 10_000, "batch_size": 50})
    run = explorer.start()
    assert explorer.running is run
    end = time.monotonic() + 60
    while not run.epochs_done and time.monotonic() < end:
        time.sleep(0.02)
    assert run.state.endswith(" of 10000")
    explorer.epochs = 9_999  # the settings stay alive meanwhile
    explorer.stop()
    explorer.wait(60)
    assert run.finished.is_set()
    assert run.state == "stopped"
    assert run.history.stopped == f"interrupted in epoch {len(run.history) + 1}"
    assert len(run.history) >= 1
    assert explorer.running is None
    assert not explorer.buttons.buttons["start"].disabled


def test_one_run_at_a_time(explorer):
    explorer.epochs = 10_000
    explorer.start()
    assert explorer.buttons.buttons["start"].disabled
    assert not explorer.buttons.buttons["stop"].disabled
    with pytest.raises(RuntimeError, match="run A is still training; stop it, or wait for its end"):
        explorer.start()
    with pytest.raises(RuntimeError, match="run A is still training; stop it first"):
        explorer.remove("A")
    explorer.buttons.buttons["stop"].click()
    explorer.wait(60)
    assert explorer.runs[0].state == "stopped"


def test_a_diverged_loss_shows_its_sentence_and_keeps_the_run(explorer):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = ran(explorer, lr=1e4)
        assert not [each for each in caught if "the loss became" in str(each.message)]
    assert run.state == "diverged"
    assert run.reason.startswith("the loss became ")
    assert run.reason in said(parse(explorer))
    assert explorer.runs == [run]
    assert [label for _, label in explorer.remedies.changes] == ["lr = 3000"]
    explorer.remedies.buttons[0].click()
    assert explorer.lr == 3000
    with pytest.warns(RuntimeWarning, match="the loss became"):  # elsewhere fit warns as ever
        fit(models.build("lenet"), explorer.data, lr=1e4)


def test_a_network_that_is_no_number_from_the_start_is_offered_no_lower_rate(tiny_data):
    def broken():
        net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
        torch.nn.init.constant_(net[1].weight, torch.nan)
        return net

    explorer = TrainingExplorer(fit, tiny_data, images=600, network="own", networks={"own": broken})
    run = ran(explorer)
    assert (run.state, run.reason.startswith("weight of layer '1' holds NaN")) == ("diverged", True)
    assert list(explorer.remedies.changes) == []


def test_stop_counts_before_the_first_step_too(explorer):
    run = Run("A", 0, {name: getattr(explorer, name) for name in explorer._names})
    run.stopping.set()
    seen = []
    train(run, fit, explorer.networks["lenet"], explorer.data, lambda: seen.append(run.state))
    assert (run.state, run.history.stopped, len(run.history)) == ("stopped", "interrupted in epoch 1", 0)
    assert run.trail == []
    assert seen[-1] == "stopped"


def test_a_run_and_a_cell_draw_from_their_own_seeds(explorer):
    """Dropout in both, each repeated: the numbers are those of a run that is alone."""

    def net():
        with own_random(0):
            return torch.nn.Sequential(
                torch.nn.Flatten(), torch.nn.Linear(784, 20), torch.nn.Dropout(), torch.nn.Linear(20, 10)
            )

    cell = lambda: rows(fit(net(), explorer.data, epochs=1, batch_size=100, progress=False))  # noqa: E731
    explorer.networks["dropped"] = net
    alone, run_alone = cell(), rows(ran(explorer, network="dropped", epochs=4).history)
    run = explorer.start()
    torch.manual_seed(0)
    shared = torch.get_rng_state()
    found = [cell() for _ in range(5)]
    assert torch.equal(shared, torch.get_rng_state())
    explorer.wait(60)
    assert found == [alone] * 5
    assert rows(run.history) == run_alone


def test_a_network_that_fails_says_why(tiny_data):
    def broken():
        raise OSError("no weights there")

    explorer = TrainingExplorer(fit, tiny_data, images=600, network="own", networks={"own": broken})
    run = ran(explorer)
    assert (run.state, run.reason) == ("failed", "OSError: no weights there")
    assert "OSError: no weights there" in said(parse(explorer))
    assert explorer.running is None


def test_the_thread_does_not_hold_the_caller(explorer):
    explorer.epochs = 10_000
    started = time.perf_counter()
    explorer.start()
    assert time.perf_counter() - started < 1
    assert threading.current_thread() is threading.main_thread()
    assert any(thread.name == "run A" for thread in threading.enumerate())


def test_the_picture_grows_while_it_trains(explorer):
    seen = []
    explorer.view.observe(lambda change: seen.append(change["new"]["svg"]), "picture")
    run = ran(explorer, epochs=3)
    done = [len(re.findall("<circle", text)) for text in seen]
    assert done[0] == 0
    assert done[-1] == 6  # a dot an epoch for loss and accuracy
    assert done == sorted(done)
    assert len(run.trail) == 3 * 6  # six steps an epoch, fewer than twenty parts
    assert run.trail[-1][0] == 3


# ---- kept runs -------------------------------------------------------------------------------------------------------


def test_repeat_takes_the_next_seed_and_remove_forgets(explorer):
    first = ran(explorer, epochs=1, lr=0.05)
    explorer.lr = 0.2
    second = explorer.repeat("A")
    explorer.wait(60)
    assert second.settings == first.settings | {"seed": 1}
    assert (explorer.lr, explorer.seed) == (0.05, 1)
    assert explorer.repeat("A").settings["seed"] == 2
    explorer.wait(60)
    assert [run.label for run in explorer.runs] == ["A", "B", "C"]
    assert rows(first.history) != rows(second.history)
    explorer.remove("B")
    assert [run.label for run in explorer.runs] == ["A", "C"]
    assert ran(explorer).label == "D"
    assert explorer.runs[-1].style == 1  # the look that became free
    with pytest.raises(ValueError, match="run 'B' is not here; there is A, C, D"):
        explorer.run("B")


def test_buttons_do_the_same(explorer):
    buttons = explorer.buttons.buttons
    explorer._apply({"epochs": 1, "lr": 0.05})
    assert [buttons[name].disabled for name in ("start", "stop", "repeat", "recall", "remove")] == [
        False, True, True, True, True,
    ]  # fmt: skip
    buttons["start"].click()
    explorer.wait(60)
    assert explorer.buttons.chosen.value == "A"
    explorer._apply({"lr": 1.0, "network": "fast"})
    buttons["recall"].click()
    assert (explorer.lr, explorer.network) == (0.05, "lenet")
    assert explorer.settings.controls["lr"].value == 0.05
    buttons["repeat"].click()
    explorer.wait(60)
    assert explorer.buttons.chosen.options == ("A", "B")
    assert explorer.buttons.chosen.value == "B"
    buttons["remove"].click()
    assert [run.label for run in explorer.runs] == ["A"]
    assert explorer.buttons.chosen.value == "A"


def test_removing_the_run_under_way_is_refused_in_words(explorer):
    ran(explorer, epochs=1)
    explorer.epochs = 10_000
    explorer.start()
    explorer.buttons.chosen.value = "B"
    explorer.buttons.buttons["remove"].click()
    assert explorer.buttons.says.value == "Run B is still training; stop it first."
    explorer.stop()
    explorer.wait(60)
    explorer.buttons.buttons["remove"].click()
    assert (explorer.buttons.says.value, len(explorer.runs)) == ("", 1)


def test_as_many_runs_as_can_be_told_apart(explorer):
    for _ in range(STYLES):
        ran(explorer, epochs=1, images=10)
    assert explorer.error == "8 runs are kept, as many as can be told apart; remove one to start the next"
    assert explorer.buttons.buttons["start"].disabled
    with pytest.raises(ValueError, match="8 runs are kept, as many as can be told apart"):
        explorer.start()
    check_labels(parse(explorer))
    explorer.remove("C")
    assert explorer.error is None
    assert ran(explorer).label == "I"


# ---- settings --------------------------------------------------------------------------------------------------------


def test_it_says_itself_in_one_line(explorer):
    settings = "lenet, sgd, lr 0.1, batch 100, constant, 2 × 600 images"
    assert repr(explorer) == f"TrainingExplorer({settings} → no run yet)"
    ran(explorer, epochs=1)
    assert repr(explorer).endswith("1 × 600 images → 1 run)")


@pytest.mark.parametrize(("images", "mended"), [(601, 600), (9, 10)])
def test_a_number_of_images_that_cannot_be_is_explained_and_mended(explorer, images, mended):
    explorer.images = images
    assert explorer.error == f"images={images} is not between 10 (one a class) and 600 (all there are)"
    assert explorer.error in said(parse(explorer))
    assert explorer.error in said(ET.fromstring(str(explorer.static())))
    with pytest.raises(ValueError, match=f"images={images} is not between 10"):
        explorer.start()
    explorer.remedies.buttons[0].click()
    assert (explorer.images, explorer.error) == (mended, None)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"lr": 0}, "lr=0 will not do; give a number above 0, such as 0.1"),
        ({"lr": "fast"}, "lr='fast' will not do"),
        ({"lr": float("nan")}, "lr=nan will not do"),
        ({"lr": True}, "lr=True will not do"),
        ({"epochs": 0}, "epochs=0 will not do; give a whole number of at least 1"),
        ({"optimizer": "adam"}, "optimizer='adam' is unknown; choose one of sgd, adamw"),
        ({"network": "vgg11"}, "network='vgg11' is unknown; choose one of lenet, lenet, sigmoid, lenet_max"),
        ({"seed": -1}, "seed=-1 will not do; give a whole number of at least 0"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(tiny_data, setting, expected):
    with pytest.raises(traitlets.TraitError, match="^" + re.escape(expected)):
        TrainingExplorer(fit, tiny_data, **setting)


def test_controls_and_settings_are_one(explorer):
    controls, seen = explorer.settings.controls, []
    explorer.view.observe(lambda change: seen.append(change["new"]), "picture")
    for name, value in {"network": "fast", "lr": 0.01, "epochs": 7, "optimizer": "adamw", "seed": 4}.items():
        controls[name].value = value
        assert getattr(explorer, name) == value
    assert len(seen) == 5
    explorer._apply({"batch_size": 77, "lr": 30.0, "epochs": 40, "images": 333})
    assert [controls[name].value for name in ("batch_size", "lr", "epochs", "images")] == [77, 30.0, 40, 333]


# ---- the picture -----------------------------------------------------------------------------------------------------


def line(label: str, style: int, values=(0.5, 0.6), **more) -> Line:
    cells = ["lenet", "sgd", "0.1", "constant", "128", "3", "5,000", "0", "60.0 %", "1.0", "done"]
    return Line(label, style, 3, [2.0, 1.0][: len(values)], values, (), cells, **more)


def test_no_two_styles_look_alike_and_neighbours_share_nothing():
    looks = [tuple(line("A", style).look.values()) for style in range(STYLES)]
    assert len(set(looks)) == STYLES
    for one, other in itertools.pairwise(looks):
        assert one[0] != other[0]
        assert one[1] != other[1]


def test_lines_are_to_scale():
    root = ET.fromstring(drawing.runs_picture([line("A", 0, (0.5, 0.75))]))
    dots = [(float(e.get("cx")), float(e.get("cy"))) for e in root.iter(f"{SVG}circle")]
    (x1, loss1), (x2, loss2), (_, first), (_, second) = dots
    left, right = drawing.LOSS
    assert x1 - left == pytest.approx((right - left) / 3, abs=0.1)
    assert x2 - left == pytest.approx(2 * (right - left) / 3, abs=0.1)
    assert drawing.BOTTOM - loss1 == pytest.approx(2 * (drawing.BOTTOM - loss2), abs=0.1)
    assert (second - drawing.TOP) / (first - drawing.TOP) == pytest.approx(0.25 / 0.5, abs=0.01)


def test_the_best_run_is_heavy_and_a_large_loss_stays_inside():
    wild = replace(line("B", 1, (0.1,)), losses=[1e6], trail=[(0.5, float("nan"))], reason="the loss became nan")
    root = ET.fromstring(drawing.runs_picture([line("A", 0), wild]))
    heavy = [e for e in root.iter(f"{SVG}text") if e.text == "60.0 %" and e.get("font-weight") == "700"]
    assert len(heavy) == 1
    assert "at most 3 shown" in said(root)
    assert min(float(e.get("cy")) for e in root.iter(f"{SVG}circle")) >= drawing.TOP
    check_labels(root)


@pytest.mark.parametrize("still", [False, True])
@pytest.mark.parametrize("count", [0, 1, 3, 8])
def test_no_label_overlaps_another_or_leaves_the_picture(count, still):
    lines = [line(chr(65 + i), i, (0.5, 0.601 + i / 1000), reason="why " * 60 * (i == 2)) for i in range(count)]
    root = ET.fromstring(drawing.runs_picture(lines, error="no " * 20, caption=["words " * 30], still=still))
    check_labels(root)
    assert min(float(e.get("font-size")) for e in root.iter(f"{SVG}text")) >= 11
    labels = [e.get("data-run") for e in root.iter(f"{SVG}rect") if e.get("class") == "hit"]
    assert labels == [each.label for each in lines]


def test_the_static_twin_is_the_same_but_for_the_seconds(tiny_data):
    texts = []
    for _ in range(2):
        explorer = TrainingExplorer(fit, tiny_data, images=600, epochs=2)
        history = ran(explorer).history
        history.rows = [replace(row, seconds=1.0, seconds_loading=0.1) for row in history.rows]
        texts.append(str(explorer.static()))
    assert texts[0] == texts[1]
    assert "Run A, lenet: done, validation accuracy" in texts[0]
