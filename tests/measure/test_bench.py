"""The benchmark: both sides do the same job, its arithmetic, its report, and what is borrowed from d2l given back."""

import dataclasses
import gzip
import hashlib
import json
import struct
import subprocess
from importlib.metadata import version
from types import SimpleNamespace

import IPython.display
import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from cnnlab import models
from cnnlab.compat import load_d2l
from cnnlab.data import archives, dataset
from cnnlab.measure.bench import __main__ as command
from cnnlab.measure.bench import machine, ours, pairs, peak, report, theirs
from cnnlab.measure.bench.job import Job, affordable
from cnnlab.measure.bench.run import Run, first_steps, replaced
from cnnlab.measure.recipes import NOTES, notes
from cnnlab.trace import trace
from tests.conftest import blobs

TINY = notes("lenet", 28, 20, 0.5, activation="sigmoid")


@pytest.fixture
def few_archives(tmp_path, monkeypatch):
    """300 images in the format of the real archives; 100 of them are validation images, 60 more are for the test."""
    sums = {}
    for prefix, count in (("train", 300), ("t10k", 60)):
        images = blobs(count, seed=count)
        for kind, values in (("images-idx3", images.images[:, 0]), ("labels-idx1", images.labels)):
            content = struct.pack(f">HBB{values.dim()}I", 0, 8, values.dim(), *values.shape)
            content += values.numpy().astype(np.uint8).tobytes()
            (tmp_path / f"{prefix}-{kind}-ubyte.gz").write_bytes(gzip.compress(content))
            sums[f"{prefix}-{kind}-ubyte.gz"] = hashlib.md5(content).hexdigest()
    monkeypatch.setattr(archives, "ARCHIVES", sums)
    monkeypatch.setattr(dataset, "VALIDATION", 100)
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path))
    dataset.read_archives.cache_clear()
    yield tmp_path
    dataset.read_archives.cache_clear()


@pytest.fixture
def folder(few_archives):
    with theirs.notes_folder() as here:
        yield here


@pytest.fixture
def one_worker(monkeypatch):
    """Starting four processes a loader is what takes time on small data."""
    monkeypatch.setattr(load_d2l(), "get_dataloader_workers", lambda: 0)


def with_first_weights(act):
    """What `act` gives, and the weights that the first forward pass of a LeNet in it began with."""
    kept = []

    def keep(module, _inputs):
        if isinstance(module, models.LeNet) and not kept:
            kept.extend(weight.detach().clone() for weight in module.parameters())

    hook = nn.modules.module.register_module_forward_pre_hook(keep)
    try:
        return act(), kept
    finally:
        hook.remove()


@pytest.mark.slow
def test_both_sides_start_from_the_same_weights_and_end_alike(folder, one_worker):
    job = Job(TINY, images=200, tests=60, epochs=6, device="cpu", precision="fp32")
    mine, my_start = with_first_weights(lambda: ours.run(job))
    other, their_start = with_first_weights(lambda: theirs.run(job, folder))
    assert len(my_start) == 10
    assert all(torch.equal(a, b) for a, b in zip(my_start, their_start, strict=True))
    assert mine.images == other.images == 1200
    assert mine.loss == pytest.approx(other.loss, rel=0.02)  # only the order of the images differs


def test_the_same_images(folder, one_worker):
    job = Job(TINY, images=70, tests=30, device="cpu")
    train_iter, test_iter = theirs.loaders(load_d2l(), job, folder)
    mine = ours.load(job)
    for split, loader in ((mine.train, train_iter.loader), (mine.valid, test_iter)):
        here = sorted(row.tolist() for row in next(split.batches(len(split)))[0].flatten(1))
        there = sorted(X.flatten().tolist() for X, _ in loader.dataset)
        assert here == there
    assert (len(mine.train), len(mine.valid)) == (70, 30)


