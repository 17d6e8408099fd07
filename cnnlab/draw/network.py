"""A line of a network's picture: one layer or block with its shape and costs, and how these are said in words."""

from __future__ import annotations

from dataclasses import dataclass

SEES_ALL = "◉"


@dataclass(frozen=True)
class Line:
    """One layer or block. shape: (B, C, H, W) or (B, features), None where there is none; bytes: for one image.

    state: "ok", "failed" or "after" the failure. fold: "open", "folded" or "" for a layer. times: how many equal blocks
    it stands for. join: "add" or "cat" where the block's end does so. inside: lines below that belong to it.
    """

    key: str
    path: str
    name: str
    kind: str
    depth: int
    shape: tuple[int, ...] | None
    params: int
    macs: int
    bytes: int
    field: object
    size: int
    state: str = "ok"
    fold: str = ""
    times: int = 1
    join: str = ""
    inside: int = 0

    @property
    def counted(self) -> bool:
        """Whether its numbers are its own: those of an open block stand in the lines below."""
        return self.fold != "open"

    @property
    def sees_all(self) -> bool:
        """Whether a unit's field is as large as the image or larger."""
        sides = self.field if isinstance(self.field, tuple) else (self.field,)
        return all(side is not None and side >= self.size for side in sides)

    @property
    def channels(self) -> int:
        return self.shape[1] if self.shape and len(self.shape) > 1 else 1

    @property
    def side(self) -> int:
        return side_of(self.shape)


def side_of(shape: tuple[int, ...] | None) -> int:
    """The side of a map; a vector is drawn as a map of one pixel.
    >>> side_of((1, 64, 24, 24)), side_of((1, 10))
    (24, 1)
    """
    return shape[2] if shape and len(shape) > 2 else 1


def short(number: float) -> str:
    """A count in at most six places.
    >>> short(61_706), short(11_173_578), short(1_814_073_344)
    ('61,706', '11.17 M', '1.81 G')
    """
    for unit, size in (("G", 10**9), ("M", 10**6)):
        if number >= size:
            return f"{number / size:.2f} {unit}"
    return f"{number:,}"


def memory(count: int) -> str:
    """
    >>> memory(784), memory(802_816)
    ('784 B', '784 KiB')
    """
    for unit, size in (("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:,.{1 if count < 10 * size else 0}f} {unit}"
    return f"{count} B"


def shape_words(shape: tuple[int, ...] | None) -> str:
    """A shape without its batch axis.
    >>> shape_words((1, 64, 24, 24)), shape_words(None)
    ('64 × 24 × 24', '–')
    """
    return " × ".join(map(str, shape[1:])) if shape else "–"


def field_words(line: Line) -> str:
    sides = line.field if isinstance(line.field, tuple) else (line.field,)
    text = "–" if None in sides else "×".join(f"{side:g}" for side in sides)
    return f"{SEES_ALL} {text}" if line.sees_all else text


def said(line: Line) -> str:
    """A line in words, for those who cannot see it."""
    times = f", {line.times} equal ones" if line.times > 1 else ""
    if line.state != "ok":
        why = "refuses its input" if line.state == "failed" else "not reached"
        return f"{line.path or line.name} ({line.kind}): {why}"
    field = "" if line.field is None else f", a unit sees {field_words(line).removeprefix(SEES_ALL).strip()} px"
    return (
        f"{line.path or line.name} ({line.kind}{times}): {shape_words(line.shape)}, {line.params:,} parameters, "
        f"{line.macs:,} MACs, {memory(line.bytes)}{field}{', the whole image' if line.sees_all else ''}"
    )
