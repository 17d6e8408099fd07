"""Stacks of layers: how they may be written, the named ones, and the PyTorch that makes them."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import traitlets

from cnnlab.explore.field.numbers import Chain, Step
from cnnlab.explore.kit.settings import LONGEST_SIDE, said

KINDS = ("conv", "pool")
MOST_LAYERS, MOST_TAPS = 40, 2**19  # layers of a stack, and taps that are followed back through it
SETTINGS = ("kernel", "stride", "padding", "dilation")

CONV3, HALVE = Step("conv", 3, padding=1), Step("pool", 2, 2)

# name: (size of the input, layers)
STACKS: dict[str, tuple[int, tuple[Step, ...]]] = {
    "one 5×5": (28, (Step("conv", 5),)),
    "two 3×3": (28, (Step("conv", 3),) * 2),
    "VGG block": (28, (CONV3, CONV3, HALVE)),
    "two VGG blocks": (28, (CONV3, CONV3, HALVE) * 2),
    "dilated 1, 2, 4": (28, tuple(Step("conv", 3, padding=d, dilation=d) for d in (1, 2, 4))),
    "dilated 2, 2, 2": (28, (Step("conv", 3, padding=2, dilation=2),) * 3),
    # torchvision's features: Krizhevsky 2014; Simonyan and Zisserman 2015, configuration D
    "AlexNet": (
        224,
        (
            Step("conv", 11, 4, 2),
            Step("pool", 3, 2),
            Step("conv", 5, padding=2),
            Step("pool", 3, 2),
            *(CONV3,) * 3,
            Step("pool", 3, 2),
        ),
    ),
    "VGG-16": (224, (CONV3, CONV3, HALVE) * 2 + (CONV3, CONV3, CONV3, HALVE) * 3),
}


def step(value: object) -> Step:
    """A layer from a Step, from (kernel, stride, padding, dilation), or from a kind and then these.
    >>> step(("pool", 2))
    Step(kind='pool', kernel=2, stride=2, padding=0, dilation=1)
    """
    given = [value] if isinstance(value, int) else list(value)
    kind = given.pop(0) if given and isinstance(given[0], str) else "conv"
    if kind not in KINDS or not 1 <= len(given) <= len(SETTINGS) or any(isinstance(each, bool) for each in given):
        raise ValueError
    numbers = [operator.index(each) for each in given]
    # As in PyTorch, a pooling moves by its own kernel unless told otherwise.
    return Step(kind, *(numbers * 2 if kind == "pool" and len(numbers) == 1 else numbers))


class Layers(traitlets.TraitType):
    """A stack of layers, each as `step` reads it. Numbers that no layer can have pass: the explorer explains them."""

    default_value = ()

    def validate(self, owner: traitlets.HasTraits, value: object) -> tuple[Step, ...]:
        if not isinstance(value, Sequence) or isinstance(value, str):
            self._refuse(value, "is no list of layers")
        if len(value) > MOST_LAYERS:
            raise traitlets.TraitError(
                f"{self.name} of {len(value):,} layers is more than the {MOST_LAYERS} computed here; give fewer"
            )
        steps = tuple(self._step(each) for each in value)
        if (taps := taps_followed(steps)) > MOST_TAPS:
            raise traitlets.TraitError(
                f"{self.name}: a field over {taps:,} taps is more than the {MOST_TAPS:,} that are followed here; give"
                " fewer layers or smaller kernels"
            )
        return steps

    def _step(self, value: object) -> Step:
        try:
            made = step(value)
            if not all(abs(number) <= LONGEST_SIDE for number in made[1:]):
                self._refuse(value, f"has a number larger than {LONGEST_SIDE}")
            return made
        except (TypeError, ValueError):
            self._refuse(value, "is no layer")

    def _refuse(self, value: object, why: str) -> None:
        raise traitlets.TraitError(
            f'{self.name}: {said(value)} {why}; give each as ("conv" or "pool", kernel, stride, padding, dilation),'
            " or the first few of these"
        ) from None


def taps_followed(steps: Sequence[Step]) -> int:
    """How many taps a walk from every map back to the input meets at most.
    >>> taps_followed([Step("conv", 3), Step("conv", 3)])  # 3 from the first map, 3 and then 3 · 3 from the second
    15
    """
    total = 0
    for number in range(1, len(steps) + 1):
        seen = span = 1
        for _, kernel, stride, _, dilation in reversed(steps[:number]):
            total += seen * kernel
            span = (span - 1) * stride + (kernel - 1) * dilation + 1
            seen = min(seen * kernel, span)
    return total


def torch_line(layer: Step, channels: str = "1, 1, ") -> str:
    """The PyTorch that makes one layer.
    >>> torch_line(Step("pool", 2, 2)), torch_line(Step("conv", 3, padding=1))
    ('nn.MaxPool2d(2)', 'nn.Conv2d(1, 1, kernel_size=3, padding=1)')
    """
    usual = {"stride": layer.kernel if layer.kind == "pool" else 1, "padding": 0, "dilation": 1}
    rest = "".join(f", {key}={getattr(layer, key)}" for key, value in usual.items() if getattr(layer, key) != value)
    if layer.kind == "pool":
        return f"nn.MaxPool2d({layer.kernel}{rest})"
    return f"nn.Conv2d({channels}kernel_size={layer.kernel}{rest})"


def larger_input(chain: Chain, most: int = 600) -> int | None:
    """The least input, of up to `most` px, on which every layer exists."""
    sizes = range(chain.size + 1, most + 1)
    return next((size for size in sizes if Chain(size, chain.steps).error is None), None)
