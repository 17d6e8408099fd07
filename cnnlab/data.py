"""Fashion-MNIST, kept on the device as uint8 and prepared there a batch at a time.

Xiao, Rasul and Vollgraf 2017, "Fashion-MNIST". 60,000 training images are split once, by a fixed seed,
into 55,000 to learn from and 5,000 to choose by; the 10,000 test images are for the very end.
"""

from __future__ import annotations

import dataclasses
import functools
import gzip
import hashlib
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import platformdirs
import torch
from torch.nn import functional as F

from cnnlab.augment import random_flip, random_shift
from cnnlab.compat import load_torchvision
from cnnlab.device import pick_device
from cnnlab.standin import CLASSES, draw_standin

ARCHIVES = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
SIZES = (28, 64, 96, 224)
AUGMENTATIONS = ("flip", "crop")
VALIDATION, SPLIT_SEED = 5_000, 2017
# Mean and standard deviation of the 60,000 training images, pixels scaled to 0…1.
MEAN, STD = 0.2860, 0.3530
DOWNLOAD_TIMEOUT = 20.0  # seconds without a byte
Arrays = dict[str, tuple[np.ndarray, np.ndarray]]  # uint8 images (N, 28, 28) and labels (N,) of each split


class DataError(RuntimeError):
    """The data cannot be used as it is; the message says which file and what to do."""


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
    standin: bool = False

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
        return f"Drawn stand-in, {self.name}" if self.standin else f"Fashion-MNIST, {self.name}"

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
    def standin(self) -> bool:
        return self.train.standin

    @property
    def name(self) -> str:
        return "drawn stand-in for Fashion-MNIST" if self.standin else "Fashion-MNIST"

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
    augment: tuple[str, ...] = (),
    normalize: bool = True,
    download: bool = True,
) -> FashionMNIST:
    """Fashion-MNIST on `device`: 55,000 training, 5,000 validation and 10,000 test images.

    size: 28, 64, 96 or 224, enlarged bilinearly batch by batch. subset: that many training images, classes
    balanced. augment: "flip", "crop" or both, for training only. normalize: subtract the mean, divide by the
    standard deviation. The archives are looked for under CNNLAB_DATA, then in the user's cache, then
    downloaded; with no network either, a stand-in set is drawn and says so.

    Raises DataError for a damaged archive, ValueError for a size, device or subset that cannot be.
    """
    device = pick_device(device)
    arrays, source = read_or_draw(download)
    standin = source == "drawn"

    def split(name: str, images: np.ndarray, labels: np.ndarray, augment: tuple[str, ...] = ()) -> Images:
        tensors = torch.from_numpy(images)[:, None].to(device), torch.from_numpy(labels).long().to(device)
        return Images(name, *tensors, size, tuple(augment), normalize, standin)

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


def cache_folder() -> Path:
    """Where downloads are kept between runs."""
    return Path(platformdirs.user_cache_dir("cnnlab"))


def find_archives() -> Path | None:
    """The first folder that holds all four archives: under CNNLAB_DATA, else in the user's cache."""
    named = os.environ.get("CNNLAB_DATA")
    roots = ([Path(named).expanduser()] if named else []) + [cache_folder()]
    for root in roots:
        for folder in (root / "FashionMNIST" / "raw", root):
            if all((folder / name).is_file() for name in ARCHIVES):
                return folder
    return None


def read_or_draw(download: bool = True) -> tuple[Arrays, str]:
    """Images and labels of the three splits, and whether they come from "files" or were "drawn"."""
    folder = find_archives()
    reason = "downloading is switched off"
    if folder is None and download:
        try:
            folder = download_archives(cache_folder())
        except OSError as error:
            reason = f"the download failed ({error})"
    if folder is not None:
        return read_archives(folder), "files"
    print(
        f"Fashion-MNIST was not found and {reason}. Drawn stand-in garments are used instead: fine for trying "
        "things out, but no accuracy measured on them says anything about Fashion-MNIST. To use the real images, "
        "set CNNLAB_DATA to a folder with the four archives, or run again with a network.",
        file=sys.stderr,
    )
    return draw_arrays(), "drawn"


@functools.lru_cache(maxsize=1)
def read_archives(folder: Path) -> Arrays:
    """The splits of the archives in `folder`."""
    return split_off(*(read_archive(folder / name, md5) for name, md5 in ARCHIVES.items()))


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


def read_archive(path: Path, md5: str) -> np.ndarray:
    """One idx archive as an array, after its checksum has been compared."""
    with open(path, "rb") as packed:  # read twice: archive and array side by side are half as much memory again
        found = hashlib.file_digest(packed, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if found != md5:
            raise DataError(
                f"{path} is damaged or not Fashion-MNIST (md5 {found}, expected {md5}); "
                "delete it and run again to download it afresh, or put a good copy in its place"
            )
        packed.seek(0)
        with gzip.open(packed) as content:
            # idx: two zero bytes, the type (8 is uint8), the number of axes, then each length as a big-endian int32.
            axes = content.read(4)[3]
            array = np.empty(np.frombuffer(content.read(4 * axes), dtype=">i4"), dtype=np.uint8)
            for part in np.array_split(array.reshape(-1), 64):  # in parts: a whole one would be in memory twice
                content.readinto(part)
    return array


@functools.lru_cache(maxsize=1)
def draw_arrays() -> Arrays:
    """The stand-in set, in the shape of the real one."""
    return split_off(*draw_standin(60_000, seed=1), *draw_standin(10_000, seed=2))


def download_archives(root: Path, timeout: float = DOWNLOAD_TIMEOUT) -> Path:
    """Download the archives through torchvision and return their folder; all four appear at once or none.

    Raises OSError when the network is missing, too slow or sends something else.
    """
    torchvision = load_torchvision()
    root.mkdir(parents=True, exist_ok=True)
    before = socket.getdefaulttimeout()
    with tempfile.TemporaryDirectory(dir=root, prefix="download-") as scratch:
        socket.setdefaulttimeout(timeout)  # torchvision has no setting for it
        try:
            torchvision.datasets.FashionMNIST(scratch, download=True)
        except RuntimeError as error:
            raise OSError(" ".join(str(error).split())) from error
        finally:
            socket.setdefaulttimeout(before)
        folder = root / "FashionMNIST" / "raw"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ARCHIVES:
            os.replace(Path(scratch, "FashionMNIST", "raw", name), folder / name)
    return folder
