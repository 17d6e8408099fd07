"""Checkers of chapter 10: batch norm."""

from __future__ import annotations

import copy
import itertools
import math
import statistics
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from cnnlab.check.frame.calling import Runner, a_kind
from cnnlab.check.frame.experiments import ACCURACY, OTHER, Asked, Measured, conclude, measure, measure_all, table
from cnnlab.check.frame.judging import call, compare, difference, exercise, filled, number
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
from cnnlab.check.frame.values import as_number, as_numbers
from cnnlab.check.frame.verdict import Wrong, naming_slips
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


@exercise("Is the bias needed?", level=1, minutes=10)
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


@exercise("The largest learning rate", level=2, minutes=20)
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
    expect_parameters(model, count, slips, call=call)
    first = "sigmoid" if order == "before" else "batch norm"
    ways = {f"the {first} comes first here": {"order": "after" if order == "before" else "before"}} if places else {}
    ways["the batch norm stands behind the pooling; it follows the sigmoid at once"] = {"last_norm": True}
    ways["the poolings take the largest; this LeNet averages"] = {"pool": "max"}
    ways["the activation is a ReLU; this LeNet has sigmoids"] = {"activation": "relu"}
    ways |= mistakes("avg", "sigmoid")
    whose = "the notes' LeNet with these batch norms"
    expect_numbers(run, model, right(), shape, whose, combined(right, ways), call=call)
    expect_gradients(run, made(), shape)


@exercise("Batch norm in other places", level=2, minutes=20)
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


SHAPES = ((6, 3), (2, 4, 3, 5), (4, 5, 5, 5), (3, 2, 4, 2))  # some whose last axis fits the channels, too


def over(X: torch.Tensor) -> list[int]:
    return [0, *range(2, X.dim())]


PARTS = ("full", "mean", "variance", "no γ and β")
BY_PART = Asked("batch_norm.parts", "accuracy", PARTS)


def normalised(X, mean, var, part):
    mean, var = wide(mean, X), wide(var, X)
    spread = torch.sqrt(var + 1e-5) if part != "mean" else torch.ones_like(var)
    return (X - (mean if part != "variance" else 0)) / spread


@exercise("Mean only, variance only, no γ and β", level=2, minutes=20)
def parts(run, normalise, accuracy, mean_only, variance_only, without_scale) -> str:
    draw, calls = torch.Generator().manual_seed(0), []
    for part in PARTS[:3]:
        for shape in SHAPES:
            mean, var = (torch.rand(shape[1], generator=draw, dtype=torch.float64) + offset for offset in (1, 0.1))
            calls.append(call(batch(*shape), mean, var * 1e-3, part))
    slips = {
        "divided by the variance; the standard deviation is its root": lambda X, m, v, p: (
            (X - (wide(m, X) if p != "variance" else 0)) / (wide(v, X) + 1e-5 if p != "mean" else 1)
        ),
        "ε belongs under the root, next to the variance": lambda X, m, v, p: (
            (X - (wide(m, X) if p != "variance" else 0)) / (wide(v, X).sqrt() + 1e-5 if p != "mean" else 1)
        ),
        "ε is left out": lambda X, m, v, p: (
            (X - (wide(m, X) if p != "variance" else 0)) / (wide(v, X).sqrt() if p != "mean" else 1)
        ),
        '"variance" still subtracts the mean': lambda X, m, v, p: normalised(X, m, v, "full" if p != "mean" else p),
        '"mean" still divides': lambda X, m, v, p: normalised(X, m, v, "full" if p == "mean" else p),
        '"mean" and "variance" are exchanged': lambda X, m, v, p: normalised(
            X, m, v, {"mean": "variance", "variance": "mean"}.get(p, p)
        ),
        "part is not used": lambda X, m, v, p: normalised(X, m, v, "full"),
    }
    with naming_slips({"must match the size": "the channels are axis 1, not the last one: reshape to (1, C, 1, 1)"}):
        compare(run, normalise, calls, normalised, slips)
    filled(mean_only, variance_only, without_scale)
    found = measure(run, accuracy, BY_PART)
    for part, picked, name in (
        ("mean", mean_only, "mean_only"),
        ("variance", variance_only, "variance_only"),
        ("no γ and β", without_scale, "without_scale"),
    ):
        conclude(picked, found.pick("full", part), name)
    means = ", ".join(f"{part} {statistics.fmean(row):.3f}" for part, row in found.items())
    return f"Measured here: {means} (means of 3 seeds).{found.note}"


def seen(layer, shape) -> list[torch.Tensor]:
    """Outputs, gradients and averages over two batches of training and one of evaluation."""
    found = []
    for step in range(3):
        X = batch(*shape, seed=step).requires_grad_()
        Y = layer(X, step < 2)
        (gradient,) = torch.autograd.grad((Y**3).sum(), X)
        found += [Y, gradient]
    return [*found, *layer.averages()]


