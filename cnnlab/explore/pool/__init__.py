"""PoolExplorer: one pooling layer.

explorer  its settings, results, controls and sentences
numbers   outputs, winners, gradients; shape and cost in words
picture   its picture
"""
