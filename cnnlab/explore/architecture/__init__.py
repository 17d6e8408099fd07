"""ArchitectureExplorer: a whole network.

explorer  its settings, results and sentences, and the controls for one layer
sketch    the network on the meta device, to be changed layer by layer
changes   what has been changed, as a trait, and changes that mend
outline   the rows of a trace as a tree of blocks
picture   its picture: the maps as blocks to scale, and a line for every layer
"""
