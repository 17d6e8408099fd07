"""Checkers of chapter 12: table, transition, dense_mlp."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from cnnlab import models
from cnnlab.check.calling import Runner
from cnnlab.check.experiments import conclude, measure, small_data
from cnnlab.check.judging import call, choose, compare, difference, exercise, filled, number
from cnnlab.check.networks import (
    build,
    expect_gradients,
    expect_parameters,
    expect_shape,
    macs,
    parameters,
    used_layers,
)
from cnnlab.check.showing import sizes, value_text
from cnnlab.check.verdict import Wrong
from cnnlab.compat import load_torchvision

TABLE = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32), 264: (6, 12, 64, 48)}


KINDS = (nn.Conv2d, nn.BatchNorm2d, nn.Linear)


def executed(run: Runner, model: nn.Module, X: torch.Tensor) -> list[tuple[nn.Module, str]]:
    """The layers with weights in the order in which they compute, with what each does in words."""
    found = []
    with used_layers(model, *KINDS) as used:
        run(model, X, given=f"model(X), X of shape {sizes(X.shape)}")
    for _, layer, x, _ in used:
        kind = next(kind.__name__ for kind in KINDS if isinstance(layer, kind))
        more = f" {sizes(layer.kernel_size)} to {layer.out_channels}" if kind == "Conv2d" else ""
        found.append((layer, f"{kind}{more} on {sizes(x.shape[1:])}"))
    return found


def meta_parameters(**settings) -> int:
    with torch.device("meta"):
        net = models.DenseNet(3, 1000, 224, **{"bottleneck": True, "bias": False, **settings})
    return parameters(net)


def torchvisions(num_convs: tuple[int, ...], num_classes: int = 1000) -> nn.Module:
    load_torchvision()
    from torchvision.models import DenseNet

    return DenseNet(growth_rate=32, block_config=num_convs, num_init_features=64, num_classes=num_classes)


def published(depth: int) -> int:
    """Parameters of the named network: torchvision's record of its own weights, or its class built from the table."""
    load_torchvision()
    from torchvision.models import get_model_weights

    if depth != 264:
        return get_model_weights(f"densenet{depth}").DEFAULT.meta["num_params"]
    with torch.device("meta"):
        return parameters(torchvisions(TABLE[depth]))


def through(net: nn.Module, X: torch.Tensor, newest_first: bool = False, last_relu: bool = True) -> torch.Tensor:
    """torchvision's layers, put together here; so or as learners do."""
    for layer in net.features:
        if not isinstance(layer, nn.ModuleDict):
            X = layer(X)
            continue
        for each in layer.values():
            new = each(X)
            X = torch.cat([new, X] if newest_first else [X, new], dim=1)
    X = F.relu(X) if last_relu else X
    return net.classifier(X.mean(dim=(2, 3)))


def with_max(net: nn.Module, X: torch.Tensor) -> torch.Tensor:
    pools = [layer for layer in net.features if hasattr(layer, "pool")]
    before = [layer.pool for layer in pools]
    for layer in pools:
        layer.pool = nn.MaxPool2d(2)
    Y = net(X)
    for layer, pool in zip(pools, before, strict=True):
        layer.pool = pool
    return Y


@exercise
def table(run, densenet, layers_264) -> str:
    for depth, num_convs in TABLE.items():
        with torch.device("meta"):
            model = build(run, densenet, num_convs)
            convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
        settings = {"num_convs": num_convs}
        wanted = published(depth)
        slips = {
            "the convolutions have biases; a batch norm follows each, so leave them out": wanted
            + sum(layer.out_channels for layer in convolutions),
            "the bottleneck is missing: a 1×1 to 128 channels before each 3×3": meta_parameters(
                **settings, bottleneck=False
            ),
            "a transition should keep half of its channels": meta_parameters(**settings, compression=1.0),
            "the stem has 64 channels, twice the growth rate": meta_parameters(**settings, stem_channels=32),
            "grey images: the paper's have three channels": wanted - 2 * 49 * 64,
        }
        expect_parameters(model, wanted, slips)
    _same_as_torchvision(run, densenet)
    number(
        layers_264,
        265,
        {
            "the name says so; count what its table gives": 264,
            "the transitions' three convolutions count, too": 262,
            "a bottleneck layer has two convolutions": 135,
            "the linear layer counts, too": 264.5,
        },
        name="layers_264",
    )
    return "Four networks with the parameters that torchvision's have, and the same outputs for the same weights."


@torch.no_grad()
def _same_as_torchvision(run, densenet) -> None:
    num_convs, X = (1, 2), torch.randn(2, 3, 64, 64, dtype=torch.float64)
    oracle = torchvisions(num_convs, num_classes=1000).double().eval()
    model = build(run, densenet, num_convs).double().eval()
    pair = executed(run, model, X), executed(run, oracle, X)
    for number_, ((_, mine), (_, theirs)) in enumerate(zip(*pair, strict=False), 1):
        if mine != theirs:
            raise Wrong(f"densenet((1, 2)) differs at layer {number_} of those with weights.", got=mine, wanted=theirs)
    if len(pair[0]) != len(pair[1]):
        raise Wrong("Another number of layers computes.", got=str(len(pair[0])), wanted=str(len(pair[1])))
    for (mine, _), (theirs, _) in zip(*pair, strict=True):
        for name, value in theirs.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.rand_like(value) - (0.5 if name == "weight" and value.dim() > 1 else 0))
        mine.load_state_dict(theirs.state_dict())
    got, wanted = run(model, X, given="densenet((1, 2))(X) with torchvision's weights"), oracle(X)
    if not difference(got, wanted):
        return
    slips = {
        "a transition averages; here it takes the maximum": lambda: with_max(oracle, X),
        "new channels go behind those that were given: torch.cat([X, new], dim=1)": lambda: through(
            oracle, X, newest_first=True
        ),
        "the ReLU after the last batch norm is missing": lambda: through(oracle, X, last_relu=False),
    }
    slip = next((text for text, other in slips.items() if not difference(got, other())), "")
    raise Wrong("With torchvision's weights the outputs differ.", call="densenet((1, 2))(X)", slip=slip)


