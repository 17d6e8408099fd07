"""Checkers of chapter 12: DenseNet."""

from __future__ import annotations

import functools
import random

import torch
from torch import nn
from torch.nn import functional as F

from cnnlab import models
from cnnlab.check.frame.calling import Runner, written
from cnnlab.check.frame.experiments import Asked, Measured, conclude, measure
from cnnlab.check.frame.judging import call, choose, compare, exercise, filled, number
from cnnlab.check.frame.networks import (
    Operations,
    build,
    combined,
    expect_gradients,
    expect_numbers,
    expect_parameters,
    expect_shape,
    kept_bytes,
    multiplications,
    parameters,
    randomise,
    used_layers,
)
from cnnlab.check.frame.verdict import Wrong
from cnnlab.compat import load_torchvision


def weights(*pairs: tuple[int, int]) -> int:
    """PyTorch's own count for 3×3 convolutions of those channels in and out, without biases."""
    return sum(nn.Conv2d(c_in, c_out, 3, bias=False, device="meta").weight.numel() for c_in, c_out in pairs)


def dense_pairs(c_in: int, growth: int, layers: int) -> list[tuple[int, int]]:
    return [(c_in + i * growth, growth) for i in range(layers)]


@exercise("Why fewer parameters than ResNet", level=2, minutes=15)
def fewer_parameters(run, dense_weights, residual_weights, times, reason) -> str:
    draw = random.Random(3)
    ends = [(40, 20, 7)] * 30 + [(2_000, 200, 60)] * 10
    settings = [call(*(draw.randint(1, end) for end in row)) for row in ends]
    slips = {
        "every layer reads only the input of the block; it reads all that was written since, too": lambda c, g, n: (
            9 * c * g * n
        ),
        "a layer writes growth channels, not all it has read": lambda c, g, n: sum(
            9 * (c + i * g) ** 2 for i in range(n)
        ),
        "the first layer reads c_in, before anything is added": lambda c, g, n: sum(
            9 * (c + i * g) * g for i in range(1, n + 1)
        ),
        "a 3×3 kernel has 9 weights for each pair of channels": lambda c, g, n: sum((c + i * g) * g for i in range(n)),
        "the layers of a block add up": lambda c, g, n: 9 * (c + (n - 1) * g) * g,
        "biases are counted; none were asked for": lambda c, g, n: sum(9 * (c + i * g) * g + g for i in range(n)),
    }
    given = "dense_weights(c_in={}, growth={}, layers={})".format
    compare(run, dense_weights, settings, lambda c, g, n: weights(*dense_pairs(c, g, n)), slips, given=given)
    slips = {
        "c_in is left out: every output channel reads every input channel": lambda c, n: 9 * c * n,
        "the layers add up": lambda c, n: 9 * c * c,
        "a 3×3 kernel has 9 weights for each pair of channels": lambda c, n: c * c * n,
        "biases are counted; none were asked for": lambda c, n: (9 * c * c + c) * n,
    }
    settings = [call(*(draw.randint(1, end) for end in (row[0], row[2]))) for row in ends]
    given = "residual_weights(channels={}, layers={})".format
    compare(run, residual_weights, settings, lambda c, n: weights(*[(c, c)] * n), slips, given=given)
    dense, residual = weights(*dense_pairs(120, 32, 4)), weights(*[(248, 248)] * 4)
    number(
        times,
        residual / dense,
        {
            "turned round: the residual layers have more": dense / residual,
            "that is for the channels that the block is given, not those it ends with": weights(*[(120, 120)] * 4)
            / dense,
            "that is how many channels a layer writes, not how many weights it has": 248 / 32,
        },
        name="times",
        within=0.01,
    )
    choose(
        reason,
        "it writes few channels",
        {
            "it reads few channels": "It reads 120 to 216 channels, 168 on average: next to 248 that saves a factor of 1.5. "
            "The rest, a factor of 7.75, is on the other side.",
            "it has no linear layer": "ResNet's only linear layer has 5,130 parameters of 11 million; your count is "
            "of convolutions alone.",
            "its kernels are 1 × 1": "All kernels counted here are 3 × 3. The bottleneck of the paper's larger networks "
            "saves some more; this block has none.",
        },
        name="reason",
    )
    return f"{residual:,} weights against {dense:,} for as many channels at the end."


