"""A network on the meta device that can be changed layer by layer: shapes and costs without a single computation."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from math import gcd
from types import MethodType
from typing import Any

from cnnlab.explore.kit.settings import said
from cnnlab.trace.modes import tensors

# What may be changed of a layer, by the name of torch's own class that it is made of.
_CONV = ("kernel_size", "stride", "padding", "dilation", "out_channels", "in_channels", "groups")
_TRANSPOSED = ("kernel_size", "stride", "padding", "output_padding", *_CONV[3:])
_POOL = ("kernel_size", "stride", "padding")
SETTINGS = {
    "Linear": ("out_features", "in_features"),
    "GroupNorm": ("num_channels", "num_groups"),
    **{f"Conv{n}d": _CONV for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": _TRANSPOSED for n in (1, 2, 3)},
    **{f"MaxPool{n}d": (*_POOL, "dilation") for n in (1, 2, 3)},
    **{f"AvgPool{n}d": _POOL for n in (1, 2, 3)},
    **{f"{norm}Norm{n}d": ("num_features",) for norm in ("Batch", "Instance") for n in (1, 2, 3)},
}
GROUPS = {"in_channels": "groups", "num_channels": "num_groups"}  # what divides these channels
WITHOUT_WEIGHTS = ("stride", "padding", "dilation", "output_padding")  # settings that leave a layer's weights alone
LEAST = {"padding": 0, "output_padding": 0}
WIDTHS = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0)
WHOLE = "(model)"  # the name of the model itself, which is one layer or an operation of its own forward

Changes = Mapping[str, Mapping[str, int]]


# ---- models ----------------------------------------------------------------------------------------------------------


def named_model(name: str, size: int, **settings: Any) -> Any:
    """A model of the course built for images of `size`, on the meta device."""
    import torch  # takes seconds, so only who shows a network waits

    from cnnlab import models

    with torch.device("meta"):
        return models.build(name, image_size=size, **settings)


def signature(name: str) -> Mapping[str, inspect.Parameter]:
    """What the function that builds a model of the course takes."""
    from cnnlab import models

    return inspect.signature(models.MODELS[name]).parameters


def has_width(name: str) -> bool:
    """Whether a model of the course can be made narrower."""
    return "width" in signature(name) or any(p.kind is p.VAR_KEYWORD for p in signature(name).values())


def copied(model: Any) -> Any:
    """A copy of the model's structure; the model itself is never changed. Raises TypeError for what is no network."""
    import torch

    from cnnlab.trace.inputs import check_model
    from cnnlab.trace.meta_copy import meta_copy

    if not isinstance(model, torch.nn.Module):
        raise TypeError(
            f"model={said(model)} is not a network; pass an nn.Module, or the name of a model of the course"
        )
    check_model(model)
    with torch.no_grad(), torch.device("meta"):
        return meta_copy(model)[0]


def module_at(model: Any, name: str) -> Any:
    """The module of that name; the model itself is called (model)."""
    return model if name == WHOLE else model.get_submodule(name)


def input_of(model: Any, size: int, channels: int | None = None) -> tuple[int, int]:
    """Channels of a model's input, and how many axes follow them: 2 for images, 1 for sequences, 3 for volumes, 0 for
    vectors. The layer that reads the input first says so; `channels` where they are known."""
    asked = [(1, 2), (3, 2)]
    modules = {name or WHOLE: module for name, module in model.named_modules()}
    rows = traced(model, {}, (1, 1, size, size))[0].rows
    for module, given in [*((modules[row.name], row.in_shape) for row in rows), *((m, None) for m in modules.values())]:
        wanted = _wanted(module, given == (1, 1, size, size))
        if wanted is not None:
            asked = [*wanted, *asked]
            break
    asked = list(dict.fromkeys((channels or count, axes) for count, axes in asked))
    if len(asked) == 1:
        return asked[0]
    # What one size cannot tell, since the network does not take it, a usual one may.
    tries = ((each, side) for side in (size, 224) for each in asked)
    works = (each for each, side in tries if not traced(model, {}, input_shape(*each, side))[0].failure)
    return next(works, asked[0])


