"""Recipes: each stands once, builds, can be trained, reaches the notebooks, and says how it differs."""

import dataclasses
import re

import pytest
import torch

from cnnlab import models
from cnnlab.device import PRECISIONS
from cnnlab.measure import recipes
from cnnlab.measure.recipes import CHAPTERS, NOTES, PUBLISHED, RECORD, chapter_recipe, rows
from cnnlab.train import init_xavier
from cnnlab.train.optim import RULES
from tests.notebooks import FOLDER, code_cells, read

SIZES = pytest.mark.parametrize("size", ["quick", "full"])
EACH = pytest.mark.parametrize("chapter", CHAPTERS)


def every():
    """All recipes there are."""
    for network in NOTES:
        for device_type in ("cpu", "cuda"):
            yield from rows(network, device_type).values()
    for both in CHAPTERS.values():
        for found in both:
            yield from found
    yield from RECORD.values()


def test_every_recipe_builds_and_has_settings_that_fit_takes():
    count = 0
    for recipe in every():
        with torch.device("meta"):
            assert sum(parameter.numel() for parameter in recipe.model().parameters()) > 40_000
        assert recipe.training.get("precision", "auto") in PRECISIONS
        for name, value in recipe.training.items() - {("precision", recipe.training.get("precision"))}:
            holds, rule = RULES[name]
            assert holds(value), f"{recipe}: {name} must be {rule}"
        count += 1
    assert count > 60


@pytest.mark.parametrize("recipe", [NOTES["lenet"], CHAPTERS["06"][0][0], CHAPTERS["09"][0][0]], ids=lambda r: r.form)
def test_its_model_is_that_of_a_seed_set_by_hand(recipe):
    torch.manual_seed(3)
    by_hand = models.build(recipe.network, image_size=recipe.image_size, **recipe.settings)
    if recipe.xavier:
        init_xavier(by_hand, 3)
    torch.manual_seed(7)  # which must not matter
    made = recipe.model(3).state_dict()
    assert all(torch.equal(made[name], value) for name, value in by_hand.state_dict().items())


def test_the_best_published_are_those_of_the_notes_networks():
    assert PUBLISHED.keys() == NOTES.keys()


@EACH
@SIZES
def test_a_chapter_trains_its_recipe_by_size(chapter, size, monkeypatch):
    monkeypatch.setenv("CNNLAB_SCALE", size)
    found = CHAPTERS[chapter][size == "full"]
    assert chapter_recipe(chapter) is found[0]
    for recipe in found:
        assert chapter_recipe(chapter, recipe.network) is recipe
        assert recipe.name
        assert 0.5 < recipe.floor < 1


@EACH
def test_the_full_recipe_of_a_chapter_is_the_notes_but_for_its_precision(chapter):
    for recipe in CHAPTERS[chapter][1]:
        if chapter in ("05", "10"):  # as large in the notes as here: the chapter's own recipe, in full
            assert recipe.image_size == 28
            assert recipe.training["epochs"] == 10
            continue
        notes = NOTES[recipe.network]
        assert recipe.training == {k: v for k, v in notes.training.items() if k != "precision"}
        same = dataclasses.replace(recipe, kind="notes", training=notes.training)
        assert dataclasses.replace(same, settings=notes.settings) == notes
        assert {k: v for k, v in recipe.settings.items() if k not in notes.settings} in ({}, {"last_relu": False})


@EACH
def test_a_quick_recipe_that_differs_from_the_reference_says_why(chapter):
    for recipe in CHAPTERS[chapter][0]:
        assert recipe.why.endswith(".")
        ours = [row for network in NOTES for row in recipes.rows(network).values() if row.kind != "notes"]
        assert recipe.training["epochs"] <= max(row.training["epochs"] for row in ours)


def test_another_chapter_or_network_is_refused():
    with pytest.raises(ValueError, match=r"chapter '04' is not one of 05, .*; no other trains a network in full"):
        chapter_recipe("04")
    with pytest.raises(ValueError, match=r"chapter 05 trains lenet and lenet_max, not 'nin'"):
        chapter_recipe("05", "nin")


@EACH
def test_its_notebook_takes_the_recipe_and_the_floor_and_retypes_neither(chapter):
    (path,) = FOLDER.glob(f"{chapter}-*.ipynb")
    source = "\n".join(cell.source for cell in code_cells(read(path)))
    assert f'chapter_recipe("{chapter}"' in source
    assert "**recipe.training" in source
    assert "history.valid_accuracy > recipe.floor" in source
    assert not re.search(r"valid_accuracy > 0\.8|by_scale\(quick=0\.", source)


def test_a_recipe_is_said_in_lines_a_learner_can_read():
    assert repr(CHAPTERS["09"][0][0]).splitlines() == [
        "GoogLeNet ÷ 4",
        "network   googlenet: width 1/4, stem half, batch norm",
        "data      28×28, 40,000 training images",
        "training  2 epochs, batches of 256, AdamW in one cycle up to rate 0.008, label smoothing 0.1",
        "floor     validation accuracy 0.88",
        "why       Two epochs over 40,000 images take under a minute.",
    ]
