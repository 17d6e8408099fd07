"""Checkers of chapter 10: bias_needed, largest_rate, elsewhere."""

from __future__ import annotations

import copy
import statistics

import torch
from torch import nn

from cnnlab.check.experiments import SEEDS, conclude, measure, small_data, table
from cnnlab.check.judging import call, compare, exercise, filled, number
from cnnlab.check.networks import build, expect_gradients, expect_parameters, expect_shape, output, used_layers
from cnnlab.check.showing import value_text
from cnnlab.check.verdict import Wrong


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
        return both_modes(*copy.deepcopy(tuple(pair)))

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
    compare(run, outputs, calls, lambda conv, norm: both_modes(*copy.deepcopy((conv, norm))), slips, given=given)
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


RATES = (0.01, 0.1, 1, 10)


LEARNS, DOUBT = 0.25, 0.05  # accuracy above which it learned, and how near to it either may be said


@exercise
def largest_rate(run, accuracy, largest) -> str:
    filled(largest)
    if not isinstance(largest, dict) or set(largest) != {"none", "before"}:
        raise Wrong('largest is a dictionary with the keys "none" and "before".', got=value_text(largest))
    if wrong := [rate for rate in largest.values() if rate not in RATES]:
        raise Wrong(f"Choose among the rates {', '.join(map(str, RATES))}.", got=value_text(wrong[0]))

    def at(norm, seed, rate, data):
        return accuracy(norm, rate, seed, data)

    found = {}
    for norm, rate in largest.items():
        place = RATES.index(rate)
        for each in RATES[place : place + 2]:
            # One seed a call: a rate at which every seed stays at chance is no missing seed.
            rows = [measure(run, at, [norm], each, small_data(), seeds=(seed,)) for seed in SEEDS]
            found[norm, each] = [row[norm][0] for row in rows]
        _judge_rate(norm, rate, found)
    if all(len(set(row)) == 1 for row in found.values()):
        raise Wrong("Every seed gives exactly the same number; call torch.manual_seed(seed) first.", got=table(found))
    if found.get(("none", largest["none"])) == found.get(("before", largest["none"])):
        raise Wrong("With and without batch norm the numbers are the same; is norm used?", got=table(found))
    return (
        f"Without batch norm {largest['none']} is the largest rate that learns, with it {largest['before']}: "
        f"{largest['before'] / largest['none']:g} times as large."
    )


def _judge_rate(norm: str, rate: float, found: dict) -> None:
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


ALL, CONVOLUTIONS = tuple(PLACES), ("conv1", "conv2")


def expect_norms(run, lenet, places, order) -> None:
    """Wrong where the batch norms stand elsewhere than asked."""
    model = build(run, lenet, places, order)
    text = f"lenet({places}, {order!r})"
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    wanted = [PLACES[place] for place in places]
    if sorted(norm.num_features for norm in norms) != sorted(wanted):
        channels = [norm.num_features for norm in norms]
        raise Wrong("The batch norms have other channels.", call=text, got=value_text(channels), wanted=f"{wanted}")
    expect_shape(run, model, (4, 1, 28, 28), (4, 10))
    slips = {"padding 2 in the first convolution; this LeNet has none": 61_706 + 2 * sum(wanted)}
    for place, channels in PLACES.items():
        slips[f"{place} has no bias"] = 44_426 + 2 * sum(wanted) - channels
    expect_parameters(model, 44_426 + 2 * sum(wanted), slips)
    with used_layers(model, nn.BatchNorm1d, nn.BatchNorm2d) as used:
        output(run, model.train(), (64, 1, 28, 28))
    for _, _, X, _ in used:
        behind = bool((X >= 0).all() and (X <= 1).all())
        if behind != (order == "after"):
            says = "sigmoid's outputs, 0 to 1," if behind else "sums, below 0 and above 1,"
            slip = f"the {'sigmoid' if behind else 'batch norm'} comes first here"
            raise Wrong(f'With "{order}" a batch norm is given {says} in training.', call=text, slip=slip)
    expect_gradients(run, model, (8, 1, 28, 28))


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
    before, behind, few = (ALL, "before"), (ALL, "after"), (CONVOLUTIONS, "before")
    found = measure(run, accuracy, [before, behind, few], small_data())
    names = {before: "all before", behind: "all after", few: "convolutions before"}
    found = {names[variant]: row for variant, row in found.items()}
    first = conclude(after, {name: found[name] for name in ("all before", "all after")}, "after")
    few = statistics.fmean(found["convolutions before"])
    conclude(
        convolutions_only, {name: found[name] for name in ("all before", "convolutions before")}, "convolutions_only"
    )
    return f"{first} With the convolutions alone {few:.4g}."
