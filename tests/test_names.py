"""Names from outside (files, classes, layers, labels) are text and nothing else in every picture and table."""

from __future__ import annotations

import html
import re
import unicodedata
import xml.etree.ElementTree as ET
from collections import OrderedDict
from html.parser import HTMLParser
from io import BytesIO

import ipywidgets as widgets
import pytest
import torch
from PIL import Image
from torch import nn

from cnnlab.check.catalogue import ENTRIES
from cnnlab.check.frame.verdict import Verdict
from cnnlab.draw import svg
from cnnlab.draw.curve import training_curve
from cnnlab.draw.stack import network_picture
from cnnlab.explore import ArchitectureExplorer, FeatureMapExplorer
from cnnlab.explore.training.picture import COLUMNS, Line, runs_picture
from cnnlab.measure.journal import Entry, Journal
from cnnlab.trace import trace
from cnnlab.train.history import Epoch, History
from tests import jupyterlab

EVIL = [
    "<script>window.hacked = 1</script>",
    '"><img src=x onerror="window.hacked = 2">',
    "' onmouseover='window.hacked = 3' x='",
    "<svg onload=window.hacked=4>",
    "]]><script>window.hacked = 5</script>",
    "--><script>window.hacked = 6</script><!--",
    "</title></desc></svg><script>window.hacked = 7</script>",
    "&lt;b&gt; &amp; &#60;i&#62; &nbsp;",
    "a | b || c",
    "`code` ``more`` **bold** _soft_ ~~gone~~ # head",
    '](javascript:window.hacked=8) ![x](y "z") [a][b]',
    '$\\alpha$ \\(x\\) $$" onerror="window.hacked=9$$ {{ x }} @@0@@',
    "one\ntwo\r\nthree\ttab\u2028four",
    "nul\x00 bell\x07 escape\x1b[31mred del\x7f c1\x85 half\ud800 none\ufffe",
    "left\u202eright\u202c \u2066kept\u2069 \u200fend",
    "é × → 中文 🎈" + "x" * 3000,
]
each_name = pytest.mark.parametrize("name", EVIL, ids=range(len(EVIL)))
UNSEEN = {"Cc", "Cs", "Cn"}


def clean(name: str) -> str:
    """What is to be seen of a name, by another way than the package's own."""
    turns = {f"\\u{code:04x}" for code in (0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069)}
    kept = []
    for sign in name:
        code = f"\\u{ord(sign):04x}"
        if sign in "\r\n\t\x85\u2028":
            kept.append(" ")
        elif unicodedata.category(sign) not in UNSEEN and code not in turns | {"\\u200f"}:
            kept.append(sign)
    return "".join(kept)


class Row:
    """A row of a trace, as pictures of networks need it."""

    def __init__(self, name: str, kind: str) -> None:
        self.name, self.kind, self.macs = name, kind, 1
        self.in_shape, self.out_shape = (1, 1, 8, 8), (1, 2, 4, 4)


def network(name: str) -> nn.Module:
    return nn.Sequential(OrderedDict({name.replace(".", "·"): nn.Conv2d(1, 2, 3), "act": nn.ReLU()}))


def features(name: str) -> FeatureMapExplorer:
    torch.manual_seed(0)
    explorer = FeatureMapExplorer(network(name), data())
    file = BytesIO()
    Image.new("L", (30, 30), 9).save(file, "PNG")
    explorer.upload(file.getvalue(), name)
    assert explorer.photo
    return explorer


def data():
    from cnnlab.data import Images

    return Images("valid", torch.zeros(4, 1, 28, 28, dtype=torch.uint8), torch.arange(4))


def architecture(name: str) -> ArchitectureExplorer:
    return ArchitectureExplorer(network(name))


def runs(name: str) -> str:
    line = Line("A", 0, 2, [1.0, 0.5], [0.1, 0.2], [], [name] * (len(COLUMNS) - 1), reason=name, says=name)
    return runs_picture([line], error=name, still=True, caption=[name])


def history(name: str) -> History:
    settings = {"model": name, "data": name, name: 1, "epochs": 1, "train_images": 10}
    return History(settings, {"device": name}, [Epoch(1, 1.0, 0.5, 0.5, 1.0, 0.1, 0.1)], stopped=name)


def entry(name: str) -> Entry:
    return Entry(name, name, 28, 10, 10, 10, 10, 1, 1.0, 0.5, name, name)


SVGS = {
    "text": lambda name: svg.document(svg.text(name, 0, 20, 12), 90, 30, "title", "words"),
    "title and words": lambda name: svg.document("", 90, 30, name, name, data_name=name),
    "network": lambda name: str(network_picture([Row(name, "Conv2d"), Row("b", f"Pool{name}")], name)),
    "curve": lambda name: training_curve([1.0], [0.5], [0.5], 1, title=name),
    "runs": runs,
    "features": lambda name: str(features(name).static()),
    "architecture": lambda name: str(architecture(name).static()),
}
TABLES = {
    "trace": lambda name: trace(network(name), (1, 1, 8, 8)),
    "history": history,
    "journal": lambda name: Journal([entry(name)]),
    "card": lambda name: Verdict(ENTRIES[0], "wrong", name, (("call", name),), name),
}
CUT = {"features", "architecture"}  # of a long name these show the first or the last letters


