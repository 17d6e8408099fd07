"""Numbers that the prose repeats: each sentence agrees with the saved output or the results file it took them from.

A row of ROWS is (cell, piece, source, ...): the id of a markdown cell, a piece of its text, and where its numbers
come from, in order. In a piece and in a pattern over an output

    #    stands for a number, with its "%", "thousand", "million" or "billion";
    ~    stands for a number whose trailing zeros are rounding too, as in "15,000 images" for 14,997;
    …    skips text within a line;

everything else is literal, and white space matches any white space. Where a sentence tells what an explorer shows
after a slider's move, the row computes it (`shows`). Not rows are: numbers in words, plain arithmetic, numbers of a
paper, and runs that are saved nowhere.
"""

import html
import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import nbformat
import pytest
import torch

from cnnlab import explore, models
from cnnlab.trace import trace
from tests.notebooks import FOLDER, ROOT, read

SCALES = {"%": Decimal("0.01"), "thousand": 10**3, "million": 10**6, "billion": 10**9}
NUMBER = r"[-−+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?"
MARK = rf"(?<![\d.,])({NUMBER}(?:\s?%|\s(?:thousand|million|billion)\b)?)(?!\d|[.,]\d|e[-+]?\d)"

Source = Callable[[dict, str], list]  # the notebooks and the name of the row's own -> numbers


class Number(NamedTuple):
    """A number as it is written: its value, and one unit of its last digit."""

    text: str
    value: Decimal
    unit: Decimal

    def agrees(self, found) -> bool:
        """Whether `found` rounds to this number; a tie may go either way."""
        return abs(self.value - found) <= self.unit / 2


class Spread(list):
    """Numbers that must all lie between the two that the prose tells."""


def number(text: str, rounded: bool = False) -> Number:
    """The number in `text`. rounded: its trailing zeros do not count as digits, beyond the second digit."""
    digits, scale = re.fullmatch(rf"({NUMBER})\s?(.*)", text).groups()
    value, scale = Decimal(digits.replace(",", "").replace("−", "-")), SCALES.get(scale, 1)
    unit = Decimal(1).scaleb(value.as_tuple().exponent)
    while rounded and value % (10 * unit) == 0 and abs(value) >= 100 * unit:
        unit *= 10
    return Number(text, value * scale, unit * scale)


def pattern(piece: str) -> str:
    """The regular expression of a piece, with one group for each marked number."""
    parts = re.split("([#~…])", piece)
    literal = [re.sub(r"(?:\\\s|\s)+", r"\\s+", re.escape(part)) for part in parts[::2]]
    marks = [MARK if mark in "#~" else ".*?" for mark in parts[1::2]]
    start, end = (r"(?<![\d.,])" if piece[0].isdigit() else ""), (r"(?!\d|[.,]\d)" if piece[-1].isdigit() else "")
    return start + "".join(text + mark for text, mark in zip(literal, [*marks, ""], strict=True)) + end


def find(piece: str, books: dict, notebook: str, cell: str, once: bool = False) -> list[Number]:
    """The numbers of the first place of a cell where `piece` stands. once: it may stand in no other place."""
    if cell not in books[notebook]:
        pytest.fail(f"{notebook} has no cell {cell!r}; correct the row.", pytrace=False)
    found = list(re.finditer(pattern(piece), books[notebook][cell]))
    if not found:
        what = "text" if once else "output"
        pytest.fail(
            f"{notebook}, cell {cell!r}: its {what} does not have {piece!r}; fit the row to what it has now.",
            pytrace=False,
        )
    if once and len(found) > 1:
        pytest.fail(
            f"{notebook}, cell {cell!r}: its text has {piece!r} {len(found)} times; lengthen the piece.", pytrace=False
        )
    marks = re.findall("[#~]", piece)
    return [number(text, mark == "~") for text, mark in zip(found[0].groups(), marks, strict=True)]


def out(place: str, *pieces: str) -> Source:
    """Numbers of the output of a code cell; place: its id, in another notebook with that one's name in front."""
    other, _, cell = place.rpartition(":")
    return lambda books, own: [each.value for piece in pieces for each in find(piece, books, other or own, cell)]


def saved(file: str, *path: str) -> Source:
    """Numbers of a file in results/; "*" in the path goes through a whole list."""

    def values(books, own):
        text = (ROOT / "results" / file).read_text(encoding="utf-8")
        found = [json.loads(text, parse_float=Decimal, parse_int=Decimal)]
        for step in path:
            found = [inner for each in found for inner in (each if step == "*" else [each[step]])]
        return found

    return values


def of(function: Callable, *sources: Source) -> Source:
    """What `function` makes of the numbers of `sources`: one number or several."""

    def values(books, own):
        made = function(*(value for source in sources for value in source(books, own)))
        return list(made) if isinstance(made, (list, tuple)) else [made]

    return values


def within(*sources: Source) -> Source:
    """For prose that tells a range: all numbers of `sources` lie in it."""
    return lambda books, own: [Spread(value for source in sources for value in source(books, own))]


def check(books: dict, notebook: str, cell: str, piece: str, *sources: Source) -> None:
    """Fail if a number of the sentence is not the rounded number of its source."""
    told = find(piece, books, notebook, cell, once=True)
    found = [value for source in sources for value in source(books, notebook)]
    if isinstance(found[0], Spread):
        low, high = told
        found = [min(low.value, *found[0]), max(high.value, *found[0])]
    if len(told) != len(found):
        pytest.fail(
            f"{notebook}, cell {cell!r}: {piece!r} has {len(told)} marks and its sources give {len(found)} numbers; "
            "give one for each mark.",
            pytrace=False,
        )
    for each, value in zip(told, found, strict=True):
        if not each.agrees(value):
            pytest.fail(
                f"{notebook}, cell {cell!r}: the prose says {each.text} in {piece!r}, its source {value:.6g}; "
                "correct the sentence.",
                pytrace=False,
            )


class Books(dict):
    """The notebooks as read from their files: name -> {id of a cell: its text, or the text of its outputs}."""

    def __missing__(self, name):
        self[name] = {cell.id: shown(cell) for cell in read(FOLDER / f"{name}.ipynb").cells}
        return self[name]


def shown(cell: nbformat.NotebookNode) -> str:
    """What a reader sees of a cell: the text of a markdown cell, the words of a code cell's outputs."""
    if cell.cell_type == "markdown":
        return cell.source
    texts = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        drawn = re.sub(r"<[^>]*>", " ", re.sub(r"(?s)<style.*?</style>", "", data.get("image/svg+xml", "")))
        texts += [output.get("text", ""), data.get("text/plain", ""), html.unescape(drawn)]
    return "\n".join(texts)


