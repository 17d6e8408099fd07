"""Random numbers of one's own: those of torch.manual_seed, in each thread, the shared generators left alone."""

import importlib
import itertools
import threading
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from cnnlab import models
from cnnlab.train import seeding
from cnnlab.train.seeding import own_random

X = torch.ones(5, 4, 6, 6)
DRAWS = {
    "rand": lambda: torch.rand(3),
    "rand out": lambda: torch.rand(3, out=torch.empty(3)),
    "randn": lambda: torch.randn(2, 3),
    "randint": lambda: torch.randint(3, 9, (4,)),
    "randperm": lambda: torch.randperm(9),
    "like": lambda: torch.cat([torch.rand_like(X), torch.randn_like(X), torch.randint_like(X, 2, 5)]),
    "bernoulli": lambda: torch.bernoulli(X * 0.4),
    "in place": lambda: torch.empty(9).normal_() + torch.empty(9).uniform_() + torch.empty(9).exponential_(),
    "normal": lambda: torch.normal(torch.zeros(3), 1.0),
    "multinomial": lambda: torch.multinomial(torch.ones(9), 4),
    "poisson": lambda: torch.poisson(X),
    "dropout": lambda: F.dropout(X, 0.5),
    "dropout2d": lambda: F.dropout2d(X, 0.4),
    "alpha dropout": lambda: F.alpha_dropout(X, 0.4, training=True),
    "rrelu": lambda: F.rrelu(-X, training=True),
    "gumbel": lambda: F.gumbel_softmax(torch.ones(2, 5)),
    "gamma": lambda: torch.distributions.Gamma(2.0, 1.0).sample((3,)),
    "weights": lambda: nn.Linear(3, 2).weight.detach(),
    "orthogonal": lambda: nn.init.orthogonal_(torch.empty(3, 3)),
    "recurrent": lambda: nn.GRU(3, 4, 2, dropout=0.5)(torch.ones(2, 3, 3))[0].detach(),
    "attention": lambda: F.scaled_dot_product_attention(X[0], X[0], X[0], dropout_p=0.5),
    "no overload": lambda: torch.native_dropout(X, 0.5, True)[0],
}


