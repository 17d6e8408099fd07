"""What makes a plain `pytest --nbval notebooks` right: this environment's kernel, time-outs, what is compared."""

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent

# Kernels run in the notebooks' folder, so a relative path would mean something else there.
if "CNNLAB_DATA" in os.environ:
    os.environ["CNNLAB_DATA"] = str(Path(os.environ["CNNLAB_DATA"]).expanduser().absolute())


# Tests in several processes at once (`pytest -n …`): each takes its share of the cores, or all would wait for all.
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A module stays in one process, but for the exercises: there a chapter does, which shares its trainings."""
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByChapter(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            chapter = re.search(r"test_(?:exercises|makes)\.py::\w+\[(\w+)\.", nodeid)
            return chapter[1] if chapter else super()._split_scope(nodeid)

    return ByChapter(config, log)


def pytest_configure(config):
    option = config.option
    if getattr(option, "nbval", False):
        option.nbval_current_env = True
        if not any(str(word).startswith("--nbval-cell-timeout") for word in config.invocation_params.args):
            option.nbval_cell_timeout = 600  # of nbval's own 2000 a dead kernel would take each
        if option.nbval_sanitize_with is None:
            option.nbval_sanitize_with = str(ROOT / "tests" / "nbval_sanitize.cfg")


def pytest_collectstart(collector):
    # Progress bars, warnings and the stand-in notice go to stderr: they differ between machines and are no result.
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)


def pytest_terminal_summary(terminalreporter):
    """Where the time of `pytest --nbval` goes: seconds by notebook, the slowest first."""
    seconds = {}
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        name = getattr(report, "nodeid", "").split("::")[0]
        if name.endswith(".ipynb"):
            seconds[name] = seconds.get(name, 0.0) + report.duration
    if seconds:
        terminalreporter.section("slowest notebooks")
        for name, spent in sorted(seconds.items(), key=lambda item: -item[1])[:8]:
            terminalreporter.write_line(f"{spent:6.1f} s  {name}")
