"""The ArchitectureExplorer without a browser: its rows are torch's own shapes, its changes a really rebuilt network."""

import re
import xml.etree.ElementTree as ET

import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from cnnlab import models
from cnnlab.compat import load_torchvision
from cnnlab.draw.network import SEES_ALL
from cnnlab.explore import ArchitectureExplorer
from tests.pictures import SVG, check_labels

SIZES = {"alexnet": 224, "vgg11": 64, "vgg13": 64, "vgg16": 64, "vgg19": 64, "nin": 224}


def real_shapes(model: nn.Module, size: int, channels: int = 1) -> list[tuple[str, tuple[int, ...]]]:
    """Every leaf layer's output shape, as torch itself computes it (on the meta device, where numbers cost nothing)."""
    found = []
    model = model.to("meta").eval()
    for name, module in model.named_modules():
        if name and not any(module.children()):
            module.register_forward_hook(lambda m, x, y, name=name: found.append((name, tuple(y.shape))))
    model(torch.empty(1, channels, size, size, device="meta"))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", models.MODELS)
def test_every_model_of_the_course_has_the_shapes_and_parameters_of_torch(name):
    size = SIZES.get(name, 96 if name not in ("lenet", "lenet_max", "bn_lenet", "fast") else 28)
    explorer, model = ArchitectureExplorer(name, size), models.build(name, image_size=size)
    leaves = [(row.name, row.out_shape) for row in explorer.rows]
    shapes = real_shapes(model, size)
    assert [leaf for leaf in leaves if leaf in shapes] == shapes
    assert explorer.params == sum(p.numel() for p in model.parameters())
    assert explorer.out_shape == (1, 10)
    assert explorer.error is None
    assert explorer.failed is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "vgg11", "densenet121"])
def test_a_module_of_others_is_left_as_it_was(name):
    model = getattr(load_torchvision().models, name)(weights=None)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    explorer = ArchitectureExplorer(model, 224)
    explorer.changes = {next(n for n, m in model.named_modules() if isinstance(m, nn.Conv2d)): {"stride": 1}}
    explorer.size = 64
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert explorer.in_channels == 3
    explorer.changes, explorer.size = {}, 224
    assert explorer.out_shape == (1, 1000)
    assert explorer.params == sum(p.numel() for p in model.parameters())


@settings(max_examples=15, deadline=None)
@given(kernel=st.integers(1, 5), stride=st.integers(1, 3), padding=st.integers(0, 2), size=st.integers(16, 40))
def test_a_change_gives_what_a_rebuilt_network_gives(kernel, stride, padding, size):
    explorer = ArchitectureExplorer(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3)), size)
    explorer.changes = {"0": {"kernel_size": kernel, "stride": stride, "padding": padding}}
    rebuilt = nn.Sequential(nn.Conv2d(1, 4, kernel, stride, padding), nn.ReLU(), nn.Conv2d(4, 6, 3))
    try:
        wanted = real_shapes(rebuilt, size)
    except RuntimeError:
        assert explorer.error
        return
    assert [(row.name, row.out_shape) for row in explorer.rows] == wanted
    assert explorer.params == sum(p.numel() for p in rebuilt.parameters())


def test_channels_of_one_layer_make_the_next_refuse_and_its_remedy_mends_it():
    explorer = ArchitectureExplorer("lenet", 28)
    explorer.changes = {"conv1": {"out_channels": 8}}
    assert explorer.failed == "conv2"
    assert explorer.error == (
        "conv2 (Conv2d) cannot take 1×8×14×14: 8 channels do not fit a convolution for 6; give it in_channels=8"
    )
    states = [line.state for line in explorer.lines]
    assert states == ["ok"] * 3 + ["failed"] + ["after"] * 8
    assert explorer.out_shape is None
    changes, label = explorer.remedies.changes[0]
    assert label == "conv2: in_channels = 8"
    explorer._apply(changes)
    assert explorer.error is None
    assert explorer.params == 61_706 + 2 * (25 + 1) + 2 * 16 * 25  # two kernels more, and 16 with two channels more


def test_another_size_fails_at_the_dense_layer_and_can_be_built_for():
    explorer = ArchitectureExplorer("alexnet", 224)
    explorer.size = 160
    assert explorer.failed == "fc6"
    labels = [label for _, label in explorer.remedies.changes]
    assert "build it for 160 px" in labels
    explorer.build_for(160)
    assert explorer.error is None
    assert explorer.out_shape == (1, 10)


