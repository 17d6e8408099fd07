"""The reference table: its rows are the notes', what was not measured says so, nothing measured is lost."""

import dataclasses
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from cnnlab import models
from cnnlab.data import FashionMNIST
from cnnlab.data.archives import DataError
from cnnlab.measure import recipes
from cnnlab.measure.recipes import KINDS, SHORT, SHORTER, SMALL, Recipe, in_fp32, rows
from cnnlab.measure.reference import __main__ as command
from cnnlab.measure.reference import files, reference
from cnnlab.measure.reference import measure as measuring
from cnnlab.measure.reference.files import read, write
from cnnlab.measure.reference.measure import Result, load, measure
from cnnlab.measure.reference.table import HEAD, cells, precisions
from cnnlab.train import fit
from tests.conftest import blobs

pytestmark = pytest.mark.slow  # a reference is measured: two seeds are trained

RESULTS = Path(__file__).parents[2] / "results"
QUICK = {"epochs": 4, "lr": 5e-3, "batch_size": 50, "optimizer": "adamw"}


@pytest.fixture(scope="module")
def quick() -> Recipe:
    return dataclasses.replace(rows("lenet")["ours"], training=QUICK)


@pytest.fixture(scope="module")
def result(quick) -> Result:
    data = FashionMNIST(blobs(600, 1), blobs(100, 2, "valid"), blobs(100, 3, "test"), source="drawn")
    return measure(quick, data, range(2), say=lambda words: None)


# The notes' ten epochs of plain SGD: network, learning rate, batch, side.
NOTES = [("lenet", 0.9, 256, 28), ("alexnet", 0.01, 128, 224), ("vgg11", 0.05, 128, 224), ("nin", 0.1, 128, 224),
         ("googlenet", 0.1, 128, 96), ("bn_lenet", 1.0, 256, 28), ("resnet18_notes", 0.05, 256, 96),
         ("densenet", 0.1, 256, 96)]  # fmt: skip


@pytest.mark.parametrize(("network", "lr", "batch_size", "side"), NOTES)
def test_the_notes_rows_are_the_notes(network, lr, batch_size, side):
    row = rows(network, "cuda")["notes"]
    assert row.training == {"epochs": 10, "batch_size": batch_size, "lr": lr, "precision": "fp32"}
    assert (row.image_size, row.xavier, row.augment) == (side, True, ())


@pytest.mark.parametrize("device_type", ["cpu", "cuda"])
@pytest.mark.parametrize("network", recipes.NOTES)
def test_every_row_builds_and_differs_from_the_other(network, device_type):
    both = rows(network, device_type)
    with torch.device("meta"):
        for row in both.values():
            assert sum(parameter.numel() for parameter in row.model(0).parameters()) > 40_000
    assert both["notes"].training != both["ours"].training


@pytest.mark.parametrize("network", SMALL)
def test_on_a_processor_both_recipes_are_as_large_and_as_long(network):
    both = rows(network)
    assert both["notes"].image_size == both["ours"].image_size == 28
    assert both["notes"].training["epochs"] == both["ours"].training["epochs"] <= 10
    assert both["notes"].training["lr"] == rows(network, "cuda")["notes"].training["lr"]
    assert both["notes"].settings.items() <= both["ours"].settings.items()


def test_a_network_the_notes_do_not_have_is_refused():
    with pytest.raises(ValueError, match=r"'resnet50' is not one of lenet, .*; the notes have no recipe for it"):
        rows("resnet50")


def test_measuring_gives_one_value_a_seed_and_seeds_differ(result):
    assert len(result.seconds) == len(result.valid) == len(result.test) == 2
    assert result.parameters == 61_706
    assert result.macs == 416_520
    assert result.test[0] > 0.9  # squares in ten places are easily told apart
    assert result.collapsed == 0
    assert not result.stopped


def test_a_run_that_diverges_counts_as_collapsed(monkeypatch, quick, tiny_data):
    monkeypatch.setattr(measuring, "step_memory", lambda *args, **settings: 0)  # takes a process of its own
    wild = dataclasses.replace(quick, training={**QUICK, "optimizer": "sgd", "lr": 1e6})
    with pytest.warns(RuntimeWarning, match="the loss became"):
        result = measure(wild, tiny_data, [0], say=lambda words: None)
    assert result.collapsed == 1
    assert "the loss became" in result.stopped[0]
    assert math.isnan(result.valid[0]) or result.valid[0] < 0.3


