"""Checkers of chapter 05: LeNet."""

from __future__ import annotations

import statistics
from collections import OrderedDict
from functools import cache

import torch
from torch import nn
from torch.nn import functional as F

from cnnlab import models
from cnnlab.check.experiments import HIGHER, LOWER, UNCLEAR, conclude, measure, small_data, table
from cnnlab.check.judging import difference, exercise, filled
from cnnlab.check.networks import build, expect_gradients, expect_parameters, expect_shape
from cnnlab.check.showing import value_text
from cnnlab.check.verdict import Wrong
from cnnlab.train import fit

POOLS = {"avg": F.avg_pool2d, "max": F.max_pool2d}
ACTIVATIONS = {"sigmoid": torch.sigmoid, "relu": torch.relu}
SHAPES = [(6, 1, 5, 5), (6,), (16, 6, 5, 5), (16,), (120, 400), (120,), (84, 120), (84,), (10, 84), (10,)]


def by_hand(weights, X, pool: str, activation: str, *, first_pool: bool = False, at_the_end: bool = False):
    """LeNet with these ten weights and biases, written in torch's functions."""
    act, pooled = ACTIVATIONS[activation], POOLS[pool]
    for weight, bias, padding in ((*weights[:2], 2), (*weights[2:4], 0)):
        X = F.conv2d(X, weight, bias, padding=padding)
        X = act(pooled(X, 2)) if first_pool else pooled(act(X), 2)
    X = X.flatten(1)
    for place in (4, 6, 8):
        X = F.linear(X, *weights[place : place + 2])
        X = act(X) if place < 8 or at_the_end else X
    return X


def expect_lenet(run, answer, pool: str, activation: str) -> None:
    """Wrong unless answer(pool, activation) computes what LeNet with its weights computes."""
    model = build(run, answer, pool, activation)
    expect_shape(run, model, (3, 1, 28, 28), (3, 10))
    expect_parameters(
        model,
        61_706,
        {
            "the first convolution has padding 2; without it 16×4×4 = 256 features are left instead of 400": 44_426,
            "an activation with parameters of its own is used; take nn.ReLU or nn.Sigmoid": 61_706 + 4,
        },
    )
    if [tuple(weight.shape) for weight in model.parameters()] != SHAPES:
        raise Wrong("The weights have other shapes than LeNet's.", wanted=value_text(SHAPES))
    model, X = model.double().eval(), torch.randn(4, 1, 28, 28, dtype=torch.float64)
    weights = [weight.detach() for weight in model.parameters()]
    got, wanted = run(model, X).detach(), by_hand(weights, X, pool, activation)
    if fault := difference(got, wanted):
        call = f"{answer.__name__}({pool!r}, {activation!r})"
        raise Wrong(fault, call=call, slip=_lenet_slip(got, weights, X, pool, activation))


def _lenet_slip(got, weights, X, pool: str, activation: str) -> str:
    other = {"avg": "max", "max": "avg", "sigmoid": "relu", "relu": "sigmoid"}
    slips = [
        ("it pools with the other kind: is the setting pool used?", (other[pool], activation), {}),
        ("it has the other activation: is the setting activation used?", (pool, other[activation]), {}),
        ("both settings are the other way round", (other[pool], other[activation]), {}),
        ("it pools before the activation; with averages that is something else", (pool, activation), {"first_pool": 1}),
        (
            "an activation stands behind the last layer; its ten sums are left as they are",
            (pool, activation),
            {"at_the_end": 1},
        ),
    ]
    for sentence, settings, order in slips:
        if not difference(got, by_hand(weights, X, *settings, **order)):
            return sentence
    return ""


