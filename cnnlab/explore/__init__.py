"""The widgets: sliders, one picture, and what it says in numbers. Each explorer is loaded when it is first asked for.

ConvExplorer    one convolution: its window, its sum, its shape and its cost
"""

from importlib import import_module

_HOMES = {"ConvExplorer": "conv"}

__all__ = ["ConvExplorer"]


def __getattr__(name: str) -> object:
    # Loading on demand keeps torch out of the layer explorers, whatever the others need.
    if name not in _HOMES:
        raise AttributeError(f"cnnlab.explore has no {name!r}; it has {', '.join(_HOMES)}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
