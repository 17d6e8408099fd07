"""A picture of one's own as the data has them: grey, 28 × 28, the garment bright on black."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import dataclass
from io import BytesIO
from math import ceil, floor
from typing import TYPE_CHECKING

import numpy as np

from cnnlab.draw.svg import clean

if TYPE_CHECKING:
    from PIL import Image

SIDE = 28
MOST_PIXELS = 40_000_000
LONGEST = 16 * SIDE  # px of a picture that is then set into a square
ORIENTATION = 0x0112  # the EXIF tag that says how the camera was held
RIM = 0.06  # share of the side that counts as background


class PhotoError(ValueError):
    """A file that cannot be used; the message is one sentence for the learner."""


@dataclass(frozen=True)
class Photo:
    """A picture made ready: its file's name and 28 × 28 brightnesses, row by row."""

    name: str
    pixels: bytes

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", clean(self.name))
        if len(self.pixels) != SIDE**2:
            raise PhotoError(f"{self.name} has {len(self.pixels)} pixels; give {SIDE} × {SIDE} = {SIDE**2}")

    @property
    def array(self) -> np.ndarray:
        return np.frombuffer(self.pixels, np.uint8).reshape(SIDE, SIDE).copy()


def read_photo(content: bytes, name: str) -> Photo:
    """A png or jpg file's bytes -> Photo. Raises PhotoError in one sentence."""
    name = clean(name)
    return Photo(name, _as_data(_grey(content, name)).tobytes())


def _grey(content: bytes, name: str) -> np.ndarray:
    """(H, W) brightnesses of the picture, no side longer than LONGEST; what is transparent counts as white."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # from half of its error; ours comes first
            picture = Image.open(BytesIO(content), formats=["PNG", "JPEG"])
        if picture.width * picture.height > MOST_PIXELS:
            raise PhotoError(
                f"{name} has {picture.width:,} × {picture.height:,} pixels, more than {MOST_PIXELS:,}; make it smaller"
            )
        share = min(1.0, LONGEST / max(picture.size))
        size = tuple(max(1, round(side * share)) for side in picture.size)
        if picture.format == "JPEG":
            picture.draft(None, tuple(2 * side for side in size))  # decodes fewer pixels of a much larger picture
        picture.load()
        small = _shrunk(picture, size)
        with contextlib.suppress(Exception):  # damaged notes beside a good picture
            small.getexif()[ORIENTATION] = picture.getexif().get(ORIENTATION, 1)
        return np.asarray(ImageOps.exif_transpose(small))
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:
        raise PhotoError(f"{name} has more than {MOST_PIXELS:,} pixels; make it smaller") from error
    except Exception as error:  # a damaged file can fail anywhere in the decoder
        raise PhotoError(f"{name} cannot be read as a png or jpg picture; choose another file") from error


def _shrunk(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture in grey at another size, row by row: a copy of a large picture as a whole would fill the memory."""
    from PIL import Image

    width, height = size
    small, step = Image.new("L", size), picture.height / height
    for row in range(height):
        top, bottom = row * step, (row + 1) * step
        first = floor(top)
        strip = _as_grey(picture.crop((0, first, picture.width, min(picture.height, ceil(bottom)))))
        box = (0, top - first, picture.width, min(strip.height, bottom - first))
        small.paste(strip.resize((width, 1), Image.Resampling.BOX, box=box), (0, row))
    return small


def _as_grey(picture: Image.Image) -> Image.Image:
    """A picture of any mode in 8-bit grey, over white where it is transparent."""
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits: all its tones, not those below 256 alone
        return Image.fromarray((np.asarray(picture) / 257).round().clip(0, 255).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        white = Image.new("RGBA", picture.size, "white")
        white.alpha_composite(picture.convert("RGBA"))
        picture = white
    return picture.convert("RGB").convert("L")


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
