"""Prints the modules that the browser gets, one for each explorer's view, as a JSON list of their texts."""

import importlib
import json
from pathlib import Path

import cnnlab.explore
from cnnlab.explore.kit.base import View

HOME = Path(cnnlab.explore.__file__).parent


def modules() -> list[str]:
    """The script of every view that an explorer defines. Views that tell about parts share one."""
    for path in HOME.glob("*/explorer.py"):
        importlib.import_module(f"cnnlab.explore.{path.parent.name}.explorer")
    views = [View]
    for view in views:  # grows as it is read
        views += view.__subclasses__()
    return sorted({view._esm for view in views if view is not View})


if __name__ == "__main__":
    print(json.dumps(modules()))
