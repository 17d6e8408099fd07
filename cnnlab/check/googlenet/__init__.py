"""Checkers of chapter 09: forms of the Inception block, the smallest input, where parameters are.

blocks    with_batch_norm, factorised
shortcut  residual_inception
sizes     smallest_input, parameter_sizes
"""

from cnnlab.check.googlenet.blocks import factorised, with_batch_norm
from cnnlab.check.googlenet.shortcut import residual_inception
from cnnlab.check.googlenet.sizes import parameter_sizes, smallest_input

__all__ = ["factorised", "parameter_sizes", "residual_inception", "smallest_input", "with_batch_norm"]
