"""The widgets: sliders, one picture, and what it says in numbers. Each explorer is loaded when it is first asked for.

A folder for each, and one for what they share:

    conv          ConvExplorer: one convolution, or transposed one: its window, its sum, its shape and its cost
    channels      ChannelExplorer: what each input map adds to an output, who feeds whom, what groups save
    pool          PoolExplorer: one pooling layer: who wins, where a gradient goes, what a shift changes
    field         ReceptiveFieldExplorer: a stack of layers: what a unit of any map sees of the image
    compare       CompareExplorer: two stacks side by side: what each sees and what each costs
    architecture  ArchitectureExplorer: every layer's shape and cost, and what a change does to all that follow
    inception     InceptionExplorer: one Inception block: branch widths, channels, what the reductions save
    dense         DenseExplorer: one dense block and its transition: channels to scale, parameters, memory
    batch_norm    BatchNormExplorer: one channel of a batch norm: before, after, and the running statistics
    residual      ResidualExplorer: one network plain and residual: gradients and values layer by layer
    features      FeatureMapExplorer: a trained network and one image: maps, kernels, strongest images
    training      TrainingExplorer: training runs side by side, each with settings of its own
    kit           what they share

In each folder `explorer.py` has the settings and the sliders, `numbers.py` what is computed, `picture.py` the SVG,
`view.js` what answers to the pointer in the browser.
"""

from importlib import import_module

_HOMES = {
    "ArchitectureExplorer": "architecture",
    "ConvExplorer": "conv",
    "ChannelExplorer": "channels",
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

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    # Loading on demand keeps torch out of the layer explorers, whatever the others need.
    if name not in _HOMES:
        raise AttributeError(f"cnnlab.explore has no {name!r}; it has {', '.join(_HOMES)}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}.explorer"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
