"""The package as a whole: import ranks, what must not load torch, pins that agree, files that stay clean."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "cnnlab"

# A module imports only from a strictly lower rank, so no cycle can form. `cnnlab` itself holds only the version.
RANKS = {
    0: ["compat", "device", "scratch", "shapes"],
    1: ["data", "draw", "models"],
    2: ["trace"],
    3: ["plots"],
    4: ["train"],
    5: ["course", "explore"],
    6: ["check", "measure"],
    7: ["__main__"],
}
RANK = {name: rank for rank, names in RANKS.items() for name in names}


def unit(path: Path) -> str:
    """The module or sub-package a file belongs to: `draw/conv.py` -> draw."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_units(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "cnnlab" else [node.module]
            )
        for name in names:
            parts = (name or "").split(".")
            if parts[0] == "cnnlab" and len(parts) > 1 and parts[1] != "__version__":
                yield parts[1]


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.name != "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
    for name in imported_units(path):
        if name != unit(path):
            assert RANK[name] < RANK[unit(path)], f"{path.name} imports cnnlab.{name}, which is not of a lower rank"


def test_every_module_has_a_rank():
    assert {unit(path) for path in MODULES} <= RANK.keys()


@pytest.mark.parametrize("package", sorted(PACKAGE.rglob("__init__.py")), ids=lambda path: path.parent.name)
def test_every_package_maps_its_modules(package):
    beside = {path.stem for path in package.parent.glob("*.py")} | {
        path.parent.name for path in package.parent.glob("*/__init__.py")
    }
    lines = ast.get_docstring(ast.parse(package.read_text())).splitlines()
    mapped = {line.split()[0] for line in lines if re.match(r" *\w+  +\S", line)}
    assert mapped == {name for name in beside if not name.startswith("__")}


@pytest.mark.parametrize(
    "statement",
    [
        "import cnnlab, cnnlab.course.server",
        "import cnnlab.shapes",
        "import cnnlab.explore.conv.picture",
        "import cnnlab.explore",
    ],
)
def test_does_not_import_torch(statement):
    code = f"{statement}; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_showing_an_explorer_does_not_import_torch():
    code = (
        "from cnnlab.explore import ConvExplorer; e = ConvExplorer(); e._repr_mimebundle_(); e.kernel_size = 5; "
        "e.static(); import sys; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


WITHOUT_NUMPY = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("numpy", "torch"):
            raise ImportError(f"{name} is not here")

sys.meta_path.insert(0, Missing())
import cnnlab, cnnlab.shapes, cnnlab.draw
from cnnlab.explore import ChannelExplorer, CompareExplorer, ConvExplorer, PoolExplorer, ReceptiveFieldExplorer

def use(explorer, **moves):
    for setting, values in moves.items():
        for value in values:
            setattr(explorer, setting, value)
            explorer._repr_mimebundle_(), explorer.facts(), explorer.code()

images = ["edge", "ramp", "dot", "garment", "shirt"]
use(ConvExplorer(), kernel_size=[20, (2, 5), 3], weights=["blur", "sharpen", "identity"], image=[*images, "own"],
    heat=[True], guess=[True], transposed=[True, False], preset=["same 3×3", "ResNet, stem"])
use(ConvExplorer(6, 4, 2, 1, transposed=True), output_padding=[1, 2], padding=[9], dilation=[2])
use(PoolExplorer(), mode=["avg", "min"], gradient=[True], shift=[1], image=images, padding=[5, 1], ceil_mode=[True])
use(ChannelExplorer(), groups=[3, 1], in_channels=[30, 4], preset=["depthwise"], kernel_size=[1, 9], channel=[3])
use(ReceptiveFieldExplorer(), layers=[[3, ("pool", 2)], [40]], image=images, preset=["VGG-16"])
use(CompareExplorer(), channels=[8], left=[[7, ("depthwise", 3)]], preset=["7×7 vs three 3×3"])
explorer = ConvExplorer()
explorer.asking.button.click()
print(explorer.asking.says.value)
"""


def test_the_layer_explorers_do_without_numpy_and_torch():
    run = subprocess.run([sys.executable, "-c", WITHOUT_NUMPY], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "PyTorch is not installed here" in run.stdout  # which only the question to it needs


def pins(*files: str) -> dict[str, Requirement]:
    lines = [line for file in files for line in (ROOT / file).read_text().splitlines()]
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


PINS = ["requirements.txt", "requirements-teach.txt"]


def declared(*extras: str) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    more = [line for extra in extras for line in project["optional-dependencies"][extra]]
    return [Requirement(line) for line in project["dependencies"] + more]


def test_every_dependency_is_pinned_within_its_range():
    pinned = pins(*PINS)
    for requirement in declared("test", "teach"):
        (pin,) = pinned[canonicalize_name(requirement.name)].specifier
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version), f"{requirement} excludes the pin {pin}"


def test_every_pin_is_exact_and_bare():
    for name, requirement in pins(*PINS).items():
        assert [spec.operator for spec in requirement.specifier] == ["=="], name
        assert requirement.url is None, name
    for file in PINS:
        assert not re.search(r"https?://|--index|--find-links|file:", (ROOT / file).read_text())


def test_conda_brings_python_and_pip_and_pip_brings_the_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert [Requirement(line).name for line in conda] == ["python", "pip"]
    assert pip == {"pip": ["-r requirements.txt", "-e ."]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    python = Requirement(conda[0]).specifier
    assert all(python.contains(v) for v in ("3.11", "3.12.4", "3.13"))
    assert not python.contains("3.10.9")
    assert str(project["requires-python"]) == ">=3.11"


def test_installed_versions_are_the_pins():
    """Only where the course's own environment runs the tests; elsewhere the ranges are what counts."""
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("not the environment that `make` builds")
    from importlib.metadata import version

    for requirement in declared("test"):
        (pin,) = pins("requirements.txt")[canonicalize_name(requirement.name)].specifier
        assert version(requirement.name) == pin.version


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / name for name in names if name]


def test_files_are_small_and_name_no_machine():
    home = re.compile(r"/(home|root|Users)/\w+|file://")
    for path in tracked():
        assert path.stat().st_size < 1_500_000, f"{path.name} is too large to keep"
        if path.suffix != ".png" and path != Path(__file__):
            found = home.search(path.read_text(encoding="utf-8"))
            assert not found, f"{path.name} names a path of one machine: {found}"
