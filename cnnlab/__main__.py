"""`python -m cnnlab`: what this machine has, and what to do about what is missing.
`python -m cnnlab lab`: JupyterLab with the course's settings; flags are passed on.
`python -m cnnlab exercises`: which exercises are solved; `--reset` forgets it, `--course` makes a folder for nbgrader.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cnnlab import __version__
from cnnlab.course import lab
from cnnlab.course.environment import checks, report


def main(words: list[str] | None = None) -> int:
    """Print the report. 0 when all is well, 1 when something the course needs is missing."""
    parser = argparse.ArgumentParser(prog="python -m cnnlab", description="An interactive course on convolutions.")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("lab", help="JupyterLab with the course's settings; flags are passed on", add_help=False)
    exercises = commands.add_parser("exercises", help="which exercises are solved")
    exercises.add_argument("--reset", action="store_true", help="forget all progress")
    exercises.add_argument("--course", type=Path, metavar="FOLDER", help="write the exercises there for nbgrader")
    exercises.add_argument(
        "--solutions", type=Path, metavar="FOLDER", default=Path("notebooks/solutions"), help="where the solutions are"
    )
    words = sys.argv[1:] if words is None else words
    if words[:1] == ["lab"]:
        return lab.main(words[1:])
    asked = parser.parse_args(words)
    return show_exercises(asked) if asked.command else show_environment()


def show_environment() -> int:
    rows = checks()
    missing = [row.name for row in rows if row.state == "missing"]
    print(f"cnnlab {__version__}")
    print(report(rows))
    print(f"The course cannot run yet: {', '.join(missing)}." if missing else "Everything the course needs is here.")
    return 1 if missing else 0


def show_exercises(asked: argparse.Namespace) -> int:
    from cnnlab import check
    from cnnlab.check.teach.course import make_course

    if asked.course:
        try:
            names = make_course(asked.course, asked.solutions)
        except FileNotFoundError as error:
            sys.exit(str(error))
        print(f"{len(names)} assignments in {asked.course / 'source'}: {', '.join(names)}")
        return 0
    if asked.reset:
        check.reset()
    print(check.progress())
    return 0


if __name__ == "__main__":
    # Signs that the terminal's encoding does not have become question marks.
    sys.stdout.reconfigure(errors="replace")
    sys.exit(main())