@pytest.mark.slow
def test_every_button_works():
    broken = [
        ("lenet", 28, {"conv1": {"out_channels": 8}}),
        ("lenet", 28, {"conv2": {"kernel_size": 11}}),
        ("resnet18", 96, {"conv1": {"out_channels": 32}}),
        ("resnet18", 96, {"conv3_x.0.branch.conv1": {"stride": 1}}),
        ("bn_lenet", 28, {"conv1": {"out_channels": 9}}),
        ("vgg11", 64, {"block2.conv1": {"out_channels": 100}}),
    ]
    for name, size, changes in broken:
        offers = ArchitectureExplorer(name, size, changes=changes).remedies.changes
        assert offers, name
        for change, label in offers:
            mended = ArchitectureExplorer(name, size, changes=changes)
            mended._apply(change)
            assert mended.error is None, (name, label)


def test_an_image_too_small_is_offered_the_next_size_that_works():
    explorer = ArchitectureExplorer(models.build("nin"), 32)
    assert explorer.failed
    sizes = [change["size"] for change, _ in explorer.remedies.changes if "size" in change]
    explorer.size = sizes[0]
    assert explorer.error is None


def test_a_missing_shortcut_is_explained():
    explorer = ArchitectureExplorer("resnet18", 96)
    first = next(name for name in explorer.layers if name.startswith("conv2_x.0") and "conv1" in name)
    explorer.changes = {first: {"stride": 2}}
    assert "only maps of one shape can be added" in explorer.error


def test_repeated_blocks_are_one_line_until_they_are_opened():
    explorer = ArchitectureExplorer("resnet34", 96)
    folded = [line for line in explorer.lines if line.times > 1]
    assert [line.times for line in folded][:1]
    whole = explorer.params
    for _ in range(3):
        line = next((line for line in explorer.lines if line.fold == "folded"), None)
        explorer.fold(line.key)
        assert sum(line.params for line in explorer.lines if line.counted) == whole
    opened = next(line for line in explorer.lines if line.fold == "open")
    count = len(explorer.lines)
    explorer.fold(opened.key)
    assert len(explorer.lines) < count


@pytest.mark.parametrize(
    ("name", "size", "join"), [("resnet18", 96, "add"), ("googlenet", 96, "cat"), ("densenet", 96, "cat")]
)
def test_blocks_that_add_or_join_are_drawn_so(name, size, join):
    explorer = ArchitectureExplorer(name, size)
    assert {line.join for line in explorer.lines} == {"", join}
    root = ET.fromstring(str(explorer.static()))
    assert root.findall(f".//{SVG}path[@data-join='{join}']")


def test_layers_that_see_the_whole_image_are_marked():
    explorer = ArchitectureExplorer("lenet", 28)
    marked = [line.name for line in explorer.lines if line.sees_all]
    assert marked[0] == "fc1"  # 5×5 after 2×2, 5×5 after 2×2: 16 px; the first dense layer sees everything
    assert SEES_ALL in str(explorer.static())
    explorer.size = 16
    assert "pool2" in [line.name for line in explorer.lines if line.sees_all]


def test_the_bars_add_up_and_labels_stay_inside():
    for name, size in (("lenet", 28), ("resnet18", 96), ("googlenet", 96)):
        explorer = ArchitectureExplorer(name, size)
        root = ET.fromstring(str(explorer.static()))
        bars = [bar for bar in root.iter(f"{SVG}rect") if bar.get("data-bar") == "parameters"]
        assert sum(int(bar.get("data-value")) for bar in bars) == explorer.params
        check_labels(root)


def test_the_width_is_a_factor_of_the_channels():
    explorer = ArchitectureExplorer("vgg11", 64)
    explorer.width = 0.25
    assert explorer.params == sum(p.numel() for p in models.build("vgg11", image_size=64, width=0.25).parameters())
    assert [option[0] for option in explorer.width_choice.options] == ["1/8", "1/4", "1/2", "1", "2"]


