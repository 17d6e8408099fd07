"""The widgets: sliders, one picture, and what it says in numbers. Each explorer is loaded when it is first asked for.

ConvExplorer            one convolution: its window, its sum, its shape and its cost
ChannelExplorer         several channels: what each input adds to an output, who feeds whom, what groups save
PoolExplorer            one pooling layer: who wins, where a gradient goes, what a shift changes
ReceptiveFieldExplorer  a stack of layers: what a unit of any map sees of the image
CompareExplorer         two stacks side by side: what each sees and what each costs
ArchitectureExplorer    a whole network: every layer's shape and cost, and what a change does to all that follow
InceptionExplorer       one Inception block: branch widths, channels, what the reductions save
DenseExplorer           one dense block and its transition: channels to scale, parameters, memory
BatchNormExplorer       one channel of a batch norm: before, after, and the running statistics
ResidualExplorer        one network plain and residual: gradients and values layer by layer
FeatureMapExplorer      a trained network and one image: every channel's map, its kernel, its strongest images
TrainingExplorer        training runs side by side, each with settings of its own
"""

from importlib import import_module

_HOMES = {
    "ArchitectureExplorer": "architecture",
    "ConvExplorer": "conv",
    "ChannelExplorer": "channel",
    "DenseExplorer": "dense",
    "InceptionExplorer": "inception",
    "PoolExplorer": "pool",
    "ReceptiveFieldExplorer": "field",
    "BatchNormExplorer": "batch_norm",
    "CompareExplorer": "compare",
    "FeatureMapExplorer": "features",
    "ResidualExplorer": "residual",
    "TrainingExplorer": "training",
}

__all__ = [
    "ArchitectureExplorer",
    "BatchNormExplorer",
    "ChannelExplorer",
    "CompareExplorer",
    "ConvExplorer",
    "DenseExplorer",
    "FeatureMapExplorer",
    "InceptionExplorer",
    "PoolExplorer",
    "ReceptiveFieldExplorer",
    "ResidualExplorer",
    "TrainingExplorer",
]


def __getattr__(name: str) -> object:
    # Loading on demand keeps torch out of the layer explorers, whatever the others need.
    if name not in _HOMES:
        raise AttributeError(f"cnnlab.explore has no {name!r}; it has {', '.join(_HOMES)}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
