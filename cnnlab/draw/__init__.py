"""Pictures as text: each function takes numbers and returns SVG. Nothing here needs torch or a browser.

svg          escaping, text that wraps, the palette and its dark twin
paper        what a picture without a view stands on, and the box for what cannot be
layer        one convolution in numbers and words
grid         a grid of cells with values on them
conv         one convolution: padded input, kernel, output
transposing  one transposed convolution in numbers: who writes which output, what is cropped
transposed   one transposed convolution: input, kernel, stamps that add up
parts        what the pictures of both share
pooling      one pooling layer in numbers: outputs, winners, gradients
pool         one pooling layer: input with its winners, output
channels     one output channel in numbers: which inputs feed it, what each adds
wires        who feeds whom among channels, and cost bars
channel      one output channel: input maps, kernels, products and their sum
chain        a chain of layers in numbers: sizes, fields, what each map sees of those before it
pixels       an image and weights over it, in a few paths
field        a chain of layers: one unit, and what it sees on every map
compare      two stacks side by side: fields and cost bars
stack        a network as stacks of maps, to scale
branches     a block's branches side by side, joined on channels
curve        the course of a training run
runs         training runs side by side: curves and a table
png          small pictures of numbers, as images inside an SVG
features     what a trained network makes of one image: maps, kernel, strongest images, scores
feature_parts  the parts of that picture that stand by themselves
"""
