"""ChannelExplorer: several channels of one convolution.

explorer  its settings, results, sliders and sentences
maps      small maps, kernels and biases to start from
numbers   one output channel in numbers
picture   its picture
wires     who feeds whom, and cost bars
"""
