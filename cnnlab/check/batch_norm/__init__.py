"""Checkers of chapter 10: batch norm.

normalising  parts, global_statistics, against_dropout, find_bugs
places       bias_needed, largest_rate, elsewhere
"""

from cnnlab.check.batch_norm.normalising import against_dropout, find_bugs, global_statistics, parts
from cnnlab.check.batch_norm.places import bias_needed, elsewhere, largest_rate

__all__ = ["against_dropout", "bias_needed", "elsewhere", "find_bugs", "global_statistics", "largest_rate", "parts"]