def gap(a, b):
    return a - b


def ratio(a, b):
    return a / b


def points(*pairs):
    """How far the first half of the shares lies above the second half, one by one, in points."""
    half = len(pairs) // 2
    return [100 * (a - b) for a, b in zip(pairs[:half], pairs[half:], strict=True)]


def losses(*pairs):
    """Those of the `points` that are above 0."""
    return [each for each in points(*pairs) if each > 0]


def turned(*numbers):
    return numbers[::-1]


def millions(a):
    return a / 10**6


def minutes(books: dict, own: str) -> list:
    """The minutes that the overview in chapter 15 gives to all exercises of this chapter."""
    parts = re.split(r"(?m)^(?=\d\d-)", books["15-exercises"]["progress"])
    (chapter,) = [part for part in parts if part.startswith(own)]
    return [sum(Decimal(each) for each in re.findall(r"(\d+) min ", chapter))]


def heavy(*rates):
    """By how much rates without loading (first half) exceed those with it, leaving out the two largest excesses.

    The least in per cent and the most as a share, for "2 to 3 %".
    """
    half = len(rates) // 2
    *heavy, _, _ = sorted(a / b - 1 for a, b in zip(rates[:half], rates[half:], strict=True))
    return 100 * heavy[0], heavy[-1]


def shows(function: Callable[[], tuple]) -> Source:
    """Numbers that the learner reads off an explorer, computed here."""
    return lambda books, own: [Decimal(str(value)) for value in function()]


def sizes(name: str) -> list[int]:
    """The image sizes from 20 to 256 px that the network takes as `ArchitectureExplorer(name)` builds it."""
    with torch.device("meta"):
        net = models.build(name)
        return [size for size in range(20, 257) if trace(net, (1, 1, size, size)).failure is None]


def alexnet_refuses() -> tuple:
    """The largest size that `fc6` refuses, then the sizes it takes and the side of the maps that it reads."""
    taken = sizes("alexnet")
    with torch.device("meta"):
        (side,) = {
            row.out_shape[-1]
            for size in taken
            for row in trace(models.build("alexnet"), (1, 1, size, size))
            if row.name == "pool5"
        }
    return taken[0] - 1, taken[0], 224, side, side


def mended_shortcut() -> tuple:
    """Sides of branch and shortcut with stride 1 in the branch alone, then the MACs in millions with it in both."""
    with torch.device("meta"):
        net = models.build("resnet18").eval()
        block = net.conv3_x[0]
        block.branch.conv1.stride = (1, 1)
        X = torch.empty(1, 64, 24, 24)
        sides = [y.shape[-1] for y in (block.branch(X), block.shortcut(X)) for _ in "hw"]
        block.shortcut[0].stride = (1, 1)
        return *sides, trace(net, (1, 1, 96, 96)).macs / 1e6


def denser(**setting) -> tuple[float, int]:
    """How many times the parameters a dense block has with this setting, and how many parameters."""
    preset = "3 + 2 × 10 → 23 → 10"
    block, larger = explore.DenseExplorer(preset=preset), explore.DenseExplorer(preset=preset)
    for name, value in setting.items():
        setattr(larger, name, value)
    return larger.params / block.params, larger.params


def batches_to(share: float) -> tuple[int]:
    """After how many batches the running mean of the explorer's default stream is that near to the true mean."""
    told = explore.BatchNormExplorer(gamma=-2.0, beta=1.0, steps=60)
    errors = [abs(each.running_mean - told.mean) / told.mean for each in told.history]
    return (next(i for i, error in enumerate(errors) if error < share),)


# What several rows read.
FORMS = ("plain", "residual")
CONVOLUTIONS = out("layers-table", "block1.conv … ms #", "block2.conv … ms #", "block3.conv … ms #")
# Seconds that the textbook's loop takes for all images; the cell gave it as many images as fit into 6 s.
TEXTBOOK = of(lambda images: 6 * 55_000 / images, out("answer-show", "textbook 1 × # images"))
MORE_PARAMETERS = out("per-layer-table-shown-4", "parameters convolutions #", "parameters dense layers #")
MORE_MACS = out("per-layer-table-shown-4", "MACs convolutions #", "MACs dense layers #")
VGG11 = [f"block{block}.conv{i + 1}" for block, convs in enumerate((1, 1, 2, 2, 2), start=1) for i in range(convs)]

