"""The BatchNormExplorer without a browser: PyTorch's layer on the same batches gives the same numbers."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cnnlab.explore import BatchNormExplorer
from tests.pictures import SVG, check_labels


@settings(max_examples=30, deadline=None)
@given(
    batch=st.integers(1, 20), pixels=st.integers(1, 9), mode=st.sampled_from(["train", "eval"]),
    momentum=st.floats(0, 1), gamma=st.floats(-2, 2), beta=st.floats(-3, 3), mean=st.floats(-5, 5),
    spread=st.floats(0, 4), steps=st.integers(0, 8),
)  # fmt: skip
def test_output_and_running_statistics_are_pytorchs(batch, pixels, mode, momentum, gamma, beta, mean, spread, steps):
    explorer = BatchNormExplorer(
        batch_size=batch, pixels=pixels, mode=mode, momentum=momentum, gamma=gamma, beta=beta, mean=mean,
        spread=spread, steps=steps,
    )  # fmt: skip
    layer = nn.BatchNorm2d(1, momentum=momentum).double()
    nn.init.constant_(layer.weight, gamma)
    nn.init.constant_(layer.bias, beta)
    for number in range(1, steps + 1):
        layer(torch.tensor(explorer.seen(number))[:, None, None])
    last = explorer.history[-1]
    assert last.running_mean == pytest.approx(float(layer.running_mean), abs=1e-9)
    assert last.running_var == pytest.approx(float(layer.running_var), abs=1e-9)
    layer.train(mode == "train")
    if batch * pixels == 1 and mode == "train":
        assert explorer.output is None
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            layer(torch.tensor(explorer.values)[:, None, None])
        return
    Y = layer(torch.tensor(explorer.values)[:, None, None]).detach().numpy().reshape(batch, pixels)
    assert np.allclose(explorer.output, Y, atol=1e-8)
    assert explorer.ask().agrees


def test_a_channel_has_mean_beta_and_deviation_gamma():
    explorer = BatchNormExplorer(gamma=-1.5, beta=0.7, mean=-4.0, spread=3.0)
    assert explorer.output.mean() == pytest.approx(0.7)
    assert explorer.output.std() == pytest.approx(1.5, rel=1e-4)


def test_the_running_statistics_come_to_the_true_ones():
    explorer = BatchNormExplorer(steps=100)
    last = explorer.history[-1]
    assert last.running_mean == pytest.approx(3, abs=0.2)
    assert last.running_var == pytest.approx(4, abs=0.4)
    explorer.steps = 0
    assert explorer.history[-1][2:] == (0, 1)  # where PyTorch begins
    assert "no batch has been seen" in explorer.stories()["running"]


def test_one_value_is_explained_and_mended():
    explorer = BatchNormExplorer(batch_size=1, pixels=1)
    assert explorer.error.startswith("one value a channel has no spread to divide by, and training refuses it; take 2")
    assert explorer.out_shape is None
    assert explorer.ask().agrees  # PyTorch refuses too
    for change, label in list(explorer.remedies.changes):
        mended = BatchNormExplorer(batch_size=1, pixels=1)
        mended._apply(change)
        assert mended.error is None, label
    assert BatchNormExplorer(preset="prediction, 1 image").error is None


def test_the_bars_hold_every_value():
    explorer = BatchNormExplorer(batch_size=7, pixels=3, steps=4)
    root = ET.fromstring(str(explorer.static()))
    for part in ("before", "after"):
        group = next(g for g in root.iter(f"{SVG}g") if g.get("data-part") == part)
        assert sum(int(bar.get("data-count", 0)) for bar in group.iter(f"{SVG}rect")) == 21
    assert {int(line.get("data-running")) for line in root.iter(f"{SVG}polyline")} == {5}


@pytest.mark.parametrize("name", BatchNormExplorer.presets)
def test_every_preset_is_drawn_with_labels_apart(name):
    explorer = BatchNormExplorer(preset=name)
    assert explorer.preset == name
    check_labels(ET.fromstring(str(explorer.static())))


def test_the_buttons_feed_batches():
    explorer = BatchNormExplorer()
    explorer.children[0].children[0].children[-1].children[1].click()
    assert explorer.steps == 30


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"momentum": 1.5}, "momentum=1.5 will not do; give 0 to 1, such as 0.1"),
        ({"spread": -1.0}, "spread=-1 will not do; give a standard deviation, 0 or more"),
        ({"mode": "test"}, "mode='test' is unknown; choose one of train, eval"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, sentence):
    with pytest.raises(traitlets.TraitError, match=sentence):
        BatchNormExplorer(**settings)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"preset='large' is unknown; choose one of "):
        BatchNormExplorer(preset="large")
    with pytest.raises(ValueError, match=r"epsilon is no setting here; give some of "):
        BatchNormExplorer(epsilon=1)
