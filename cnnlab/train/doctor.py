"""What is wrong with a network or with data, in one sentence, before anything is trained."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from cnnlab.data import FashionMNIST, Images
from cnnlab.device import autocast
from cnnlab.trace.modes import modes_kept, tensors, uncompiled
from cnnlab.train.seeding import own_random


def check_model(model: Any) -> None:
    """Raises ValueError where `model` is no network that can be trained."""
    if not isinstance(model, nn.Module):
        way = "call it first, as in LeNet()" if isinstance(model, type) else "build one, as in models.build('lenet')"
        raise ValueError(f"model={_short(model)} is not a network, an object of torch.nn.Module; {way}")
    name, parameters = type(model).__name__, list(model.parameters())
    if not parameters:
        raise ValueError(f"{name} has no parameters, so nothing can be trained; give it a layer with weights")
    if not any(parameter.requires_grad for parameter in parameters):
        raise ValueError(
            f"no parameter of {name} requires a gradient, so all of it is frozen; "
            "call requires_grad_(True) on the part to be trained"
        )


def check_data(data: Any) -> None:
    """Raises ValueError where `data` is not what fashion_mnist() returns, is empty, or holds impossible numbers."""
    if isinstance(data, Images):
        raise ValueError("data is one split, and training needs a split to validate on too; give the whole data")
    if not isinstance(data, FashionMNIST):
        raise ValueError(
            f"data is a {type(data).__name__}, not what fashion_mnist() returns; give that, or make "
            "FashionMNIST(train, valid, test, source) of your own Images"
        )
    for split in (data.train, data.valid):
        check_images(split)


def check_images(images: Any) -> None:
    """Raises ValueError where these are not Images, are none, or hold impossible numbers."""
    if isinstance(images, FashionMNIST):
        raise ValueError("images is the whole data, and one split is evaluated at a time; give data.valid or data.test")
    if not isinstance(images, Images):
        raise ValueError(f"images is a {type(images).__name__}, not a split of the data; give data.valid or data.test")
    if not len(images):
        raise ValueError(f"the split {images.name!r} has 0 images, and at least 1 is needed; take a larger subset")
    if images.labels.is_floating_point():
        raise ValueError(f"the labels of {images.name!r} are {images.labels.dtype}, not whole numbers; call .long()")
    if images.images.is_floating_point() and (bad := int((~images.images.isfinite()).flatten(1).any(1).sum())):
        raise ValueError(
            f"{bad:,} of the {len(images):,} images of {images.name!r} hold NaN or infinity; leave them out"
        )


def check_checkpoint(checkpoint: str | os.PathLike | None) -> Path | None:
    """The file as a path. Raises ValueError where it cannot be one."""
    if checkpoint is None:
        return None
    if not isinstance(checkpoint, str | os.PathLike) or not str(checkpoint):
        raise ValueError(f"checkpoint={checkpoint!r} is not the name of a file; give one, such as 'run.pt', or None")
    path = Path(checkpoint).expanduser()
    if path.is_dir():
        raise ValueError(f"checkpoint {path} is a folder; name a file in it, such as {path / 'run.pt'}")
    return path


def check_place(model: nn.Module, images: Images) -> None:
    """Raises ValueError where network and images lie on different devices."""
    first = next(model.parameters(), None)
    if first is not None and first.device != images.device:
        raise ValueError(
            f"{type(model).__name__} is on {first.device} and the images are on {images.device}; "
            f"move one of them, as in model.to({str(images.device)!r})"
        )


def check_scores(scores: Any, count: int, most: int = 0, least: int = 0) -> None:
    """Raises ValueError where `scores` are not one number per image and class, or `least` … `most` are not classes."""
    if not isinstance(scores, torch.Tensor):
        raise ValueError(
            f"the network returns a {type(scores).__name__}, not one tensor of scores; "
            "let forward return the scores alone"
        )
    if scores.dim() != 2 or len(scores) != count:
        flat = scores.dim() > 2 and scores.shape[2:].numel() == 1 and len(scores) == count
        way = "end the network with nn.Flatten()" if flat else "let its last layer be linear, with an output per class"
        raise ValueError(
            f"the network returns scores of shape {tuple(scores.shape)} for {count} images, not "
            f"({count}, number of classes); {way}"
        )
    classes = scores.shape[1]
    if most >= classes:
        raise ValueError(
            f"a label is {most}, and the network has scores for {classes} classes, 0 to {classes - 1}; "
            f"give its last layer {most + 1} outputs"
        )
    if least < 0:
        raise ValueError(f"a label is {least}, and classes count from 0; number the labels anew")


@contextlib.contextmanager
def state_kept(model: nn.Module) -> Iterator[None]:
    """Gives the modes of all submodules back at the end, and the tensors that they hold beside their parameters."""
    held = [
        (holder, name, tensor, tensor.detach().clone())
        for module in model.modules()
        for holder in (module._buffers, vars(module))  # a batch norm of one's own may keep its means as attributes
        for name, tensor in holder.items()
        if isinstance(tensor, torch.Tensor) and not is_lazy(tensor)
    ]
    try:
        with modes_kept(model):
            yield
    finally:
        for holder, name, tensor, before in held:
            holder[name] = tensor
            tensor.detach().copy_(before)


def make_whole(model: nn.Module, X: torch.Tensor, seed: int) -> None:
    """Give lazy layers their sizes by a look at images X, and weights drawn from `seed`.

    Raises ValueError where the network computes in another type than the images have.
    """
    held = [*model.parameters(), *model.buffers()]
    other = next((each.dtype for each in held if each.is_floating_point() and each.dtype != X.dtype), None)
    if other is None and not any(map(is_lazy, held)):
        return
    with state_kept(model), torch.no_grad(), own_random(seed):
        try:
            model.eval()(X)
        except RuntimeError as error:
            if other is None:
                raise
            raise ValueError(
                f"{type(model).__name__} has weights in {other} and the images are {X.dtype}; call model.float()"
            ) from error


def check_last_batch(model: nn.Module, train: Images, batch_size: int, precision: str, seed: int) -> None:
    """Raises ValueError where some batch has one image and the network cannot be trained on one, as with batch norm."""
    count = len(train)
    if batch_size != 1 and count % batch_size != 1:
        return
    X = next(train.batches(1))[0]

    def fault(X: torch.Tensor) -> Exception | None:
        try:
            with state_kept(model), torch.no_grad(), own_random(seed), autocast(precision, X.device):
                training(model)
                check_scores(model(X), len(X))
        except (ValueError, RuntimeError, IndexError) as error:
            return error
        return None

    error = fault(X)
    if error is not None and fault(torch.cat([X, X])) is None:  # what fails with two as well has another reason
        which = "the last batch of an epoch" if batch_size != 1 else "each batch"
        near = (batch_size + by for way in range(1, count) for by in (way, -way))
        other = next((size for size in near if size > 1 and count % size != 1), None)
        way = f"take another batch_size, such as {other}" if other else "take more images"
        raise ValueError(
            f"{which} has 1 image ({count:,} images, batch_size {batch_size}), and {type(model).__name__} "
            f"cannot be trained on one ({error}); {way}"
        ) from error


def training(model: nn.Module) -> None:
    """Training mode. Parts that were put in evaluation mode inside a model in training mode, such as a frozen batch
    norm, stay in it."""
    if not model.training:
        model.train()


def not_finite(model: nn.Module, X: torch.Tensor, precision: str, seed: int) -> str:
    """Where NaN or infinity comes from in a first forward pass on X: the weights, the images, or which layer."""
    masks = dict(model.named_buffers())  # a mask may hold infinity
    for name, tensor in [*model.named_parameters(), *masks.items()]:
        if bool(tensor.isnan().any()) if name in masks else _bad(tensor):
            layer, _, what = name.rpartition(".")
            where = f"{what} of layer {layer!r}" if layer else what
            return f"{where} holds {_word(tensor)} before the first step; draw the weights anew, or load others"
    if _bad(X):
        return f"the images hold {_word(X)} before the first step; look at how they are prepared"
    found: list[str] = []

    def look(module: nn.Module, inputs: tuple, output: Any, name: str) -> None:
        bad = next(filter(_bad, tensors(output)), None)
        if bad is not None and not found and not any(map(_bad, tensors(inputs))):
            what = f"layer {name!r} ({type(module).__name__})" if name else type(module).__name__
            found.append(
                f"{what} makes {_word(bad)} of finite numbers before the first step; look in its forward for a "
                "division by 0, or a logarithm or root of a number that is not positive"
            )

    hooks = [
        module.register_forward_hook(lambda m, i, o, name=name: look(m, i, o, name))
        for name, module in model.named_modules()
    ]
    try:
        with state_kept(model), uncompiled(), torch.no_grad(), own_random(seed), autocast(precision, X.device):
            training(model)
            model(X)
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else "the scores are too large before the first step; draw smaller weights"


def _bad(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() and not bool(tensor.isfinite().all())


def _word(tensor: torch.Tensor) -> str:
    return "NaN" if bool(tensor.isnan().any()) else "infinity"


def _short(value: Any) -> str:
    words = " ".join(repr(value).split())
    return words if len(words) <= 60 else f"{words[:57]}..."