def visible(root: ET.Element) -> str:
    said = [*root.itertext(), *(value for element in root.iter() for value in element.attrib.values())]
    return "\n".join(said)


@each_name
@pytest.mark.parametrize("form", SVGS)
def test_a_picture_shows_the_name_and_holds_no_other_element(form, name):
    drawn = SVGS[form](name)
    root = ET.fromstring(drawn)
    plain = ET.fromstring(SVGS[form]("x" * min(len(name), 20)))
    tags = {element.tag for element in plain.iter()}
    assert {element.tag for element in root.iter()} <= tags
    assert not [key for element in root.iter() for key in element.attrib if key.lower().startswith("on")]
    assert not [sign for sign in visible(root) if sign != "\n" and unicodedata.category(sign) in UNSEEN]
    if form not in CUT:
        assert clean(name) in visible(root) or " ".join(clean(name).split()) in " ".join(visible(root).split())


@each_name
def test_what_is_said_of_a_changed_layer_is_text(name):
    explorer = architecture(name)
    explorer.changes = {name.replace(".", "·"): {"kernel_size": 5}}
    notes, boxes = [], [explorer]
    while boxes:
        box = boxes.pop()
        boxes += getattr(box, "children", ())
        notes += [box.value] if isinstance(box, widgets.HTML) and "changed" in box.value else []
    found = Tags()
    found.feed(notes[0])
    assert found.tags == {"span"}
    assert clean(name).replace(".", "·") in found.text


class Tags(HTMLParser):
    """What tags and what text an HTML table has."""

    def __init__(self) -> None:
        super().__init__()
        self.tags, self.text, self.keys = set(), "", set()

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.tags.add(tag)
        self.keys |= {key for key, _ in attributes}
        self.text += " ".join(value for key, value in attributes if key == "alt" and value)

    def handle_data(self, text: str) -> None:
        self.text += text


@each_name
@pytest.mark.parametrize("form", TABLES)
def test_a_table_shows_the_name_and_holds_no_other_tag(form, name):
    found, plain = Tags(), Tags()
    found.feed(TABLES[form](name)._repr_html_())
    plain.feed(TABLES[form]("x")._repr_html_())
    assert (found.tags, found.keys) == (plain.tags, plain.keys)
    assert clean(name).replace(".", "·" if form == "trace" else ".").replace("_", " ") in found.text.replace("_", " ")
    assert not [sign for sign in found.text if sign != "\n" and unicodedata.category(sign) in UNSEEN]


@each_name
def test_text_of_a_name_stays_on_its_line(name):
    for table in (TABLES["trace"], TABLES["journal"]):
        lines = repr(table(name)).split("\n")
        assert len(lines) == len(repr(table("x")).split("\n"))
    for said in (*lines, repr(svg.Picture("", name)), repr(features(name)), repr(architecture(name))):
        assert not [sign for sign in said if unicodedata.category(sign) in UNSEEN]
        assert "\n" not in said


@each_name
def test_markdown_has_one_image_whose_text_is_the_name(name):
    picture = svg.Picture("<svg/>", name)
    alt, address = re.fullmatch(
        r"!\[(.*?)\]\((data:image/svg\+xml;base64,[\w+/=]*)\)", picture._repr_markdown_()
    ).groups()
    assert address
    assert not set(alt.replace("&#", "")) & set('[]`<>$*_|~{}\\"!')
    assert html.unescape(alt) == clean(name)


@pytest.mark.browser
@pytest.mark.skipif(bool(jupyterlab.why_not()), reason=str(jupyterlab.why_not()))
def test_in_a_browser_no_name_runs_and_all_are_read_as_they_are():
    with jupyterlab.browser() as chromium:
        page = chromium.new_page()
        for name in EVIL[:-1]:
            drawn = [make(name) for make in SVGS.values()] + [make(name)._repr_html_() for make in TABLES.values()]
            page.set_content("".join(f"<div>{each}</div>" for each in drawn))
            page.wait_for_timeout(50)
            assert page.evaluate("window.hacked") is None
            assert page.locator("script, foreignObject, iframe").count() == 0
            assert page.locator("img").count() == 1  # the history's own picture
            texts = page.locator("body > div").evaluate_all("all => all.map(each => each.textContent)")
            for form, said in zip([*SVGS, *TABLES], texts, strict=True):
                if form not in CUT:
                    seen = clean(name).replace(".", "·" if form == "trace" else ".")
                    assert " ".join(seen.split()) in " ".join(said.split()), form
        page.close()
