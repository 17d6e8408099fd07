"""Layers from their definition, against PyTorch, SciPy's definition by hand, and gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from cnnlab.scratch import (
    Conv2D,
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
