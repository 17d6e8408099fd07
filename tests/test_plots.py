"""Figures: what is drawn is what was given, titles tell drawn garments from the real thing, nothing is left behind."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from cnnlab import models
from cnnlab.plots import feature_maps, plot_history, show_feature_maps, show_image, show_kernels, show_split
from cnnlab.train.history import Epoch, History
from tests.conftest import blobs


def test_image_is_shown_as_it_is():
    pixels = torch.rand(1, 4, 6)
    ax = show_image(pixels, "a title")
    assert np.array_equal(ax.images[0].get_array(), pixels[0].numpy())
    assert ax.get_title() == "a title"
    assert show_image(pixels[0], ax=ax) is ax


def test_signed_images_put_zero_in_the_middle():
    ax = show_image(torch.tensor([[-3.0, 1.0]]), signed=True)
    assert ax.images[0].get_clim() == (-3.0, 3.0)


def test_a_split_made_from_drawings_says_so():
    split = blobs(12, 0)
    axes = show_split(split, count=12)
    assert axes[0].figure.get_suptitle() == "Drawn garments, train"
    assert [ax.get_title() for ax in axes[:3]] == ["T-shirt/top", "Trouser", "Pullover"]


def test_kernels_one_picture_an_output_channel():
    layer = models.build("lenet").conv1
    axes = show_kernels(layer, "conv1")
    assert len(axes) == 6
    assert np.allclose(axes[2].images[0].get_array(), layer.weight[2, 0].detach().numpy())


def test_feature_maps_are_the_layers_own_and_hooks_are_removed():
    model = models.build("lenet").train()
    X = torch.randn(2, 1, 28, 28)
    maps = feature_maps(model, X, ["conv1", "pool2"])
    assert torch.equal(maps["conv1"], model.conv1(X))
    assert maps["pool2"].shape == (2, 16, 5, 5)
    assert model.training
    assert not model.conv1._forward_hooks
    with pytest.raises(AttributeError, match="conv9"):
        feature_maps(model, X, ["conv1", "conv9"])
    assert not model.conv1._forward_hooks


def test_feature_maps_are_copies_that_a_layer_in_place_does_not_reach():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3), nn.Hardtanh(inplace=True))
    X = torch.randn(2, 1, 9, 9)
    maps = feature_maps(net, X, ["0", "1", "2"])
    first = net[0](X).detach()
    assert torch.equal(maps["0"], first)
    assert torch.equal(maps["1"], first.relu())
    assert torch.equal(maps["2"], net[2](first.relu()))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_feature_maps_move_the_images_to_the_models_dtype(dtype):
    net, X = nn.Sequential(nn.Conv2d(1, 4, 3)).to(dtype), torch.rand(2, 1, 9, 9)
    maps = feature_maps(net, X, ["0"])["0"]
    assert maps.dtype == torch.float32
    assert torch.equal(maps, net(X.to(dtype)).float())


def test_feature_maps_of_layers_with_several_outputs_or_none():
    class Pair(nn.Module):
        def forward(self, X):
            return {"maps": 2 * X, "more": X}

    net = nn.Sequential(Pair())
    net[0].idle, X = nn.ReLU(), torch.rand(1, 1, 3, 3)
    assert torch.equal(feature_maps(net, X, ["0"])["0"], 2 * X)
    with pytest.raises(
        ValueError, match=r"^layer '0.idle' put out no tensor in this run of Sequential; choose a layer"
    ):
        feature_maps(net, X, ["0", "0.idle"])


def test_many_channels_are_cut_and_the_title_says_so():
    axes = show_feature_maps(torch.rand(20, 3, 3), "pool2")
    assert len(axes) == 16
    assert axes[0].figure.get_suptitle() == "pool2, first 16 of 20 channels"


def test_history_curves():
    rows = [Epoch(i, 1.0 / i, 0.5, 0.6, 1, 0.1, 0.1) for i in (1, 2, 3)]
    history = History({"model": "LeNet", "data": "drawn garments", "epochs": 3}, {}, rows)
    axes = history.plot()
    assert axes[0].lines[0].get_ydata().tolist() == [1.0, 0.5, 1 / 3]
    assert [line.get_label() for line in axes[1].lines] == ["train (running)", "validation"]
    assert axes[0].figure.get_suptitle() == "LeNet on drawn garments"
    _, own = plt.subplots(1, 2)
    assert plot_history(history, own) is own