def _wanted(module: Any, is_first: bool) -> list[tuple[int, int]] | None:
    """The inputs that a layer asks for, as channels and axes; None where the layer does not say."""
    kind = _torch_class(module).__name__
    if kind.endswith("Linear"):
        # A linear layer that reads the image itself is meant for vectors; one that reads a flattened image is not.
        return [(module.in_features, 0)] if is_first and module.in_features else []
    names = ("in_channels", "num_features", "num_channels")
    found = next((value for name in names if isinstance(value := getattr(module, name, None), int)), None)
    if found is None:
        return None
    axes = int(kind[-2]) if kind[-2:] in ("1d", "2d", "3d") else 2
    vectors = [(found, 0)] if kind == "BatchNorm1d" else []
    return [*vectors, (found or 1, axes)]


def input_shape(channels: int, axes: int, size: int) -> tuple[int, ...]:
    """The shape of one input.
    >>> input_shape(3, 2, 28)
    (1, 3, 28, 28)
    """
    return (1, channels, *[size] * axes)


def traced(model: Any, changes: Changes, shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...] | None]:
    """The Trace of the model with these changes, and its output's shape; afterwards the model is as before.
    What cannot be traced at all, such as an image of 10⁹ px, is a Trace without rows that says why."""
    from cnnlab.shapes import ShapeError
    from cnnlab.trace import Trace, trace

    before: list[tuple[Any, dict[str, Any]]] = []
    out: list[tuple[int, ...]] = []

    def forward(model: Any, *args: Any, **kwargs: Any) -> Any:
        # The last row need not be the output: a forward may end with a view, which is no row.
        made = type(model).forward(model, *args, **kwargs)
        out.extend(tuple(tensor.shape) for tensor in tensors(made)[:1])
        return made

    try:
        for name, settings in changes.items():
            # The module stays the same one, so that a change holds wherever it is used.
            module = module_at(model, name)
            state = _state(module, settings)
            before.append((module, vars(module)))
            module.__dict__ = state
        if "forward" not in vars(model):
            before.append((model, vars(model)))
            model.__dict__ = {**vars(model), "forward": MethodType(forward, model)}  # a copy's is the copy's own
        found = trace(model, shape)
        last = found.rows[-1].out_shape if found.rows else None
        return found, None if found.failure else next(iter(out), last)
    except Exception as error:
        why = _first_line(error)
        if not isinstance(error, ShapeError | TypeError):  # those are sentences of the trace
            why = f"an input of {'×'.join(map(str, shape))} cannot be traced: {why}"
        return Trace((), shape, why), None
    finally:
        for module, state in reversed(before):
            module.__dict__ = state


# ---- layers ----------------------------------------------------------------------------------------------------------


def editable(model: Any) -> dict[str, dict[str, int]]:
    """The layers that can be changed, by name, with their settings as they are."""
    found = {name or WHOLE: settings_of(module) for name, module in model.named_modules()}
    return {name: settings for name, settings in found.items() if settings}


def settings_of(layer: Any) -> dict[str, int]:
    """What may be changed of a layer, as it is. Left out are words, such as padding="same", and what is not known yet,
    such as the channels that a lazy layer takes."""
    names = next((SETTINGS[c.__name__] for c in _torch_classes(layer) if c.__name__ in SETTINGS), ())
    if type(layer).__name__ == "NonDynamicallyQuantizableLinear":
        return {}  # attention reads its weights and never calls it
    if "Pool" not in _torch_class(layer).__name__ and "weight" not in layer._parameters:
        names = [name for name in names if name in WITHOUT_WEIGHTS]  # weight_norm and pruning make the weights anew
    found = {name: _one(getattr(layer, name, None)) for name in names}
    return {name: value for name, value in found.items() if value is not None and value >= LEAST.get(name, 1)}


