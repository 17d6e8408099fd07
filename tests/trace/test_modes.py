"""The modes of a network's parts are given back, one by one."""

import contextlib
import copy
import random
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cnnlab.explore.features import probe
from cnnlab.plots import feature_maps
from cnnlab.trace import trace
from cnnlab.trace.effective import effective_field
from cnnlab.trace.modes import as_input, modes_kept, tensors


def nested():
    return nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)), nn.Dropout(), nn.BatchNorm2d(2))


@given(st.lists(st.booleans(), min_size=6, max_size=6), st.booleans())
def test_every_part_gets_its_own_mode_back(modes, inside):
    model = nested()
    for module, mode in zip(model.modules(), modes, strict=True):
        module.training = mode
    with modes_kept(model):
        model.train(inside)
    assert [module.training for module in model.modules()] == modes


def test_modes_come_back_after_an_error():
    model = nested()
    model[2].eval()

    def fail():
        with modes_kept(model):
            model.eval()
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fail()
    assert (model.training, model[0][1].training, model[2].training) == (True, True, False)


class Frozen(nn.Module):
    """Puts its batch norm into evaluation mode whenever the whole is set to training, as fine-tuning does."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(1)

    def train(self, mode=True):
        super().train(mode)
        self.norm.eval()
        return self


@pytest.mark.parametrize("wrap", [lambda model: model, torch.compile], ids=["own train", "compiled"])
def test_a_model_that_decides_its_modes_itself(wrap):
    model = wrap(Frozen().train())
    before = [module.training for module in model.modules()]
    with modes_kept(model):
        model.eval()
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == before


# ---- a look at a network ---------------------------------------------------------------------------------------------


class Noisy(nn.Module):
    """Draws from every generator there is, and drops out in evaluation mode too."""

    def __init__(self, *tail):
        super().__init__()
        self.conv, self.norm, self.drop = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout()
        self.tail, self.own = nn.Sequential(*tail), torch.Generator().manual_seed(1)

    def forward(self, X):
        X = X * random.random() * np.random.rand() * torch.rand(1, generator=self.own)
        return self.tail(F.dropout(self.drop(self.norm(self.conv(X)))))


def states(model):
    own = model.own.get_state().tolist()
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist(), own


LOOKS = {
    "feature_maps": lambda model, X: feature_maps(model, X, ["conv"]),
    "effective_field": lambda model, X: effective_field(model, "conv", 8, images=X),
    "look": lambda model, X: probe.look(model, X[0], ["conv"]),
    "trace": lambda model, X: trace(model, (1, 1, 8, 8)),
}


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize("fails", [False, True])
def test_a_look_gives_modes_generators_and_hooks_back(name, fails):
    model = Noisy(nn.Linear(999, 1)) if fails else Noisy()
    model.norm.eval()
    before = states(model), [module.training for module in model.modules()], copy.deepcopy(model.state_dict())
    with contextlib.suppress(RuntimeError):
        LOOKS[name](model, torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert (states(model), [module.training for module in model.modules()]) == before[:2]
    assert all(torch.equal(value, before[2][key]) for key, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_hooks_fire_on_a_compiled_model():
    """After torch.compile has run a model once, hooks that are added later are ignored; here they are not."""
    net, X = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), torch.randn(1, 1, 6, 6)
    compiled = torch.compile(net, backend="eager")
    compiled(X)
    for model, name in ((compiled, "0"), (nn.Sequential(compiled), "0.0")):
        assert torch.equal(feature_maps(model, X, [name])[name], net[0](X))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_images_come_to_the_models_dtype_and_whole_numbers_stay(dtype):
    model = nn.Conv2d(1, 1, 1).to(dtype)
    for images in (torch.rand(2, 1, 3, 3), torch.zeros(2, 1, 3, 3, dtype=torch.uint8)):
        assert as_input(model, images).dtype == dtype
    assert as_input(model, torch.tensor([1, 2])).dtype == torch.int64
    assert as_input(nn.ReLU(), torch.ones(2, dtype=torch.uint8)).dtype == torch.float32
    assert as_input(nn.ReLU(), torch.ones(2, dtype=dtype)).dtype == dtype


def test_a_first_layer_in_place_does_not_write_into_the_images():
    net, X = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(1, 1, 3)), torch.randn(1, 1, 8, 8)
    before = X.clone()
    maps = feature_maps(net, X, ["0", "1"])
    assert torch.equal(maps["0"], before.relu())
    assert effective_field(net, "1", 8, images=X).max() == 1
    probe.look(net, X[0], ["1"])
    assert torch.equal(X, before)


def test_tensors_are_found_wherever_they_are():
    @dataclass
    class Output:
        scores: object
        more: object = None

    Pair = namedtuple("Pair", "one other")
    a, b, c = torch.zeros(1), torch.zeros(2), torch.zeros(3)
    for value in ([a, (b, c)], {"x": a, "y": [b, {"z": c}]}, Output(a, Output((b, c))), Pair(a, Pair(b, c))):
        assert [len(found) for found in tensors(value)] == [1, 2, 3]
    assert tensors(None) == tensors("text") == tensors(Output) == []
