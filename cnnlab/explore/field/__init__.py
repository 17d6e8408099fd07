"""ReceptiveFieldExplorer: a stack of layers and what a unit sees.

explorer  its settings, results and sentences
stacks    how a stack may be written, and the named ones; CompareExplorer uses it too
rows      an editor of small controls for a stack; CompareExplorer uses it too
numbers   sizes, fields, and what each map sees of those before it
picture   its picture, with an image and weights laid over it
"""