@exercise
def transition(run, cheap, for_max, accuracy, conclusion) -> str:
    draw, calls = torch.Generator().manual_seed(0), []
    for shape, c_out in (((1, 2, 2, 2), 1), ((2, 3, 4, 6), 2), ((1, 4, 8, 4), 3), ((3, 2, 7, 5), 2)):
        X, weight = (torch.randn(*s, generator=draw, dtype=torch.float64) for s in (shape, (c_out, shape[1], 1, 1)))
        calls.append(call(X, weight))
    slips = {
        "maxima are taken; averages are asked for": lambda X, w: F.conv2d(F.max_pool2d(X, 2), w),
        "one pixel of four is taken; all four are averaged": lambda X, w: F.conv2d(X, w, stride=2),
        "added up, not averaged: divide by four": lambda X, w: 4 * F.avg_pool2d(F.conv2d(X, w), 2),
    }
    compare(run, cheap, calls, lambda X, w: F.avg_pool2d(F.conv2d(X, w), 2), slips)
    X, weight = torch.randn(2, 8, 12, 12), torch.randn(4, 8, 1, 1)
    spent, least = macs(lambda: run(cheap, X, weight)), 2 * 8 * 4 * 6 * 6
    if spent > least:
        raise Wrong(
            "The result is right, and it multiplies more often than needed.",
            got=f"{spent:,} multiplications",
            wanted=f"{least:,}",
            slip="the 1×1 convolution is computed at every pixel; is that needed before an average?",
        )
    choose(
        for_max,
        "no",
        {
            "yes": "Take two channels (1, 0) and (0, 1) on two pixels and the kernel (1, 1): the maximum of the sums is "
            "1, the sum of the maxima is 2."
        },
        name="for_max",
    )
    filled(conclusion)
    return conclude(conclusion, measure(run, accuracy, ["avg", "max"], small_data()))


def mlp_parameters(inputs: int, growth: int, layers: int, classes: int) -> int:
    widths = [inputs + i * growth for i in range(layers + 1)]
    return sum((width + 1) * growth for width in widths[:-1]) + (widths[-1] + 1) * classes


@exercise
def dense_mlp(run, dense_mlp, accuracy, conclusion) -> str:
    for inputs, growth, layers, classes in ((12, 5, 1, 3), (7, 4, 3, 2), (784, 16, 8, 10)):
        model = build(run, dense_mlp, inputs, growth, layers, classes)
        end = inputs + layers * growth
        slips = {
            "every layer reads only the one before; it should read all before": (inputs + 1) * growth
            + (layers - 1) * (growth + 1) * growth
            + (growth + 1) * classes,
            "the last linear layer should read everything, not only what the last layer wrote": mlp_parameters(
                inputs, growth, layers, classes
            )
            - (end - growth) * classes,
            "the input itself should be handed on, too": sum(
                (inputs + 1) * growth if i == 0 else (i * growth + 1) * growth for i in range(layers)
            )
            + (layers * growth + 1) * classes,
            "one layer too many": mlp_parameters(inputs, growth, layers + 1, classes),
            "one layer too few": mlp_parameters(inputs, growth, layers - 1, classes),
        }
        expect_parameters(model, mlp_parameters(inputs, growth, layers, classes), slips)
        expect_shape(run, model, (4, inputs), (4, classes))
        _reads_everything(run, model, inputs)
        expect_gradients(run, model, (64, inputs))
    expect_shape(run, model, (4, 1, 28, 28), (4, 10))
    filled(conclusion)
    return conclude(conclusion, measure(run, accuracy, ["plain", "dense"], small_data()))


class LinearLayers(TorchFunctionMode):
    """What every linear layer is given and gives back while it is entered."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if function is F.linear:
            self.seen.append((args[0], out))
        return out


@torch.no_grad()
def _reads_everything(run, model: nn.Module, inputs: int) -> None:
    """Each linear layer is given the input and the ReLU of all that was written before, in any order."""
    X = torch.randn(6, inputs)
    with LinearLayers() as layers:
        run(model, X, given=f"model(X), X of shape 6×{inputs}")
    raw = rectified = X
    for number_, (given, out) in enumerate(layers.seen, 1):
        if difference(given.sort(dim=1).values, rectified.sort(dim=1).values):
            raw_fits = not difference(given.sort(dim=1).values, raw.sort(dim=1).values)
            slip = "the ReLU is missing: linear layers alone make one linear layer" if raw_fits else ""
            text = f"Linear layer {number_} is not given the input and all that was written before it."
            raise Wrong(text, got=value_text(given), wanted=f"{rectified.shape[1]} features", slip=slip)
        raw, rectified = (torch.cat([old, new], dim=1) for old, new in ((raw, out), (rectified, F.relu(out))))
