"""Medians, spreads and ratios of a measurement, as JSON and as Markdown."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnnlab.train.history import write_atomically

INTRODUCTION = """\
# cnnlab beside d2l

{machine}

Each round trains the network by `cnnlab.train.fit`, by `d2l.train_ch6` with its live drawing and by `d2l.train_ch6`
without, from the same weights on the same images, in one process and in changing order. Numbers are the median of
{repeats} rounds, with the least and the most in brackets; ratios are cnnlab to d2l, taken round by round. cnnlab draws
its own curve in every run. Rates are of the training passes, evaluation is in none of them; "with loading" counts from
the first batch being asked for, "without" is each side's own clock around its steps, as `train_ch6` prints it.

Fastest matrix product here: {products}. Share of it: 2 operations a multiply-accumulate, forward and backward counted
as three times forward, with loading; each side against the product in its own precision."""


def spread(values: list[float]) -> dict[str, float]:
    """Median, least and most.
    >>> spread([3.0, 1.0, 2.0])
    {'median': 2.0, 'min': 1.0, 'max': 3.0}
    """
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def overall(rows: list[dict[str, Any]], ratio: str) -> float:
    """The geometric mean over networks of a ratio's medians, such as "rate, to d2l"."""
    return statistics.geometric_mean(row["summary"]["ratios"][ratio]["median"] for row in rows)


def write(results: dict[str, Any], folder: Path) -> list[Path]:
    """bench.json and bench.md in `folder`; the paths."""
    texts = {"bench.json": json.dumps(results, indent=1), "bench.md": markdown(results)}
    for name, text in texts.items():
        write_atomically(folder / name, lambda path, text=text: Path(path).write_text(text, encoding="utf-8"))
    return [folder / name for name in texts]


def markdown(results: dict[str, Any]) -> str:
    """The whole report."""
    rows = results["networks"]
    machine = "; ".join(f"{name} {value}" for name, value in results["machine"].items())
    products = results["matrix product, operations per second"]
    words = ", ".join(f"{value / 1e9:,.0f} GFLOP/s in {name}" for name, value in products.items())
    head = INTRODUCTION.format(machine=machine, repeats=results["options"]["repeats"], products=words)
    failed = [f"Not measured: {name}, because {why}." for name, why in results["not measured"].items()]
    if not rows:
        return "\n\n".join([head, *failed]) + "\n"
    means = [
        f"- {name}, d2l {how}: {overall(rows, f'{key}, to {side}'):.2f}"
        for name, key in (("with loading", "rate"), ("without loading", "rate_without_loading"))
        for how, side in (("drawing", "d2l drawing"), ("not drawing", "d2l"))
    ]
    parts = [
        head,
        *failed,
        "## Images per second with loading\n\n" + table(rows, rates("rate")),
        "## Images per second without loading\n\n" + table(rows, rates("rate_without_loading") | SHARES),
        "## Geometric mean of the ratios over the networks\n\n" + "\n".join(means),
        "## Start and memory\n\n" + START + "\n\n" + table(rows, BEGINNING),
        "## Loss and accuracy\n\n" + LEARNED + "\n\n" + table(rows, LEARNING),
    ]
    return "\n\n".join(parts) + "\n"


START = """\
Seconds from the data being there to the end of the first training step, how many of them a step takes once things
run (that is, the second step), and, in brackets, the seconds from asking for the data to the end of the first step.
Memory: what training and evaluation add to the process, d2l's loading workers not counted; on a CPU from one fresh
process a side, on a GPU from the allocator."""
LEARNED = """\
After the images of the second column, so a shortened run has hardly learned; accuracy is on as many images of the test
split as the third column says, the same on both sides."""

Column = Callable[[dict[str, Any]], str]


def table(rows: list[dict[str, Any]], columns: dict[str, Column]) -> str:
    """A Markdown table, one row a network."""
    columns = {"network": label} | columns
    lines = [columns.keys(), ["---"] + ["--:"] * (len(columns) - 1)]
    lines += [[cell(row) for cell in columns.values()] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def label(row: dict[str, Any]) -> str:
    settings = row["settings"]
    extra = "".join(f", {name} {value}" for name, value in settings["settings"].items())
    note = " (as many batches as the seconds of a run allow)" if row["shortened"] else ""
    note = " (five batches, the fewest that `train_ch6` can do)" if row["at the least"] else note
    recipe = f"{settings['image_size']} px, batch {settings['batch_size']}, lr {settings['lr']:g}{extra}"
    epochs = f" × {row['epochs']}" if row["epochs"] > 1 else ""
    return f"**{row['network']}** {recipe}; {row['images']:,} images{epochs}{note}"


def words(values: dict[str, float], form: str = ",.0f", unit: float = 1) -> str:
    """
    >>> words({"median": 1234.5, "min": 1200, "max": 1300})
    '1,234 (1,200–1,300)'
    """
    middle, least, most = (format(values[name] / unit, form) for name in ("median", "min", "max"))
    return f"{middle} ({least}–{most})"


def of_side(side: str, name: str, form: str = ",.0f") -> Column:
    return lambda row: words(row["summary"]["sides"][side][name], form)


def rates(name: str) -> dict[str, Column]:
    def ratio(side: str) -> Column:
        return lambda row: words(row["summary"]["ratios"][f"{name}, to {side}"], ".2f")

    return {
        "cnnlab": of_side("cnnlab", name),
        "d2l, not drawing": of_side("d2l", name),
        "d2l, drawing": of_side("d2l drawing", name),
        "ratio, not drawing": ratio("d2l"),
        "ratio, drawing": ratio("d2l drawing"),
    }


def share(side: str) -> Column:
    return lambda row: f"{words(row['share of peak'][side], '.0f', 0.01)} % of {row['precision'][side]}"


def beginning(side: str) -> Column:
    def cell(row: dict[str, Any]) -> str:
        values = row["summary"]["sides"][side]
        total = values["seconds_to_first_batch"]["median"] + values["seconds_to_data"]["median"]
        first, second = (values[f"seconds_to_{which}_batch"]["median"] for which in ("first", "second"))
        return f"{first:.2f}, {second:.2f} the step [{total:.2f}]"

    return cell


def memory(side: str) -> Column:
    return lambda row: f"{row['peak bytes'][side]['median'] / 2**20:,.0f}"


SHARES = {"cnnlab's share": share("cnnlab"), "d2l's share": share("d2l")}
BEGINNING = {
    "cnnlab, s": beginning("cnnlab"),
    "d2l, s": beginning("d2l"),
    "cnnlab, MiB": memory("cnnlab"),
    "d2l, MiB": memory("d2l"),
}
LEARNING = {
    "tested on": lambda row: f"{row['tests']:,}",
    **{
        f"{side}: {name.replace('_', ' ')}": of_side(side, name, ".3f")
        for name in ("loss", "train_accuracy", "test_accuracy")
        for side in ("cnnlab", "d2l")
    },
}
