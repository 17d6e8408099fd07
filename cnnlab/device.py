"""Which processor to compute on, and in which precision."""

from __future__ import annotations

import contextlib
import functools
import platform
from collections.abc import Iterator

import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16")
MIXED = (
    "A layer was given bf16 maps and mixes them with its own float32 numbers; "
    'train with precision="fp32", or let the layer begin with x = x.float().'
)


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """The device to use: "auto" takes the first CUDA card that torch can compute on, else MPS, else the CPU.

    Raises ValueError for a device this machine or course does not have, or that torch has no kernels for.
    """
    name = str(device)
    kind, colon, number = name.partition(":")
    if kind not in DEVICES or (colon and not (number.isdecimal() and kind != "auto")):
        raise ValueError(f"device {name!r} is not one of {', '.join(DEVICES)}, or cuda:1 and so on; use device='auto'")
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if kind == "auto":
        cards = range(torch.cuda.device_count()) if cuda else ()
        card = next((card for card in cards if not unusable(card)), None)
        if card is not None:
            return torch.device("cuda", card) if card else torch.device("cuda")
        return torch.device("mps" if mps else "cpu")
    if kind == "cuda" and not cuda:
        raise ValueError("device 'cuda' needs an NVIDIA GPU that torch can see; use device='auto' to take what is here")
    if kind == "mps" and not mps:
        raise ValueError("device 'mps' needs an Apple GPU that torch can see; use device='auto' to take what is here")
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if int(number or 0) >= count:
        last = f"{kind}:0 to {kind}:{count - 1}" if count > 1 else kind
        raise ValueError(f"device {name!r} does not exist here; there is {last}")
    if kind != "cuda":
        return torch.device(kind)
    if why := unusable(int(number) if number else torch.cuda.current_device()):
        raise ValueError(f"device {name!r} cannot be used: {why}; use device='auto' to take what works")
    return torch.device(name)


@functools.cache
def unusable(card: int) -> str:
    """Why torch cannot compute on that CUDA card, such as one that it has no kernels for; empty where it can."""
    try:
        torch.ones(8, device=f"cuda:{card}").mul(2).sum().item()
    except RuntimeError as error:
        first = str(error).strip().splitlines()[0]
        return f"torch {torch.__version__} cannot compute on {torch.cuda.get_device_name(card)} ({first})"
    return ""


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware (emulation would only be slower)."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8  # Ampere and later
    if device.type == "cpu":
        # torch 2.8 has these two questions under private names only.
        asks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, ask, bool)() for ask in asks)
    return False


def pick_precision(precision: str, device: torch.device) -> str:
    """ "fp32" or "bf16": "auto" takes bf16 where the device has it. Raises ValueError otherwise."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r} is not one of {', '.join(PRECISIONS)}; use precision='auto'")
    if precision == "auto":
        return "bf16" if has_bf16(device) else "fp32"
    return precision


@contextlib.contextmanager
def autocast(precision: str, device: torch.device) -> Iterator[None]:
    """A context in which layers compute in `precision`; weights stay float32 either way.

    An error about types from a layer that cannot mix the two gets a note that says so.
    """
    if precision != "bf16":
        yield
        return
    try:
        with torch.autocast(device.type, dtype=torch.bfloat16):
            yield
    except (RuntimeError, TypeError) as error:
        if "dtype" in str(error) or "bfloat16" in str(error).lower():
            error.add_note(MIXED)
        raise


def describe(device: torch.device) -> str:
    """The device in words, such as `cpu (AMD EPYC, 2 threads)`."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    if device.type == "mps":
        return f"mps ({platform.processor() or 'Apple'})"
    return f"cpu ({processor_name()}, {torch.get_num_threads()} threads)"


def processor_name() -> str:
    """The processor's own name where the system tells it, else its architecture."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
