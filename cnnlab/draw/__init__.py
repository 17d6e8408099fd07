"""Pictures as text: each function takes numbers and returns SVG. Nothing here needs torch or a browser.

svg     escaping, text that wraps, the palette and its dark twin
layer   one convolution in numbers and words
grid    a grid of cells with values on them
conv    one convolution: padded input, kernel, output
curve   the course of a training run
"""
