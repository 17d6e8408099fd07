"""GoogLeNet against the paper's table 1, the published counts and torchvision."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn

from cnnlab import models
from cnnlab.compat import load_torchvision
from cnnlab.models.googlenet import TORCHVISION
from cnnlab.models.weights import copy_weights
from cnnlab.trace import trace

BLOCKS = ["plain", "factorised", "asymmetric", "residual"]
# Channels of 3a to 5b side by side, and the paper's side of the maps they read.
SUMS = [256, 480, 512, 512, 512, 528, 832, 832, 1024]
SIDES = [28, 28, 14, 14, 14, 14, 14, 7, 7]


def on_meta(**settings):
    with torch.device("meta"):
        return models.build("googlenet", **settings)


def inceptions(model):
    return [layer for layer in model.modules() if isinstance(layer, models.Inception)]


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(("size", "macs"), [(96, 276_066_304), (224, 1_502_982_144)])
def test_counts_as_the_notes_build_it(size, macs):
    traced = trace(on_meta(), (1, 1, size, size))
    assert (traced.params, traced.macs) == (5_977_530, macs)


def test_sides_and_channels_as_the_notes_build_it():
    model, X, shapes = on_meta(), torch.empty(2, 1, 96, 96, device="meta"), []
    for layer in model:
        X = layer(X)
        shapes.append(tuple(X.shape[1:]))
    assert shapes[:5] == [(64, 24, 24), (192, 12, 12), (480, 6, 6), (832, 3, 3), (1024, 1, 1)]
    assert shapes[5:] == [(1024,), (1024,), (10,)]
    assert [block.out_channels for block in inceptions(model)] == SUMS


def test_operations_of_each_block_as_in_table_1():
    """In millions. 5a is printed as 54 and its own row of channels gives 51, so it is left out."""
    printed = [128, 304, 73, 88, 100, 119, 170, None, 71]
    for block, c_in, side, millions in zip(inceptions(on_meta()), [192, *SUMS], SIDES, printed, strict=False):
        if millions:
            assert trace(block, (1, c_in, side, side)).macs / 1e6 == pytest.approx(millions, abs=1)


def test_the_third_branch_of_the_first_block_reduces_to_a_twelfth():
    reduce, conv = (unit.conv for unit in inceptions(on_meta())[0].branch3)
    assert (reduce.in_channels, reduce.out_channels, conv.out_channels) == (192, 16, 32)
    assert conv.kernel_size == (5, 5)


def test_batch_norm_trades_each_bias_for_a_scale_and_a_shift():
    plain, v2 = on_meta(), on_meta(batch_norm=True)
    convolved = sum(layer.out_channels for layer in plain.modules() if isinstance(layer, nn.Conv2d))
    assert count(v2) == 5_977_530 - convolved + 2 * convolved
    norms = [layer for layer in v2.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(norms) == 3 + 9 * 6
    assert {norm.eps for norm in norms} == {1e-5}


# ---- torchvision -----------------------------------------------------------------------------------------------------


def theirs(**settings):
    settings = {"init_weights": False, "aux_logits": False, "transform_input": False, **settings}
    return load_torchvision().models.googlenet(weights=None, **settings)


def with_statistics_of_some_data(model, size):
    """Running means and variances that a forgotten or swapped batch norm would betray."""
    torch.manual_seed(0)
    with torch.no_grad():
        model.train()(torch.randn(4, 3, size, size))
    return model.eval()


@pytest.mark.slow
@pytest.mark.parametrize("size", [63, 64])
def test_same_outputs_as_torchvision(size):
    torch.manual_seed(1)
    source = with_statistics_of_some_data(theirs(num_classes=7), size)
    target = copy_weights(source, models.GoogLeNet(3, 7, size, **TORCHVISION)).eval()
    X = torch.randn(2, 3, size, size)
    with torch.no_grad():
        torch.testing.assert_close(target(X), source(X))
        # The padded pools have the same sizes at 64 and other windows, so only the settings make them agree.
        other = copy_weights(source, models.GoogLeNet(3, 7, size, **{**TORCHVISION, "pools": "padded"})).eval()
        assert not torch.allclose(other(X), source(X))


def test_counts_torchvision_publishes():
    meta = load_torchvision().models.GoogLeNet_Weights.IMAGENET1K_V1.meta
    traced = trace(on_meta(in_channels=3, num_classes=1000, image_size=224, **TORCHVISION), (1, 3, 224, 224))
    assert traced.params == meta["num_params"]
    assert round(traced.macs / 1e9, 3) == meta["_ops"]


# ---- the later forms of the block ------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("block", BLOCKS)
def test_channels_out_of_a_block(block, batch_norm):
    block_ = models.Inception(6, c1=4, c3=(2, 5), c5=(3, 7), c_pool=1, batch_norm=batch_norm, block=block)
    channels = 6 if block == "residual" else 4 + 5 + 7 + 1
    assert block_.out_channels == channels
    assert block_(torch.randn(2, 6, 9, 8)).shape == (2, channels, 9, 8)


@pytest.mark.parametrize("third_kernel", [3, 5, 7])
@pytest.mark.parametrize("block", BLOCKS)
def test_the_third_branch_sees_as_much_in_every_form(block, third_kernel):
    branch = models.Inception(1, c5=(4, 4), block=block, third_kernel=third_kernel).branch3
    for p in branch.parameters():
        nn.init.constant_(p, 1.0)  # positive throughout, so that no ReLU hides a pixel
    X = torch.ones(1, 1, 11, 11, requires_grad=True)
    branch(X)[0, :, 5, 5].sum().backward()
    seen = X.grad[0, 0].nonzero()
    margin = third_kernel // 2
    assert seen.min(dim=0).values.tolist() == [5 - margin] * 2
    assert seen.max(dim=0).values.tolist() == [5 + margin] * 2
    assert len(seen) == third_kernel**2


@pytest.mark.parametrize(
    ("block", "weights"),
    [
        ("plain", 25 * 16 * 32),
        ("factorised", 9 * 16 * 16 + 9 * 16 * 32),
        ("asymmetric", 5 * 16 * 16 + 5 * 16 * 32),
        ("residual", 25 * 16 * 32),
    ],
)
def test_what_the_third_branch_costs_after_its_reduction(block, weights):
    _, *units = models.Inception(192, batch_norm=True, block=block).branch3
    assert sum(unit.conv.weight.numel() for unit in units) == weights


def test_kernels_of_both_factorised_forms():
    def kernels(branch):
        return [unit.conv.kernel_size for unit in branch]

    v3 = models.Inception(8, block="factorised")
    assert (kernels(v3.branch2), kernels(v3.branch3)) == ([(1, 1), (3, 3)], [(1, 1), (3, 3), (3, 3)])
    lines = models.Inception(8, block="asymmetric", third_kernel=7)
    assert (kernels(lines.branch2), kernels(lines.branch3)) == (
        [(1, 1), (1, 3), (3, 1)],
        [(1, 1), (1, 7), (7, 1)],
    )


def test_a_residual_block_adds_what_a_1x1_makes_of_the_branches():
    torch.manual_seed(0)
    block = models.Inception(6, block="residual")
    plain = models.Inception(6)
    plain.load_state_dict({name: value for name, value in block.state_dict().items() if "expand" not in name})
    X = torch.randn(2, 6, 5, 5)
    mixed = torch.einsum("oc,bchw->bohw", block.expand.weight[:, :, 0, 0], plain(X)) + block.expand.bias[:, None, None]
    torch.testing.assert_close(block(X), torch.relu(X + mixed))
    nn.init.zeros_(block.expand.weight)
    nn.init.zeros_(block.expand.bias)
    assert torch.equal(block(X), torch.relu(X))


def test_channels_of_the_residual_network_grow_between_stages_only():
    model = on_meta(block="residual")
    assert [block.out_channels for block in inceptions(model)] == [480] * 2 + [832] * 5 + [1024] * 2


@pytest.mark.parametrize("block", BLOCKS)
def test_gradient_reaches_every_parameter(block):
    torch.manual_seed(0)
    model = models.GoogLeNet(width=0.25, block=block, batch_norm=True, stem="small")
    model(torch.randn(4, 1, 28, 28)).logsumexp(1).sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_the_start_keeps_images_apart_where_pytorchs_own_does_not():
    torch.manual_seed(0)
    model, X = models.GoogLeNet(width=0.25), torch.randn(8, 1, 32, 32)

    def spread():
        with torch.no_grad():
            return model(X).std(dim=0).mean().item()

    assert spread() > 1e-2
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.reset_parameters()
    assert spread() < 1e-5


# ---- sizes, widths, refusals -----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("size", [28, 64, 96, 224])
@pytest.mark.parametrize(
    ("stem", "shrinks"),
    [("paper", 8), ("half", 4), ("small", 2)],
)
def test_every_stem_at_every_size(stem, shrinks, size):
    model = on_meta(in_channels=3, num_classes=7, image_size=size, stem=stem)
    before = model.stage2(model.stage1(torch.empty(2, 3, size, size, device="meta")))
    assert before.shape == (2, 192, -(-size // shrinks), -(-size // shrinks))
    assert model(torch.empty(2, 3, size, size, device="meta")).shape == (2, 7)


@pytest.mark.parametrize(
    ("settings", "refused", "why"),
    [
        ({"pools": "ceil"}, 14, "pool3 gets 1 px .* smallest that works is 15$"),
        ({"pools": "ceil", "stem": "half"}, 6, "smallest that works is 7$"),
        ({"pools": "ceil", "stem": "small"}, 3, "smallest that works is 4$"),
    ],
)
def test_the_smallest_image(settings, refused, why):
    with pytest.raises(ValueError, match=f"image_size {refused} is too small for GoogLeNet: .*{why}"):
        models.GoogLeNet(image_size=refused, **settings)
    least = refused + 1
    assert on_meta(image_size=least, **settings)(torch.empty(1, 1, least, least, device="meta")).shape == (1, 10)


def test_padded_pools_leave_one_pixel_of_one_pixel():
    model, X = on_meta(image_size=1), torch.empty(1, 1, 1, 1, device="meta")
    assert model(X).shape == (1, 10)
    with pytest.raises(ValueError, match="image_size=0 is below 1"):
        models.GoogLeNet(image_size=0)


def test_the_smallest_image_is_the_one_torchvision_states():
    least, _ = load_torchvision().models.GoogLeNet_Weights.IMAGENET1K_V1.meta["min_size"]
    with pytest.raises(ValueError, match=f"smallest that works is {least}$"):
        models.GoogLeNet(image_size=least - 1, **TORCHVISION)


def test_width_scales_every_hidden_channel():
    narrow = on_meta(width=0.25)
    assert [block.out_channels for block in inceptions(narrow)] == [c // 4 for c in SUMS]
    assert narrow.stage1.conv1.conv.weight.shape == (16, 1, 7, 7)
    assert narrow.stage2.conv2.conv.weight.shape == (48, 16, 3, 3)
    assert narrow.fc.weight.shape == (10, 256)


def test_dropout_is_on_in_training_only():
    torch.manual_seed(0)
    model, X = models.GoogLeNet(width=0.1, dropout=0.5), torch.randn(2, 1, 32, 32)
    assert not torch.equal(model.train()(X), model(X))
    assert torch.equal(model.eval()(X), model(X))


@pytest.mark.parametrize("cast", [nullcontext(), torch.autocast("cpu", torch.bfloat16)], ids=["float32", "bfloat16"])
def test_channels_last_changes_the_order_in_memory_only(cast):
    torch.manual_seed(0)
    model, X = models.GoogLeNet(width=0.25, block="residual", batch_norm=True).eval(), torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        expected = model(X)
        with cast:
            found = model.to(memory_format=torch.channels_last)(X.to(memory_format=torch.channels_last))
    torch.testing.assert_close(found.float(), expected, atol=2e-2, rtol=2e-2)


def test_choices_that_cannot_be():
    with pytest.raises(ValueError, match="stem 'tiny' is not one of paper, half, small"):
        models.GoogLeNet(stem="tiny")
    with pytest.raises(ValueError, match="pools 'avg' is not one of padded, ceil"):
        models.GoogLeNet(pools="avg")
    with pytest.raises(ValueError, match="block 'v4' is not one of plain, factorised, asymmetric, residual"):
        models.GoogLeNet(block="v4")
    for kernel in (1, 4):
        with pytest.raises(ValueError, match=rf"third_kernel {kernel} is not an odd number of at least 3; the paper"):
            models.Inception(8, third_kernel=kernel)
