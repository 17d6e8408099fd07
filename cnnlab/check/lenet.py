"""Checkers of chapter 05: LeNet."""

from __future__ import annotations

import statistics
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cache

import torch
from torch import nn

from cnnlab import models
from cnnlab.check.frame.experiments import HIGHER, LOWER, OTHER, UNCLEAR, Asked, conclude, measure, small_data, table
from cnnlab.check.frame.judging import difference, exercise, filled
from cnnlab.check.frame.networks import (
    build,
    combined,
    expect_gradients,
    expect_numbers,
    expect_parameters,
    expect_shape,
    sized,
)
from cnnlab.check.frame.showing import value_text
from cnnlab.check.frame.verdict import Wrong, likely_slip
from cnnlab.train import fit

POOLS = {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}
ACTIVATIONS = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU, "tanh": nn.Tanh}
CONVOLUTIONS, HIDDEN = ("conv1", "conv2"), ("fc1", "fc2")


def plain_lenet(
    pool: str = "avg",
    activation: str = "sigmoid",
    *,
    padding: int = 2,
    norms: Sequence[str] = (),
    order: str = "before",
    first_pool: bool = False,
    last_norm: bool = False,
    linear: Sequence[str] = (),
    end: Sequence[nn.Module] = (),
) -> nn.Module:
    """LeNet for 28 × 28, right or with a mistake.

    norms: layers with a batch norm, `order` the activation, last_norm behind the pooling. first_pool: pools before the
    activation. linear: layers without an activation. end: what follows the ten sums.
    """

    def following(name: str, norm: nn.Module, pooling: Sequence[nn.Module] = ()) -> list[nn.Module]:
        act = [] if name in linear else [ACTIVATIONS[activation]()]
        norm = [norm] if name in norms else []
        steps = [*pooling, *act] if first_pool else [*act, *pooling]
        if order == "before":
            return [*norm, *steps]
        return [*steps, *norm] if first_pool or last_norm else [*act, *norm, *pooling]

    features = 16 * (5 if padding else 4) ** 2
    dense = [nn.Linear(features, 120), nn.Linear(120, 84)]
    return nn.Sequential(
        *[nn.Conv2d(1, 6, 5, padding=padding), *following("conv1", nn.BatchNorm2d(6), [POOLS[pool](2)])],
        *[nn.Conv2d(6, 16, 5), *following("conv2", nn.BatchNorm2d(16), [POOLS[pool](2)]), nn.Flatten()],
        *[dense[0], *following("fc1", nn.BatchNorm1d(120)), dense[1], *following("fc2", nn.BatchNorm1d(84))],
        *[nn.Linear(84, 10), *end],
    )


def mistakes(pool: str, activation: str) -> dict[str, dict]:
    """Settings of `plain_lenet` for what learners write instead, by their sentences."""
    (other_pool,) = POOLS.keys() - {pool}
    other = {"sigmoid": "relu", "relu": "sigmoid"}[activation]
    return {
        "it pools with the other kind: is the setting pool used?": {"pool": other_pool},
        "it has the other activation: is the setting activation used?": {"activation": other},
        "the activation is a tanh": {"activation": "tanh"},
        "it pools before the activation; with averages that is something else": {"first_pool": True},
        "an activation stands behind the last layer; its ten sums are left as they are": {
            "end": [ACTIVATIONS[activation]()]
        },
        "a softmax stands behind the last layer; the loss does that": {"end": [nn.Softmax(1)]},
        "the convolutions have no activation": {"linear": CONVOLUTIONS},
        "the dense layers have no activation": {"linear": HIDDEN},
        "there is no activation": {"linear": CONVOLUTIONS + HIDDEN},
    }


IMAGES, NUMBERS = (4, 1, 28, 28), 61_706
UNPADDED = "the first convolution has padding 2; without it 16×4×4 = 256 features are left instead of 400"


def expect_lenet(
    run, model: nn.Module, pool: str, activation: str, call: str, *, modes=(True, False), known: Mapping[str, dict] = {}
) -> None:
    """Wrong unless the model, which is used up, computes what LeNet does. known: further mistakes, looked for first."""
    expect_shape(run, model, IMAGES, (4, 10))
    slips = {
        UNPADDED: 44_426,
        "an activation with parameters of its own is used; take nn.ReLU or nn.Sigmoid": NUMBERS + 4,
    }
    expect_parameters(model, NUMBERS, slips, call=call)
    settings, ways = {"pool": pool, "activation": activation}, {**known, **mistakes(pool, activation)}
    slips = combined(lambda **way: plain_lenet(**settings | way), ways)
    expect_numbers(run, model, plain_lenet(**settings), IMAGES, "LeNet", slips, modes=modes, call=call)


