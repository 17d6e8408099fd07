"""Device and precision: what is picked, what is refused."""

from pathlib import Path

import pytest
import torch

from cnnlab import device as device_module
from cnnlab.device import autocast, describe, has_bf16, pick_device, pick_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]
)
def test_auto_takes_cuda_before_mps_before_cpu(monkeypatch, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert pick_device("auto").type == expected
    assert pick_device(CPU) == CPU


def test_devices_that_are_not_here(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device 'cuda' needs an NVIDIA GPU"):
        pick_device("cuda:1")
    with pytest.raises(ValueError, match="device 'mps' needs an Apple GPU"):
        pick_device("mps")


def test_auto_precision_follows_the_hardware(monkeypatch):
    for supported, expected in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(device_module, "has_bf16", lambda _device, supported=supported: supported)
        assert pick_precision("auto", CPU) == expected
    assert pick_precision("fp32", CPU) == "fp32"


def test_bf16_is_claimed_only_where_the_processor_lists_it():
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        pytest.skip("this system does not list its processor's instructions")
    assert has_bf16(CPU) == ("avx512_bf16" in flags or "amx_tile" in flags or "amx-tile" in flags)
    assert not has_bf16(torch.device("mps"))


def test_autocast_computes_in_the_precision_named():
    layer, X = torch.nn.Linear(3, 3), torch.ones(1, 3)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with autocast(precision, CPU):
            assert layer(X).dtype == dtype


def test_devices_in_words():
    assert describe(CPU).startswith("cpu (")
    assert "threads)" in describe(CPU)
    assert describe(torch.device("mps")).startswith("mps (")
