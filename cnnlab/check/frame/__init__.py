"""What runs an answer, compares it, and shows the verdict.

calling      a learner's function called within limits: time, printing, changed inputs, errors in words
process      the process that answers run in: global switches given back, replaced functions found out
cells        finds out an answer of an earlier run, whose cell has failed since
values       truth values, numbers and collections, whether of Python, NumPy or PyTorch
judging      compare on many calls, recognise a slip, numbers and choices; what makes a function an exercise
networks     shapes, counts and gradients of a network; what a run uses, computes and keeps
experiments  what a learner's experiment measured, next to a reference, and whether the conclusion follows
references   what the experiments give over many seeds (references.json), and how that is measured
watched      the data an experiment is given: notes what is read and how often weights move; test images sealed
showing      values and calls as short text, small grids side by side
verdict      to do, wrong or right: the card; which slip explains a wrong answer
progress     which exercises are solved: a file in the user's folder
"""