def handed_on(model: nn.Module, X: torch.Tensor) -> int:
    """Bytes of what the layers put out."""
    with used_layers(model) as used:
        model(X)
    return sum(y.numel() * y.element_size() for _, _, _, y in used)


NETWORKS = {"ResNet-18": "resnet18_notes", "DenseNet": "densenet"}


@exercise("Memory at 224 against ResNet", level=2, minutes=20, fresh=True)
def memory(run, kept, times, images) -> str:
    torch.manual_seed(0)
    small = [
        nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.Sigmoid()),
        nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3)),
        models.DenseBlock(3, 1, 8),
        models.build("lenet"),
    ]
    calls = [call(net, torch.randn(batch, 1, 28, 28)) for net in small for batch in (3, 5)]
    given = "kept_bytes({0.__class__.__name__}, X of {1.shape})".format
    slips = {
        "parameters are kept anyway; leave them out": lambda net, X: kept_bytes(net, X, own=True),
        "a tensor that two layers need is kept once; count each storage once": lambda net, X: kept_bytes(
            net, X, twice=True
        ),
        "outputs are counted that nobody needs again; ask autograd for what it keeps": handed_on,
        "numbers, not bytes: a float has four": lambda net, X: kept_bytes(net, X) // 4,
    }
    compare(run, kept, calls, kept_bytes, slips, given=given, tolerance=0.01)
    filled(times, images)
    each, fixed = {}, {}
    for label, name in NETWORKS.items():
        net = models.build(name, image_size=224)
        each[label] = kept_bytes(net, torch.randn(1, 1, 224, 224))
        fixed[label] = 8 * parameters(net)
    number(
        times,
        each["DenseNet"] / each["ResNet-18"],
        {
            "turned round: DenseNet keeps more": each["ResNet-18"] / each["DenseNet"],
            "that is the ratio of the parameters": fixed["DenseNet"] / fixed["ResNet-18"],
        },
        name="times",
        within=0.03,
    )
    crossing = (fixed["ResNet-18"] - fixed["DenseNet"]) / (each["DenseNet"] - each["ResNet-18"])
    number(
        images,
        int(crossing) + 1,
        {
            "8 bytes a parameter: its weight and its gradient": int(crossing / 2) + 1,
            "that many need about the same; one more makes DenseNet the larger": int(crossing),
        },
        name="images",
    )
    mib = {label: bytes_ / 2**20 for label, bytes_ in each.items()}
    return (
        f"An image of 224 px keeps {mib['DenseNet']:.1f} MiB in DenseNet and {mib['ResNet-18']:.1f} MiB in ResNet-18."
    )


TABLE = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32), 264: (6, 12, 64, 48)}


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


class Through(nn.Module):
    """torchvision's layers, put together as learners do, with other parts for those of that name."""

    def __init__(self, net: nn.Module, newest_first=False, last_relu=True, largest=False, **parts: nn.Module):
        super().__init__()
        self.net, self.newest_first, self.last_relu, self.largest = net, newest_first, last_relu, largest
        for owner in list(net.modules()):
            for name in parts.keys() & dict(owner.named_children()).keys():
                setattr(owner, name, parts[name])

    def forward(self, X):
        for layer in self.net.features:
            for each in layer.values() if isinstance(layer, nn.ModuleDict) else [layer]:
                new = each(X)
                X = new if each is layer else torch.cat([new, X] if self.newest_first else [X, new], dim=1)
        X = F.relu(X) if self.last_relu else X
        return self.net.classifier(X.amax((2, 3)) if self.largest else X.mean((2, 3)))


