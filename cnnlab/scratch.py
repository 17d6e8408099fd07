"""Layers written out from their definition: loops first, so that every step can be read; the fast form after."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


def corr2d(X: torch.Tensor, K: torch.Tensor) -> torch.Tensor:
    """Cross-correlation, from its definition: the kernel is laid on every place where it fits.
    (H, W), (k_h, k_w) -> (H - k_h + 1, W - k_w + 1).
    """
    h, w = K.shape
    Y = torch.zeros(X.shape[0] - h + 1, X.shape[1] - w + 1, dtype=X.dtype)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y


def corr2d_fast(X: torch.Tensor, K: torch.Tensor) -> torch.Tensor:
    """The same by one matrix product: every window becomes a column (im2col).
    (H, W), (k_h, k_w) -> (H - k_h + 1, W - k_w + 1).
    """
    h, w = K.shape
    columns = F.unfold(X[None, None], (h, w))[0]
    return (K.flatten() @ columns).reshape(X.shape[0] - h + 1, X.shape[1] - w + 1)


def conv2d(X: torch.Tensor, K: torch.Tensor) -> torch.Tensor:
    """True convolution, as mathematics defines it: cross-correlation with the kernel turned by half a turn.
    (H, W), (k_h, k_w) -> (H - k_h + 1, W - k_w + 1).
    """
    return corr2d(X, K.flip(0, 1))


class Conv2D(nn.Module):
    """A convolution layer of one channel: a learned kernel and a learned bias.
    (H, W) -> (H - k_h + 1, W - k_w + 1).
    """

    def __init__(self, kernel_size: tuple[int, int]):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return corr2d(X, self.weight) + self.bias


def corr2d_multi_in(X: torch.Tensor, K: torch.Tensor) -> torch.Tensor:
    """Several input channels: each with its own kernel, then the sum.
    (c_in, H, W), (c_in, k_h, k_w) -> (o_h, o_w).
    """
    return sum(corr2d(x, k) for x, k in zip(X, K, strict=True))


def corr2d_multi_in_out(X: torch.Tensor, K: torch.Tensor) -> torch.Tensor:
    """Several output channels: one stack of kernels each.
    (c_in, H, W), (c_out, c_in, k_h, k_w) -> (c_out, o_h, o_w).
    """
    return torch.stack([corr2d_multi_in(X, k) for k in K])


def corr2d_1x1(X: torch.Tensor, K: torch.Tensor) -> torch.Tensor:
    """A 1 × 1 convolution as one matrix product, the same at every pixel.
    (c_in, H, W), (c_out, c_in, 1, 1) -> (c_out, H, W).
    """
    c_in, h, w = X.shape
    return (K.reshape(-1, c_in) @ X.reshape(c_in, h * w)).reshape(-1, h, w)


def pool2d(X: torch.Tensor, size: tuple[int, int], mode: str = "max") -> torch.Tensor:
    """The largest ("max") or the mean ("avg") of each window, stride 1.
    (H, W) -> (H - h + 1, W - w + 1).
    """
    h, w = size
    Y = torch.zeros(X.shape[0] - h + 1, X.shape[1] - w + 1)
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            window = X[i : i + h, j : j + w]
            Y[i, j] = window.max() if mode == "max" else window.mean()
    return Y
