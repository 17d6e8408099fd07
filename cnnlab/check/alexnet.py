"""Checkers of chapter 06: AlexNet."""

from __future__ import annotations

import statistics
from functools import cache

import torch
from torch import nn

from cnnlab import models
from cnnlab.check.experiments import SEEDS, conclude, measure, small_data, table
from cnnlab.check.judging import difference, exercise
from cnnlab.check.lenet import SHAPES, by_hand
from cnnlab.check.networks import build, expect_gradients, expect_parameters, expect_shape, kept_bytes, used_layers
from cnnlab.check.showing import value_text
from cnnlab.check.verdict import Wrong
from cnnlab.train import evaluate, fit, init_xavier


def all_of(run, experiment, variants, data, fault) -> dict[tuple, object]:
    """What experiment(variant, seed, data) gives for each variant and seed; `fault` says in one sentence what is wrong
    with a result, or nothing."""
    results = {}
    for variant in variants:
        for seed in SEEDS:
            call = f"{experiment.__name__}({variant!r}, seed={seed}, data)"
            value = results[variant, seed] = run(experiment, variant, seed, data, fresh=True, given=call)
            if sentence := fault(value):
                raise Wrong(sentence, call=call, got=value_text(value))
    return results


def part(run, results, variants, of, *, share: bool = True) -> dict[object, list[float]]:
    """One number of each result, `of(result)`, as `measure` gives it, with what `measure` refuses."""

    def experiment(variant, seed):
        return of(results[variant, seed])

    return measure(run, experiment, variants, share=share)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


EPOCHS, EARLY = 6, 2


def curve_fault(value: object) -> str:
    if is_number(value):
        return "That is one number; the accuracy after each epoch is wanted, history.column('valid_accuracy')."
    if not isinstance(value, list) or not all(map(is_number, value)):
        return "A list of numbers is wanted, one accuracy after each epoch."
    if len(value) != EPOCHS:
        return f"{EPOCHS} epochs are asked for, and the list has {len(value)} numbers."
    return "" if all(0 <= number <= 1 for number in value) else "Accuracies between 0 and 1 are wanted."


@exercise
def more_epochs(run, curve, about_gain, about_last) -> str:
    networks = ["lenet", "alexnet"]
    results = all_of(run, curve, networks, small_data(1_000, 500), curve_fault)
    gains = part(run, results, networks, lambda row: row[-1] - row[EARLY - 1], share=False)
    last = part(run, results, networks, lambda row: row[-1])
    conclude(about_gain, gains, "about_gain")
    conclude(about_last, last, "about_last")
    gain, end = ({name: statistics.fmean(row) for name, row in found.items()} for found in (gains, last))
    return (
        f"From epoch {EARLY} to {EPOCHS} LeNet gains {100 * gain['lenet']:.0f} points and AlexNet "
        f"{100 * gain['alexnet']:.0f}; they end at {end['lenet']:.2f} and {end['alexnet']:.2f}."
    )


MOST_PARAMETERS, POINTS = 100_000, 2
RECIPE = {"epochs": 3, "lr": 2e-3, "optimizer": "adamw", "schedule": "one-cycle", "batch_size": 32, "progress": False}


def trained(make, seed: int) -> float:
    """Validation accuracy of make() after the small recipe."""
    torch.manual_seed(seed)
    return fit(init_xavier(make(), seed), small_data(1_500, 500), seed=seed, **RECIPE).valid_accuracy


def quarter() -> nn.Module:
    """AlexNet with a quarter of the channels: 367,034 parameters."""
    return models.build("alexnet", image_size=28, stem="small", width=0.25, dense=256, dropout=0.0)


@cache
def quarter_trained(seed: int) -> float:
    return trained(quarter, seed)


def layers_used(run, model: nn.Module) -> list[str]:
    """The kinds of the convolutions and linear layers in the order in which a forward pass uses them."""
    with torch.no_grad(), used_layers(model, nn.Conv2d, nn.Linear) as used:
        run(model, torch.randn(2, 1, 28, 28), given="model(X), X of shape 2×1×28×28")
    return [type(each.layer).__name__ for each in used]


def expect_alexnet(run, model: nn.Module) -> None:
    """Wrong unless five convolutions are followed by three linear layers."""
    used = layers_used(run, model)
    if used != ["Conv2d"] * 5 + ["Linear"] * 3:
        convolutions, dense = used.count("Conv2d"), used.count("Linear")
        raise Wrong(
            "An AlexNet has five convolutions and then three linear layers.",
            got=f"{convolutions} convolutions, {dense} linear layers",
            slip="that is LeNet's depth" if (convolutions, dense) == (2, 3) else "",
        )