def test_sizes_and_widths_beyond_the_controls_are_kept():
    explorer = ArchitectureExplorer("nin", 224)
    explorer.size, explorer.width = 299, 0.375
    assert (explorer.size, explorer.size_slider.value) == (299, 299)
    assert (explorer.width, explorer.width_choice.value) == (0.375, 0.375)


def test_controls_and_traits_are_one():
    explorer = ArchitectureExplorer("lenet", 28)
    explorer.layer = "conv1"
    explorer.form.controls["padding"].value = 0
    assert explorer.changes == {"conv1": {"padding": 0}}
    assert explorer.failed == "fc1"
    assert explorer.form.controls["out_features"].layout.display == "none"
    explorer.form.controls["padding"].value = 2  # as it was: no change any more
    assert explorer.changes == {}
    explorer.view.pressed = {"path": "pool1", "key": "pool1", "count": 1}
    assert explorer.layer == "pool1"
    assert explorer.form.controls["kernel_size"].value == 2
    explorer.reset.click()
    assert "LeNet" in repr(ArchitectureExplorer(models.build("lenet"), 28))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"conv9": {"stride": 1}}, r"layer 'conv9' cannot be changed; choose one of the 7 in `layers`: conv1, pool1"),
        ({"conv1": {"stride": 0}}, r"stride=0 of conv1 will not do; give .*, a whole number of at least 1"),
        ({"conv1": {"out_features": 3}}, "out_features=3 of conv1 will not do; give kernel_size or"),
        ("conv1", "changes='conv1' will not do; give a dict of layers"),
    ],
)
def test_changes_that_cannot_be_are_refused(changes, sentence):
    explorer = ArchitectureExplorer("lenet", 28)
    with pytest.raises(traitlets.TraitError, match=sentence):
        explorer.changes = changes


def test_a_model_or_width_that_is_unknown_is_refused():
    with pytest.raises(ValueError, match=r"model 'lenet9' is not one of lenet, .*; or pass an nn.Module"):
        ArchitectureExplorer("lenet9")
    with pytest.raises(
        traitlets.TraitError, match=r"width=0\.5 is for models of the course that have one, and Linear has none"
    ):
        ArchitectureExplorer(nn.Linear(4, 4), 28, width=0.5)


# ---- whatever is dragged or assigned ---------------------------------------------------------------------------------


def check_whole(explorer: ArchitectureExplorer, most: int = 4) -> None:
    """The picture, the text and the code are there; where there is a reason there are buttons, and they work."""
    check_labels(ET.fromstring(str(explorer.static())))
    assert repr(explorer).startswith("ArchitectureExplorer(")
    compile(explorer.code(), "code", "exec")
    offers = list(explorer.remedies.changes)
    assert bool(offers) == bool(explorer.error)
    before = {"size": explorer.size, "built": explorer.built}, {"changes": explorer.changes}
    for change, label in offers[:most]:
        explorer._apply(change)
        assert explorer.error is None, label
        for state in before:
            explorer._apply(state)


@pytest.mark.slow
@pytest.mark.parametrize("name", models.MODELS)
def test_the_size_slider_of_every_model_can_be_dragged_anywhere(name):
    explorer = ArchitectureExplorer(name, SIZES.get(name, 96))
    deep = len(explorer.rows) > 150
    for size in (8,) if deep else (8, 30, 61):
        explorer.size_slider.value = size
        assert explorer.size == size
        check_whole(explorer, 1 if deep else 4)


def test_a_model_is_shown_below_the_least_size_it_can_be_built_for():
    explorer = ArchitectureExplorer("lenet", 8)
    assert (explorer.built, explorer.failed) == (28, "conv2")
    check_whole(explorer)
    assert ArchitectureExplorer("nin").size == 224  # without a size: one that there is


@pytest.mark.parametrize("width", [float("nan"), float("inf"), float("-inf"), 0, -1, 1e300, "wide", True])
def test_a_width_that_no_network_has_is_refused_and_the_old_one_stays(width):
    explorer = ArchitectureExplorer("vgg11", 64, width=0.25)
    with pytest.raises(traitlets.TraitError, match=r"width=.* will not do; give a factor of the channels above 0"):
        explorer.width = width
    assert explorer.width == explorer.width_choice.value == 0.25
    with pytest.raises(traitlets.TraitError, match="will not do"):
        ArchitectureExplorer("vgg11", 64, width=width)


