"""Networks are judged by what they compute: right however they are written, wrong by their slip's name."""

import functools
import textwrap

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnnlab.check import alexnet, batch_norm, densenet, lenet
from cnnlab.check.catalogue import ENTRIES
from cnnlab.check.frame.calling import Runner
from cnnlab.check.frame.networks import (
    build,
    combined,
    expect_gradients,
    expect_numbers,
    expect_shape,
    multiplications,
    randomise,
    sized,
    uses,
)
from cnnlab.check.frame.verdict import Wrong
from tests.check.test_exercises import EXERCISES, cells_of, judge, own_progress  # noqa: F401 - a fixture

VGG = "D = (2, 2, 3, 3, 3)\nE = (2, 2, 4, 4, 4)\n"
UNIT = "nn.Sequential(nn.Conv2d(a, b, k, padding=k // 2, bias=False), nn.BatchNorm2d(b), nn.ReLU())"
LAZY_UNIT = 'nn.Sequential(nn.LazyConv2d(b, k, padding="same", bias=False), nn.LazyBatchNorm2d(), nn.ReLU())'
INCEPTION = """
class Block(nn.Module):
    def __init__(self, c_in, c1, c3, c5, c_pool):
        super().__init__()
        unit = lambda a, b, k: UNIT
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), unit(c_in, c_pool, 1))
        self.five = nn.Sequential(unit(c_in, c5[0], 1), unit(*c5, 5))
        self.one, self.three = unit(c_in, c1, 1), nn.Sequential(unit(c_in, c3[0], 1), unit(*c3, 3))

    def forward(self, X):
        pool, five = self.pool(X), self.five(X)
        return torch.cat([self.one(X), self.three(X), five, pool], 1)

inception_bn = Block
"""
RESNET = """
def resnet(depth):
    counts = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}[depth]
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            block, e = (models.Residual, 1) if depth < 50 else (models.Bottleneck, 4)
            self.fc = FC
            self.conv, self.norm, now = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), 64
            self.body = nn.Sequential()
            for s, n in enumerate(counts):
                for i in range(n):
                    self.body.append(block(now, 64 << s, 2 if s and not i else 1))
                    now = e * (64 << s)
                    nn.init.ones_(self.body[-1].branch[-1].weight)

        def forward(self, X):
            X = F.max_pool2d(F.relu(self.norm(self.conv(X))), 3, 2, 1)
            return self.fc(self.body(X).mean((2, 3)))

    return Net().to("cpu")
"""
BOTTLENECK = """
class Block(nn.Module):
    def __init__(self, c_in, channels, stride=1):
        super().__init__()
        out = 4 * channels
        changes = stride != 1 or c_in != out
        around = nn.Sequential(nn.Conv2d(c_in, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        self.around = around if changes else None
        self.norm3, self.norm2, self.norm1 = nn.BatchNorm2d(out), nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.w1 = nn.Parameter(torch.randn(channels, c_in, 1, 1))
        self.w2 = nn.Parameter(torch.randn(channels, channels, 3, 3))
        self.w3 = nn.Parameter(torch.zeros(out, channels, 1, 1))
        self.stride = stride
        nn.init.zeros_(self.norm3.weight)

    def forward(self, X):
        around = X if self.around is None else self.around(X)
        Y = F.relu(self.norm1(F.conv2d(X, self.w1)))
        Y = F.relu(self.norm2(F.conv2d(Y, self.w2, stride=self.stride, padding=1)))
        return F.relu(around + self.norm3(F.conv2d(Y, self.w3)))

bottleneck = Block
"""
PREACT = """
class Block(nn.Module):
    def __init__(self, a, b, stride=1):
        super().__init__()
        self.shortcut = nn.Conv2d(a, b, 1, stride, bias=False) if stride != 1 or a != b else None
        self.conv2, self.conv1 = nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.Conv2d(a, b, 3, stride, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(a, momentum=0.05), nn.BatchNorm2d(b, eps=1e-3)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, X):
        A = F.relu(self.bn1(X))
        past = X if self.shortcut is None else self.shortcut(A)
        return past + self.conv2(F.relu(self.bn2(self.conv1(A))))

preact_block = Block

def preact_net(stages):
    c = stages[0][1]
    body = [nn.LazyConv2d(c, 3, padding=1, bias=False)]
    for n, w, s in stages:
        for k in range(n):
            body.append(Block(c, w, 1 if k else s)); c = w
    return nn.Sequential(*body, nn.LazyBatchNorm2d(), nn.ReLU(), nn.AdaptiveAvgPool2d(1), HEAD)
"""
DENSENET = """
class Layer(nn.Sequential):
    def forward(self, X):
        return torch.cat([X, super().forward(X)], 1)

def conv(c, k):
    return nn.Sequential(nn.LazyBatchNorm2d(eps=1e-3), nn.ReLU(), nn.LazyConv2d(c, k, padding=k // 2, bias=False))

def densenet(num_convs, num_classes=1000):
    b1, b2, b3, b4 = num_convs
    stem = [nn.LazyConv2d(64, 7, 2, 3, bias=False), nn.LazyBatchNorm2d(), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    net, n = nn.Sequential(*stem), 64
    for i, m in enumerate((b1, b2, b3, b4)):
        if i:
            n //= 2
            net.extend([nn.LazyBatchNorm2d(), nn.ReLU(), nn.AvgPool2d(2), nn.LazyConv2d(n, 1, bias=False)])
        net.extend([Layer(conv(128, 1), conv(32, 3)) for _ in range(m)])
        n += 32 * m
    end = [nn.AdaptiveAvgPool2d(1), nn.LazyConv2d(num_classes, 1), nn.Flatten()]
    return net.extend([nn.LazyBatchNorm2d(), nn.ReLU(), *end])

layers_264 = 265
"""
MLP = """
class Net(nn.Module):
    def __init__(self, inputs, growth, layers, classes):
        super().__init__()
        ends = [inputs + i * growth for i in range(layers + 1)]
        self.b = nn.ParameterList([torch.zeros(growth) for _ in ends[:-1]] + [torch.zeros(classes)])
        self.W = nn.ParameterList([torch.randn(a, growth) / a for a in ends[:-1]] + [torch.zeros(ends[-1], classes)])

    def forward(self, X):
        X = X.reshape(len(X), -1)
        for W, b in zip(self.W[:-1], self.b[:-1]):
            X = torch.cat([(X @ W + b).clamp(min=0), X], 1)
        return X @ self.W[-1] + self.b[-1]

dense_mlp = Net
"""
LENET = """
class LeNet(nn.Module):
    def __init__(self, pool, act, p=0.0, bias=True):
        super().__init__()
        self.pool, self.act, self.p = pool, act, p
        self.W3, self.b3 = nn.Parameter(torch.zeros(84, 10)), nn.Parameter(torch.zeros(10))
        self.fc2, self.fc1 = nn.Linear(120, 84), nn.LazyLinear(120)
        self.w2, self.c2 = nn.Parameter(torch.randn(16, 6, 5, 5)), nn.Parameter(torch.zeros(16))
        self.conv1 = nn.LazyConv2d(6, 5, padding=2)

    def forward(self, X):
        X = self.pool(self.act(self.conv1(X)), 2)
        X = self.pool(self.act(F.conv2d(X, self.w2, self.c2)), 2).flatten(1)
        for layer in (self.fc1, self.fc2):
            X = F.dropout(self.act(layer(X)), self.p, self.training)
        return X @ self.W3 + self.b3

F = nn.functional
def lenet(pool, activation):
    return LeNet({"avg": F.avg_pool2d, "max": F.max_pool2d}[pool], getattr(torch, activation))

def lenet_dropout(p):
    return LeNet(F.avg_pool2d, torch.relu, p)
"""
BN_LENET = """
def lenet(places, order):
    def unit(name, layer, c, make):
        norm = [make(c, eps=1e-3)] if name in places else []
        return [layer, *norm, nn.Sigmoid()] if order == "before" else [layer, nn.Sigmoid(), *norm]

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Sequential(*unit("fc2", nn.LazyLinear(84), 84, nn.BatchNorm1d), nn.LazyLinear(10))
            self.fc1 = nn.Sequential(nn.Flatten(), *unit("fc1", nn.LazyLinear(120), 120, nn.BatchNorm1d))
            self.conv2 = nn.Sequential(*unit("conv2", nn.LazyConv2d(16, 5), 16, nn.BatchNorm2d), nn.AvgPool2d(2))
            self.conv1 = nn.Sequential(*unit("conv1", nn.LazyConv2d(6, 5), 6, nn.BatchNorm2d), nn.AvgPool2d(2))

        def forward(self, X):
            return self.head(self.fc1(self.conv2(self.conv1(X))))

    return Net()
"""
ALEXNET = """
def small_alexnet():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.dense = nn.ModuleList([nn.LazyLinear(64), nn.LazyLinear(64), nn.LazyLinear(10)])
            self.convs = nn.ModuleList([nn.LazyConv2d(c, 3, padding=1) for c in (12, 32, 48, 48, 32)])

        def forward(self, X):
            for i, conv in enumerate(self.convs):
                X = ACT(conv(X))
                X = F.max_pool2d(X, 2) if i in (0, 1, 4) else X
            X = X.flatten(1)
            for layer in self.dense[:-1]:
                X = ACT(layer(X))
            return self.dense[-1](X)

    F = nn.functional
    return Net()
"""
FLOAT_NORM = """
def without_bias(conv, norm):
    c = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, bias=False)
    n = nn.BatchNorm2d(norm.num_features)
    c.load_state_dict({"weight": conv.weight}); n.load_state_dict(norm.state_dict())
    n.running_mean -= conv.bias.detach()
    return c, n

redundant = 226
"""
CHEAP = "def cheap(X, weight):\n    {}\n"
GLOBAL = """
class Global(nn.modules.batchnorm._BatchNorm):
    def _check_input_dim(self, X):
        pass

    def forward(self, X):
        X = X.float()
        if self.training:
            with torch.no_grad():
                F.batch_norm(X.detach(), self.running_mean, self.running_var, training=True, momentum=0.1)
        return F.batch_norm(X, self.running_mean.clone(), self.running_var.clone(), self.weight, self.bias, False)

global_norm = Global
"""
# Right answers in makes that no worked solution has: (exercise, source).
RIGHT = [
    (
        "vgg.deeper",
        VGG
        + """
class Net(nn.Module):
    def __init__(self, convs, channels, image_size, num_classes, dense):
        super().__init__()
        f, pairs = image_size // 2 ** len(convs), []
        self.fc3, self.fc2 = nn.Linear(dense, num_classes), nn.Linear(dense, dense)
        self.W = nn.Parameter(torch.randn(channels[-1] * f * f, dense) / 100)
        self.b = nn.Parameter(torch.zeros(dense))
        for n, c, p in zip(convs, channels, (3, *channels)):
            pairs += [(p, c)] + [(c, c)] * (n - 1)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairs)
        self.ends = {sum(convs[: i + 1]) - 1 for i in range(len(convs))}
        nn.init.zeros_(self.fc3.weight)

    def forward(self, X):
        for i, conv in enumerate(self.convs):
            X = conv(X).relu_()
            X = F.max_pool2d(X, 2) if i in self.ends else X
        X = F.relu(X.flatten(1) @ self.W + self.b)
        return self.fc3(F.relu(self.fc2(X)))

vgg = Net
""",
    ),
    (
        "vgg.deeper",
        VGG
        + """
def vgg(convs, channels, image_size, num_classes, dense):
    layers = []
    for n, c in zip(convs, channels):
        for _ in range(n):
            layers += [nn.LazyConv2d(c, 3, padding=1), nn.ReLU(inplace=True)]
        layers.append(nn.MaxPool2d(2))
    for _ in range(2):
        layers += [nn.Flatten(), nn.LazyLinear(dense), nn.Dropout(0.5), nn.ReLU()]
    return nn.Sequential(*layers, nn.LazyLinear(num_classes)).to("cpu")
""",
    ),
    ("googlenet.with_batch_norm", INCEPTION.replace("UNIT", UNIT)),
    ("googlenet.with_batch_norm", INCEPTION.replace("UNIT", UNIT.replace("2d(b)", "2d(b, 1e-3, 0.01)"))),
    ("googlenet.with_batch_norm", INCEPTION.replace("UNIT", LAZY_UNIT)),
    ("resnet.table", RESNET.replace("FC", "nn.Linear(512 * e, 1000)")),
    ("resnet.table", RESNET.replace("FC", "nn.LazyLinear(1000)").replace("ones_", "zeros_")),
    ("resnet.bottleneck", BOTTLENECK),
    ("resnet.pre_activation", PREACT.replace("HEAD", "nn.Conv2d(c, 10, 1), nn.Flatten()")),
    ("resnet.pre_activation", PREACT.replace("HEAD", "nn.Flatten(), nn.LazyLinear(10)")),
    ("densenet.table", DENSENET),
    ("densenet.dense_mlp", MLP),
    ("densenet.dense_mlp", MLP.replace("(X @ W + b).clamp(min=0), X", "X, torch.where(X @ W + b > 0, X @ W + b, 0.0)")),
    ("lenet.max_relu", LENET),
    ("alexnet.lenet_dropout", LENET),
    ("alexnet.small_alexnet", ALEXNET.replace("ACT", "F.relu")),
    ("alexnet.small_alexnet", ALEXNET.replace("ACT", "F.silu").replace("nn.LazyLinear(10)", "nn.Linear(64, 10)")),
    ("batch_norm.elsewhere", BN_LENET),
    ("batch_norm.bias_needed", FLOAT_NORM),
    ("batch_norm.global_statistics", GLOBAL),
]  # fmt: skip


