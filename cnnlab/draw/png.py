"""Small pictures of numbers as PNG inside an SVG: a map of thousands of cells is one element."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO

from PIL import Image

from cnnlab.draw import svg

STEPS = 31  # shades on each side of zero; a level is a byte 0 … 2·STEPS with zero in the middle
# Green for above zero, purple for below. Zero is clear, so that one picture stands on light paper and on dark.
ABOVE, BELOW = "#1f9a72", "#a565c4"


def grey_png(pixels: bytes, width: int) -> bytes:
    """A PNG of brightnesses 0 (black) … 255 (white), row by row."""
    return _saved("L", pixels, width)


def colour_png(pixels: bytes, width: int) -> bytes:
    """A PNG of red, green and blue 0 … 255 in turn, pixel by pixel and row by row."""
    return _saved("RGB", pixels, width)


def signed_png(levels: bytes, width: int) -> bytes:
    """A PNG of levels, row by row: STEPS is zero, above it green, below it purple."""
    sides = [BELOW] * STEPS + [ABOVE] * (STEPS + 1)
    palette = b"".join(bytes.fromhex(colour[1:]) for colour in sides)
    clear = bytes(round(255 * abs(level - STEPS) / STEPS) for level in range(2 * STEPS + 1))
    return _saved("P", levels, width, palette, clear)


def signed_levels(values: Sequence[float], reach: float) -> bytes:
    """Numbers from −reach to reach as levels; any number but zero keeps a trace of colour.
    >>> [level - STEPS for level in signed_levels([0, 1, -1, 1e-9, 2], 2)]
    [0, 16, -16, 1, 31]
    """
    return bytes(STEPS + _level(value / reach if reach else 0.0) for value in values)


def _level(share: float) -> int:
    if not share:
        return 0
    size = min(STEPS, max(1, int(abs(share) * STEPS + 0.5)))
    return size if share > 0 else -size


def image(png: bytes, x: float, y: float, width: float, height: float, **attributes: object) -> str:
    """The PNG as an SVG element whose cells stay sharp."""
    href = f"data:image/png;base64,{b64encode(png).decode()}"
    place = {"x": x, "y": y, "width": width, "height": height, "preserveAspectRatio": "none"}
    return svg.tag("image", href=href, **place, style="image-rendering:pixelated", **attributes)


def _saved(mode: str, rows: bytes, width: int, palette: bytes | None = None, clear: bytes | None = None) -> bytes:
    picture = Image.frombytes(mode, (width, len(rows) // width // len(mode)), rows)
    if palette:
        picture.putpalette(palette)
    file = BytesIO()
    picture.save(file, "PNG", **({"transparency": clear} if clear else {}))
    return file.getvalue()
