"""Checkers of chapter 01: convolution.

edges     diagonal_edges, true_convolution, loop_gradient
learning  derivatives, learn_kernel
matrices  as_matrix, dense_edges
"""

from cnnlab.check.convolution.edges import diagonal_edges, loop_gradient, true_convolution
from cnnlab.check.convolution.learning import derivatives, learn_kernel
from cnnlab.check.convolution.matrices import as_matrix, dense_edges

__all__ = [
    "as_matrix",
    "dense_edges",
    "derivatives",
    "diagonal_edges",
    "learn_kernel",
    "loop_gradient",
    "true_convolution",
]
