"""DenseExplorer: one dense block and its transition.

explorer  its settings, results and sentences
picture   its picture
"""
