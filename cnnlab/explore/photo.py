"""A picture of one's own as the data has them: grey, 28 × 28, the garment bright on black."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np

SIDE = 28
MOST_PIXELS = 40_000_000
RIM = 0.06  # share of the side that counts as background


class PhotoError(ValueError):
    """A file that cannot be used; the message is one sentence for the learner."""


@dataclass(frozen=True)
class Photo:
    """A picture made ready: its file's name and 28 × 28 brightnesses, row by row."""

    name: str
    pixels: bytes

    def __post_init__(self) -> None:
        if len(self.pixels) != SIDE**2:
            raise PhotoError(f"{self.name} has {len(self.pixels)} pixels; give {SIDE} × {SIDE} = {SIDE**2}")

    @property
    def array(self) -> np.ndarray:
        return np.frombuffer(self.pixels, np.uint8).reshape(SIDE, SIDE).copy()


def read_photo(content: bytes, name: str) -> Photo:
    """A png or jpg file's bytes -> Photo. Raises PhotoError in one sentence."""
    return Photo(name, _as_data(_grey(content, name)).tobytes())


def _grey(content: bytes, name: str) -> np.ndarray:
    """(H, W) brightnesses; what is transparent counts as white."""
    from PIL import Image, ImageOps

    try:
        picture = Image.open(BytesIO(content), formats=["PNG", "JPEG"])
        if picture.width * picture.height > MOST_PIXELS:
            raise PhotoError(
                f"{name} has {picture.width:,} × {picture.height:,} pixels, more than {MOST_PIXELS:,}; make it smaller"
            )
        picture = ImageOps.exif_transpose(picture).convert("RGBA")
    except PhotoError:
        raise
    except Exception as error:  # a damaged file can fail anywhere in the decoder
        raise PhotoError(f"{name} cannot be read as a png or jpg picture; choose another file") from error
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    return np.asarray(white.convert("L"))


def _as_data(grey: np.ndarray) -> np.ndarray:
    """(H, W) -> (28, 28) uint8, bright on black, the whole picture in a square."""
    from PIL import Image

    if np.median(_rim(grey)) > 127:
        grey = 255 - grey
    height, width = grey.shape
    side = max(height, width)
    square = np.full((side, side), int(np.median(_rim(grey))), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = grey
    return np.asarray(Image.fromarray(square).resize((SIDE, SIDE), Image.Resampling.BOX))


def _rim(grey: np.ndarray) -> np.ndarray:
    wide = max(1, round(RIM * min(grey.shape)))
    return np.concatenate([part.ravel() for part in (grey[:wide], grey[-wide:], grey[:, :wide], grey[:, -wide:])])