ROWS = {
    "00-start": [
        ("first-question", "is # pixels wide and the kernel #. The", out("first-explorer", "(#×12, k=#,")),
        ("first-question", "The output is # wide", out("first-explorer", "→ #×10)")),
        ("data", "2017): # grey pictures", of(lambda *n: sum(n), out("data-check", "(#, #, #)"))),
        ("data", "clothes, # × # pixels", out("data-load", "; #×#, on")),
        ("data-splits", "the # test images", out("data-check", "(55000, 5000, #)")),
        ("data-splits", "so here # of the", out("data-check", "(55000, #,")),
        ("data-splits", "of the # training images", of(lambda a, b: a + b, out("data-check", "(#, #,"))),
    ],
    "01-convolution": [
        ("ninety-six-fit", "over the # training images", out("00-start:data-check", "(#,")),
        ("receptive-explain", "# × 5, and not every", out("receptive-arithmetic", "× 3: 2, pixels across: #")),
        ("try", "about # minutes in all", minutes),
    ],
    "02-padding-stride": [
        ("explorer-answer", "# × #: a kernel of 3", out("explorer", "→ #×#)")),
        ("formula-check", "Ask it # times", out("formula-against-torch", "of #")),
        ("total-answer", "# instead of #.", of(turned, out("total-check", "formula: #, PyTorch with padding=2: #"))),
        ("dilation-cost", "# × #, as a kernel", out("dilation-explorer", "→ #×#)")),
        ("wrong", "it is #, with one row", out("formula-function", "#")),
        ("try", "about # minutes in all", minutes),
    ],
    "03-channels": [
        ("multi-in-answer", "#: the first channel", out("multi-in-function", "[[ #.,")),
        ("wrong", "off by # above", of(ratio, out("cost-count", "parameters, # MACs", "channels: #"))),
        ("try", "about # minutes in all", minutes),
    ],
    "04-pooling": [
        ("explorer-answer", "# × #, with every input", out("explorer", "→ #×#)")),
        ("try", "about # minutes in all", minutes),
    ],
    "05-lenet": [
        (
            "trace-explain",
            "all # parameters of difference",
            of(gap, out("trace", "total 1×1×28×28 #"), out("trace-max", "total 1×1×28×28 #")),
        ),
        ("trace-explain", "gets # features", out("trace", "flatten Flatten … 1×# 0")),
        ("trace-explain", "variant and # in the other", out("trace-max", "flatten Flatten … 1×# 0")),
        ("architecture-answer", "then # × #, # values", out("trace-max", "1×16×#×# 1×# 0")),
        ("architecture-answer", "built for #.", out("trace", "flatten Flatten … 1×# 0")),
        ("architecture-answer", "images of # to # px.", shows(lambda: (sizes("lenet")[0], sizes("lenet")[-1]))),
        ("inside-explain", "a picture is # × # and", out("inside-maps", "'pool2': (16, #, #)")),
        ("inside-explain", "layers read # such", out("trace", "flatten Flatten … 1×# 0")),
        ("features-explain", "it was # classes in `act1` and # in", out("features-classes", "act1: # act2: #")),
        ("sight-intro", "of `pool2` sees # × # pixels", of(lambda side: (side, side), out("sight", "field #, jump"))),
        ("summary", "dense layers: # parameters", out("trace", "total 1×1×28×28 #")),
        ("try", "about # minutes in all", minutes),
    ],
    "06-alexnet": [
        ("goals", "print both # and #;", out("paper-sizes", "224 0 #", "224 2 #")),
        ("paper-answer", "224 without padding gives #, and", out("paper-sizes", "224 0 #")),
        ("paper-answer", "# features become #,", out("paper-sizes", "224 0 54 5 #", "224 2 55 6 #")),
        ("paper-answer", "grows by # weights", of(gap, out("paper-sizes", "224 2 55 6 9,216 #", "224 0 54 5 6,400 #"))),
        (
            "architecture-answer",
            "refuses from # px down; # to # px all end in # × # maps",
            shows(alexnet_refuses),
        ),
        (
            "streams-answer",
            "– # – # – # – # – # – # – # neurons",
            out("streams-build", "by layer: 290,400 – # – # – # – # – # – # – #"),
        ),
        ("shares-question", "of the # parameters", out("trace", "total 1×1×224×224 #")),
        (
            "shares-answer",
            "together are # MB as taught, # MB",
            out("shares", "as taught: … # MB of", "paper's sizes: … # MB of"),
        ),
        (
            "sigmoid-explain",
            "was ~ to ~ times smaller",
            out("sigmoid-figure", "gradient is # to # times smaller"),
        ),
        (
            "mirror-answer",
            "images # of the sneakers",
            out("mirror-measure", "Sneaker: # point"),
        ),
        (
            "dropout-explain",
            "gaps of # to # points without",
            within(of(points, out("dropout-train", "0 own training images # # #", "0 validation images # # #"))),
        ),
        (
            "dropout-explain",
            "of # to # with it",
            within(of(points, out("dropout-train", "0.5 own training images # # #", "0.5 validation images # # #"))),
        ),
        (
            "dropout-explain",
            "all three, by # to # points",
            within(of(points, out("dropout-train", "0 validation images # # #", "0.5 validation images # # #"))),
        ),
        (
            "augment-explain",
            "to shifts (# to # points)",
            within(of(points, out("augment-train", "crop judged shifted # # #", "none judged shifted # # #"))),
        ),
        (
            "augment-explain",
            "to mirroring (# to # points)",
            within(of(points, out("augment-train", "flip judged mirrored # # #", "none judged mirrored # # #"))),
        ),
        (
            "augment-explain",
            "shifting cost # to # points and",
            within(of(points, out("augment-train", "none judged as it is # # #", "crop judged as it is # # #"))),
        ),
        (
            "augment-explain",
            "and mirroring up to #;",
            of(
                lambda *pairs: max(losses(*pairs)),
                out("augment-train", "none judged as it is # # #", "flip judged as it is # # #"),
            ),
        ),
        ("test-answer", "Here it came to #, a", out("test", "test accuracy #,")),
        ("test-answer", "with # parameters instead", out("journal", "small stem 28×28 #")),
        ("test-answer", "instead of #, 28 pixels", out("trace", "total 1×1×224×224 #")),
        (
            "reference-intro",
            "has dropout # instead",
            saved("reference-cpu.json", "alexnet ours", "row", "settings", "dropout"),
        ),
        ("wrong", "| #; 227 pixels or padding 2 give # |", out("paper-sizes", "224 0 #", "227 0 #")),
        (
            "wrong",
            "weights together are # MB as taught, # MB",
            out("shares", "as taught: … # MB of", "paper's sizes: … # MB of"),
        ),
        ("wrong", "| # of the parameters", out("shares", "taught: # of the parameters")),
        (
            "wrong",
            "parameters, # of the multiply",
            of(lambda a: 1 - a, out("shares", "in dense layers, # of the MACs")),
        ),
        (
            "summary",
            "224 → # → # → # → #, then # →",
            out("sizes", "224 → # → # → 26 → # → 12 → 12 → 12 → # → 256 · 5 · 5 = # features"),
        ),
        ("try", "about # minutes in all", minutes),
    ],
    "07-vgg": [
        (
            "measured-explain",
            "the means are # against # for",
            out("measured-train", "5×5 without … mean #", "two 3×3 without … mean #"),
        ),
        (
            "measured-explain",
            "and # against # for three",
            out("measured-train", "7×7 without … mean #", "three 3×3 without … mean #"),
        ),
        (
            "measured-explain",
            "with it the means are # against #,",
            out("measured-train", "5×5 batch norm … mean #", "two 3×3 batch norm … mean #"),
        ),
        (
            "measured-explain",
            ", and # against #.",
            out("measured-train", "7×7 batch norm … mean #", "three 3×3 batch norm … mean #"),
        ),
        ("network", "# × # × #. With the block", out("block-function", "(1, #, #, #)")),
        ("trace-explain", "map is # × # × #, flattened to #.", out("trace", "flatten Flatten 1×#×#×# 1×#")),
        ("architecture-answer", "block 5 sees # px", out("field-check", "trace: #")),
        (
            "variants-explain",
            "By #: the dense",
            of(lambda a, b: b / a - 1, out("variants-table", "VGG-11 (…): #", "VGG-19 (…): #")),
        ),
        (
            "variants-explain",
            "grows by #.",
            of(lambda a, b: b / a - 1, out("variants-table", "VGG-11 (…): … # MACs", "VGG-19 (…): … # MACs")),
        ),
        ("effective", "block 3 sees # × 26", out("effective-compute", "computed: # px")),
        (
            "effective-explain",
            "had # of the influence and one at the rim #.",
            of(lambda *shares: (shares[-1] / 100, shares[0] / 100), out("effective-picture", "middle:" + 13 * " #")),
        ),
        (
            "effective-explain",
            "middle quarter had #, the outer 3 px #.",
            out("effective-picture", "quarter: # of the influence; outer 3 px: #"),
        ),
        (
            "effective-explain",
            "same seed, # and #.",
            out("effective-picture", "before training: # and #"),
        ),
        (
            "features-question",
            "came from # to # classes",
            of(lambda *counts: sorted(counts), out("05-lenet:features-classes", "act1: # act2: #")),
        ),
        (
            "features-explain",
            "# classes, then #, then #:",
            out("features-classes", "block1.relu1: # block3.relu2: # block5.relu2: #"),
        ),
        (
            "wrong",
            "# of the influence came from the middle quarter, # from the outer 3 px",
            out("effective-picture", "quarter: # of the influence; outer 3 px: #"),
        ),
        ("wrong", "outer 3 px, # of the area", out("effective-share", "outer 3 px, # of the field")),
        (
            "summary",
            "VGG-11: # parameters, # in",
            out("trace", "total 1×1×224×224 #"),
            out("trace-shares", "dense layers: #"),
        ),
        (
            "summary",
            "layers; # MACs, # in",
            out("trace", "total 1×1×224×224 128,806,154 #"),
            out("trace-shares", "convolutions: #"),
        ),
        ("summary", "with # fewer parameters", of(lambda a: 1 - a, out("compare-five", "parameters #×"))),
        ("next", "layers, # of the parameters", out("trace-shares", "dense layers: #")),
        ("try", "about # minutes in all", minutes),
    ],
    "08-nin": [
        ("architecture-answer", "All from # to 256 px", shows(lambda: sizes("nin")[:1])),
        ("trace", "and # parameters", out("trace-table", "total 1×1×224×224 #")),
        (
            "trace",
            "# → # → # → # → # → # → #,",
            out("network-shapes", "(1, 96, #, 54)", "(1, 96, #, 26)", "(1, 256, #, 26)", "(1, 256, #, 12)"),
            out("network-shapes", "(1, 384, #, 12)", "(1, 384, #, 5)", "(1, 10, #, 1)"),
        ),
        ("saved-explain", "# times fewer parameters", out("saved-ratios", "params AlexNet has #")),
        (
            "reference-intro",
            "has dropout # instead",
            saved("reference-cpu.json", "nin ours", "row", "settings", "dropout"),
        ),
        (
            "wrong",
            "| # times in parameters, # times in MACs",
            out("saved-ratios", "params AlexNet has #", "macs AlexNet has #"),
        ),
        ("summary", "score; # parameters instead of #.", out("saved-table", "nin #", "alexnet #")),
        ("try", "about # minutes in all", minutes),
    ],
    "09-googlenet": [
        (
            "inception-answer",
            "block 5a most, # times:",
            shows(lambda: (explore.InceptionExplorer(preset="Inception 5a").saving,)),
        ),
        (
            "inception-answer",
            "Block 5b saves # times,",
            shows(lambda: (explore.InceptionExplorer(preset="Inception 5b").saving,)),
        ),
        (
            "picture-answer",
            "#: only the last box of a branch counts, # + # + # + #.",
            out("block-use", "→ (#, 12, 12)", "[(#, 12, 12), (#, 12, 12), (#, 12, 12), (#, 12, 12)]"),
        ),
        (
            "channels-answer",
            "# : # : # : # and # : # : # : #.",
            out("channels", "256 channels = # : # : # : #", "480 channels = # : # : # : #"),
        ),
        ("channels-answer", "twelfth, # of #, before", of(turned, out("channels", "third branch: # → # channels"))),
        (
            "reduce-answer",
            "# times, in the first",
            of(ratio, out("reduce-trace", "without_reductions … parameters # MACs", "Inception … parameters # MACs")),
        ),
        ("reduce-answer", "Both blocks give # channels", out("reduce-picture", "out: # ×")),
        ("reduce-answer", "read up to # channels", out("stages-shapes", "528, 832, #,")),
        ("widths-answer", "original put out # channels", out("widths-function", "# channels")),
        (
            "widths-answer",
            "everything costs # times",
            of(
                ratio,
                out("widths-try", "512 channels, … parameters, # MACs"),
                out("widths-function", "parameters, # MACs"),
            ),
        ),
        (
            "inception-answer",
            "saves least, # times",
            of(ratio, out("reduce-trace", "without_reductions … parameters # MACs", "Inception … parameters # MACs")),
        ),
        (
            "stages-answer",
            "# inside the stem, then #, #, #, #, #.",
            out("stages-picture", "stage1.conv1.conv 64×#×48"),
            out("stages-shapes", "sides # → # → # → # → #"),
        ),
        ("stages-answer", "# parameters and # MACs", out("stages-shapes", "total # parameters, # MACs")),
        (
            "paper-answer",
            "prints #; its own row of channels gives #.",
            out("paper-table", "5a … printed #"),
            of(millions, out("paper-table", "5a … parameters # MACs")),
        ),
        ("sizes-answer", "alone reads # features", out("06-alexnet:sizes", "5 · 5 = # features")),
        ("sizes-answer", "VGG's #.", out("07-vgg:trace", "flatten Flatten 1×512×7×7 1×#")),
        (
            "branches-explain",
            "# to # with it",
            of(lambda *a: (min(a), max(a)), out("branches-show", "all four … MACs # # #")),
        ),
        (
            "branches-explain",
            "# to # without",
            of(lambda *a: (min(a), max(a)), out("branches-show", "5×5 … MACs # # #")),
        ),
        ("wrong", "# + # + # + # = #;", out("block-use", "[(#, 12, 12), (#, 12, 12), (#, 12, 12), (#, 12, 12)] → (#,")),
        ("wrong", "reduces the # channels", out("channels", "third branch: #")),
        ("wrong", "| to #, which is 1/#", out("channels", "192 → # channels, 1/#")),
        ("wrong", "differed by less than #", out("start-band", "leaves less than # between")),
        ("summary", "the side: #, #, #, #, #.", out("stages-shapes", "sides # → # → # → # → #")),
        ("try", "about # minutes in all", minutes),
    ],
    "10-batch-norm": [
        ("explorer-answer", "within 5 % after # batches", shows(lambda: batches_to(0.05))),
        ("explorer-answer", "to the #th is less", shows(lambda: batches_to(0.05))),
        ("after-explain", "2/√2 = #.", out("after-measure", "variance ε … std #")),
        ("bias-explain", "of # parameters never", out("network-same", "# parameters, and")),
        (
            "momentum-explain",
            "0.1·2 = #, and 0.9·1 + 0.1·**8** = #.",
            out("momentum-measure", "momentum 0.1: mean #, variance #"),
        ),
        ("network", "LeNet's #?", out("05-lenet:trace-max", "total 1×1×28×28 #")),
        (
            "network-explain",
            "= # parameters more",
            of(gap, out("network-same", "# parameters, and"), out("05-lenet:trace-max", "total 1×1×28×28 #")),
        ),
        ("architecture-question", "of its # parameters", out("network-same", "# parameters, and")),
        (
            "architecture-answer",
            "#, one in a hundred: two for each channel, # + # + # + #.",
            of(
                lambda *n: (sum(n), *n),
                out("network-trace", "bn1 …×24×24 # 0", "bn2 …×8×8 # 0", "bn3 …×120 # 0", "bn4 …×84 # 0"),
            ),
        ),
        ("try", "about # minutes in all", minutes),
    ],
    "11-resnet": [
        (
            "gradients-explain",
            "factors make ~ to ~ from one",
            out("gradients-plot", "plain: the first six gradients are # to # times"),
        ),
        (
            "gradients-explain",
            "with shortcuts it is # to #.",
            out("gradients-plot", "residual: the first six gradients are # to # times"),
        ),
        (
            "shortcut-answer",
            "*grows* ~ times over 20 blocks, with shortcuts # times",
            shows(lambda: [getattr(explore.ResidualExplorer(depth=20, norm=True), n).reach for n in FORMS]),
        ),
        ("architecture-answer", "keeps # × #, the shortcut halves to # × #, and", shows(lambda: mended_shortcut()[:4])),
        ("architecture-answer", "side: # million", shows(lambda: mended_shortcut()[4:])),
        (
            "shapes-explain",
            "# → # → # → # → # → # at 96",
            out(
                "shapes-picture",
                "pool1 64×#×24 → conv2_x 64×#×24 → conv3_x 128×#×12 → conv4_x 256×#×6 → conv5_x 512×#×3",
            ),
            out("shapes-picture", "avgpool 512×#×1"),
        ),
        (
            "shapes-explain",
            "# → # → # → # → # → # at 224",
            out("shapes-224", "pool1 … 1×64×56×# 0", "conv2_x … 1×64×56×56 1×64×56×#", "conv3_x … 1×128×28×#"),
            out("shapes-224", "conv4_x … 1×256×14×#", "conv5_x … 1×512×7×#", "avgpool … 1×512×1×#"),
        ),
        ("shapes-explain", "# parameters. The notes'", out("shapes-96", "total 1×1×96×96 #")),
        ("architecture-answer", "instead of #.", of(millions, out("shapes-96", "total 1×1×96×96 11,178,378 #"))),
        ("redundant-explain", "# biases. A", of(gap, out("redundant", "as in the notes #", "without the biases #"))),
        (
            "redundant-explain",
            "as well: # more",
            of(gap, out("redundant", "as in the paper #", "without the biases #")),
        ),
        (
            "features-explain",
            "It does: # against #, averaged",
            out("features-correlate", "same channel: #, another one: #"),
        ),
        (
            "reference-intro",
            "(权重衰减) #, too",
            saved("reference-cpu.json", "resnet18_notes ours", "row", "training", "weight_decay"),
        ),
        ("wrong", '"# parameters" | #', out("redundant", "notes #"), of(gap, out("redundant", "notes #", "biases #"))),
        ("try", "about # minutes in all", minutes),
    ],
    "12-densenet": [
        (
            "block-answer",
            "3 + 2 · 10 = #. The second layer reads #:",
            out("block-shape", "→ (4, #,", "reads # channels"),
        ),
        ("transition", "mixes # channels down to #,", out("transition-built", "(4, #, 8, 8) → (4, #, 4, 4)")),
        ("dense-answer", "growth rate (# →", out("dense-explorer", "channels; # parameters")),
        ("dense-answer", "# times by the growth", shows(lambda: denser(growth_rate=20)[:1])),
        (
            "dense-answer",
            "→ #), # times by the layers (#)",
            shows(lambda: (denser(growth_rate=20)[1], *denser(num_convs=4))),
        ),
        ("trace-answer", "at # × #:", out("trace", "denseblock1 192 × # × #")),
        (
            "trace-answer",
            ": # of all MACs",
            of(ratio, out("trace", "denseblock1 192 × 24 × 24 #", "parameters, # MACs")),
        ),
        (
            "trace-answer",
            "# → # → # → # → # → # → # → #,",
            out(
                "trace",
                "pool0 # ×",
                "denseblock1 # ×",
                "transition1.pool # ×",
                "denseblock2 # ×",
                "transition2.pool # ×",
            ),
            out("trace", "denseblock3 # ×", "transition3.pool # ×", "denseblock4 # ×"),
        ),
        ("depths-answer", "its table gives #.", out("depths-table", "DenseNet-264 (…) # layers")),
        ("fewer", "ResNet-18 has #, this network #.", out("cost", "ResNet-18 #", "DenseNet #")),
        ("fewer", "which reads # channels", out("fewer-count", "reads #,")),
        ("fewer-answer", "adds # channels", out("fewer-count", "writes #:")),
        (
            "memory-answer",
            "twice # MiB for ResNet-18, twice # for",
            of(lambda *n: [4 * each / 2**20 for each in n], out("cost", "ResNet-18 #", "DenseNet #")),
        ),
        (
            "versus-answer",
            "adding is # points ahead",
            of(points, out("versus-show", "add … mean #", "concatenate … mean #")),
        ),
        (
            "versus-answer",
            "differ by # and #. Three",
            of(
                lambda a, b, c, d, e, f: (100 * (max(a, b, c) - min(a, b, c)), 100 * (max(d, e, f) - min(d, e, f))),
                out("versus-show", "add … parameters # # #", "concatenate … parameters # # #"),
            ),
        ),
        (
            "wrong",
            "read # channels on average (# at most)",
            out("solutions/12-densenet:fewer-parameters-shown-2", "densenet … mean channels # in"),
            out("fewer-count", "reads #,"),
        ),
        (
            "wrong",
            "ResNet-18's # (# at most)",
            out("solutions/12-densenet:fewer-parameters-shown-2", "resnet18_notes … mean channels # in"),
            out("fewer-count", "# → 512:"),
        ),
        ("wrong", "| #, by its own table", out("depths-table", "DenseNet-264 (…) # layers")),
        (
            "summary",
            "about # times ResNet-18's",
            of(ratio, out("memory-line", "DenseNet … and # MiB", "ResNet-18 … and # MiB")),
        ),
        ("try", "about # minutes in all", minutes),
    ],
    "13-compare": [
        ("guess", "each, # training images", saved("reference-cpu.json", "lenet ours", "train_images")),
        (
            "recipe-explain",
            "gives # points (BN-LeNet) to # (NiN)",
            out("recipe-check", "bn_lenet … gives #", "nin … gives #"),
        ),
        ("recipe-explain", "it gives # points for both", out("recipe-check", "resnet18_notes … gives #")),
        ("recipe-explain", "it gives # points for both", out("recipe-check", "densenet … gives #")),
        (
            "trade-explain",
            "for ~ times the multiply",
            of(
                ratio,
                saved("reference-cpu.json", "resnet18_notes ours", "macs"),
                saved("reference-cpu.json", "bn_lenet ours", "macs"),
            ),
        ),
        (
            "trade-explain",
            "and # times the arithmetic",
            of(
                ratio,
                saved("reference-cpu.json", "nin ours", "macs"),
                saved("reference-cpu.json", "vgg11 ours", "macs"),
            ),
        ),
        ("budget-explain", "BN-LeNet saw ~ images", out("budget-show", "bn_lenet # images")),
        ("budget-explain", "ResNet saw ~ and", out("budget-show", "resnet18_notes # images")),
        (
            "loading-explain",
            "is # higher for LeNet and # for BN-LeNet",
            of(lambda a, b, c, d: (a / b - 1, c / d - 1), out("loading-read", "lenet # #", "bn_lenet # #")),
        ),
        (
            "loading-explain",
            "and # to # for the heavy ones",
            of(
                heavy,
                saved("bench.json", "networks", "*", "summary", "sides", "d2l", "rate_without_loading", "median"),
                saved("bench.json", "networks", "*", "summary", "sides", "d2l", "rate", "median"),
            ),
        ),
        (
            "choose",
            "| # and # against AlexNet's # and VGG's # |",
            of(millions, out("12-densenet:cost", "DenseNet #")),
            out("09-googlenet:sizes-table", "nin #"),
            of(millions, out("09-googlenet:sizes-table", "alexnet #")),
            of(millions, out("09-googlenet:sizes-table", "vgg11 #")),
        ),
        (
            "wrong",
            "AlexNet has # times DenseNet's parameters",
            of(ratio, out("06-alexnet:trace", "total 1×1×224×224 #"), out("12-densenet:cost", "DenseNet #")),
        ),
        (
            "wrong",
            "parameters and # times its multiply",
            of(
                ratio,
                out("06-alexnet:trace", "total 1×1×224×224 46,764,746 #"),
                out("12-densenet:cost", "DenseNet … parameters # MACs"),
            ),
        ),
    ],
    "14-speed": [
        ("layers-explain", "do # of the operations", out("layers-check", "operations: #")),
        ("layers-explain", "saved run, # of the time", of(lambda *n: sum(n), CONVOLUTIONS)),
        (
            "layers-explain",
            "reach # and # of the bf16",
            of(
                lambda third, second, peak: (10**9 * third / peak, 10**9 * second / peak),
                out("layers-table", "block3.conv …% # GFLOP", "block2.conv …% # GFLOP"),
                out("ceilings-show", "bf16: # operations"),
            ),
        ),
        ("ladder-explain", "saved run: # s an epoch", TEXTBOOK),
        ("ladder-explain", "got # times as fast by itself", of(ratio, out("batches-time", "at_once #", "by_one #"))),
        ("ladder-explain", "saved 3 of # seconds", TEXTBOOK),
        (
            "answer-explain",
            "saved run # against #,",
            out("answer-show", "textbook … accuracy #", "mirrored images … accuracy #"),
        ),
        (
            "answer-explain",
            "after # s; the top of the ladder took # s",
            out("ladder-goal", "textbook to 0.90: # s", "mirrored images to 0.90: # s"),
        ),
        (
            "judging-explain",
            "way took # s in fp32, the careful one # s",
            out("judging-time", "64, gradients, fp32 # s", "500, none, fp32 # s"),
        ),
        ("judging-explain", "bf16 took # s", out("judging-time", "500, none, bf16 # s")),
        ("seeds-explain", "seeds, about #.", out("seeds-table", "short: test accuracy … ± # (")),
        ("seeds-explain", "seeds, about #.", out("seeds-table", "long: test accuracy … ± # (")),
        ("seeds-explain", "has # epochs", saved("record.json", "long", "recipe", "training", "epochs")),
        (
            "seeds-explain",
            "took # s; the others took # to #.",
            of(
                lambda *taken: (max(taken), min(taken), sorted(taken)[-2]),
                saved("record.json", "long", "runs", "*", "seconds"),
            ),
        ),
        ("wrong", "3 of # seconds", TEXTBOOK),
        ("wrong", "| # of the operations", of(lambda a: 1 - a, out("layers-check", "operations: #"))),
        ("wrong", "operations took # of the time", of(lambda *n: 1 - sum(n), CONVOLUTIONS)),
    ],
    "solutions/01-convolution": [
        (
            "dense-edges-why-1",
            "leaves out: # weights instead of #,",
            of(turned, out("dense-edges-check", "stores # weights where a kernel has #")),
        )
    ],
    "solutions/02-padding-stride": [
        ("out-size-why-1", "first gives # for", out("out-size-shown-2", "s=2, p=3: # before")),
        ("to-56-why-1", "have stride #.", out("to-56-shown-2", "p = 0: s = [#]")),
    ],
    "solutions/03-channels": [
        ("cost-ratios-why-1", "doubling both gives #,", out("cost-ratios-check", "# for the channels"))
    ],
    "solutions/04-pooling": [
        (
            "max-or-average-why-1",
            "keeps # of the noise",
            of(ratio, out("max-or-average-shown-2", "max … deviation #", "one pixel … deviation #")),
        )
    ],
    "solutions/05-lenet": [
        ("raise-accuracy", "LeNet has #.", out("raise-accuracy-shown-2", "LeNet #")),
        ("raise-accuracy-hints", "alone has #.", out("05-lenet:trace", "fc1 Linear 1×400 1×120 #")),
        (
            "raise-accuracy-why-3",
            "# to # in chapter 05",
            within(out("05-lenet:compare-variants", "average … s, #", "max … s, #")),
        ),
    ],
    "solutions/06-alexnet": [
        ("small-alexnet", "has # parameters at", out("small-alexnet-shown-2", "quarter #")),
        ("small-alexnet-why-3", "network # of the", out("small-alexnet-shown-2", "whole … parameters, # dense")),
        (
            "small-alexnet-why-3",
            "dense, and # of the multi",
            of(lambda a: 1 - a, out("06-alexnet:shares", "as taught: … dense layers, # of")),
        ),
        ("small-alexnet-why-3", "That is # MB", out("06-alexnet:shares", "as taught: … # MB of")),
        (
            "batch-size-why-1",
            "are # steps with batches of 16 and # with",
            out("batch-size-shown-2", "16: # steps", "256: # steps"),
        ),
    ],
    "solutions/07-vgg": [
        ("per-layer-table", "`heavier_by` # parameters", of(lambda a, b: a + b, MORE_PARAMETERS)),
        ("per-layer-table", "`slower_by` # MACs", of(lambda a, b: a + b, MORE_MACS)),
        ("per-layer-table-why-3", "Of the # parameters", of(lambda a, b: a + b, MORE_PARAMETERS)),
        (
            "per-layer-table-why-3",
            "more, # stand in `fc6`",
            of(gap, out("07-vgg:trace", "fc6 … 1×4096 #"), out("06-alexnet:trace", "fc6 … 1×4096 #")),
        ),
        (
            "per-layer-table-why-3",
            "reads # numbers instead of #.",
            out("07-vgg:trace", "flatten Flatten 1×512×7×7 1×#"),
            out("06-alexnet:trace", "flatten Flatten 1×256×5×5 1×#"),
        ),
        (
            "per-layer-table-why-5",
            "image's are # numbers behind the convolutions alone",
            of(lambda *n: sum(n[2::3]), out("per-layer-table-shown-2", *(f"{layer} # # #" for layer in VGG11))),
        ),
        (
            "per-layer-table-why-5",
            "AlexNet's #.",
            of(lambda *n: sum(n[2::3]), out("per-layer-table-shown-2", *(f"conv{i} # # #" for i in range(1, 6)))),
        ),
        ("smaller-input", "which has # at 224", out("smaller-input-shown-2", "224 px: # parameters")),
        (
            "smaller-input-why-1",
            "= # times, and",
            of(ratio, out("smaller-input-shown-2", "224 px: … parameters, # MACs", "96 px: … parameters, # MACs")),
        ),
        ("smaller-input-why-1", "which is # fewer of", of(gap, out("smaller-input-shown-2", "224 px: #", "96 px: #"))),
        ("smaller-input-why-1", "fewer of #.", of(millions, out("smaller-input-shown-2", "224 px: #"))),
        ("smaller-input-why-5", "Rank # for both", out("smaller-input-shown-4", "28 → 96: … rank #")),
        ("smaller-input-why-5", "Rank # for both", out("smaller-input-shown-4", "28 → 224: … rank #")),
        ("deeper-why-1", "networks: # and # parameters", out("deeper-shown-2", "VGG-16: #", "VGG-19: #")),
        ("deeper-why-3", "cost # more", of(lambda a, b: b / a - 1, out("deeper-shown-2", "VGG-11: #", "VGG-16: #"))),
    ],
    "solutions/08-nin": [
        ("costs-why-3", "NiN has # times fewer", of(ratio, out("costs-shown-2", "alexnet #", "nin #"))),
        ("costs-why-3", "For # images", out("costs-shown-2", "nin … for # images")),
        ("costs-why-3", "weights are # MB", of(lambda a: 4 * millions(a), out("costs-shown-2", "nin #"))),
    ],
    "solutions/09-googlenet": [
        ("with-batch-norm-why-1", "widths # channels", out("with-batch-norm-shown-2", "channels out: #")),
        ("smallest-input-why-1", "poolings, # before the first", out("smallest-input-shown-2", "padding 0: # px")),
        (
            "parameter-sizes-why-1",
            "# of AlexNet and # of VGG-11",
            out("parameter-sizes-shown-2", "alexnet … dense #", "vgg11 … dense #"),
        ),
        ("parameter-sizes-why-1", "network is # MB", out("parameter-sizes-shown-2", "alexnet # MB")),
    ],
    "solutions/10-batch-norm": [
        ("bias-needed", "BN-LeNet's # parameters", out("bias-needed-check", "of # parameters")),
        ("bias-needed-why-1", "keeps its # biases", out("bias-needed-shown-2", "fc3: # biases")),
    ],
    "solutions/11-resnet": [
        ("table-why-3", "50 layers, torchvision #.", out("table-shown-2", "50 layers: … parameters, # GMACs"))
    ],
    "solutions/12-densenet": [
        ("fewer-parameters-why-1", "Together: #.", of(ratio, out("fewer-parameters-check", "# weights against #"))),
        ("table-why-1", "the fourth gives #.", out("12-densenet:depths-table", "DenseNet-264 … # layers")),
    ],
}

