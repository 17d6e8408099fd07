"""How much of one layer is computed and listed, so that every setting is answered at once and none fills the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import prod

from cnnlab.explore.kit.settings import Size

VALUES = 2**19  # of a padded input or a whole output
PRODUCTS = 2**24  # weights times pixels
POOLED, READS = 2**16, 2**17  # the same of a pooling, which is computed window by window
POSITIONS = 2**15  # positions that windows list along one axis
ASKED = 2**26  # numbers of a layer that PyTorch makes
MOST_OFFERS = 4
LOWER = "lower one of the settings"

Pair = tuple[int, int]


def too_large(
    kernel_size: Pair, met: Pair, sizes: Iterable[Pair], maps: int = 1, values: int = VALUES, products: int = PRODUCTS
) -> str | None:
    """Why one layer is not computed; None where it is. `met`: how often a weight is used; `sizes`: of all maps made.
    >>> too_large((3, 3), (222, 222), [(224, 224), (222, 222)])
    >>> too_large((1, 1), (9, 9), [(9, 9), (1000, 1000)])
    'a map of 1,000 × 1,000 px is larger than the 524,288 px computed here; lower one of the settings'
    """
    largest, needed = max(sizes, key=prod), maps * prod(kernel_size) * prod(met)
    positions = max(k * m for k, m in zip(kernel_size, met, strict=True))
    by = f"{largest[0]:,} × {largest[1]:,} px"
    if prod(largest) > values:
        return f"a map of {by} is larger than the {values:,} px computed here; {LOWER}"
    if maps * prod(largest) > 2 * values:
        return f"{maps} maps of {by} are larger than the {2 * values:,} px computed here; {LOWER}"
    if needed > products:
        return f"windows that read {needed:,} pixels are more than the {products:,} computed here; {LOWER}"
    if positions > POSITIONS:
        return f"{positions:,} positions along one axis are more than the {POSITIONS:,} that are listed here; {LOWER}"
    return None


def too_large_to_ask(
    channels: tuple[int, int, int], kernel_size: Pair, met: Pair, sizes: tuple[Pair, Pair]
) -> str | None:
    """Why PyTorch is not asked to make a layer: its numbers, or its products. Channels are in, out and groups."""
    c_in, c_out, groups = channels
    weights = c_out * (c_in // groups) * prod(kernel_size)
    numbers = weights + c_in * prod(sizes[0]) + c_out * prod(sizes[1])
    if numbers > ASKED:
        return f"{numbers:,} weights and pixels are more than the {ASKED:,} stored here; lower the channels"
    if weights * prod(met) > 16 * ASKED:
        return f"{weights * prod(met):,} products are more than the {16 * ASKED:,} computed here; lower the channels"
    return None


def ways_out(
    start: Mapping[str, Size], now: Mapping[str, Size], works: Callable[[dict[str, Size]], bool]
) -> list[dict[str, Size]]:
    """The changes of one setting to that of `start` that make a layer work, or all of them at once where none does."""
    changes = [{name: value} for name, value in start.items() if now[name] != value]
    return [change for change in changes if works(change)][:MOST_OFFERS] or [dict(start)]


def said_in_code(change: Mapping[str, object]) -> str:
    """A change as it is written in code.
    >>> said_in_code({"size": 12, "stride": (1, 2)})
    'size = 12, stride = (1, 2)'
    """
    return ", ".join(f"{name} = {value}" for name, value in change.items())
