"""Layers in a row, each under a name that a trace and a state_dict show."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


class Network(nn.Sequential):
    """Layers in a row, built by a subclass from its own settings; a slice of it is a plain nn.Sequential."""

    def __getitem__(self, index: int | slice) -> nn.Module:
        # PyTorch would call the subclass again, with the layers where it expects its settings.
        if isinstance(index, slice):
            return nn.Sequential(OrderedDict(list(self.named_children())[index]))
        return super().__getitem__(index)


def named(**layers: nn.Module | None) -> nn.Sequential:
    """Layers one after the other under their names; None is left out.
    >>> list(dict(named(conv=nn.Conv2d(1, 6, 5), norm=None, relu=nn.ReLU()).named_children()))
    ['conv', 'relu']
    """
    return nn.Sequential(OrderedDict((name, layer) for name, layer in layers.items() if layer is not None))
