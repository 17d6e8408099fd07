"""Checkers of chapter 02: padding and stride."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from cnnlab.check.frame.judging import call, compare, drawn_calls, exercise, number
from cnnlab.check.frame.showing import value_text
from cnnlab.check.frame.values import as_items, as_numbers
from cnnlab.check.frame.verdict import Wrong

SMALL, LARGE = ((1, 40), (1, 7), (1, 4), (0, 3), (1, 3)), ((1, 5_000), (1, 60), (1, 50), (0, 50), (1, 20))


def settings() -> list:
    """Random settings that fit, small ones first; the large ones are not too large for an answer that tries every place."""
    return drawn_calls(2, lambda n, k, s, p, d: n + 2 * p >= d * (k - 1) + 1, (40, SMALL), (20, LARGE))


def length(n: int, k: int, s: int, p: int, d: int) -> int:
    """torch's own answer, from a tensor without numbers."""
    return F.conv1d(torch.empty(1, 1, n, device="meta"), torch.empty(1, 1, k, device="meta"), None, s, p, d).shape[2]


@exercise("Output size from scratch", level=1, minutes=10)
def out_size(run, out_size) -> str:
    slips = {
        "the + 1 is missing: the first window counts too": lambda n, k, s, p, d: (n + 2 * p - d * (k - 1) - 1) // s,
        "padding is per side: it counts twice": lambda n, k, s, p, d: (n + p - d * (k - 1) - 1) // s + 1,
        "dilation is left out: k taps span d(k − 1) + 1": lambda n, k, s, p, d: (n + 2 * p - k) // s + 1,
        "dilation times k is one tap too long: the span is d(k − 1) + 1": lambda n, k, s, p, d: (
            (n + 2 * p - d * k) // s + 1
        ),
        "rounded up: a window that does not fit is not read": lambda n, k, s, p, d: (
            -(-(n + 2 * p - d * (k - 1) - 1) // s) + 1
        ),
        "not rounded down: use //": lambda n, k, s, p, d: (n + 2 * p - d * (k - 1) - 1) / s + 1,
    }
    given = "out_size(n={}, k={}, s={}, p={}, d={})".format
    compare(run, out_size, settings(), length, slips, given=given)
    return "60 random settings agree with the size that PyTorch's own convolution gives."


LARGEST = (11, 8, 5)  # kernel, stride and padding that are looked through


def to_56_oracle(keep=lambda k, s, p: True) -> set[tuple[int, int, int]]:
    """All (k, s, p) up to LARGEST for which torch makes 56 pixels of 224."""
    ends = (range(1, LARGEST[0] + 1), range(1, LARGEST[1] + 1), range(LARGEST[2] + 1))
    every = ((k, s, p) for k in ends[0] for s in ends[1] for p in ends[2])
    return {setting for setting in every if keep(*setting) and length(224, *setting, 1) == 56}


@exercise("Every setting that takes 224 to 56", level=2, minutes=15)
def to_56(run, to_56) -> str:
    given, wanted = run(to_56), to_56_oracle()
    rows = [as_numbers(row) for row in as_items(given) or ()]
    if not rows or not all(row and len(row) == 3 for row in rows):
        raise Wrong("A set of triples (k, s, p) is wanted.", got=value_text(given))
    found = set(map(tuple, rows))
    if wrong := sorted(found - wanted):
        k, s, p = wrong[0]
        sizes = f"{length(224, k, s, p, 1)} px" if 224 + 2 * p >= k and s > 0 else "nothing"
        slip = "the padding is counted once; it is added on both sides" if (224 + p - k) // s + 1 == 56 else ""
        raise Wrong(f"{len(wrong)} of your settings do not give 56.", call=f"k={k}, s={s}, p={p}", got=sizes, slip=slip)
    if missing := sorted(wanted - found):
        k, s, p = missing[0]
        exact = all((224 + 2 * p - k) % s == 0 for k, s, p in found)
        slip = "only strides that divide evenly are kept; the size is rounded down" if exact else ""
        at_an_end = all(k == LARGEST[0] or s == LARGEST[1] or p == LARGEST[2] for k, s, p in missing)
        slip = slip or ("the largest k, s and p count as well: range(1, 12) ends with 11" if at_an_end else "")
        raise Wrong(f"{len(missing)} settings are missing.", call=f"k={k}, s={s}, p={p} gives 56 too", slip=slip)
    return f"These {len(wanted)} settings, and no others up to k = 11, s = 8, p = 5, take 224 to 56."


def image_and_kernel(sides, seed: int = 0):
    random = torch.Generator().manual_seed(seed)
    for (h, w), k in sides:
        X, K = (torch.randn(*shape, generator=random, dtype=torch.float64) for shape in ((h, w), (k, k)))
        yield call(X, K)


def same(X, K):
    return F.conv2d(X[None, None], K[None, None], padding="same")[0, 0]


def padded(left: int, right: int):
    """Cross-correlation after that many zeros before and after, counted from k: (left + k, right + k) // 2."""

    def slip(X, K):
        before, after = (len(K) + left) // 2, (len(K) + right) // 2
        return F.conv2d(F.pad(X, (before, after) * 2)[None, None], K[None, None])[0, 0]

    return slip


@exercise("An even kernel, the same size", level=2, minutes=10)
def even_same(run, same_conv) -> str:
    slips = {
        "the odd zero stands before the image; PyTorch puts it behind": padded(0, -1),
        "k // 2 on both sides makes an even kernel's map one pixel too large": padded(0, 0),
        "(k − 1) // 2 on both sides makes an even kernel's map one pixel too small": padded(-1, -1),
        "the kernel is turned; a layer of PyTorch does not turn it": lambda X, K: same(X, K.flip(0, 1)),
    }
    calls = image_and_kernel(
        [((2, 3), 2), ((3, 3), 2), ((4, 5), 3), ((5, 5), 4), ((7, 9), 6), ((8, 8), 5), ((9, 12), 1)]
    )
    compare(run, same_conv, calls, same, slips)
    return "Even and odd kernels keep the size, as padding='same' of PyTorch does."


@exercise("Stride 2 on sound, and reflect padding", level=2, minutes=20)
def audio_stride(run, reflect_pad, heard_hz) -> str:
    random = torch.Generator().manual_seed(0)
    calls = [
        call(torch.randn(n, generator=random, dtype=torch.float64), p)
        for n, p in ((3, 1), (4, 2), (6, 5), (9, 0), (20, 3))
    ]

    def mirrored(x, p):
        return F.pad(x[None, None], (p, p), mode="reflect")[0, 0]

    def with_edge(x, p):
        return torch.cat([x[:p].flip(0), x, x[len(x) - p :].flip(0)])

    slips = {
        "the sample at the edge is repeated; a mirror stands on it, not behind it": with_edge,
        "the edge value is repeated; that is replicate padding": lambda x, p: F.pad(
            x[None, None], (p, p), mode="replicate"
        )[0, 0],
        "zeros are added; the samples inside should be mirrored": lambda x, p: F.pad(x, (p, p)),
        "the samples are in their old order; mirror them": lambda x, p: torch.cat(
            [x[1 : p + 1], x, x[len(x) - 1 - p : -1]]
        ),
    }
    compare(run, reflect_pad, calls, mirrored, slips)
    number(
        heard_hz,
        2_000,
        {
            "6,000 Hz is more than half of the new rate: it cannot be told from a lower tone": 6_000,
            "frequencies are not halved by keeping every second sample; the rate is": 3_000,
            "4,000 Hz is the highest tone that the new rate can hold, not the one that is heard": 4_000,
            "the rate of the samples, not the tone": 8_000,
        },
        name="heard_hz",
    )
    return "The mirror is PyTorch's, and the tone folds down to 8,000 − 6,000 Hz."


@exercise("The size of a transposed convolution", level=2, minutes=10)
def transposed_size(run, transposed_size) -> str:
    def fits(n, k, s, p, o, d) -> bool:
        return o < max(s, d) and (n - 1) * s - 2 * p + d * (k - 1) + o + 1 >= 1

    small = ((1, 20), (1, 6), (1, 4), (0, 2), (0, 3), (1, 3))
    large = ((1, 300), (1, 60), (1, 50), (0, 50), (0, 50), (1, 50))
    calls = drawn_calls(5, fits, (40, small), (20, large))

    def torchs(n, k, s, p, o, d):
        x, weight = torch.empty(1, 1, n, device="meta"), torch.empty(1, 1, k, device="meta")
        return F.conv_transpose1d(x, weight, None, s, p, o, 1, d).shape[2]

    slips = {
        "padding is taken away here, on both sides: it crops the output": lambda n, k, s, p, o, d: (
            (n - 1) * s + 2 * p + d * (k - 1) + o + 1
        ),
        "n outputs are n − 1 steps apart, then one whole kernel": lambda n, k, s, p, o, d: (
            n * s - 2 * p + d * (k - 1) + o + 1
        ),
        "output_padding is left out": lambda n, k, s, p, o, d: (n - 1) * s - 2 * p + d * (k - 1) + 1,
        "output_padding is added once, behind, not on both sides": lambda n, k, s, p, o, d: (
            (n - 1) * s - 2 * p + d * (k - 1) + 2 * o + 1
        ),
        "dilation is left out": lambda n, k, s, p, o, d: (n - 1) * s - 2 * p + k + o,
        "dilation times k is one tap too long: the span is d(k − 1) + 1": lambda n, k, s, p, o, d: (
            (n - 1) * s - 2 * p + d * k + o
        ),
        "the + 1 is missing": lambda n, k, s, p, o, d: (n - 1) * s - 2 * p + d * (k - 1) + o,
        "this is the size of the forward convolution": lambda n, k, s, p, o, d: (n + 2 * p - d * (k - 1) - 1) // s + 1,
    }
    given = "transposed_size(n={}, k={}, s={}, p={}, o={}, d={})".format
    compare(run, transposed_size, calls, torchs, slips, given=given)
    return "60 random settings agree with PyTorch's ConvTranspose."
