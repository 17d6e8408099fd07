"""The pixels of an image, and weights laid over them, in a few paths however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from cnnlab.draw import svg
from cnnlab.explore.field.numbers import Unit

LEVELS, STRONGEST = 9, 0.85

Heat = Sequence[Sequence[float]]


def pixels(image: Sequence[Sequence[int]], side: float) -> str:
    """The pixels, those of one shade in one path: runs along the rows keep it short."""
    paths: dict[int, str] = {}
    for row, values in enumerate(image):
        column = 0
        for value, run in groupby(values):
            width = len(list(run))
            paths[value] = paths.get(value, "") + f"M{column} {row}h{width}v1h-{width}z"
            column += width
    drawn = [svg.tag("path", d=d, fill=svg.shade("grey", value)) for value, d in sorted(paths.items())]
    return _pixels(drawn, side / len(image), class_="pixels")


def _pixels(paths: list[str], scale: float, **attributes: object) -> str:
    # Whole numbers inside and one scale outside: neighbours meet without a seam.
    return svg.tag("g", "".join(paths), transform=f"scale({scale:.8g})", shape_rendering="crispEdges", **attributes)


def warmth(unit: Unit, weights: Heat, side: float, shown: bool) -> str:
    """Weights from 0 to 1, as an orange that hides the more the larger they are."""
    paths: dict[int, str] = {}
    for row, values in enumerate(weights):
        for column, value in enumerate(values):
            level = round(min(1.0, value) * LEVELS)
            paths[level] = paths.get(level, "") + f"M{column} {row}h1v1h-1z"
    drawn = [
        svg.tag("path", d=paths[level], fill=svg.colour("kernel"), fill_opacity=STRONGEST * level / LEVELS)
        for level in sorted(paths.keys() - {0})
    ]
    data = {"data_unit": ",".join(map(str, unit)), "pointer_events": "none", "display": None if shown else "none"}
    return _pixels(drawn, side / len(weights), class_="effective", **data)
