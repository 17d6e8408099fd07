"""Device, precision and layout: what is picked, what is refused."""

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from cnnlab import device as device_module
from cnnlab.device import autocast, channels_last_pays, describe, has_bf16, pick_device, pick_precision

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


class OwnNorm(torch.nn.Module):
    """As learners write it: a running mean in float32."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(2))

    def forward(self, x):
        self.mean.lerp_(x.mean(dim=(0, 2, 3)), 0.1)
        return x - self.mean[:, None, None]


def test_a_layer_that_cannot_mix_precisions_is_told_the_way_out():
    net, x = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), OwnNorm()), torch.ones(2, 1, 5, 5)
    with autocast("fp32", CPU):
        net(x)
    with pytest.raises(RuntimeError, match="dtype") as caught, autocast("bf16", CPU):
        net(x)
    assert 'precision="fp32"' in caught.value.__notes__[0]
    with pytest.raises(RuntimeError, match="shape") as caught, autocast("bf16", CPU):
        raise RuntimeError("a shape does not fit")
    assert not hasattr(caught.value, "__notes__")


def test_autocast_computes_in_the_precision_named():
    layer, X = torch.nn.Linear(3, 3), torch.ones(1, 3)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with autocast(precision, CPU):
            assert layer(X).dtype == dtype


def test_devices_in_words():
    assert describe(CPU).startswith("cpu (")
    assert "threads)" in describe(CPU)
    assert describe(torch.device("mps")).startswith("mps (")


@pytest.mark.parametrize(
    ("norms", "expected"),
    [
        ([], True),
        ([16], True),
        ([6], False),  # all of what is normalised
        ([4, 32], True),  # a ninth
        ([8, 16], False),  # a third
        ([7, 16], True),  # a little less
    ],
)
def test_narrow_batch_norms_decide_the_layout_from_a_third_on(norms, expected):
    layers, channels = [], 1
    for width in norms:
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width)]
        channels = width
    model = nn.Sequential(*layers, nn.Dropout(0.5)).train()
    before = copy.deepcopy(model.state_dict())
    assert channels_last_pays(model, torch.randn(1, 1, 5, 6)) is expected
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    assert all(map(torch.equal, before.values(), model.state_dict().values()))


def test_other_devices_always_take_channels_last():
    with torch.device("meta"):
        assert channels_last_pays(nn.BatchNorm2d(2), torch.empty(1, 2, 3, 3)) is True
