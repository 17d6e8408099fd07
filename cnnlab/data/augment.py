"""Images changed at random before a network sees them, the labels still right."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def random_flip(images: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Mirror each image left to right with probability one half. (B, 1, H, W) -> the same shape."""
    heads = (torch.rand(len(images), generator=random) < 0.5).to(images.device)
    return torch.where(heads[:, None, None, None], images.flip(-1), images)


def random_shift(images: torch.Tensor, reach: int, random: torch.Generator) -> torch.Tensor:
    """Move each image by up to `reach` pixels on both axes, black coming in. (B, 1, H, W) -> the same shape."""
    count, _, height, width = images.shape
    padded = F.pad(images, (reach,) * 4)
    moves = torch.randint(0, 2 * reach + 1, (2, count, 1), generator=random).to(images.device)
    rows = moves[0] + torch.arange(height, device=images.device)
    columns = moves[1] + torch.arange(width, device=images.device)
    which = torch.arange(count, device=images.device)[:, None, None]
    return padded[which, 0, rows[:, :, None], columns[:, None, :]][:, None]