@exercise
def max_relu(run, lenet, accuracy, larger) -> str:
    for pool in POOLS:
        for activation in ACTIVATIONS:
            expect_lenet(run, lenet, pool, activation)
    filled(larger)
    words = {"ReLU": HIGHER, "max pooling": LOWER, UNCLEAR: UNCLEAR}
    if larger not in words:
        raise Wrong(f"larger is {value_text(larger)}; choose one of {', '.join(map(repr, words))}.")
    first, *changed = variants = [("avg", "sigmoid"), ("max", "sigmoid"), ("avg", "relu")]
    found = measure(run, accuracy, variants, small_data(2_000, 1_000))
    by_pool, by_relu = ([b - a for a, b in zip(found[first], found[other], strict=True)] for other in changed)
    gains = {"gain by max pooling": by_pool, "gain by ReLU": by_relu}
    return conclude_in_words(larger, words, gains)


def conclude_in_words(picked: str, words: dict[str, str], found: dict) -> str:
    """`conclude`, where the choices have names of their own."""
    try:
        return conclude(words[picked], found)
    except Wrong:
        raise Wrong(
            f"{picked!r} does not follow from what your experiment measured.",
            got=table(found),
            slip="each gain is measured from the network that has neither",
        ) from None


MOST_PARAMETERS, POINTS = 62_000, 5
RECIPE = {"epochs": 3, "lr": 4e-3, "optimizer": "adamw", "schedule": "one-cycle", "batch_size": 64, "progress": False}


def trained(make, seed: int) -> float:
    """Validation accuracy of make() after the small recipe."""
    torch.manual_seed(seed)
    return fit(make(), small_data(), seed=seed, **RECIPE).valid_accuracy


@cache
def lenet_trained(seed: int) -> float:
    return trained(lambda: models.build("lenet"), seed)


@exercise
def raise_accuracy(run, better_lenet) -> str:
    model = build(run, better_lenet)
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
    """Small networks in training mode whose outputs differ between the modes, with inputs."""
    for seed in range(3):
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
        yield nn.Sequential(layers).double(), torch.randn(5, 1, side, side, dtype=torch.float64) * 2 + 1


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
    got = run(answer, net, X, given=given)
    if not isinstance(got, dict):
        raise Wrong("A dict {name: output} is wanted.", call=given, got=value_text(got))
    if list(got) != list(wanted):
        raise Wrong("The names differ.", call=given, got=value_text(list(got)), wanted=value_text(list(wanted)))
    for name, value in wanted.items():
        if fault := difference(got[name], value):
            slip = next((text for text, other in slips.items() if not difference(got[name], other[name])), "")
            raise Wrong(f"Layer {name!r}: {fault[0].lower()}{fault[1:]}", call=given, slip=slip)
    if any(layer._forward_hooks for layer in net.modules()):
        raise Wrong("A hook is left in the network.", call=given, slip="keep each handle and call its remove()")
    if not net.training:
        raise Wrong("The network was in training mode and is left in evaluation mode.", call=given)
    if any(not torch.equal(state[name], value) for name, value in net.state_dict().items()):
        raise Wrong("The network has changed.", call=given, slip="in training mode the averages of batch norm move")


@exercise
def activations(run, activations, spread, conclusion) -> str:
    for net, X in some_nets():
        expect_activations(run, activations, net, X)
    found = measure(run, spread, ["garments", "noise"], small_data(2_000, 500), share=False)
    return conclude(conclusion, found)


CHANGES = ("none", "small rate", "tiny weights", "more epochs")


@exercise
def settings(run, accuracy_after, about_rate, about_weights, about_epochs) -> str:
    found = measure(run, accuracy_after, CHANGES, small_data(1_000, 500))
    for change in CHANGES[1:]:
        if found[change] == found["none"]:
            raise Wrong(
                f"{change!r} gives exactly the numbers of 'none'.",
                got=table(found),
                slip=f"is {change!r} spelt as in the question, and does it act before training?",
            )
    picked = {"about_rate": about_rate, "about_weights": about_weights, "about_epochs": about_epochs}
    for change, (name, word) in zip(CHANGES[1:], picked.items(), strict=True):
        conclude(word, {"none": found["none"], change: found[change]}, name)
    means = ", ".join(f"{change} {statistics.fmean(row):.2f}" for change, row in found.items())
    return f"Measured here: {means} (means of 3 seeds)."
