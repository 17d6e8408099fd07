"""ConvExplorer: one convolution, ordinary or transposed.

explorer            its settings, results and sentences
numbers             the ordinary convolution in numbers and words
picture             its picture
transposed          settings that mend the transposed one, and slips about its size
transposed_numbers  the transposed convolution in numbers and words
transposed_picture  its picture
parts               what both pictures share
compute             the values, as a sum over taps and by PyTorch
facts               shape and cost in words, and the formulas
guess               guess the size first: slips and hints
"""
