"""ConvExplorer: one convolution, ordinary or transposed.

explorer    its settings, controls, results and sentences, and what the two kinds of layer do differently
numbers     the ordinary convolution in numbers and words: values, shape, cost
picture     its picture, and what the transposed one's shares
transposed  the transposed convolution: numbers, settings that mend it, slips about its size, its picture
guess       guess the size first: slips and hints
"""
