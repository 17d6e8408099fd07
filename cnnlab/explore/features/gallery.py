"""The images a FeatureMapExplorer shows: the course's own data, or any tensor or array of images.

Both kinds answer alike: how many, what the network reads, what the eye sees, the class, and the code that fetches one.
torch is loaded by the first call, not with the module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from cnnlab.explore.features.parts import Pixels

if TYPE_CHECKING:
    import torch

    from cnnlab.explore.features.photo import Photo

WANTED = "give a tensor or array of images (B, C, H, W) or (B, H, W), or a split such as data.valid"


class Gallery(Protocol):
    """Images with all that is known of them."""

    name: str

    def __len__(self) -> int: ...

    def inputs(self, first: int, stop: int) -> torch.Tensor:
        """Some of the images as the network reads them, (B, C, H, W)."""

    def pixels(self, index: int) -> Pixels:
        """One of them for the eye."""

    def label(self, index: int) -> int | None:
        """The number of its right class, where that is known."""

    def class_name(self, label: int, count: int | None = None) -> str:
        """What a class is called, of `count` classes where a network has so many scores."""

    def code(self, index: int) -> str:
        """The line that takes this image as X, (C, H, W), out of `images`."""


class Split:
    """A split of the course's data."""

    def __init__(self, images: Any) -> None:
        self.plain, self.name = replace(images, augment=()), images.name
        self.augmented = bool(images.augment)

    def __len__(self) -> int:
        return len(self.plain)

    def inputs(self, first: int, stop: int) -> torch.Tensor:
        import torch

        return self.plain.prepare(self.plain.images[first:stop], torch.Generator())

    def pixels(self, index: int) -> Pixels:
        return self._seen(self.plain.images[index : index + 1])

    def label(self, index: int) -> int | None:
        return int(self.plain.labels[index])

    def class_name(self, label: int, count: int | None = None) -> str:
        from cnnlab.data import CLASSES

        return CLASSES[label] if count in (None, len(CLASSES)) and label < len(CLASSES) else f"class {label}"

    def code(self, index: int) -> str:
        return f"X, label = images.example({index})"

    # ---- a picture of one's own, made ready as these images are ----

    def photo_input(self, photo: Photo) -> torch.Tensor:
        """(1, 1, size, size)"""
        import torch

        return self.plain.prepare(self._bytes(photo), torch.Generator())

    def photo_pixels(self, photo: Photo) -> Pixels:
        return self._seen(self._bytes(photo))

    def photo_code(self, photo: Photo) -> str:
        plain = "images.with_augment()" if self.augmented else "images"
        return (
            "from pathlib import Path\nimport torch\nfrom cnnlab.explore.features.photo import read_photo\n"
            f"photo = read_photo(Path({photo.name!r}).read_bytes(), {photo.name!r})\n"
            f"X = {plain}.prepare(torch.from_numpy(photo.array)[None, None], torch.Generator())[0]"
        )

    def _bytes(self, photo: Photo) -> torch.Tensor:
        import torch

        return torch.from_numpy(photo.array)[None, None].to(self.plain.device)

    def _seen(self, images: torch.Tensor) -> Pixels:
        import torch

        X = replace(self.plain, normalize=False).prepare(images, torch.Generator())[0, 0] * 255
        return Pixels(X.round().clamp(0, 255).byte().cpu().numpy().tobytes(), *X.shape)


class Batch:
    """A tensor or array of images, (B, C, H, W) or (B, H, W), with labels and class names where they are given.

    Bytes 0 … 255 reach the network as 0 … 1; other numbers reach it as they are.
    """

    name = "the batch"

    def __init__(self, images: object, labels: object = None, classes: Sequence[str] | None = None) -> None:
        self.images = _as_tensor(images)
        self.plane = self.images.ndim == 3  # (B, H, W): one channel, left out
        self.bytes = str(self.images.dtype) == "torch.uint8"
        self.labels = None if labels is None else [int(label) for label in labels]
        self.classes = tuple(map(str, classes or ()))
        if self.labels is not None and len(self.labels) != len(self.images):
            raise ValueError(
                f"{len(self.labels)} labels do not go with {len(self.images)} images; give one label per image"
            )
        if len(set(self.classes)) < len(self.classes):
            twice = next(name for name in self.classes if self.classes.count(name) > 1)
            raise ValueError(f"classes has {twice!r} more than once; give each class a name of its own")

    def __len__(self) -> int:
        return len(self.images)

    def inputs(self, first: int, stop: int) -> torch.Tensor:
        X = self.images[first:stop]
        X = X.float() / 255 if self.bytes else X
        return X[:, None] if self.plane else X

    def pixels(self, index: int) -> Pixels:
        """Three channels are red, green and blue; of any other number the mean is shown.

        What is outside 0 … 1, as after a normalisation, is drawn from the image's smallest number to its largest.
        """
        X = self.inputs(index, index + 1)[0].double().cpu().numpy()
        X = np.nan_to_num(X if len(X) == 3 else X.mean(axis=0, keepdims=True), posinf=0, neginf=0)
        low, high = min(X.min(), 0.0), max(X.max(), 1.0)
        if (low, high) != (0, 1):
            low, high = X.min(), X.max()
        levels = np.rint((X - low) / max(high - low, 1e-12) * 255).astype(np.uint8)
        return Pixels(levels.transpose(1, 2, 0).tobytes(), *levels.shape[1:], colour=len(levels) == 3)

    def label(self, index: int) -> int | None:
        return None if self.labels is None else self.labels[index]

    def class_name(self, label: int, count: int | None = None) -> str:
        return self.classes[label] if 0 <= label < len(self.classes) else f"class {label}"

    def code(self, index: int) -> str:
        one = f"torch.as_tensor(images)[{index}{', None' if self.plane else ''}]"
        return f"import torch\nX = {one}{'.float() / 255' if self.bytes else ''}"


def gallery(images: object, labels: object = None, classes: Sequence[str] | None = None) -> Split | Batch:
    """The images as an explorer reads them. Raises ValueError or TypeError where they cannot be shown."""
    if not hasattr(images, "prepare"):
        return Batch(images, labels, classes)
    if labels is not None or classes is not None:
        raise ValueError("a split of the course's data has labels and classes of its own; leave labels and classes out")
    return Split(images)


def _as_tensor(images: object) -> torch.Tensor:
    import torch

    if not isinstance(images, torch.Tensor | np.ndarray):
        raise TypeError(f"images of type {type(images).__name__} are no tensor or array; {WANTED}")
    try:
        found = torch.as_tensor(images).detach()
    except TypeError as error:
        raise TypeError(f"images of dtype {images.dtype} cannot be a tensor ({error}); {WANTED}") from None
    if found.ndim not in (3, 4) or not found.numel():
        raise ValueError(f"images of shape {tuple(found.shape)} cannot be shown; {WANTED}")
    if not (found.is_floating_point() or found.dtype == torch.uint8):
        raise ValueError(f"images of {found.dtype} are neither bytes nor floats; convert them with .float() or .byte()")
    return found
