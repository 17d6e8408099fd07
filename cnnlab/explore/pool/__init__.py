"""PoolExplorer: one pooling layer.

explorer  its settings, results, sliders and sentences
numbers   outputs, winners, gradients
picture   its picture
facts     shape and cost in words
"""
