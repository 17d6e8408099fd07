"""A job done by `fit`, with its live curve drawn as often as in a notebook."""

from __future__ import annotations

import contextlib
import dataclasses
import io

from cnnlab.data import FashionMNIST, fashion_mnist
from cnnlab.data.dataset import read_archives
from cnnlab.measure.bench.job import Job
from cnnlab.measure.bench.run import Run, first_steps, now, read_peak, replaced, start_peak
from cnnlab.train import live, loop


class Sink:
    """Takes the pictures that a notebook would show."""

    picture = status = ""

    def _ipython_display_(self) -> None:
        """Shows nothing, not even its name."""

    @staticmethod
    def hold_sync() -> contextlib.AbstractContextManager:
        return contextlib.nullcontext()


def load(job: Job) -> FashionMNIST:
    """The job's images, those of the test split in place of the validation images."""
    data = fashion_mnist(job.recipe.image_size, job.torch_device, subset=job.images, normalize=False, download=False)
    return dataclasses.replace(data, valid=data.test.subset(job.tests))


def run(job: Job) -> Run:
    """The data is read from its archives first, as in a fresh process."""
    device, model = job.torch_device, job.model()
    read_archives.cache_clear()
    start_peak(device)
    asked = now(device)
    data = load(job)
    began = now(device)
    with drawing(), first_steps(device) as steps:
        history = loop.fit(
            model,
            data,
            epochs=job.epochs,
            lr=job.recipe.lr,
            batch_size=job.recipe.batch_size,
            seed=job.seed,
            device=str(device),
            precision=job.our_precision,
        )
    if history.stopped:
        raise RuntimeError(f"{job.recipe.network} stopped: {history.stopped}")
    last = history.rows[-1]
    return Run(
        images=job.images * job.epochs,
        seconds=history.seconds,
        seconds_without_loading=history.seconds - sum(history.column("seconds_loading")),
        seconds_to_data=began - asked,
        seconds_to_first_batch=steps[0] - began,
        seconds_to_second_batch=steps[1] - steps[0],
        loss=last.train_loss,
        train_accuracy=last.train_accuracy,
        test_accuracy=last.valid_accuracy,
        peak_bytes=read_peak(device),
    )


@contextlib.contextmanager
def drawing():
    """`fit` draws its curve as in a notebook, into nothing."""

    def view(history, _show):
        with contextlib.redirect_stdout(io.StringIO()):
            return live.NotebookProgress(history)

    with replaced(live, make_widget=Sink), replaced(loop, pick_progress=view):
        yield
