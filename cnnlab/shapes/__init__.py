"""Arithmetic of layers: sizes, windows, receptive field, cost. Neither torch nor numpy is needed.

sizes   one layer along one axis: output size, windows, unread edge; settings that cannot work, and what would
fields  the receptive field of a chain of layers, and where branches meet
cost    what a layer costs: parameters, multiply-accumulates, memory
"""

from cnnlab.shapes.cost import Cost, conv_cost, linear_cost
from cnnlab.shapes.fields import Field, Layer, receptive_field, receptive_fields
from cnnlab.shapes.sizes import (
    ShapeError,
    effective_kernel,
    explain,
    out_size,
    pool_out_size,
    readers,
    remedies,
    same_padding,
    transposed_out_size,
    unread,
    window,
    writers,
    written,
)

__all__ = [
    "Cost",
    "Field",
    "Layer",
    "ShapeError",
    "conv_cost",
    "effective_kernel",
    "explain",
    "linear_cost",
    "out_size",
    "pool_out_size",
    "readers",
    "receptive_field",
    "receptive_fields",
    "remedies",
    "same_padding",
    "transposed_out_size",
    "unread",
    "window",
    "writers",
    "written",
]
