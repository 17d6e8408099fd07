"""The Inception block: four branches side by side, in the form of the paper and in three later ones.

"plain"       Szegedy et al. 2015, "Going deeper with convolutions", figure 2(b)
"factorised"  Szegedy et al. 2016, "Rethinking the Inception architecture", figure 5: 5×5 as two 3×3
"asymmetric"  the same paper, figure 6: n×n as 1×n and n×1
"residual"    Szegedy et al. 2017, "Inception-v4, Inception-ResNet", figure 10: what the branches find is added
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cnnlab.models.shared import choose, named

# What stands for one n×n convolution: the kernels (height, width) that see the same n×n pixels.
KERNELS = {
    "plain": lambda n: [(n, n)],
    "factorised": lambda n: [(3, 3)] * (n // 2),
    "asymmetric": lambda n: [(1, n), (n, 1)],
    "residual": lambda n: [(n, n)],
}


class Inception(nn.Module):
    """Four branches over the same input, joined on channels.
    (B, c_in, H, W) -> (B, c1 + c3[1] + c5[1] + c_pool, H, W); block="residual" gives (B, c_in, H, W).

    c3, c5: channels after the 1×1 that reduces, and after the convolution it leads to.
    third_kernel: of the c5 branch; 5 in the paper, 3 in torchvision.
    """

    def __init__(
        self,
        c_in: int,
        c1: int = 64,
        c3: tuple[int, int] = (96, 128),
        c5: tuple[int, int] = (16, 32),
        c_pool: int = 32,
        batch_norm: bool = False,
        *,
        block: str = "plain",
        third_kernel: int = 5,
    ):
        kernels = choose("block", block, KERNELS)
        _check(third_kernel)
        super().__init__()
        self.branch1 = conv_unit(c_in, c1, 1, batch_norm=batch_norm)
        self.branch2 = _reduced(c_in, c3, kernels(3), batch_norm)
        self.branch3 = _reduced(c_in, c5, kernels(third_kernel), batch_norm)
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1), conv_unit(c_in, c_pool, 1, batch_norm=batch_norm)
        )
        joined = joined_channels(c1, c3, c5, c_pool)
        self.out_channels = c_in if block == "residual" else joined
        # Neither activation nor batch norm: the sum is what is activated, and an added value may be negative.
        # Paper: multiplied by 0.1 to 0.3 before it is added, where a net of over 1000 channels would not train.
        self.expand = nn.Conv2d(joined, c_in, kernel_size=1) if block == "residual" else None

    def forward(self, X: Tensor) -> Tensor:
        Y = torch.cat([self.branch1(X), self.branch2(X), self.branch3(X), self.branch4(X)], dim=1)
        return Y if self.expand is None else torch.relu(X + self.expand(Y))


def conv_unit(
    c_in: int, c_out: int, kernel_size: int | tuple[int, int], stride: int = 1, *, batch_norm: bool = False
) -> nn.Sequential:
    """Convolution, batch norm where asked for, ReLU; an odd kernel keeps the size at stride 1.
    (B, c_in, H, W) -> (B, c_out, ceil(H / stride), ceil(W / stride))."""
    height, width = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    padding = (height // 2, width // 2)
    return named(
        # No bias before a batch norm: subtracting the mean would cancel it.
        conv=nn.Conv2d(c_in, c_out, (height, width), stride, padding, bias=not batch_norm),
        norm=nn.BatchNorm2d(c_out) if batch_norm else None,
        relu=nn.ReLU(),
    )


def joined_channels(c1: int, c3: tuple[int, int], c5: tuple[int, int], c_pool: int) -> int:
    """Channels of the four branches side by side; what a 1×1 reduces to does not count.
    >>> joined_channels(c1=64, c3=(96, 128), c5=(16, 32), c_pool=32)
    256
    """
    return c1 + c3[1] + c5[1] + c_pool


def _reduced(c_in: int, channels: tuple[int, int], kernels: list[tuple[int, int]], batch_norm: bool) -> nn.Sequential:
    """A 1×1 that reduces, then the kernels. (B, c_in, H, W) -> (B, channels[1], H, W)."""
    reduced, c_out = channels
    # Paper: its network widens at the first of two 3×3. Here the last widens, as in its 1×n, n×1 pairs: from 16
    # channels to 32 the other order would cost more than the 5×5 it replaces (13,824 weights against 12,800).
    *first, last = kernels
    units = [conv_unit(reduced, reduced, kernel, batch_norm=batch_norm) for kernel in first]
    return nn.Sequential(
        conv_unit(c_in, reduced, 1, batch_norm=batch_norm),
        *units,
        conv_unit(reduced, c_out, last, batch_norm=batch_norm),
    )


def _check(third_kernel: int) -> None:
    if third_kernel < 3 or third_kernel % 2 == 0:
        raise ValueError(
            f"third_kernel {third_kernel} is not an odd number of at least 3; the paper has 5 and torchvision 3"
        )
