"""Training a network.

loop       train_epoch spelled out, evaluate, and fit, which loops over them
optim      what each setting may be, and the optimizer and schedule it asks for
doctor     what is wrong with a network or with data, before anything is trained
history    what a run leaves behind
live       the live curve in a notebook, a bar in a terminal, silence elsewhere
seeding    random numbers from generators of one's own
layout     how maps lie in memory
allocator  memory that training frees stays with the process until it ends
"""

from cnnlab.train.history import History
from cnnlab.train.loop import DivergedError, epoch_seed, evaluate, fit, init_xavier, train_epoch

__all__ = ["DivergedError", "History", "epoch_seed", "evaluate", "fit", "init_xavier", "train_epoch"]
