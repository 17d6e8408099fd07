"""The values of one convolution, or transposed one, twice: as a sum over taps, and by PyTorch."""

from __future__ import annotations

import numpy as np

from cnnlab import shapes
from cnnlab.explore.conv.numbers import Conv
from cnnlab.explore.conv.transposed_numbers import Transposed
from cnnlab.explore.kit.settings import Size, pair


def correlate(image: np.ndarray, weights: np.ndarray, stride: Size, padding: Size, dilation: Size) -> list:
    """What nn.Conv2d computes for one channel, as a sum over taps.
    (H, W), (k_h, k_w) -> (o_h, o_w)
    >>> correlate(np.array([[1, 2, 4]]), np.array([[-1, 1]]), 1, 0, 1)
    [[1, 2]]
    """
    return correlation(image, weights, stride, padding, dilation).tolist()


def correlation(image: np.ndarray, weights: np.ndarray, stride: Size, padding: Size, dilation: Size) -> np.ndarray:
    """The same as an array."""
    padded = np.pad(image, [(side, side) for side in pair(padding)])
    steps, gaps = pair(stride), pair(dilation)
    spans = [shapes.effective_kernel(k, d) for k, d in zip(weights.shape, gaps, strict=True)]
    room = [full - span + 1 for full, span in zip(padded.shape, spans, strict=True)]
    total = 0
    for (i, j), weight in np.ndenumerate(weights):
        top, left = i * gaps[0], j * gaps[1]
        total = total + weight * padded[top : top + room[0] : steps[0], left : left + room[1] : steps[1]]
    return total


def stamp(
    image: np.ndarray,
    weights: np.ndarray,
    stride: Size,
    padding: Size,
    output_padding: Size,
    dilation: Size,
) -> list:
    """What nn.ConvTranspose2d computes for one channel: every weight adds the image, its pixels `stride` apart.
    (H, W), (k_h, k_w) -> (o_h, o_w)
    >>> stamp(np.array([[1, 2]]), np.array([[1, 10, 100]]), 2, 0, 0, 1)
    [[1, 10, 102, 20, 200]]
    """
    steps, gaps, crop = pair(stride), pair(dilation), pair(padding)
    outs = [
        shapes.transposed_out_size(*axis)
        for axis in zip(image.shape, weights.shape, steps, crop, pair(output_padding), gaps, strict=True)
    ]
    whole = np.zeros([out + 2 * side for out, side in zip(outs, crop, strict=True)], int)
    ends = [(size - 1) * step + 1 for size, step in zip(image.shape, steps, strict=True)]
    for (i, j), weight in np.ndenumerate(weights):
        top, left = i * gaps[0], j * gaps[1]
        whole[top : top + ends[0] : steps[0], left : left + ends[1] : steps[1]] += weight * image
    return whole[crop[0] : crop[0] + outs[0], crop[1] : crop[1] + outs[1]].tolist()


def torch_output(conv: Conv, channels: tuple[int, int, int] = (1, 1, 1)) -> np.ndarray | str:
    """The first output channel of the real layer, or why PyTorch refuses. Channels are in, out and groups.
    (H, W) -> (o_h, o_w)"""
    import torch  # takes seconds, so only who asks waits

    try:
        with torch.no_grad():
            make, more = torch.nn.Conv2d, {}
            if isinstance(conv, Transposed):
                make, more = torch.nn.ConvTranspose2d, {"output_padding": conv.output_padding}
            settings = {name: getattr(conv, name) for name in ("kernel_size", "stride", "padding", "dilation")}
            layer = make(*channels[:2], groups=channels[2], **settings, **more)
            image = torch.zeros(1, channels[0], *conv.size)
            image[0, 0] = torch.tensor(conv.image)
            layer.weight.zero_()
            layer.weight[0, 0] = torch.tensor(conv.weights) / conv.divisor
            layer.bias.fill_(conv.bias)
            return layer(image)[0, 0].double().numpy()
    except (RuntimeError, ValueError) as error:
        return f"{error}"
