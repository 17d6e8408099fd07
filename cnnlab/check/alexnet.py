"""Checkers of chapter 06: AlexNet."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import cache, partial
from itertools import pairwise

import torch
from torch import nn

from cnnlab import models
from cnnlab.check.frame.experiments import (
    ACCURACY,
    HIGHER,
    LOWER,
    MACHINE,
    OTHER,
    SEEDS,
    UNCLEAR,
    Asked,
    conclude,
    expect_differences,
    measure,
    measure_all,
    one_call,
    small_data,
    table,
)
from cnnlab.check.frame.judging import difference, exercise
from cnnlab.check.frame.networks import build, expect_gradients, expect_shape, fill, kept_bytes, sized, uses
from cnnlab.check.frame.values import as_number, as_numbers
from cnnlab.check.frame.verdict import Wrong, likely_slip
from cnnlab.check.frame.watched import SEALED, Notes, noted, watched
from cnnlab.check.lenet import expect_lenet
from cnnlab.train import evaluate, fit, init_xavier

EPOCHS, EARLY = 6, 2


def last_and_gain(value: object) -> list[float]:
    """The accuracy after the last epoch of a curve, and what it is above the early one."""
    curve = as_numbers(value)
    if as_number(value) is not None:
        raise Wrong("That is one number; the accuracy after each epoch is wanted, history.column('valid_accuracy').")
    if curve is None:
        raise Wrong("A list of numbers is wanted, one accuracy after each epoch.")
    if len(curve) != EPOCHS:
        raise Wrong(f"{EPOCHS} epochs are asked for, and the list has {len(curve)} numbers.")
    if not all(0 <= number <= 1 for number in curve):
        raise Wrong("Accuracies between 0 and 1 are wanted.")
    return [curve[-1], curve[-1] - curve[EARLY - 1]]


CURVE = Asked(
    "alexnet.more_epochs",
    "curve",
    ("lenet", "alexnet"),
    images=1_000,
    valid=500,
    numbers={"last accuracy": ACCURACY, "gain": OTHER},
    read=last_and_gain,
)


@exercise("More epochs, next to LeNet", level=2, minutes=20)
def more_epochs(run, curve, about_gain, about_last) -> str:
    last, gains = measure_all(run, curve, CURVE).values()
    conclude(about_gain, gains, "about_gain")
    conclude(about_last, last, "about_last")
    gain, end = gains.means(), last.means()
    return (
        f"From epoch {EARLY} to {EPOCHS} LeNet gains {100 * gain['lenet']:.0f} points and AlexNet "
        f"{100 * gain['alexnet']:.0f}; they end at {end['lenet']:.2f} and {end['alexnet']:.2f}.{last.note}"
    )


MOST_PARAMETERS, POINTS = 100_000, 2
RECIPE = {"epochs": 3, "lr": 2e-3, "optimizer": "adamw", "schedule": "one-cycle", "batch_size": 32, "progress": False}


def trained(make, seed: int) -> float:
    """Validation accuracy of make() after the small recipe."""
    torch.manual_seed(seed)
    return fit(init_xavier(sized(make(), IMAGES), seed), small_data(1_500, 500), seed=seed, **RECIPE).valid_accuracy


def quarter() -> nn.Module:
    """AlexNet with a quarter of the channels: 367,034 parameters."""
    return models.build("alexnet", image_size=28, stem="small", width=0.25, dense=256, dropout=0.0)


@cache
def quarter_trained(seed: int) -> float:
    return trained(quarter, seed)


IMAGES = (2, 1, 28, 28)
# Steps of the graph that are linear up to a choice of the largest, as they are called there.
STEPS = {
    *("AccumulateGrad", "Add", "Sub", "Neg", "NativeBatchNorm", "MaxPool2DWithIndices", "AvgPool2D", "Mean", "Sum"),
    *("AdaptiveMaxPool2D", "AdaptiveAvgPool2D", "Amax", "View", "UnsafeView", "ReshapeAlias", "Permute", "Transpose"),
    *("T", "Squeeze", "Unsqueeze", "Expand", "Clone", "Alias", "ConstantPadNd", "ToCopy", "Slice", "Contiguous"),
}


def steps_between(first, second) -> set[str]:
    """What PyTorch calls the steps of the graph from one layer's to another's."""
    found, seen, todo = set(), {first}, [child for child, _ in second.next_functions]
    while todo:
        step = todo.pop()
        if step is not None and step not in seen:
            seen.add(step)
            found.add(step.name().split("Backward")[0].split("::")[-1])
            todo += [child for child, _ in step.next_functions]
    return found


def expect_alexnet(run, model: nn.Module) -> None:
    """Wrong unless five convolutions are followed by three linear layers, with an activation between all of them."""
    used = sorted((use for use in uses(run, model, IMAGES) if len(use.kind) > 1), key=lambda use: use.when)
    is_conv = ["onvolution" in use.step.name() for use in used]
    is_dense = [len(use.kind) == 2 for use in used]  # a 1 × 1 convolution on one pixel too
    if len(used) != 8 or not all(is_conv[:5] + is_dense[5:]):
        convolutions = sum(is_conv)
        raise Wrong(
            "An AlexNet has five convolutions and then three linear layers.",
            got=f"{convolutions} convolutions, {len(used) - convolutions} linear layers",
            slip="that is LeNet's depth" if (convolutions, len(used)) == (2, 5) else "",
        )
    idle = [i for i, (one, two) in enumerate(pairwise(used), 1) if steps_between(one.step, two.step) <= STEPS]
    if idle:
        which = [f"convolution {i}" if i < 6 else f"linear layer {i - 5}" for i in idle]
        raise Wrong(
            f"No activation follows {which[0]}.",
            got=f"none behind {', '.join(which)}",
            slip="without one, two layers are together no more than one; a pooling does not change that",
        )


@exercise("A small AlexNet for 28 × 28", level=3, minutes=30)
def small_alexnet(run, small_alexnet) -> str:
    model = build(run, small_alexnet, shape=IMAGES)
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
    return kept_bytes(model, X.clone()) / 1e6  # a view of many images would count as all of them


FEW, MANY = 16, 256  # images a batch


def three_numbers(value: object) -> list[float]:
    numbers = as_numbers(value)
    if numbers is None or len(numbers) != 3:
        raise Wrong("Three numbers are wanted: accuracy, seconds, megabytes.")
    if not 0 <= numbers[0] <= 1:
        raise Wrong("The first number is an accuracy between 0 and 1.")
    if not (numbers[1] > 0 and numbers[2] > 0):
        raise Wrong("Seconds and megabytes are above 0.")
    return numbers


MEASURED = Asked(
    "alexnet.batch_size",
    "measured",
    (FEW, MANY),
    images=1_000,
    valid=500,
    numbers={"accuracy": ACCURACY, "seconds": MACHINE, "megabytes": MACHINE},
    read=three_numbers,
)
TIMES = 3  # so many times the seconds of the same training here, or so small a part of them, may be the machine's


def small(seed: int = 0) -> nn.Module:
    """The network of the question, AlexNet with an eighth of the channels."""
    torch.manual_seed(seed)
    return init_xavier(models.build("alexnet", image_size=28, stem="small", width=0.125, dense=128), seed)


def seconds_here(size: int) -> float:
    """Seconds of the training that is asked for, on this machine, now."""
    recipe = {"epochs": 3, "lr": 1e-3, "optimizer": "adamw", "batch_size": size, "progress": False}
    return fit(small(), MEASURED.data(), **recipe).seconds


def expect_memory(memory: dict[int, list[float]]) -> None:
    """Wrong unless they are the megabytes that the network keeps for one batch."""
    means = {size: statistics.fmean(row) for size, row in memory.items()}
    ratio = means[MANY] / means[FEW]
    if not 8 < ratio < 32:
        slip = "the memory of one and the same batch is measured; its size is batch_size" if 0.9 < ratio < 1.1 else ""
        raise Wrong("16 times the images keep about 16 times the bytes.", got=f"{ratio:.2f} times", slip=slip)
    for size, mean in means.items():
        here = kept_megabytes(small(), torch.zeros(size, 1, 28, 28))
        if not 0.7 < mean / here < 1.3:
            raise Wrong(
                f"AlexNet ÷ 8 keeps about {here:.1f} MB for a batch of {size}.",
                got=f"{mean:.4g}",
                slip="megabytes are asked for, a million bytes each" if not 0.01 < mean / here < 100 else "",
            )


def expect_seconds(seconds: dict[int, list[float]], again: Callable[[int], float]) -> set[str]:
    """Wrong unless they are those of the whole training. Returns what a training here contradicts of the second size
    next to the first.

    again: measures a size once more; the machine may have been busy with something else.
    """
    expect_differences(seconds, share=False)
    here = {}
    for size, row in seconds.items():
        mine, here[size] = statistics.fmean(row), seconds_here(size)
        if not _as_long(mine, here[size]):
            mine, here[size] = again(size), seconds_here(size)
        if not _as_long(mine, here[size]):
            steps = 3 * -(-MEASURED.images // size)
            one_step = "the seconds of one step are measured; those of the whole training are asked for"
            raise Wrong(
                f"With batches of {size} three epochs take about {here[size]:.2g} s here.",
                got=f"{mine:.3g} s",
                slip=one_step if _as_long(mine * steps, here[size]) else "",
            )
    ratio = here[MANY] / here[FEW]
    refused = {HIGHER} if ratio < 2 / 3 else {LOWER} if ratio > 3 / 2 else set()
    return refused | ({UNCLEAR} if not 1 / 2 < ratio < 2 else set())


def _as_long(one: float, other: float) -> bool:
    return 1 / TIMES < one / other < TIMES


@exercise("Batch size: accuracy, time and memory", level=2, minutes=25)
def batch_size(run, measured, about_accuracy, about_time, about_memory) -> str:
    accuracy, seconds, memory = measure_all(run, measured, MEASURED).values()
    expect_memory(memory)
    refused = expect_seconds(seconds, lambda size: one_call(run, measured, MEASURED, size, 0).numbers["seconds"])
    conclude(about_accuracy, accuracy, "about_accuracy")
    conclude(about_time, seconds, "about_time", refused=refused)
    conclude(about_memory, memory, "about_memory", refused={LOWER, UNCLEAR})
    means = [found.means().values() for found in (accuracy, seconds, memory)]
    texts = ("accuracy {:.2f} and {:.2f}", "{:.2f} s and {:.2f} s", "{:.1f} MB and {:.1f} MB")
    return (
        f"Batches of {FEW} and {MANY}: "
        + ", ".join(t.format(*m) for t, m in zip(texts, means, strict=True))
        + "."
        + accuracy.note
    )


def expect_relu_lenet(run, model: nn.Module, call: str) -> None:
    """Wrong unless it is LeNet with average pooling and ReLU in evaluation mode. The model is used up."""
    X = torch.randn(*IMAGES)
    with torch.no_grad():
        Y, again = (run(model.eval(), X) for _ in range(2))
    if difference(Y, again):
        slip = "F.dropout drops always; give it training=self.training, or use nn.Dropout"
        raise Wrong("In evaluation mode two calls differ: it still drops.", call=call, slip=slip)
    known = {"the activation is still a sigmoid": {"activation": "sigmoid"}, "the pooling is max": {"pool": "max"}}
    expect_lenet(run, model, "avg", "relu", f"{call} in evaluation mode", modes=[False], known=known)


@torch.no_grad()
def expect_dropout(run, model: nn.Module, p: float, call: str) -> None:
    """Wrong unless, in training, a share p of both hidden dense layers' outputs is dropped, and nothing else.

    Weights and biases are set so that ten ones, from one layer or another, come to the ten outputs.
    """
    found = {use.kind: use.parameter for use in uses(run, model, IMAGES)}
    call, X = f"{call} in training mode", torch.zeros(1_000, 1, 28, 28)
    biases = {"features": (16,), "first": (120,), "second": (84,), "last": (10,)}
    weights = {"first": (120, 400), "second": (84, 120), "last": (10, 84)}

    def dropped(ones: str) -> tuple[float, float]:
        """The share of zeros, and the largest number, where what that layer puts out are ones."""
        for parameter in model.parameters():
            parameter.zero_()
        found[biases[ones]].fill_(1)
        for name in list(biases)[list(biases).index(ones) + 1 :]:
            fill(found[tuple(sorted(weights[name]))], torch.eye(*weights[name]))
        Y = run(model.train(), X, given=call)
        return (Y == 0).double().mean().item(), Y.max().item()

    if dropped("last")[0]:
        slip = "no dropout behind the last layer: a class would vanish"
        raise Wrong("Some of the ten outputs are dropped.", call=call, slip=slip)
    kept = 1.0  # behind the layer in question
    for place, steps in (("second", 1), ("first", 2)):
        zeros, largest = dropped(place)
        share = 1 - (1 - zeros) / kept
        kept *= 1 - share
        if abs(share - p) > 0.04:
            slips = {
                "no dropout stands behind it": 0.0,
                "p is the share that is dropped, not the one that stays": 1 - p,
            }
            slip = likely_slip(slips, lambda other, share=share: abs(share - other) < 0.04)
            says = f"Behind the {place} dense layer another share is 0."
            raise Wrong(says, call=call, got=f"{share:.2f}", wanted=f"{p}", slip=slip)
        if abs(largest - (1 - p) ** -steps) > 1e-4:
            slip = "what stays is divided by 1 − p, so that the mean does not change"
            raise Wrong("The values that stay have the wrong size.", call=call, slip=slip)
    if 1 - dropped("features")[0] < kept - 0.04:
        slip = "dropout stands before the first dense layer; here it follows each hidden dense layer"
        raise Wrong("The features of the convolutions are dropped too.", call=call, slip=slip)


DROPOUT = Asked("alexnet.lenet_dropout", "gap", (0.0, 0.5), images=300, valid=300, numbers={"gap": OTHER})


@exercise("LeNet with ReLU and dropout", level=2, minutes=20)
def lenet_dropout(run, lenet_dropout, gap, conclusion) -> str:
    for p in (0.5, 0.2):
        for expect in (expect_relu_lenet, partial(expect_dropout, p=p)):
            expect(run, build(run, lenet_dropout, p, shape=IMAGES), call=f"lenet_dropout({p})")
    return "The network is right. " + conclude(conclusion, measure(run, gap, DROPOUT))


SCARCE, PLENTY, KNOWN, GAP = 100, 2_000, 0.95, 0.2
SAME_STEPS = 1.5  # numbers of steps up to so many times apart pass as the same


def gap_of(run, overfit, images: int, seed: int) -> tuple[float, float, int]:
    """Accuracy at rest of the network that overfit(images, seed, data) trains: on its own images, on validation; steps."""
    data, notes, call = small_data(PLENTY, 1_000), Notes(), f"overfit({images}, seed={seed}, data)"
    with noted(notes):
        model = run(overfit, images, seed, watched(data, notes), fresh=True, given=call)
    if not isinstance(model, nn.Module):
        raise Wrong("The trained network is wanted; return net, not what fit gives back.", call=call)
    expect_alexnet(run, model)
    if notes.sizes["test"]:
        raise Wrong(SEALED, call=call)
    return evaluate(model, data.train.subset(images)), evaluate(model, data.valid), notes.steps


@exercise("Make AlexNet over-fit", level=2, minutes=20)
def overfit(run, overfit, conclusion) -> str:
    gaps = {f"{images:,} images": [] for images in (SCARCE, PLENTY)}
    steps = {}
    for images, row in zip((SCARCE, PLENTY), gaps.values(), strict=True):
        for seed in SEEDS:
            own, valid, steps[images] = gap_of(run, overfit, images, seed)
            row.append(own - valid)
            _expect_same_steps(steps)
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


def _expect_same_steps(steps: dict[int, int]) -> None:
    """Wrong where the numbers of steps, by number of images, lie far apart; 0 steps were taken without an optimiser."""
    if all(steps.values()) and max(steps.values()) > SAME_STEPS * min(steps.values()):
        raise Wrong(
            f"It trains for {steps[SCARCE]:,} steps on {SCARCE} images and for {steps[PLENTY]:,} on {PLENTY:,}; the same "
            "number is asked for.",
            slip="a step is one batch: an epoch of 20 times the images has 20 times the steps",
        )
