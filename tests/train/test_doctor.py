"""Faults of a network or of data, named in one sentence before anything is trained."""

import copy
import dataclasses
import re

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab import models
from cnnlab.data import FashionMNIST, Images
from cnnlab.scratch import BatchNorm
from cnnlab.train import evaluate, fit
from cnnlab.train.doctor import check_last_batch, not_finite, state_kept
from tests.conftest import blobs

QUICK = {"epochs": 1, "batch_size": 50, "precision": "fp32", "progress": False}


@pytest.fixture
def few() -> FashionMNIST:
    return FashionMNIST(blobs(100, 1), blobs(20, 2, "valid"), blobs(20, 3, "test"), source="drawn")


def flat(*more: nn.Module, outputs: int = 10) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, outputs), *more)


class Applied(nn.Module):
    """A function as a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def refused(few, model, match, **settings):
    """`fit` says so, and has moved no weight."""
    before = copy.deepcopy(model.state_dict()) if isinstance(model, nn.Module) else {}
    with pytest.raises(ValueError, match=match) as caught:
        fit(model, few, **{**QUICK, **settings})
    assert "\n" not in str(caught.value)
    for name, value in before.items():
        if "running" not in name and "tracked" not in name:
            torch.testing.assert_close(model.state_dict()[name], value, equal_nan=True)


# ---- the network -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: "lenet", "model='lenet' is not a network, .*; build one, as in"),
        (lambda: models.LeNet, "model=<class .*LeNet'> is not a network, .*; call it first"),
        (
            lambda: flat().requires_grad_(False),
            "no parameter of Sequential requires a gradient, .*; call requires_grad_",
        ),
        (lambda: nn.Sequential(nn.Flatten()), "Sequential has no parameters, .*; give it a layer with weights"),
        (lambda: flat(outputs=5), "a label is 9, .* scores for 5 classes, 0 to 4; give its last layer 10 outputs"),
        (lambda: nn.Conv2d(1, 10, 28), r"scores of shape \(50, 10, 1, 1\) .* not \(50, number of classes\); .*Flatten"),
        (lambda: flat(Applied(lambda y: y[:, 0])), r"scores of shape \(50,\) .*; let its last layer be linear"),
        (lambda: flat(Applied(lambda y: y.T)), r"scores of shape \(10, 50\) for 50 images"),
        (lambda: flat(Applied(lambda y: (y, y))), "returns a tuple, .*; let forward return the scores alone"),
        (lambda: flat(Applied(lambda y: {"scores": y})), "returns a dict, not one tensor of scores"),
        (lambda: flat(Applied(torch.detach)), "scores of Sequential carry no gradient; compute them without detach"),
        (lambda: flat().double(), "has weights in torch.float64 and the images are torch.float32; call model.float"),
        (lambda: flat().half(), "has weights in torch.float16 and the images are torch.float32; call model.float"),
    ],
)
def test_a_network_that_cannot_be_trained(few, make, match):
    refused(few, make(), match)


def test_weights_of_another_type_that_the_network_itself_takes_care_of_are_its_own_matter(few):
    net = nn.Sequential(nn.Flatten(), Applied(torch.Tensor.double), nn.Linear(784, 10).double())
    assert len(fit(net, few, **QUICK)) == 1


def test_more_scores_than_classes_are_no_fault(few):
    assert len(fit(flat(outputs=12), few, **QUICK)) == 1


def test_lazy_layers_get_their_sizes_and_weights_from_the_seed(few):
    def lazy():
        return nn.Sequential(nn.LazyConv2d(4, 5), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))

    shared = torch.get_rng_state()
    nets = [lazy(), lazy(), lazy()]
    runs = [fit(net, few, **QUICK, seed=seed) for net, seed in zip(nets, (1, 1, 2), strict=True)]
    assert torch.equal(shared, torch.get_rng_state())
    assert runs[0].settings["parameters"] == 4 * 25 + 4 + 8 + 4 * 24**2 * 10 + 10
    assert torch.equal(nets[0][4].weight, nets[1][4].weight)
    assert not torch.equal(nets[0][4].weight, nets[2][4].weight)
    assert nets[0].training


# ---- a batch of one --------------------------------------------------------------------------------------------------

NORMS = {
    "after flatten": lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.BatchNorm1d(10)),
    "own": lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10), BatchNorm(10)),
    "on 1 × 1 maps": lambda: nn.Sequential(nn.Conv2d(1, 10, 28), nn.BatchNorm2d(10), nn.Flatten()),
    "squeezed": lambda: nn.Sequential(nn.Conv2d(1, 10, 28), Applied(torch.squeeze)),
}


@pytest.mark.parametrize("name", NORMS)
def test_a_batch_of_one_image_is_seen_before_the_first_step(few, name):
    net = NORMS[name]()
    refused(few, net, r"the last batch .* 1 image \(100 images, batch_size 99\).*such as 100$", batch_size=99)
    refused(few, net, r"each batch has 1 image .*; take another batch_size, such as 2$", batch_size=1)
    for key, value in net.state_dict().items():  # not even the running statistics have moved
        assert "running" not in key or set(value.tolist()) <= {0.0, 1.0}
    assert len(fit(net, few, **{**QUICK, "batch_size": 98})) == 1


def test_one_image_in_all_needs_more(few):
    one = dataclasses.replace(
        few, train=dataclasses.replace(few.train, images=few.train.images[:1], labels=few.train.labels[:1])
    )
    refused(one, NORMS["own"](), "the last batch of an epoch has 1 image .*; take more images")


def test_a_batch_norm_over_large_maps_takes_a_batch_of_one(few):
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2 * 26 * 26, 10))
    assert len(fit(net, few, **{**QUICK, "batch_size": 99})) == 1
    frozen = NORMS["after flatten"]()
    frozen[2].eval()
    assert len(fit(frozen, few, **{**QUICK, "batch_size": 99})) == 1


def test_what_fails_with_any_batch_is_not_laid_to_the_batch_of_one(few):
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        fit(nn.Sequential(nn.Flatten(), nn.Linear(7, 10)), few, **{**QUICK, "batch_size": 99})


def test_the_batch_sizes_offered_work(few):
    for count in range(2, 30):
        for batch_size in range(1, count + 1):
            part = dataclasses.replace(few.train, images=few.train.images[:count], labels=few.train.labels[:count])
            if batch_size != 1 and count % batch_size != 1:
                check_last_batch(NORMS["own"](), part, batch_size, "fp32", 0)
                continue
            with pytest.raises(ValueError, match="cannot be trained on one") as caught:
                check_last_batch(NORMS["own"](), part, batch_size, "fp32", 0)
            offered = int(re.search(r"such as (\d+)$", str(caught.value))[1])
            assert all(len(y) > 1 for _, y in part.batches(offered))


# ---- the data --------------------------------------------------------------------------------------------------------


def changed(few, split="train", **fields):
    return dataclasses.replace(few, **{split: dataclasses.replace(getattr(few, split), **fields)})


def nan_image(images):
    images = images.float()
    images[3, 0, 5, 5] = float("nan")
    return images


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda d: d.train, "data is one split, .*; give the whole data"),
        (
            lambda d: torch.utils.data.DataLoader([1]),
            "data is a DataLoader, not what fashion_mnist.* returns; give that",
        ),
        (lambda d: "fashion_mnist", "data is a str, not what"),
        (
            lambda d: changed(d, images=d.train.images[:0], labels=d.train.labels[:0]),
            "'train' has 0 images, .*; take a",
        ),
        (lambda d: changed(d, "valid", images=d.valid.images[:0], labels=d.valid.labels[:0]), "'valid' has 0 images"),
        (lambda d: changed(d, labels=d.train.labels + 1), "a label is 10, .* 10 classes, 0 to 9; .* 11 outputs"),
        (lambda d: changed(d, "valid", labels=d.valid.labels * 2), "a label is 18, .* 10 classes"),
        (lambda d: changed(d, labels=d.train.labels - 1), "a label is -1, and classes count from 0; number the"),
        (lambda d: changed(d, labels=d.train.labels.float()), "labels of 'train' are torch.float32, not whole numbers"),
        (
            lambda d: changed(d, images=nan_image(d.train.images)),
            "1 of the 100 images of 'train' hold NaN or infinity; leave",
        ),
    ],
)
def test_data_that_cannot_be_trained_on(few, spoil, match):
    refused(spoil(few), flat(), match)


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda d: d, "images is the whole data, .*; give data.valid or data.test"),
        (
            lambda d: torch.utils.data.DataLoader([1]),
            "images is a DataLoader, not a split of the data; give data.valid",
        ),
        (lambda d: changed(d, "test", images=d.test.images[:0], labels=d.test.labels[:0]).test, "'test' has 0 images"),
    ],
)
def test_what_cannot_be_evaluated(few, spoil, match):
    with pytest.raises(ValueError, match=match):
        evaluate(flat(), spoil(few))


def test_evaluation_looks_at_scores_and_places_too(few):
    with pytest.raises(ValueError, match="returns a tuple, not one tensor of scores"):
        evaluate(flat(Applied(lambda y: (y, y))), few.test)
    with pytest.raises(ValueError, match=r"Sequential is on meta and the images are on cpu; .* model.to\('cpu'\)"):
        evaluate(flat().to("meta"), few.test)


# ---- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("lr", "0.1", "a number above 0"),
        ("lr", True, "a number above 0"),
        ("epochs", "3", "a whole number"),
        ("epochs", True, "a whole number"),
        ("batch_size", np.float64(2.5), "a whole number"),
        ("momentum", None, "at least 0"),
        ("weight_decay", float("nan"), "at least 0"),
        ("label_smoothing", "a", "at least 0"),
        ("seed", None, "a whole number, such as 0"),
        ("seed", 0.5, "a whole number, such as 0"),
        ("seed", 10**30, "a whole number, such as 0"),
        ("optimizer", torch.optim.Adam, "one of sgd, adamw"),
        ("schedule", ["constant"], "one of constant, one-cycle"),
        ("channels_last", "yes", "True, False or None"),
    ],
)
def test_settings_of_a_wrong_kind(few, name, value, rule):
    refused(few, flat(), f"^{name}=.* cannot be; it must be {rule}", **{name: value})


@pytest.mark.parametrize("kind", [np.int64, np.int32, torch.tensor])
def test_numbers_of_numpy_and_torch_are_numbers(few, tmp_path, kind):
    settings = {"epochs": kind(1), "batch_size": kind(50), "seed": kind(3), "lr": np.float32(0.25)}
    path = tmp_path / "run.pt"
    history = fit(flat(), few, checkpoint=path, **{**QUICK, **settings})
    assert {type(history.settings[name]) for name in ("epochs", "batch_size", "seed")} == {int}
    assert history.settings["lr"] == 0.25
    assert len(fit(flat(), few, checkpoint=path, **{**QUICK, **settings, "epochs": 2})) == 2


@pytest.mark.parametrize(
    ("value", "match"),
    [("", "checkpoint='' is not the name of a file; give one"), (3, "checkpoint=3 is not the name of a file")],
)
def test_checkpoints_without_a_name(few, value, match):
    refused(few, flat(), match, checkpoint=value)


def test_a_folder_is_no_checkpoint(few, tmp_path):
    refused(few, flat(), "is a folder; name a file in it, such as .*run.pt", checkpoint=tmp_path)


# ---- what is not finite before the first step ------------------------------------------------------------------------


def stopped(model, few, **settings) -> str:
    with pytest.warns(RuntimeWarning, match="before the first step"):
        history = fit(model, few, **{**QUICK, **settings})
    assert "learning rate" not in history.stopped
    assert len(history) == 0
    return history.stopped


def test_weights_that_are_not_finite_are_named_by_layer(few):
    for index, bad, word in ((1, float("nan"), "NaN"), (3, float("inf"), "infinity")):
        net = flat(nn.ReLU(), nn.Linear(10, 10))
        with torch.no_grad():
            net[index].weight[0, 0] = bad
        assert stopped(net, few).startswith(f"weight of layer '{index}' holds {word} before the first step")


def test_a_mask_of_infinities_is_no_fault(few):
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(784, 10)
            self.register_buffer("mask", torch.full((3,), -torch.inf))

        def forward(self, x):
            return self.fc(x.flatten(1)) + self.mask.softmax(0).sum()

    assert stopped(Masked(), few).startswith("Masked makes NaN of finite numbers")


def test_images_that_are_not_finite(few):
    data = dataclasses.replace(few, train=Unclean(**vars(few.train)))
    assert stopped(flat(), data).startswith("the images hold NaN before the first step; look at how they are prepared")


class Unclean(Images):
    def prepare(self, images, random):
        return super().prepare(images, random) * torch.nan


@pytest.mark.parametrize("inside", [True, False])
def test_the_first_layer_whose_output_is_not_finite_is_named(few, inside):
    bad = Applied(lambda y: (y - y) / (y - y))
    net = nn.Sequential(flat(), nn.Sequential(nn.ReLU(), bad), nn.Linear(10, 10))
    if not inside:  # the fault is in no layer, but between them
        net = Applied(lambda y: net[0](y).sub(1e30).pow(9))
        net.add_module("fc", flat())
        net.function = lambda y: net.fc(y) * torch.inf
    expected = "layer '1.1' (Applied) makes NaN" if inside else "Applied makes infinity"
    assert stopped(net, few).startswith(expected)


def test_scores_too_large_for_a_loss(few):
    net = flat()
    with torch.no_grad():
        net[1].weight.fill_(0)
        net[1].bias.copy_(torch.tensor([3e38] + [-3e38] * 9))
    assert stopped(net, few).startswith("the scores are too large before the first step; draw smaller weights")


def test_the_look_for_it_leaves_the_network_as_it_was(few):
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5), nn.Flatten(), nn.Linear(1352, 10))
    net[2].eval()
    before, modes = copy.deepcopy(net.state_dict()), [m.training for m in net.modules()]
    not_finite(net, torch.randn(4, 1, 28, 28), "fp32", 0)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert [m.training for m in net.modules()] == modes
    assert not any(m._forward_hooks for m in net.modules())


def test_means_kept_as_plain_attributes_are_given_back_too():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.mean = torch.zeros(2)

        def forward(self, x):
            self.mean = 0.9 * self.mean + x
            x += 1
            return x

    net = Own()
    mean = net.mean
    with state_kept(net):
        net(torch.ones(2))
    assert net.mean is mean
    assert net.mean.tolist() == [0, 0]
