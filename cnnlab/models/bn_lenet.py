"""LeNet with batch norm at every hidden layer. Ioffe & Szegedy 2015, "Batch normalization", as courses teach it."""

from __future__ import annotations

from collections.abc import Callable, Collection

from torch import nn

from cnnlab.models.lenet import ACTIVATIONS, POOLS
from cnnlab.models.shared import Network, choose, scaled, side_after

HIDDEN = ("conv1", "conv2", "fc1", "fc2")
# What follows a layer, for each place where batch norm can stand.
ORDERS = {"before": ("bn", "act"), "after": ("act", "bn"), "none": ("act",)}


class BNLeNet(Network):
    """LeNet with batch norm at the two convolutions and the two hidden linear layers.
    (B, in_channels, image_size, image_size) -> (B, num_classes).

    norm: batch norm "before" the activation, "after" it, or "none"; norm_at: at which of conv1, conv2, fc1, fc2
    norm_layer: in place of nn.BatchNorm2d and nn.BatchNorm1d, such as cnnlab.scratch.BatchNorm
    bias: of those four layers; redundant where batch norm follows at once
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 10,
        image_size: int = 28,
        *,
        activation: str = "sigmoid",
        pool: str = "avg",
        padding: int = 0,
        norm: str = "before",
        norm_at: Collection[str] = HIDDEN,
        norm_layer: Callable[[int], nn.Module] | None = None,
        bias: bool = True,
        width: float = 1.0,
    ):
        act, pooling = choose("activation", activation, ACTIVATIONS), choose("pool", pool, POOLS)
        order = choose("norm", norm, ORDERS)
        places = [choose("norm_at", name, dict(zip(HIDDEN, HIDDEN, strict=True))) for name in norm_at]
        c1, c2, f1, f2 = (scaled(channels, width) for channels in (6, 16, 120, 84))
        features = {
            "conv1": nn.Conv2d(in_channels, c1, kernel_size=5, padding=padding, bias=bias),
            "pool1": pooling(kernel_size=2, stride=2),
            "conv2": nn.Conv2d(c1, c2, kernel_size=5, bias=bias),
            "pool2": pooling(kernel_size=2, stride=2),
        }
        side = side_after("LeNet", image_size, features)
        classifier = {
            "flatten": nn.Flatten(),
            "fc1": nn.Linear(c2 * side * side, f1, bias=bias),
            "fc2": nn.Linear(f1, f2, bias=bias),
            "fc3": nn.Linear(f2, num_classes),
        }
        super().__init__()
        for name, layer in (features | classifier).items():
            self.add_module(name, layer)
            if name in HIDDEN:
                self._follow(name, layer, act, order if name in places else ORDERS["none"], norm_layer)

    def _follow(self, name: str, layer: nn.Module, act: type, order: Collection[str], norm_layer) -> None:
        """Add batch norm and activation of one layer in this order: bn1 and act1 for conv1, to bn4 and act4 for fc2."""
        norm_layer = norm_layer or (nn.BatchNorm2d if isinstance(layer, nn.Conv2d) else nn.BatchNorm1d)
        for what in order:
            made = act() if what == "act" else norm_layer(layer.weight.shape[0])
            self.add_module(f"{what}{HIDDEN.index(name) + 1}", made)


def bn_lenet(in_channels: int = 1, num_classes: int = 10, image_size: int = 28, **settings) -> BNLeNet:
    """As the notes build it: sigmoid, average pooling, no padding; 44,878 parameters at 28×28."""
    return BNLeNet(in_channels, num_classes, image_size, **settings)
