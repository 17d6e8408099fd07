"""InceptionExplorer: one Inception block.

explorer  its settings, results and sentences
picture   its picture
"""
