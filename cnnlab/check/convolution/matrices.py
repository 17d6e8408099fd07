"""Checkers of chapter 01: as_matrix, dense_edges."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from cnnlab.check.convolution.edges import correlate
from cnnlab.check.frame.calling import a_kind
from cnnlab.check.frame.judging import call, compare, exercise, number, seeded
from cnnlab.check.frame.showing import grids, value_text
from cnnlab.check.frame.verdict import Wrong


def columns(X: torch.Tensor, h: int, w: int) -> torch.Tensor:
    return F.unfold(X[None, None], (h, w))[0]


def jacobian(K: torch.Tensor, H: int, W: int, f: Callable = correlate) -> torch.Tensor:
    """The matrix of a linear map, from what it makes of images with a single 1."""
    basis = torch.eye(H * W, dtype=K.dtype).reshape(-1, H, W)
    return torch.stack([f(image, K).flatten() for image in basis], 1)


def never_skips(K: torch.Tensor, H: int, W: int) -> torch.Tensor:
    """The Toeplitz matrix of somebody who shifts every row by one, past the ends of the image's rows."""
    h, w = K.shape
    T = torch.zeros((H - h + 1) * (W - w + 1), H * W, dtype=K.dtype)
    for row in range(len(T)):
        for a in range(h):
            T[row, row + a * W : row + a * W + w] = K[a]
    return T


@exercise
def as_matrix(run, im2col, toeplitz) -> str:
    draw = seeded(3)
    sides = [((2, 3), (1, 2)), ((3, 3), (2, 2)), ((4, 5), (3, 2)), ((5, 4), (2, 3)), ((7, 6), (3, 3)), ((3, 4), (3, 4))]
    compare(
        run,
        im2col,
        [call(draw(*image), *side) for image, side in sides],
        columns,
        {
            "transposed: one window is one column": lambda X, h, w: columns(X, h, w).t(),
            "a window is read column by column; K.flatten() goes row by row": lambda X, h, w: (
                X.unfold(0, h, 1).unfold(1, w, 1).permute(3, 2, 0, 1).reshape(h * w, -1)
            ),
            "the windows go down first; the outputs are counted row by row": lambda X, h, w: (
                X.unfold(0, h, 1).unfold(1, w, 1).permute(2, 3, 1, 0).reshape(h * w, -1)
            ),
            "windows may overlap: they are one pixel apart": lambda X, h, w: F.unfold(
                X[None, None], (h, w), stride=(h, w)
            )[0],
        },
    )
    compare(
        run,
        toeplitz,
        [call(draw(*side), *image) for image, side in sides],
        jacobian,
        {
            "transposed: one row of T is one output": lambda K, H, W: jacobian(K, H, W).t(),
            "this is the matrix of true convolution: the kernel is turned": lambda K, H, W: jacobian(
                K.flip(0, 1), H, W
            ),
            "shifted by one from row to row; at the end of an image row the kernel has to jump": never_skips,
            "one line of the image is W pixels long, not H": lambda K, H, W: jacobian(K, W, H),
        },
        given=lambda K, H, W: f"toeplitz({value_text(K)}, H={H}, W={W})",
    )
    return "One product gives every output: with the windows in a matrix, or with the kernel in one."


def dense_slip(layer: nn.Linear, h: int, w: int, mine: torch.Tensor, X: torch.Tensor) -> str:
    """A word for what the layer does instead."""
    image, K = X.reshape(h, w), torch.tensor([[1.0, -1.0]])
    others = {
        "the sign is turned: the kernel (1, −1) takes the left pixel minus the right one": -correlate(image, K),
        "these are differences between neighbours in the flattened image; the last pixel of a row and the first of "
        "the next are no neighbours": (X[:-1] - X[1:])[: h * (w - 1)],
    }
    if h > 1:
        others["the differences go from top to bottom"] = correlate(image, K.t())
    for sentence, other in others.items():
        if mine.numel() == other.numel() and torch.allclose(mine, other.flatten(), atol=1e-5):
            return sentence
    free = layer.bias is not None and torch.allclose(mine - layer.bias, correlate(image, K).flatten(), atol=1e-5)
    return "the weights are right; the bias is still the random one" if free else ""


@exercise
def dense_edges(run, dense_layer, weights) -> str:
    generator = torch.Generator().manual_seed(4)
    for h, w in [(1, 2), (2, 3), (3, 3), (4, 6), (7, 5)]:
        text = f"dense_layer({h}, {w})"
        layer = run(dense_layer, h, w, given=text)
        if not isinstance(layer, nn.Linear):
            raise Wrong("An nn.Linear is wanted.", call=text, got=a_kind(layer))
        if layer.in_features != h * w or layer.weight.shape != (h * (w - 1), h * w):
            known = (layer.out_features, layer.in_features) == (h * w, h * (w - 1))
            narrow = layer.out_features == h * w or layer.out_features == (h - 1) * w
            slip = "nn.Linear takes the inputs first, then the outputs" if known else ""
            slip = slip or ("the map is one column narrower than the image: h · (w − 1) outputs" if narrow else "")
            wanted = f"{h * w} inputs, {h * (w - 1)} outputs"
            got = f"{layer.in_features} inputs, {layer.out_features} outputs"
            raise Wrong("The layer has the wrong size.", call=text, got=got, wanted=wanted, slip=slip)
        for _ in range(3):
            X = torch.randn(h * w, generator=generator)
            mine = run(layer.float(), X, given=f"{text}(X.flatten())").detach()
            wanted = correlate(X.reshape(h, w), torch.tensor([[1.0, -1.0]]))
            if not torch.allclose(mine, wanted.flatten(), atol=1e-5):
                image, mine_grid = value_text(X.reshape(h, w)), mine.reshape(h, w - 1)
                raise Wrong(
                    "The edge map differs.",
                    call=f"{text}, image {image}",
                    got=value_text(mine_grid),
                    wanted=value_text(wanted),
                    picture=grids(mine_grid, wanted),
                    slip=dense_slip(layer, h, w, mine, X),
                )
    number(
        weights,
        28 * 28 * 28 * 27,
        {
            "the map is 28 × 27, one column narrower than the image": 28**4,
            "biases are not weights": 28 * 28 * 28 * 27 + 28 * 27,
            "most of them are zero, and the layer stores and learns the zeros too": 2 * 28 * 27,
            "these are the inputs; every output has a weight for every one of them": 28 * 28,
            "these are the weights of the convolution": 2,
        },
        name="weights",
    )
    return "The dense layer finds the same edges; it stores 592,704 weights where a kernel has 2."
