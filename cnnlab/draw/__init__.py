"""Pictures as text: each function takes numbers and returns SVG. Nothing here needs torch or a browser.

    svg       escaping, text that wraps, the palette and its dark twin
    paper     what a picture without a view stands on, and the box for what cannot be
    grid      a grid of cells with values on them
    png       small pictures of numbers, as images inside an SVG
    curve     the course of a training run
    stack     a network as stacks of maps, to scale
    network   one line of a network's picture: a layer or block with its shape and costs
    branches  a block's branches side by side, joined on channels

The pictures of an explorer lie in its folder, as in `explore/conv/picture.py`.
"""
