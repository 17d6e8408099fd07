"""A small dense network, plain or residual, forward and backward by hand: how large signals are, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt

import numpy as np

CLASSES, IMAGES, EPS = 10, 64, 1e-5


@dataclass(frozen=True)
class Net:
    """`depth` blocks of two dense layers over `width` units; a block is relu(f(x)), or relu(f(x) + x) with shortcuts.

    gain: standard deviation of the weights, in units of He's √(2 / width). norm: batch norm after each layer. zero: the
    second layer of each block (its γ, where there is batch norm) starts from zero.
    """

    depth: int
    width: int
    shortcut: bool
    norm: bool = False
    gain: float = 1.0
    zero: bool = False
    seed: int = 0

    def parameters(self) -> tuple[list[np.ndarray], np.ndarray]:
        """Weights (width, width) of the 2 · depth layers, in order, and (width, 10) of the last."""
        random = np.random.Generator(np.random.PCG64(self.seed))
        deviation = self.gain * sqrt(2 / self.width)
        weights = [deviation * random.standard_normal((self.width, self.width)) for _ in range(2 * self.depth)]
        if self.zero and not self.norm:
            weights[1::2] = [np.zeros_like(weight) for weight in weights[1::2]]
        return weights, random.standard_normal((self.width, CLASSES)) / sqrt(self.width)

    def gammas(self) -> list[float]:
        """γ of every layer's batch norm at the start."""
        return [0.0 if self.zero and number % 2 else 1.0 for number in range(2 * self.depth)]

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """(64, width) inputs and (64,) labels, drawn once."""
        random = np.random.Generator(np.random.PCG64(1000 + self.seed))
        return random.standard_normal((IMAGES, self.width)), random.integers(0, CLASSES, IMAGES)


@dataclass
class Signals:
    """Of each block's output, first block first: the length of the gradient there, and the root mean square."""

    gradients: list[float] = field(default_factory=list)
    activations: list[float] = field(default_factory=list)

    @property
    def reach(self) -> float:
        """The gradient at the first block as a share of that at the last."""
        return self.gradients[0] / self.gradients[-1] if self.gradients[-1] else 0.0


@np.errstate(over="ignore", invalid="ignore")  # who asks sees inf or nan
def signals(net: Net) -> Signals:
    """Both, for one batch through a fresh network with cross-entropy."""
    weights, head = net.parameters()
    X, labels = net.data()
    found, tape = Signals(), []
    for number in range(net.depth):
        kept, block_in = [], X
        for inner in (0, 1):
            place = 2 * number + inner
            Z = X @ weights[place]
            normed = _normalise(Z, net.gammas()[place]) if net.norm else None
            Z = normed[0] if normed else Z
            Z = Z + block_in if inner and net.shortcut else Z
            X = np.maximum(Z, 0)
            kept.append((normed, Z > 0))
        found.activations.append(float(np.sqrt(np.mean(X**2))))
        tape.append(kept)
    gradient = _softmax_gradient(X @ head, labels) @ head.T
    found.gradients = _backward(net, weights, tape, gradient)
    return found


def _backward(net: Net, weights: list[np.ndarray], tape: list, gradient: np.ndarray) -> list[float]:
    sizes = []
    for number in reversed(range(net.depth)):
        sizes.append(float(np.linalg.norm(gradient)))
        skipped = None
        for inner in (1, 0):
            normed, passed = tape[number][inner]
            gradient = gradient * passed
            if inner and net.shortcut:
                skipped = gradient
            inward = _normalise_backward(gradient, normed) if normed else gradient
            gradient = inward @ weights[2 * number + inner].T
        gradient = gradient if skipped is None else gradient + skipped
    return sizes[::-1]


def _normalise(Z: np.ndarray, gamma: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    root = np.sqrt(Z.var(axis=0) + EPS)
    hat = (Z - Z.mean(axis=0)) / root
    return gamma * hat, hat, root, gamma


def _normalise_backward(gradient: np.ndarray, kept: tuple) -> np.ndarray:
    _, hat, root, gamma = kept
    inner = gradient - gradient.mean(axis=0) - hat * (gradient * hat).mean(axis=0)
    return gamma * inner / root


def _softmax_gradient(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Of the mean cross-entropy over the batch, with respect to the scores."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    shares[np.arange(len(labels)), labels] -= 1
    return shares / len(labels)
