"""LeNet as courses teach it today, in its two common variants. After LeCun et al. 1998, "Gradient-based learning".

The paper's LeNet-5 took 32×32 images, squashed with a scaled tanh, had trainable coefficients in its
subsampling, connected the second convolution only in part, and ended in radial basis functions. None of
that is kept in the form that is taught.
"""

from __future__ import annotations

from torch import nn

from cnnlab.shapes import ShapeError, out_size

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
POOLS = {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}


class LeNet(nn.Sequential):
    """Two convolutions, each with an activation and a pooling, then three linear layers.
    (B, in_channels, image_size, image_size) -> (B, num_classes).

    padding: of the first convolution. At 28×28, 2 leaves 16×5×5 = 400 features and 0 leaves 16×4×4 = 256.
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 10,
        image_size: int = 28,
        *,
        padding: int = 2,
        pool: str = "avg",
        activation: str = "relu",
    ):
        act, pooling = _choose("activation", activation, ACTIVATIONS), _choose("pool", pool, POOLS)
        side = features_side(image_size, padding)
        super().__init__()
        for name, layer in (
            ("conv1", nn.Conv2d(in_channels, 6, kernel_size=5, padding=padding)),
            ("act1", act()),
            ("pool1", pooling(kernel_size=2, stride=2)),
            ("conv2", nn.Conv2d(6, 16, kernel_size=5)),
            ("act2", act()),
            ("pool2", pooling(kernel_size=2, stride=2)),
            ("flatten", nn.Flatten()),
            ("fc1", nn.Linear(16 * side * side, 120)),
            ("act3", act()),
            ("fc2", nn.Linear(120, 84)),
            ("act4", act()),
            ("fc3", nn.Linear(84, num_classes)),
        ):
            self.add_module(name, layer)


def lenet(in_channels: int = 1, num_classes: int = 10, image_size: int = 28, **settings) -> LeNet:
    """Padding 2 and average pooling: 61,706 parameters at 28×28."""
    return LeNet(in_channels, num_classes, image_size, **{"padding": 2, "pool": "avg", **settings})


def lenet_max(in_channels: int = 1, num_classes: int = 10, image_size: int = 28, **settings) -> LeNet:
    """No padding and max pooling: 44,426 parameters at 28×28."""
    return LeNet(in_channels, num_classes, image_size, **{"padding": 0, "pool": "max", **settings})


def features_side(image_size: int, padding: int) -> int:
    """Height and width of the last feature map.
    >>> features_side(28, padding=2), features_side(28, padding=0)
    (5, 4)
    """
    try:
        first = out_size(out_size(image_size, kernel=5, padding=padding), kernel=2, stride=2)
        return out_size(out_size(first, kernel=5), kernel=2, stride=2)
    except ShapeError as error:
        raise ValueError(
            f"image_size {image_size} runs out of pixels in LeNet's 5×5 convolutions and 2×2 poolings; "
            f"with padding {padding} the smallest that works is {16 - 2 * padding}"
        ) from error


def _choose(what: str, name: str, table: dict[str, type[nn.Module]]) -> type[nn.Module]:
    if name not in table:
        raise ValueError(f"{what} {name!r} is not one of {', '.join(table)}")
    return table[name]
