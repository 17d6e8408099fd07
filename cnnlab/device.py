"""Which processor to compute on, in which precision, and how maps lie in memory."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator

import torch
from torch import nn

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16")
MIXED = (
    "A layer was given bf16 maps and mixes them with its own float32 numbers; "
    'train with precision="fp32", or let the layer begin with x = x.float().'
)
LANES = 16  # numbers that a processor takes at a time


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """The device to use: "auto" takes CUDA before MPS before the CPU.

    Raises ValueError for a device this machine or course does not have.
    """
    name = str(device)
    kind = name.split(":")[0]
    if kind not in DEVICES:
        raise ValueError(f"device {name!r} is not one of {', '.join(DEVICES)}; use device='auto'")
    if kind == "auto":
        kind = name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' needs an NVIDIA GPU that torch can see; use device='auto' to take what is here")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device 'mps' needs an Apple GPU that torch can see; use device='auto' to take what is here")
    return torch.device(name)


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


def channels_last_pays(model: nn.Module, X: torch.Tensor) -> bool:
    """Whether training on images like X is faster with a pixel's channels side by side: for convolutions it is.

    Not for batch norms too narrow for a processor's 16 lanes: backward, theirs took forty times as long. They decide
    where they hold a third or more of all that is normalised.
    """
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    if X.device.type != "cpu" or all(norm.num_features >= LANES for norm in norms):
        return True
    values = {True: 0, False: 0}  # narrow or not: how many are normalised

    def count(norm: nn.BatchNorm2d, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        values[norm.num_features < LANES] += output.numel()

    hooks, mode = [norm.register_forward_hook(count) for norm in norms], model.training
    try:
        with torch.no_grad():
            model.eval()(X)
    finally:
        model.train(mode)
        for hook in hooks:
            hook.remove()
    return 3 * values[True] < sum(values.values())
