"""Device, precision and layout: what is picked, what is refused."""

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from cnnlab import device as device_module
from cnnlab.course.environment import check_device
from cnnlab.device import autocast, describe, has_bf16, pick_device, pick_precision
from cnnlab.train.layout import channels_last_pays

CPU = torch.device("cpu")


def cards(monkeypatch, found: list[str]) -> None:
    """A machine with these CUDA cards; torch computes on those called good."""

    def ones(*_, device):
        if found[torch.device(device).index] != "good":
            raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nCUDA kernel ...")
        return torch.zeros(1)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(found))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(found))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card {found[torch.device(device).index or 0]}")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: (9, 0))
    monkeypatch.setattr(device_module.torch, "ones", ones)
    device_module.unusable.cache_clear()


@pytest.fixture(autouse=True)
def forget():
    yield
    device_module.unusable.cache_clear()


@pytest.mark.parametrize(
    ("found", "expected"),
    [(["old"], "cpu"), (["old", "good"], "cuda:1"), (["good", "old"], "cuda"), (["old", "old"], "cpu")],
)
def test_auto_passes_over_cards_that_torch_has_no_kernels_for(monkeypatch, found, expected):
    cards(monkeypatch, found)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device() == torch.device(expected)
    row = check_device()
    assert row.state == ("note" if "old" in found else "ok")
    if "old" in found:
        assert f"cuda:{found.index('old')} is not used: torch" in row.remedy
        assert "cannot compute on card old (CUDA error: no kernel image is available" in row.remedy
        with pytest.raises(ValueError, match=r"device 'cuda:\d' cannot be used: .* no kernel image .*; use"):
            pick_device(f"cuda:{found.index('old')}")


@pytest.mark.parametrize("name", ["cuda:x", "cuda:", "auto:1", "cuda:-1", "gpu", "", "cuda:1:2"])
def test_names_that_are_no_device(name):
    with pytest.raises(ValueError, match=f"device '{name}' is not one of auto, cpu, cuda, mps, or cuda:1 and so on"):
        pick_device(name)


def test_a_card_by_its_number(monkeypatch):
    cards(monkeypatch, ["good", "good"])
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("cuda:1") == torch.device("cuda:1")
    assert pick_device("cpu:0") == CPU
    assert describe(pick_device("cuda:1")) == "cuda:1 (card good)"
    with pytest.raises(ValueError, match="device 'cuda:2' does not exist here; there is cuda:0 to cuda:1"):
        pick_device("cuda:2")
    with pytest.raises(ValueError, match="device 'mps:1' does not exist here; there is mps"):
        pick_device("mps:1")


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]
)
def test_auto_takes_cuda_before_mps_before_cpu(monkeypatch, cuda, mps, expected):
    cards(monkeypatch, ["good"] * cuda)
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
def test_narrow_batch_norms_decide_the_layout_from_a_third_on(monkeypatch, norms, expected):
    monkeypatch.setattr(device_module.platform, "machine", lambda: "x86_64")
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


@pytest.mark.parametrize(("kind", "machine", "expected"), [
    ("cuda", "x86_64", True), ("mps", "arm64", False), ("cpu", "arm64", False), ("cpu", "aarch64", False),
    ("cpu", "AMD64", True),
])  # fmt: skip
def test_channels_last_is_taken_where_it_was_measured(monkeypatch, kind, machine, expected):
    monkeypatch.setattr(device_module.platform, "machine", lambda: machine)
    images = SimpleNamespace(device=torch.device(kind))
    assert channels_last_pays(nn.Conv2d(1, 2, 3), images) is expected


def test_a_frozen_part_stays_so():
    model = nn.Sequential(nn.BatchNorm2d(2).eval(), nn.BatchNorm2d(2))
    channels_last_pays(model, torch.ones(1, 2, 3, 3))
    assert [module.training for module in model.modules()] == [True, False, True]
