"""Layers in a row, each under a name that a trace and a state_dict show."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def named(**layers: nn.Module | None) -> nn.Sequential:
    """Layers one after the other under their names; None is left out.
    >>> list(dict(named(conv=nn.Conv2d(1, 6, 5), norm=None, relu=nn.ReLU()).named_children()))
    ['conv', 'relu']
    """
    return nn.Sequential(OrderedDict((name, layer) for name, layer in layers.items() if layer is not None))
