"""Shape and cost of one pooling layer in words, with the numbers that make them."""

from __future__ import annotations

from cnnlab import shapes
from cnnlab.draw.grid import Grid
from cnnlab.explore.kit.window import arithmetic
from cnnlab.explore.pool.numbers import PAD, Pool


def pool_facts(pool: Pool, still: Grid) -> list[tuple[str, str]]:
    """Name and arithmetic of every fact; `still` is the image before it was moved. Needs a layer that can exist."""
    facts = [*_arithmetic(pool), _cost(pool), ("parameters", "nothing is learned: 0")]
    facts += [_padding(pool)] if any(pool.padding) or _overhangs(pool) else []
    facts += [_backward(pool)] if pool.gradient else []
    return facts + ([_moved(pool, still)] if pool.shift else [])


def _arithmetic(pool: Pool) -> list[tuple[str, str]]:
    axes = [pool.axis(axis) for axis in (0, 1)]
    return arithmetic([shapes.explain(*axis, ceil_mode=pool.ceil_mode) for axis in axes], axes[0] == axes[1])


def _cost(pool: Pool) -> tuple[str, str]:
    (k_h, k_w), (o_h, o_w) = pool.kernel_size, pool.out_shape
    steps = f"({k_h}·{k_w} − 1) · {o_h}·{o_w} = {(k_h * k_w - 1) * o_h * o_w:,}"
    if pool.mode == "avg":
        return "additions (no multiply-accumulates)", f"{steps}, and {o_h * o_w:,} divisions"
    return "comparisons (no multiply-accumulates)", steps


def _overhangs(pool: Pool) -> bool:
    return any(counts[-1] < k for counts, k in zip(pool.counts, pool.kernel_size, strict=True))


def _padding(pool: Pool) -> tuple[str, str]:
    parts = []
    if any(pool.padding):
        zeros = "counts as zeros in the mean (PyTorch's count_include_pad=True)"
        parts.append(zeros if pool.mode == "avg" else f"counts as {PAD[pool.mode]}, so it never wins")
    parts += ["the last window's part beyond the edge is left out"] if _overhangs(pool) else []
    return "padding" if any(pool.padding) else "ceil mode", "; ".join(parts)


def _backward(pool: Pool) -> tuple[str, str]:
    sent, arrived = len(pool.places), pool.arrived
    text = f"{sent} sent, {_decimal(arrived)} arrive, on {pool.reached} of {pool.size[0] * pool.size[1]} pixels"
    lost = f"; {_decimal(sent - arrived)} on padding" if arrived < sent else ""
    return "gradient, 1 from each output", text + lost


def _moved(pool: Pool, still: Grid) -> tuple[str, str]:
    rows = zip(still, pool.image, strict=True)
    pixels = sum(before != after for row in rows for before, after in zip(*row, strict=True))
    every = pool.size[0] * pool.size[1]
    text = f"{len(pool.changed)} of {len(pool.places)} outputs changed, {pixels} of {every} pixels"
    return f"moved right by {pool.shift} px", text


def _decimal(value: object) -> str:
    return f"{float(value):.2f}".rstrip("0").rstrip(".")
