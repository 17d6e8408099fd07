"""Images to train on. Each name is loaded when it is first asked for, so that drawn garments need no torch.

dataset   Fashion-MNIST in three splits, kept on the device as uint8
archives  its four archives: found, fetched, read
drawn     drawn garments for a machine with neither files nor network
augment   images changed at random before a network sees them
"""

from importlib import import_module

_HOMES = {
    "CLASSES": "drawn",
    "FashionMNIST": "dataset",
    "Images": "dataset",
    "MEAN": "dataset",
    "SIZES": "dataset",
    "STD": "dataset",
    "fashion_mnist": "dataset",
    "random_flip": "augment",
    "random_shift": "augment",
}

__all__ = ["CLASSES", "MEAN", "SIZES", "STD", "FashionMNIST", "Images", "fashion_mnist", "random_flip", "random_shift"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"cnnlab.data has no {name!r}; it has {', '.join(_HOMES)}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