def test_what_cannot_be_is_refused_and_the_explorer_stays_as_it_was():
    explorer = ArchitectureExplorer("lenet")
    before = repr(explorer), explorer.layer, explorer.built
    with pytest.raises(traitlets.TraitError, match="image_size 8 is too small for LeNet"):
        explorer.build_for(8)
    with pytest.raises(traitlets.TraitError, match="layer='relu9' is none that can be changed here; choose one of"):
        explorer.layer = "relu9"
    assert (repr(explorer), explorer.layer, explorer.built) == before
    with pytest.raises(ValueError, match=r"build_for\(64\) is for models of the course, and Sequential was passed"):
        ArchitectureExplorer(nn.Sequential(nn.Conv2d(1, 2, 3))).build_for(64)
    with pytest.raises(TypeError, match=r"model=5 is not a network; pass an nn\.Module"):
        ArchitectureExplorer(5)
    with pytest.raises(ValueError, match="in_channels=0 is below 1"):
        ArchitectureExplorer("lenet", in_channels=0)
    with pytest.raises(traitlets.TraitError, match="size=0 will not do"):
        ArchitectureExplorer("lenet", 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"1": {"out_channels": 6}}, r"out_channels=6 is not a multiple of groups=4; give one, or groups=2"),
        ({"2": {"stride": 2}}, r"stride=2 does not go with padding='same'; give stride=1, or the padding in pixels"),
        ({"0": {"out_channels": 10**30}}, r"no layer can be made with these settings .*; give smaller numbers"),
    ],
)
def test_a_layer_that_torch_cannot_make_is_shown_with_the_reason(changes, reason):
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, groups=4), nn.Conv2d(8, 4, 3, padding="same"), nn.Conv2d(4, 2, 1)
    )
    ((name, settings),) = changes.items()
    explorer = ArchitectureExplorer(net)
    layer = net.get_submodule(name)
    kept = {key: getattr(layer, key) for key in ("in_channels", "kernel_size", "groups", "padding")}
    with pytest.raises((ValueError, RuntimeError, TypeError)):
        nn.Conv2d(**{"out_channels": layer.out_channels, **kept, **settings})
    explorer.changes = changes
    assert explorer.failed == name
    assert re.search(reason, explorer.error)
    assert f"# {name} cannot be changed" in explorer.code()
    check_whole(explorer)


# ---- any module ------------------------------------------------------------------------------------------------------


class UNet(nn.Module):
    """The decoder is registered before the encoder, which reads the input."""

    def __init__(self):
        super().__init__()
        self.up, self.decoder = nn.ConvTranspose2d(16, 8, 2, 2), nn.Conv2d(16, 2, 3, padding=1)
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)

    def forward(self, x):
        x = self.first(x).relu()
        return self.decoder(torch.cat([self.up(self.second(F.max_pool2d(x, 2))), x], 1))


class Doubled(nn.Conv2d):
    """A convolution that only its author knows how to make."""

    def __init__(self, channels):
        super().__init__(*channels, 3, padding=1)

    def forward(self, x):
        return 2 * super().forward(x)


class Listed(nn.Module):
    """Its forward takes the layers from a list and ends with a view, which is no layer."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3)
        self.order = [self.one, self.two]

    def forward(self, x):
        for layer in self.order:
            x = layer(x)
        return x.flatten(1)


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.two(self.one(x))


class Normalised(nn.Module):
    """One channel would be broadcast to the three of the mean; the first layer says what is meant."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.register_buffer("mean", torch.zeros(3, 1, 1))

    def forward(self, x):
        return self.norm(self.conv(x - self.mean)).mean((2, 3))


