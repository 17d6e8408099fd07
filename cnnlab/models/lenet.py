"""LeNet as courses teach it today, in its two common variants. After LeCun et al. 1998, "Gradient-based learning".

The paper's LeNet-5 took 32×32 images, squashed with a scaled tanh, had trainable coefficients in its
subsampling, connected the second convolution only in part, and ended in radial basis functions. None of
that is kept in the form that is taught.
"""

from __future__ import annotations

from torch import nn

from cnnlab.models.shared import Network, choose, scaled, side_after

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
POOLS = {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}


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
        c1, c2, dense1, dense2 = (scaled(c, width) for c in (6, 16, 120, 84))
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, c1, kernel_size=5, padding=padding)
        self.act1 = act()
        self.pool1 = pooling(kernel_size=2, stride=2)
        self.conv2 = nn.Conv2d(c1, c2, kernel_size=5)
        self.act2 = act()
        self.pool2 = pooling(kernel_size=2, stride=2)

        side = side_after("LeNet", image_size, dict(self.named_children()))
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(c2 * side * side, dense1)
        self.act3 = act()
        self.fc2 = nn.Linear(dense1, dense2)
        self.act4 = act()
        self.fc3 = nn.Linear(dense2, num_classes)


def lenet(in_channels: int = 1, num_classes: int = 10, image_size: int = 28, **settings) -> LeNet:
    """Padding 2 and average pooling: 61,706 parameters at 28×28."""
    return LeNet(in_channels, num_classes, image_size, **{"padding": 2, "pool": "avg", **settings})


def lenet_max(in_channels: int = 1, num_classes: int = 10, image_size: int = 28, **settings) -> LeNet:
    """No padding and max pooling: 44,426 parameters at 28×28."""
    return LeNet(in_channels, num_classes, image_size, **{"padding": 0, "pool": "max", **settings})
