"""What this machine has, and what to do about what is missing. Nothing heavy is imported until it is asked for."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import sys
from dataclasses import dataclass

from cnnlab.compat import load_torchvision

MIN_PYTHON = (3, 11)
MIN_TORCH = (2, 8)
REINSTALL = "run `make lab`, or `pip install -r requirements.txt`"


@dataclass(frozen=True)
class Check:
    """One line of the report: `state` is "ok", "note" (the course runs, with less) or "missing" (it cannot)."""

    name: str
    found: str
    state: str = "ok"
    remedy: str = ""


def version(package: str) -> str | None:
    """The installed version, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_python() -> Check:
    found = platform.python_version()
    if sys.version_info < MIN_PYTHON:
        return Check("Python", found, "missing", "install Python 3.11 or later")
    return Check("Python", found)


def check_torch() -> Check:
    found = version("torch")
    if found is None:
        return Check("torch", "not installed", "missing", REINSTALL)
    if tuple(int(part) for part in found.split(".")[:2]) < MIN_TORCH:
        return Check("torch", found, "missing", f"the course needs 2.8 or later: {REINSTALL}")
    try:
        importlib.import_module("torch")
    except (ImportError, OSError) as error:
        return Check("torch", f"{found}, but {error}", "missing", REINSTALL)
    return Check("torch", found)


def check_torchvision() -> Check:
    found = version("torchvision")
    if found is None:
        return Check("torchvision", "not installed", "missing", REINSTALL)
    try:
        load_torchvision()
    except ImportError as error:
        return Check("torchvision", f"{found}, does not match torch", "missing", str(error))
    except RuntimeError as error:
        return Check("torchvision", f"{found}, but {error}", "missing", REINSTALL)
    return Check("torchvision", f"{found}, matches torch")


def check_device() -> Check:
    try:
        import torch

        from cnnlab.device import describe, has_bf16, pick_device, unusable
    except (ImportError, OSError):
        return Check("device", "unknown without torch", "note")
    device = pick_device()
    found = f"{describe(device)}, {'bf16' if has_bf16(device) else 'fp32'}"
    cards = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    if left_out := [f"cuda:{card} is not used: {why}" for card in cards if (why := unusable(card))]:
        return Check("device", found, "note", f"{'; '.join(left_out)}; a torch built for that card would use it")
    return Check("device", found)


def check_cores() -> Check:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    remedy = "training will be slow; choose small subsets" if count < 2 else ""
    return Check("cores", str(count), "note" if remedy else "ok", remedy)


def check_data() -> Check:
    try:
        from cnnlab.data import archives
    except (ImportError, OSError):
        return Check("data", "unknown without NumPy", "note")
    (folder, where), trouble = archives.located(), archives.trouble_with_named()
    if folder is not None:
        return Check("data", f"Fashion-MNIST, {where}")
    at_first_use = f"downloaded to {archives.cache_folder()} at first use, or set CNNLAB_DATA; drawn without a network"
    return Check("data", "no files yet", "note", trouble or at_first_use)


def check_package(package: str, why: str) -> Check:
    found = version(package)
    if found is None:
        return Check(package, "not installed", "missing", f"needed for {why}: {REINSTALL}")
    return Check(package, found)


PACKAGES = {
    "jupyterlab": "opening the notebooks",
    "ipywidgets": "the sliders",
    "anywidget": "the explorers",
    "matplotlib": "the figures",
    "nbval": "`pytest --nbval notebooks`",
    "d2l": "the d2l comparisons",
}


def checks() -> list[Check]:
    """Every check, in the order of the report."""
    machine = [check_python(), check_torch(), check_torchvision(), check_device(), check_cores(), check_data()]
    return machine + [check_package(package, why) for package, why in PACKAGES.items()]


def report(rows: list[Check]) -> str:
    """The checks as a table of three columns, each missing thing with its remedy beneath."""
    signs = {"ok": "ok", "note": "note", "missing": "MISSING"}
    width = max(len(row.name) for row in rows)
    lines = []
    for row in rows:
        lines.append(f"{row.name:<{width}}  {signs[row.state]:<7}  {row.found}")
        if row.remedy:
            lines.append(f"{'':<{width}}  {'':<7}  → {row.remedy}")
    return "\n".join(lines)
