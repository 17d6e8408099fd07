"""Where the four archives of Fashion-MNIST are found, how they are fetched, and how they are read."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import html
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import platformdirs

from cnnlab.compat import load_torchvision

# Each archive with the md5 of what it holds: how it was packed does not matter.
ARCHIVES = {
    "train-images-idx3-ubyte.gz": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte.gz": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte.gz": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte.gz": "15d484375f8d13e6eb1aabb0c3f46965",
}
PACKAGE = "dataset-fashion-mnist"  # of Debian and Ubuntu
INSTALLED = Path("/usr/share/datasets/fashion-mnist")  # where that package puts the archives
SILENCE, PATIENCE = 20.0, 300.0  # seconds without a byte, and seconds in all, after which a download is given up


class DataError(RuntimeError):
    """The data cannot be used as it is; the message says which file and what to do."""


# ---- looking for them ------------------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """Where downloads are kept between runs."""
    return Path(platformdirs.user_cache_dir("cnnlab"))


def named_folder() -> Path | None:
    """The folder that CNNLAB_DATA names, without quotation marks around it; None where it names none."""
    named = os.environ.get("CNNLAB_DATA", "").strip()
    if named[:1] == named[-1:] and named[:1] in ("'", '"') and not Path(named).exists():
        named = named[1:-1].strip()
    return Path(named).expanduser() if named else None


def file_of(folder: Path, name: str) -> Path | None:
    """The archive of that name in the folder, packed or unpacked; None where neither is there."""
    return next((path for path in (folder / name, folder / name.removesuffix(".gz")) if path.is_file()), None)


def inside(root: Path) -> list[Path]:
    """The folders at or below `root` in which the archives may lie, as torchvision and others put them."""
    return [root, root / "FashionMNIST" / "raw", root / "raw", root / "FashionMNIST", root / "fashion-mnist"]


def find_archives() -> Path | None:
    """The first folder with all four archives: at CNNLAB_DATA, in the user's cache, or where Debian installs them."""
    return located()[0]


def located() -> tuple[Path | None, str]:
    """That folder, and where it is in words; None and no words where there is none."""
    roots = {"under CNNLAB_DATA": named_folder(), "in the user's cache": cache_folder(), f"as {PACKAGE}": INSTALLED}
    for words, root in roots.items():
        for folder in inside(root) if root else ():
            if all(file_of(folder, name) for name in ARCHIVES):
                return folder, words
    return None, ""


def trouble_with_named() -> str:
    """One sentence for why the folder that CNNLAB_DATA names cannot be used; empty where it names none."""
    root = named_folder()
    if root is None:
        return ""
    if not root.exists():
        return f"CNNLAB_DATA is {root}, and there is no such folder."
    if not root.is_dir():
        return f"CNNLAB_DATA is {root}, which is a file; it should name the folder that holds the four archives."
    found, folder = max(
        (([name for name in ARCHIVES if file_of(folder, name)], folder) for folder in inside(root)),
        key=lambda pair: len(pair[0]),
    )
    missing = ", ".join(name for name in ARCHIVES if name not in found)
    return f"CNNLAB_DATA is {root}, and {folder if found else 'it'} lacks {missing}."


# ---- reading them ----------------------------------------------------------------------------------------------------


def read_archive(folder: Path, name: str) -> np.ndarray:
    """One idx archive, packed or unpacked, as an array of uint8. Raises DataError where it holds anything else."""
    path = file_of(folder, name)
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with unpacked(path) as content:
            array = _read_idx(content, digest)
    except (EOFError, OSError, ValueError, IndexError, zlib.error) as error:
        raise _damaged(path, " ".join(str(error).split())) from error
    if digest.hexdigest() != ARCHIVES[name]:
        raise _damaged(path, f"its content has the md5 {digest.hexdigest()}, not {ARCHIVES[name]}")
    return array


def unpacked(path: Path) -> BinaryIO:
    """What the archive holds, as a file to read from; it may be packed or not."""
    return gzip.open(path) if path.suffix == ".gz" else open(path, "rb")