EVERY = [(notebook, *row) for notebook, rows in ROWS.items() for row in rows]
# Their numbers come from building a network and tracing it at every size from 20 to 256 px.
AT_EVERY_SIZE = ("images of # to # px.", "refuses from # px down", "All from # to 256 px")


def marked(row: tuple):
    """The row as a parameter, marked slow where it is."""
    return pytest.param(row, marks=[pytest.mark.slow] if row[2].startswith(AT_EVERY_SIZE) else [])


@pytest.fixture(scope="module")
def books():
    return Books()


@pytest.mark.parametrize("row", [marked(row) for row in EVERY], ids=lambda row: f"{row[0]}, {row[1]}: {row[2]}")
def test_a_sentence_has_the_numbers_of_its_source(books, row):
    check(books, *row)


def told(text: str, output: str, piece: str = "got #", source: str = "accuracy #") -> None:
    """Check a sentence against an output, both made up."""
    check({"07-vgg": {"said": text, "ran": output}}, "07-vgg", "said", piece, out("ran", source))


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("got 0.889", "accuracy 0.8894"),
        ("got 0.889", "accuracy 0.8886"),
        ("got 0.889", "accuracy 0.8885"),  # a tie goes either way
        ("got 0.888", "accuracy 0.8885"),
        ("got 44 %", "accuracy 0.436"),
        ("got 44 %", "accuracy 0.444"),
        ("got 44 %", "accuracy 44%"),
        ("got 44\n% of it", "accuracy 43.6 %"),
        ("got 1,720", "accuracy 1720.3"),
        ("got 1,720.", "accuracy 1,720"),
        ("got 46.8 million", "accuracy 46,764,746"),
        ("got 160\nthousand", "accuracy 159,842"),
        ("got 7.5 billion", "accuracy 7,547,232,256"),
        ("got −0.5", "accuracy -0.5"),
        ("got 0.0002", "accuracy 2.4e-04"),
    ],
)
def test_a_number_agrees_with_what_rounds_to_it(text, output):
    told(text, output)


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("got 0.890", "accuracy 0.8894"),
        ("got 0.888", "accuracy 0.8894"),
        ("got 45 %", "accuracy 0.444"),
        ("got 43 %", "accuracy 0.436"),
        ("got 44", "accuracy 0.44"),
        ("got 0.44", "accuracy 44"),
        ("got 1,721", "accuracy 1720.3"),
        ("got 1,719", "accuracy 1720.3"),
        ("got 1.720", "accuracy 1720"),
        ("got 46.9 million", "accuracy 46,764,746"),
        ("got 46.7 million", "accuracy 46,764,746"),
        ("got 0.5", "accuracy -0.5"),
        ("got 15,000", "accuracy 14,997"),
    ],
)
def test_a_number_one_unit_off_is_found(text, output):
    with pytest.raises(pytest.fail.Exception, match=r"07-vgg, cell 'said': the prose says .*; correct the sentence"):
        told(text, output)