@exercise
def small_alexnet(run, small_alexnet) -> str:
    model = build(run, small_alexnet)
    expect_shape(run, model, (8, 1, 28, 28), (8, 10))
    expect_alexnet(run, model)
    count = sum(parameter.numel() for parameter in model.parameters())
    if count > MOST_PARAMETERS:
        dense = sum(value.numel() for value in model.parameters() if value.dim() == 2)
        slip = "the dense layers hold most of them; make them narrower first" if dense > count / 2 else ""
        raise Wrong("That is more than 100,000 parameters.", got=f"{count:,} parameters", slip=slip)
    expect_gradients(run, model, (8, 1, 28, 28))
    yours = [run(trained, small_alexnet, seed, fresh=True, given=f"training, seed={seed}") for seed in SEEDS]
    quarters = [quarter_trained(seed) for seed in SEEDS]
    lost = 100 * (statistics.fmean(quarters) - statistics.fmean(yours))
    if not lost <= POINTS:
        raise Wrong(
            f"It is {lost:.1f} points below AlexNet ÷ 4, and at most {POINTS} are allowed.",
            got=table({"AlexNet ÷ 4": quarters, "yours": yours}),
            slip="too narrow, or dropout that slows so short a training down",
        )
    return f"{count:,} parameters instead of 367,034, and {-lost:+.1f} points (means of {len(SEEDS)} seeds)."


def kept_megabytes(model: nn.Module, X: torch.Tensor) -> float:
    """What one forward pass keeps in memory for the backward pass, weights not counted."""
    return kept_bytes(model, X) / 1e6


FEW, MANY = 16, 256  # images a batch


def batch_fault(value: object) -> str:
    if not isinstance(value, tuple | list) or len(value) != 3 or not all(map(is_number, value)):
        return "Three numbers are wanted: accuracy, seconds, megabytes."
    accuracy, seconds, megabytes = value
    if not 0 <= accuracy <= 1:
        return "The first number is an accuracy between 0 and 1."
    return "" if seconds > 0 and megabytes > 0 else "Seconds and megabytes are above 0."


@exercise
def batch_size(run, measured, about_accuracy, about_time, about_memory) -> str:
    sizes = [FEW, MANY]
    results = all_of(run, measured, sizes, small_data(1_000, 500), batch_fault)
    accuracy = part(run, results, sizes, lambda row: row[0])
    seconds = part(run, results, sizes, lambda row: row[1], share=False)
    memory = {size: [results[size, seed][2] for seed in SEEDS] for size in sizes}
    ratio = statistics.fmean(memory[MANY]) / statistics.fmean(memory[FEW])
    if not 8 < ratio < 32:
        slip = "the memory of one and the same batch is measured; its size is batch_size" if 0.9 < ratio < 1.1 else ""
        raise Wrong("16 times the images keep about 16 times the bytes.", got=f"{ratio:.2f} times", slip=slip)
    conclude(about_accuracy, accuracy, "about_accuracy")
    conclude(about_time, seconds, "about_time")
    conclude(about_memory, memory, "about_memory")
    means = [[statistics.fmean(found[size]) for size in sizes] for found in (accuracy, seconds, memory)]
    texts = ("accuracy {:.2f} and {:.2f}", "{:.2f} s and {:.2f} s", "{:.1f} MB and {:.1f} MB")
    return f"Batches of {FEW} and {MANY}: " + ", ".join(t.format(*m) for t, m in zip(texts, means, strict=True)) + "."


def expect_relu_lenet(run, model: nn.Module) -> None:
    """Wrong unless it is LeNet with average pooling and ReLU in evaluation mode."""
    expect_shape(run, model, (3, 1, 28, 28), (3, 10))
    slips = {"the first convolution has padding 2; without it 256 features are left instead of 400": 44_426}
    expect_parameters(model, 61_706, slips)
    if [tuple(weight.shape) for weight in model.parameters()] != SHAPES:
        raise Wrong("The weights have other shapes than LeNet's.", wanted=value_text(SHAPES))
    model.double().eval()
    X, weights = torch.randn(4, 1, 28, 28, dtype=torch.float64), [weight.detach() for weight in model.parameters()]
    Y, again = run(model, X).detach(), run(model, X).detach()
    if not torch.equal(Y, again):
        slip = "F.dropout drops always; give it training=self.training, or use nn.Dropout"
        raise Wrong("In evaluation mode two calls differ: it still drops.", slip=slip)
    if fault := difference(Y, by_hand(weights, X, "avg", "relu")):
        slips = {"the activation is still a sigmoid": ("avg", "sigmoid"), "the pooling is max": ("max", "relu")}
        found = (text for text, kinds in slips.items() if not difference(Y, by_hand(weights, X, *kinds)))
        raise Wrong(f"In evaluation mode: {fault[0].lower()}{fault[1:]}", slip=next(found, ""))