def test_drawing_draws_and_everything_is_given_back(folder, one_worker, monkeypatch):
    d2l = load_d2l()
    before = {name: getattr(d2l, name) for name in ("Timer", "Animator")}
    display, figures = IPython.display.display, []
    monkeypatch.setattr(theirs, "render", lambda figure: figures.append(len(figure.axes[0].lines)))
    job = Job(TINY, images=100, tests=30, device="cpu")
    plain, drawn = (theirs.run(job, folder, draw=draw) for draw in (False, True))
    assert len(figures) == 6  # after each fifth of the epoch, and the test accuracy
    assert plain.loss > 0
    assert drawn.loss > 0
    assert all(getattr(d2l, name) is value for name, value in before.items())
    assert IPython.display.display is display


def test_render_makes_the_picture():
    drawn = []
    axes = load_d2l().plt.figure().add_subplot()
    (line,) = axes.plot([1, 2])
    draw = line.draw
    line.draw = lambda renderer: drawn.append(renderer) or draw(renderer)
    theirs.render(axes.figure)
    assert drawn


def test_a_diverging_run_is_no_measurement(few_archives):
    job = Job(notes("lenet", 28, 20, 1e30, activation="relu"), 200, 30, device="cpu", precision="fp32")
    with pytest.warns(RuntimeWarning), pytest.raises(RuntimeError, match="lenet stopped: the loss became"):
        ours.run(job)


def test_without_archives_d2l_reads_the_drawn_garments(monkeypatch):
    drawn = [part.numpy() for split in (blobs(300, 1), blobs(60, 2)) for part in (split.images[:, 0], split.labels)]
    drawn = [part.astype(np.uint8) for part in drawn]
    monkeypatch.setattr(archives, "find_archives", lambda: None)
    monkeypatch.setattr(dataset, "draw_whole", lambda: drawn)
    with theirs.notes_folder() as here:
        theirs_set = torchvision.datasets.FashionMNIST(here.parent / "data")
    assert np.array_equal(theirs_set.data.numpy(), drawn[0])
    assert np.array_equal(theirs_set.targets.numpy(), drawn[1])


def test_the_command_does_not_measure_drawn_garments(monkeypatch):
    monkeypatch.setattr(command, "read_or_draw", lambda: (None, "drawn"))
    with pytest.raises(SystemExit, match="a benchmark on drawn images means little; set CNNLAB_DATA"):
        command.main(["--networks", "lenet"])


def test_recipes_are_the_notes():
    """Multiply-accumulates as counted by hand elsewhere: a wrong size or width would show."""
    macs = {}
    for name in ("alexnet", "vgg11", "nin", "googlenet", "resnet18_notes", "densenet"):
        recipe = NOTES[name]
        with torch.device("meta"):
            model = models.build(recipe.network, image_size=recipe.image_size, **recipe.settings)
        macs[name] = trace(model, (1, 1, recipe.image_size, recipe.image_size)).macs
    assert macs == {
        "alexnet": 938_146_176,
        "vgg11": 512_155_648,
        "nin": 762_297_352,
        "googlenet": 276_066_304,
        "resnet18_notes": 318_657_536,
        "densenet": 129_077_168,
    }
    assert {name: (r.batch_size, r.lr) for name, r in NOTES.items()} == {
        "lenet": (256, 0.9),
        "alexnet": (128, 0.01),
        "vgg11": (128, 0.05),
        "nin": (128, 0.1),
        "googlenet": (128, 0.1),
        "bn_lenet": (256, 1.0),
        "resnet18_notes": (256, 0.05),
        "densenet": (256, 0.1),
    }


def test_as_many_whole_batches_as_the_seconds_allow():
    lenet = NOTES["lenet"]
    assert affordable(lenet, seconds_a_batch=0.1, seconds=2) == 20 * 256
    assert affordable(lenet, seconds_a_batch=9, seconds=2) == 5 * 256
    assert affordable(lenet, seconds_a_batch=1e-6, seconds=2) == 55_000
    with pytest.raises(ValueError, match=r"images=1279 is fewer than the 5 batches of 256 .* give at least 1280"):
        affordable(lenet, 0.1, 2, images=1279)


def test_moments_of_the_first_two_steps_only():
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    weight.grad = torch.ones(1)
    with first_steps(torch.device("cpu")) as moments:
        for _ in range(3):
            optimizer.step()
    optimizer.step()
    assert len(moments) == 2
    assert moments == sorted(moments)


