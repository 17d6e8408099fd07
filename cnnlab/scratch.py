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


def batch_norm(
    X: torch.Tensor,
    gamma: torch.Tensor,
    beta: torch.Tensor,
    moving_mean: torch.Tensor,
    moving_var: torch.Tensor,
    eps: float = 1e-5,
    momentum: float = 0.1,
    training: bool = True,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Every channel gets mean β and standard deviation |γ|. Returns the result, and the moving averages after it.
    (B, C) or (B, C, H, W), and four times (C,) -> the shape of X, (C,), (C,).

    In training the mean and variance are those of the batch: of B numbers a channel, or of B·H·W. In prediction they
    are the moving averages, so that an image's result does not depend on its neighbours in the batch.
    """
    axes, shape = _all_but_channels(X, len(gamma))
    if training:
        mean = X.mean(axes)
        var = ((X - mean.reshape(shape)) ** 2).mean(axes)  # of these n numbers, so over n
        n = X.numel() // X.shape[1]
        if n < 2:
            raise ValueError(
                f"shape {tuple(X.shape)} has {n} value a channel and no variance; give at least 2 images or call eval()"
            )
        # Momentum weighs the new value; what is kept estimates the variance of all images, so it is over n - 1.
        moving_mean = (1 - momentum) * moving_mean + momentum * mean.detach()
        moving_var = (1 - momentum) * moving_var + momentum * var.detach() * n / (n - 1)
    else:
        mean, var = moving_mean, moving_var
    X_hat = (X - mean.reshape(shape)) / torch.sqrt(var.reshape(shape) + eps)
    return gamma.reshape(shape) * X_hat + beta.reshape(shape), moving_mean, moving_var


class BatchNorm(nn.Module):
    """Batch norm as a layer, for linear layers and convolutions alike; its state fits nn.BatchNorm1d and 2d.
    (B, C) or (B, C, H, W) -> the same shape.
    """

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))  # γ
        self.bias = nn.Parameter(torch.zeros(num_features))  # β
        # Not learned, yet part of the layer: as buffers they are in the state_dict and follow .to().
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        # The mode decides, not torch.is_grad_enabled(): statistics may be gathered under no_grad too.
        Y, mean, var = batch_norm(
            X, self.weight, self.bias, self.running_mean, self.running_var, self.eps, self.momentum, self.training
        )
        if self.training:
            self.running_mean.copy_(mean)
            self.running_var.copy_(var)
            self.num_batches_tracked += 1
        return Y

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, eps={self.eps}, momentum={self.momentum}"


def _all_but_channels(X: torch.Tensor, channels: int) -> tuple[list[int], list[int]]:
    """The axes that a channel's statistics are taken over, and the shape in which (C,) meets X."""
    if X.dim() not in (2, 4):
        raise ValueError(f"an input of shape {tuple(X.shape)} has {X.dim()} axes; give (B, C) or (B, C, H, W)")
    if X.shape[1] != channels:
        raise ValueError(
            f"an input of {X.shape[1]} channels does not fit a batch norm of {channels}; build it with {X.shape[1]}"
        )
    return [axis for axis in range(X.dim()) if axis != 1], [1, -1] + [1] * (X.dim() - 2)