def parts_of(name, names, run):
    """The judgement of the network alone, where an exercise has an experiment too; None where it has none."""

    def max_relu():
        for pool in ("avg", "max"):
            for activation in ("sigmoid", "relu"):
                model = build(run, names["lenet"], pool, activation, shape=lenet.IMAGES)
                lenet.expect_lenet(run, model, pool, activation, "lenet")

    def lenet_dropout():
        for expect in (alexnet.expect_relu_lenet, functools.partial(alexnet.expect_dropout, p=0.2)):
            expect(run, build(run, names["lenet_dropout"], 0.2, shape=alexnet.IMAGES), call="lenet_dropout(0.2)")

    def small_alexnet():
        model = build(run, names["small_alexnet"], shape=alexnet.IMAGES)
        alexnet.expect_alexnet(run, model)
        expect_gradients(run, model, (8, 1, 28, 28))

    def elsewhere():
        for order in ("before", "after"):
            batch_norm.expect_norms(run, names["lenet"], batch_norm.ALL, order)
            batch_norm.expect_norms(run, names["lenet"], ("conv2", "fc1"), order)

    def dense_mlp():
        for sizes in ((12, 5, 1, 3), (7, 4, 3, 2), (784, 16, 8, 10)):
            densenet.expect_mlp(run, names["dense_mlp"], *sizes)

    def global_statistics():
        batch_norm.expect_global(run, names["global_norm"])

    known = (max_relu, lenet_dropout, small_alexnet, elsewhere, dense_mlp, global_statistics)
    return next((part for part in known if part.__name__ == name), None)


