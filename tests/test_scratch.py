"""Layers from their definition, against PyTorch, SciPy's definition by hand, and gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from cnnlab.scratch import (
    BatchNorm,
    Conv2D,
    batch_norm,
    conv2d,
    corr2d,
    corr2d_1x1,
    corr2d_fast,
    corr2d_multi_in,
    corr2d_multi_in_out,
    pool2d,
)

sides = st.integers(1, 7)


@settings(deadline=None, max_examples=100)
@given(sides, sides, st.integers(0, 6), st.integers(0, 6), st.integers(0, 10_000))
def test_against_torch_on_random_shapes(h, w, more_h, more_w, seed):
    random = torch.Generator().manual_seed(seed)
    X = torch.randn(h + more_h, w + more_w, generator=random, dtype=torch.float64)
    K = torch.randn(h, w, generator=random, dtype=torch.float64)
    expected = F.conv2d(X[None, None], K[None, None])[0, 0]
    assert torch.allclose(corr2d(X, K), expected)
    assert torch.allclose(corr2d_fast(X, K), expected)
    flipped = torch.tensor([[K[h - 1 - i, w - 1 - j] for j in range(w)] for i in range(h)])
    assert torch.allclose(conv2d(X, K), F.conv2d(X[None, None], flipped[None, None])[0, 0])


def test_by_hand():
    X = torch.arange(9.0).reshape(3, 3)
    K = torch.arange(4.0).reshape(2, 2)
    assert corr2d(X, K).tolist() == [[19.0, 25.0], [37.0, 43.0]]
    assert conv2d(X, K).tolist() == [
        [0 * 3 + 1 * 2 + 3 * 1, 1 * 3 + 2 * 2 + 4 * 1],
        [3 * 3 + 4 * 2 + 6 * 1, 4 * 3 + 5 * 2 + 7 * 1],
    ]


@pytest.mark.parametrize("function", [corr2d, corr2d_fast, conv2d])
def test_gradients_flow_through_the_loops(function):
    X = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    K = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (X, K))


def test_only_true_convolution_commutes():
    """Padded so that nothing is cut off, two kernels may be applied in either order, or combined first."""
    A, B = torch.randn(3, 3, dtype=torch.float64), torch.randn(3, 3, dtype=torch.float64)
    full = lambda f, X, K: f(F.pad(X, (2, 2, 2, 2)), K)  # noqa: E731
    assert torch.allclose(full(conv2d, A, B), full(conv2d, B, A))
    assert not torch.allclose(full(corr2d, A, B), full(corr2d, B, A))


def test_layer_agrees_with_torchs():
    layer, theirs = Conv2D((3, 2)), torch.nn.Conv2d(1, 1, (3, 2))
    theirs.load_state_dict({"weight": layer.weight[None, None], "bias": layer.bias + 0.5})
    with torch.no_grad():
        layer.bias += 0.5
    X = torch.randn(6, 5)
    assert torch.allclose(layer(X), theirs(X[None, None])[0, 0], atol=1e-6)
    assert sorted(name for name, _ in layer.named_parameters()) == ["bias", "weight"]


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(0, 10_000))
def test_channels_against_torch(c_in, c_out, k, seed):
    random = torch.Generator().manual_seed(seed)
    X, K = torch.randn(c_in, 6, 5, generator=random), torch.randn(c_out, c_in, k, k, generator=random)
    expected = F.conv2d(X[None], K)[0]
    assert torch.allclose(corr2d_multi_in_out(X, K), expected, atol=1e-5)
    assert torch.allclose(corr2d_multi_in(X, K[0]), expected[0], atol=1e-5)
    if k == 1:
        assert torch.allclose(corr2d_1x1(X, K), expected, atol=1e-5)


@settings(deadline=None, max_examples=50)
@given(sides, sides, st.integers(0, 4), st.integers(0, 10_000))
def test_pooling_against_torch(h, w, more, seed):
    X = torch.randn(h + more, w + more, generator=torch.Generator().manual_seed(seed))
    for mode, theirs in (("max", F.max_pool2d), ("avg", F.avg_pool2d)):
        assert torch.allclose(pool2d(X, (h, w), mode), theirs(X[None], (h, w), stride=1)[0], atol=1e-6)


# ---- batch norm ------------------------------------------------------------------------------------------------------

shapes = st.one_of(
    st.tuples(st.integers(2, 6), st.integers(1, 5)),
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(2, 4)),
)


def theirs(shape, **settings):
    return (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(shape[1], **settings)


def drawn(seed, *shapes):
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=random, dtype=torch.float64) for shape in shapes]


@settings(deadline=None, max_examples=100)
@given(shapes, st.floats(1e-8, 1e-1), st.floats(0, 1), st.booleans(), st.integers(0, 10_000))
def test_batch_norm_function_against_torch(shape, eps, momentum, training, seed):
    X, gamma, beta, mean, var = drawn(seed, shape, *[shape[1:2]] * 4)
    var = var.exp()
    given = mean.clone(), var.clone()
    Y, new_mean, new_var = batch_norm(X, gamma, beta, mean, var, eps, momentum, training)
    assert torch.equal(mean, given[0])  # what it was given is left alone
    assert torch.equal(var, given[1])
    # PyTorch's writes the new averages over the old ones.
    assert_close(Y, F.batch_norm(X, mean, var, gamma, beta, training, momentum, eps))
    assert_close((new_mean, new_var), (mean, var))


@settings(deadline=None, max_examples=60)
@given(shapes, st.floats(1e-8, 1e-1), st.floats(0, 1), st.integers(0, 10_000))
def test_batch_norm_layer_against_torchs(shape, eps, momentum, seed):
    """Two steps of training, one of them under no_grad, then prediction: outputs, gradients and statistics."""
    one, two, three, weights = drawn(seed, *[shape] * 4)
    layers = [
        make(shape[1], eps=eps, momentum=momentum).double() for make in (BatchNorm, lambda *a, **k: theirs(shape, **k))
    ]
    seen = []
    for layer in layers:
        X = one.clone().requires_grad_()
        (layer(X) * weights).sum().backward()
        with torch.no_grad():
            again = layer(two)
        seen.append(
            [X.grad, layer.weight.grad, layer.bias.grad, again, layer.eval()(three), *layer.state_dict().values()]
        )
    assert_close(*seen)


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 2, 3)])
def test_batch_norm_states_are_exchanged(shape):
    (X,) = drawn(0, shape)
    for source, target in ((BatchNorm(3), theirs(shape)), (theirs(shape), BatchNorm(3))):
        source, target = source.double(), target.double()
        source(X + 3)
        target.load_state_dict(source.state_dict())
        assert_close(target.eval()(X), source.eval()(X))
        assert target.num_batches_tracked == 1


def test_batch_norm_by_hand():
    """Mean 2 and variance 4 of (0, 4); what is kept is a tenth of the way from (0, 1) to mean 2, variance 8."""
    layer = BatchNorm(1, eps=0)
    with torch.no_grad():
        layer.weight.fill_(5)
        layer.bias.fill_(1)
    X = torch.tensor([[0.0], [4.0]])
    assert layer(X).flatten().tolist() == [-4, 6]
    assert_close([layer.running_mean.item(), layer.running_var.item()], [0.2, 1.7])
    # In prediction nothing moves, and a single image is enough.
    assert_close(layer.eval()(X[1:]).item(), 1 + 5 * (4 - 0.2) / 1.7**0.5)
    assert_close(layer.running_mean.item(), 0.2)


def test_batch_norm_moves_as_one():
    layer = BatchNorm(3)
    assert sorted(layer.state_dict()) == sorted(nn.BatchNorm2d(3).state_dict())
    assert {p.dtype for p in layer.double().state_dict().values()} == {torch.float64, torch.int64}
    assert {p.device.type for p in layer.to("meta").state_dict().values()} == {"meta"}
    assert repr(layer) == "BatchNorm(3, eps=1e-05, momentum=0.1)"


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(4, 3), (2, 2, 2, 3)])
def test_gradients_of_batch_norm(shape, training):
    X, gamma, beta, mean, var = drawn(0, shape, *[shape[1:2]] * 4)
    for value in (X, gamma, beta):
        value.requires_grad_()
    forward = lambda X, gamma, beta: batch_norm(X, gamma, beta, mean, var.exp(), training=training)[0]  # noqa: E731
    assert torch.autograd.gradcheck(forward, (X, gamma, beta))


def test_statistics_carry_no_graph():
    X = torch.randn(4, 3, requires_grad=True)
    _, mean, var = batch_norm(X, torch.ones(3), torch.zeros(3), torch.zeros(3), torch.ones(3))
    assert not mean.requires_grad
    assert not var.requires_grad


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((1, 3), r"shape \(1, 3\) has 1 value a channel and no variance; give at least 2 images or call eval\(\)"),
        ((1, 3, 1, 1), "has 1 value a channel and no variance"),
        ((2, 3, 4), r"an input of shape \(2, 3, 4\) has 3 axes; give \(B, C\) or \(B, C, H, W\)"),
        ((4, 6), "an input of 6 channels does not fit a batch norm of 3; build it with 6"),
    ],
)
def test_what_batch_norm_refuses(shape, sentence):
    layer = BatchNorm(3)
    with pytest.raises(ValueError, match=sentence):
        layer(torch.zeros(shape))
    assert layer.num_batches_tracked == 0