PLAIN, WITH_MAX, WITH_RELU = ("avg", "sigmoid"), ("max", "sigmoid"), ("avg", "relu")
MAX_RELU = Asked("lenet.max_relu", "accuracy", (PLAIN, WITH_MAX, WITH_RELU), valid=1_000)
WORDS = {"ReLU": HIGHER, "max pooling": LOWER, UNCLEAR: UNCLEAR}  # the gain by ReLU next to that by max pooling


def gains(rows):
    """What either change gains, seed by seed."""
    return {
        name: [b - a for a, b in zip(rows[PLAIN], rows[other], strict=True)]
        for name, other in (("gain by max pooling", WITH_MAX), ("gain by ReLU", WITH_RELU))
    }


@exercise("LeNet with max pooling and ReLU", level=1, minutes=15)
def max_relu(run, lenet, accuracy, larger) -> str:
    for pool in POOLS:
        for activation in ("sigmoid", "relu"):
            call = f"lenet({pool!r}, {activation!r})"
            model = build(run, lenet, pool, activation, given=call, shape=IMAGES)
            expect_lenet(run, model, pool, activation, call)
    filled(larger)
    return conclude(larger, measure(run, accuracy, MAX_RELU).derived(gains), "larger", words=WORDS)


MOST_PARAMETERS, POINTS = 62_000, 5
RECIPE = {"epochs": 3, "lr": 4e-3, "optimizer": "adamw", "schedule": "one-cycle", "batch_size": 64, "progress": False}


def trained(make, seed: int) -> float:
    """Validation accuracy of make() after the small recipe."""
    torch.manual_seed(seed)
    return fit(sized(make(), IMAGES), small_data(), seed=seed, **RECIPE).valid_accuracy


@cache
def lenet_trained(seed: int) -> float:
    return trained(lambda: models.build("lenet"), seed)


@exercise("More accuracy within 62,000 parameters", level=3, minutes=40)
def raise_accuracy(run, better_lenet) -> str:
    model = build(run, better_lenet, shape=IMAGES)
    Y = expect_shape(run, model, (8, 1, 28, 28), (8, 10))
    count = sum(parameter.numel() for parameter in model.parameters())
    if count > MOST_PARAMETERS:
        raise Wrong(
            "That is more than 62,000 parameters.",
            got=f"{count:,} parameters",
            slip="look for the largest layer; most parameters sit where the maps are flattened",
        )
    if (Y >= 0).all() and torch.allclose(Y.sum(1), torch.ones(8), atol=1e-4):
        raise Wrong("The outputs add up to 1.", slip="the loss takes logits and applies softmax itself; leave it out")
    expect_gradients(run, model, (8, 1, 28, 28))
    seeds = (0, 1, 2)
    yours = [run(trained, better_lenet, seed, fresh=True, given=f"training, seed={seed}") for seed in seeds]
    lenets = [lenet_trained(seed) for seed in seeds]
    gain = 100 * (statistics.fmean(yours) - statistics.fmean(lenets))
    if not gain >= POINTS:
        raise Wrong(
            f"It is {gain:+.1f} points from LeNet, and at least +{POINTS} are wanted.",
            got=table({"LeNet": lenets, "yours": yours}),
            slip="ReLU and max pooling alone gain about two points; what makes the first steps longer, or the features richer?",
        )
    return f"With {count:,} parameters it is {gain:.1f} points above LeNet (means of {len(seeds)} seeds)."


