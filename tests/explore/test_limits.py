"""Settings far too large, and numbers that are none: every explorer answers or refuses, and its picture stays small."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnnlab.explore import (
    BatchNormExplorer,
    ChannelExplorer,
    CompareExplorer,
    ConvExplorer,
    PoolExplorer,
    ReceptiveFieldExplorer,
    ResidualExplorer,
)
from cnnlab.explore.kit import limits
from cnnlab.explore.kit.base import read
from cnnlab.explore.kit.settings import LONGEST_KERNEL, LONGEST_SIDE, Real, Sides, Whole, said
from tests import jupyterlab
from tests.explore.test_every_explorer import each_explorer, made
from tests.pictures import cells

MOST_SVG = 10**6  # letters
LARGE = [5000, 10**6, 10**30, 10**5000]
NO_NUMBERS = [float("nan"), float("inf"), float("-inf"), 1e300, -1e300, -1, 0, "x", None, [], (1, 2, 3), True, b"\0"]


def numeric(explorer) -> dict[str, traitlets.TraitType]:
    kinds = (Whole, Sides, Real, traitlets.Int, traitlets.Float)
    return {name: explorer.traits()[name] for name in explorer._names if isinstance(explorer.traits()[name], kinds)}


def shown(explorer) -> list:
    """What all its controls hold."""
    found, boxes = [], [explorer]
    while boxes:
        box = boxes.pop()
        boxes += getattr(box, "children", ())
        if hasattr(box, "value") and type(box).__name__ != "HTML":
            found.append(box.value)
    return found


def check_small(explorer) -> None:
    picture = explorer.view.picture["svg"]
    assert len(picture) <= MOST_SVG
    assert len(str(explorer.static())) <= MOST_SVG
    ET.fromstring(picture)
    assert "\n" not in repr(explorer)
    # Only the value of a cell outside the image is no number.
    assert not re.search(r"(?i)(?<![a-z-])-?(nan|inf)(?![a-z])", picture.replace('data-v="NaN"', ""))


def check_refused(error: Exception, name: str) -> None:
    sentence = str(error)
    assert sentence.startswith(name)
    assert "Broken link" not in sentence
    assert "\n" not in sentence
    assert len(sentence) < 300


@each_explorer
@pytest.mark.parametrize("value", [*NO_NUMBERS, *LARGE], ids=said)
def test_a_number_that_will_not_do_is_refused_and_not_kept(name, value):
    explorer = made(name)
    for trait in numeric(explorer):
        before, controls, picture = getattr(explorer, trait), shown(explorer), explorer.view.picture
        try:
            setattr(explorer, trait, value)
        except traitlets.TraitError as error:
            check_refused(error, trait)
            assert getattr(explorer, trait) == before
            assert shown(explorer) == controls
            assert explorer.view.picture == picture
        else:
            assert str(value) not in ("nan", "inf", "-inf")
            check_small(explorer)
            setattr(explorer, trait, before)


@pytest.mark.slow
@each_explorer
def test_all_settings_as_large_as_they_may_be(name):
    explorer = made(name)
    for trait, kind in numeric(explorer).items():
        if trait != "channel":  # which may only be one of those there are
            explorer._apply({trait: getattr(kind, "most", getattr(explorer, trait))})
            check_small(explorer)
    for _ in range(3):  # a layer may be broken in more than one way
        if explorer.error and explorer.remedies.changes:
            explorer._apply(explorer.remedies.changes[0][0])
    assert not explorer.error


SIZES = st.sampled_from([1, 2, 3, 7, 28, 100, 224, 300, LONGEST_SIDE])
KERNELS = st.sampled_from([1, 2, 3, 11, 31, LONGEST_KERNEL])
GEOMETRY = st.fixed_dictionaries(
    {},
    optional={
        "size": st.one_of(SIZES, st.tuples(SIZES, SIZES)),
        "kernel_size": st.one_of(KERNELS, st.tuples(KERNELS, KERNELS)),
        "padding": st.one_of(SIZES, st.tuples(SIZES, SIZES)),
    },
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [ConvExplorer, ChannelExplorer, PoolExplorer])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(geometry=GEOMETRY, stride=SIZES, channels=st.sampled_from([1, 3, 16, 4096]), turned=st.booleans())
def test_a_large_layer_is_shown_or_refused_with_changes_that_help(kind, geometry, stride, channels, turned):
    more = {
        ConvExplorer: {"stride": stride, "in_channels": channels, "transposed": turned, "heat": turned},
        ChannelExplorer: {"in_channels": channels, "out_channels": channels, "bias": turned},
        PoolExplorer: {"stride": stride, "gradient": turned, "shift": int(turned), "mode": "avg" if turned else "max"},
    }[kind]
    explorer = kind(**geometry, **more)
    check_small(explorer)
    if explorer.error:
        assert explorer.out_shape is None
        for change, _ in explorer.remedies.changes:
            assert kind(**{**geometry, **more, **change}).error is None
        assert explorer.remedies.changes


# ---- what is computed of large maps is right -------------------------------------------------------------------------


def test_a_large_layer_of_many_channels_is_pytorchs():
    explorer = ChannelExplorer(60, 20, 3, (40, 61), groups=2, padding=1, channel=13)
    layer, groups = explorer.layer, 2
    X = torch.tensor(np.array(layer.images), dtype=torch.float64)[None]
    weight = torch.tensor(explorer.weights, dtype=torch.float64)
    bias = torch.tensor(explorer.biases, dtype=torch.float64)
    Y = torch.nn.functional.conv2d(X, weight, bias, padding=1, groups=groups)[0, 13]
    assert torch.equal(Y, torch.tensor(layer.out, dtype=torch.float64))
    # What is drawn and what is said of the others add up to each output drawn.
    places = list(product(*layer.shown_output))
    drawn = [made for c, made in layer.products.items() if c in layer.shown]
    for (r, c), rest in zip(places, layer.hidden, strict=True):
        assert sum(made[r][c] for made in drawn) + rest + layer.bias == layer.out[r][c]
    assert len(places) < 40 * 61


@pytest.mark.parametrize("mode", ["max", "avg", "min"])
@pytest.mark.parametrize("shift", [0, 2])
def test_a_large_pooling_is_pytorchs(mode, shift):
    explorer = PoolExplorer((90, 70), 3, 2, 1, mode=mode, shift=shift, gradient=True)
    pool = explorer.pool
    X = torch.tensor(np.array(pool.image), dtype=torch.float64, requires_grad=True)
    function = torch.nn.functional.avg_pool2d if mode == "avg" else torch.nn.functional.max_pool2d
    sign = -1 if mode == "min" else 1
    Y = sign * function(sign * X[None], 3, 2, 1)[0]
    Y.sum().backward()
    ours = torch.tensor([[float(pool.out[r, c]) for c in range(Y.shape[1])] for r in range(Y.shape[0])])
    torch.testing.assert_close(ours.double(), Y.detach())
    reached = torch.tensor([[float(pool.reaching(r, c)) for c in range(70)] for r in range(90)]).double()
    torch.testing.assert_close(reached, X.grad, atol=1e-6, rtol=0)
    assert float(pool.arrived) == pytest.approx(float(X.grad.sum()))
    assert pool.reached == int((X.grad > 0).sum())
    assert float(pool.largest_gradient) == pytest.approx(float(X.grad.max()))
    root = ET.fromstring(explorer.view.picture["svg"])
    seen = cells(root, "input")
    assert len(seen) < 92 * 72
    written = {at: cell.label for at, cell in seen.items() if cell.label and pool.inside(*at)}
    assert {at: Fraction(label) for at, label in written.items()} == {at: pool.reaching(*at) for at in written}


@settings(max_examples=30, deadline=None)
@given(
    image=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    kernel=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    out=st.tuples(st.integers(1, 800), st.integers(1, 800)),
    maps=st.integers(1, 24),
)
def test_the_budget_holds_every_count(image, kernel, out, maps):
    sentence = limits.too_large(kernel, out, [image, out], maps)
    values = max(image[0] * image[1], out[0] * out[1])
    over = (
        values > limits.VALUES
        or maps * values > 2 * limits.VALUES
        or maps * kernel[0] * kernel[1] * out[0] * out[1] > limits.PRODUCTS
        or max(kernel[0] * out[0], kernel[1] * out[1]) > limits.POSITIONS
    )
    assert bool(sentence) == over


def test_refusals_name_the_limit_and_the_way_out():
    with pytest.raises(traitlets.TraitError, match=r"^size=5000 is more than 512, .*; give 1 to 512"):
        ConvExplorer(size=5000)
    with pytest.raises(traitlets.TraitError, match=r"^in_channels=5000 is more than 4,096, .*; give 1 to 4,096"):
        ChannelExplorer(in_channels=5000)
    with pytest.raises(
        traitlets.TraitError, match=r"^own_image=.* is too large to compute with here; give at most 512"
    ):
        ConvExplorer(own_image=[[10**7]])
    with pytest.raises(
        traitlets.TraitError, match=r"^layers of 41 layers is more than the 40 computed here; give fewer"
    ):
        ReceptiveFieldExplorer([3] * 41)
    with pytest.raises(traitlets.TraitError, match=r"^layers: a field over .* taps is more than the .*; give fewer"):
        ReceptiveFieldExplorer([("conv", 301)] * 40)
    with pytest.raises(traitlets.TraitError, match=r"^layers: \[513\] has a number larger than 512; give each as"):
        ReceptiveFieldExplorer([[513]])
    with pytest.raises(
        traitlets.TraitError, match=r"^left of 1 layers with a field of 53 px is more than .*; give fewer"
    ):
        CompareExplorer([53])
    assert ConvExplorer(512, 64).error == (
        "windows that read 825,757,696 pixels are more than the 16,777,216 computed here; lower one of the settings"
    )
    assert "values over 1,000 batches are more than" in BatchNormExplorer(batch_size=128, steps=1000, pixels=64).error
    assert ResidualExplorer(depth=200, width=256).error.startswith("26,214,400 weights are more than the 524,288")


def test_pytorch_is_not_asked_for_what_would_fill_the_memory():
    explorer = ConvExplorer(in_channels=4096, out_channels=4096)
    assert explorer.ask_torch().says.startswith("PyTorch is not asked: 151,")
    assert "products are more than" in ConvExplorer(112, in_channels=1024, out_channels=1024).ask_torch().says
    assert "is not asked" in ConvExplorer(512, 64).ask_torch().says
    assert "is not asked" in BatchNormExplorer(batch_size=16384, steps=1000).ask().says


def test_controls_show_what_holds_after_a_refusal():
    explorer = ReceptiveFieldExplorer([3, 3])
    explorer.rows.rows[0].numbers[0].value = 5000
    assert explorer.rows.rows[0].numbers[0].value == 3
    assert "5000" in explorer.refusal.value
    explorer.rows.rows[0].numbers[0].value = 5
    assert explorer.refusal.value == ""
    assert explorer.layers[0].kernel == 5
    other = CompareExplorer([7] * 8, [3])
    other.rows["left"].apply([(kind, kernel) for kind, kernel in (*other.left, other.left[0])])
    assert len(other.left) == 8
    assert "field of 55 px" in other.refusal.value


def test_small_values_have_no_minus_of_their_own():
    explorer = ConvExplorer(3, 3, image="own", own_image=[[1] * 3] * 3, weights="blur", bias=-1)
    assert explorer.conv.value(0, 0) == "0.0"
    nearly = ConvExplorer(5, 5, image="own", own_image=[[1] * 5] * 4 + [[1, 1, 1, 1, 0]], weights="blur", bias=-1)
    assert nearly.conv.value(0, 0) == "0.0"  # −1/25
    assert "-0.00" not in repr(BatchNormExplorer(gamma=-1e-9))
    assert "−0.00" not in str(BatchNormExplorer(gamma=-1e-9).static())


@pytest.mark.browser
@pytest.mark.skipif(bool(jupyterlab.why_not()), reason=str(jupyterlab.why_not()))
@pytest.mark.parametrize("setting", [{"size": 60}, {"size": 90, "kernel_size": 20, "padding": 3, "in_channels": 9}])
def test_every_cell_of_a_large_map_tells_its_story(setting):
    explorer = ChannelExplorer(**setting)
    tells = """() => {
      const picture = new Picture(document.querySelector("svg"));
      const all = PARTS.flatMap((part) => [...picture.cells[part].values()].map((cell) => story(picture, cell)));
      for (const told of all) for (const [target] of told.lit) if (!target) throw new Error("nothing to light");
      return picture.order.map((cell) => [cell.r, cell.c,
        story(picture, cell).terms.map(({ sign, text }) => sign.replace("−", "-") + text.replace(/\\D/g, ""))]);
    }"""
    with jupyterlab.browser() as chromium:
        page = chromium.new_page()
        page.set_content(explorer.view.picture["svg"])
        page.add_script_tag(content=read("kit/cells.js", "channels/view.js"))
        for r, c, terms in page.evaluate(tells):
            assert sum(map(int, terms)) + explorer.layer.bias == explorer.layer.out[r][c]
        page.close()