def test_replaced_gives_back_after_an_error():
    before = machine.SIDES

    def fail():
        with replaced(machine, SIDES={}):
            assert machine.SIDES == {}
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert machine.SIDES is before


def made(seconds: float, without: float | None = None) -> Run:
    return Run(600, seconds, without or seconds / 2, 0.1, 0.2, 0.1, 0.5, 0.8, 0.9)


def test_ratios_are_taken_round_by_round():
    """Medians of the sides alone would give 300 / 100 = 3."""
    runs = {
        "cnnlab": [made(2), made(1), made(6)],  # 300, 600, 100 images a second
        "d2l": [made(6), made(12), made(3)],  # 100, 50, 200
        "d2l drawing": [made(12), made(12), made(12)],  # 50
    }
    ratios = pairs.summary(runs)["ratios"]
    assert ratios["rate, to d2l"] == {"median": 3, "min": 0.5, "max": 12}
    assert ratios["rate, to d2l drawing"] == {"median": 6, "min": 2, "max": 12}
    assert ratios["rate_without_loading, to d2l"]["max"] == 12
    share = pairs.shares(runs, macs=1_000_000, products={"cnnlab": 1e10, "d2l": 1e9})
    assert share["cnnlab"]["median"] == pytest.approx(6e6 * 300 / 1e10)
    assert share["d2l"]["median"] == pytest.approx(6e6 * 100 / 1e9)


def test_rounds_go_there_and_back(monkeypatch):
    order = []
    monkeypatch.setattr(ours, "run", lambda _job: order.append("cnnlab") or made(1))
    monkeypatch.setattr(
        theirs, "run", lambda _job, _folder, draw: order.append("drawing" if draw else "plain") or made(2)
    )
    runs = pairs.in_turn(None, 2, None, lambda _: None)
    assert order == ["cnnlab", "drawing", "plain", "plain", "drawing", "cnnlab"]
    assert [len(done) for done in runs.values()] == [2, 2, 2]


def test_the_card_named_is_the_card_used(monkeypatch):
    asked = lambda device: SimpleNamespace(name=f"card {torch.device(device).index}", total_memory=2**34)  # noqa: E731
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", asked)
    assert machine.about(torch.device("cuda:1"))["GPU"] == "card 1, 16 GiB"
    assert machine.about(torch.device("cuda", 0))["GPU"] == "card 0, 16 GiB"


def test_matrix_peak_counts_two_operations_a_product(monkeypatch):
    monkeypatch.setattr(machine, "_seconds", lambda *_: 0.5)
    assert machine.matrix_peak("fp32", torch.device("cpu"), side=10) == 2 * 1000 / 0.5


@pytest.mark.slow
def test_the_command_from_beginning_to_end(few_archives, one_worker, monkeypatch, capsys):
    monkeypatch.setitem(NOTES, "lenet", TINY)
    monkeypatch.setitem(machine.SIDES, "cpu", 64)
    monkeypatch.setattr(peak, "resident", lambda side, *_: {"cnnlab": 3 * 2**20, "d2l": 5 * 2**20}[side])
    out = few_archives / "results"
    command.main(
        f"--networks lenet --images 100 --repeats 1 --seconds 1 --device cpu --precision fp32 --out {out}".split()
    )
    results = json.loads((out / "bench.json").read_text())
    (row,) = results["networks"]
    assert row["images"] == 100
    assert row["tests"] == 16
    assert row["macs"] == 416_520
    for side in ("cnnlab", "d2l", "d2l drawing"):
        (run,) = row["runs"][side]
        assert run["images"] == 100
        assert 0 < run["seconds_without_loading"] < run["seconds"]
        assert run["seconds_to_first_batch"] > 0
        assert 0 <= run["test_accuracy"] <= 1
    ratio = row["summary"]["ratios"]["rate, to d2l"]["median"]
    assert ratio == pytest.approx(row["runs"]["d2l"][0]["seconds"] / row["runs"]["cnnlab"][0]["seconds"])
    text = (out / "bench.md").read_text()
    assert text in capsys.readouterr().out
    for word in ("**lenet** 28 px, batch 20, lr 0.5", f"torch {version('torch')}", "GFLOP/s in fp32", "| 3 | 5 |"):
        assert word in text