@pytest.mark.parametrize(
    ("text", "agrees", "differs"),
    [("15,000", (14_997, 15_499), (14_499, 15_501)), ("1,800", (1_786,), (1_700, 1_900)), ("100", (101,), (94, 106))],
)
def test_trailing_zeros_round_where_the_row_says_so(text, agrees, differs):
    told = number(text, rounded=True)
    assert all(told.agrees(each) for each in agrees)
    assert not any(told.agrees(each) for each in differs)


def test_a_mark_takes_a_whole_number():
    text = {"x": {"ran": "1,234.5 then 6 × 28, last 9."}}
    assert [each.text for each in find("# then # × #, last #.", text, "x", "ran")] == ["1,234.5", "6", "28", "9"]
    for part in ("#.5 then", "1,234.# then", ",#.5", "4.5 then #", "# × 2"):
        with pytest.raises(pytest.fail.Exception, match="does not have"):
            find(part, text, "x", "ran")


def test_skipped_text_ends_with_the_line():
    told("got 3", "a: 1\nb: 2 of 3", source="b: … of #")
    with pytest.raises(pytest.fail.Exception, match="output does not have"):
        told("got 3", "a: 1\nb: 2 of 3", source="a: … of #")


@pytest.mark.parametrize(
    ("text", "inside"),
    [("from 3.0 to 5.8", True), ("from 2.0 to 9.0", True), ("from 3.1 to 5.8", False), ("from 3.0 to 5.7", False)],
)
def test_a_range_holds_all_its_numbers(text, inside):
    books = {"x": {"said": text, "ran": "5.8 4.1 3.04"}}
    row = "x", "said", "from # to #", within(out("ran", "# # #"))
    if inside:
        check(books, *row)
    else:
        with pytest.raises(pytest.fail.Exception, match="correct the sentence"):
            check(books, *row)


