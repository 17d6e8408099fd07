"""`python -m cnnlab`: what this machine has, and what to do about what is missing."""

import sys

from cnnlab import __version__
from cnnlab.environment import checks, report


def main() -> int:
    """Print the report. 0 when the course can run here, 1 when something it needs is missing."""
    rows = checks()
    missing = [row.name for row in rows if row.state == "missing"]
    print(f"cnnlab {__version__}")
    print(report(rows))
    print(f"The course cannot run yet: {', '.join(missing)}." if missing else "Everything the course needs is here.")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