def test_one_network_that_fails_does_not_end_the_others(few_archives, monkeypatch):
    def network(name, *_):
        raise RuntimeError(f"{name} stopped: the loss became nan")

    monkeypatch.setattr(pairs, "network", network)
    monkeypatch.setattr(pairs, "peaks", lambda _: {"fp32": 1e9})
    told = []
    results = pairs.measure(["nin", "lenet"], pairs.Options(device="cpu"), told.append)
    assert results["not measured"] == {name: f"{name} stopped: the loss became nan" for name in ("nin", "lenet")}
    assert len(told) == 2
    assert "Not measured: nin, because nin stopped: the loss became nan." in report.markdown(results)


def test_the_mean_over_networks_is_geometric():
    rows = [{"summary": {"ratios": {"rate": {"median": value}}}} for value in (2.0, 8.0)]
    assert report.overall(rows, "rate") == pytest.approx(4.0)


def test_a_row_says_when_it_was_shortened():
    row = {
        "network": "nin",
        "settings": {"image_size": 224, "batch_size": 128, "lr": 0.1, "settings": {}},
        "images": 896,
        "epochs": 1,
        "shortened": True,
        "at the least": False,
    }
    assert report.label(row).endswith("896 images (as many batches as the seconds of a run allow)")
    assert "fewest" in report.label(row | {"at the least": True, "images": 640})
    assert report.label(row | {"shortened": False}).endswith("896 images")


def test_full_is_the_notes_recipe(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(command, "measure", lambda names, options, _tell: asked.append((names, options)) or {})
    monkeypatch.setattr(command, "write", lambda *_: [])
    monkeypatch.setattr(command, "markdown", lambda _: "")
    monkeypatch.setattr(command, "read_or_draw", lambda: (None, "files"))
    command.main(["--full", "--networks", "nin"])
    ((names, options),) = asked
    assert names == ["nin"]
    assert (options.images, options.epochs) == (55_000, 10)
    assert affordable(NOTES["nin"], 60, options.seconds) == 55_000


def test_a_setting_that_cannot_be_ends_the_command(few_archives, capsys):
    with pytest.raises(SystemExit, match="device 'tpu' is not one of"):
        command.main(["--device", "tpu"])
    with pytest.raises(SystemExit):
        command.main(["--networks", "lenet5"])
    assert "invalid choice: 'lenet5'" in capsys.readouterr().err


def test_memory_in_a_fresh_process(monkeypatch):
    jobs = []

    def process(command, **_):
        jobs.append(json.loads(command[-1]))
        return subprocess.CompletedProcess(command, 0, "training on cpu\n4096\n", "")

    monkeypatch.setattr(subprocess, "run", process)
    assert peak.resident("d2l", Job(TINY, 1000, 100, 3, "cpu"), "there") == 4096
    ((side, job, there),) = jobs
    assert (side, there) == ("d2l", "there")
    assert (job["images"], job["epochs"]) == (40, 1)
    killed = subprocess.CompletedProcess([], -9, "", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: killed)
    with pytest.raises(RuntimeError, match=r"lenet by cnnlab could not be measured: .* code -9 \(no message\); free"):
        peak.resident("cnnlab", Job(TINY, 1000, 100), "there")


def test_the_process_prints_what_training_adds(folder, one_worker, monkeypatch, capsys):
    readings = iter([100, 350])
    monkeypatch.setattr(peak, "peak_resident", lambda: next(readings))
    done = []
    for side in peak.SIDES:
        readings = iter([100, 350])
        job = {"images": 40, "tests": 20, "epochs": 1, "device": "cpu", "precision": "fp32", "seed": 0}
        peak._main(json.dumps([side, {**job, "recipe": dataclasses.asdict(TINY)}, str(folder)]))
        done.append(capsys.readouterr().out)
    assert done == ["250\n", "250\n"]