def _one(value: Any) -> int | None:
    """A setting as one number: the larger of two sides."""
    sides = value if isinstance(value, tuple | list) and value else (value,)
    return max(sides) if all(isinstance(side, int) and not isinstance(side, bool) for side in sides) else None


def is_so(layer: Any, name: str, value: int) -> bool:
    """Whether a setting has this value, on all sides."""
    now = getattr(layer, name)
    return all(side == value for side in now) if isinstance(now, tuple | list) else now == value


def changed(layer: Any, settings: Mapping[str, int]) -> Any:
    """A layer like this one with other settings, on the meta device. Raises ShapeError where there is no such layer.

    Its class, hooks and dtype are the layer's, and so is each parameter whose shape stays, which others may share.
    """
    import torch

    from cnnlab.shapes import ShapeError

    kind = _torch_class(layer)
    try:
        with torch.device("meta"):
            made = vars(kind(**{**_arguments(layer), **settings}))
    except Exception as error:
        raise ShapeError(_why_not({**_arguments(layer), **settings}, error)) from error
    taken = {name: made[name] for name in (*settings, "_reversed_padding_repeated_twice") if name in made}
    new = object.__new__(type(layer))
    new.__dict__ = {**vars(layer), **taken}
    for table in ("_parameters", "_buffers"):
        mine = vars(layer)[table]
        new.__dict__[table] = {name: _kept(old, made[table].get(name)) for name, old in mine.items()}
    return new


def _state(layer: Any, settings: Mapping[str, int]) -> dict[str, Any]:
    """The attributes of the changed layer; of one that cannot be made: those of the old, and a forward that refuses."""
    from cnnlab.shapes import ShapeError

    try:
        return vars(changed(layer, settings))
    except ShapeError as error:
        reason = str(error)

    def forward(*args: Any, **kwargs: Any) -> None:
        raise ShapeError(reason)

    return {**vars(layer), "forward": forward}


def _kept(old: Any, made: Any) -> Any:
    """The old tensor where the new one has its shape, else the new one in its dtype."""
    import torch

    lazy = torch.nn.parameter.is_lazy
    if old is None or made is None or lazy(old) or lazy(made) or old.shape == made.shape:
        return old
    made = made.detach().to(old.dtype)
    return torch.nn.Parameter(made, old.requires_grad) if isinstance(old, torch.nn.Parameter) else made


def _torch_classes(layer: Any) -> list[type]:
    """The classes of torch.nn that a layer is made of, the nearest first."""
    from torch import nn

    return [kind for kind in type(layer).__mro__ if getattr(nn, kind.__name__, None) is kind]


def _torch_class(layer: Any) -> type:
    return _torch_classes(layer)[0]


def _arguments(layer: Any) -> dict[str, Any]:
    """What torch's own class was given when the layer was made."""
    names = [name for name in inspect.signature(_torch_class(layer)).parameters if name not in ("device", "dtype")]
    found = {name: getattr(layer, name) for name in names if hasattr(layer, name)}
    return {**found, "bias": layer.bias is not None} if "bias" in found else found


def _why_not(settings: Mapping[str, Any], error: Exception) -> str:
    """Why there is no layer with these settings."""
    parts = GROUPS.get("num_channels" if "num_channels" in settings else "in_channels")
    groups = settings.get(parts, 1)
    for name in ("in_channels", "out_channels", "num_channels"):
        value = settings.get(name, 0)
        if value % groups:
            return f"{name}={value} is not a multiple of {parts}={groups}; give one, or {parts}={gcd(value, groups)}"
    if settings.get("padding") == "same" and {settings["stride"]} - {1, (1,), (1, 1), (1, 1, 1)}:
        return f"stride={settings['stride']} does not go with padding='same'; give stride=1, or the padding in pixels"
    return f"no layer can be made with these settings ({_first_line(error)}); give smaller numbers"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


# ---- code ------------------------------------------------------------------------------------------------------------


