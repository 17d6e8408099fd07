"""copy_weights: what it copies, and what it refuses before it has changed anything."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from cnnlab.models import copy_weights


def net(*layers):
    return nn.Sequential(*layers)


def numbers(model):
    return [value.clone() for value in model.state_dict().values()]


def test_weights_and_statistics_arrive_under_other_names():
    source = net(net(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)), nn.ReLU(), nn.Linear(9, 2))
    source.train()(torch.randn(8, 1, 11, 11))
    target = nn.Sequential()
    for name, layer in (("conv", nn.Conv2d(1, 4, 3)), ("norm", nn.BatchNorm2d(4)), ("fc", nn.Linear(9, 2))):
        target.add_module(name, layer)
    before = numbers(source)
    assert copy_weights(source, target) is target
    assert_close(numbers(target), before)
    assert target.norm.num_batches_tracked == 1
    assert target.conv.weight.requires_grad
    with torch.no_grad():  # the copy has its own memory
        target.conv.weight.zero_()
    assert_close(numbers(source), before)


def test_what_a_module_holds_beside_its_children_arrives_too():
    source, target = (nn.MultiheadAttention(8, 2) for _ in range(2))
    copy_weights(source, target)
    X = torch.randn(3, 1, 8)
    assert_close(target(X, X, X), source(X, X, X))


def test_the_number_of_layers_must_agree():
    with pytest.raises(ValueError, match="2 layers with weights do not fit 1; build both for the same network"):
        copy_weights(net(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)), net(nn.Linear(2, 2)))


@pytest.mark.parametrize(
    ("given", "wanted", "text"),
    [
        (nn.Linear(3, 2), nn.Linear(3, 5), "1 has weight 2×3, bias 2 and 1 needs weight 5×3, bias 5; build both"),
        (nn.Linear(3, 2, bias=False), nn.Linear(3, 2), "1 has weight 2×3 and 1 needs weight 2×3, bias 2; build both"),
        (nn.GroupNorm(1, 3), nn.BatchNorm1d(3), "1 has weight 3, bias 3 and 1 needs .*running_mean 3, running_var 3"),
    ],
)
def test_every_layer_must_agree_or_nothing_changes(given, wanted, text):
    source, target = net(nn.Linear(3, 3), given), net(nn.Linear(3, 3), wanted)
    before = numbers(target)
    with pytest.raises(ValueError, match=text):
        copy_weights(source, target)
    assert_close(numbers(target), before)
