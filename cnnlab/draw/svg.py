"""What every picture shares: escaping, wrapping, the palette and its dark twin.

Light colours are written into the elements as plain attributes, so a picture stands where no style sheet is allowed.
Dark is a style sheet that maps each of those colours to its twin. Font sizes and lengths are in px at full width.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from textwrap import wrap as wrap_text

FONT = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', Arial, sans-serif"
MONO = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

# name: (light, dark). Blue, orange and green are told apart by every common kind of colour blindness.
PALETTE = {
    "paper": ("#ffffff", "#111418"),
    "ink": ("#1f2329", "#eceff3"),
    "muted": ("#5b636e", "#a7afba"),
    "line": ("#b9c0c9", "#59616c"),
    "faint": ("#f4f6f8", "#1b1f25"),
    "input": ("#0b61a8", "#6cb6f5"),
    "kernel": ("#b04a00", "#ffa657"),
    "output": ("#00704e", "#4fd0a0"),
    "error": ("#b3261e", "#ff9a90"),
    "error-back": ("#fdf1f0", "#3a1a18"),
}
LEVELS = 9  # steps of shading above zero
# Ends of the shading: the ink stays readable on all of it. Green and purple mark the two signs of an output.
RAMPS = {
    "grey": (("#fbfbfc", "#9b9fa5"), ("#17191c", "#63686f")),
    "plus": (("#fafbfa", "#63bd98"), ("#17191c", "#14694b")),
    "minus": (("#fafbfa", "#c39ad3"), ("#17191c", "#754289")),
    "count": (("#fffdf8", "#f0a33f"), ("#16181b", "#87500c")),
}
# Corners of the tap colours. Rows run from warm to cool, columns from light to deep: both survive colour blindness.
TAP_CORNERS = (("#fff0a8", "#f5a25d"), ("#c4ecf7", "#8f9df0"))
TAP_INK = "#14171c"
# Signs that turn the direction of what follows: a name could write over what stands beside it.
MARKS = re.compile(r"""[]!"#$&*<>?@[\\^_`{|}~]""")  # of Markdown, HTML and mathematics
TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def colour(name: str) -> str:
    """The light colour of that name; dark_css() knows its twin."""
    return PALETTE[name][0]


def _rgb(text: str) -> tuple[int, ...]:
    return tuple(int(text[i : i + 2], 16) for i in (1, 3, 5))


def mix(first: str, second: str, share: float) -> str:
    """A colour `share` of the way from the first to the second.
    >>> mix("#000000", "#ffffff", 0.5)
    '#808080'
    """
    pairs = zip(_rgb(first), _rgb(second), strict=True)
    return "#" + "".join(f"{int(a + (b - a) * share + 0.5):02x}" for a, b in pairs)


@cache
def shade(ramp: str, level: int, dark: bool = False) -> str:
    """Fill for a level 0 … LEVELS of one of RAMPS."""
    low, high = RAMPS[ramp][dark]
    return mix(low, high, level / LEVELS)


@cache
def tap_colour(row: int, column: int, rows: int, columns: int) -> str:
    """The colour of one kernel cell, by its place between the four corners.
    >>> tap_colour(0, 0, 3, 3), tap_colour(2, 2, 3, 3)
    ('#fff0a8', '#8f9df0')
    """
    down = row / (rows - 1) if rows > 1 else 0
    right = column / (columns - 1) if columns > 1 else 0
    return mix(mix(*TAP_CORNERS[0], right), mix(*TAP_CORNERS[1], right), down)


@cache
def twins() -> dict[str, str]:
    """The dark twin of every light colour.
    >>> twins()[colour("ink")]
    '#eceff3'
    """
    shades = {shade(ramp, level): shade(ramp, level, True) for ramp in RAMPS for level in range(LEVELS + 1)}
    return {**dict(PALETTE.values()), **shades}


@cache
def dark_css(scope: str) -> str:
    """Rules that give every light colour under `scope` its dark twin."""
    rules = []
    for light, dark in twins().items():
        rules.append(f'{scope} [fill="{light}"]{{fill:{dark}}}')
    for name in ("ink", "muted", "line", "input", "kernel", "output", "error"):
        light, dark = PALETTE[name]
        rules.append(f'{scope} [stroke="{light}"]{{stroke:{dark}}}')
    return "\n".join(rules)