def test_what_is_written_is_read_again_and_other_rows_stay(result, tmp_path):
    assert read(tmp_path) == {}
    write({"lenet ours": result}, tmp_path, "cpu")
    json_path, markdown_path = write({"bn_lenet notes": result}, tmp_path, "cpu")
    assert json_path.name == "reference-cpu.json"
    assert list(read(tmp_path)) == ["lenet ours", "bn_lenet notes"]
    assert read(tmp_path)["lenet ours"].test == result.test
    lines = [line for line in markdown_path.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert len(lines) == 2 + 2 * len(recipes.NOTES)
    assert sum("not measured" in line for line in lines) == 2 * len(recipes.NOTES) - 2


def test_every_row_names_the_machine_it_was_measured_on(result, tmp_path):
    other = dataclasses.replace(result, machine={**result.machine, "processor": "another", "date": "later"})
    later = dataclasses.replace(result, machine={**result.machine, "date": "later"})
    found = {"lenet ours": result, "nin ours": other, "lenet notes": later}
    text = write(found, tmp_path, "cpu")[1].read_text(encoding="utf-8").split("## Machines")[1]
    lines = {line.split(": ")[0]: line for line in text.split("\n\n") if line.strip()}
    assert lines.keys() == {"lenet notes, lenet ours", "nin ours"}
    assert "processor another; " in lines["nin ours"]
    assert "later" not in text


def test_every_row_of_a_processor_is_measured():
    assert read(RESULTS).keys() >= {f"{network} {kind}" for network in recipes.NOTES for kind in KINDS}


@pytest.mark.parametrize("device_type", ["cpu", "cuda"])
def test_what_was_measured_are_the_rows_of_today(device_type):
    for name, result in read(RESULTS, device_type).items():
        network, kind = name.split()
        assert result.row == rows(network, device_type)[kind], name
        assert len(result.test) == 5, name


def test_a_line_shows_mean_spread_least_and_collapses(result):
    result = dataclasses.replace(result, test=[0.90, 0.80, 0.10])
    line = dict(zip(HEAD, cells("lenet", "ours", result), strict=True))
    assert line["test, mean ± sd"] == "0.6000 ± 0.4359 (3 seeds)"
    assert line["least"] == "0.1000"
    assert line["collapsed"] == "1 of 3"
    assert line["best published"] == "0.828"


def test_both_precisions_are_compared_by_their_spread(result):
    low = dataclasses.replace(result, precision="bf16", valid=[0.90, 0.92])
    exact = dataclasses.replace(result, precision="fp32", row=in_fp32(result.row))
    near, far = (dataclasses.replace(exact, valid=valid) for valid in ([0.91, 0.93], [0.95, 0.96]))
    line = precisions("lenet", {"lenet ours": low, "lenet fp32": near})
    assert line == ["lenet", "4", "2", "0.9100 ± 0.0141", "0.9200 ± 0.0141", "-0.0100", "yes"]
    assert precisions("lenet", {"lenet ours": low, "lenet fp32": far})[-1] == "no"
    assert precisions("lenet", {"lenet ours": low}) == []
    assert precisions("lenet", {"lenet ours": near, "lenet fp32": near}) == []  # nothing to compare
    longer = dataclasses.replace(near.row, training={**near.row.training, "epochs": 5})
    other = dataclasses.replace(near, row=longer)
    assert precisions("lenet", {"lenet ours": low, "lenet fp32": other}) == []  # two recipes


def test_what_fp32_is_compared_with_differs_in_nothing_else():
    ours, exact = (rows("bn_lenet")[kind] for kind in ("ours", "fp32"))
    assert (ours.training["precision"], exact.training["precision"]) == ("auto", "fp32")
    assert dataclasses.replace(exact, kind="ours", training={**exact.training, "precision": "auto"}) == ours


@pytest.mark.parametrize("network", SHORTER)
def test_where_ours_takes_long_precisions_are_compared_in_a_shorter_form(network, result):
    ours, short, exact = (rows(network)[kind] for kind in ("ours", SHORT, "fp32"))
    assert short.training["epochs"] < ours.training["epochs"]
    assert in_fp32(short) == exact
    assert SHORT not in rows(network, "cuda")
    found = {kind: dataclasses.replace(result, row=row, precision="bf16") for kind, row in rows(network).items()}
    found["ours"].valid = [0.1, 0.1]
    line = precisions(network, {f"{network} {kind}": measured for kind, measured in found.items()})
    assert line[:2] == ["resnet18_notes: width 1/4, stem half", "4"]
    assert line[-2:] == ["+0.0000", "yes"]
    assert precisions(network, {f"{network} {kind}": found[kind] for kind in ("ours", "fp32")}) == []


def test_a_chapter_sees_its_two_lines(result, tmp_path):
    write({"lenet notes": result}, tmp_path, "cpu")
    shown = reference("lenet", folder=tmp_path)
    assert [line[1] for line in shown] == ["notes", "ours"]
    assert "not measured" not in " ".join(shown[0])
    assert "not measured" in repr(shown).splitlines()[2]
    assert shown._repr_html_().count("<tr>") == 3


def test_a_chapter_sees_its_own_run_below(tiny_data, tmp_path):
    history = fit(models.build("lenet"), tiny_data, epochs=2, progress=False)
    own = dict(zip(HEAD, reference("lenet", history, tmp_path)[2], strict=True))
    assert own["network"] == "the run above"
    assert own["images × epochs"] == f"{len(tiny_data.train)} × 2"
    assert own["test, mean ± sd"] == f"{history.valid_accuracy:.4f} (validation, 1 seed)"


def test_the_file_follows_the_scale(result, monkeypatch, tmp_path):
    write({"alexnet ours": result}, tmp_path, "cpu")
    assert "not measured" not in reference("alexnet", folder=tmp_path)[1]
    monkeypatch.setenv("CNNLAB_SCALE", "full")
    assert "not measured" in reference("alexnet", folder=tmp_path)[1]


def test_the_file_of_the_full_size_is_that_of_the_gpu_here(result, monkeypatch, tmp_path):
    monkeypatch.setenv("CNNLAB_SCALE", "full")
    for here, kept in (("mps", "mps"), ("cuda:1", "cuda"), ("cpu", "cuda")):
        write({"alexnet ours": result}, tmp_path / here, kept)
        monkeypatch.setattr(files, "pick_device", lambda here=here: torch.device(here))
        assert "not measured" not in reference("alexnet", folder=tmp_path / here)[1]


def test_apples_gpus_take_memory_from_the_processor(monkeypatch, quick, tiny_data):
    """They keep no peak. The data says that it is on mps, and is not."""
    asked = []
    monkeypatch.setattr(measuring, "step_memory", lambda *args, **settings: asked.append(args[3]) or 0)
    monkeypatch.setattr(measuring, "about", lambda device: {"device": str(device)})
    for place in ("mps", "cpu"):
        train = type("Split", (list,), {"device": torch.device(place)})()
        measure(quick, SimpleNamespace(train=train), [])
    assert asked == ["cpu", "cpu"]


def test_a_rows_network_leaves_the_shared_generator_alone(quick):
    shared = torch.get_rng_state()
    one, other = quick.model(1), quick.model(1)
    assert torch.equal(shared, torch.get_rng_state())
    assert all(map(torch.equal, one.parameters(), other.parameters()))


def test_drawn_images_are_refused(monkeypatch, quick, tiny_data):
    monkeypatch.setattr(recipes, "fashion_mnist", lambda *args, **settings: tiny_data)
    with pytest.raises(DataError, match="a reference on drawn images means nothing; set CNNLAB_DATA"):
        load(quick, torch.device("cpu"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--seeds", "0"], "--seeds 0 is below 1; one seed is a run, five are a result"),
        (["--networks", "lenet5"], "network 'lenet5' is not one of lenet"),
        (["--recipes", "short", "--device", "cpu"], "lenet has no recipe 'short' on a cpu; it has notes, ours, fp32"),
        (["--device", "tpu"], "device 'tpu' is not one of"),
    ],
)
def test_the_command_refuses_in_a_sentence(words, sentence, tmp_path):
    with pytest.raises(SystemExit, match=sentence):
        command.main([*words, "--out", str(tmp_path)])


def test_the_command_measures_and_writes(monkeypatch, quick, tiny_data, tmp_path):
    monkeypatch.setattr(command, "load", lambda row, device: tiny_data)
    monkeypatch.setattr(measuring, "step_memory", lambda *args, **settings: 0)
    both = {kind: dataclasses.replace(quick, kind=kind) for kind in KINDS}
    monkeypatch.setattr(command, "rows", lambda network, device_type: both)
    said = []
    command.main(["--networks", "lenet", "--seeds", "1", "--device", "cpu", "--out", str(tmp_path)], said.append)
    assert len(said) == 3
    assert said[0].startswith("lenet, notes, seed 0: test ")
    assert said[1].startswith("lenet, ours, seed 0: test ")
    assert list(read(tmp_path)) == ["lenet notes", "lenet ours"]
