"""How a network's weights start, where PyTorch's default would let the signal die on its way through many layers."""

from __future__ import annotations

from torch import nn


def xavier(net: nn.Module) -> nn.Module:
    """Draw the weights of convolutions and linear layers anew after Glorot and Bengio 2010, biases 0. Returns `net`."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return net
