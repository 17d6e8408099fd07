"""A transposed convolution: every input pixel writes a stamp, and stamps that overlap add up. Numbers, sentences about
its size, and its picture, as far as they differ from the ordinary one's.

In the picture `data-windows-y` and `data-windows-x` list, for each input row and column, the output positions it
writes: the ordinary picture's turned round, and `data-transposed` says so. What the padding crops is drawn around the
output, dashed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import ClassVar

from cnnlab import shapes
from cnnlab.draw import paper, svg
from cnnlab.draw.grid import LONGEST, Block, Grid, Pair, by, cell, ends, group, largest, legend, minus
from cnnlab.explore.conv.guess import Rules, named, out_length
from cnnlab.explore.conv.numbers import FORMULAS as CONV_FORMULAS
from cnnlab.explore.conv.numbers import Conv, added, written_out
from cnnlab.explore.conv.picture import counts, greys, kernel, kernel_block, left_out, misfit, place, question, sign
from cnnlab.explore.kit.grids import DASHES, framed, part, signed
from cnnlab.explore.kit.settings import Size, pair
from cnnlab.shapes.sizes import ShapeError, effective_kernel, transposed_out_size

NAMES = ("size", "kernel_size", "stride", "padding", "output_padding", "dilation")
MOST_CROPPED = 6  # rows or columns drawn of a crop at one end
USUAL = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}
# Of the other lines a transposed convolution has the same.
FORMULAS = [
    ("output, along each axis", "(size − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1"),
    ("pixels a stamp spans", "dilation·(kernel − 1) + 1"),
    *CONV_FORMULAS[2:4],
    ("multiply-accumulates (MACs)", "weights · input height · input width, what is cropped counted too"),
    CONV_FORMULAS[5],
]


@dataclass(frozen=True)
class Transposed(Conv):
    """What there is to draw, as in `Conv`. The roles are turned: `windows` lists, for each input index, what it writes.

    Positions below 0 or past the end of the output are cropped: `padding` takes so many off each side.
    """

    output_padding: Pair = (0, 0)

    layer: ClassVar[str] = "ConvTranspose2d"
    settings: ClassVar[tuple[str, ...]] = (*Conv.settings, "output_padding")

    def axis(self, axis: int) -> tuple[int, ...]:
        """What `shapes.transposed_out_size` asks for, along one axis."""
        settings = (self.size, self.kernel_size, self.stride, self.padding, self.output_padding, self.dilation)
        return tuple(each[axis] for each in settings)

    def explain(self, axis: int) -> str:
        """The arithmetic of the output size along one axis."""
        size, kernel, stride, padding, extra, dilation = self.axis(axis)
        made = shapes.transposed_out_size(*self.axis(axis))
        return f"({size} − 1)·{stride} − 2·{padding} + {dilation}·({kernel} − 1) + {extra} + 1 = {made}"

    @cached_property
    def met(self) -> Pair:
        """Every weight is multiplied with every input pixel once, wherever that is written."""
        return self.size

    @cached_property
    def windows(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """For each axis, the output positions that each input index writes."""
        sizes = (0, 0) if self.out is None else self.size
        settings = [(k, s, p, d) for _, k, s, p, _, d in map(self.axis, (0, 1))]
        return tuple(tuple(shapes.written(i, *settings[a]) for i in range(sizes[a])) for a in (0, 1))

    @cached_property
    def writers(self) -> tuple[Mapping[int, list[Pair]], ...]:
        """For each axis and output position, the (tap, input) pairs that write it."""
        found: tuple[dict[int, list[Pair]], ...] = ({}, {})
        for axis, windows in enumerate(self.windows):
            for index, window in enumerate(windows):
                for tap, position in enumerate(window):
                    found[axis].setdefault(position, []).append((tap, index))
        return found

    @cached_property
    def readers(self) -> tuple[Counter[int], Counter[int]]:
        """For each axis, how many inputs write a position of the output."""
        return tuple(Counter({at: len(all_) for at, all_ in writers.items()}) for writers in self.writers)

    @cached_property
    def most_uses(self) -> int:
        """The inputs that write the output pixel which most write; crops do not count."""
        most = [max(self.readers[a][i] for i in range(self.out_shape[a])) for a in (0, 1)]
        return most[0] * most[1]

    @cached_property
    def bare(self) -> tuple[frozenset[int], ...]:
        """For each axis, the output indices that nothing writes."""
        outs = self.out_shape or (0, 0)
        return tuple(frozenset(i for i in range(outs[a]) if not self.readers[a][i]) for a in (0, 1))

    @cached_property
    def bare_pixels(self) -> int:
        """Output pixels that only the bias reaches."""
        (rows, columns), (height, width) = self.bare, self.out_shape or (0, 0)
        return height * width - (height - len(rows)) * (width - len(columns))

    def kept(self, row: int, column: int) -> bool:
        """Whether a position is the output's own rather than cropped."""
        return 0 <= row < self.out_shape[0] and 0 <= column < self.out_shape[1]

    def terms(self, row: int, column: int) -> list[tuple[Pair, Pair]]:
        """What is added up at one output position: (weight's place, input's place)."""
        rows, columns = self.writers[0].get(row, []), self.writers[1].get(column, [])
        return [((i, j), (r, c)) for (i, r), (j, c) in product(sorted(rows, key=_input), sorted(columns, key=_input))]

    def total(self, row: int, column: int) -> int:
        """An output times the divisor; of a cropped one what it would have been."""
        if self.kept(row, column):
            return self.out[row][column]
        terms = self.terms(row, column)
        return self.bias * self.divisor + sum(self.weights[i][j] * self.image[r][c] for (i, j), (r, c) in terms)

    def text(self, row: int, column: int) -> str:
        """An output, or what a cropped one would have been, in as few characters as its divisor allows."""
        number = self.total(row, column)
        return minus(number if self.divisor == 1 else f"{number / self.divisor:z.1f}")

    # ---- what is drawn of it ----

    def _shown_along(self, axis: int) -> list[int]:
        return ends(0, self.size[axis] - 1, 12, 8, LONGEST)

    @cached_property
    def shown_output(self) -> tuple[list[int], list[int]]:
        """Rows and columns of the output and of what is cropped that a picture shows, each with all that writes it."""
        shown = []
        for axis, out in enumerate(self.out_shape):
            crop, inputs = min(self.padding[axis], MOST_CROPPED), set(self.shown_input[axis])
            places = ends(-crop, out + crop - 1, 24, 15, LONGEST)
            whole = [at for at in places if inputs.issuperset(index for _, index in self.writers[axis].get(at, []))]
            kept = any(0 <= at < out for at in whole)
            shown.append(whole if kept else sorted({0, out - 1}))
        return tuple(shown)

    @cached_property
    def default_pin(self) -> Pair | None:
        """The shown output that most inputs write; of those the one furthest from zero."""
        if self.out is None:
            return None

        def worth(at: Pair) -> tuple[bool, int, int]:
            value = abs(self.out[at[0]][at[1]])
            return value > 0, self.uses(*at), value

        return max((at for at in product(*self.shown_output) if self.kept(*at)), key=worth)


