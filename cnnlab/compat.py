"""d2l 0.17.0, the last release without pins that no current Python can meet, on a current IPython."""

from __future__ import annotations

import importlib
from types import ModuleType


def load_d2l() -> ModuleType:
    """The module the notes call `d2l`, that is `d2l.torch`, with the one name it misses restored.

    It calls IPython.display.set_matplotlib_formats before every figure. IPython 9 has it no longer; the
    function lives on in matplotlib_inline, so that is where it is taken from.
    """
    from IPython import display
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    if not hasattr(display, "set_matplotlib_formats"):
        display.set_matplotlib_formats = set_matplotlib_formats
    return importlib.import_module("d2l.torch")
