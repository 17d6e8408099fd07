"""Pictures of one's own: every kind of png and jpg comes out as it looks, or is refused in one sentence."""

from __future__ import annotations

import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from cnnlab.explore.features.photo import LONGEST, PhotoError, read_photo


def file_of(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def shape(high: int = 60, wide: int = 60, dark: int = 0, bright: int = 156) -> np.ndarray:
    """A bright bar left of the middle, from the top on: no turn or mirror leaves it as it is."""
    grey = np.full((high, wide), dark, np.uint8)
    grey[high // 6 : 2 * high // 3, wide // 4 : wide // 2] = bright
    return grey


def read(content: bytes) -> np.ndarray:
    return read_photo(content, "x").array.astype(int)


PLAIN = read(file_of(Image.fromarray(shape())))


def test_the_plain_picture_is_the_mean_of_its_pixels():
    whole = shape(56, 56).astype(float)
    expected = whole.reshape(28, 2, 28, 2).mean((1, 3))
    assert np.abs(read(file_of(Image.fromarray(shape(56, 56)))) - expected).max() <= 1


def sixteen() -> Image.Image:
    return Image.fromarray(shape().astype(np.uint16) * 257)


def palette() -> Image.Image:
    picture = Image.fromarray((shape() > 0).astype(np.uint8)).convert("P")
    picture.putpalette([0, 0, 0, 156, 156, 156])
    return picture


def alpha(mode: str) -> Image.Image:
    """Black where it is solid, and clear, so white, behind the bar: bright on dark as the plain one, but to 255."""
    clear = Image.fromarray(np.where(shape() > 0, 0, 255).astype(np.uint8))
    picture = Image.new("LA" if mode == "LA" else "RGBA", (60, 60))
    picture.putalpha(clear)
    return picture


def clear_palette() -> Image.Image:
    picture = palette()
    picture.putpalette([0, 0, 0, 9, 9, 9])
    picture.info["transparency"] = bytes([255, 0])
    return picture


FULL = read(file_of(Image.fromarray(shape(bright=255))))
KINDS = {
    "16-bit grey": (lambda: file_of(sixteen()), PLAIN),
    "colour": (lambda: file_of(Image.fromarray(shape()).convert("RGB")), PLAIN),
    "palette": (lambda: file_of(palette()), PLAIN),
    "1 bit": (lambda: file_of(Image.fromarray(shape(bright=255)).convert("1")), FULL),
    "grey and alpha": (lambda: file_of(alpha("LA")), FULL),
    "colour and alpha": (lambda: file_of(alpha("RGBA")), FULL),
    "palette and clear": (lambda: file_of(clear_palette(), transparency=bytes([255, 0])), FULL),
    "jpg": (lambda: file_of(Image.fromarray(shape()), "JPEG", quality=100), PLAIN),
    "CMYK jpg": (lambda: file_of(Image.fromarray(shape()).convert("RGB").convert("CMYK"), "JPEG", quality=100), PLAIN),
    "progressive jpg": (lambda: file_of(Image.fromarray(shape()), "JPEG", quality=100, progressive=True), PLAIN),
    "moving png": (
        lambda: file_of(
            Image.fromarray(shape()), save_all=True, append_images=[Image.new("L", (60, 60), 7)], default_image=True
        ),
        PLAIN,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_comes_out_as_it_looks(kind):
    content, expected = KINDS[kind]
    assert np.abs(read(content()) - expected).max() <= 6  # what a jpg and its colours may lose


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_camera_held_askew_is_turned_back(kind, turn):
    held = {
        1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: np.transpose,
        6: lambda a: np.rot90(a, 1), 7: lambda a: np.rot90(a, 2).T, 8: lambda a: np.rot90(a, -1),
    }[turn]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = turn
    more = {"quality": 100} if kind == "JPEG" else {}
    content = file_of(Image.fromarray(np.ascontiguousarray(held(shape(50, 60)))), kind, exif=exif, **more)
    expected = read(file_of(Image.fromarray(shape(50, 60))))
    assert np.abs(read(content) - expected).max() <= 6


def test_sixteen_bits_keep_tones_that_differ_by_less_than_a_byte():
    grey = np.full((60, 60), 30000, np.uint16)
    grey[10:50, 20:40] = 9000
    assert set(np.unique(read(file_of(Image.fromarray(grey))))) >= {35, 117}


@pytest.mark.parametrize(("high", "wide"), [(2000, 40), (40, 2000), (1500, 1100), (LONGEST + 1, 3), (1, 3000)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_shrinking_first_gives_what_one_mean_over_the_padded_square_gives(high, wide, kind):
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(0, 90, (max(1, high // 50), max(1, wide // 50)), dtype=np.uint8))
    grey = np.asarray(coarse.resize((wide, high), Image.Resampling.BICUBIC))
    side = max(high, wide)
    square = np.full((side, side), int(np.median(_rim(grey))), np.uint8)
    square[(side - high) // 2 :, (side - wide) // 2 :][:high, :wide] = grey
    expected = np.asarray(Image.fromarray(square).resize((28, 28), Image.Resampling.BOX)).astype(int)
    difference = np.abs(read(file_of(Image.fromarray(grey), kind)) - expected)
    assert difference.max() <= 12
    assert difference.mean() <= 2


def _rim(grey: np.ndarray) -> np.ndarray:
    wide = max(1, round(0.06 * min(grey.shape)))
    return np.concatenate([part.ravel() for part in (grey[:wide], grey[-wide:], grey[:, :wide], grey[:, -wide:])])


def bomb(wide: int, high: int) -> bytes:
    """A small PNG of that many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = wide.to_bytes(4, "big") + high.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    rows = zlib.compress(bytes(min((wide + 1) * high, 40_000_000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


GOOD = file_of(Image.fromarray(shape()))
MOVING = file_of(Image.fromarray(shape()), "GIF", save_all=True, append_images=[Image.new("L", (60, 60), 200)])
REFUSED = {
    "no picture": (b"hello", "cannot be read as a png or jpg picture; choose another file"),
    "empty": (b"", "cannot be read"),
    "cut short": (GOOD[: len(GOOD) // 2], "cannot be read"),
    "cut short jpg": (file_of(Image.fromarray(shape(300, 300)), "JPEG")[:700], "cannot be read"),
    "a gif": (MOVING, "cannot be read"),
    "too many pixels": (bomb(10_000, 5_000), "has 10,000 × 5,000 pixels, more than 40,000,000; make it smaller"),
    "pixels past Pillow's own limit": (bomb(100_000, 90_000), "has more than 40,000,000 pixels; make it smaller"),
    "no height": (bomb(5, 0), "cannot be read"),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.filterwarnings("error")
def test_a_file_that_will_not_do_is_refused_in_one_sentence(kind):
    content, sentence = REFUSED[kind]
    with pytest.raises(PhotoError, match=f"^my file {sentence}"):
        read_photo(content, "my\nfile\x00")


def test_the_moving_picture_moves():
    assert len(list(ImageSequence.Iterator(Image.open(BytesIO(MOVING))))) == 2


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak of memory is read as Linux gives it")
@pytest.mark.parametrize(("wide", "high"), [(100_000, 399), (399, 100_000), (6_300, 6_300)])
def test_a_long_thin_picture_takes_its_own_pixels_and_little_more(tmp_path, wide, high):
    (tmp_path / "long.png").write_bytes(bomb(wide, high))
    code = (
        "import resource, sys; from pathlib import Path; from PIL import Image; import PIL.PngImagePlugin\n"
        "from cnnlab.explore.features.photo import read_photo; content = Path(sys.argv[1]).read_bytes()\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000\n"
        "before = peak(); read_photo(content, 'long'); print(peak() - before)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "long.png")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(run.stdout) < 100  # MB, 40 of them the pixels
