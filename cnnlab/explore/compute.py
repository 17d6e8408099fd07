"""The values of one convolution, twice: as a sum over taps, and by PyTorch."""

from __future__ import annotations

import numpy as np

from cnnlab import shapes
from cnnlab.draw.layer import Conv
from cnnlab.explore.base import Setting, pair


def correlate(image: np.ndarray, weights: np.ndarray, stride: Setting, padding: Setting, dilation: Setting) -> list:
    """What nn.Conv2d computes for one channel, as a sum over taps.
    (H, W), (k_h, k_w) -> (o_h, o_w)
    >>> correlate(np.array([[1, 2, 4]]), np.array([[-1, 1]]), 1, 0, 1)
    [[1, 2]]
    """
    padded = np.pad(image, [(side, side) for side in pair(padding)])
    steps, gaps = pair(stride), pair(dilation)
    spans = [shapes.effective_kernel(k, d) for k, d in zip(weights.shape, gaps, strict=True)]
    room = [full - span + 1 for full, span in zip(padded.shape, spans, strict=True)]
    total = 0
    for (i, j), weight in np.ndenumerate(weights):
        top, left = i * gaps[0], j * gaps[1]
        total = total + weight * padded[top : top + room[0] : steps[0], left : left + room[1] : steps[1]]
    return total.tolist()


def torch_output(conv: Conv, channels: tuple[int, int, int] = (1, 1, 1)) -> np.ndarray | str:
    """The first output channel of the real nn.Conv2d, or why PyTorch refuses. Channels are in, out and groups.
    (H, W) -> (o_h, o_w)"""
    import torch  # takes seconds, so only who asks waits

    try:
        with torch.no_grad():
            layer = torch.nn.Conv2d(
                *channels[:2], conv.kernel_size, conv.stride, conv.padding, conv.dilation, channels[2]
            )
            image = torch.zeros(1, channels[0], *conv.size)
            image[0, 0] = torch.tensor(conv.image)
            layer.weight.zero_()
            layer.weight[0, 0] = torch.tensor(conv.weights) / conv.divisor
            layer.bias.fill_(conv.bias)
            return layer(image)[0, 0].double().numpy()
    except (RuntimeError, ValueError) as error:
        return f"{error}"
