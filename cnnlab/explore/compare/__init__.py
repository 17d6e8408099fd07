"""CompareExplorer: two stacks of convolutions side by side.

explorer  its settings, results and sentences
numbers   stacks to compare, the named pairs, what a stack sees and costs, and how two compare
picture   its picture
"""
