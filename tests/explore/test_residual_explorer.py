"""The ResidualExplorer without a browser: its gradients are those of PyTorch's autograd on the same network."""

import xml.etree.ElementTree as ET

import pytest
import torch
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from cnnlab.explore import ResidualExplorer
from cnnlab.explore.residual.signal import Net, signals
from tests.pictures import SVG, check_labels


def by_torch(net: Net) -> tuple[list[float], list[float]]:
    """Length of the gradient at each block's output, and that output's root mean square, by autograd."""
    weights, head = net.parameters()
    X, labels = map(torch.tensor, net.data())
    outputs = []
    for number in range(net.depth):
        Z = X
        for inner in (0, 1):
            Z = Z @ torch.tensor(weights[2 * number + inner], requires_grad=True)
            if net.norm:
                gamma = torch.full((net.width,), net.gammas()[2 * number + inner], dtype=torch.double)
                Z = F.batch_norm(Z, None, None, gamma, training=True)
            Z = Z.relu() if not inner else Z
        X = (Z + X if net.shortcut else Z).relu()
        X.retain_grad()
        outputs.append(X)
    F.cross_entropy(X @ torch.tensor(head), labels).backward()
    return [float(Y.grad.norm()) for Y in outputs], [float(Y.detach().square().mean().sqrt()) for Y in outputs]


@settings(max_examples=25, deadline=None)
@given(
    depth=st.integers(1, 8), width=st.integers(2, 12), shortcut=st.booleans(), norm=st.booleans(),
    gain=st.floats(0.3, 1.5), zero=st.booleans(), seed=st.integers(0, 5),
)  # fmt: skip
def test_gradients_and_values_are_autograds(depth, width, shortcut, norm, gain, zero, seed):
    net = Net(depth, width, shortcut, norm, gain, zero, seed)
    found, (gradients, values) = signals(net), by_torch(net)
    assert found.gradients == pytest.approx(gradients, rel=1e-6, abs=1e-12)
    assert found.activations == pytest.approx(values, rel=1e-8, abs=1e-12)


def test_small_weights_starve_the_plain_network_only():
    explorer = ResidualExplorer()
    assert explorer.plain.reach < 0.1 * explorer.residual.reach
    assert explorer.stories()["plain"].startswith("plain: the gradient that arrives at block 1 is ")


def test_a_block_that_starts_as_nothing_hands_on_its_input():
    explorer = ResidualExplorer(preset="batch norm, start as nothing")
    for sizes in (explorer.residual.activations, explorer.residual.gradients[:-1]):
        assert sizes == pytest.approx([sizes[0]] * len(sizes))
    assert explorer.plain == ResidualExplorer(preset="batch norm, start as nothing", zero=False).plain


@pytest.mark.parametrize("name", ResidualExplorer.presets)
def test_every_preset_is_drawn(name):
    explorer = ResidualExplorer(preset=name)
    assert explorer.preset == name
    root = ET.fromstring(str(explorer.static()))
    check_labels(root)
    assert len([p for p in root.iter(f"{SVG}path") if p.get("data-shortcut")]) == min(12, explorer.depth)


def test_values_that_grow_too_large_are_explained_and_mended():
    explorer = ResidualExplorer(gain=1e9, depth=40)
    assert explorer.error == (
        "values grow beyond what a number holds with gain 1e+09 over 40 blocks; lower one of them"
    )
    assert "No output" in str(explorer.static())
    explorer._apply(explorer.remedies.changes[0][0])
    assert explorer.error is None


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(traitlets.TraitError, match="gain=0 will not do; give more than 0, such as 1"):
        ResidualExplorer(gain=0.0)
    with pytest.raises(ValueError, match=r"preset='deep' is unknown; choose one of "):
        ResidualExplorer(preset="deep")
    with pytest.raises(ValueError, match=r"lr is no setting here; give some of "):
        ResidualExplorer(lr=1)