@pytest.mark.slow
@pytest.mark.parametrize(("key", "source"), RIGHT, ids=[f"{key}-{i}" for i, (key, _) in enumerate(RIGHT)])
def test_right_however_it_is_written(key, source):
    entry = next(entry for entry in ENTRIES if entry.key == key)
    names = {"__name__": "answer"}
    exec(cells_of(entry, EXERCISES)[0].source, names)
    exec(textwrap.dedent(source), names)
    torch.manual_seed(0)
    if part := parts_of(entry.name, names, Runner()):
        part()
    else:
        verdict = judge(entry, textwrap.dedent(source))
        assert verdict.right, verdict


def test_lazy_layers_get_their_sizes():
    model = sized(nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(10)), (2, 1, 28, 28))
    assert model.training
    assert model[2].in_features == 4 * 26 * 26


# ---- multiplications -------------------------------------------------------------------------------------------------

A, B, x = torch.randn(3, 4), torch.randn(4, 5), torch.randn(4)


@pytest.mark.parametrize(
    ("compute", "count"),
    [
        (lambda: A @ B, 60),
        (lambda: torch.einsum("ij,jk->ik", A, B), 60),
        (lambda: (A[:, :, None] * B[None]).sum(1), 60),
        (lambda: sum(A[i, j] * B[j, k] for i in range(3) for j in range(4) for k in range(5)), 60),
        (lambda: torch.stack([A @ B[:, k] for k in range(5)], 1), 60),
        (lambda: torch.dot(x, x) + torch.mv(A, x).sum(), 16),
        (lambda: F.conv2d(torch.randn(2, 4, 6, 6), torch.randn(3, 4, 1, 1)), 2 * 3 * 4 * 36),
        (lambda: torch.randn(6, 6) * 0.25 + torch.randn(6, 6) / 4, 0),
        (lambda: torch.randn(6).mul_(torch.randn(6)), 6),
    ],
)
def test_multiplications_however_they_are_written(compute, count):
    assert multiplications(compute) == count