NONE = nn.Identity()
MISTAKES = {
    "a transition averages; here it takes the maximum": {"pool": nn.MaxPool2d(2)},
    "new channels go behind those that were given: torch.cat([X, new], dim=1)": {"newest_first": True},
    "the ReLU after the last batch norm is missing": {"last_relu": False},
    "at the end the largest of each map is taken; the average is asked for": {"largest": True},
    "the ReLU in the stem is missing": {"relu0": NONE},
    "the pooling in the stem averages; it takes the maximum": {"pool0": nn.AvgPool2d(3, 2, 1)},
    "the ReLU in front of the 1×1 is missing": {"relu1": NONE},
    "the ReLU in front of the 3×3 is missing": {"relu2": NONE},
    "the layers have no ReLU": {"relu1": NONE, "relu2": NONE},
    "the transitions have no ReLU": {"relu": NONE},
}


@exercise("DenseNet-121, 169, 201 and 264", level=2, minutes=20)
def table(run, densenet, layers_264) -> str:
    for depth in TABLE:
        _expect_published(run, densenet, depth)
    _expect_torchvisions(run, densenet)
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


def _expect_published(run: Runner, densenet, depth: int) -> None:
    num_convs, wanted = TABLE[depth], published(depth)
    model = build(run, densenet, num_convs, shape=IMAGES)
    outputs = sum(layer.out_channels for layer in model.modules() if isinstance(layer, nn.Conv2d))
    settings = {"num_convs": num_convs}
    slips = {
        "the convolutions have biases; a batch norm follows each, so leave them out": wanted + outputs,
        "the bottleneck is missing: a 1×1 to 128 channels before each 3×3": meta_parameters(
            **settings, bottleneck=False
        ),
        "a transition should keep half of its channels": meta_parameters(**settings, compression=1.0),
        "the stem has 64 channels, twice the growth rate": meta_parameters(**settings, stem_channels=32),
        "grey images: the paper's have three channels": wanted - 2 * 49 * 64,
    }
    expect_parameters(model, wanted, slips, call=f"densenet({num_convs})")


IMAGES, FEW, CLASSES = (3, 3, 64, 64), (1, 2, 1, 1), 7  # a network that takes little time


def _expect_torchvisions(run: Runner, densenet) -> None:
    call = f"densenet({FEW}, {CLASSES})"

    def made():
        return build(run, densenet, FEW, CLASSES, given=call, shape=IMAGES)

    def theirs(classes: int = CLASSES, **settings) -> nn.Module:
        return Through(torchvisions(FEW, classes), **settings)

    model = made()
    fixed = {"num_classes is not used in the last layer: 1,000 are fixed": parameters(theirs(1000))}
    expect_parameters(model, parameters(theirs()), fixed, call=call)
    expect_shape(run, model, IMAGES, (IMAGES[0], CLASSES))
    whose = "torchvision's DenseNet of these blocks"
    slips = combined(theirs, MISTAKES, most=1)
    expect_numbers(run, model, torchvisions(FEW, CLASSES), IMAGES, whose, slips, modes=[True, False], call=call)
    expect_gradients(run, made(), IMAGES)


POOLS = Asked("densenet.transition", "accuracy", ("avg", "max"))


@exercise("Why average in the transition", level=2, minutes=15)
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
    spent, least = multiplications(lambda: run(cheap, X, weight)), 2 * 8 * 4 * 6 * 6
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
    return conclude(conclusion, _with_both_transitions(run, accuracy))


def _with_both_transitions(run, accuracy) -> Measured:
    """What `accuracy` measures; Wrong where one of the transitions keeps the other pooling, which costs no accuracy."""
    written(accuracy)
    seen = {pool: set() for pool in POOLS.variants}

    @functools.wraps(accuracy)
    def noted(pool, seed, data):
        with Operations() as operations:
            value = accuracy(pool, seed, data)
        seen[pool].update(operations.names)
        return value

    found = measure(run, noted, POOLS)
    for pool, other, kind in (("max", "avg_pool2d", "an average"), ("avg", "max_pool2d_with_indices", "a maximum")):
        if other in seen[pool]:
            raise Wrong(
                f"With {pool!r} {kind} is still taken by one of the poolings.",
                slip="both transitions have a pool: net.transition1.pool and net.transition2.pool",
            )
    return found