def _input(pair: Pair) -> int:
    return pair[1]


def stamp_sum(conv: Transposed, pin: Pair) -> str:
    r"""One output written out term by term, weight first, for every input that writes it.
    >>> stamp_sum(Transposed(((3, 5),), ((-1, 2),), ((-3, 1, 10),)), (0, 1))
    '2·3 − 1·5 + bias\xa00 = 1'
    """
    terms = [(conv.weights[i][j], conv.image[r][c]) for (i, j), (r, c) in conv.terms(*pin)]
    return written_out(conv, terms, pin)


def stamp(
    image: Grid, weights: Grid, stride: Size, padding: Size, output_padding: Size, dilation: Size
) -> list[list[int]]:
    """What nn.ConvTranspose2d computes for one channel: every weight adds the image, its pixels `stride` apart.
    (H, W), (k_h, k_w) -> (o_h, o_w)
    >>> stamp([[1, 2]], [[1, 10, 100]], 2, 0, 0, 1)
    [[1, 10, 102, 20, 200]]
    """
    sizes, kernel_size = (len(image), len(image[0])), (len(weights), len(weights[0]))
    given = zip(sizes, kernel_size, *map(pair, (stride, padding, output_padding, dilation)), strict=True)
    (down, above, between, height), (across, beside, apart, width) = (
        (step, crop, gap, shapes.transposed_out_size(size, kernel, step, crop, extra, gap))
        for size, kernel, step, crop, extra, gap in given
    )
    last = (sizes[1] - 1) * across + 1
    lines: list[list[list[int]]] = [[] for _ in range(height)]  # for each row of the output, what writes it
    made: dict[tuple[int, tuple[int, ...]], list[int]] = {}  # what a kernel's row makes of an image's row
    for (i, row), (r, pixels) in product(enumerate(map(tuple, weights)), enumerate(image)):
        at = r * down + i * between - above
        if not any(row) or not 0 <= at < height:
            continue
        if (r, row) not in made:
            whole = [0] * (width + 2 * beside)
            for j, weight in enumerate(row):
                places = slice(j * apart, j * apart + last, across)
                whole[places] = [value + weight * pixel for value, pixel in zip(whole[places], pixels, strict=True)]
            made[r, row] = whole[beside : beside + width]
        lines[at].append(made[r, row])
    return [added(each) or [0] * width for each in lines]