def code(model: Any, name: str, settings: Mapping[str, int]) -> list[str]:
    """The PyTorch that changes this layer of `model`, line by line; a comment where there is no such layer."""
    from cnnlab.shapes import ShapeError

    layer = module_at(model, name)
    try:
        new = changed(layer, settings)
    except ShapeError as error:
        return [f"# {name} cannot be changed to {', '.join(f'{k}={v}' for k, v in settings.items())}: {error}"]
    if not _is_plain(model, layer):
        return _in_place(name, layer, new, settings)
    if name == WHOLE:
        return [f"model = {_call(new)}"]
    places = [where for where, module in model.named_modules(remove_duplicate=False) if module is layer]
    if len(places) == 1:
        return [f'model.set_submodule("{name}", {_call(new)})']
    return [f"layer = {_call(new)}", *(f'model.set_submodule("{place}", layer)' for place in places)]


def _is_plain(model: Any, layer: Any) -> bool:
    """Whether torch's own class makes the layer, with nothing hung on it and no weights that another layer shares."""
    from torch.nn.parameter import is_lazy

    own = {id(parameter) for parameter in layer.parameters()}
    others = [module for module in model.modules() if module is not layer]
    shared = any(id(p) in own for module in others for p in module._parameters.values() if p is not None)
    # A list or dict of one's own, which set_submodule does not reach.
    held = (
        v.values() if isinstance(v, dict) else v
        for m in others
        for k, v in vars(m).items()
        if k != "_modules" and isinstance(v, dict | list | tuple)
    )
    listed = any(each is layer for values in held for each in values)
    hung = layer._forward_hooks or (layer._forward_pre_hooks and not any(map(is_lazy, layer.parameters())))
    return type(layer) is _torch_class(layer) and not (shared or listed or hung or any(layer.children()))


def _call(layer: Any) -> str:
    """The call that makes a layer of torch's own."""
    import torch

    kind, given = _torch_class(layer), _arguments(layer)
    words = []
    for name, parameter in inspect.signature(kind).parameters.items():
        if name in given:
            value = given[name]
            if isinstance(value, tuple | list) and len(set(value)) == 1:
                value = value[0]  # one number for all sides
            if parameter.default is parameter.empty and name != "kernel_size":
                words.append(repr(value))
            elif value != parameter.default:
                words.append(f"{name}={value!r}")
    dtype = next((p.dtype for p in layer.parameters()), torch.float32)
    words += [f"dtype={dtype}"] if dtype != torch.float32 else []
    return f"nn.{kind.__name__}({', '.join(words)})"


def _in_place(name: str, layer: Any, new: Any, settings: Mapping[str, int]) -> list[str]:
    """Lines that change what is there: of a class of one's own only its author knows how it is made."""
    lines = ["layer = model" if name == WHOLE else f'layer = model.get_submodule("{name}")']
    for key in (*settings, "_reversed_padding_repeated_twice"):
        if getattr(new, key, None) != getattr(layer, key, None):
            lines.append(f"layer.{key} = {getattr(new, key)!r}")
    anew = []
    for key, value in {**new._parameters, **new._buffers}.items():
        if value is not getattr(layer, key):
            empty = f"layer.{key}.new_empty({', '.join(map(str, value.shape))})"
            anew.append(f"layer.{key} = {f'nn.Parameter({empty})' if key in new._parameters else empty}")
    return [*lines, *anew, *(["layer.reset_parameters()"] if anew else [])]


def advice(settings: Mapping[str, int], name: str, given: int) -> dict[str, int]:
    """What makes a layer take `given` channels. Groups that no longer divide them follow, and a depthwise convolution
    stays one.
    >>> advice({"in_channels": 8, "out_channels": 16, "groups": 8}, "in_channels", 6)
    {'in_channels': 6, 'groups': 6, 'out_channels': 12}
    """
    parts = GROUPS.get(name)
    groups = settings.get(parts, 1)
    if parts == "groups" and groups == settings[name] > 1:
        return {name: given, parts: given, "out_channels": settings["out_channels"] // groups * given}
    return {name: given} if given % groups == 0 else {name: given, parts: gcd(groups, given)}
