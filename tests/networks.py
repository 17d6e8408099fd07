"""What the tests of the architectures share: big networks without memory, weights as different as learned ones."""

import torch
from torch import nn

from cnnlab import models
from cnnlab.compat import load_torchvision


def on_meta(name, **settings):
    """A network of the course whose weights have shapes and no numbers."""
    with torch.device("meta"):
        return models.build(name, **settings)


def randomised(model, seed=0):
    """The model on the processor in evaluation mode, all numbers drawn anew at a scale that no layer loses."""
    random = torch.Generator().manual_seed(seed)
    model.to_empty(device="cpu").eval()
    for name, value in model.state_dict().items():
        if value.dim() > 1:
            value.uniform_(-1, 1, generator=random).mul_((6 / value[0].numel()) ** 0.5)  # He et al. 2015, uniform
        elif value.dim() == 1:
            value.uniform_(0.5, 1.5, generator=random) if "bias" not in name else value.uniform_(
                -1, 1, generator=random
            )
    return model


def torchvisions(name, **settings):
    """torchvision's network of that name, its weights too without numbers."""
    with torch.device("meta"):
        return load_torchvision().models.get_model(name, weights=None, **settings)


def published(name):
    """Parameters and billions of multiply-accumulates that torchvision states of a network; loads no weights."""
    meta = load_torchvision().models.get_model_weights(name).IMAGENET1K_V1.meta
    return meta["num_params"], meta["_ops"]


def sides(traced, kinds=("Conv2d", "MaxPool2d")):
    """Height of the map after each layer of these kinds."""
    return [row.out_shape[2] for row in traced if row.kind in kinds]


def without_gradient(model, X):
    """Names of the parameters that one backward pass leaves without any gradient."""
    nn.functional.cross_entropy(model(X), torch.arange(len(X)) % 2).backward()
    return [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()]
