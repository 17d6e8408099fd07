"""The FeatureMapExplorer: activations by PyTorch's hooks, maxima planted by hand, pictures read back, files refused."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from base64 import b64decode
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from cnnlab import models
from cnnlab.data import CLASSES, FashionMNIST, Images
from cnnlab.draw import png, svg
from cnnlab.explore import FeatureMapExplorer
from cnnlab.explore.features.photo import Photo, PhotoError, read_photo
from tests.conftest import blobs
from tests.pictures import SVG, check_labels, said


def noise(count: int = 12, size: int = 28) -> Images:
    pixels = torch.randint(0, 256, (count, 1, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return Images("valid", pixels, torch.arange(count) % 10, size)


def lenet(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return models.build("lenet")


def hooked(model: nn.Module, X: torch.Tensor, layer: str) -> torch.Tensor:
    """The oracle: what a layer puts out in evaluation mode."""
    kept = []
    hook = model.get_submodule(layer).register_forward_hook(lambda _, __, out: kept.append(out.clone()))
    mode = model.training
    with torch.no_grad():
        model.eval()(X)
    model.train(mode)
    hook.remove()
    return kept[-1]


NETS = {
    "lenet": lambda: models.build("lenet"),
    "bn_lenet": lambda: models.build("bn_lenet"),
    "resnet18": lambda: models.build("resnet18", width=0.125, stem="half"),
    "googlenet": lambda: models.build("googlenet", image_size=64, width=0.125),
}


# ---- activations, scores and maxima ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_every_map_is_what_a_hook_sees(name):
    torch.manual_seed(0)
    model, images = NETS[name](), noise(3, 64 if name == "googlenet" else 28)
    explorer = FeatureMapExplorer(model, images, image=1)
    X = images.example(1)[0][None]
    for layer in explorer.layers:
        expected = hooked(model, X, layer)[0].numpy()
        explorer.layer = layer
        for channel in {0, len(expected) - 1}:
            explorer.channel = channel
            np.testing.assert_allclose(explorer.activations, expected[channel], atol=1e-6)
            assert explorer.view.picture["values"] == pytest.approx(explorer.activations, rel=1e-3, abs=1e-9)
        explorer.channel = 0
    with torch.no_grad():
        shares = model.eval()(X).softmax(dim=1)[0].tolist()
    assert list(explorer.scores.values()) == pytest.approx(shares, abs=1e-6)
    assert list(explorer.scores) == list(CLASSES)


def test_the_layers_are_the_maps_of_the_trace():
    expected = ["conv1", "act1", "pool1", "conv2", "act2", "pool2"]
    assert FeatureMapExplorer(lenet(), noise()).layers == expected
    # What ends in one pixel is no map.
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert FeatureMapExplorer(net, noise()).layers == ["0", "1"]


def test_the_strongest_images_are_found_where_they_were_planted():
    """A kernel that copies the middle pixel: the maximum is the brightest pixel, wherever that was put."""
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 784, 10))
    nn.init.zeros_(net[0].weight)
    nn.init.zeros_(net[0].bias)
    net[0].weight.data[0, 0, 1, 1], net[0].weight.data[1, 0, 1, 1] = 1.0, -1.0
    pixels = torch.full((30, 1, 28, 28), 100, dtype=torch.uint8)
    places = {7: (3, 20), 21: (27, 0), 11: (14, 14)}
    for brightness, (index, (row, column)) in zip((250, 230, 210), places.items(), strict=True):
        pixels[index, 0, row, column] = brightness
    images = Images("valid", pixels, torch.arange(30) % 10)
    explorer = FeatureMapExplorer(net, images, layer="1")
    found = explorer.best(3)
    assert [(index, place) for index, _, place in found] == list(places.items())
    assert [value for _, value, _ in found] == pytest.approx([(b / 255 - 0.2860) / 0.3530 for b in (250, 230, 210)])
    assert [index for index, _, _ in FeatureMapExplorer(net, images, searched=15).best(2)] == [7, 11]
    dark = explorer.best(1, layer="0", channel=1)[0]  # turned round, the plain background is the most
    assert dark[1] == pytest.approx((0.2860 - 100 / 255) / 0.3530)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), channel=st.integers(0, 4), searched=st.integers(1, 12))
def test_the_strongest_images_against_pytorch(seed, channel, searched):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(1, 5, 4, stride=3), nn.Sigmoid(), nn.Flatten(), nn.Linear(5 * 81, 10))
    images = noise()
    explorer = FeatureMapExplorer(net, images, layer="1", channel=channel, searched=searched)
    maps = hooked(net, next(images.batches(12))[0][:searched], "1")[:, channel]
    values, order = maps.flatten(1).max(dim=1).values.sort(descending=True, stable=True)
    found = explorer.best(4)
    assert [index for index, _, _ in found] == order[:4].tolist()
    assert [value for _, value, _ in found] == pytest.approx(values[:4].tolist())
    for index, value, (row, column) in found:
        assert maps[index, row, column].item() == pytest.approx(value)


# ---- the kernel ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["conv2", "act2", "pool2"])
def test_the_kernel_behind_a_layer_is_that_of_the_convolution_before(layer):
    model = lenet()
    name, weights = FeatureMapExplorer(model, noise(), layer=layer, channel=5).kernel()
    assert name == "conv2"
    np.testing.assert_array_equal(weights, model.conv2.weight[5].detach().numpy())


def test_the_kernel_is_a_copy_that_training_does_not_write_into():
    model = lenet()
    _, weights = FeatureMapExplorer(model, noise(), layer="conv1").kernel()
    before = weights.copy()
    with torch.no_grad():
        model.conv1.weight.mul_(2)
    np.testing.assert_array_equal(weights, before)
    weights[:] = 0
    assert model.conv1.weight.any()


def test_a_sum_of_branches_has_no_single_kernel_and_says_so():
    explorer = FeatureMapExplorer(NETS["resnet18"](), noise(), layer="conv2_x.0")
    assert explorer.kernel() is None
    assert "conv2_x.0 puts together what several layers made." in said(parse(explorer))
    assert "conv2_x.0.branch.conv1, conv2_x.0.branch.conv2." in said(parse(explorer))
    explorer.layer = "conv2_x.0.branch.bn2"
    assert explorer.kernel()[0] == "conv2_x.0.branch.conv2"


def test_the_strongest_of_many_kernels_are_shown_with_a_note():
    net = nn.Sequential(nn.Conv2d(1, 20, 3), nn.Conv2d(20, 2, 3), nn.Flatten(), nn.Linear(2 * 576, 10))
    net[1].weight.data.zero_()
    strong = (19, 3, 8)
    for rank, channel in enumerate(strong):
        net[1].weight.data[1, channel] = 3.0 - rank
    root = parse(FeatureMapExplorer(net, noise(), layer="1", channel=1))
    assert "The 8 strongest of 20 input channels, with 100 % of the squared weights." in said(root)
    weights = [e.get("data-say") for e in root.iter() if (e.get("data-say") or "").startswith("weight")]
    assert len(weights) == 8 * 9
    assert {f"weight {3 - rank} on input channel {c}," for rank, c in enumerate(strong)} <= {
        f"{say.split(',')[0]}," for say in weights
    }


def test_groups_read_their_own_inputs():
    net = nn.Sequential(nn.Conv2d(1, 6, 3), nn.Conv2d(6, 9, 3, groups=3, bias=False), nn.Flatten(), nn.Linear(5184, 10))
    root = parse(FeatureMapExplorer(net, noise(), layer="1", channel=4))
    assert "input 2 input 3" in said(root)
    assert "no bias" in said(root)


def test_a_layer_that_is_called_in_a_circle_does_not_hang():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu, self.fc = nn.ReLU(), nn.Linear(784, 10)

        def forward(self, X):
            return self.fc(self.relu(self.relu(X)).flatten(1))

    assert FeatureMapExplorer(Twice(), noise()).kernel() is None


# ---- the network is left as it was -----------------------------------------------------------------------------------


def test_the_network_is_left_as_it_was():
    torch.manual_seed(0)
    model = NETS["bn_lenet"]().train()
    model.bn1.eval()  # one part of it in another mode
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.random.get_rng_state()
    explorer = FeatureMapExplorer(model, noise())
    explorer.layer, explorer.image = "bn2", 3
    explorer.static()
    assert [module.training for module in model.modules()].count(False) == 1
    assert not model.bn1.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(random, torch.random.get_rng_state())


def test_a_failure_in_the_network_gives_everything_back():
    class Sour(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.calls = nn.Conv2d(1, 2, 3), 0

        def forward(self, X):
            self.calls += 1
            if self.calls > 4:
                raise ArithmeticError("sour")
            return self.conv(X).mean(dim=(2, 3))

    model = Sour().train()
    explorer = FeatureMapExplorer(model, noise())
    explorer.image, model.calls = 1, 10
    with pytest.raises(ArithmeticError, match="sour"):
        explorer.image = 2
    assert model.training
    assert model.conv.training
    assert not model.conv._forward_hooks


def test_after_more_training_the_picture_is_the_new_networks():
    model = lenet()
    explorer = FeatureMapExplorer(model, noise(), layer="conv1")
    before = explorer.activations.copy()
    with torch.no_grad():
        model.conv1.weight.mul_(2)
        model.conv1.bias.mul_(2)
    explorer.channel = 1
    explorer.channel = 0
    np.testing.assert_allclose(explorer.activations, 2 * before, rtol=1e-5)
    with torch.no_grad():
        model.conv1.weight.zero_()
    explorer.refresh()
    assert np.ptp(explorer.activations) == pytest.approx(0, abs=1e-6)


# ---- settings, controls, impossible settings -------------------------------------------------------------------------


def parse(explorer: FeatureMapExplorer) -> ET.Element:
    return ET.fromstring(explorer.view.picture["svg"])


def test_it_says_itself_in_one_line():
    explorer = FeatureMapExplorer(lenet(), noise(), image=5, layer="pool1", channel=2)
    assert repr(explorer) == "FeatureMapExplorer(image 5, pool1, channel 2 → 14×14)"
    assert explorer.answer == CLASSES[5]


def test_a_channel_that_is_not_there_is_explained_and_mended():
    explorer = FeatureMapExplorer(lenet(), noise(), layer="conv2", channel=10)
    explorer.layer = "conv1"
    assert explorer.error == "channel 10 is not in conv1; it has channels 0 to 5"
    assert repr(explorer).endswith("→ no such image or channel)")
    assert "Channel 10 is not in conv1" in said(parse(explorer))
    assert "channel 10 is not in conv1" in str(explorer.static())
    assert explorer.sliders["channel"].value == 10
    assert [label for _, label in explorer.remedies.changes] == ["channel = 5", "channel = 0"]
    explorer.remedies.buttons[0].click()
    assert (explorer.channel, explorer.error, explorer.sliders["channel"].max) == (5, None, 5)
    explorer.channel = 9
    with pytest.raises(IndexError, match="index 9"):
        explorer.activations.max()


def test_an_image_that_is_not_there_is_explained_and_mended():
    explorer = FeatureMapExplorer(lenet(), noise())
    explorer.image = 12
    assert explorer.error == "image 12 is not there; valid has images 0 to 11"
    explorer.remedies.buttons[0].click()
    assert (explorer.image, explorer.error) == (11, None)


@pytest.mark.parametrize(
    ("setting", "error", "expected"),
    [
        ({"layer": "fc1"}, traitlets.TraitError, "layer='fc1' puts out no map; choose one of conv1, act1, pool1"),
        ({"channel": -1}, traitlets.TraitError, "channel=-1 will not do; give a whole number of at least 0"),
        ({"image": 1.5}, traitlets.TraitError, "image=1.5 will not do"),
        ({"searched": 0}, ValueError, "searched=0 leaves no image to look at; give at least 1"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(setting, error, expected):
    with pytest.raises(error, match="^" + re.escape(expected)):
        FeatureMapExplorer(lenet(), noise(), **setting)


def test_a_network_without_maps_or_for_another_size_is_refused():
    with pytest.raises(ValueError, match="no layer of Sequential puts out a map; give a network with convolutions"):
        FeatureMapExplorer(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), noise())
    with pytest.raises(ValueError, match=r"cannot take .*give images of the size that the network was made for"):
        FeatureMapExplorer(lenet(), noise(size=64))


def test_controls_and_settings_are_one():
    explorer, seen = FeatureMapExplorer(lenet(), noise()), []
    explorer.view.observe(lambda change: seen.append(change["new"]), "picture")
    explorer.sliders["image"].value = 4
    explorer.layer_choice.value = "act2"
    explorer.sliders["channel"].value = 7
    assert (explorer.image, explorer.layer, explorer.channel, len(seen)) == (4, "act2", 7, 3)
    explorer.view.chosen = {"channel": 3, "count": 1}
    explorer.view.chosen = {"image": 9, "count": 2}
    assert (explorer.channel, explorer.image, explorer.sliders["image"].value, len(seen)) == (3, 9, 9, 5)


def test_the_code_gives_these_activations():
    explorer = FeatureMapExplorer(lenet(), noise(), image=2, layer="act2", channel=3)
    names = {"model": explorer.network, "images": explorer.images}
    exec(explorer.code(), names)
    np.testing.assert_allclose(names["activations"].numpy(), explorer.activations, atol=1e-6)


# ---- networks that put out more than scores, and layers in place -----------------------------------------------------


@dataclass
class Output:
    maps: object
    logits: object


class Packed(nn.Module):
    def __init__(self, pack):
        super().__init__()
        self.conv, self.act, self.fc = nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Linear(4 * 26 * 26, 10)
        self.pack = pack

    def forward(self, X):
        maps = self.conv(X)
        return self.pack(self.fc(self.act(maps.clone()).flatten(1)), maps)


PACKS = {
    "tuple": lambda scores, maps: (scores, maps),
    "maps first": lambda scores, maps: [maps, (scores,)],
    "dict": lambda scores, maps: {"logits": scores, "maps": maps},
    "dataclass": lambda scores, maps: Output(maps, scores),
    "labels first": lambda scores, maps: (scores.topk(2).indices, scores),
}


@pytest.mark.parametrize("pack", PACKS)
def test_scores_come_from_the_first_tensor_with_one_for_each_class(pack):
    model, images = Packed(PACKS[pack]).eval(), noise(4)
    explorer = FeatureMapExplorer(model, images, image=2)
    X = images.example(2)[0][None]
    with torch.no_grad():
        maps = model.conv(X)
        shares = model.fc(maps.relu().flatten(1)).softmax(1)[0]
    assert list(explorer.scores.values()) == pytest.approx(shares.tolist(), abs=1e-6)
    np.testing.assert_allclose(explorer.activations, maps[0, 0].numpy(), atol=1e-6)


def test_a_network_that_puts_out_maps_alone_has_no_scores():
    explorer = FeatureMapExplorer(Packed(lambda scores, maps: {"maps": maps}), noise(4))
    assert (explorer.scores, explorer.layers) == ({}, ["conv", "act"])
    assert explorer.static()


@pytest.mark.parametrize("layer", ["0", "1", "2"])
def test_a_layer_in_place_does_not_change_what_is_shown_or_what_the_code_gives(layer):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3), nn.ReLU(inplace=True)).eval()
    explorer = FeatureMapExplorer(net, noise(4), layer=layer, channel=1, image=3)
    with torch.no_grad():
        first = net[0](noise(4).example(3)[0][None])
        expected = {"0": first.clone(), "1": first.relu(), "2": net[2](first.relu())}[layer]
    np.testing.assert_allclose(explorer.activations, expected[0, 1].numpy(), atol=1e-6)
    assert explorer.best(1)[0][1] >= explorer.activations.max() - 1e-5
    np.testing.assert_allclose(code_of(explorer), explorer.activations, atol=1e-6)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_network_whose_numbers_are_not_finite_is_said_to_be_so(broken):
    model = lenet()
    with torch.no_grad():
        model.conv2.bias[3] = broken
    explorer = FeatureMapExplorer(model, noise(), layer="conv1")
    assert explorer.error is None
    explorer.layer = "conv2"
    assert explorer.error == "conv2 has activations of NaN or infinity; train the network at a lower learning rate"
    assert repr(explorer).endswith("→ not finite)")
    assert "Without finite numbers no image is the strongest." in said(parse(explorer))
    assert explorer.static()
    check_labels(parse(explorer))


# ---- images of one's own ---------------------------------------------------------------------------------------------


def code_of(explorer: FeatureMapExplorer) -> np.ndarray:
    names = {"model": explorer.network, "images": explorer.images}
    exec(explorer.code(), names)
    return names["activations"].numpy()


def batch(shape: tuple[int, ...], kind: str) -> object:
    random = np.random.default_rng(0)
    if kind == "bytes":
        return torch.from_numpy(random.integers(0, 256, shape, dtype=np.uint8))
    if kind == "array":
        return random.random(shape)  # float64
    return torch.from_numpy(random.normal(size=shape).astype(np.float32))


@pytest.mark.parametrize("kind", ["bytes", "array", "normal"])
@pytest.mark.parametrize("shape", [(5, 9, 12), (5, 1, 9, 12), (5, 3, 12, 9), (5, 2, 9, 9)])
def test_any_tensor_of_images_will_do(shape, kind):
    torch.manual_seed(0)
    images, channels = batch(shape, kind), shape[1] if len(shape) == 4 else 1
    net = nn.Sequential(nn.Conv2d(channels, 3, 3), nn.Flatten(), nn.LazyLinear(4)).eval()
    explorer = FeatureMapExplorer(net, images, image=2, channel=1)
    X = torch.as_tensor(images).reshape(5, channels, *shape[-2:]).float() / (255 if kind == "bytes" else 1)
    with torch.no_grad():
        maps, shares = net[0](X), net(X).softmax(1)
    np.testing.assert_allclose(explorer.activations, maps[2, 1].numpy(), atol=1e-5)
    np.testing.assert_allclose(code_of(explorer), explorer.activations, atol=1e-5)
    assert list(explorer.scores) == ["class 0", "class 1", "class 2", "class 3"]
    assert list(explorer.scores.values()) == pytest.approx(shares[2].tolist(), abs=1e-5)
    index, value, place = explorer.best(1)[0]
    assert value == pytest.approx(maps[:, 1].max().item(), abs=1e-5)
    assert maps[index, 1][place].item() == pytest.approx(value, abs=1e-5)
    assert explorer.answer is None
    seen = np.asarray(pictures(parse(explorer))[0])
    assert seen.shape == (*shape[-2:], 3)[: 3 if channels == 3 else 2]
    if kind == "bytes" and channels in (1, 3):
        pixels = X[2].permute(1, 2, 0).numpy() * 255
        np.testing.assert_array_equal(seen, np.rint(pixels).reshape(seen.shape))
    check_labels(parse(explorer))


def test_labels_and_names_of_classes():
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 36, 3))
    images, names = batch((6, 3, 8, 8), "bytes"), ["cat", "dog", "owl"]
    for labels in ([0, 1, 2, 0, 1, 2], torch.arange(6) % 3, np.arange(6) % 3):
        explorer = FeatureMapExplorer(net, images, image=5, labels=labels, classes=names)
        assert (explorer.answer, list(explorer.scores)) == ("owl", names)
        assert "right answer: owl" in said(parse(explorer))
        assert [e.text for e in parse(explorer).iter(f"{SVG}text") if e.text.startswith("✓")] == ["✓ owl"]
    plain = FeatureMapExplorer(net, images, labels=[2, 1, 0, 2, 1, 0])
    assert (plain.answer, list(plain.scores)) == ("class 2", ["class 0", "class 1", "class 2"])
    assert "right answer: not known" in said(parse(FeatureMapExplorer(net, images)))
    assert FeatureMapExplorer(net, images).error is None
    assert "6 is not there; the batch has images 0 to 5" in FeatureMapExplorer(net, images, image=6).error


@pytest.mark.parametrize(
    ("images", "more", "error", "expected"),
    [
        (lambda: [1, 2], {}, TypeError, "images of type list are no tensor or array; give a tensor or array of images"),
        (lambda: np.array([[["a"]]]), {}, TypeError, "images of dtype <U1 cannot be a tensor"),
        (lambda: torch.zeros(8, 8), {}, ValueError, "images of shape (8, 8) cannot be shown; give a tensor or array"),
        (lambda: torch.zeros(0, 1, 8, 8), {}, ValueError, "images of shape (0, 1, 8, 8) cannot be shown"),
        (
            lambda: torch.zeros(2, 1, 8, 8).long(),
            {},
            ValueError,
            "images of torch.int64 are neither bytes nor floats; convert them with .float() or .byte()",
        ),
        (
            lambda: torch.zeros(2, 1, 8, 8),
            {"labels": [1]},
            ValueError,
            "1 labels do not go with 2 images; give one label per image",
        ),
        (
            lambda: torch.zeros(2, 1, 8, 8),
            {"classes": ["a", "b", "a"]},
            ValueError,
            "classes has 'a' more than once; give each class a name of its own",
        ),
        (
            noise,
            {"labels": [1] * 12},
            ValueError,
            "a split of the course's data has labels and classes of its own; leave labels and classes out",
        ),
    ],
)
def test_images_that_cannot_be_shown_are_refused(images, more, error, expected):
    with pytest.raises(error, match="^" + re.escape(expected)):
        FeatureMapExplorer(nn.Conv2d(1, 1, 3), images(), **more)


def test_all_three_splits_at_once_are_refused():
    data = FashionMNIST(noise(), noise(), noise(), "drawn")
    with pytest.raises(
        TypeError, match=r"^images of type FashionMNIST are no tensor or array; give .* such as data.valid$"
    ):
        FeatureMapExplorer(lenet(), data)


def test_a_batch_takes_no_picture_of_ones_own():
    explorer = FeatureMapExplorer(nn.Sequential(nn.Conv2d(1, 1, 3)), torch.rand(2, 1, 8, 8))
    assert explorer.file.disabled
    explorer.upload(file_of(garment(235, 5)), "a.png")
    assert (explorer.photo, explorer.says.value) == (None, explorer.refused)
    assert explorer.refused == "a.png cannot be made ready as the batch was; put it into the tensor of images instead"


def test_the_strongest_images_are_looked_for_without_augmentation():
    images, model = noise(6).with_augment("flip", "crop"), lenet()
    explorer = FeatureMapExplorer(model, images, layer="conv1")
    index, value, place = explorer.best(1)[0]
    explorer.image = index
    assert explorer.activations[place] == pytest.approx(value)
    np.testing.assert_allclose(code_of(explorer), explorer.activations, atol=1e-6)


@pytest.mark.parametrize("augment", [(), ("flip", "crop")])
def test_the_code_of_a_picture_of_ones_own_reads_its_file(tmp_path, monkeypatch, augment):
    monkeypatch.chdir(tmp_path)
    content = file_of(garment(235, 5))
    (tmp_path / "my shirt.png").write_bytes(content)
    explorer = FeatureMapExplorer(lenet(), noise().with_augment(*augment), channel=2)
    explorer.upload(content, "my shirt.png")
    np.testing.assert_allclose(code_of(explorer), explorer.activations, atol=1e-6)


# ---- one's own picture -----------------------------------------------------------------------------------------------


def file_of(pixels: np.ndarray, form: str = "PNG", mode: str | None = None) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels, mode).save(content, form)
    return content.getvalue()


def garment(bright: int, dark: int, height: int = 56, width: int = 56) -> np.ndarray:
    pixels = np.full((height, width), dark, np.uint8)
    pixels[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = bright
    return pixels


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("turned", [False, True])
def test_an_own_picture_is_bright_on_black_whichever_way_it_came(form, turned):
    pixels = garment(20, 250) if turned else garment(235, 5)
    photo = read_photo(file_of(pixels, form), "shirt")
    expected = np.where(garment(1, 0, 28, 28) == 1, 235, 5)
    assert abs(photo.array.astype(int) - expected).max() <= (0 if form == "PNG" else 16)


def test_colour_transparency_and_a_long_side():
    clear = np.zeros((40, 20, 4), np.uint8)
    clear[10:30, 5:15] = (0, 0, 0, 255)  # a black garment on nothing: nothing counts as white
    photo = read_photo(file_of(clear), "vest.png").array
    assert photo[14, 14] == 255
    assert photo[14, 0] == photo[0, 14] == 0
    assert photo.shape == (28, 28)


def test_an_own_picture_goes_the_way_of_the_data():
    """The bytes of an image of the data, given as a file, lead to the same maps and scores."""
    model, images = lenet(), blobs(12, 0)
    explorer = FeatureMapExplorer(model, images, image=3)
    expected, scores = explorer.activations.copy(), dict(explorer.scores)
    pixels = images.images[3, 0].numpy().copy()
    explorer.image = 0
    explorer.photo = Photo("copy.png", pixels.tobytes())
    np.testing.assert_allclose(explorer.activations, expected, atol=1e-6)
    assert explorer.scores == pytest.approx(scores)
    assert explorer.answer is None
    assert "right answer: not known" in said(parse(explorer))
    assert repr(explorer).startswith("FeatureMapExplorer(copy.png, conv1")
    explorer.remedies.buttons[0].click()
    assert (explorer.photo, explorer.answer) == (None, CLASSES[0])


def test_the_upload_control_and_a_move_back_to_the_data():
    explorer = FeatureMapExplorer(lenet(), noise())
    content = file_of(garment(235, 5))
    given = {"name": "a.png", "type": "image/png", "size": len(content), "content": content}
    explorer.file.set_trait("value", (given | {"last_modified": datetime(2020, 1, 1, tzinfo=UTC)},))
    assert explorer.photo.name == "a.png"
    assert explorer.file.value == ()
    explorer.sliders["image"].value = 2
    assert explorer.photo is None


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (b"not a picture", "notes.txt", "notes.txt cannot be read as a png or jpg picture; choose another file"),
        (file_of(garment(9, 1))[:80], "half.png", "half.png cannot be read as a png or jpg picture"),
        (file_of(garment(9, 1), "GIF"), "a.gif", "a.gif cannot be read as a png or jpg picture"),
        (b"", "empty.png", "empty.png cannot be read as a png or jpg picture"),
    ],
)
def test_a_bad_file_gets_one_sentence_and_changes_nothing(content, name, expected):
    explorer = FeatureMapExplorer(lenet(), noise())
    before = explorer.view.picture
    explorer.upload(content, name)
    assert explorer.refused.startswith(expected)
    assert explorer.says.value == explorer.refused
    assert explorer.view.picture is before
    explorer.upload(file_of(garment(235, 5)), "good.png")
    assert (explorer.refused, explorer.says.value) == ("", "")
    with pytest.raises(PhotoError, match="^" + re.escape(expected)):
        read_photo(content, name)


def test_a_picture_too_large_or_of_a_wrong_shape_is_refused(monkeypatch):
    monkeypatch.setattr("cnnlab.explore.features.photo.MOST_PIXELS", 100)
    with pytest.raises(PhotoError, match=re.escape("big.png has 56 × 56 pixels, more than 100; make it smaller")):
        read_photo(file_of(garment(9, 1)), "big.png")
    with pytest.raises(PhotoError, match=re.escape("x has 3 pixels; give 28 × 28 = 784")):
        Photo("x", b"abc")


# ---- the picture -----------------------------------------------------------------------------------------------------


def pictures(root: ET.Element) -> list[Image.Image]:
    found = root.iter(f"{SVG}image")
    return [Image.open(io.BytesIO(b64decode(e.get("href").split(",")[1]))) for e in found]


def test_pngs_are_what_pillow_reads():
    grey = bytes(range(12))
    assert np.asarray(Image.open(io.BytesIO(png.grey_png(grey, 4)))).tobytes() == grey
    levels = png.signed_levels([0, 1, -1, 0.001], 1)
    read = Image.open(io.BytesIO(png.signed_png(levels, 2))).convert("RGBA")
    colours = [tuple(bytes.fromhex(colour[1:])) for colour in (png.ABOVE, png.BELOW)]
    assert read.getpixel((0, 0))[3] == 0  # zero is clear
    assert read.getpixel((1, 0)) == (*colours[0], 255)
    assert read.getpixel((0, 1)) == (*colours[1], 255)
    assert 0 < read.getpixel((1, 1))[3] < 20


def test_the_drawn_maps_are_the_activations():
    explorer = FeatureMapExplorer(lenet(), noise(), layer="conv1", channel=2)
    input_, large, *strip = pictures(parse(explorer))
    assert np.asarray(input_).tobytes() == explorer.images.images[0].numpy().tobytes()
    maps = explorer.seen.maps["conv1"]
    reach = abs(maps).max()
    for drawn, expected in zip([large, *strip[:6]], [maps[2], *maps], strict=True):
        levels = np.asarray(drawn).astype(int) - png.STEPS
        exact = expected / reach * png.STEPS
        exact = np.where(abs(exact) < 1, np.sign(exact) * np.maximum(abs(exact), 0.5), exact)  # a trace of colour
        np.testing.assert_allclose(levels, exact, atol=0.51)


def test_zero_stands_at_its_place_of_the_legend():
    explorer = FeatureMapExplorer(lenet(), noise(), layer="conv1")
    assert "−" in said(parse(explorer))
    explorer.layer = "act1"
    texts = [e.text for e in parse(explorer).iter(f"{SVG}text")]
    place = texts.index("0")
    assert texts[place + 2] == "activation"  # 0 and the largest value, nothing below


def test_a_dead_channel_is_said_to_be_dead():
    model = lenet()
    with torch.no_grad():
        model.conv1.weight[1], model.conv1.bias[1] = 0, -1
    root = parse(FeatureMapExplorer(model, noise(), layer="act1", channel=1))
    assert "None of them moves this channel above 0: it is dead for these images." in said(root)
    assert not [e for e in root.iter() if e.get("class") == "peak"]


def test_the_right_answer_is_marked():
    root = parse(FeatureMapExplorer(lenet(), noise(), image=7))
    ticked = [e.text for e in root.iter(f"{SVG}text") if e.text.startswith("✓")]
    assert ticked == [f"✓ {CLASSES[7]}"]
    net = nn.Sequential(nn.Conv2d(1, 3, 3))
    assert "This network does not end in one score a class." in said(parse(FeatureMapExplorer(net, noise())))


@pytest.mark.parametrize("still", [False, True])
@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("lenet", {}),
        ("lenet", {"layer": "act2", "channel": 3}),
        ("lenet", {"layer": "pool2", "channel": 99}),
        ("resnet18", {"layer": "conv3_x.0.branch.conv2"}),
        ("resnet18", {"layer": "conv4_x.1", "channel": 30}),
        ("wide", {"layer": "1", "channel": 200}),
    ],
)
def test_no_label_overlaps_another_or_leaves_the_picture(name, setting, still):
    torch.manual_seed(0)
    wide = nn.Sequential(nn.Conv2d(1, 60, 5), nn.Conv2d(60, 512, 1, stride=12), nn.Flatten(), nn.Linear(2048, 10))
    explorer = FeatureMapExplorer(wide if name == "wide" else NETS[name](), noise(), **setting)
    root = ET.fromstring(str(explorer.static())) if still else parse(explorer)
    check_labels(root)
    sizes = {float(e.get("font-size")) for e in root.iter(f"{SVG}text")}
    assert min(sizes) >= 11
    if still:
        css = root.findtext(f"{SVG}style")
        used = {e.get("fill") for e in root.iter() if e.get("fill")} - {"none", "transparent", png.ABOVE, png.BELOW}
        assert all(f'[fill="{colour}"]' in css for colour in used)
        assert svg.colour("paper") in used
