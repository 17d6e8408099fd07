"""The results as tables: in a file, and two lines of them in a notebook."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cnnlab.draw.svg import escaped as escape
from cnnlab.measure.recipes import FP32, KINDS, NOTES, PUBLISHED, SHORT, in_fp32, rows
from cnnlab.measure.record import spread
from cnnlab.measure.reference.measure import Result
from cnnlab.train.history import History


def markdown(results: dict[str, Result], device_type: str) -> str:
    """The whole table with its circumstances."""
    keys = [(network, kind) for network in NOTES for kind in KINDS]
    lines = [cells(network, kind, results.get(f"{network} {kind}"), device_type) for network, kind in keys]
    table = "\n".join("| " + " | ".join(line) + " |" for line in [HEAD, ["---"] * len(HEAD), *lines])
    compared = [line for network in NOTES if (line := precisions(network, results))]
    parts = [INTRODUCTION.format(device=device_type), table]
    if compared:
        body = "\n".join("| " + " | ".join(line) + " |" for line in [PRECISIONS, ["---"] * len(PRECISIONS), *compared])
        parts += [COMPARED, body]
    if results:
        parts += ["## Machines", *machines(results)]
    return "\n\n".join(parts) + "\n"


HEAD = ["network", "recipe", "px", "images × epochs", "parameters", "MACs", "step MiB", "seconds",
        "test, mean ± sd", "least", "collapsed", "best published"]  # fmt: skip
WORDS = ("network", "recipe", "test, mean ± sd")  # columns set flush left
INTRODUCTION = """\
# Reference on a {device}

`python -m cnnlab.measure.reference` repeats this. Training uses 55,000 images and the recipe was chosen by 5,000
others; the 10,000 test images are judged once a seed, at rest. *notes*: plain SGD from a Xavier start, settings of
the notes, in fp32. *ours*: AdamW, one-cycle, label smoothing, flips, in bf16 where the device has it; on a processor
VGG has weight decay 0.05 and ResNet 0.2. step MiB: peak memory of one training step in fp32. seconds: the training
passes of the quickest seed, loading included. Best published: over many builds of *Dive into Deep Learning*, which
train the notes' full size."""
COMPARED = """\
## bf16 against fp32

Our recipe with the same seeds in both, judged by the 5,000 validation images. Within the spread: the means differ by no
more than the larger of the two standard deviations."""
PRECISIONS = ["network", "epochs", "seeds", "bf16, mean ± sd", "fp32, mean ± sd", "difference", "within the spread"]


def cells(network: str, kind: str, result: Result | None, device_type: str = "cpu") -> list[str]:
    """One line of the table; what was not measured says so."""
    row = rows(network, device_type)[kind] if result is None else result.row
    head = [rows(network, device_type)["notes"].form, kind, str(row.image_size)]
    if result is None:
        return [*head, "not measured", *[""] * (len(HEAD) - 5), f"{PUBLISHED[network]:.3f}"]
    test = spread(result.test)
    return [
        *head,
        f"{result.train_images:,} × {row.training['epochs']}",
        f"{result.parameters:,}",
        f"{result.macs:,}",
        f"{result.bytes / 2**20:,.0f}",
        f"{min(result.seconds):.0f}" + (", 1 thread" if result.machine.get("threads") == "1" else ""),
        f"{test['mean']:.4f} ± {test['sd']:.4f} ({len(result.test)} seeds)",
        f"{test['min']:.4f}",
        f"{result.collapsed} of {len(result.test)}",
        f"{PUBLISHED[network]:.3f}",
    ]


def machines(results: Mapping[str, Result]) -> list[str]:
    """A line for each machine: the rows it measured, and what it is."""
    rows_of: dict[str, list[str]] = {}
    for name, result in sorted(results.items()):
        words = "; ".join(f"{k} {v}" for k, v in result.machine.items() if k != "date")
        rows_of.setdefault(words, []).append(name)
    return [f"{', '.join(names)}: {words}" for words, names in sorted(rows_of.items())]


def just_now(history: History) -> list[str]:
    """A line for one run of the reader's; it knows no test images and no other seeds."""
    settings = history.settings
    measured = {
        "network": "the run above",
        "px": str(settings["image_size"]),
        "images × epochs": f"{settings['train_images']:,} × {len(history)}",
        "parameters": f"{settings['parameters']:,}",
        "seconds": f"{history.seconds:.0f}",
        "test, mean ± sd": f"{history.valid_accuracy:.4f} (validation, 1 seed)",
    }
    return [measured.get(name, "") for name in HEAD]


def precisions(network: str, results: Mapping[str, Result]) -> list[str]:
    """The line that compares both precisions; empty where one of them was not measured, or by another recipe."""
    short, ours, high = (results.get(f"{network} {kind}") for kind in (SHORT, "ours", FP32))
    low = short or ours
    if not low or not high or low.precision != "bf16" or len(low.valid) != len(high.valid):
        return []
    if in_fp32(low.row) != high.row:
        return []
    one, other = spread(low.valid), spread(high.valid)
    apart = one["mean"] - other["mean"]
    within = abs(apart) <= max(one["sd"], other["sd"])
    values = [f"{each['mean']:.4f} ± {each['sd']:.4f}" for each in (one, other)]
    head = [low.row.form, str(low.row.training["epochs"]), str(len(low.valid))]
    return [*head, *values, f"{apart:+.4f}", "yes" if within else "no"]


def _unbroken(cell: str) -> str:
    """A narrow column breaks lines after a comma or colon and before a bracket, never within a value.
    >>> _unbroken("0.9308 ± 0.0011 (5 seeds)").split(" ")
    ['0.9308\\xa0±\\xa00.0011', '(5\\xa0seeds)']
    """
    return re.sub(r"(?<![,:]) (?!\()", "\N{NO-BREAK SPACE}", cell)


class Shown(list):
    """Lines of the table, for a notebook."""

    def __repr__(self) -> str:
        widths = [max(map(len, column)) for column in zip(HEAD, *self, strict=True)]
        lines = [HEAD, *self]
        return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)

    def _repr_html_(self) -> str:
        lines = ["".join(_drawn("th", name, _unbroken(name) if "," in name else name) for name in HEAD)]
        for line in self:
            lines.append("".join(_drawn("td", name, _unbroken(cell)) for name, cell in zip(HEAD, line, strict=True)))
        return f'<table style="font-size:12px">{"".join(f"<tr>{line}</tr>" for line in lines)}</table>'


def _drawn(tag: str, name: str, words: str) -> str:
    """A cell of the column `name`; numbers stand with their last digits below each other."""
    side = "left" if name in WORDS else "right"
    place = "bottom" if tag == "th" else "top"
    return f'<{tag} style="padding:2px 6px;text-align:{side};vertical-align:{place}">{escape(words)}</{tag}>'
