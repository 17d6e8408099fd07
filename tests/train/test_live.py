"""Live curve, bar or silence: which is picked, and what each shows."""

import itertools
import sys
import xml.etree.ElementTree as ET

import pytest
from IPython.core.interactiveshell import InteractiveShell

from cnnlab.draw.curve import BOTTOM, SIDES, WIDTH, nice_ticks, training_curve
from cnnlab.train import fit, live
from cnnlab.train.history import Epoch, History
from cnnlab.train.live import NotebookProgress, Silent, TerminalProgress, pick_progress
from tests.train.test_train import QUICK, small

SETTINGS = {"model": "LeNet", "data": "Fashion-MNIST", "epochs": 3, "train_images": 100, "batch_size": 10}


def history(rows: int = 0) -> History:
    return History(
        SETTINGS, {}, [Epoch(i + 1, 1 / (i + 1), 0.5 + i / 10, 0.55 + i / 10, 1, 0.1, 0.1) for i in range(rows)]
    )


def test_silence_without_a_display(monkeypatch, tiny_data, capsys):
    assert isinstance(pick_progress(history()), Silent)
    fit(small(), tiny_data, **QUICK)
    assert capsys.readouterr() == ("", "")


def test_a_bar_in_a_terminal(monkeypatch, tiny_data, capsys):
    monkeypatch.setattr(live, "in_notebook", lambda: False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert isinstance(pick_progress(history(), show=False), Silent)
    assert type(pick_progress(history())) is TerminalProgress
    fit(small(), tiny_data, **QUICK)
    bar = capsys.readouterr().err
    assert "20/20" in bar
    assert "loss=" in bar


def test_a_kernel_is_told_from_a_terminal(monkeypatch):
    import IPython

    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    monkeypatch.setattr(IPython, "get_ipython", lambda: None)
    assert not live.in_notebook()
    monkeypatch.setattr(IPython, "get_ipython", lambda: InteractiveShell.instance())
    assert not live.in_notebook()
    monkeypatch.delitem(sys.modules, "ipykernel")
    assert not live.in_notebook()


@pytest.fixture
def notebook(monkeypatch):
    """A notebook's view, its widgets not displayed but counted."""
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    monkeypatch.setattr(live, "in_notebook", lambda: True)
    monkeypatch.setattr(live, "REDRAW_SECONDS", 0.0)
    return shown


def test_one_widget_a_run_whose_curve_grows(notebook, tiny_data):
    result = fit(small(), tiny_data, **QUICK)
    (widget,) = notebook
    assert ET.fromstring(widget.picture).tag.endswith("svg")
    assert widget.status == f"{result.summary()}; {result.seconds:.1f} s of training"
    assert repr(widget) == "live curve, drawn here while the cell runs"


def test_status_tells_where_the_run_is(notebook):
    view = NotebookProgress(history())
    view.step(history(1), 5, 10, 0.7, 0.05)
    assert view.widget.status.startswith("epoch 2 of 3, step 5 of 10: loss 0.700, learning rate 0.05, about")
    assert view.trail == [(1.5, 0.7)]
    view.epoch(history(2))
    assert "2 of 3 epochs" in view.widget.status


def circles(svg: str) -> list[tuple[float, float]]:
    root = ET.fromstring(svg)
    return [(float(c.get("cx")), float(c.get("cy"))) for c in root.iter("{http://www.w3.org/2000/svg}circle")]


def test_curve_places_values_to_scale():
    svg = training_curve([2.0, 1.0], [0.5, 0.75], [0.6, 0.7], epochs=4)
    (x1, y1), (x2, y2) = circles(svg)[:2]
    (left, right), baseline = SIDES["loss"], BOTTOM
    assert (baseline - y1) == pytest.approx(2 * (baseline - y2), abs=0.2)
    assert x1 - left == pytest.approx((right - left) / 4, abs=0.1)
    assert x2 - x1 == pytest.approx((right - left) / 4, abs=0.1)
    assert "train 75.0 %" in svg
    assert "valid 70.0 %" in svg


@pytest.mark.parametrize("values", [[], [float("nan")], [1.0, float("inf")]])
def test_curve_of_little_or_nothing_is_still_a_picture(values):
    accuracy = [0.1] * len(values)
    ET.fromstring(training_curve(values, accuracy, accuracy, epochs=3, trail=[(0.5, float("nan"))], title="a < b & c"))


def test_end_labels_do_not_overlap():
    root = ET.fromstring(training_curve([1.0], [0.800], [0.801], epochs=1))
    ends = [
        float(t.get("y"))
        for t in root.iter("{http://www.w3.org/2000/svg}text")
        if t.text.startswith(("train ", "valid "))
    ]
    assert abs(ends[0] - ends[1]) >= 14


def test_end_labels_stay_inside_the_picture():
    root = ET.fromstring(training_curve([1.0], [1.0], [1.0], epochs=1))
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        if text.text.startswith(("train ", "valid ")):
            assert float(text.get("x")) + 0.62 * 12 * len(text.text) <= WIDTH


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 2.37), (0.65, 1.0), (0, 0.0012), (0, 480)])
def test_ticks_are_round_even_and_inside(low, high):
    ticks = nice_ticks(low, high)
    steps = {round(b - a, 9) for a, b in itertools.pairwise(ticks)}
    assert 2 <= len(ticks) <= 6
    assert len(steps) == 1
    assert low - 1e-9 <= ticks[0]
    assert ticks[-1] <= high + 1e-9