class Reference:
    """A batch norm with γ and β of a fixed kind, in the variants that learners write."""

    def __init__(self, channels, *, late=False, own=False, linked=False, correction=1, momentum=0.1):
        self.mean, self.var = torch.zeros(channels).double(), torch.ones(channels).double()
        self.weight, self.bias = scale_and_shift(channels)
        self.late, self.own, self.linked, self.correction, self.momentum = late, own, linked, correction, momentum

    def averages(self):
        return [self.mean.detach(), self.var.detach()]

    def __call__(self, X, training):
        old = self.mean, self.var
        if training:
            now = X.mean(over(X)), X.var(over(X), correction=self.correction)
            now = now if self.linked else [value.detach() for value in now]
            w = self.momentum
            self.mean, self.var = ((1 - w) * a + w * b for a, b in zip(old, now, strict=True))
        mean, var = old if self.late else (self.mean, self.var)
        if self.own and training:
            Y = F.batch_norm(X, None, None, self.weight, self.bias, training=True)
        else:
            Y = wide(self.weight, X) * normalised(X, mean, var, "full") + wide(self.bias, X)
        self.mean, self.var = self.mean.detach(), self.var.detach()
        return Y


def scale_and_shift(channels: int) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(channels)
    return [torch.rand(channels, generator=draw, dtype=torch.float64) + offset for offset in (0.5, -1)]


class Learners:
    """A learner's layer behind the same calls, in float64 or as it is; Wrong where its state is not as asked."""

    def __init__(self, layer: nn.Module, channels: int):
        expect_state(layer, channels)
        self.layer, self.dtype = layer.double(), torch.float64
        if not _takes(layer, batch(2, channels)) and not _takes(layer, batch(2, channels, 2, 2)):
            self.layer, self.dtype = layer.float(), torch.float32  # it converts to float32 itself
        with torch.no_grad():
            for mine, value in zip((layer.weight, layer.bias), scale_and_shift(channels), strict=True):
                mine.copy_(value.reshape(mine.shape))

    def averages(self):
        return [value.flatten().clone() for value in (self.layer.running_mean, self.layer.running_var)]

    def __call__(self, X, training):
        return self.layer.train(training)(X.to(self.dtype))


def _takes(layer: nn.Module, X: torch.Tensor) -> bool:
    """Whether the layer takes numbers of this type; asked of a copy, whose averages may move."""
    try:
        copy.deepcopy(layer)(X)
    except RuntimeError as error:
        return "type" not in str(error)
    return True


def expect_state(layer: nn.Module, channels: int) -> None:
    """weight and bias learned, running_mean and running_var as buffers."""
    learned, kept = dict(layer.named_parameters()), dict(layer.named_buffers())
    for name in ("weight", "bias"):
        if name not in learned or learned[name].numel() != channels:
            raise Wrong(f"{name} should be a parameter with one number a channel.", got=value_text(list(learned)))
    for name in ("running_mean", "running_var"):
        if name in learned:
            raise Wrong(f"{name} is a parameter; it is counted, not learned.", slip="register_buffer is meant")
        if name not in kept:
            has = "a plain tensor" if isinstance(getattr(layer, name, None), torch.Tensor) else "missing"
            raise Wrong(
                f"{name} is {has}: it is not in state_dict() and does not follow .to().",
                slip="moving averages are kept as plain tensors; register_buffer makes them part of the layer",
            )
        if name not in layer.state_dict():
            raise Wrong(f"{name} is a buffer that is not saved.", slip="persistent=False leaves it out of state_dict()")


STATISTICS = Asked("batch_norm.global_statistics", "accuracy", ("batch", "global"))


def expect_global(run: Runner, global_norm: Callable) -> None:
    """Wrong unless the layer uses, and moves, its moving averages in training as asked."""

    def mine(shape):
        layer = global_norm(shape[1])
        filled(layer)
        if not isinstance(layer, nn.Module):
            raise Wrong(f"An nn.Module is wanted, and it gives back {a_kind(layer)}.")
        return seen(Learners(layer, shape[1]), shape)

    def kind(**settings):
        return lambda shape: seen(Reference(shape[1], **settings), shape)

    slips = {
        "in training the batch's own statistics are used; that is ordinary batch norm": kind(own=True),
        "the averages are used before the batch is counted in; update them first": kind(late=True),
        "the gradient goes through the averages; they are constants: detach": kind(linked=True),
        "the variance that is kept is the unbiased one, over n − 1": kind(correction=0),
        "momentum 0.1 is the weight of the new value, 0.9 that of the old": kind(momentum=0.9),
    }
    calls = [call(shape) for shape in SHAPES]
    given = "global_norm(C) on three batches of shape {}, two of them in training".format
    axes = "X is (B, C) behind a linear layer and (B, C, H, W) behind a convolution; all axes but 1 count"
    with naming_slips({"Dimension": axes, "D input": axes}):
        compare(run, mine, calls, kind(), slips, given=given)