def length(*axis: int) -> int | None:
    """Output length along one axis, None where there is no such layer."""
    try:
        return transposed_out_size(*axis)
    except ShapeError:
        return None


# ---- settings that cannot work ---------------------------------------------------------------------------------------


def remedies(
    size: int, kernel_size: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> list[dict[str, int]]:
    """The smallest changes that make an impossible setting possible; empty where it already works.
    >>> remedies(1, kernel_size=3, padding=2)
    [{'padding': 1}, {'kernel_size': 5}, {'size': 3}]
    >>> remedies(6, kernel_size=3, stride=2, output_padding=2)
    [{'output_padding': 1}, {'stride': 3}, {'dilation': 3}]
    """
    now = dict(zip(NAMES, (size, kernel_size, stride, padding, output_padding, dilation), strict=True))
    if output_padding < max(stride, dilation):
        return _uncropped(now)
    changes = [
        {"output_padding": max(stride, dilation) - 1},
        {"stride": output_padding + 1},
        {"dilation": output_padding + 1},
    ]
    # What then crops all needs its own mending on top: less padding, which always helps.
    return [{**change, **next(iter(_uncropped({**now, **change})), {})} for change in changes]


def _uncropped(now: dict[str, int]) -> list[dict[str, int]]:
    size, kernel, stride, padding, extra, dilation = now.values()
    full = (size - 1) * stride + effective_kernel(kernel, dilation) + extra
    lacking = 2 * padding + 1 - full
    if lacking <= 0:
        return []
    return [
        {"padding": (full - 1) // 2},
        {"kernel_size": kernel - -lacking // dilation},
        {"size": size - -lacking // stride},
    ]


# ---- guesses ---------------------------------------------------------------------------------------------------------


def slips(
    size: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> dict[str, int]:
    """What each usual slip makes of one axis, under the hint for it. A slip that changes nothing is left out.
    >>> sorted(slips(12, 4, stride=2, padding=1).values())
    [6, 13, 23, 25, 26, 26, 28]
    """
    full = (size - 1) * stride + effective_kernel(kernel, dilation) + output_padding
    right, span = full - 2 * padding, effective_kernel(kernel, dilation)
    crop = f"{padding} px at each end: take off 2·{padding}"
    made = {
        "this is what the ordinary convolution makes of it; the transposed one runs it backwards": out_length(
            size, kernel, stride, padding, dilation
        )
        or 0,
        f"the padding is left out, but it crops {crop}": full,
        f"the padding is taken off once, but it crops {crop}": full - padding,
        f"the padding is added, but here it crops {crop}": full + 2 * padding,
        f"the − 1 is missing: between {size} stamps there are only {size - 1} steps": right + stride,
        f"the + 1 is missing: a stamp spans {dilation}·({kernel} − 1) + 1 px": right - 1,
        f"the output_padding is left out: it adds {output_padding} px at the end": right - output_padding,
        f"the output_padding is added twice, but only the end gets its {output_padding} px": right + output_padding,
        f"the dilation is left out: {kernel} taps, {dilation} px apart, span {span} px": right - span + kernel,
        f"the stride is left out: the stamps start {stride} px apart": right - (size - 1) * (stride - 1),
        f"the kernel is left out: the last stamp starts at {(size - 1) * stride} and spans {span} px": size * stride,
    }
    return {hint: length for hint, length in made.items() if length > 0 and length != right}


def hint(guess: int, axis: tuple[int, ...]) -> str:
    """What is wrong with a guess along one axis: the slip that leads there, or which way to go.
    >>> hint(23, (12, 4, 2, 1, 0, 1))
    'the + 1 is missing: a stamp spans 1·(4 − 1) + 1 px'
    """
    size, kernel, stride, padding, extra, dilation = axis
    try:
        right = transposed_out_size(*axis)
    except ShapeError as error:
        return f"{str(error).partition(';')[0]}, so no output exists; type none"
    more = f" and {extra} added at the end" if extra else ""
    return named(guess, slips(*axis)) or (
        f"{'too large' if guess > right else 'too small'}; {size} stamps of {effective_kernel(kernel, dilation)} px"
        f" start {stride} px apart, with {padding} px cropped at each end{more}"
    )


RULES = Rules(
    length,
    hint,
    none="no such layer exists",
    some="the crop leaves something over, so there is an output",
)


# ---- its picture -----------------------------------------------------------------------------------------------------


def transposed_picture(
    conv: Transposed, pin: Pair | None = None, caption: Sequence[str] = (), still: bool = False, heat: bool = False
) -> str:
    """The whole picture as SVG text. `pin` marks one output and what writes it; `heat` shows how many inputs write one.

    Still pictures, errors and questions are as in `conv_picture`.
    """
    heat = heat and conv.out is not None
    blocks = _blocks(conv, heat)
    height = place(blocks, crop=still)
    content = _input_part(conv, blocks[0], _stamp_colours(conv, pin) if pin else {}) + kernel(conv, blocks[1])
    content += _sign(blocks[0], blocks[1])
    if conv.out is None:
        content += misfit(conv, blocks) if conv.error else question(conv, blocks, USUAL)
    else:
        content += legend(blocks[2], "count", conv.most_uses, "input") if heat else ""
        content += _output(conv, blocks[2], heat) + sign("=", blocks[1], blocks[2])
        content += framed(blocks[0], blocks[2], _writing(conv, pin), pin) if pin else ""
    kind, shown = "cnnlab-conv" + " heat-out" * heat, {"caption": caption, "still": still}
    return paper.document(content, height, _words(conv), kind, **shown, **_data(conv))


def _data(conv: Transposed) -> dict[str, object]:
    names = ("size", "kernel_size", "stride", "padding", "output_padding", "dilation", "out_shape", "default_pin")
    numbers = {"data_divisor": conv.divisor, "data_bias": conv.bias}
    return {"data_transposed": "true", **conv.data(*names), **conv.reading(), **numbers}


def _words(conv: Transposed) -> tuple[str, str]:
    result = f"{by(conv.out_shape)} output" if conv.out else "no output" if conv.error else "output size to be guessed"
    title = f"Transposed convolution: {by(conv.size)} input, {by(conv.kernel_size)} kernel, {result}"
    settings = ", ".join(f"{name} {by(getattr(conv, name))}" for name in USUAL)
    if not conv.out and not conv.error:
        return title, f"{settings}."
    return title, f"{settings}. {conv.error or _bare(conv) or 'every output pixel is written'}."


def _bare(conv: Transposed) -> str:
    return f"only the bias reaches {conv.bare_pixels:,} px" if conv.bare_pixels else ""


def _cropped(conv: Transposed) -> str:
    height, width = conv.padding
    if not height and not width:
        return ""
    return f"dashed: {height if height == width else by(conv.padding)} px cropped on each side"


def _blocks(conv: Transposed, heat: bool) -> list[Block]:
    strings = {at: str(conv.at(*at)) for at in product(*conv.shown_input)}
    source = Block("input", *conv.shown_input, title=f"{by(conv.size)} input", strings=strings)
    if conv.out is None:
        return [source, kernel_block(conv)]
    output = Block(
        "output",
        *conv.shown_output,
        title=f"{by(conv.out_shape)} output",
        subtitle="how many inputs write each pixel" if heat else _cropped(conv),
        note="" if heat else _bare(conv),
        strings={at: str(conv.uses(*at)) if heat else conv.text(*at) for at in product(*conv.shown_output)},
    )
    return [source, kernel_block(conv), output]


# ---- grids -----------------------------------------------------------------------------------------------------------


def _writing(conv: Transposed, pin: Pair) -> tuple[list[int], ...]:
    return tuple(sorted(index for _, index in conv.writers[axis].get(pin[axis], [])) for axis in (0, 1))


def _stamp_colours(conv: Transposed, pin: Pair) -> dict[Pair, str]:
    # Each input in the colour of the weight through which it writes the pin.
    return {source: svg.tap_colour(*tap, *conv.kernel_size) for tap, source in conv.terms(*pin)}


def _input_part(conv: Transposed, block: Block, lit: Mapping[Pair, str]) -> str:
    fills = {**greys(conv, block), **lit}
    inks = dict.fromkeys(lit, svg.TAP_INK)
    places = product(block.rows, block.columns)
    cells = [cell(block, at, conv.at(*at), fills[at], inks.get(at, svg.colour("ink"))) for at in places]
    return part(block, group(block, cells))


def _output(conv: Transposed, block: Block, heat: bool) -> str:
    top = largest(conv.out)
    heats = counts(conv, block) if heat else {}
    kept, cropped = [], []
    for at in product(block.rows, block.columns):
        value, inside = conv.total(*at), conv.kept(*at)
        fill = heats.get(at, signed(value, top)) if inside else svg.colour("faint")
        (kept if inside else cropped).append(cell(block, at, value, fill, svg.colour("ink" if inside else "muted")))
    bare = [at for at in product(block.rows, block.columns) if conv.kept(*at) and not conv.uses(*at)]
    last = tuple(max(conv.readers[axis]) for axis in (0, 1))
    dashed = group(block, cropped, class_="cropped", **DASHES)
    return part(block, dashed + group(block, kept) + left_out(block, bare, last))


def _sign(before: Block, after: Block) -> str:
    # The star of a convolution with the T of a transpose.
    x, y = (before.x + before.width + after.x) / 2, before.y + before.height / 2
    return sign("∗", before, after) + svg.text("T", x + 8, y - 6, 12, "muted")
