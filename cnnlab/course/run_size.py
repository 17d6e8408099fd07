"""How large a run to do: small enough for a laptop, or the notes' full recipe."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")
SCALES = ("quick", "full")


def by_scale(quick: T, full: T) -> T:
    """`quick`, or `full` where the environment says CNNLAB_SCALE=full: all images at the notes' size, for a GPU.

    Raises ValueError for any other scale.
    """
    scale = os.environ.get("CNNLAB_SCALE") or "quick"
    if scale not in SCALES:
        raise ValueError(f"CNNLAB_SCALE={scale!r} is not one of {', '.join(SCALES)}; leave it unset for quick runs")
    return full if scale == "full" else quick