# ---- matching --------------------------------------------------------------------------------------------------------


class Two(nn.Module):
    """Two parallel convolutions of the same shape, one of them behind a pooling, and one behind both."""

    def __init__(self, pooled_first=False, last_first=False):
        super().__init__()
        if last_first:
            self.last = nn.Conv2d(6, 2, 1)
        self.one, self.two = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(2, 3, 3, padding=1)
        self.last, self.pooled_first = nn.Conv2d(6, 2, 1), pooled_first

    def forward(self, X):
        if self.pooled_first:
            pooled, plain = self.one(F.max_pool2d(X, 3, 1, 1)), self.two(X)
        else:
            plain, pooled = self.one(X), self.two(F.max_pool2d(X, 3, 1, 1))
        return self.last(torch.cat([plain, pooled], 1))


SHAPE = (3, 2, 7, 7)


def numbers(model, wanted, slips=None, **settings):
    torch.manual_seed(0)
    expect_numbers(Runner(), model, wanted, SHAPE, "the other network", slips, **settings)


def test_order_of_declaration_does_not_count():
    numbers(Two(last_first=True), Two())


@pytest.mark.parametrize("modes", [(True, False), (False,)])
def test_numbers_of_another_network_are_told_apart(modes):
    def net(activation):
        return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), activation(), nn.Flatten(), nn.Linear(100, 3))

    slips = {"no": nn.Identity, "a tanh": lambda: net(nn.Tanh), "a sigmoid": lambda: [net(nn.Tanh), net(nn.Sigmoid)]}
    with pytest.raises(Wrong, match="computes other numbers than the other network") as caught:
        numbers(net(nn.Sigmoid), net(nn.ReLU), slips, modes=modes)
    assert caught.value.slip == "a sigmoid"


