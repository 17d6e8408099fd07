"""The record's command: rows, spread, verdict, files; on separable squares and a network that trains in no time."""

import json

import pytest
import torch

from cnnlab import models
from cnnlab.data.archives import DataError
from cnnlab.measure import recipes, record

TINY = recipes.record("tiny", {"width": 0.25}, mirrored=False, goal=0.5, limit=60, epochs=2, lr=0.01, batch_size=50)


@pytest.fixture
def tiny(monkeypatch, tiny_data):
    """Both recipes small, and the blobs in place of Fashion-MNIST."""
    monkeypatch.setattr(record, "RECORD", {"short": TINY, "long": TINY})
    monkeypatch.setattr(record, "load", lambda recipe, device: tiny_data)
    return tiny_data


def row(test_accuracy, seconds=10.0):
    return {
        "seed": 0,
        "seconds": seconds,
        "seconds_in_all": seconds + 1,
        "valid_accuracy": 0.9,
        "test_accuracy": test_accuracy,
        "parameters": 7,
        "precision": "fp32",
    }


def test_a_run_gives_the_network_and_its_row(tiny_data):
    net, history, found = record.run(TINY, tiny_data, seed=3)
    assert found["seed"] == 3
    assert found["parameters"] == sum(p.numel() for p in net.parameters())
    assert found["valid_accuracy"] == history.valid_accuracy
    assert 0.5 < found["test_accuracy"] <= 1
    assert 0 < found["seconds"] < found["seconds_in_all"]


def test_a_mirrored_judge_adds_the_scores_of_the_mirror_image():
    torch.manual_seed(0)
    net = models.build("fast", width=0.1).eval()
    X = torch.randn(3, 1, 28, 28)
    with torch.no_grad():
        scores = record.Mirrored(net)(X)
        torch.testing.assert_close(scores, net(X) + net(torch.stack(X.unbind(3)[::-1], dim=3)))
        torch.testing.assert_close(record.Mirrored(net)(X.flip(3)), scores)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_network_and_another_does_not(tiny_data):
    nets = [record.run(TINY, tiny_data, seed)[0] for seed in (0, 0, 1)]
    first, again, other = (torch.cat([p.flatten() for p in net.parameters()]) for net in nets)
    torch.testing.assert_close(again, first)
    assert not torch.allclose(other, first)


@pytest.mark.parametrize(
    ("accuracies", "seconds", "word"),
    [((0.4, 0.6), 60, "met"), ((0.4, 0.58), 10, "missed"), ((0.9, 0.9), 61, "missed")],
)
def test_the_verdict_is_of_means(accuracies, seconds, word):
    result = record.summary(TINY, [row(accuracy, seconds) for accuracy in accuracies], torch.device("cpu"))
    assert record.verdict(result).endswith(f"the goal, 0.500 in 60 s, is {word}")


@pytest.mark.slow
def test_the_command_writes_both_files_and_keeps_the_other_recipe(tiny, tmp_path):
    said = []
    words = ["--seeds", "2", "--device", "cpu", "--out", str(tmp_path)]
    record.main([*words, "--recipe", "long"], said.append)
    record.main([*words, "--recipe", "short"], said.append)
    assert [line.split(":")[0] for line in said[:3]] == ["long, seed 0", "long, seed 1", "long"]
    results = json.loads((tmp_path / "record.json").read_text())
    assert list(results) == ["short", "long"] == list(record.read(tmp_path))
    for result in results.values():
        tests = [run["test_accuracy"] for run in result["runs"]]
        assert result["test_accuracy"]["mean"] == pytest.approx(sum(tests) / 2)
        assert {"processor", "torch", "date"} <= result["machine"].keys()
    text = (tmp_path / "record.md").read_text()
    assert text.count("| 0 | ") == text.count("| 1 | ") == 2


def test_one_run_has_no_spread():
    assert record.spread([2.0]) == {"mean": 2.0, "sd": 0.0, "min": 2.0, "max": 2.0}


def test_drawn_images_are_refused(monkeypatch, tiny_data):
    monkeypatch.setattr(recipes, "fashion_mnist", lambda *settings, **more: tiny_data)
    with pytest.raises(DataError, match="a record on drawn images means nothing; set CNNLAB_DATA to a folder with the"):
        record.load(TINY)


def test_no_seed_at_all_is_refused(tiny):
    with pytest.raises(SystemExit, match="--seeds 0 is below 1; one seed is a run, five are a result"):
        record.main(["--seeds", "0"])


def test_nothing_is_read_where_nothing_was_written(tmp_path):
    assert record.read(tmp_path) == {}
