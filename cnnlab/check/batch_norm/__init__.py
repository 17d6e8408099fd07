"""Checkers of chapter 10: batch norm."""

from cnnlab.check.batch_norm.normalising import against_dropout, find_bugs, global_statistics, parts
from cnnlab.check.batch_norm.places import bias_needed, elsewhere, largest_rate

__all__ = ["against_dropout", "bias_needed", "elsewhere", "find_bugs", "global_statistics", "largest_rate", "parts"]
