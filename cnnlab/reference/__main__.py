"""python -m cnnlab.reference: train every network by the notes' recipe and by ours for several seeds; keep a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from cnnlab.bench.recipes import RECIPES
from cnnlab.data import DataError
from cnnlab.device import DEVICES, pick_device
from cnnlab.reference.files import write
from cnnlab.reference.measure import load, measure
from cnnlab.reference.rows import FP32, KINDS, rows


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m cnnlab.reference", description=__doc__.split(": ", 1)[1])
    made.add_argument("--networks", nargs="+", help=f"of {', '.join(RECIPES)}; all unless named")
    made.add_argument("--recipes", nargs="+", default=KINDS, choices=(*KINDS, FP32))
    made.add_argument("--seeds", type=int, default=5, help="how many, from 0")
    made.add_argument("--device", default="auto", help=f"one of {', '.join(DEVICES)}")
    made.add_argument("--out", type=Path, default=Path("results"), help="folder of the reference files")
    return made


def main(words: list[str] | None = None, say: Callable[[str], None] = print) -> None:
    asked = parser().parse_args(words)
    try:
        if asked.seeds < 1:
            raise ValueError(f"--seeds {asked.seeds} is below 1; one seed is a run, five are a result")
        device = pick_device(asked.device)
        for network in asked.networks or RECIPES:
            for kind in asked.recipes:
                row = rows(network, device.type)[kind]
                result = measure(row, load(row, device), range(asked.seeds), say)
                paths = write({f"{network} {kind}": result}, asked.out, device.type)  # nothing measured is lost
    except (ValueError, DataError) as error:
        sys.exit(str(error))
    say("written to " + ", ".join(map(str, paths)))


if __name__ == "__main__":
    main()
