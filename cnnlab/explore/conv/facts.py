"""Shape and cost of one convolution, or transposed one, in words with the numbers that make them, and the formulas."""

from __future__ import annotations

from cnnlab import shapes
from cnnlab.explore.conv.numbers import Conv

Channels = tuple[int, int, int]  # in, out, groups

FORMULAS = [
    ("output, along each axis", "⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1"),
    ("pixels the kernel spans", "dilation·(kernel − 1) + 1"),
    ("weights", "kernel height · kernel width · in_channels / groups · out_channels"),
    ("parameters", "weights + out_channels biases"),
    ("multiply-accumulates (MACs)", "weights · output height · output width"),
    ("activation memory", "out_channels · output height · output width · 4 bytes (float32)"),
]
# Of the other lines a transposed convolution has the same.
TRANSPOSED_FORMULAS = [
    ("output, along each axis", "(size − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1"),
    ("pixels a stamp spans", "dilation·(kernel − 1) + 1"),
    *FORMULAS[2:4],
    ("multiply-accumulates (MACs)", "weights · input height · input width, what is cropped counted too"),
    FORMULAS[5],
]


def conv_facts(conv: Conv, channels: Channels = (1, 1, 1)) -> list[tuple[str, str]]:
    """Name and arithmetic of every fact; needs a layer that can exist."""
    (k_h, k_w), (o_h, o_w), (c_in, c_out, groups) = conv.kernel_size, conv.out_shape, channels
    cost = shapes.conv_cost(c_in, c_out, (k_h, k_w), (o_h, o_w), groups)
    # A weight meets every output pixel, or, of a transposed convolution, every input pixel.
    macs = shapes.conv_cost(c_in, c_out, (k_h, k_w), conv.met, groups).macs
    many, outs = "" if c_out == 1 else f"{c_out}·", f"{o_h}·{o_w}"
    taps = (
        f"{k_h}·{k_w}" if c_in == c_out == 1 else f"{k_h}·{k_w}·{c_in if groups == 1 else f'({c_in}/{groups})'}·{c_out}"
    )
    return [
        *_arithmetic(conv),
        ("parameters", f"{taps} + {c_out} bias{'es' * (c_out > 1)} = {cost.params:,}"),
        ("multiply-accumulates (MACs)", f"{taps} · {conv.met[0]}·{conv.met[1]} = {macs:,}"),
        ("activation memory", f"{many}{outs} · 4 bytes = {cost.activation_bytes:,}"),
    ]


def _arithmetic(conv: Conv) -> list[tuple[str, str]]:
    lines = [conv.explain(axis) for axis in (0, 1)]
    if conv.axis(0) == conv.axis(1):
        return [("output height and width", lines[0].replace(" column", " row and column"))]
    return [("output height", lines[0].replace("column", "row")), ("output width", lines[1])]