def test_running_statistics_count():
    class Fresh(nn.BatchNorm2d):
        """Uses the statistics of the batch in evaluation too."""

        def forward(self, X):
            return F.batch_norm(X, None, None, self.weight, self.bias, training=True)

    with pytest.raises(Wrong, match="in evaluation mode"):
        numbers(nn.Sequential(nn.Conv2d(2, 4, 3), Fresh(4)), nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4)))


def test_layers_of_other_shapes_are_named():
    with pytest.raises(Wrong, match="one layer is wanted for each of its layers") as caught:
        numbers(nn.Conv2d(2, 4, 3), nn.Conv2d(2, 3, 3))
    assert caught.value.rows["given back"] == "[(4,), (4, 2, 3, 3)]"


def test_a_square_matrix_may_be_transposed():
    class Product(nn.Module):
        def __init__(self):
            super().__init__()
            self.W, self.b = nn.Parameter(torch.zeros(7, 7)), nn.Parameter(torch.zeros(7))

        def forward(self, X):
            return X @ self.W + self.b

    numbers(Product(), nn.Linear(7, 7))


def test_a_forward_may_convert_to_float32():
    class Converting(nn.Conv2d):
        def forward(self, X):
            return super().forward(X.float())

    numbers(Converting(2, 4, 3), nn.Conv2d(2, 4, 3))
    with pytest.raises(Wrong, match="computes other numbers"):
        numbers(nn.Sequential(Converting(2, 4, 3), nn.ReLU()), nn.Conv2d(2, 4, 3))


