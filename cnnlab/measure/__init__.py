"""What measures the networks of the course.

recipes    the notes' eight networks and their settings
bench      `python -m cnnlab.measure.bench`: trained here and by d2l in turn, measured side by side
reference  `python -m cnnlab.measure.reference`: the notes' recipes and ours over several seeds, as a table
record     `python -m cnnlab.measure.record`: the fast network for several seeds, seconds and test accuracy
journal    what the chapters measured on this machine, one network beside the others
memory     peak memory of one training step
"""