def some_nets():
    """Small networks in either mode whose outputs differ between the modes, with inputs."""
    for seed in range(4):
        torch.manual_seed(seed)
        channels, side = 2 + seed, 6 + 2 * seed
        layers = OrderedDict(
            conv=nn.Conv2d(1, channels, 3, padding=1),
            norm=nn.BatchNorm2d(channels),
            act=nn.ReLU(),
            pool=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            out=nn.Linear(channels * (side // 2) ** 2, 4),
        )
        yield (
            nn.Sequential(layers).double().train(seed != 2),
            torch.randn(5, 1, side, side, dtype=torch.float64) * 2 + 1,
        )


@torch.no_grad()
def layer_by_layer(net, X, mode: bool = False, before: bool = False) -> dict[str, torch.Tensor]:
    """Every layer's output (or its input) in that mode, the network left as it was."""
    state, kept = {name: value.clone() for name, value in net.state_dict().items()}, {}
    was = net.training
    net.train(mode)
    for name, layer in net.named_children():
        Y = layer(X)
        kept[name], X = (X if before else Y), Y
    net.load_state_dict(state)
    net.train(was)
    return kept


def expect_activations(run, answer, net, X) -> None:
    """Wrong unless answer(net, X) is every layer's output in evaluation mode and leaves the network as it was."""
    given = f"activations(net, X), X of {len(X)} images"
    slips = {
        "the network was in training mode: batch norm then uses this batch": layer_by_layer(net, X, mode=True),
        "these are the inputs of the layers; a hook gets (layer, inputs, output)": layer_by_layer(net, X, before=True),
    }
    wanted, state = layer_by_layer(net, X), {name: value.clone() for name, value in net.state_dict().items()}
    was, modes = net.training, [layer.training for layer in net.modules()]
    got = run(answer, net, X, given=given)
    if not isinstance(got, dict):
        raise Wrong("A dict {name: output} is wanted.", call=given, got=value_text(got))
    if list(got) != list(wanted):
        raise Wrong("The names differ.", call=given, got=value_text(list(got)), wanted=value_text(list(wanted)))
    for name, value in wanted.items():
        if fault := difference(got[name], value):
            slip = likely_slip(slips, lambda other, name=name: not difference(got[name], other[name]))
            raise Wrong(f"Layer {name!r}: {fault[0].lower()}{fault[1:]}", call=given, slip=slip)
    if any(layer._forward_hooks or layer._forward_pre_hooks for layer in net.modules()):
        raise Wrong("A hook is left in the network.", call=given, slip="keep each handle and call its remove()")
    if [layer.training for layer in net.modules()] != modes:
        words = {True: "training", False: "evaluation"}
        says = f"The network was in {words[was]} mode and is left in {words[net.training]} mode."
        raise Wrong(says if net.training != was else "Some of its layers are left in the other mode.", call=given)
    if any(not torch.equal(state[name], value) for name, value in net.state_dict().items()):
        raise Wrong("The network has changed.", call=given, slip="in training mode the averages of batch norm move")


SAME = 0.05  # relative: another order of adding, or n for n − 1, makes less
SPREAD = Asked("lenet.activations", "spread", ("garments", "noise"), valid=500, numbers={"spread": OTHER})


def units_of(seed: int) -> torch.Tensor:
    """What act2 of the network in the set-up cell makes of the 500 validation images."""
    data = SPREAD.data()
    torch.manual_seed(seed)
    net = models.build("lenet")
    fit(net, data, epochs=3, lr=3e-3, optimizer="adamw", batch_size=64, seed=seed, progress=False)
    return layer_by_layer(net, next(data.valid.batches(SPREAD.valid))[0])["act2"]


def _expect_spread(mine: float) -> None:
    """Wrong where the spread over garments, seed 0, is not that of the network in the set-up cell."""
    units = units_of(0)
    right = units.std(0).mean().item()
    if abs(mine - right) < SAME * right:
        return
    slips = {
        "that is the deviation of all numbers at once; first over the images, unit by unit, then the mean": units.std(),
        "that is the variance; the deviation is its root": units.var(0).mean(),
        "the deviation is taken over the units of an image; it is asked for over the images": units.flatten(1)
        .std(1)
        .mean(),
        "that is each map's mean; every unit counts for itself": units.mean((2, 3)).std(0).mean(),
    }
    slip = likely_slip(slips, lambda other: abs(mine - other.item()) < SAME * other.item())
    raise Wrong(
        "The spread over garments is another than that of the network in the set-up cell.",
        call="spread('garments', seed=0, data)",
        got=f"{mine:.3f}",
        wanted=f"{right:.3f}",
        slip=slip,
    )


@exercise("Activations for a garment and for noise", level=2, minutes=20)
def activations(run, activations, spread, conclusion) -> str:
    for net, X in some_nets():
        expect_activations(run, activations, net, X)
    found = measure(run, spread, SPREAD)
    _expect_spread(found["garments"][0])
    return conclude(conclusion, found)


CHANGES = ("none", "small rate", "tiny weights", "more epochs")
SETTINGS = Asked("lenet.settings", "accuracy_after", CHANGES, images=1_000, valid=500)


@exercise("Learning rate, initialisation and epochs", level=2, minutes=20)
def settings(run, accuracy_after, about_rate, about_weights, about_epochs) -> str:
    found = measure(run, accuracy_after, SETTINGS)
    picked = {"about_rate": about_rate, "about_weights": about_weights, "about_epochs": about_epochs}
    for change, (name, word) in zip(CHANGES[1:], picked.items(), strict=True):
        conclude(word, found.pick("none", change), name)
    means = ", ".join(f"{change} {statistics.fmean(row):.2f}" for change, row in found.items())
    return f"Measured here: {means} (means of 3 seeds).{found.note}"
