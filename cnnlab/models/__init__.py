"""The networks of the course, by name.

    models.build("lenet", in_channels=1, num_classes=10)

A file for each paper, from its table to the network:

    lenet      LeNet as courses teach it, in two variants
    alexnet    AlexNet
    vgg        VGG of 11, 13, 16 and 19 layers
    nin        NiN
    inception  the Inception block, in the form of the paper and in three later ones
    googlenet  GoogLeNet
    bn_lenet   LeNet with batch norm
    resnet     ResNet of 18 to 152 layers, and plain nets of the same depth
    preact     pre-activation ResNets
    densenet   DenseNet
    fast       a small network of our own, to be trained in seconds

What several share:

    shared     layers under names, stems, settings, widths, the side of the last map, the first weights
    weights    weights copied from another implementation
"""

from __future__ import annotations

from torch import nn

from cnnlab.models.alexnet import AlexNet, alexnet
from cnnlab.models.bn_lenet import BNLeNet, bn_lenet
from cnnlab.models.densenet import (
    DenseBlock,
    DenseNet,
    densenet,
    densenet121,
    densenet169,
    densenet201,
    densenet264,
    transition,
)
from cnnlab.models.fast import FastNet, fast, fast_block
from cnnlab.models.googlenet import GoogLeNet, googlenet
from cnnlab.models.inception import Inception
from cnnlab.models.lenet import LeNet, lenet, lenet_max
from cnnlab.models.nin import NiN, nin, nin_block
from cnnlab.models.preact import PreActivation, PreActResNet, preact_resnet18, preact_resnet34
from cnnlab.models.resnet import (
    Bottleneck,
    Residual,
    ResNet,
    cifar_stages,
    plain18,
    plain34,
    resnet18,
    resnet18_notes,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
)
from cnnlab.models.vgg import VGG, vgg11, vgg13, vgg16, vgg19, vgg_block
from cnnlab.models.weights import copy_weights

MODELS = {
    "lenet": lenet,
    "lenet_max": lenet_max,
    "alexnet": alexnet,
    "vgg11": vgg11,
    "vgg13": vgg13,
    "vgg16": vgg16,
    "vgg19": vgg19,
    "nin": nin,
    "googlenet": googlenet,
    "densenet": densenet,
    "densenet121": densenet121,
    "densenet169": densenet169,
    "densenet201": densenet201,
    "densenet264": densenet264,
    "bn_lenet": bn_lenet,
    "fast": fast,
    "resnet18": resnet18,
    "resnet18_notes": resnet18_notes,
    "resnet34": resnet34,
    "resnet50": resnet50,
    "resnet101": resnet101,
    "resnet152": resnet152,
    "plain18": plain18,
    "plain34": plain34,
    "preact_resnet18": preact_resnet18,
    "preact_resnet34": preact_resnet34,
}

__all__ = [
    "MODELS",
    "VGG",
    "AlexNet",
    "BNLeNet",
    "Bottleneck",
    "DenseBlock",
    "DenseNet",
    "FastNet",
    "GoogLeNet",
    "Inception",
    "LeNet",
    "NiN",
    "PreActResNet",
    "PreActivation",
    "ResNet",
    "Residual",
    "alexnet",
    "bn_lenet",
    "build",
    "cifar_stages",
    "copy_weights",
    "densenet",
    "densenet121",
    "densenet169",
    "densenet201",
    "densenet264",
    "fast",
    "fast_block",
    "googlenet",
    "lenet",
    "lenet_max",
    "nin",
    "nin_block",
    "plain18",
    "plain34",
    "preact_resnet18",
    "preact_resnet34",
    "resnet18",
    "resnet18_notes",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "transition",
    "vgg11",
    "vgg13",
    "vgg16",
    "vgg19",
    "vgg_block",
]


def build(name: str, **settings) -> nn.Module:
    """A network of the course by its name, e.g. build("lenet", num_classes=10). Raises ValueError for others."""
    if name not in MODELS:
        raise ValueError(f"model {name!r} is not in the course; choose one of {', '.join(MODELS)}")
    return MODELS[name](**settings)