def mlp_parameters(inputs: int, growth: int, layers: int, classes: int) -> int:
    widths = [inputs + i * growth for i in range(layers + 1)]
    return sum((width + 1) * growth for width in widths[:-1]) + (widths[-1] + 1) * classes


class Mlp(nn.Module):
    """Linear layers that each read the input and all that was written before, right or with a mistake."""

    def __init__(self, inputs: int, growth: int, layers: int, classes: int, between=F.relu, end=nn.Identity):
        super().__init__()
        widths = [inputs + i * growth for i in range(layers + 1)]
        self.hidden = nn.ModuleList(nn.Linear(width, growth) for width in widths[:-1])
        self.last, self.between, self.end = nn.Linear(widths[-1], classes), between, end()

    def forward(self, X):
        for layer in self.hidden:
            X = torch.cat([X, self.between(layer(X))], dim=1)
        return self.end(self.last(X))


@torch.no_grad()
def in_any_order(model: nn.Module) -> None:
    """Random parameters with which it makes no difference in which order features are joined: each output has one
    weight for all of its inputs."""
    randomise(model)
    for parameter in model.parameters():
        parameter.copy_(parameter[:, :1].expand_as(parameter) if parameter.dim() == 2 else parameter)


MLPS = Asked("densenet.dense_mlp", "accuracy", ("plain", "dense"))


@exercise("The idea in a network without convolutions", level=3, minutes=25)
def dense_mlp(run, dense_mlp, accuracy, conclusion) -> str:
    for sizes_ in ((12, 5, 1, 3), (7, 4, 3, 2), (784, 16, 8, 10)):
        expect_mlp(run, dense_mlp, *sizes_)
    filled(conclusion)
    return conclude(conclusion, measure(run, accuracy, MLPS))


def expect_mlp(run: Runner, dense_mlp, inputs: int, growth: int, layers: int, classes: int) -> None:
    """Wrong unless dense_mlp(…) computes what linear layers do that read all that was written before them."""
    sizes_, shape = (inputs, growth, layers, classes), (64, inputs)
    call, right, end = f"dense_mlp{sizes_}", mlp_parameters(*sizes_), inputs + layers * growth

    def made():
        return build(run, dense_mlp, *sizes_, given=call, shape=shape)

    model = made()
    slips = {
        "every layer reads only the one before; it should read all before": (inputs + 1) * growth
        + (layers - 1) * (growth + 1) * growth
        + (growth + 1) * classes,
        "the last linear layer should read everything, not only what the last layer wrote": right
        - (end - growth) * classes,
        "the input itself should be handed on, too": sum(
            (inputs + 1) * growth if i == 0 else (i * growth + 1) * growth for i in range(layers)
        )
        + (layers * growth + 1) * classes,
        "one layer too many": mlp_parameters(inputs, growth, layers + 1, classes),
        "one layer too few": mlp_parameters(inputs, growth, layers - 1, classes),
    }
    expect_parameters(model, right, slips, call=call)
    expect_shape(run, model, shape, (64, classes))
    if inputs == 784:
        expect_shape(run, model, (64, 1, 28, 28), (64, classes))
    ways = {
        "the ReLU is missing: linear layers alone make one linear layer": {"between": torch.clone},
        "the scores go through a ReLU": {"end": nn.ReLU},
        "the scores go through a softmax; the loss does that": {"end": functools.partial(nn.Softmax, 1)},
    }
    whose, slips = "linear layers with ReLU that read all before them", combined(functools.partial(Mlp, *sizes_), ways)
    expect_numbers(run, model, Mlp(*sizes_), shape, whose, slips, start=in_any_order, call=call)
    expect_gradients(run, made(), shape)
