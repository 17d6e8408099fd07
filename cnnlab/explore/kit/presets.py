"""Small images and kernels of any size, in whole numbers, so that every sum can be checked in one's head."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, wraps

BRIGHTEST = 9  # one digit a pixel stays readable on a small cell
Grid = list[list[int]]
Drawing = Callable[[tuple[int, int]], Grid]


def _remembered(draw: Drawing) -> Drawing:
    # The last few sizes are drawn once; who asks gets new rows.
    kept = lru_cache(maxsize=16)(draw)
    return wraps(draw)(lambda size: [list(row) for row in kept(size)])


def _places(length: int) -> list[float]:
    # Pixel centres on a unit length, so that one drawing serves every size.
    return [(index + 0.5) / length for index in range(length)]


@_remembered
def shirt(size: tuple[int, int]) -> Grid:
    """A striped T-shirt.  (H, W) of 0 … 9"""
    columns = _places(size[1])
    return [[_cloth(y, x) for x in columns] for y in _places(size[0])]


def _cloth(y: float, x: float) -> int:
    aside = abs(x - 0.5)
    body = aside < 0.25 and 0.08 < y < 0.94
    sleeves = 0.08 + 0.3 * (aside - 0.25) < y < 0.52 - 0.35 * (aside - 0.25) and aside < 0.47
    neck = (aside / 0.16) ** 2 + (y / 0.2) ** 2 < 1
    if neck or not (body or sleeves):
        return 0
    return 4 if 0.52 < y < 0.68 else round(9 - 8 * aside) if body else 6


@_remembered
def edge(size: tuple[int, int]) -> Grid:
    """Dark on the left, bright on the right.  (H, W) of 0 … 9"""
    return [[BRIGHTEST if x > 0.5 else 0 for x in _places(size[1])]] * size[0]


@_remembered
def dot(size: tuple[int, int]) -> Grid:
    """One bright pixel: the output is then the kernel itself, turned by 180°.  (H, W) of 0 … 9"""
    image = _zeros(size)
    image[size[0] // 2][size[1] // 2] = BRIGHTEST
    return image


# The first T-shirt of cnnlab.data.drawn.draw_garments(40, seed=1), a row to a line and two digits to a pixel. It is
# written out here because drawing it takes numpy.
GARMENT = """
00000001020201010202020101020202010203020202020000000000
00000000000000000202000000000000000000020201000000000000
0000000000000004494713000000000000000243633b020000000000
0000000000010959adac43020000000000000599eda2140200000000
0000000002306ba6a1a3870500000000000236cff8c63e3603000000
000001032d7b5c90676fa0450401010103195fa2b189466245050000
0003245a7976a8ab7d92c7bb54261d31567079c4c99c6c5bb0630801
0359c69fa473e8c8aeb5ebf6aea3bde5e2b1b0f1fac7a974e1e2761c
0005666f705fbc9b7f8fc7c78c7fadc8b9828fd8daa98262cac06009
00000e485c53a5846c7eb0a36f6991ac936d78b0b57a5e5b9b6e0c00
00000122857accb4a9b9e8de9ea3c4e5c19aa7eeecb0788e9b1d0100
00000002394ea1bbb3c8e5e6adb2dbfacdb5c2ffffb6448e27010000
00000000010464786b89ac9d696daab4897085bbba6f0d1c02000000
0000000000036e8175a2b7aa7570b7bc92708dbbb665030100000000
00000000000480b5b1daf3e6b4abfbffc6b4cbffec86030000000000
0000000000037d8e8abad7c58e9adfdbaa8dbdd4d565030000000000
0000000000037a6c6ea0b0936c77afaa816694bda345020000000000
000000000006c09ea1d7dcc496b1e8db9c9ec3ddc66c030000000000
000000000138dbb8aaedffd7b1c2fcfdbda9d5ffe28e040000000000
000000000250a4716aaebe8b7287b1b87d78abc6a56a070000000000
00000000047ea07370b9b988738ab2ac6e6a9fb09364150000000000
0000000010ebe1bebffffcccb6ddedeeb1aae4fbd4ae3c0200000000
000000023ddbcba2aee5f3b5a2c6ead89baae2f4c89c520200000000
0000000253ae976d7db6b5796a8ca89c716ca8ab866d4b0200000000
0000000497dfb1939bddd39993bcd6c28591ced2a3826e0300000000
00000008d7f8d1b0c8f6f0b1a1d6e8dbaaa6e4ebb8a3980400000000
00000014b1b98d7a92c4bf7f7ca8bfa37e89c2c09d7e840300000000
00000119494b3a313c554f31354d584d38416464453e540200000000
"""


@_remembered
def garment(size: tuple[int, int]) -> Grid:
    """A checked T-shirt with wide sleeves as in Fashion-MNIST, brought to size by area.  (H, W) of 0 … 9"""
    picture = [list(bytes.fromhex(line)) for line in GARMENT.split()]
    down, right = (_shares(new, old) for new, old in zip(size, (len(picture), len(picture[0])), strict=True))
    whole = 255 * len(picture) * len(picture[0])
    tall = [[sum(part * picture[r][c] for r, part in shares) for c in range(len(picture[0]))] for shares in down]
    return [[_rounded(BRIGHTEST * sum(part * row[c] for c, part in shares), whole) for shares in right] for row in tall]


def _shares(new: int, old: int) -> list[list[tuple[int, int]]]:
    """For each new pixel which old ones it covers and how much of them; together they make `old` parts.
    >>> _shares(2, 3)
    [[(0, 2), (1, 1)], [(1, 1), (2, 2)]]
    """
    pixels = range(old)
    parts = [[(j, min((i + 1) * old, (j + 1) * new) - max(i * old, j * new)) for j in pixels] for i in range(new)]
    return [[(j, part) for j, part in covered if part > 0] for covered in parts]


def _rounded(number: int, divisor: int) -> int:
    """The nearest whole number to a fraction; of two that are as near, the even one, as `round` has it."""
    whole, rest = divmod(number, divisor)
    return whole + (2 * rest > divisor or (2 * rest == divisor and whole % 2))


def fit(grid: Sequence[Sequence[int]], size: tuple[int, int]) -> Grid:
    """A grid at another size: cut off, or filled with zeros, at the bottom and the right.
    >>> fit([[1, 2], [3, 4]], (1, 3))
    [[1, 2, 0]]
    """
    whole = _zeros(size)
    for row, given in zip(whole, grid, strict=False):
        part = list(given[: size[1]])
        row[: len(part)] = part
    return whole


@_remembered
def ramp(size: tuple[int, int]) -> Grid:
    """Brighter from the top left to the bottom right.  (H, W) of 0 … 9"""
    columns = _places(size[1])
    return [[int((y + x) / 2 * (BRIGHTEST + 0.99)) for x in columns] for y in _places(size[0])]


def _zeros(size: tuple[int, int]) -> Grid:
    return [[0] * size[1] for _ in range(size[0])]


def _middle(length: int) -> int:
    return (length - 1) // 2


def _sides(length: int) -> Iterable[int]:
    # −1 before the middle, 0 in it, 1 after it.
    return ((2 * i > length - 1) - (2 * i < length - 1) for i in range(length))


def identity_kernel(size: tuple[int, int]) -> tuple[Grid, int]:
    """The middle pixel as it is."""
    weights = _zeros(size)
    weights[_middle(size[0])][_middle(size[1])] = 1
    return weights, 1


def edge_kernel(size: tuple[int, int]) -> tuple[Grid, int]:
    """Right minus left: zero where nothing changes. A kernel one pixel wide takes below minus above."""
    if size == (1, 1):
        return [[1]], 1
    if size[1] > 1:
        return [list(_sides(size[1])) for _ in range(size[0])], 1
    return [[weight] for weight in _sides(size[0])], 1


def blur_kernel(size: tuple[int, int]) -> tuple[Grid, int]:
    """The mean of the window."""
    return [[1] * size[1] for _ in range(size[0])], size[0] * size[1]


def sharpen_kernel(size: tuple[int, int]) -> tuple[Grid, int]:
    """The middle pixel, less its neighbours above, below, left and right."""
    weights = _zeros(size)
    row, column = _middle(size[0]), _middle(size[1])
    near = ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1))
    inside = [(i, j) for i, j in near if 0 <= i < size[0] and 0 <= j < size[1]]
    for i, j in inside:
        weights[i][j] = -1
    weights[row][column] = 1 + len(inside)
    return weights, 1


IMAGES: dict[str, Drawing] = {
    "shirt": shirt,
    "edge": edge,
    "ramp": ramp,
    "dot": dot,
    "garment": garment,
}
# Weights as whole numbers, and what to divide them by.
KERNELS: dict[str, Callable[[tuple[int, int]], tuple[Grid, int]]] = {
    "edge": edge_kernel,
    "blur": blur_kernel,
    "sharpen": sharpen_kernel,
    "identity": identity_kernel,
}

# Layers to start from. Channels are those of the named network; only the first of them is drawn.
SETTINGS: dict[str, dict[str, int]] = {
    "same 3×3": {"size": 12, "kernel_size": 3, "padding": 1},
    "1×1": {"size": 12, "kernel_size": 1},
    "dilated 3×3": {"size": 12, "kernel_size": 3, "padding": 2, "dilation": 2},
    "depthwise 3×3": {"size": 12, "kernel_size": 3, "padding": 1, "in_channels": 32, "out_channels": 32, "groups": 32},
    "AlexNet, first layer": {
        "size": 224,
        "kernel_size": 11,
        "stride": 4,
        "padding": 2,
        "in_channels": 3,
        "out_channels": 64,
    },
    "transposed ×2": {"size": 6, "kernel_size": 4, "stride": 2, "padding": 1, "transposed": True},
    "ResNet, stem": {"size": 224, "kernel_size": 7, "stride": 2, "padding": 3, "in_channels": 3, "out_channels": 64},
}
_PLAIN = {
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "in_channels": 1,
    "out_channels": 1,
    "groups": 1,
    "transposed": False,
    "output_padding": 0,
}
SETTINGS = {name: {**_PLAIN, **given} for name, given in SETTINGS.items()}
