"""The picture of a block with branches: what it says, and the joined output to scale."""

import xml.etree.ElementTree as ET

import pytest

from cnnlab.draw.branches import block_picture
from tests.pictures import SVG, boxes, check_apart, check_labels

# Inception 3a of Szegedy et al. 2015, table 1.
INCEPTION_3A = [[(1, 64)], [(1, 96), (3, 128)], [(1, 16), (5, 32)], [("pool", 3), (1, 32)]]


@pytest.fixture(scope="module")
def root():
    return ET.fromstring(str(block_picture(192, 28, INCEPTION_3A, "Inception 3a")))


def texts(root):
    return [text.text for text in root.iter(f"{SVG}text")]


def test_channels_and_weights_of_every_step(root):
    words = texts(root)
    assert {"1×1, 192 → 64", "1×1, 192 → 96", "3×3, 96 → 128", "1×1, 192 → 16", "5×5, 16 → 32"} <= set(words)
    assert {"3×3 max pooling", "1×1, 192 → 32", "in: 192 × 28 × 28", "out: 256 × 28 × 28"} <= set(words)
    # 9·96·128, 25·16·32 and 192·16.
    assert {"110,592 weights", "12,800 weights", "3,072 weights", "no weights"} <= set(words)


def test_the_output_is_cut_by_channels(root):
    pieces = [rect for rect in root.iter(f"{SVG}rect") if rect.get("x") == "700"]
    heights = [float(piece.get("height")) for piece in pieces]
    assert [height / heights[2] for height in heights] == pytest.approx([2, 4, 1, 1], abs=0.01)
    bottoms = [float(piece.get("y")) + height for piece, height in zip(pieces, heights, strict=True)]
    assert [float(piece.get("y")) for piece in pieces[1:]] == pytest.approx(bottoms[:-1], abs=0.02)


def test_the_labels_have_room(root):
    check_labels(root)


def test_a_pooling_alone_keeps_the_channels():
    picture = ET.fromstring(str(block_picture(6, 4, [[(1, 2)], [("pool", 3)]])))
    assert "out: 8 × 4 × 4" in texts(picture)
    check_apart(boxes(picture))
