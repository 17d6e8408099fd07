"""python -m cnnlab.measure.bench: train the notes' networks by cnnlab and by d2l in turn, and write down both."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib

from cnnlab.data.archives import DataError
from cnnlab.data.dataset import read_or_draw
from cnnlab.device import DEVICES, PRECISIONS
from cnnlab.measure.bench.pairs import Options, measure
from cnnlab.measure.bench.report import markdown, write
from cnnlab.measure.recipes import EPOCHS, NOTES, TRAIN_IMAGES

FOREVER = 1e9  # seconds; JSON has no infinity


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m cnnlab.measure.bench", description=__doc__.split(": ", 1)[1])
    made.add_argument(
        "--device", default="auto", help=f"one of {', '.join(DEVICES)}; a number may follow, as in cuda:1"
    )
    made.add_argument("--precision", default="auto", choices=PRECISIONS, help="of cnnlab's side; d2l has only fp32")
    made.add_argument("--networks", nargs="+", default=list(NOTES), choices=NOTES, metavar="NAME")
    made.add_argument("--images", type=int, default=TRAIN_IMAGES, help="at most so many a run")
    made.add_argument(
        "--seconds", type=float, default=20, help="what a run of d2l may take; heavy networks get fewer images"
    )
    made.add_argument("--repeats", type=int, default=3, help="rounds, each with one run of every side")
    made.add_argument(
        "--full", action="store_true", help=f"the notes' {EPOCHS} epochs on all images, whatever they take"
    )
    made.add_argument("--out", type=Path, default=Path("results"), help="folder for bench.json and bench.md")
    return made


def main(words: list[str] | None = None) -> None:
    asked = parser().parse_args(words)
    matplotlib.use("agg")  # d2l draws, and nobody watches
    options = Options(asked.device, asked.precision, asked.images, asked.seconds, asked.repeats)
    if asked.full:
        options = Options(asked.device, asked.precision, TRAIN_IMAGES, FOREVER, asked.repeats, EPOCHS)
    try:
        if read_or_draw()[1] == "drawn":
            raise DataError(
                "a benchmark on drawn images means little; set CNNLAB_DATA to a folder with the four archives"
            )
        results = measure(asked.networks, options, lambda line: print(line, file=sys.stderr, flush=True))
    except (ValueError, DataError) as error:
        sys.exit(str(error))
    paths = write(results, asked.out)
    print(markdown(results))
    print("written to", ", ".join(map(str, paths)), file=sys.stderr)


if __name__ == "__main__":
    main()