@pytest.mark.parametrize("grad", [torch.enable_grad, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("name", DRAWS)
def test_what_is_drawn_is_what_the_seed_gives_and_nothing_shared_moves(name, grad):
    with torch.random.fork_rng(), grad():
        torch.manual_seed(5)
        expected = [DRAWS[name]() for _ in range(2)]
        torch.manual_seed(99)
        before = torch.get_rng_state()
        with own_random(5) as draws:
            found = [DRAWS[name]()]
        with draws:  # entered again, the generators go on
            found.append(DRAWS[name]())
        assert torch.equal(before, torch.get_rng_state())
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours, theirs)


def test_every_random_operation_of_torch_is_known():
    """Those without a generator, and without a twin that takes one, are drawn under a lock; few are left."""
    left = set()
    for name in torch._C._dispatch_get_all_op_names():
        packet, _, overload = name.removeprefix("aten::").partition(".")
        func = getattr(getattr(torch.ops.aten, packet, None), overload or "default", None)
        if name.startswith("aten::") and func is not None and seeding._is_random(func):
            made = seeding._with_generator(func)[0]
            if made is None:
                left.add(packet)
            else:
                assert "generator" in {argument.name for argument in made._schema.arguments}
    assert {"rand", "randn", "randint", "randperm", "bernoulli_", "rand_like"}.isdisjoint(left)
    assert "native_dropout" in left


def test_a_generator_that_is_given_is_used():
    given = lambda: torch.Generator().manual_seed(1)  # noqa: E731
    with own_random(0):
        found = torch.rand(3, generator=given()), torch.empty(3).bernoulli_(0.5, generator=given())
        noise = torch.ops.aten.rrelu_with_noise(-X, torch.empty_like(X), 0.1, 0.9, True, given())
    assert torch.equal(found[0], torch.rand(3, generator=given()))
    assert torch.equal(found[1], torch.empty(3).bernoulli_(0.5, generator=given()))
    assert torch.equal(noise, torch.ops.aten.rrelu_with_noise(-X, torch.empty_like(X), 0.1, 0.9, True, given()))


def test_a_device_has_one_generator_by_whichever_name_it_is_called():
    assert seeding._device_of((3,), {"device": "mps"}) == torch.device("mps:0")
    assert seeding._device_of((torch.ones(2),), {}) == seeding._device_of((2,), {}) == torch.device("cpu")


def test_meta_tensors_need_no_generator():
    with own_random(0), torch.device("meta"):
        assert nn.Linear(3, 2).weight.is_meta


def test_threads_draw_from_their_own_seeds():
    def draw(seed: int, found: dict[int, list[float]]) -> None:
        with own_random(seed):
            found[seed] = [F.dropout(torch.ones(100)).sum().item() + torch.rand(()).item() for _ in range(200)]

    alone, together = {}, {}
    for seed in range(4):
        draw(seed, alone)
    threads = [threading.Thread(target=draw, args=(seed, together)) for seed in range(4)]
    torch.manual_seed(7)
    shared = torch.rand(50)
    torch.manual_seed(7)
    for thread in threads:
        thread.start()
    assert torch.equal(shared, torch.rand(50))
    for thread in threads:
        thread.join()
    assert together == alone


@pytest.mark.parametrize("reentrant", [True, False])
def test_what_is_computed_twice_draws_the_same_twice(reentrant):
    """The gradient of a bias in front of dropout is the mask itself: of the first pass or of another."""
    layer, x = nn.Linear(3, 30), torch.ones(4, 3, requires_grad=True)
    with own_random(0):
        y = checkpoint(lambda x: F.dropout(layer(x), 0.5), x, use_reentrant=reentrant)
    y.sum().backward()
    assert torch.equal(layer.bias.grad, 2 * (y != 0).float().sum(0))


def test_compiled_networks_too():
    net = nn.Sequential(nn.Linear(3, 30), nn.Dropout(0.5))
    with own_random(3):
        plain = net(torch.ones(4, 3))
    with own_random(3):
        compiled = torch.compile(net, backend="eager")(torch.ones(4, 3))
    assert torch.equal(plain, compiled)


class Noisy(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


SHAPES = ((2, 3), (2, 3, 6), (2, 3, 6, 6), (2, 3, 6, 6, 6))


def candidates() -> dict[str, type[nn.Module]]:
    """Every layer in those modules of torch that count as still."""
    made = {}
    for name in sorted(seeding.STILL):
        for kind in vars(importlib.import_module(name)).values():
            if isinstance(kind, type) and issubclass(kind, nn.Module) and kind.__module__ == name:
                made[kind.__name__] = kind
    return made


def test_layers_that_count_as_still_draw_nothing():
    """Each that a usual call makes, and that takes an input of one of these shapes."""
    tried = 0
    for name, kind in candidates().items():
        for arguments, shape in itertools.product(
            ((), (3,), (3, 3), (3, 3, 2)), ((2, 3), (2, 3, 6), (2, 3, 6, 6), (2, 3, 6, 6, 6))
        ):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    layer = kind(*arguments)
                    layer(torch.ones(shape))
                except Exception:
                    continue
                if not seeding._draws_nothing(layer):
                    continue
                shared = torch.get_rng_state()
                layer(torch.ones(shape))
            tried += 1
            assert torch.equal(shared, torch.get_rng_state()), name
    assert tried > 60


@pytest.mark.parametrize(
    ("model", "looks"),
    [
        (models.build("lenet"), False),
        (models.build("resnet18", width=0.125), False),
        (models.build("bn_lenet"), False),
        (models.build("alexnet", width=0.125), True),
        (nn.Sequential(nn.Linear(3, 3), nn.Dropout()), True),
        (nn.Sequential(nn.Linear(3, 3), nn.RReLU()), True),
        (nn.Sequential(nn.Linear(3, 3), Noisy()), True),
        (nn.GRU(3, 3), True),
    ],
)
def test_a_model_is_looked_at_only_where_it_may_draw(model, looks):
    assert isinstance(seeding.draws_of(model, 0), own_random) is looks
    assert isinstance(seeding.draws_of(torch.compile(model, backend="eager"), 0), own_random) is looks


def test_hooks_and_replaced_forwards_may_draw():
    model, other = nn.Sequential(nn.Linear(3, 3)), nn.Linear(3, 3)
    model[0].register_forward_hook(lambda _module, _inputs, out: out + torch.randn_like(out))
    other.forward = torch.randn_like
    assert all(isinstance(seeding.draws_of(each, 0), own_random) for each in (model, other))