@exercise("Global statistics in training", level=3, minutes=20)
def global_statistics(run, global_norm, accuracy, conclusion) -> str:
    filled(global_norm)
    expect_global(run, global_norm)
    filled(conclusion)
    return conclude(conclusion, measure(run, accuracy, STATISTICS))


def valid_and_gap(value: object) -> list[float]:
    """The validation accuracy of a pair (train, validation), and how far the other is above it."""
    pair = as_numbers(value)
    if pair is None or len(pair) != 2 or not all(0 <= number <= 1 for number in pair):
        raise Wrong("Two accuracies are wanted: (train, validation).")
    return [pair[1], pair[0] - pair[1]]


ACCURACIES = Asked(
    "batch_norm.against_dropout",
    "accuracies",
    ("dropout", "batch norm"),
    numbers={"validation accuracy": ACCURACY, "gap": OTHER},
    read=valid_and_gap,
)


@exercise("Batch norm against dropout", level=2, minutes=20)
def against_dropout(run, accuracies, accuracy, gap) -> str:
    filled(accuracy, gap)
    found, gaps = measure_all(run, accuracies, ACCURACIES).values()
    first = conclude(accuracy, found, "accuracy")
    second = conclude(gap, gaps, "gap")
    return f"Accuracy: {first} Gap: {second}"


@exercise("Three bugs in a batch norm", level=3, minutes=25)
def find_bugs(run, corrected) -> str:
    for shape in SHAPES:
        channels = shape[1]
        layer = build(run, corrected, channels)
        expect_state(layer, channels)
        norm = Learners(layer, channels)
        _averages(run, norm, shape)
        _mode(run, norm, shape)
    return "Buffers, momentum and mode are as in nn.BatchNorm, for (B, C) and for (B, C, H, W)."


def torchs(channels: int, shape: tuple, momentum: float = 0.1) -> nn.Module:
    layer = (
        nn.BatchNorm1d(channels, momentum=momentum) if len(shape) == 2 else nn.BatchNorm2d(channels, momentum=momentum)
    )
    with torch.no_grad():
        for mine, value in zip((layer.weight, layer.bias), scale_and_shift(channels), strict=True):
            mine.copy_(value)
    return layer.double()


def _averages(run, norm: Learners, shape: tuple) -> None:
    """Three batches of training, with gradients recorded."""
    oracle, other = torchs(shape[1], shape), torchs(shape[1], shape, momentum=0.9)
    for step in range(3):
        X = batch(*shape, seed=step)
        got = run(norm, X, True, given=f"layer.train()(X), X of shape {shape}")
        wanted = oracle(X)
        other(X)
        if fault := difference(got, wanted):
            raise Wrong(f"In training the output is not that of nn.BatchNorm. {fault}")
    for name, got in zip(("running_mean", "running_var"), norm.averages(), strict=True):
        if fault := difference(got, getattr(oracle, name)):
            reverse = not difference(got, getattr(other, name))
            raise Wrong(
                f"After three batches {name} is not that of nn.BatchNorm.",
                got=value_text(got),
                wanted=value_text(getattr(oracle, name)),
                slip="momentum 0.1 weighs the new value; here it weighs the old one" if reverse else fault,
            )


def _mode(run, norm: Learners, shape: tuple) -> None:
    """Training under no_grad and evaluation with gradients: only the mode counts."""
    oracle, X = torchs(shape[1], shape), batch(*shape, seed=7)
    for kept, value in zip((oracle.running_mean, oracle.running_var), norm.averages(), strict=True):
        kept.copy_(value)
    for training, recorded in ((True, False), (False, True)):
        with torch.set_grad_enabled(recorded):
            got = run(norm, X, training, given="layer(X)")
            wanted = oracle.train(training)(X)
        kept = zip(norm.averages(), (oracle.running_mean, oracle.running_var), strict=True)
        fault = difference(got, wanted) or next(filter(None, (difference(a, b) for a, b in kept)), "")
        if fault:
            mode, state = ("training", "off") if training else ("evaluation", "on")
            asks = "the mode is taken from torch.is_grad_enabled(); self.training is the mode"
            raise Wrong(f"In {mode} mode with gradients {state} it differs from nn.BatchNorm. {fault}", slip=asks)
