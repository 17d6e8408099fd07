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
    """The module the notes call `d2l`, that is `d2l.torch` of d2l 0.17.0, drawing in the format of the notebook.

    By itself it calls IPython.display.set_matplotlib_formats("svg") before every figure, and so turns all later
    pictures of the notebook into SVG, which an untrusted notebook does not show. IPython 9 has that name no longer;
    it is restored from matplotlib_inline. (0.17.0 is the last release without pins that no current Python can meet.)
    """
    from IPython import display
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    if not hasattr(display, "set_matplotlib_formats"):
        display.set_matplotlib_formats = set_matplotlib_formats
    module = importlib.import_module("d2l.torch")
    module.use_svg_display = lambda: None
    return module
