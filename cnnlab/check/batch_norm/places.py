"""Checkers of chapter 10: bias_needed, largest_rate, elsewhere."""

from __future__ import annotations

import copy
import itertools
import math
import statistics

import torch
from torch import nn

from cnnlab.check.frame.experiments import Asked, Measured, conclude, measure, table
from cnnlab.check.frame.judging import call, compare, exercise, filled, number
from cnnlab.check.frame.networks import (
    build,
    combined,
    expect_gradients,
    expect_numbers,
    expect_parameters,
    expect_shape,
    parameters,
)
from cnnlab.check.frame.showing import value_text
from cnnlab.check.frame.values import as_number
from cnnlab.check.frame.verdict import Wrong
from cnnlab.check.lenet import mistakes, plain_lenet


def batch(*shape: int, seed: int = 0) -> torch.Tensor:
    """Numbers whose channels differ in mean and spread."""
    draw = torch.Generator().manual_seed(seed)
    spread, shift = (torch.rand(shape[1], generator=draw, dtype=torch.float64) for _ in range(2))
    X = torch.randn(*shape, generator=draw, dtype=torch.float64)
    return X * wide(spread + 0.5, X) + wide(3 * shift, X)


def wide(values: torch.Tensor, X: torch.Tensor) -> torch.Tensor:
    """One number a channel in the shape in which it meets X."""
    return values.reshape(1, -1, *[1] * (X.dim() - 2))


def layers(seed: int, c_in: int, c_out: int, **settings) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """A convolution with a bias and its batch norm as after some training."""
    torch.manual_seed(seed)
    conv, norm = nn.Conv2d(c_in, c_out, **settings).double(), nn.BatchNorm2d(c_out).double()
    with torch.no_grad():
        for values in (conv.bias, norm.weight, norm.bias, norm.running_mean, norm.running_var):
            values.copy_(torch.rand(c_out) + 0.5)
    return conv, norm


def both_modes(conv: nn.Module, norm: nn.Module) -> list[torch.Tensor]:
    """What the pair puts out in evaluation, in training, and in evaluation after that."""
    X, found = batch(4, conv.in_channels, 7, 6), []
    with torch.no_grad():
        for mode in (False, True, False):
            found.append(norm.train(mode)(conv(X)))
    return found


def moved(into_mean: float = 0, into_shift: float = 0):
    """The convolution without its bias, which goes so many times into the running mean and into β."""

    def slip(conv, norm):
        conv, norm = copy.deepcopy((conv, norm))
        with torch.no_grad():
            norm.running_mean += into_mean * conv.bias
            norm.bias += into_shift * conv.bias
        conv.bias = None
        return both_modes(conv, norm)

    return slip


@exercise
def bias_needed(run, without_bias, redundant) -> str:
    def outputs(conv, norm):
        kept = copy.deepcopy((conv, norm))
        pair = without_bias(conv, norm)
        filled(pair)
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(isinstance(x, nn.Module) for x in pair):
            raise Wrong("Two layers are wanted: return conv, norm.", got=value_text(pair))
        if pair[0].bias is not None:
            raise Wrong("The convolution that comes back still has a bias.", got="zeros count as a bias, too")
        for before, now in zip(kept, (conv, norm), strict=True):
            if before.state_dict().keys() != now.state_dict().keys() or any(
                not torch.equal(value, now.state_dict()[name]) for name, value in before.state_dict().items()
            ):
                raise Wrong("The layers that were given are changed; work on copies of them.")
        return both_modes(*(layer.double() for layer in copy.deepcopy(tuple(pair))))

    filled(without_bias)
    slips = {
        "the running mean still contains the bias: in evaluation it is subtracted from maps without one": moved(),
        "the sign: the maps are lower by the bias now, and so is their mean": moved(into_mean=1),
        "β is not the place: in training the mean takes the bias out, and β would add it": moved(into_shift=1),
        "β stays as it is: the bias never reached the output": moved(into_mean=-1, into_shift=1),
    }
    calls = [
        call(*layers(seed, *sizes, **settings))
        for seed, (sizes, settings) in enumerate(
            [((2, 3), {"kernel_size": 3}), ((3, 4), {"kernel_size": 3, "stride": 2}), ((4, 2), {"kernel_size": 1})]
        )
    ]
    given = "without_bias({}, {}), in both modes".format
    compare(
        run,
        outputs,
        calls,
        lambda conv, norm: both_modes(*copy.deepcopy((conv, norm))),
        slips,
        given=given,
        tolerance=1e-5,
    )
    number(
        redundant,
        6 + 16 + 120 + 84,
        {
            "γ and β are learned and used; only the biases before them are idle": 452,
            "the linear layers before a batch norm have idle biases, too": 22,
            "the convolutions before a batch norm have idle biases, too": 204,
            "no batch norm follows the last layer: its 10 biases are needed": 236,
            "the running means are no parameters": 678,
        },
        name="redundant",
    )
    return "The same outputs without the bias, in training and in evaluation; 226 of 44,878 parameters are idle."


NORMS, RATES = ("none", "before"), (0.01, 0.1, 1, 10)


BY_RATE = Asked(
    "batch_norm.largest_rate",
    "accuracy",
    tuple((norm, rate) for norm in NORMS for rate in RATES),
    several=True,
)
LEARNS, DOUBT = 0.25, 0.05  # accuracy above which it learned, and how near to it either may be said


