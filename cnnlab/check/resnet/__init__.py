"""Checkers of chapter 11: ResNets from table 1, bottleneck, pre-activation, joining and adding, depth."""

from cnnlab.check.resnet.activation import deeper, inception_or_residual, pre_activation
from cnnlab.check.resnet.depths import bottleneck, table

__all__ = ["bottleneck", "deeper", "inception_or_residual", "pre_activation", "table"]
