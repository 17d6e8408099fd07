"""AlexNet against the notes' counts, torchvision's network and published counts, and sizes worked out by hand."""

import pytest
import torch
from torch.testing import assert_close

from cnnlab import models
from cnnlab.trace import trace
from tests.networks import on_meta, published, randomised, sides, torchvisions, without_gradient


@pytest.mark.parametrize("padding", [0, 1])
def test_counts_and_sizes_as_the_notes_build_it(padding):
    traced = trace(on_meta("alexnet", padding=padding), (1, 1, 224, 224))
    assert (traced.params, traced.macs) == (46_764_746, 938_146_176)
    assert sides(traced) == [54, 26, 26, 12, 12, 12, 12, 5]
    assert [row.out_shape for row in traced if row.kind in ("Flatten", "Linear")] == [
        (1, 6400),
        (1, 4096),
        (1, 4096),
        (1, 10),
    ]


def test_padding_2_gives_the_papers_sizes():
    traced = trace(on_meta("alexnet", padding=2), (1, 1, 224, 224))
    assert sides(traced) == [55, 27, 27, 13, 13, 13, 13, 6]
    assert next(row for row in traced if row.kind == "Flatten").out_shape == (1, 9216)


def test_counts_torchvision_publishes():
    params, giga = published("alexnet")
    traced = trace(on_meta("alexnet", in_channels=3, num_classes=1000, form="torchvision"), (1, 3, 224, 224))
    assert traced.params == params
    assert round(traced.macs / 1e9, 3) == giga


@pytest.mark.parametrize("size", [63, 100])
def test_torchvisions_weights_give_torchvisions_outputs(size):
    theirs = randomised(torchvisions("alexnet", num_classes=7))
    ours = on_meta("alexnet", in_channels=3, num_classes=7, image_size=size, form="torchvision").to_empty(device="cpu")
    models.copy_weights(theirs, ours).eval()
    X = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert_close(ours(X), theirs(X))


# By hand, backwards: pool5 needs 3, so pool2 7, so pool1 15, so conv1 14·4 + 11 = 67 with what is padded, or 15.
@pytest.mark.parametrize(
    ("settings", "least"),
    [
        ({}, 65),
        ({"padding": 0}, 67),
        ({"padding": 2}, 63),
        ({"form": "torchvision"}, 63),
        ({"stem": "small"}, 15),
        ({"stem": "small", "padding": 0}, 19),
    ],
)
def test_the_smallest_size_named_is_the_smallest(settings, least):
    with pytest.raises(
        ValueError,
        match=rf"image_size {least - 1} is too small for AlexNet: pool5 gets 2 px and needs 3; .* works is {least}$",
    ):
        models.build("alexnet", image_size=least - 1, **settings)
    model = models.build("alexnet", image_size=least, width=0.1, dense=16, **settings)
    assert model(torch.zeros(2, 1, least, least)).shape == (2, 10)


@pytest.mark.parametrize("form", ["notes", "torchvision"])
@pytest.mark.parametrize("stem", ["paper", "small"])
def test_gradient_reaches_every_parameter(stem, form):
    torch.manual_seed(0)
    model = models.build("alexnet", image_size=67, stem=stem, form=form, width=0.25, dense=64, num_classes=2)
    assert without_gradient(model, torch.randn(8, 1, 67, 67)) == []


def test_width_and_dense():
    net = on_meta("alexnet", width=0.5, dense=100, num_classes=3)
    convolutions = [layer.out_channels for layer in net if isinstance(layer, torch.nn.Conv2d)]
    assert convolutions == [48, 128, 192, 192, 128]
    assert [layer.weight.shape for layer in (net.fc6, net.fc7, net.fc8)] == [(100, 128 * 25), (100, 100), (3, 100)]


def test_dropout_is_a_half_on_both_hidden_linear_layers():
    net = on_meta("alexnet")
    names = [name for name, _ in net.named_children()]
    assert [(names[names.index(d) - 2], net.get_submodule(d).p) for d in ("drop6", "drop7")] == [
        ("fc6", 0.5),
        ("fc7", 0.5),
    ]


def test_choices_that_cannot_be():
    with pytest.raises(ValueError, match="form 'paper' is not one of notes, torchvision"):
        models.build("alexnet", form="paper")
    with pytest.raises(ValueError, match="stem 'large' is not one of paper, small"):
        models.build("alexnet", stem="large")
