"""Settings that are declared: the constructor, its signature and the controls that follow from them."""

from __future__ import annotations

import inspect

import pytest
import traitlets

from cnnlab import explore
from cnnlab.explore import ChannelExplorer, ConvExplorer, InceptionExplorer, PoolExplorer, ReceptiveFieldExplorer
from tests.explore.test_every_explorer import each_explorer, made

IN_ORDER = {
    "ArchitectureExplorer": ["model", "size"],
    "ChannelExplorer": ["in_channels", "out_channels", "kernel_size", "size", "groups"],
    "CompareExplorer": ["left", "right", "channels", "size"],
    "ConvExplorer": ["size", "kernel_size", "stride", "padding", "dilation"],
    "FeatureMapExplorer": ["model", "images"],
    "PoolExplorer": ["size", "kernel_size", "stride", "padding"],
    "ReceptiveFieldExplorer": ["layers", "size"],
    "TrainingExplorer": ["fit", "data"],
}


@each_explorer
def test_the_signature_names_every_setting_that_can_be_given(name):
    kind = getattr(explore, name)
    parameters = inspect.signature(kind).parameters
    in_order = [p.name for p in parameters.values() if p.kind == inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert in_order == IN_ORDER.get(name, [])
    assert all(p.kind != inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    assert {setting for setting, each in kind.declared.items() if each.asked} <= parameters.keys()


@each_explorer
def test_its_defaults_are_those_of_the_signature(name):
    explorer = made(name)
    for setting, parameter in inspect.signature(type(explorer)).parameters.items():
        # None leaves a setting to the explorer, and what must be given has no default.
        given = parameter.default in (None, inspect.Parameter.empty)
        if not given and setting in explorer.declared and (name, setting) != ("TrainingExplorer", "images"):
            assert getattr(explorer, setting) == parameter.default


def test_settings_come_in_order_or_by_name_and_once():
    assert repr(PoolExplorer(9, 3, 2)) == repr(PoolExplorer(size=9, kernel_size=3, stride=2))
    with pytest.raises(TypeError, match=r"^PoolExplorer\(\) takes size, kernel_size, stride, padding in order, and 5"):
        PoolExplorer(9, 3, 2, 1, True)
    with pytest.raises(TypeError, match=r"^InceptionExplorer\(\) takes no settings in order, and 1 were given; name"):
        InceptionExplorer(3)
    with pytest.raises(TypeError, match=r"^ConvExplorer\(\) got size twice, in order and by name; give it once"):
        ConvExplorer(9, size=9)
    with pytest.raises(TypeError, match=r"^colour is no setting here; give some of in_channels, out_channels"):
        ChannelExplorer(colour="red")
    with pytest.raises(ValueError, match=r"^effective_size is no setting here; give some of layers, size, image"):
        ReceptiveFieldExplorer(effective_size=3)


def test_the_menu_names_a_preset_and_does_not_load_it():
    explorer = ConvExplorer(12, 3, image="edge")
    explorer.padding = 1
    assert explorer.preset_choice.value == "same 3×3"
    assert explorer.image == "edge"


def test_pytorchs_word_for_padding_is_answered_with_where_the_number_is():
    with pytest.raises(traitlets.TraitError, match=r"; cnnlab\.shapes\.same_padding\(kernel_size, dilation\) has the"):
        ConvExplorer(12, 3, padding="same")
