"""`python -m cnnlab lab`: JupyterLab with the course's settings. Flags are passed on to it.

The settings come with this start alone, through JUPYTER_CONFIG_PATH: widgets are saved with their notebook, no news
pop up, and sliders answer at once (see cnnlab.course.server). Other notebooks of the same environment are left alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

CONFIG = Path(__file__).with_name("jupyter-config")
FIRST = Path("notebooks/00-start.ipynb")


def with_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment variables, with the course's settings before those that are named already."""
    paths = [str(CONFIG), environment.get("JUPYTER_CONFIG_PATH", "")]
    return {**environment, "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, paths))}


def main(words: Sequence[str] = ()) -> int:
    """Trust the course's notebooks, whose saved drawings are shown only then, and start JupyterLab on the first one."""
    notebooks = sorted(map(str, FIRST.parent.rglob("*.ipynb"))) if FIRST.exists() else []
    if notebooks:
        subprocess.run([sys.executable, "-m", "jupyter", "trust", *notebooks], stdout=subprocess.DEVNULL)
    opened = [str(FIRST)] if notebooks else []
    command = [sys.executable, "-m", "jupyterlab", *opened, *words]
    if os.name == "posix":
        os.execve(sys.executable, command, with_settings(os.environ))  # its signals are JupyterLab's own
    return subprocess.call(command, env=with_settings(os.environ))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
