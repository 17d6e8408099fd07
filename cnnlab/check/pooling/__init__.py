"""Checkers of chapter 04: pooling."""

from cnnlab.check.pooling.uses import max_or_average, min_softmax, ties_gradient
from cnnlab.check.pooling.windows import average_as_conv, cost, not_linear

__all__ = ["average_as_conv", "cost", "max_or_average", "min_softmax", "not_linear", "ties_gradient"]
