"""ChannelExplorer: several channels of one convolution.

explorer  its settings, results, controls and sentences
numbers   one output channel in numbers; small maps, kernels and biases to start from
picture   its picture, with who feeds whom and bars of cost
"""
