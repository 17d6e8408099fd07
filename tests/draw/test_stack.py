"""The picture of a network: every stack in order, to scale, with room for its labels."""

import xml.etree.ElementTree as ET

import pytest
import torch

from cnnlab import models
from cnnlab.draw.stack import MOST_CARDS, WIDTH, network_picture
from cnnlab.trace import trace

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def root():
    return ET.fromstring(str(network_picture(trace(models.build("lenet"), (1, 1, 28, 28)), "LeNet")))


def stacks(root):
    """The rectangles of each stack, furthest card first."""
    return [[{k: float(v) for k, v in rect.items() if k in ("x", "y", "width", "height")} for rect in group]
            for group in root.iter(f"{SVG}g")]  # fmt: skip


def test_names_and_sizes_in_order(root):
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts[::2] == ["image", "conv1", "pool1", "conv2", "pool2", "fc1", "fc2", "fc3"]
    assert texts[1::2] == ["1 × 28 × 28", "6 × 28 × 28", "6 × 14 × 14", "16 × 10 × 10", "16 × 5 × 5", "120", "84", "10"]


def test_one_card_a_channel_and_sides_to_scale(root):
    drawn = stacks(root)
    assert [len(cards) for cards in drawn] == [1, 6, 6, 16, 16, 1, 1, 1]
    sides = [cards[0]["width"] for cards in drawn[:5]]
    assert sides == pytest.approx([sides[0] * share for share in (1, 1, 1 / 2, 10 / 28, 5 / 28)], abs=0.02)
    lengths = [cards[0]["height"] for cards in drawn[5:]]
    assert lengths[1] / lengths[0] == pytest.approx(84 / 120, abs=0.01)


def test_columns_do_not_overlap_and_stay_on_the_paper(root):
    ends = [0.0]
    for group, cards in zip(root.iter(f"{SVG}g"), stacks(root), strict=True):
        left = float(group.get("transform").removeprefix("translate(").split()[0])
        assert left >= ends[-1]
        ends.append(left + max(card["x"] + card["width"] for card in cards))
    width, height = map(float, root.get("viewBox").split()[2:])
    assert ends[-1] < width
    assert all(float(text.get("y")) < height for text in root.iter(f"{SVG}text"))


def test_very_deep_stacks_are_cut():
    wide = trace(models.build("lenet", in_channels=64), (1, 64, 28, 28))
    drawn = stacks(ET.fromstring(str(network_picture(wide))))
    assert len(drawn[0]) == MOST_CARDS


def test_a_long_network_goes_on_in_the_next_line():
    with torch.device("meta"):
        nin = models.build("nin", image_size=224)
    root = ET.fromstring(str(network_picture(trace(nin, (1, 1, 224, 224)), "NiN")))
    width, height = map(float, root.get("viewBox").split()[2:])
    assert width <= WIDTH
    names = list(root.iter(f"{SVG}text"))[::2]
    lines = {}
    for text in names:
        lines.setdefault(float(text.get("y")), []).append(float(text.get("x")))
    assert len(lines) == 3
    assert list(lines) == sorted(lines)
    assert max(lines) < height
    assert sum(map(len, lines.values())) == 17  # the image, twelve convolutions, four poolings
    assert all(places == sorted(places) for places in lines.values())
