"""ResidualExplorer: one network plain and residual.

explorer  its settings, results and sentences
signal    forward and backward by hand: how large signals are
picture   its picture
"""
