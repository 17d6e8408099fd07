"""Checkers of chapter 11: ResNets from table 1, bottleneck, pre-activation, joining and adding, depth.

activation  pre_activation, inception_or_residual, deeper
depths      table, bottleneck
"""

from cnnlab.check.resnet.activation import deeper, inception_or_residual, pre_activation
from cnnlab.check.resnet.depths import bottleneck, table

__all__ = ["bottleneck", "deeper", "inception_or_residual", "pre_activation", "table"]
