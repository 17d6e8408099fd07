"""FeatureMapExplorer: a trained network and one image.

explorer  its settings, results and sentences
gallery   the images to choose from
photo     a picture of one's own
probe     maps, scores, and which image moves a channel most
picture   its picture
parts     the parts of the picture that stand by themselves
"""
