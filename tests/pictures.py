"""What the tests read off a drawn picture: its cells by place, and whether its labels keep apart."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import combinations
from typing import NamedTuple

from cnnlab.draw import svg

SVG = "{http://www.w3.org/2000/svg}"
Box = tuple[float, float, float, float]  # left, top, right, bottom


class Cell(NamedTuple):
    """A cell's square, and what is written on it; None where nothing is."""

    square: ET.Element
    label: str | None

    @property
    def fill(self) -> str:
        return self.square.get("fill")

    @property
    def value(self) -> float:
        return float(self.square.get("data-v"))


def cells(root: ET.Element, part: str) -> dict[tuple[int, int], Cell]:
    """Every cell of one part by its row and column."""
    found, groups = {}, list(root.find(f".//{SVG}g[@data-part='{part}']"))
    for group, after in zip(groups, [*groups[1:], None], strict=True):
        squares = [e for e in group if e.get("data-r")]
        labelled = squares and after is not None and after.get("class") == "labels"
        labels = [e.text for e in after] if labelled else [None] * len(squares)
        for square, label in zip(squares, labels, strict=True):
            found[int(square.get("data-r")), int(square.get("data-c"))] = Cell(square, label)
    return found


def said(root: ET.Element) -> str:
    """What the picture says outside its cells."""
    return " ".join(e.text for e in root.findall(f"{SVG}text")).replace("\xa0", " ")


def boxes(root: ET.Element) -> list[Box]:
    """Where the labels outside the cells stand, a little larger than any font draws them."""
    # Text on cells and in pictures within the picture has its own places.
    apart = [e for e in root.iter(f"{SVG}g") if e.get("class") == "labels"] + root.findall(f".//{SVG}svg")
    elsewhere = {id(text) for e in apart for text in e.iter(f"{SVG}text")}
    found = []
    for e in root.iter(f"{SVG}text"):
        if id(e) in elsewhere or e.text in "⋮⋯":
            continue
        x, y, size = (float(e.get(name)) for name in ("x", "y", "font-size"))
        width = svg.text_width(e.text, size)
        left = {"middle": x - width / 2, "end": x - width}.get(e.get("text-anchor"), x)
        found.append((left, y - 0.8 * size, left + width, y + 0.25 * size))
    return found


def corners(root: ET.Element, name: str = "rect") -> list[Box]:
    """Where the elements of one name stand."""
    sides = [[float(e.get(k)) for k in ("x", "y", "width", "height")] for e in root.findall(f".//{SVG}{name}")]
    return [(x, y, x + width, y + height) for x, y, width, height in sides]


def check_apart(boxes: list[Box]) -> None:
    for one, other in combinations(boxes, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1], (one, other)


def check_labels(root: ET.Element, name: str = "rect") -> None:
    """No label overlaps another, and nothing that is drawn leaves the picture."""
    _, _, width, height = map(float, root.get("viewBox").split())
    labels = boxes(root)
    assert labels
    check_apart(labels)
    for left, top, right, bottom in labels + corners(root, name):
        assert left >= 0
        assert top >= 0
        assert right <= width
        assert bottom <= height
