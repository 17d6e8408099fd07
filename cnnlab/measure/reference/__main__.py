"""python -m cnnlab.measure.reference: train every network by the notes' recipe and by ours; keep a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from cnnlab.data.archives import DataError
from cnnlab.measure.recipes import FP32, KINDS, NOTES, SHORT, Recipe, rows
from cnnlab.measure.record import add_arguments, asked_device
from cnnlab.measure.reference.files import write
from cnnlab.measure.reference.measure import load, measure


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m cnnlab.measure.reference", description=__doc__.split(": ", 1)[1])
    made.add_argument("--networks", nargs="+", help=f"of {', '.join(NOTES)}; all unless named")
    made.add_argument("--recipes", nargs="+", default=KINDS, choices=(*KINDS, SHORT, FP32))
    add_arguments(made, "folder of the reference files")
    return made


def row_of(network: str, kind: str, device_type: str) -> Recipe:
    """Raises ValueError for a network or a kind of row that is not there."""
    found = rows(network, device_type)
    if kind not in found:
        raise ValueError(f"{network} has no recipe {kind!r} on a {device_type}; it has {', '.join(found)}")
    return found[kind]


def main(words: list[str] | None = None, say: Callable[[str], None] = print) -> None:
    asked = parser().parse_args(words)
    try:
        device = asked_device(asked)
        wanted = [row_of(network, kind, device.type) for network in asked.networks or NOTES for kind in asked.recipes]
        for row in wanted:
            result = measure(row, load(row, device), range(asked.seeds), say)
            paths = write({f"{row.network} {row.kind}": result}, asked.out, device.type)  # nothing measured is lost
    except (ValueError, DataError) as error:
        sys.exit(str(error))
    say("written to " + ", ".join(map(str, paths)))


if __name__ == "__main__":
    main()
