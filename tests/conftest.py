"""Shared by the unit tests: no figure windows, and small data that needs neither files nor network."""

import matplotlib
import pytest
import torch

import cnnlab.train
from cnnlab.data import FashionMNIST, Images
from tests.remembered import TRAININGS, Remembered

matplotlib.use("agg")


def blobs(count: int, seed: int, name: str = "train") -> Images:
    """Ten classes a small network can tell apart: a bright square whose place is the class, in noise."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 10
    images = torch.randint(0, 120, (count, 1, 28, 28), generator=random, dtype=torch.uint8)
    for image, label in zip(images, labels.tolist(), strict=True):
        row, column = 2 + 5 * (label // 5) * 2, 2 + 5 * (label % 5)
        image[0, row : row + 5, column : column + 5] += 130
    return Images(name, images, labels, drawn=True)


@pytest.fixture
def tiny_data() -> FashionMNIST:
    """600 training, 100 validation and 100 test images of ten separable classes."""
    return FashionMNIST(blobs(600, 1), blobs(100, 2, "valid"), blobs(100, 3, "test"), source="drawn")


@pytest.fixture
def remembered(monkeypatch) -> Remembered:
    """`fit` trains nothing twice; see `tests.remembered`."""
    monkeypatch.setattr(cnnlab.train, "fit", TRAININGS)
    return TRAININGS


@pytest.fixture(autouse=True)
def no_open_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
