"""BatchNormExplorer: one channel of a batch norm.

explorer  its settings, results and sentences
picture   its picture
"""
