"""Checkers of chapter 12: DenseNet.

costs     fewer_parameters, memory
networks  table, transition, dense_mlp
"""

from cnnlab.check.densenet.costs import fewer_parameters, memory
from cnnlab.check.densenet.networks import dense_mlp, table, transition

__all__ = ["dense_mlp", "fewer_parameters", "memory", "table", "transition"]
