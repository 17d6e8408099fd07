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