class Reading(nn.Module):
    """It asks for a number of the run."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        x = self.conv(x)
        return x if x.mean().item() < 9 else -x


def shared():
    layer = nn.Conv2d(8, 8, 3, padding=1)
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), layer, nn.ReLU(), layer)


def convs(**settings):
    return nn.Sequential(nn.Conv2d(1, 4, 3, **settings), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 3, **settings))


# Name: how it is made, and the shape of one input.
NETS = {
    "one layer": (lambda: nn.Conv2d(3, 8, 3), (3, 28, 28)),
    "one dense layer": (lambda: nn.Linear(12, 5), (12,)),
    "one pooling": (lambda: nn.MaxPool2d(2), (1, 28, 28)),
    "no layer to change": (lambda: nn.Sequential(nn.ReLU(), nn.Flatten()), (1, 28, 28)),
    "batch norm first": (lambda: nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)), (3, 28, 28)),
    "1d": (
        lambda: nn.Sequential(nn.Conv1d(2, 4, 5, 2), nn.BatchNorm1d(4), nn.MaxPool1d(2), nn.Conv1d(4, 3, 3)),
        (2, 28),
    ),
    "3d": (lambda: nn.Sequential(nn.Conv3d(1, 4, 3), nn.AvgPool3d(2), nn.Conv3d(4, 6, 3)), (1, 28, 28, 28)),
    "transposed": (
        lambda: nn.Sequential(nn.ConvTranspose2d(4, 8, 3, 2, 1, 1), nn.ConvTranspose2d(8, 1, 4, 2, 1)),
        (4, 28, 28),
    ),
    "vectors": (lambda: nn.Sequential(nn.Linear(20, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)), (20,)),
    "flattened": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 3)), (1, 28, 28)),
    "unshuffled": (lambda: nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4, 8, 3)), (1, 28, 28)),
    "lazy": (
        lambda: nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(5)),
        (1, 28, 28),
    ),
    "grouped": (
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 16, 3, groups=4), nn.Conv2d(16, 16, 3, groups=16)),
        (3, 28, 28),
    ),
    "groups of channels": (
        lambda: nn.Sequential(nn.Conv2d(2, 8, 3), nn.GroupNorm(2, 8), nn.Conv2d(8, 4, 3)),
        (2, 28, 28),
    ),
    "same": (lambda: convs(padding="same"), (1, 28, 28)),
    "circular": (lambda: convs(padding=1, padding_mode="circular"), (1, 28, 28)),
    "uneven": (lambda: nn.Sequential(nn.Conv2d(1, 4, (1, 7), padding=(0, 3)), nn.MaxPool2d([2, 1])), (1, 28, 28)),
    "half": (lambda: convs().half(), (1, 28, 28)),
    "bfloat16": (lambda: convs().bfloat16(), (1, 28, 28)),
    "double": (lambda: convs().double(), (1, 28, 28)),
    "shared": (shared, (1, 28, 28)),
    "a class of its own": (lambda: nn.Sequential(Doubled((1, 4)), Doubled((4, 6))), (1, 28, 28)),
    "weight norm": (lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 4, 3))), (1, 28, 28)),
    "a list": (Listed, (1, 28, 28)),
    "tied": (Tied, (2, 28, 28)),
    "normalised": (Normalised, (3, 28, 28)),
    "u-net": (UNet, (3, 28, 28)),
}


def run(explorer: ArchitectureExplorer, model: nn.Module, shape: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """What PyTorch makes of the pasted code: the output's shape, and the number of parameters."""
    names = {"model": model}
    exec(explorer.code(), names)
    dtype = next((p.dtype for p in model.parameters()), torch.float32)
    with torch.no_grad():
        out = names["model"].eval()(torch.zeros(1, *shape, dtype=dtype))
    return tuple(out.shape), sum(p.numel() for p in names["model"].parameters())


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_every_setting_of_any_network_gives_what_torch_makes_of_the_code(name):
    make, shape = NETS[name]
    explorer = ArchitectureExplorer(make())
    assert explorer._shape(28) == (1, *shape)
    assert run(explorer, make(), shape) == (explorer.out_shape, explorer.params)
    tried = [
        {layer: {setting: value + step}}
        for layer, settings in explorer.layers.items()
        for setting, value in settings.items()
        for step in (1, value)[: 1 if setting in ("dilation", "in_channels") else 2]
    ]
    assert bool(tried) == (name != "no layer to change")
    for changes in tried:
        explorer.changes = changes
        if explorer.error is None:
            assert run(explorer, make(), shape) == (explorer.out_shape, explorer.params), changes
        elif "cannot be changed" not in explorer.code():
            with pytest.raises((RuntimeError, ValueError)):
                run(explorer, make(), shape)
        check_whole(explorer)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size", "layer", "settings"),
    [
        ("mobilenet_v2", 224, "features.0.0", {"out_channels": 16}),
        ("resnext50_32x4d", 64, "layer1.0.conv1", {"out_channels": 96}),
        ("efficientnet_b0", 64, "features.1.0.block.0.0", {"kernel_size": 5, "padding": 2}),
        ("convnext_tiny", 64, "classifier.2", {"out_features": 10}),
        ("vit_b_16", 224, "heads.head", {"out_features": 10}),
    ],
)
def test_networks_of_torchvision_can_be_changed_and_dragged(name, size, layer, settings):
    make = getattr(load_torchvision().models, name)
    explorer = ArchitectureExplorer(make(weights=None), size, changes={layer: settings})
    check_whole(explorer)
    if explorer.error:
        explorer._apply(explorer.remedies.changes[0][0])
    assert explorer.in_channels == 3
    assert explorer.changes[layer].items() >= settings.items()
    assert run(explorer, make(weights=None), (3, size, size)) == (explorer.out_shape, explorer.params)
    explorer._apply({"changes": {}})
    explorer.size_slider.value = 8
    check_whole(explorer)