def clean(content: object) -> str:
    """Text without signs that are not to be seen: a line break becomes a space, control characters are dropped.

    So are signs that turn the direction of reading, half characters, and what XML does not allow.
    >>> clean("two\\nlines\\x00 \\u202eback")
    'two lines back'
    """
    text = str(content)
    if text.isprintable():  # nearly always
        return text
    return "".join(" " if c.isspace() and c != "\N{NO-BREAK SPACE}" else c for c in text if c.isspace() or _is_seen(c))


def _is_seen(sign: str) -> bool:
    return unicodedata.category(sign) not in ("Cc", "Cs") and sign not in TURNS and ord(sign) & 0xFFFE != 0xFFFE


def escaped(content: object) -> str:
    """Text from anywhere as the content or an attribute of an element."""
    return escape(clean(content))


def tag(name: str, content: str = "", **attributes: object) -> str:
    """One element; `stroke_width` becomes stroke-width, None is left out, numbers lose their idle zeros.
    >>> tag("rect", x=1.50, class_="cell", rx=None)
    '<rect x="1.5" class="cell"/>'
    """
    parts = [name]
    for key, value in attributes.items():
        if value is not None:
            parts.append(f'{key.rstrip("_").replace("_", "-")}="{_number(value)}"')
    opened = " ".join(parts)
    return f"<{opened}>{content}</{name}>" if content else f"<{opened}/>"


def _number(value: object) -> str:
    return f"{value:z.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else escaped(value)


def text(content: object, x: float, y: float, size: float, fill: str = "ink", **attributes: object) -> str:
    """One line of text, its baseline at y."""
    return tag("text", escaped(content), x=x, y=y, font_size=size, fill=colour(fill), **attributes)


def text_width(content: str, size: float) -> float:
    """A width in px that the text will not exceed in the fonts above. Wide on purpose: it keeps labels apart.
    >>> text_width("12 × 12 input", 15)
    117.0
    """
    return len(content) * size * 0.6


def paragraph(lines: Sequence[str], x: float, y: float, size: float, **attributes: object) -> str:
    """Lines of text below each other, the first baseline at y."""
    return "".join(text(line, x, y + i * size * 1.5, size, **attributes) for i, line in enumerate(lines))


def wrap(content: str, width: float, size: float) -> list[str]:
    """The text broken into lines of at most `width` px."""
    return wrap_text(content, max(1, int(width / (size * 0.6))), break_long_words=False, break_on_hyphens=False)


def document(
    content: str, width: float, height: float, title: str, description: str, css: str = "", **attributes: object
) -> str:
    """A whole SVG that shrinks with its place and never grows past its width. The same input gives the same text."""
    head = tag("title", escaped(title)) + tag("desc", escaped(description)) + (tag("style", css) if css else "")
    return tag(
        "svg",
        head + content,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_number(float(width))} {_number(float(height))}",
        width=float(width),
        height=None if not css else float(height),
        style=f"max-width:100%;height:auto;font-family:{FONT};font-variant-numeric:tabular-nums",
        role="img",
        aria_label=title,
        **attributes,
    )


class Picture:
    """An SVG that a notebook shows and saves. `str(picture)` is its text."""

    def __init__(self, svg: str, name: str) -> None:
        self.svg, self.name = svg, clean(name)

    def __str__(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"Picture({self.name})"

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_markdown_(self) -> str:
        # JupyterLab shows a bare SVG as wide as it is drawn, and none at all in a notebook it does not trust. An image
        # in Markdown shrinks with its column, and JupyterLab takes it first; nbviewer and GitHub take the SVG.
        # As entities, signs of Markdown, HTML and mathematics are text and nothing else.
        alt = MARKS.sub(lambda sign: f"&#{ord(sign[0])};", self.name)
        return f"![{alt}](data:image/svg+xml;base64,{b64encode(self.svg.encode()).decode()})"

    def save(self, path: str | Path) -> None:
        """Write the picture to a file."""
        Path(path).write_text(self.svg, encoding="utf-8")
