"""What every picture of an explorer ends with: a sheet of its own for the still ones, and a box for a refusal."""

from __future__ import annotations

from collections.abc import Sequence

from cnnlab.draw import svg

WIDTH, MARGIN = 900, 32  # px
MESSAGE = 280  # px for the sentence that stands where an output would


def document(
    content: str,
    height: float,
    words: tuple[str, str],
    kind: str,
    *,
    caption: Sequence[str] = (),
    still: bool = False,
    **data: object,
) -> str:
    """The whole picture as SVG text; `words` are its title and description, `kind` its class.

    A still picture is for reading without a view: with its caption on its own paper, and with its own dark twin.
    """
    if still:
        content, height = on_paper(content, height, caption)
        kind += " cnnlab-still"
    css = f"@media (prefers-color-scheme: dark){{{svg.dark_css('.cnnlab-still')}}}" if still else ""
    return svg.document(content, WIDTH, height, *words, css, class_=kind, **data)


def on_paper(content: str, height: float, caption: Sequence[str]) -> tuple[str, float]:
    """A still picture with its caption, on its own paper; returns its height too."""
    lines = [line for each in caption for line in svg.wrap(each, WIDTH - 2 * MARGIN, 13)]
    words = svg.paragraph(lines, MARGIN, height + 16, 13, font_family=svg.MONO)
    height += len(lines) * 19.5 + (16 if lines else 0)
    paper = {"fill": svg.colour("paper"), "stroke": svg.colour("line"), "rx": 8}
    return svg.tag("rect", x=0.5, y=0.5, width=WIDTH - 1, height=height - 1, **paper) + content + words, height


def refusal(error: str, x: float, middle: float, width: float = MESSAGE) -> str:
    """A box with the reason why there is no output."""
    # A setting's name keeps its small letter.
    first = error[:1] if {"=", "_"} & set(error.split()[0]) else error[:1].upper()
    return message("No output", f"{first}{error[1:]}.", x, middle, width, ("error", "error-back"))


def message(head: str, says: str, x: float, middle: float, width: float, inks: tuple[str, str]) -> str:
    """A sentence under its head in a box around the height `middle`; `inks` are for the frame and for the back."""
    lines = svg.wrap(says, width - 28, 13)
    height = len(lines) * 19.5 + 50
    y = middle - height / 2
    look = {"fill": svg.colour(inks[1]), "stroke": svg.colour(inks[0]), "rx": 6}
    box = svg.tag("rect", x=x, y=y, width=width, height=height, **look)
    title = svg.text(head, x + 14, y + 26, 15, inks[0], font_weight=600)
    return box + title + svg.paragraph(lines, x + 14, y + 50, 13)
