"""The most memory a side takes for a job: on a CPU, in a process that does nothing else."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import torch

from cnnlab import models
from cnnlab.compat import load_d2l
from cnnlab.device import autocast
from cnnlab.measure.bench import ours, theirs
from cnnlab.measure.bench.job import Job
from cnnlab.measure.memory import peak_resident, training_step
from cnnlab.measure.recipes import Recipe

BATCHES, TESTS = 2, 1000  # gradients are there from the second step on; enough for several batches of evaluation
SIDES = ("cnnlab", "d2l")


def resident(side: str, job: Job, folder: Path) -> int:
    """Bytes that training and evaluation add to a process that has the libraries loaded and has taken small steps.

    The data is in it; d2l's workers, which are processes of their own, are not. Raises RuntimeError where it failed.
    """
    job = dataclasses.replace(job, images=BATCHES * job.recipe.batch_size, tests=TESTS, epochs=1)
    text = json.dumps([side, dataclasses.asdict(job), str(folder)])
    done = subprocess.run([sys.executable, "-m", "cnnlab.measure.bench.peak", text], capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(
            f"{job.recipe.network} by {side} could not be measured: its process ended with code {done.returncode} "
            f"({last}); free some memory, or leave this network out of --networks"
        )
    return int(done.stdout.split()[-1])


def _main(text: str) -> None:
    side, fields, folder = json.loads(text)
    job = Job(**{**fields, "recipe": Recipe(**fields["recipe"])})
    load_d2l()  # this and the small steps on either side, so that the same libraries are left out
    for precision in ("fp32", job.our_precision):
        with autocast(precision, job.torch_device):
            training_step(models.build("bn_lenet").to(job.torch_device), torch.rand(2, 1, 28, 28).to(job.torch_device))
    before = peak_resident()
    if side == "cnnlab":
        ours.run(job)
    else:
        theirs.run(job, Path(folder), draw=True)
    print(peak_resident() - before)


if __name__ == "__main__":
    _main(sys.argv[1])