def _listed(rate: object) -> float | None:
    """The rate of the list that is meant, as exactly as float32 has it; None where there is none."""
    number = as_number(rate)
    return next((each for each in RATES if number is not None and math.isclose(number, each, rel_tol=1e-6)), None)


@exercise
def largest_rate(run, accuracy, largest) -> str:
    filled(largest)
    if not isinstance(largest, dict) or set(largest) != set(NORMS):
        raise Wrong('largest is a dictionary with the keys "none" and "before".', got=value_text(largest))
    filled(*largest.values())
    if wrong := [rate for rate in largest.values() if _listed(rate) is None]:
        raise Wrong(f"Choose among the rates {', '.join(map(str, RATES))}.", got=value_text(wrong[0]))
    largest = {norm: _listed(largest[norm]) for norm in NORMS}
    found = measure(run, accuracy, BY_RATE, [(norm, each) for norm in NORMS for each in _from(largest[norm])])
    for norm, rate in largest.items():
        _judge_rate(norm, rate, found)
    return (
        f"Without batch norm {largest['none']} is the largest rate that learns, with it {largest['before']}: "
        f"{largest['before'] / largest['none']:g} times as large.{found.note}"
    )


def _from(rate: float) -> tuple[float, ...]:
    """A rate and the next one."""
    place = RATES.index(rate)
    return RATES[place : place + 2]


def _judge_rate(norm: str, rate: float, found: Measured) -> None:
    means = {each: statistics.fmean(row) for (name, each), row in found.items() if name == norm}
    shown = table({f"{norm}, rate {each}": row for (name, each), row in found.items() if name == norm})
    if means[rate] < LEARNS - DOUBT:
        slip = "the largest rate of the list is not the largest that learns" if rate == RATES[-1] else ""
        raise Wrong(f'"{norm}" does not learn at rate {rate}.', got=shown, slip=slip)
    if higher := [each for each in means if each > rate and means[each] > LEARNS + DOUBT]:
        raise Wrong(
            f'"{norm}" still learns at rate {higher[0]}.',
            got=shown,
            slip="the best rate is not the largest that learns",
        )


PLACES = {"conv1": 6, "conv2": 16, "fc1": 120, "fc2": 84}
IDLE = "; here every layer keeps its own"
ALL, CONVOLUTIONS = tuple(PLACES), ("conv1", "conv2")
BEFORE, AFTER, FEW = (ALL, "before"), (ALL, "after"), (CONVOLUTIONS, "before")
ELSEWHERE = Asked("batch_norm.elsewhere", "accuracy", (BEFORE, AFTER, FEW))


def expect_norms(run, lenet, places, order) -> None:
    """Wrong unless lenet(places, order) computes what the notes' LeNet with batch norms in these places does."""
    call, shape = f"lenet({places}, {order!r})", (16, 1, 28, 28)

    def made():
        return build(run, lenet, places, order, given=call, shape=shape)

    def right(**way) -> nn.Module:
        return plain_lenet(**{"padding": 0, "norms": places, "order": order} | way)

    model, count = made(), parameters(right())
    expect_shape(run, model, shape, (shape[0], 10))
    slips = {"padding 2 in the first convolution; this LeNet has none": parameters(right(padding=2))}
    slips |= {f"{place} has no bias" + IDLE: count - channels for place, channels in PLACES.items()}
    slips["no layer in front of a batch norm has a bias" + IDLE] = count - sum(PLACES[place] for place in places)
    for number_ in range(len(PLACES) + 1):
        for others in itertools.combinations(PLACES, number_):
            slips[f"the batch norms are at {', '.join(others) or 'no layer'}"] = parameters(right(norms=others))
    expect_parameters(model, count, {text: other for text, other in slips.items() if other != count}, call=call)
    first = "sigmoid" if order == "before" else "batch norm"
    ways = {f"the {first} comes first here": {"order": "after" if order == "before" else "before"}} if places else {}
    ways["the batch norm stands behind the pooling; it follows the sigmoid at once"] = {"last_norm": True}
    ways["the poolings take the largest; this LeNet averages"] = {"pool": "max"}
    ways["the activation is a ReLU; this LeNet has sigmoids"] = {"activation": "relu"}
    ways |= mistakes("avg", "sigmoid")
    whose = "the notes' LeNet with these batch norms"
    expect_numbers(run, model, right(), shape, whose, combined(right, ways), call=call)
    expect_gradients(run, made(), shape)


@exercise
def elsewhere(run, lenet, accuracy, after, convolutions_only) -> str:
    for places, order in (
        ((), "before"),
        (ALL, "before"),
        (CONVOLUTIONS, "before"),
        (("fc2",), "after"),
        (ALL, "after"),
    ):
        expect_norms(run, lenet, places, order)
    filled(after, convolutions_only)
    found = measure(run, accuracy, ELSEWHERE)
    first = conclude(after, found.pick(BEFORE, AFTER, names=("all before", "all after")), "after")
    conclude(
        convolutions_only,
        found.pick(BEFORE, FEW, names=("all before", "convolutions before")),
        "convolutions_only",
    )
    return f"{first} With the convolutions alone {found.means()[FEW]:.4g}."
