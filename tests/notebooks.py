"""The notebooks as files: which there are, and how they are run top to bottom and saved.

python tests/notebooks.py                               run and save every notebook
python tests/notebooks.py 05-lenet                      run and save one
python tests/notebooks.py exercises/02-padding-stride   make it anew from its solutions, run and save it
"""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from cnnlab.check.teach.handout import handout

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "notebooks"
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
CELL_TIMEOUT = 300  # seconds
# A widget's view needs a running kernel. Saved, it would be an error message; its text and the picture after it stay.
NOT_SAVED = "application/vnd.jupyter.widget-view+json"


EXERCISES, SOLUTIONS = FOLDER / "exercises", FOLDER / "solutions"


def paths() -> list[Path]:
    """Every notebook, in order."""
    return sorted(path for path in FOLDER.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)


def chapters() -> list[Path]:
    """The chapters alone, in order."""
    return sorted(FOLDER.glob("*.ipynb"))


def exercises_of(path: Path) -> nbformat.NotebookNode:
    """The exercise notebook that follows from the solution notebook of the same name, not yet run."""
    return handout(read(SOLUTIONS / path.name), solutions=f"../solutions/{path.name}")


def title(path: Path) -> str:
    """What a notebook is called on the command line: its path under notebooks/ without the ending."""
    return path.relative_to(FOLDER).with_suffix("").as_posix()


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def run(path: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs of a run from top to bottom in its own folder."""
    notebook = read(path)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_TIMEOUT,
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        store_widget_state=False,
    )
    return client.execute()


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Only what a reader needs: kernelspec, tags, and outputs that mean something without a kernel."""
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC})
    for cell in notebook.cells:
        kept = {key: cell.metadata[key] for key in ("nbgrader", "tags") if cell.metadata.get(key)}
        cell.metadata = nbformat.from_dict(kept)
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(clean_output, cell.outputs) if output is not None]
    return notebook


def clean_output(output: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    if output.output_type == "stream" and output.name == "stderr":
        return None
    if output.output_type == "error":
        # The sentence is the lesson; the frames above it name folders of the machine that ran.
        output.traceback = [f"{output.ename}: {output.evalue}"]
    if "data" in output:
        output.data.pop(NOT_SAVED, None)
        output.metadata = nbformat.from_dict({})
    return output


def main(names: list[str]) -> None:
    made = [EXERCISES / path.name for path in sorted(SOLUTIONS.glob("*.ipynb"))]
    known = {title(path): path for path in sorted({*paths(), *made})}
    if unknown := set(names) - known.keys():
        sys.exit(f"no notebook is called {' or '.join(unknown)}")
    for path in [known[each] for each in names or known]:
        started = time.perf_counter()
        if path.parent == EXERCISES:
            nbformat.write(exercises_of(path), path)
        nbformat.write(clean(run(path)), path)
        print(f"{title(path)}: {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
