"""CompareExplorer: two stacks of convolutions side by side.

explorer  its settings, results and sentences
pairs     stacks to compare, and the named pairs
facts     what a stack sees and costs, and how two compare
picture   its picture
"""
