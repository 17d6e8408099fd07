"""The same network plain and residual: how large the gradient is at every block before the first step."""

from __future__ import annotations

from functools import lru_cache
from math import isfinite

import ipywidgets as widgets
import traitlets

from cnnlab.draw import paper
from cnnlab.explore.kit.limits import said_in_code, ways_out
from cnnlab.explore.kit.settings import Real, Whole, setting
from cnnlab.explore.kit.told import ToldExplorer
from cnnlab.explore.residual.picture import residual_picture
from cnnlab.explore.residual.signal import Net, Signals, signals

PRESETS = {
    "narrow weights": {"depth": 10, "width": 32, "gain": 0.6, "norm": False, "zero": False},
    "He's weights": {"depth": 10, "width": 32, "gain": 1.0, "norm": False, "zero": False},
    "with batch norm": {"depth": 20, "width": 32, "gain": 1.0, "norm": True, "zero": False},
    "batch norm, start as nothing": {"depth": 20, "width": 32, "gain": 1.0, "norm": True, "zero": True},
}
MOST_WEIGHTS = 2**19  # of each network
_signals = lru_cache(maxsize=64)(signals)


class ResidualExplorer(ToldExplorer):
    """`depth` blocks of two dense layers, with shortcuts and without, from the same weights. All settings are traits.

    gain: standard deviation of the weights in units of He's √(2 / width). norm: batch norm. zero: the last layer of
    each residual block starts from zero, so that the block starts as nothing; a plain one would pass nothing on. The 64
    inputs and their labels are random.
    """

    presets = PRESETS
    first = "narrow weights"

    depth = setting(Whole(10, most=200), slide=(1, 40), label="blocks")
    width = setting(Whole(32, most=256), slide=(4, 64))
    gain = setting(
        Real(0.6, 0, 1e12, "more than 0, such as 1, and at most 1e12", above=True),
        slide=(0.1, 2.0, 0.05),
        label="gain of weights",
    )
    norm = setting(traitlets.Bool(False), label="batch norm after each layer", tooltip="over the 64 inputs")
    zero = setting(
        traitlets.Bool(False),
        label="residual: start as nothing",
        tooltip="the last layer of each residual block, or its γ, is zero",
    )

    # ---- results ----

    def net(self, shortcut: bool) -> Net:
        """The network that is measured."""
        return Net(self.depth, self.width, shortcut, self.norm, self.gain, self.zero and shortcut)

    @property
    def error(self) -> str | None:
        """Why there is nothing to draw; None where there is."""
        if self._weights > MOST_WEIGHTS:
            sentence = f"{self._weights:,} weights are more than the {MOST_WEIGHTS:,} that are drawn at random here"
            return f"{sentence}; lower depth or width"
        numbers = [n for found in (self.plain, self.residual) for n in (*found.gradients, *found.activations)]
        if all(map(isfinite, numbers)):
            return None
        where = f"gain {self.gain:g} over {self.depth} blocks"
        return f"values grow beyond what a number holds with {where}; lower one of them"

    @property
    def _weights(self) -> int:
        return _weights(self.depth, self.width)

    @property
    def plain(self) -> Signals:
        """Gradient at, and size of, every block's output, without shortcuts."""
        return _signals(self.net(False))

    @property
    def residual(self) -> Signals:
        """The same with shortcuts."""
        return _signals(self.net(True))

    @property
    def out_shape(self) -> tuple[int, int]:
        return (64, 10)

    def stories(self) -> dict[str, str]:
        """What the picture says, part by part."""
        told = {}
        for name, found in (("plain", self.plain), ("residual", self.residual)):
            first, last = found.gradients[0], found.gradients[-1]
            ends = (
                f"{_size(found.activations[0])} after block 1, {_size(found.activations[-1])} after block {self.depth}"
            )
            told[name] = (
                f"{name}: the gradient that arrives at block 1 is {_size(first)}, at the last block {_size(last)}:"
                f" {_size(found.reach)} of it; values {ends}"
            )
        return told

    def code(self) -> str:
        """A block in PyTorch."""
        layer = "nn.Linear(width, width, bias=False)"
        norm = ", nn.BatchNorm1d(width)" if self.norm else ""
        return (
            f"f = nn.Sequential({layer}{norm}, nn.ReLU(), {layer}{norm})\n# plain: relu(f(X)); residual: relu(f(X) + X)"
        )

    def __repr__(self) -> str:
        result = "nothing computed"
        if self._weights <= MOST_WEIGHTS:
            reach = f"plain {_size(self.plain.reach)}, residual {_size(self.residual.reach)}"
            result = f"first gradient to last: {reach}"
        return f"ResidualExplorer({self.depth} blocks of 2 layers, width {self.width} → {result})"

    # ---- picture and controls ----

    def _drawn_with(self, **options: object) -> str:
        if self.error:
            return paper.document(
                paper.refusal(self.error, 20, 70, 600), 140, (repr(self), self.error), "cnnlab-residual", **options
            )
        nets = {"plain": self.plain, "residual": self.residual}
        pairs = {name: (found.gradients, found.activations) for name, found in nets.items()}
        return residual_picture(pairs, self.stories(), repr(self), **options)

    def _offers(self) -> list[tuple[dict[str, object], str]]:
        if self._weights > MOST_WEIGHTS:
            now, start = {"depth": self.depth, "width": self.width}, {"depth": 10, "width": 32}
            ways = ways_out(start, now, lambda way: _weights(**{**now, **way}) <= MOST_WEIGHTS)
            return [(way, said_in_code(way)) for way in ways]
        return [({"gain": 1.0}, "gain = 1"), ({"depth": 10}, "depth = 10")] if self.error else []

    def _controls(self) -> widgets.Widget:
        return self._columns(["depth", "width"], ["gain", "norm", "zero"])


def _weights(depth: int, width: int) -> int:
    return 2 * depth * width**2


def _size(number: float) -> str:
    return "0" if number == 0 else f"{number:.2g}"