def test_a_change_holds_wherever_the_layer_is_used():
    explorer = ArchitectureExplorer(shared(), changes={"1": {"kernel_size": 5, "padding": 2}})
    assert explorer.params == 8 * 9 + 8 + 8 * 8 * 25 + 8
    assert [row.macs for row in explorer.rows if row.name in ("1", "3")] == [8 * 8 * 25 * 28 * 28] * 2


def test_an_uneven_layer_can_be_given_the_larger_of_its_sides():
    explorer = ArchitectureExplorer(nn.Sequential(nn.Conv2d(1, 4, (1, 7), padding=(0, 3))))
    explorer.changes = {"0": {"kernel_size": 7, "padding": 3}}
    assert (explorer.params, explorer.out_shape) == (4 * 49 + 4, (1, 4, 28, 28))
    explorer.changes = {"0": {"kernel_size": torch.tensor(7), "padding": 3}}
    assert explorer.changes == {"0": {"kernel_size": 7, "padding": 3}}


def test_a_depthwise_convolution_stays_one_when_it_follows():
    explorer = ArchitectureExplorer(nn.Sequential(nn.Conv2d(1, 8, 3), nn.Conv2d(8, 16, 3, groups=8)))
    explorer.changes = {"0": {"out_channels": 6}}
    explorer._apply(explorer.remedies.changes[0][0])
    assert explorer.changes["1"] == {"in_channels": 6, "out_channels": 12, "groups": 6}
    assert explorer.out_shape == (1, 12, 24, 24)


def test_the_size_that_a_dense_layer_was_made_for_is_offered():
    net = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.Flatten(), nn.Linear(4 * 24 * 24, 10))
    assert ({"size": 48}, "size = 48") in ArchitectureExplorer(net).remedies.changes


def test_lines_without_controls_can_be_pressed():
    explorer = ArchitectureExplorer("bn_lenet")
    layer = explorer.layer
    for number, line in enumerate(explorer.lines):
        explorer.view.pressed = {"path": line.path, "key": line.key, "count": number}
        layer = line.path if line.path in explorer.choices else layer
        assert explorer.layer == layer
    assert any("bn" in line.path for line in explorer.lines)


def test_a_model_by_name_takes_as_many_channels_as_asked_and_says_so_in_its_code():
    explorer = ArchitectureExplorer("vgg11", 64, in_channels=3, width=1 / 3)
    names: dict = {}
    exec(explorer.code(), names)
    assert explorer.params == sum(p.numel() for p in names["model"].parameters())
    assert explorer.in_channels == names["model"].block1.conv1.in_channels == 3


def test_a_forward_that_reads_numbers_is_followed_too():
    explorer = ArchitectureExplorer(Reading(), changes={"conv": {"out_channels": 6}})
    assert (explorer.error, explorer.out_shape) == (None, (1, 6, 26, 26))
    assert run(explorer, Reading(), (3, 28, 28)) == (explorer.out_shape, explorer.params)


def test_what_is_no_network_for_images_is_shown_with_the_reason():
    for model in (nn.LSTM(28, 4), nn.Embedding(10, 4), nn.Bilinear(4, 4, 2)):
        explorer = ArchitectureExplorer(model)
        assert explorer.error
        assert "→ no output, stopped at" in repr(explorer)
        check_labels(ET.fromstring(str(explorer.static())))
