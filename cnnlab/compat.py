"""Two libraries that need a hand when they are imported: torchvision of another build, and d2l on a new IPython."""

from __future__ import annotations

import importlib
from importlib.metadata import version
from types import ModuleType


def load_torchvision() -> ModuleType:
    """torchvision, or one sentence about the build that does not fit. Raises ImportError."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        # torchvision loads operators compiled for one build of torch; under another build they are not registered.
        raise ImportError(
            f"torch {version('torch')} and torchvision {version('torchvision')} are not from the same build; "
            "install them as a pair: run `make lab`, or `pip install -r requirements.txt`"
        ) from error


def load_d2l() -> ModuleType:
    """The module the notes call `d2l`, that is `d2l.torch` of d2l 0.17.0, with the one name it misses restored.

    It calls IPython.display.set_matplotlib_formats before every figure. IPython 9 has it no longer; the
    function lives on in matplotlib_inline, so that is where it is taken from. (0.17.0 is the last release
    without pins that no current Python can meet.)
    """
    from IPython import display
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    if not hasattr(display, "set_matplotlib_formats"):
        display.set_matplotlib_formats = set_matplotlib_formats
    return importlib.import_module("d2l.torch")
