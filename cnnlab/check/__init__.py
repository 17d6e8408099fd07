"""Checkers of the exercises: `check.padding.out_size(out_size)` judges an answer and shows a card.

catalogue   every exercise: title, level, minutes (text only)
verdict     to do, wrong or right: the card
calling     a learner's function called within limits: time, printing, changed inputs, errors in words
values      truth values, numbers and collections, whether of Python, NumPy or PyTorch
process     the process that answers run in: global switches given back, replaced functions found out
cells       finds out an answer of an earlier run, whose cell has failed since
judging     what checkers share: compare on many calls, recognise a slip, numbers and choices
showing     values and calls as short text, small grids side by side
networks    shapes, counts and gradients of a network that a learner built; what a run uses, computes and keeps
experiments what a learner's experiment measured, next to a reference, and whether the conclusion follows
references  what the experiments give over many seeds (references.json), windows around it, and how it is measured
watched     the data an experiment is given: notes what is read and how often weights move; test images sealed
solved      which exercises are solved: a file in the user's folder
handout     a solution notebook -> the exercise notebook
and one module of checkers a chapter, a folder where it is long: convolution, padding, channels, pooling, lenet, alexnet, vgg, nin, googlenet,
batch_norm, resnet, densenet.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

from cnnlab.check.catalogue import MODULES
from cnnlab.check.solved import pause, progress, reset

__all__ = ["pause", "progress", "reset", *MODULES]

# Whether nbgrader executes this notebook. Read once, here, so that an answer that runs later cannot set or delete it.
GRADING = bool(os.environ.get("NBGRADER_EXECUTION"))


def __getattr__(name: str) -> ModuleType:
    # Checkers need torch; the index of exercises does not.
    if name in MODULES:
        return importlib.import_module(f"cnnlab.check.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; the checkers are {', '.join(MODULES)}")
