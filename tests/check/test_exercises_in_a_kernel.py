"""Checks in a real kernel, which puts its own functions in place of Python's and names cells by what they hold."""

import pytest
from jupyter_client.manager import start_new_kernel

OUT_SIZE = "def out_size(n, k, s, p, d):\n    return (n + 2 * p - d * (k - 1) - 1) // s + 1"
CHECK = "print(check.padding.out_size(out_size))"


@pytest.fixture
def cell(tmp_path, monkeypatch):
    """Runs a cell and gives back what it printed, and the name of the error that it ended with."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    manager, client = start_new_kernel(kernel_name="python3")

    def run(source: str) -> str:
        said = []
        client.execute_interactive(source, timeout=120, output_hook=lambda message: said.append(message["content"]))
        return "".join(content.get("text", content.get("ename", "")) for content in said)

    run("from cnnlab import check")
    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.slow
def test_cells_that_failed_and_replaced_functions(cell):
    cell(OUT_SIZE)
    assert cell(CHECK).startswith("✓ right")
    assert cell(OUT_SIZE.replace("s + 1", "s +")) == "SyntaxError"
    assert "The last cell that defines out_size did not run" in cell(CHECK)
    cell(OUT_SIZE)
    assert cell(CHECK).startswith("✓ right")
    assert cell("undefined_name\n" + OUT_SIZE.replace("+ 1", "+ 2")) == "NameError"
    assert "The last cell that defines out_size did not run" in cell(CHECK)
    cell(OUT_SIZE + "\n\nimport torch\n\ntorch.manual_seed = lambda seed: None")
    assert "torch.manual_seed is no longer the library's own function" in cell(CHECK)
