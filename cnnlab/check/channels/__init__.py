"""Checkers of chapter 03: channels.

costs     count_operations, cost_ratios, one_by_one_saving
kernels   compose, groups_block
products  exactly_equal, by_matrix
"""

from cnnlab.check.channels.costs import cost_ratios, count_operations, one_by_one_saving
from cnnlab.check.channels.kernels import compose, groups_block
from cnnlab.check.channels.products import by_matrix, exactly_equal

__all__ = [
    "by_matrix",
    "compose",
    "cost_ratios",
    "count_operations",
    "exactly_equal",
    "groups_block",
    "one_by_one_saving",
]
