"""An Inception block drawn with its branches, and below what each costs, with and without the reductions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cnnlab.draw import paper, svg
from cnnlab.draw.branches import Step, block_content
from cnnlab.draw.network import short
from cnnlab.shapes import Cost

MARGIN, LINE, TEXT = 20.0, 26.0, 12


@dataclass(frozen=True)
class Branch:
    """A branch: its name, channels, share of the output, cost with and without the reductions, how that comes about."""

    name: str
    channels: int
    share: int
    small: Cost
    direct: Cost
    story: str


def inception_picture(
    size: tuple[int, int],
    steps: Sequence[Sequence[Step]],
    branches: Sequence[Branch],
    title: str,
    *,
    reduced: bool = True,
    caption: Sequence[str] = (),
    still: bool = False,
) -> str:
    """The whole picture as SVG text. `size`: (channels, side) of the input; `reduced`: which cost is this block's."""
    content, height, said = block_content(*size, steps)
    shares = " : ".join(str(branch.share) for branch in branches)
    content += svg.text(f"channels {shares}", 884, height, TEXT, "muted", text_anchor="end")
    content += _table(branches, height + 18, reduced)
    height += 18 + LINE * (len(branches) + 2) + 30
    return paper.document(content, height, (title, said), "cnnlab-inception", caption=caption, still=still)


def _table(branches: Sequence[Branch], top: float, reduced: bool) -> str:
    heads = [("branch", MARGIN, "start"), ("channels", 190, "end"), ("parameters", 300, "end"), ("MACs", 400, "end")]
    heads += [
        ("without reductions: parameters", 640, "end"),
        ("MACs", 740, "end"),
        ("MACs, with : without", 884, "end"),
    ]
    content = "".join(svg.text(word, x, top, TEXT, "muted", text_anchor=anchor) for word, x, anchor in heads)
    content += svg.tag("line", x1=MARGIN, x2=884.0, y1=top + 7, y2=top + 7, stroke=svg.colour("line"))
    most = max(branch.direct.macs for branch in branches)
    for number, branch in enumerate(branches):
        content += _line(branch, top + 12 + number * LINE, most, reduced)
    bottom = top + 12 + len(branches) * LINE
    content += svg.tag("line", x1=MARGIN, x2=884.0, y1=bottom, y2=bottom, stroke=svg.colour("line"))
    small, direct = (
        [sum(getattr(getattr(b, side), what) for b in branches) for what in ("params", "macs")]
        for side in ("small", "direct")
    )
    content += svg.text("all", MARGIN, bottom + 18, TEXT, font_weight=600)
    content += svg.text(sum(b.channels for b in branches), 190, bottom + 18, TEXT, text_anchor="end", font_weight=600)
    for values, ends, own in ((small, (300, 400), reduced), (direct, (640, 740), not reduced)):
        for value, end in zip(values, ends, strict=True):
            weight = {"font_weight": 600} if own else {}
            content += svg.text(
                short(value), end, bottom + 18, TEXT, "ink" if own else "muted", text_anchor="end", **weight
            )
    times = (
        f"without the reductions {direct[1] / small[1]:.2f}× the MACs and {direct[0] / small[0]:.2f}× the parameters"
    )
    return content + svg.text(times, 884, bottom + 44, 13, "kernel", text_anchor="end", font_weight=600)


def _line(branch: Branch, y: float, most: int, reduced: bool) -> str:
    box = {"x": MARGIN - 8, "y": y, "width": 880.0, "height": LINE - 2, "rx": 4}
    content = svg.tag("rect", **box, fill="none", class_="back")
    base = y + 17
    content += svg.text(branch.name, MARGIN, base, TEXT, font_weight=600)
    content += svg.text(branch.channels, 190, base, TEXT, text_anchor="end")
    for cost, ends, own in ((branch.small, (300, 400), reduced), (branch.direct, (640, 740), not reduced)):
        for value, end in zip((cost.params, cost.macs), ends, strict=True):
            content += svg.text(short(value), end, base, TEXT, "ink" if own else "muted", text_anchor="end")
    for row, (cost, ink) in enumerate(((branch.small, "output"), (branch.direct, "kernel"))):
        look = {"fill": svg.colour(ink), "data_macs": cost.macs, "rx": 1}
        content += svg.tag("rect", x=756.0, y=y + 4 + 9 * row, width=max(1.0, 128 * cost.macs / most), height=7, **look)
    return svg.tag("g", content, data_said=f"{branch.name}: {branch.story}")