@torch.no_grad()
def expect_dropout(run, model: nn.Module, p: float) -> None:
    """Wrong unless, in training, a share p of both hidden dense layers' outputs is dropped, and nothing else."""
    X = torch.randn(64, 1, 28, 28, dtype=torch.float64)
    for weight in list(model.parameters())[4:]:
        weight.fill_(weight.dim() == 1)  # weights 0 and biases 1: every dense layer puts out ones
    with used_layers(model, nn.Linear) as used:
        run(model.eval(), X)
        Y = run(model.train(), X)
    seen = [each.x for each in used]
    call = f"lenet_dropout({p}) in training mode"
    if len(seen) != 6:
        raise Wrong("Three nn.Linear layers are wanted.", call=call, got=f"{len(seen) // 2}")
    if difference(seen[3], seen[0]):
        slip = "dropout stands before the first dense layer; here it follows each hidden dense layer"
        raise Wrong("The features of the convolutions are dropped too.", call=call, slip=slip)
    for place, hidden in (("first", seen[4]), ("second", seen[5])):
        share = (hidden == 0).double().mean().item()
        if abs(share - p) > 0.04:
            slips = {
                "no dropout stands behind it": 0.0,
                "p is the share that is dropped, not the one that stays": 1 - p,
            }
            slip = next((text for text, other in slips.items() if abs(share - other) < 0.04), "")
            raise Wrong(
                f"Behind the {place} dense layer another share is 0.",
                call=call,
                got=f"{share:.2f}",
                wanted=f"{p}",
                slip=slip,
            )
        if difference(hidden.max(), torch.tensor(1 / (1 - p), dtype=torch.float64)):
            slip = "what stays is divided by 1 − p, so that the mean does not change"
            raise Wrong("The values that stay have the wrong size.", call=call, slip=slip)
    if (Y == 0).any():
        raise Wrong(
            "Some of the ten outputs are dropped.",
            call=call,
            slip="no dropout behind the last layer: a class would vanish",
        )


@exercise
def lenet_dropout(run, lenet_dropout, gap, conclusion) -> str:
    for p in (0.5, 0.2):
        model = build(run, lenet_dropout, p)
        expect_relu_lenet(run, model)
        expect_dropout(run, model, p)
    found = measure(run, gap, [0.0, 0.5], small_data(300, 300), share=False)
    return "The network is right. " + conclude(conclusion, found)


SCARCE, PLENTY, KNOWN, GAP = 100, 2_000, 0.95, 0.2


def gap_of(run, overfit, images: int, seed: int) -> tuple[float, float]:
    """Accuracy at rest of the network that overfit(images, seed, data) trains: on its own images, on validation."""
    data, call = small_data(PLENTY, 1_000), f"overfit({images}, seed={seed}, data)"
    model = run(overfit, images, seed, data, fresh=True, given=call)
    if not isinstance(model, nn.Module):
        raise Wrong("The trained network is wanted; return net, not what fit gives back.", call=call)
    expect_alexnet(run, model)
    return evaluate(model, data.train.subset(images)), evaluate(model, data.valid)


@exercise
def overfit(run, overfit, conclusion) -> str:
    gaps = {f"{images:,} images": [] for images in (SCARCE, PLENTY)}
    for images, row in zip((SCARCE, PLENTY), gaps.values(), strict=True):
        for seed in SEEDS:
            own, valid = gap_of(run, overfit, images, seed)
            row.append(own - valid)
            if images == SCARCE and (own < KNOWN or own - valid < GAP):
                slip = "something holds it back: dropout, a small rate, or too few epochs" if own < KNOWN else ""
                raise Wrong(
                    f"Trained on {SCARCE} images it does not over-fit: {KNOWN:.0%} of them and a gap of "
                    f"{100 * GAP:.0f} points are wanted.",
                    call=f"overfit({images}, seed={seed}, data)",
                    got=f"{own:.0%} of its own images, {valid:.0%} of the validation images",
                    slip=slip,
                )
    return conclude(conclusion, gaps)
