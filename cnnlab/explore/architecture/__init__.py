"""ArchitectureExplorer: a whole network.

explorer    its settings, results and sentences
layer_form  the controls for one layer
sketch      the network on the meta device, to be changed layer by layer
changes     what has been changed, as a trait
mending     changes that were traced and work
outline     the rows of a trace as a tree of blocks
picture     its picture
strip       the maps as blocks to scale, the upper part of the picture
"""