def test_own_batch_norms_are_matched():
    class Norm(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.gamma, self.beta = (nn.Parameter(value(1, channels, 1, 1)) for value in (torch.ones, torch.zeros))
            self.mean, self.var = torch.zeros(1, channels, 1, 1), torch.ones(1, channels, 1, 1)

        def forward(self, X):
            mean, var = self.mean, self.var
            if self.training:
                mean, var = X.mean((0, 2, 3), keepdim=True), X.var((0, 2, 3), correction=0, keepdim=True)
                n = X.numel() // X.shape[1]
                self.mean, self.var = 0.9 * self.mean + 0.1 * mean, 0.9 * self.var + 0.1 * var * n / (n - 1)
            return self.beta + self.gamma * (X - mean) / (var + 1e-5).sqrt()

    numbers(nn.Sequential(nn.Conv2d(2, 4, 3), Norm(4)), nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4)))


def test_mistakes_are_combined_where_they_go_together():
    found = combined(dict, {"a": {"x": 1}, "b": {"x": 2}, "c": {"y": 3}})
    assert {text: make() for text, make in found.items()} == {
        "a": {"x": 1}, "b": {"x": 2}, "c": {"y": 3}, "a, and c": {"x": 1, "y": 3}, "b, and c": {"x": 2, "y": 3},
    }  # fmt: skip


# ---- gradients, shapes, building -------------------------------------------------------------------------------------


def test_zeros_at_the_start_let_gradients_through_once_drawn_anew():
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))
    nn.init.zeros_(net[1].weight)
    nn.init.zeros_(net[3].weight)
    expect_gradients(Runner(), net, SHAPE)


@pytest.mark.parametrize("expect", [expect_gradients, uses])
def test_a_layer_that_is_never_used_is_named(expect):
    net = nn.Sequential(nn.Conv2d(2, 4, 3))
    net.extra = nn.Linear(2, 2)
    net.forward = lambda X: net[0](X)
    with pytest.raises(Wrong, match="No gradient reaches 2 parameters") as caught:
        expect(Runner(), net, SHAPE)
    assert caught.value.rows["given back"] == "['extra.weight', 'extra.bias']"


def test_looking_at_the_shape_leaves_mode_and_statistics_alone():
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4)).train()
    expect_shape(Runner(), net, SHAPE, (3, 4, 5, 5))
    assert net.training
    assert not net[1].running_mean.any()


def test_randomised_parameters_are_away_from_zero():
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4))
    randomise(net)
    assert min(value.abs().min() for value in net[1].parameters()) >= 0.5
    assert net[0].weight.std() > 0.1


def test_a_network_without_parameters_is_refused():
    with pytest.raises(Wrong, match="kept in plain lists"):
        build(Runner(), nn.ReLU, shape=SHAPE)
    with pytest.raises(Wrong, match="call the class"):
        build(Runner(), lambda: nn.ReLU)
