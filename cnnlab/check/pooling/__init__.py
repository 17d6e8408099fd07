"""Checkers of chapter 04: pooling.

uses     min_softmax, max_or_average, ties_gradient
windows  cost, average_as_conv, not_linear
"""

from cnnlab.check.pooling.uses import max_or_average, min_softmax, ties_gradient
from cnnlab.check.pooling.windows import average_as_conv, cost, not_linear

__all__ = ["average_as_conv", "cost", "max_or_average", "min_softmax", "not_linear", "ties_gradient"]