def test_a_number_from_others_from_another_notebook_and_from_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.test_prose.ROOT", tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "runs.json").write_text('{"runs": [{"seconds": 1.25}, {"seconds": 4}]}')
    books = {"x": {"said": "twice 3.2, at most 4"}, "solutions/y": {"ran": "8 of 2.5"}}
    twice, most = out("solutions/y:ran", "# of #"), saved("runs.json", "runs", "*", "seconds")
    check(books, "x", "said", "twice #, at most #", of(ratio, twice), of(max, most))
    with pytest.raises(pytest.fail.Exception, match=r"says 4 in .*, its source 1\.25"):
        check(books, "x", "said", "at most #", of(min, most))


def test_a_row_that_no_longer_fits_is_told():
    with pytest.raises(pytest.fail.Exception, match=r"cell 'said': its text does not have 'got #'; fit the row"):
        told("reached 0.889", "accuracy 0.889")
    with pytest.raises(pytest.fail.Exception, match=r"cell 'ran': its output does not have 'accuracy #'; fit the row"):
        told("got 0.889", "loss 0.3")
    with pytest.raises(pytest.fail.Exception, match=r"its text has 'got #' 2 times; lengthen the piece"):
        told("got 0.889, then got 0.9", "accuracy 0.889")
    with pytest.raises(pytest.fail.Exception, match=r"07-vgg has no cell 'gone'; correct the row"):
        check({"07-vgg": {}}, "07-vgg", "gone", "got #", out("ran", "#"))
    with pytest.raises(
        pytest.fail.Exception, match=r"has 1 marks and its sources give 2 numbers; give one for each mark"
    ):
        told("got 0.889", "accuracy 0.889 0.9", source="accuracy # #")


def test_a_reader_sees_texts_tables_and_the_words_of_pictures():
    svg = "<svg><style>.a{x:1}</style><text>5·C² &amp; more</text><text>7</text></svg>"
    outputs = [
        nbformat.v4.new_output("stream", text="accuracy 0.5\n"),
        nbformat.v4.new_output(
            "display_data", {"text/plain": "Picture(3)", "image/svg+xml": svg, "text/markdown": "9"}
        ),
        nbformat.v4.new_output("error", ename="E", evalue="8", traceback=[]),
    ]
    text = shown(nbformat.v4.new_code_cell("print(4)", outputs=outputs))
    assert re.findall(r"[\w.·²&()]+", text) == ["accuracy", "0.5", "Picture(3)", "5·C²", "&", "more", "7"]
    assert shown(nbformat.v4.new_markdown_cell("12")) == "12"