def _read_idx(content: BinaryIO, digest) -> np.ndarray:
    # idx: two zero bytes, the type (8 is uint8), the number of axes, then each length as a big-endian int32.
    head = content.read(4)
    lengths = content.read(4 * head[3])
    digest.update(head + lengths)
    shape = np.frombuffer(lengths, dtype=">i4")
    if np.prod(shape, dtype=np.int64) > 10**9:
        raise ValueError(f"it announces {shape.tolist()} numbers")
    array = np.empty(shape, dtype=np.uint8)
    for part in np.array_split(array.reshape(-1), 64):  # in parts: a whole one would be in memory twice
        if content.readinto(part) < len(part):
            raise ValueError("it ends too early")
        digest.update(part)
    digest.update(content.read(1))
    return array


def as_idx(array: np.ndarray) -> bytes:
    """An array of uint8 as the content of an idx archive."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">i4").tobytes() + array.tobytes()


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(
        f"{path} is damaged or not Fashion-MNIST ({reason}); delete it and run again to download it afresh, "
        "or put a good copy in its place"
    )


# ---- fetching them ---------------------------------------------------------------------------------------------------


def fetch_archives(root: Path) -> Path:
    """Fetch the archives into a folder below `root` and return it: by torchvision, else as a package of Debian's.

    Raises OSError with the first reason where neither can be had.
    """
    try:
        return download_archives(root)
    except OSError as error:
        if not (shutil.which("apt-get") and shutil.which("dpkg")):
            raise
        with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
            return unpack_package(root)
        raise error


def download_archives(root: Path, silence: float = SILENCE, patience: float = PATIENCE) -> Path:
    """Download the archives through torchvision and return their folder; all four appear at once or none.

    Raises OSError when the network is missing, too slow or sends something else.
    """
    torchvision = load_torchvision()
    with scratch_folder(root) as scratch:
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(silence)  # torchvision has no setting for it
        try:
            _within(patience, lambda: torchvision.datasets.FashionMNIST(scratch, download=True))
        except RuntimeError as error:
            raise OSError(" ".join(str(error).split())) from error
        finally:
            socket.setdefaulttimeout(before)
        return keep(scratch / "FashionMNIST" / "raw", root)


def _within(seconds: float, work: Callable[[], object]) -> None:
    """Do the work in a thread, and leave it there with an OSError where it takes longer."""
    raised = []

    def noting():
        try:
            work()
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=noting, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise OSError(f"it was not finished after {seconds:g} s")
    if raised:
        raise raised[0]


def unpack_package(root: Path, patience: float = PATIENCE) -> Path:
    """Download Debian's or Ubuntu's package of the archives and unpack it, which needs no rights.

    Raises OSError, ValueError or subprocess.SubprocessError where that fails.
    """
    with scratch_folder(root) as scratch:
        settings = {"cwd": scratch, "check": True, "capture_output": True, "timeout": patience}
        subprocess.run(["apt-get", "download", PACKAGE], **settings)
        (package,) = scratch.glob("*.deb")
        subprocess.run(["dpkg", "-x", package.name, "content"], **settings)
        return keep(scratch / "content" / INSTALLED.relative_to("/"), root)


@contextlib.contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """A folder below `root` that is removed afterwards; what an interrupted run left behind is removed now."""
    root.mkdir(parents=True, exist_ok=True)
    for left_over in root.glob("download-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=root, prefix="download-", ignore_cleanup_errors=True) as scratch:
        yield Path(scratch)


def keep(folder: Path, root: Path) -> Path:
    """Move the archives of `folder` to their place below `root`, and return it. Raises OSError for damaged ones."""
    try:
        for name in ARCHIVES:
            read_archive(folder, name)
    except (DataError, TypeError) as error:
        raise OSError(f"what came is not Fashion-MNIST: {error}") from error
    place = root / "FashionMNIST" / "raw"
    place.mkdir(parents=True, exist_ok=True)
    for name in ARCHIVES:
        os.replace(folder / name, place / name)
    return place


# ---- telling about it ------------------------------------------------------------------------------------------------


def tell(sentence: str) -> None:
    """Show a notice: one grey line in a notebook, a line on stderr elsewhere."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None or not hasattr(shell, "kernel"):
        print(sentence, file=sys.stderr)
        return
    from IPython.display import display
    from ipywidgets import HTML

    line = HTML(f'<span style="color: var(--jp-ui-font-color2, gray)">{html.escape(sentence)}</span>')
    # The view alone: a text beside it would be an output that other machines do not have.
    view = {"model_id": line.model_id, "version_major": 2, "version_minor": 0}
    display({"application/vnd.jupyter.widget-view+json": view}, raw=True)
