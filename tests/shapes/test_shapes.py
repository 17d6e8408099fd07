"""The arithmetic of shapes against PyTorch, its gradients, and published numbers."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cnnlab.shapes import (
    Cost,
    Field,
    Layer,
    ShapeError,
    conv_cost,
    effective_kernel,
    explain,
    linear_cost,
    out_size,
    pool_out_size,
    readers,
    receptive_field,
    receptive_fields,
    remedies,
    same_padding,
    transposed_out_size,
    unread,
    window,
    writers,
    written,
)

sizes = st.integers(1, 20)
kernels = st.integers(1, 8)
strides = st.integers(1, 6)
paddings = st.integers(0, 5)
dilations = st.integers(1, 4)


def refused(call):
    """The result, or None where it raises: both sides must agree on which."""
    try:
        return call()
    except (ShapeError, RuntimeError):
        return None


# ---- sizes against PyTorch: 2,400 random settings a run, impossible ones among them ----------------------------------


@settings(max_examples=800, deadline=None)
@given(sizes, kernels, strides, paddings, dilations)
def test_conv_size_is_pytorchs(size, kernel, stride, padding, dilation):
    x, weight = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
    theirs = refused(lambda: F.conv1d(x, weight, None, stride, padding, dilation).shape[-1])
    assert refused(lambda: out_size(size, kernel, stride, padding, dilation)) == theirs


@settings(max_examples=800, deadline=None)
@given(sizes, kernels, strides, paddings, dilations, st.integers(0, 5))
def test_transposed_size_is_pytorchs(size, kernel, stride, padding, dilation, extra):
    x, weight = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel)
    theirs = refused(lambda: F.conv_transpose1d(x, weight, None, stride, padding, extra, 1, dilation).shape[-1])
    assert refused(lambda: transposed_out_size(size, kernel, stride, padding, extra, dilation)) == theirs


@settings(max_examples=800, deadline=None)
@given(sizes, kernels, st.none() | strides, paddings, dilations, st.booleans())
def test_pool_size_is_pytorchs(size, kernel, stride, padding, dilation, ceil_mode):
    x = torch.zeros(1, 1, size, size)
    theirs = refused(lambda: F.max_pool2d(x, kernel, stride, padding, dilation, ceil_mode).shape[-1])
    assert refused(lambda: pool_out_size(size, kernel, stride, padding, dilation, ceil_mode)) == theirs


@settings(max_examples=100, deadline=None)
@given(kernels, dilations, sizes)
def test_same_padding_keeps_the_size(kernel, dilation, size):
    x = F.pad(torch.zeros(1, 1, size), same_padding(kernel, dilation))
    assert F.conv1d(x, torch.zeros(1, 1, kernel), dilation=dilation).shape[-1] == size


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "expected"),
    [(224, 11, 4, 0, 54), (224, 11, 4, 2, 55), (227, 11, 4, 0, 55), (28, 5, 1, 2, 28), (224, 7, 2, 3, 112)],
)
def test_sizes_from_the_papers(size, kernel, stride, padding, expected):
    assert out_size(size, kernel, stride, padding) == expected


# ---- words and remedies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ((224, 7, 2, 3), "⌊(224 + 2·3 − 1·(7 − 1) − 1) / 2⌋ + 1 = 112, 1 column unread"),
        ((28, 5, 1, 2), "⌊(28 + 2·2 − 1·(5 − 1) − 1) / 1⌋ + 1 = 28"),
        ((10, 3, 5, 0, 2), "⌊(10 + 2·0 − 2·(3 − 1) − 1) / 5⌋ + 1 = 2"),
        ((9, 2, 5, 1), "⌊(9 + 2·1 − 1·(2 − 1) − 1) / 5⌋ + 1 = 2, 4 columns unread"),
        ((7, 2, 2, 0, 1, True), "⌈(7 + 2·0 − 1·(2 − 1) − 1) / 2⌉ + 1 = 4"),
        (
            (5, 2, 3, 1, 1, True),
            "⌈(5 + 2·1 − 1·(2 − 1) − 1) / 3⌉ + 1 = 3, less the last window, which would start in the padding: 2",
        ),
    ],
)
def test_explain_shows_the_numbers(setting, text):
    assert explain(*setting) == text


@settings(max_examples=200, deadline=None)
@given(sizes, kernels, strides, paddings, dilations)
def test_explained_arithmetic_is_true_and_adds_up(size, kernel, stride, padding, dilation):
    made = refused(
        lambda: F.conv1d(torch.zeros(1, 1, size), torch.zeros(1, 1, kernel), None, stride, padding, dilation)
    )
    if made is None:
        with pytest.raises(ShapeError, match="does not fit"):
            explain(size, kernel, stride, padding, dilation)
        return
    left, _, right = explain(size, kernel, stride, padding, dilation).partition(" = ")
    python = left.translate(str.maketrans({"⌊": "", "⌋": "", "·": "*", "−": "-"})).replace(" / ", " // ")
    assert eval(python) == made.shape[-1] == int(right.split(",")[0])


@settings(max_examples=400, deadline=None)
@given(sizes, kernels, strides, paddings, dilations, st.booleans())
def test_remedies_work_in_pytorch_and_are_the_nearest(size, kernel, stride, padding, dilation, pool):
    setting = {"size": size, "kernel_size": kernel, "padding": padding, "dilation": dilation}

    def works(size, kernel_size, padding, dilation):
        if pool:
            return refused(lambda: F.max_pool2d(torch.zeros(1, 1, size, size), kernel_size, stride, padding, dilation))
        x, weight = torch.zeros(1, 1, size), torch.zeros(1, 1, kernel_size)
        return refused(lambda: F.conv1d(x, weight, None, stride, padding, dilation))

    changes = remedies(size, kernel, stride, padding, dilation, pool=pool)
    assert bool(changes) == (works(**setting) is None)
    for change in changes:
        assert works(**{**setting, **change}) is not None
        if len(change) > 1:  # two rules broken at once, and no single change mends both
            assert all(works(**{**setting, name: value}) is None for name, value in change.items())
            continue
        ((name, value),) = change.items()
        nearer = value + (1 if value < setting[name] else -1)
        assert nearer == setting[name] or works(**{**setting, name: nearer}) is None


# ---- who reads whom, against gradients -------------------------------------------------------------------------------

fitting = st.tuples(
    st.integers(1, 14), st.integers(1, 5), st.integers(1, 5), st.integers(0, 4), st.integers(1, 3)
).filter(lambda s: s[4] * (s[1] - 1) + 1 <= s[0] + 2 * s[3])


def jacobian(layer, size):
    """Row i says which inputs output i reads."""
    x = torch.ones(1, 1, size, requires_grad=True)
    rows = [torch.autograd.grad(y, x, retain_graph=True)[0].flatten() for y in layer(x).flatten()]
    return torch.stack(rows) != 0


@settings(max_examples=150, deadline=None)
@given(fitting)
def test_windows_and_readers_are_the_gradients(setting):
    size, kernel, stride, padding, dilation = setting
    reads = jacobian(lambda x: F.conv1d(x, torch.ones(1, 1, kernel), None, stride, padding, dilation), size)
    for i, row in enumerate(reads):
        inside = [p for p in window(i, kernel, stride, padding, dilation) if 0 <= p < size]
        assert inside == row.nonzero().flatten().tolist()
    for position, column in enumerate(reads.T):
        assert list(readers(position, *setting)) == column.nonzero().flatten().tolist()


@settings(max_examples=150, deadline=None)
@given(fitting)
def test_unread_is_what_no_window_covers(setting):
    size, kernel, stride, padding, dilation = setting
    # The padded input is made the input, so that padding too has a gradient to be unread.
    reads = jacobian(lambda x: F.conv1d(x, torch.ones(1, 1, kernel), None, stride, 0, dilation), size + 2 * padding)
    last = reads.any(0).nonzero().max().item()
    assert unread(*setting) == size + 2 * padding - 1 - last


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 7), st.integers(1, 5), st.integers(1, 4), st.integers(0, 3), st.integers(0, 3), st.integers(1, 3))
def test_writers_are_the_gradients_of_the_transposed_layer(size, kernel, stride, padding, extra, dilation):
    weight = torch.ones(1, 1, kernel)
    layer = lambda x: F.conv_transpose1d(x, weight, None, stride, padding, extra, 1, dilation)  # noqa: E731
    if refused(lambda: layer(torch.zeros(1, 1, size))) is None:
        return
    writes = jacobian(layer, size)
    for i, row in enumerate(writes):
        assert list(writers(i, size, kernel, stride, padding, extra, dilation)) == row.nonzero().flatten().tolist()
    for position, column in enumerate(writes.T):
        inside = [i for i in written(position, kernel, stride, padding, dilation) if 0 <= i < len(writes)]
        assert inside == column.nonzero().flatten().tolist()


# ---- cost against PyTorch's own layers -------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.tuples(kernels, kernels), st.booleans(), st.data())
def test_conv_cost_is_the_layers(groups, c_in, c_out, kernel_size, bias, data):
    layer = nn.Conv2d(groups * c_in, groups * c_out, kernel_size, groups=groups, bias=bias, device="meta")
    out_hw = data.draw(st.tuples(sizes, sizes))
    cost = conv_cost(groups * c_in, groups * c_out, kernel_size, out_hw, groups, bias)
    assert cost.params == sum(p.numel() for p in layer.parameters())
    from torch.utils.flop_counter import FlopCounterMode

    x = torch.empty(1, groups * c_in, *(o + k - 1 for o, k in zip(out_hw, kernel_size, strict=True)), device="meta")
    with FlopCounterMode(display=False) as counter:
        y = layer(x)
    assert 2 * cost.macs == counter.get_total_flops()
    assert cost.activation_bytes == y.nbytes


def test_cost_by_hand():
    assert conv_cost(1, 6, kernel_size=5, out_hw=28) == Cost(6 * 25 + 6, 6 * 25 * 784, 6 * 784 * 4)
    assert conv_cost(8, 8, kernel_size=(3, 1), out_hw=(5, 7), groups=8, bias=False, element_size=2) == Cost(
        24, 840, 560
    )
    assert linear_cost(400, 120) == Cost(48_120, 48_000, 480)
    assert linear_cost(400, 120, bias=False, element_size=2) == Cost(48_000, 48_000, 240)


# ---- receptive field -------------------------------------------------------------------------------------------------

chains = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2)), max_size=5)


@settings(max_examples=100, deadline=None)
@given(chains)
def test_receptive_field_is_the_gradients(layers):
    def run(x):
        for kernel, stride, padding, dilation in layers:
            x = F.conv1d(x, torch.ones(1, 1, kernel, dtype=x.dtype), None, stride, padding, dilation)
        return x

    # Far from the edge nothing is cut off by it; float64, so that no product of ones is lost.
    x = torch.ones(1, 1, 4000, dtype=torch.float64, requires_grad=True)
    y = run(x).flatten()
    field, middle = receptive_field(layers), len(y) // 2
    spans = []
    for unit in (middle, middle + 1):
        seen = torch.autograd.grad(y[unit], x, retain_graph=True)[0].flatten().nonzero()
        spans.append((seen.min().item(), seen.max().item()))
    assert field.size == spans[0][1] - spans[0][0] + 1
    assert field.jump == spans[1][0] - spans[0][0]
    assert field.start == sum(spans[0]) / 2 - middle * field.jump
    assert [field.span(middle), field.span(middle + 1)] == spans


VGG16 = [layer for convs in (2, 2, 3, 3, 3) for layer in [(3, 1, 1)] * convs + [(2, 2)]]
# ResNet v1 as measured there: the stride sits in the last unit of a block.
RESNET50 = [(7, 2, 3), (3, 2, 1)] + [
    (3, stride, 1) for units, last in ((3, 2), (4, 2), (6, 2), (3, 1)) for stride in [1] * (units - 1) + [last]
]


@pytest.mark.parametrize(
    ("layers", "size", "jump"),
    [
        ([(11, 4, 2), (3, 2), (5, 1, 2), (3, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1), (3, 2)], 195, 32),
        (VGG16, 212, 32),
        (RESNET50, 483, 32),
    ],
    ids=["AlexNet", "VGG-16", "ResNet-50"],
)
def test_published_receptive_fields(layers, size, jump):
    """Araujo, Norris and Sim, Computing Receptive Fields of Convolutional Neural Networks, Distill 2019, table 1."""
    field = receptive_field(layers)
    assert (field.size, field.jump) == (size, jump)


def test_fields_of_a_chain_by_hand():
    fields = receptive_fields([Layer(5, padding=2), (2, 2), (5,), (2, 2)])  # LeNet
    assert [(f.size, f.jump, f.start) for f in fields] == [(5, 1, 0), (6, 2, 0.5), (14, 2, 4.5), (16, 4, 5.5)]
    assert receptive_field([]) == Field()
    assert repr(fields[1]) == "Field(size=6, jump=2, start=0.5)"


def test_two_small_kernels_see_as_much_as_one_large():
    assert receptive_field([(3, 1, 1)] * 2) == receptive_field([(5, 1, 2)])
    assert receptive_field([(3, 1, 1)] * 3) == receptive_field([(7, 1, 3)])


def test_branches_meet():
    thin, wide = receptive_field([(1, 2)]), receptive_field([(3, 2, 1)])
    assert thin | wide == wide
    shifted = receptive_field([(3, 2)]) | wide  # one starts at −1, the other at 0
    assert (shifted.size, shifted.jump, shifted.start) == (4, 2, 0.5)


def test_units_that_take_turns():
    halved_and_back = receptive_field([(2, 2)]).through([(0,), (0,)], advance=1)
    assert halved_and_back | receptive_field([(3, 1, 1)]) == receptive_field([(3, 1, 1)])  # a short cut across both
    doubled = Field().through([(0,), (0,)], advance=1)
    assert [doubled.span(i) for i in range(4)] == [(0, 0), (0, 0), (1, 1), (1, 1)]
    assert doubled.through([(0, 1)], advance=2) == Field()  # halving undoes doubling
    assert doubled.through([(-1, 0, 1)], advance=1).size == 2
    gaps = Field().through([(0,), ()], advance=1)  # a transposed kernel of 1 with stride 2 leaves every second unit out
    assert gaps.span(1) is None
    assert (gaps.size, gaps.jump, gaps.start) == (1, 0.5, 0)
    assert gaps.through([(1,)], advance=2).start is None
    assert (gaps | doubled) == doubled


# ---- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: out_size(7, 5, dilation=2),
            r"^a kernel spanning 9 px \(5 taps, dilation 2\) does not fit 7 px; "
            r"pad by 1 on each side, or lower the dilation to 1$",
        ),
        (
            lambda: out_size(4, 9, padding=1),
            "^a kernel spanning 9 px does not fit 4 px padded to 6; "
            "raise the padding to 3 on each side, or lower the kernel to 6$",
        ),
        (lambda: unread(2, 3), "^a kernel spanning 3 px does not fit 2 px; pad by 1 on each side, or lower"),
        (
            lambda: pool_out_size(9, 3, padding=2),
            "^padding 2 is more than half of a pooling kernel of 3; "
            "lower the padding to 1 on each side, or raise the kernel to 4$",
        ),
        (
            lambda: pool_out_size(1, 3, padding=2, dilation=3),
            "^padding 2 is more than half of a pooling kernel of 3; lower the padding to 1 on each side and lower the "
            "dilation to 1, or lower the padding to 1 on each side and give an input of 5 px$",
        ),
        (
            lambda: pool_out_size(2, 5, dilation=2),
            r"^a kernel spanning 9 px \(5 taps, dilation 2\) does not fit 2 px; "
            "lower the kernel to 1, or give an input of 9 px$",
        ),
        (lambda: pool_out_size(2, 3), "^a kernel spanning 3 px does not fit 2 px"),
        (
            lambda: transposed_out_size(3, 3, 2, output_padding=2),
            "^output_padding 2 is not below .* lower it to 1 or less$",
        ),
        (
            lambda: transposed_out_size(1, 3, padding=2),
            "^padding 2 crops all of the 3 px .*; lower the padding to 1 or less$",
        ),
        (lambda: out_size(8, 2.0), "^kernel_size=2.0 is not a whole number; give an int of at least 1$"),
        (lambda: out_size(8, 2, stride=True), "^stride=True is not a whole number"),
        (lambda: out_size("8", 2), "^size='8' is not a whole number"),
        (lambda: out_size(8, torch.tensor(2.0)), r"^kernel_size=tensor\(2\.\) is not a whole number"),
        (
            lambda: out_size(28, 5, padding="same"),
            "^padding='same' is no number; same_padding.kernel_size, dil",
        ),
        (lambda: out_size((28, 28), 5), r"^size=\(28, 28\) has more than one side; ask for height and width one after"),
        (lambda: out_size(0, 2), "^size=0 is below 1; give an int of at least 1$"),
        (lambda: out_size(8, 0), "^kernel_size=0 is below 1"),
        (lambda: out_size(8, 2, stride=0), "^stride=0 is below 1"),
        (lambda: out_size(8, 2, padding=-1), "^padding=-1 is below 0; give an int of at least 0$"),
        (lambda: out_size(8, 2, dilation=0), "^dilation=0 is below 1"),
        (lambda: effective_kernel(0), "^kernel_size=0 is below 1"),
        (lambda: transposed_out_size(8, 2, output_padding=-1), "^output_padding=-1 is below 0"),
        (lambda: window(-1, 3), "^index=-1 is below 0"),
        (lambda: written(-1, 3), "^position=-1 is below 0"),
        (lambda: readers(7, 7, 3), "^position=7 is outside 7 px; give 0 to 6$"),
        (lambda: writers(9, 7, 3), "^index=9 is outside 9 px; give 0 to 8$"),
        (
            lambda: conv_cost(3, 8, 3, 8, groups=2),
            "^in_channels=3 does not split into 2 groups; make it a multiple of 2$",
        ),
        (lambda: conv_cost(4, 9, 3, 8, groups=2), "^out_channels=9 does not split into 2 groups"),
        (lambda: conv_cost(4, 8, (3, 3, 3), 8), r"^kernel_size=\(3, 3, 3\) has 3 numbers; give one int or a pair"),
        (lambda: conv_cost(4, 8, 3, 0), "^out_hw=0 is below 1"),
        (lambda: linear_cost(0, 8), "^in_features=0 is below 1"),
        (lambda: receptive_field([3]), r"^3 is not a layer; give \(kernel_size, stride, padding, dilation\)"),
        (lambda: receptive_field([(3, 1, 1, 1, 1)]), r"^\(3, 1, 1, 1, 1\) is not a layer"),
        (
            lambda: receptive_field([(3, 2)]) | receptive_field([(3, 1)]),
            "^maps with jumps 2 and 1 cannot meet pixel on pixel; bring them to one stride$",
        ),
    ],
)
def test_refusals_name_the_value_the_rule_and_the_way_out(call, message):
    with pytest.raises(ShapeError, match=message):
        call()


def test_whole_numbers_of_other_kinds_come_back_as_ints():
    made = out_size(torch.tensor(224), torch.tensor(11), stride=torch.tensor(4))
    assert type(made) is int
    assert made == 54


def test_shapes_does_not_load_torch_or_numpy():
    code = "import sys, cnnlab.shapes; print([name for name in ('torch', 'numpy') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
