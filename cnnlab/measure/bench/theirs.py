"""The same job done as the notes do it: d2l.train_ch6 on d2l's own loaders."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import IPython.display
import numpy as np
import torch
from torch.utils.data import DataLoader, Subset

from cnnlab.compat import load_d2l
from cnnlab.data import archives, dataset
from cnnlab.measure.bench.job import FEWEST_BATCHES, Job
from cnnlab.measure.bench.run import Run, first_steps, now, read_peak, replaced, start_peak


@contextlib.contextmanager
def notes_folder() -> Iterator[Path]:
    """A folder to call d2l in: it looks for the unpacked archives in ../data, so copies of them lie there, or of the
    drawn garments where there are none."""
    folder = archives.find_archives()
    with tempfile.TemporaryDirectory(prefix="cnnlab-bench-") as root:
        raw = Path(root, "data", "FashionMNIST", "raw")
        raw.mkdir(parents=True)
        drawn = () if folder else map(archives.as_idx, dataset.draw_whole())
        for name, content in itertools.zip_longest(archives.ARCHIVES, drawn):
            if folder:
                with archives.unpacked(archives.file_of(folder, name)) as packed:
                    content = packed.read()
            (raw / name.removesuffix(".gz")).write_bytes(content)
        here = Path(root, "notes")
        here.mkdir()
        yield here


def run(job: Job, folder: Path, draw: bool = False) -> Run:
    """`folder` is a notes_folder. draw: with the live drawing of d2l, rendered as a notebook would."""
    d2l, device, model = load_d2l(), job.torch_device, job.model()
    start_peak(device)
    timers, points = [], []
    with quiet(), first_steps(device) as steps, watched(d2l, timers, points, draw):
        asked = now(device)
        train_iter, test_iter = loaders(d2l, job, folder)
        began = now(device)
        with torch.random.fork_rng():  # as it is in the notes: nothing else draws meanwhile
            torch.manual_seed(job.seed)
            d2l.train_ch6(model, train_iter, test_iter, job.epochs, job.recipe.lr, device)
    (loss, accuracy, _), (*_, tested) = points[-2:]
    return Run(
        images=job.images * job.epochs,
        seconds=train_iter.seconds,
        seconds_without_loading=timers[0].sum(),  # what train_ch6 itself divides by
        seconds_to_data=began - asked,
        seconds_to_first_batch=steps[0] - began,
        seconds_to_second_batch=steps[1] - steps[0],
        loss=loss,
        train_accuracy=accuracy,
        test_accuracy=tested,
        peak_bytes=read_peak(device),
    )


class Timed:
    """A loader as train_ch6 sees one; `seconds` is the time between its first batch being asked for and its end."""

    def __init__(self, loader: DataLoader, device: torch.device):
        self.loader, self.device, self.seconds = loader, device, 0.0

    def __len__(self) -> int:
        return max(FEWEST_BATCHES, len(self.loader))  # train_ch6 takes i modulo a fifth of it

    def __iter__(self) -> Iterator:
        began = now(self.device)
        yield from self.loader
        self.seconds += now(self.device) - began


def loaders(d2l: ModuleType, job: Job, folder: Path) -> tuple[Timed, DataLoader]:
    """d2l's loaders, both with the images only that our side is given."""
    recipe = job.recipe
    before = Path.cwd()
    os.chdir(folder)
    try:
        train, test = d2l.load_data_fashion_mnist(
            recipe.batch_size, None if recipe.image_size == 28 else recipe.image_size
        )
    finally:
        os.chdir(before)
    keep_train, keep_test = same_images(train.dataset.targets.numpy(), test.dataset.targets.numpy(), job)
    workers = d2l.get_dataloader_workers()
    short = DataLoader(Subset(train.dataset, keep_train), recipe.batch_size, shuffle=True, num_workers=workers)
    tests = DataLoader(Subset(test.dataset, keep_test), recipe.batch_size, shuffle=False, num_workers=workers)
    return Timed(short, job.torch_device), tests


def same_images(labels: np.ndarray, test_labels: np.ndarray, job: Job) -> tuple[list[int], list[int]]:
    """Where in the files the images lie that `fashion_mnist` and `subset` give to our side."""
    learn = np.ones(len(labels), dtype=bool)
    learn[dataset.balanced_indices(labels, dataset.VALIDATION, dataset.SPLIT_SEED)] = False
    places = np.flatnonzero(learn)
    train = places[dataset.balanced_indices(labels[places], job.images, 0)]
    return train.tolist(), dataset.balanced_indices(test_labels, job.tests, 0).tolist()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what d2l prints, and without two warnings of what is done on purpose."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This DataLoader will create")  # four, whatever the machine has
        warnings.filterwarnings("ignore", message="Attempting to set identical low and high xlims")  # one epoch
        yield


@contextlib.contextmanager
def watched(d2l: ModuleType, timers: list, points: list, draw: bool) -> Iterator[None]:
    """d2l with its timers and the points of its curve kept, drawing as in a notebook or not at all."""

    class Timer(d2l.Timer):
        def __init__(self):
            timers.append(self)
            super().__init__()

    class Drawing(d2l.Animator):
        def add(self, x, y):
            points.append(y)
            super().add(x, y)

    class NoDrawing:
        def __init__(self, **_):
            pass

        def add(self, x, y):
            points.append(y)

    with (
        replaced(d2l, Timer=Timer, Animator=Drawing if draw else NoDrawing, use_svg_display=lambda: None),
        replaced(IPython.display, display=render, clear_output=lambda wait=False: None),
    ):
        yield
    if draw:
        d2l.plt.close("all")


def render(figure) -> None:
    """What a notebook does with a figure before it is sent to the browser, in the format that d2l asks for."""
    from IPython.core.pylabtools import print_figure

    print_figure(figure, "svg")
