"""Fashion-MNIST, kept on the device as uint8 and prepared there a batch at a time.

Xiao, Rasul and Vollgraf 2017, "Fashion-MNIST". 60,000 training images are split once, by a fixed seed,
into 55,000 to learn from and 5,000 to choose by; the 10,000 test images are for the very end.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from cnnlab.data import archives
from cnnlab.data.augment import random_flip, random_shift
from cnnlab.data.drawn import CLASSES, draw_garments
from cnnlab.device import pick_device

SIZES = (28, 64, 96, 224)
AUGMENTATIONS = ("flip", "crop")
VALIDATION, SPLIT_SEED = 5_000, 2017
# Mean and standard deviation of the 60,000 training images, pixels scaled to 0…1.
MEAN, STD = 0.2860, 0.3530
Arrays = dict[str, tuple[np.ndarray, np.ndarray]]  # uint8 images (N, 28, 28) and labels (N,) of each split


@dataclasses.dataclass(frozen=True, repr=False)
class Images:
    """One split: images (N, 1, 28, 28) uint8 and labels (N,) int64, both on the device.

    `batches` yields float images (B, 1, size, size), normalised, with their labels.
    """

    name: str
    images: torch.Tensor
    labels: torch.Tensor
    size: int = 28
    augment: tuple[str, ...] = ()
    normalize: bool = True
    drawn: bool = False

    def __post_init__(self):
        if self.size not in SIZES:
            raise ValueError(f"size {self.size} is not one of {', '.join(map(str, SIZES))}; use the next larger one")
        for name in self.augment:
            if name not in AUGMENTATIONS:
                raise ValueError(f"augmentation {name!r} is not one of {', '.join(AUGMENTATIONS)}; leave it out")

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        extra = f", augmented by {' and '.join(self.augment)}" if self.augment else ""
        return f"{self.title()}: {len(self):,} images of {self.size}×{self.size}{extra}"

    @property
    def device(self) -> torch.device:
        return self.images.device

    def title(self) -> str:
        """What to write over a picture of these images; says so when they are drawn ones."""
        return f"Drawn garments, {self.name}" if self.drawn else f"Fashion-MNIST, {self.name}"

    def to(self, device: str | torch.device) -> Images:
        device = pick_device(device)
        return dataclasses.replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def with_augment(self, *names: str) -> Images:
        """The same images, augmented in `batches` by "flip" (mirrored) and "crop" (shifted up to 2 px)."""
        return dataclasses.replace(self, augment=names)

    def subset(self, count: int, seed: int = 0) -> Images:
        """`count` images drawn by `seed`, every class equally often (to within one)."""
        keep = torch.from_numpy(balanced_indices(self.labels.cpu().numpy(), count, seed)).to(self.device)
        return dataclasses.replace(self, images=self.images[keep], labels=self.labels[keep])

    def batches(self, batch_size: int, seed: int | None = None) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Batches of (B, 1, size, size) float32 and (B,) int64; shuffled when there is a seed, in order without."""
        if batch_size < 1:
            raise ValueError(f"batch_size {batch_size} is below 1; 256 suits this data")
        random = torch.Generator().manual_seed(0 if seed is None else seed)
        order = torch.arange(len(self)) if seed is None else torch.randperm(len(self), generator=random)
        for chosen in order.to(self.device).split(batch_size):
            yield self.prepare(self.images[chosen], random), self.labels[chosen]

    def prepare(self, images: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """(B, 1, 28, 28) uint8 -> (B, 1, size, size) float32, augmented, resized and normalised on the device."""
        if "flip" in self.augment:
            images = random_flip(images, random)
        if "crop" in self.augment:
            images = random_shift(images, 2, random)
        X = images.float().div_(255)
        if self.size != X.shape[-1]:
            X = F.interpolate(X, size=(self.size, self.size), mode="bilinear", antialias=True)
        return X.sub_(MEAN).div_(STD) if self.normalize else X

    def example(self, index: int) -> tuple[torch.Tensor, int]:
        """One image (1, size, size) as the network sees it, unaugmented, and its label."""
        plain = dataclasses.replace(self, augment=())
        X = plain.prepare(self.images[index : index + 1], torch.Generator())
        return X[0], int(self.labels[index])


@dataclasses.dataclass(frozen=True, repr=False)
class FashionMNIST:
    """Three splits over the same ten classes: `train` to learn, `valid` to choose, `test` once."""

    train: Images
    valid: Images
    test: Images
    source: str
    classes: tuple[str, ...] = CLASSES

    @property
    def drawn(self) -> bool:
        return self.train.drawn

    @property
    def name(self) -> str:
        return "drawn garments" if self.drawn else "Fashion-MNIST"

    def __repr__(self) -> str:
        counts = f"{len(self.train):,} train, {len(self.valid):,} valid, {len(self.test):,} test"
        return f"{self.name}: {counts}; {self.train.size}×{self.train.size}, on {self.train.device}"

    def to(self, device: str | torch.device) -> FashionMNIST:
        splits = {name: getattr(self, name).to(device) for name in ("train", "valid", "test")}
        return dataclasses.replace(self, **splits)


def fashion_mnist(
    size: int = 28,
    device: str | torch.device = "auto",
    *,
    subset: int | None = None,
    augment: str | tuple[str, ...] = (),
    normalize: bool = True,
    download: bool = True,
) -> FashionMNIST:
    """Fashion-MNIST on `device`: 55,000 training, 5,000 validation and 10,000 test images.

    size: 28, 64, 96 or 224, enlarged bilinearly batch by batch. subset: that many training images, classes
    balanced. augment: "flip", "crop" or both in a tuple, for training only. normalize: subtract the mean, divide by the
    standard deviation. The archives are looked for at CNNLAB_DATA, in the user's cache and where Debian's package
    installs them, else downloaded; with no network either, garments are drawn and it says so.

    Raises DataError for a damaged archive, ValueError for a size, device or subset that cannot be.
    """
    device, augment = pick_device(device), (augment,) if isinstance(augment, str) else augment
    arrays, source = read_or_draw(download)
    drawn = source == "drawn"

    def split(name: str, images: np.ndarray, labels: np.ndarray, augment: tuple[str, ...] = ()) -> Images:
        tensors = torch.from_numpy(images)[:, None].to(device), torch.from_numpy(labels).long().to(device)
        return Images(name, *tensors, size, tuple(augment), normalize, drawn)

    train = split("train", *arrays["train"], augment)
    return FashionMNIST(
        train=train if subset is None else train.subset(subset),
        valid=split("valid", *arrays["valid"]),
        test=split("test", *arrays["test"]),
        source=source,
    )


def balanced_indices(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Sorted indices of `count` labels drawn by `seed`, every class equally often (to within one)."""
    classes = np.unique(labels)
    if not len(classes) <= count <= len(labels):
        raise ValueError(f"a subset of {count} is not between {len(classes)} (one a class) and {len(labels):,} (all)")
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(labels))
    # Position of every image within its own class, in that order: the lowest positions are taken first.
    place = np.empty(len(labels), dtype=np.int64)
    for label in classes:
        members = order[labels[order] == label]
        place[members] = np.arange(len(members))
    return np.sort(order[np.argsort(place[order], kind="stable")[:count]])


def read_or_draw(download: bool = True) -> tuple[Arrays, str]:
    """Images and labels of the three splits, and whether they come from "files" or were "drawn"."""
    folder = archives.find_archives()
    reason = "downloading is switched off"
    if folder is None and download:
        try:
            folder = archives.fetch_archives(archives.cache_folder())
        except OSError as error:
            reason = f"the download failed ({error})"
    if folder is not None:
        return read_archives(folder), "files"
    tell_once(reason)
    return draw_arrays(), "drawn"


@functools.lru_cache(maxsize=1)
def tell_once(reason: str) -> None:
    """Say once that the images are drawn, why, and how to get the real ones."""
    named = archives.trouble_with_named()
    archives.tell(
        f"{named + ' ' if named else ''}Fashion-MNIST was not found and {reason}. Drawn garments stand in for it: "
        "fine for trying things out, but no accuracy measured on them says anything about Fashion-MNIST. For the real "
        "images, set CNNLAB_DATA to a folder with the four archives, or run again with a network."
    )


@functools.lru_cache(maxsize=1)
def read_archives(folder: Path) -> Arrays:
    """The splits of the archives in `folder`."""
    return split_off(*(archives.read_archive(folder, name) for name in archives.ARCHIVES))


def split_off(images: np.ndarray, labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray) -> Arrays:
    """Validation images taken out of the (60000, 28, 28) training images, in whose memory the others move together."""
    chosen = np.zeros(len(labels), dtype=bool)
    chosen[balanced_indices(labels, VALIDATION, SPLIT_SEED)] = True
    valid = images[chosen], labels[chosen]
    stay = np.flatnonzero(~chosen)
    for start in range(0, len(stay), 1000):
        block = stay[start : start + 1000]  # never before `start`, so nothing unread is written over
        images[start : start + len(block)] = images[block]
    return {"train": (images[: len(stay)], labels[stay]), "valid": valid, "test": (test_images, test_labels)}


@functools.lru_cache(maxsize=1)
def draw_arrays() -> Arrays:
    """The splits of the drawn garments, in the shape of the real one."""
    return split_off(*draw_whole())


def draw_whole() -> tuple[np.ndarray, ...]:
    """The drawn garments as four archives would hold it: training images and labels, test images and labels."""
    return *draw_garments(60_000, seed=1), *draw_garments(10_000, seed=2)
