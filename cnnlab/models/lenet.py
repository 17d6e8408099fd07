"""LeNet as courses teach it today, in its two common variants. After LeCun et al. 1998, "Gradient-based learning".

The paper's LeNet-5 took 32×32 images, squashed with a scaled tanh, had trainable coefficients in its
subsampling, connected the second convolution only in part, and ended in radial basis functions. None of
that is kept in the form that is taught.
"""

from __future__ import annotations

from torch import nn

from cnnlab.models.choices import choose
from cnnlab.models.named import Network
from cnnlab.models.sides import Step, last_side, scaled

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
POOLS = {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}
POOL1, POOL2 = (Step(name, 2, stride=2, pool=True) for name in ("pool1", "pool2"))


class LeNet(Network):
    """Two convolutions, each with an activation and a pooling, then three linear layers.
    (B, in_channels, image_size, image_size) -> (B, num_classes).

    padding: of the first convolution. At 28×28, 2 leaves 16×5×5 = 400 features and 0 leaves 16×4×4 = 256.
    width: factor for the 6 and 16 channels and for the 120 and 84 of the linear layers.
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 10,
        image_size: int = 28,
        *,
        width: float = 1.0,
        padding: int = 2,
        pool: str = "avg",
        activation: str = "relu",
    ):
        act, pooling = choose("activation", activation, ACTIVATIONS), choose("pool", pool, POOLS)
        side = features_side(image_size, padding)
        c1, c2, dense1, dense2 = (scaled(c, width) for c in (6, 16, 120, 84))
        super().__init__()
        for name, layer in (
            ("conv1", nn.Conv2d(in_channels, c1, kernel_size=5, padding=padding)),
            ("act1", act()),
            ("pool1", pooling(kernel_size=2, stride=2)),
            ("conv2", nn.Conv2d(c1, c2, kernel_size=5)),
            ("act2", act()),
            ("pool2", pooling(kernel_size=2, stride=2)),
            ("flatten", nn.Flatten()),
            ("fc1", nn.Linear(c2 * side * side, dense1)),
            ("act3", act()),
            ("fc2", nn.Linear(dense1, dense2)),
            ("act4", act()),
            ("fc3", nn.Linear(dense2, num_classes)),
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
    steps = [Step("conv1", 5, padding=padding), POOL1, Step("conv2", 5), POOL2]
    return last_side("LeNet", image_size, steps)
