"""A receptive field as a picture: the input, and beside it the map of every layer, with one unit and what it sees.

Every map lies over the input it sees: a unit is drawn as large as the jump to its neighbour, centred where it looks.
So all maps share one scale, and a field keeps its place from map to map. `data-reach` lists, for each map, what its
unit 0 sees of each map before it, as [first, last, step, gaps]: whoever moves the unit looks it up there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from cnnlab.draw import paper, svg
from cnnlab.explore.field.numbers import Chain, Reach, Unit

WIDTH, MARGIN = paper.WIDTH, 16
BLEED = 9  # px around each map for what lies in the padding
INPUT, GAP, COLUMN_GAP = 300, 30, 12  # px: side of the input, room after it, room between maps
TITLES = 38  # px for the two lines over a map
FEW, LOW, HIGH = 8, 356, 480  # so many layers keep the picture so low; more may make it higher
SMALLEST = 40  # px of a map, however many there are
FINEST = 3.0  # px of a unit whose grid is still drawn
LEAST = 3.0  # px of the chosen unit on a fine map
RIM, DASHES = 6, "5 3"  # px around a map where a field that goes on is cut
SHADE = 0.62

Box = tuple[float, float, float, float]  # x, y, width, height


@dataclass(frozen=True)
class Panel:
    """Where one map stands: top left and side of the input that it lies over, in px."""

    number: int
    x: float
    y: float
    side: float


def field_picture(
    chain: Chain,
    image: Sequence[Sequence[int]],
    unit: Unit | None = None,
    *,
    heat: tuple[Unit, Heat] | None = None,
    caption: Sequence[str] = (),
    still: bool = False,
) -> str:
    """The whole picture as SVG text. `heat` is the effective field of one unit: weights from 0 to 1, a pixel each.

    A still picture is for reading without a view: on its own paper, with its own dark twin.
    """
    unit = unit or chain.default_unit
    panels = layout(len(chain.sizes) - 1 + bool(chain.error), max(map(len, _labels(chain))))
    height = max(panel.y + panel.side for panel in panels) + BLEED + 10
    content = "".join(_panel(chain, panel, image, unit, heat) for panel in panels)
    if chain.error:
        content, height = _with_reason(content, height, chain)
    shown = {"caption": caption, "still": still}
    return paper.document(content, height, _words(chain), "cnnlab-field", **shown, **_data(chain, unit))


def _data(chain: Chain, unit: Unit) -> dict[str, str]:
    reach = [[list(each) for each in row] for row in chain.reach]
    return {
        "data_sizes": json.dumps(chain.sizes),
        "data_names": json.dumps(_names(chain)[: len(chain.sizes)], ensure_ascii=False),
        "data_reach": json.dumps(reach, separators=(",", ":")),
        "data_unit": ",".join(map(str, unit)),
    }


def _names(chain: Chain) -> list[str]:
    return ["input", *(step.name for step in chain.steps)]


def _labels(chain: Chain) -> list[str]:
    return [f"{number}. {name}" if number else name for number, name in enumerate(_names(chain))]


def _words(chain: Chain) -> tuple[str, str]:
    field, layers = chain.fields[-1], len(chain.steps)
    title = f"Receptive field: {layers} layer{'s' * (layers != 1)} on a {chain.size} × {chain.size} input"
    return title, chain.error or f"A unit of the last map sees {field.size} × {field.size} px, {field.jump} px apart."


# ---- where things stand ----------------------------------------------------------------------------------------------


def layout(layers: int, longest: int) -> list[Panel]:
    """The input on the left, the maps beside it in rows, as large as they fit under labels of `longest` letters."""
    top, left = MARGIN + TITLES + BLEED, MARGIN + BLEED
    panels = [Panel(0, left, top, INPUT)]
    if not layers:
        return panels
    start = left + INPUT + GAP
    room = WIDTH - MARGIN - BLEED - start
    title = svg.text_width("m" * longest, 12)
    side, columns = max((_side(layers, each, room, title), -each) for each in range(1, layers + 1))
    columns = -columns
    pitch = max(side + 2 * BLEED, title) + COLUMN_GAP
    pitch = max(pitch, min(pitch + 40, (room + COLUMN_GAP + 2 * BLEED) / columns))
    for number in range(layers):
        row, column = divmod(number, columns)
        panels.append(Panel(number + 1, start + column * pitch, top + row * (side + 2 * BLEED + TITLES), side))
    return panels


def _side(layers: int, columns: int, room: float, title: float) -> float:
    rows, gaps = -(-layers // columns), (columns - 1) * (2 * BLEED + COLUMN_GAP)
    wide = (room - gaps) // columns
    if columns > 1 and columns * title + (columns - 1) * COLUMN_GAP > room + BLEED:
        return 0
    high = (LOW if layers <= FEW else HIGH) // rows - TITLES - 2 * BLEED
    return float(min(wide, max(high, SMALLEST), INPUT))


# ---- one map ---------------------------------------------------------------------------------------------------------


def _panel(chain: Chain, panel: Panel, image: object, unit: Unit, heat: tuple[Unit, Heat] | None) -> str:
    scale = panel.side / chain.size
    if panel.number == chain.failed:
        return _failed(chain, panel)
    edge, side = (length * scale for length in chain.place(panel.number))
    count = chain.sizes[panel.number]
    ground = _grid(edge, side, count) if panel.number else pixels(image, panel.side)
    content = ground + _extent(panel) + _marks(chain, panel, unit)
    if heat and not panel.number:
        content += warmth(*heat, panel.side, shown=heat[0] == unit)
    box = panel.side + 2 * BLEED
    place = {"x": panel.x - BLEED, "y": panel.y - BLEED, "width": box, "height": box}
    view = f"{-BLEED} {-BLEED} {box:g} {box:g}"
    data = {"data_map": panel.number, "data_edge": edge, "data_cell": f"{side:.6g}", "data_count": count}
    drawn = svg.tag("svg", _ground(panel) + content, **place, viewBox=view, overflow="hidden", **data)
    return _title(chain, panel, unit) + drawn


def _title(chain: Chain, panel: Panel, unit: Unit) -> str:
    number, y = panel.number, panel.y - BLEED
    failed = number == chain.failed
    ink = "error" if failed else "output" if number and number == unit[0] else "ink"
    size = "no output" if failed else f"{chain.sizes[number]} × {chain.sizes[number]}"
    name = svg.text(
        _labels(chain)[number], panel.x, y - 21, 12 if number else 15, ink, font_weight=600, data_name=number
    )
    name += svg.text(size, panel.x, y - 5, 12, "error" if failed else "muted")
    if number or not unit[0]:
        return name
    return name + svg.text(
        field_words(chain, unit[0]), panel.x + panel.side, y - 21, 12, "kernel", text_anchor="end", class_="told"
    )


def field_words(chain: Chain, number: int) -> str:
    """The size of the field of map `number`, and whether the input has as much."""
    size = chain.fields[number].size
    return f"{size} × {size} field{', beyond the input' if size > chain.size else ''}"


def _ground(panel: Panel) -> str:
    # Something to point at, out to the padding.
    box = panel.side + 2 * BLEED
    return svg.tag("rect", x=-BLEED, y=-BLEED, width=box, height=box, fill="transparent")


def _extent(panel: Panel) -> str:
    # On the maps it is only a reminder of where the input ends.
    look = (
        {"stroke": svg.colour("line"), "stroke_dasharray": "2 3"} if panel.number else {"stroke": svg.colour("muted")}
    )
    return svg.tag("rect", x=0, y=0, width=panel.side, height=panel.side, class_="extent", fill="none", **look)


def _grid(edge: float, side: float, count: int) -> str:
    """A map: its outline, and its units where they are large enough to be told apart."""
    full = side * count
    back = {"fill": svg.colour("faint"), "stroke": svg.colour("muted"), "class_": "map"}
    drawn = svg.tag("rect", x=edge, y=edge, width=full, height=full, **back)
    if side < FINEST or count == 1:
        return drawn
    along = [f"{edge + i * side:.5g}" for i in range(1, count)]
    d = "".join(f"M{x} {edge:.5g}v{full:.5g}M{edge:.5g} {x}h{full:.5g}" for x in along)
    return drawn + svg.tag("path", d=d, stroke=svg.colour("line"), stroke_width=min(1.0, side / 9), fill="none")


def _failed(chain: Chain, panel: Panel) -> str:
    style = {"fill": svg.colour("error-back"), "stroke": svg.colour("error"), "stroke_dasharray": "6 4", "rx": 3}
    box = svg.tag("rect", x=panel.x, y=panel.y, width=panel.side, height=panel.side, class_="misfit", **style)
    return _title(chain, panel, (0, 0, 0)) + box


# ---- one unit and what it sees ---------------------------------------------------------------------------------------


def _marks(chain: Chain, panel: Panel, unit: Unit) -> str:
    number, row, column = unit
    edge, side = (length * panel.side / chain.size for length in chain.place(panel.number))
    if panel.number > number:
        reach, hidden = Reach(0, 0, 1), "none"
    else:
        reach, hidden = chain.reach[number][panel.number], None
    box = _box(reach, row, column, edge, side)
    own = panel.number == number and number > 0
    ink = svg.colour("output" if own else "kernel")
    style = {"stroke": ink, "stroke_width": 2, "rx": 1.5, "fill": ink, "fill_opacity": 0.9 if own else 0.2}
    if not panel.number:
        style["fill"] = "none"
    seen = _within(box, panel.side)
    style["stroke_dasharray"] = None if seen == box else DASHES
    sight = svg.tag("rect", **dict(zip(("x", "y", "width", "height"), seen, strict=True)), class_="sight", **style)
    if not panel.number:
        sight = _shade(panel.side, box) + _gaps(reach, box, side) + sight
    return svg.tag("g", sight, class_="marks", pointer_events="none", display=hidden)


def _box(reach: Reach, row: int, column: int, edge: float, side: float) -> Box:
    length = (reach.last - reach.first + 1) * side
    grow = max(0.0, (LEAST - length) / 2)
    x, y = (edge + (reach.first + i * reach.step) * side - grow for i in (column, row))
    return x, y, length + 2 * grow, length + 2 * grow


def _within(box: Box, side: float) -> Box:
    """What there is room for: a box that goes on in the padding ends at the rim, and is dashed."""
    x, y, width, _ = box
    left, top, right, bottom = max(x, -RIM), max(y, -RIM), min(x + width, side + RIM), min(y + width, side + RIM)
    if (left, top, right, bottom) == (x, y, x + width, y + width):
        return box
    return left, top, max(0.0, right - left), max(0.0, bottom - top)


def _shade(side: float, box: Box) -> str:
    x, y, width, _ = box
    d = f"M0 0h{side:.6g}v{side:.6g}h{-side:.6g}z"
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + width, side), min(y + width, side)
    if left < right and top < bottom:
        d += f"M{left:.6g} {top:.6g}H{right:.6g}V{bottom:.6g}H{left:.6g}z"
    style = {"fill": svg.colour("line"), "fill_opacity": SHADE, "fill_rule": "evenodd"}
    return svg.tag("path", d=d, class_="shade", **style)


def _gaps(reach: Reach, box: Box, side: float) -> str:
    """Rows and columns inside the field that no tap falls on."""
    x, y, width, _ = box
    strips = []
    for first, last in reach.gaps:
        at, wide = (first - reach.first) * side, (last - first + 1) * side
        strips.append(f"M{x + at:.6g} {y:.6g}h{wide:.6g}v{width:.6g}h{-wide:.6g}z")
        strips.append(f"M{x:.6g} {y + at:.6g}v{wide:.6g}h{width:.6g}v{-wide:.6g}z")
    return svg.tag("path", d="".join(strips), class_="gaps", fill=svg.colour("line"), fill_opacity=SHADE)


# ---- the reason ------------------------------------------------------------------------------------------------------


def _with_reason(content: str, height: float, chain: Chain) -> tuple[str, float]:
    lines = svg.wrap(f"{chain.error[:1].upper()}{chain.error[1:]}.", WIDTH - 2 * (MARGIN + BLEED) - 28, 13)
    tall = len(lines) * 19.5 + 16
    style = {"fill": svg.colour("error-back"), "stroke": svg.colour("error"), "rx": 6}
    left, width = MARGIN + BLEED, WIDTH - 2 * (MARGIN + BLEED)
    box = svg.tag("rect", x=left, y=height, width=width, height=tall, class_="reason", **style)
    return content + box + svg.paragraph(lines, left + 14, height + 22, 13), height + tall + 16


# ---- the pixels of an image, and weights laid over them --------------------------------------------------------------


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
