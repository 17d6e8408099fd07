"""Checkers of the exercises: `check.padding.out_size(out_size)` judges an answer and shows a card.

    catalogue  every exercise: title, level, minutes, read off the chapters (no torch)
    frame      what runs an answer, compares it, and shows the verdict
    teach      for teachers: exercises handed out and graded

The exercises of each chapter:

    convolution  chapter 01
    padding      chapter 02
    channels     chapter 03
    pooling      chapter 04
    lenet        chapter 05
    alexnet      chapter 06
    vgg          chapter 07
    nin          chapter 08
    googlenet    chapter 09
    batch_norm   chapter 10
    resnet       chapter 11
    densenet     chapter 12
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

from cnnlab.check.catalogue import MODULES
from cnnlab.check.frame.progress import pause, progress, reset

__all__ = ["pause", "progress", "reset", *MODULES]

# Whether nbgrader executes this notebook. Read once, here, so that an answer that runs later cannot set or delete it.
GRADING = bool(os.environ.get("NBGRADER_EXECUTION"))


def __getattr__(name: str) -> ModuleType:
    # Checkers need torch; the index of exercises does not.
    if name in MODULES:
        return importlib.import_module(f"cnnlab.check.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; the checkers are {', '.join(MODULES)}")
