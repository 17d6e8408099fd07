"""Memory that a training pass frees stays with the process until the pass ends, not to be fetched anew each step."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator

import torch

# From malloc.h of the GNU C library.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4
# A freed map of activations goes back to the system at once, and the next step's has to be zeroed by it page by page.
KEEP = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1}
# What was before cannot be asked. These are the library's defaults as they are once it has adapted to large blocks.
USUAL = {M_MMAP_MAX: 65_536, M_MMAP_THRESHOLD: 2**25, M_TRIM_THRESHOLD: 2**26}


@contextlib.contextmanager
def kept_memory(device: torch.device) -> Iterator[Callable[[], None]]:
    """Freed memory of the processor is kept from the call of what this yields on, and given back at the end.

    Call it after the first step. What is made there to stay would lie scattered between large maps, which then never
    fit where others have been: VGG took 2.4 GB instead of 1.7. GPUs have allocators of their own; does nothing there,
    nor under another C library than GNU's.
    """
    library = gnu_c_library() if device.type == "cpu" else None
    if library is None:
        yield lambda: None
        return
    try:
        yield lambda: _set(library, KEEP)
    finally:
        _set(library, USUAL)
        library.malloc_trim(0)


def gnu_c_library() -> ctypes.CDLL | None:
    """The C library of this process where it is GNU's."""
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version, library.mallopt, library.malloc_trim  # noqa: B018
    except (AttributeError, OSError, TypeError):
        return None
    return library


def _set(library: ctypes.CDLL, values: dict[int, int]) -> None:
    for name, value in values.items():
        library.mallopt(name, value)
