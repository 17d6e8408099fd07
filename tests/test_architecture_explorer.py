"""The ArchitectureExplorer without a browser: its rows are torch's own shapes, its changes a really rebuilt network."""

import xml.etree.ElementTree as ET

import pytest
import torch
import torchvision
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cnnlab import models
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


@pytest.mark.parametrize("name", ["resnet18", "vgg11", "densenet121"])
def test_a_module_of_others_is_left_as_it_was(name):
    model = getattr(torchvision.models, name)(weights=None)
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
    with pytest.raises(ValueError, match=r"width=0\.5 is for models of the course that have one, and Linear has none"):
        ArchitectureExplorer(nn.Linear(4, 4), 28, width=0.5)
