"""Notebook hygiene: run in order, clean metadata, short cells, linked; what a notebook builds, the package holds."""

import ast
import re
import statistics
from collections import OrderedDict

import nbformat
import pytest
import torch

from cnnlab import models, scratch, train
from cnnlab.models.googlenet import STAGES as GOOGLENET_STAGES
from cnnlab.models.resnet import STAGES
from cnnlab.models.vgg import CHANNELS, CONVS
from tests.notebooks import FOLDER, KERNELSPEC, chapters, code_cells, paths, read, title

ROOT = FOLDER.parent
NOTEBOOKS = paths()

# Each tag with the reason it may stand in a notebook.
ALLOWED_TAGS = {
    "nbval-ignore-output": "the output depends on the machine or on training; the next cell asserts what must hold",
    "raises-exception": "the error is the lesson",
    "solution": "left out of the exercise notebook",
}
# What an exercise's cells carry for a grader.
ALLOWED_METADATA = {"tags", "nbgrader"}
MOST_LINES = 25
MOST_LINES_OF_A_CLASS = 40
MOST_WORDS = 90

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=title)


def words(markdown: str) -> int:
    """Words of prose: tables, formulas, code and link targets are looked up rather than read through."""
    lines = [line for line in markdown.splitlines() if not line.lstrip().startswith("|")]
    text = re.sub(r"```.*?```|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)|`[^`]*`", " ", "\n".join(lines), flags=re.S)
    return len(re.findall(r"[\w’'-]+", text))


def test_there_are_notebooks():
    chapters = {"00-start", "01-convolution", "02-padding-stride", "03-channels", "04-pooling", "05-lenet"}
    assert chapters <= {path.stem for path in NOTEBOOKS}


@each_notebook
def test_valid_and_clean(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert dict(notebook.metadata) == {"kernelspec": KERNELSPEC}
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for cell in notebook.cells:
        graded = path.parent.name in ("exercises", "solutions")
        assert set(cell.metadata) <= (ALLOWED_METADATA if graded else {"tags"}), cell.id
        assert set(cell.metadata.get("tags", [])) <= ALLOWED_TAGS.keys(), cell.id


@each_notebook
def test_executed_from_top_to_bottom(path):
    """A cell without a count would run under nbval and never be compared."""
    counts = [cell.execution_count for cell in code_cells(read(path))]
    assert counts == list(range(1, len(counts) + 1))


@each_notebook
def test_no_stray_errors_and_no_machine_in_the_outputs(path):
    for cell in code_cells(read(path)):
        for output in cell.outputs:
            if output.output_type == "error":
                assert "raises-exception" in cell.metadata.get("tags", []), cell.id
            assert output.get("name") != "stderr", cell.id
            texts = (output.get("text"), output.get("traceback"), output.get("data", {}).get("text/plain"))
            text = " ".join(map(str, texts))
            assert not re.search(r"/(home|root|Users|work)/", text), cell.id
            assert " at 0x" not in text, cell.id
            assert "widget-view" not in str(output.get("data", {}).keys()), cell.id


@each_notebook
def test_the_saved_run_used_the_real_images(path):
    for cell in code_cells(read(path)):
        text = "".join(str(output) for output in cell.outputs).lower()
        assert "rawn garments" not in text, cell.id


@each_notebook
def test_opens_with_one_title_and_a_promise(path):
    first, *rest = read(path).cells
    title, promise = [line for line in first.source.splitlines() if line.strip()][:2]
    assert title.startswith("# ")
    assert promise.endswith(".")
    assert not any(re.search(r"^# ", cell.source, re.M) for cell in rest if cell.cell_type == "markdown")


@each_notebook
def test_cells_are_short(path):
    notebook = read(path)
    lengths = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            lengths.append(len(cell.source.splitlines()))
            most = MOST_LINES_OF_A_CLASS if "class " in cell.source else MOST_LINES
            assert lengths[-1] <= most, f"{cell.id}: {lengths[-1]} lines"
        else:
            assert words(cell.source) <= MOST_WORDS, f"{cell.id}: {words(cell.source)} words"
    assert statistics.median(lengths) <= 7


@each_notebook
def test_prose_comes_before_code(path):
    """Never more than three code cells in a row without a word."""
    kinds = "".join(cell.cell_type[0] for cell in read(path).cells)
    assert "cccc" not in kinds


@pytest.mark.parametrize("path", chapters(), ids=title)
def test_a_cell_whose_output_is_ignored_is_followed_by_a_check(path):
    """What training gives is held by a band that the same notebook asserts."""
    cells = code_cells(read(path))
    trains = [i for i, cell in enumerate(cells) if re.search(r"\bfit\(", cell.source)]
    for i in trains:
        assert "nbval-ignore-output" in cells[i].metadata.get("tags", []), cells[i].id
        assert any("assert " in cell.source for cell in cells[i + 1 : i + 4]), cells[i].id


@pytest.mark.parametrize("page", ["README.md", "notebooks/00-start.ipynb"])
def test_every_chapter_is_linked(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for path in chapters():
        if page.endswith("README.md") or path.stem != "00-start":
            assert f"{path.name})" in text, f"{page} does not link {path.name}"


@each_notebook
def test_links_between_chapters_lead_somewhere(path):
    for cell in read(path).cells:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", cell.source if cell.cell_type == "markdown" else ""):
            assert (path.parent / target).exists(), f"{cell.id} links {target}"


def built_in(stem: str, name: str, **names):
    """The function or class `name` as the notebook defines it."""
    for cell in code_cells(read(FOLDER / f"{stem}.ipynb")):
        for node in ast.parse(cell.source).body:
            if getattr(node, "name", None) == name:
                exec(compile(ast.Module([node], []), stem, "exec"), names)
                return names[name]
    raise AssertionError(f"{stem} does not build {name}")


@pytest.mark.parametrize("seed", range(20))
def test_corr2d_of_the_notebook_is_the_packages(seed):
    random = torch.Generator().manual_seed(seed)
    h, w, more_h, more_w = torch.randint(1, 6, (4,), generator=random).tolist()
    X, K = torch.randn(h + more_h, w + more_w, generator=random), torch.randn(h, w, generator=random)
    assert torch.equal(built_in("01-convolution", "corr2d", torch=torch)(X, K), scratch.corr2d(X, K))


@pytest.mark.parametrize("seed", range(5))
def test_channels_and_pooling_of_the_notebooks_are_the_packages(seed):
    random = torch.Generator().manual_seed(seed)
    X, K = torch.randn(3, 6, 7, generator=random), torch.randn(2, 3, 2, 3, generator=random)
    multi_in = built_in("03-channels", "corr2d_multi_in", corr2d=scratch.corr2d)
    assert torch.equal(multi_in(X, K[0]), scratch.corr2d_multi_in(X, K[0]))
    multi_out = built_in("03-channels", "corr2d_multi_in_out", torch=torch, corr2d_multi_in=multi_in)
    assert torch.equal(multi_out(X, K), scratch.corr2d_multi_in_out(X, K))
    dot = K[:, :, :1, :1]
    assert torch.equal(built_in("03-channels", "corr2d_1x1")(X, dot), scratch.corr2d_1x1(X, dot))
    pool2d = built_in("04-pooling", "pool2d", torch=torch)
    for mode in ("max", "avg"):
        assert torch.equal(pool2d(X[0], (2, 3), mode), scratch.pool2d(X[0], (2, 3), mode))


def test_conv2d_layer_of_the_notebook_is_the_packages():
    theirs = built_in("01-convolution", "Conv2D", torch=torch, nn=torch.nn, corr2d=scratch.corr2d)((2, 3))
    ours = scratch.Conv2D((2, 3))
    ours.load_state_dict(theirs.state_dict())
    X = torch.randn(6, 7)
    assert torch.equal(ours(X), theirs(X))


@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 2, 5)])
def test_batch_norm_of_the_notebook_is_the_packages(shape):
    random = torch.Generator().manual_seed(0)
    X, later = torch.randn(2, *shape, generator=random)
    function = built_in("10-batch-norm", "batch_norm", torch=torch)
    given = torch.rand(4, 3, generator=random)
    for training in (True, False):
        theirs, ours = (f(X, *given, training=training) for f in (function, scratch.batch_norm))
        assert all(map(torch.equal, theirs, ours))
    built = built_in("10-batch-norm", "BatchNorm", torch=torch, nn=torch.nn, batch_norm=function)
    layers = built(3), scratch.BatchNorm(3)
    for layer in layers:
        layer(X)
        layer.eval()
    assert torch.equal(*(layer(later) for layer in layers))
    theirs, ours = (layer.state_dict() for layer in layers)
    assert list(theirs) == list(ours)
    assert all(map(torch.equal, theirs.values(), ours.values()))


@pytest.mark.parametrize(("channels", "stride"), [(3, 1), (5, 1), (3, 2), (6, 2)])
def test_residual_blocks_of_the_notebook_are_the_packages(channels, stride):
    torch.manual_seed(0)
    X = torch.randn(4, 3, 7, 6)
    for name in ("Residual", "PreActivation"):
        theirs = built_in("11-resnet", name, nn=torch.nn, F=torch.nn.functional)(3, channels, stride)
        ours = models.copy_weights(theirs, getattr(models, name)(3, channels, stride))
        torch.testing.assert_close(ours(X), theirs(X))


def test_resnet18_and_bottleneck_of_the_notebook_are_the_packages():
    torch.manual_seed(0)
    block = built_in("11-resnet", "Residual", nn=torch.nn, F=torch.nn.functional)
    resnet = built_in("11-resnet", "resnet", nn=torch.nn, OrderedDict=OrderedDict, Residual=block)
    X = torch.randn(2, 1, 33, 40)
    theirs, ours = resnet(STAGES[18]), models.build("resnet18")
    torch.testing.assert_close(models.copy_weights(theirs, ours).eval()(X), theirs.eval()(X))
    theirs, ours = built_in("11-resnet", "bottleneck", nn=torch.nn)(8, 2), models.Bottleneck(8, 2).branch
    X = torch.randn(2, 8, 5, 5)
    torch.testing.assert_close(models.copy_weights(theirs, ours)(X), theirs(X))


def test_train_epoch_of_the_notebook_is_the_packages(tiny_data):
    results = []
    for function in (built_in("05-lenet", "train_epoch", torch=torch), train.train_epoch):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        numbers = function(model, tiny_data.train.batches(64, seed=1), torch.nn.CrossEntropyLoss(), optimizer)
        results.append((numbers, model[1].weight))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-6)
    assert torch.equal(results[0][1], results[1][1])


def test_alexnet_of_the_notebook_is_the_packages():
    table = [(12, 5, 1, 2, True), (32, 5, 1, 2, True), (48, 3, 1, 1, False), (48, 3, 1, 1, False), (32, 3, 1, 1, True)]
    theirs = built_in("06-alexnet", "alexnet", nn=torch.nn)(table, 32 * 2 * 2, dense=16).eval()
    ours = models.build("alexnet", image_size=28, stem="small", width=0.125, dense=16).eval()
    assert [type(layer) for layer in theirs] == [type(layer) for layer in ours]
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    X = torch.randn(2, 1, 28, 28)
    assert torch.equal(ours(X), theirs(X))


def test_dropout_of_the_notebook_keeps_pytorchs_values_and_shares():
    dropout, X = built_in("06-alexnet", "dropout", torch=torch), torch.full((100_000,), 3.0)
    torch.manual_seed(0)
    for p in (0.0, 0.2, 0.5):
        ours, theirs = dropout(X, p), torch.nn.functional.dropout(X, p)
        assert ours.unique().tolist() == theirs.unique().tolist()
        assert ours.mean().item() == pytest.approx(3, abs=0.05)  # five standard deviations at p = 0.5
    assert torch.equal(dropout(X, 0.5, training=False), X)


@pytest.mark.parametrize("name", ["vgg11", "vgg13", "vgg16", "vgg19"])
def test_vgg_of_the_notebook_is_the_packages(name):
    block = built_in("07-vgg", "vgg_block", nn=torch.nn)
    table = [(convs, channels // 8) for convs, channels in zip(CONVS[int(name[3:])], CHANNELS, strict=True)]
    theirs = built_in("07-vgg", "vgg", nn=torch.nn, vgg_block=block)(table, image_size=32, dense=20).eval()
    ours = models.build(name, image_size=32, width=1 / 8, dense=20).eval()
    X = torch.randn(2, 1, 32, 32)
    assert torch.equal(models.copy_weights(theirs, ours)(X), theirs(X))


def test_nin_of_the_notebook_is_the_packages():
    torch.manual_seed(0)
    block = built_in("08-nin", "nin_block", nn=torch.nn)
    build = built_in("08-nin", "build_nin", nn=torch.nn, nin_block=block)
    table = [(12, 5, 1, 2), "pool", (32, 5, 1, 2), "pool", (48, 3, 1, 1), "pool", "dropout", (10, 3, 1, 1)]
    ours = models.build("nin", image_size=28, stem="small", width=0.125)
    theirs = models.copy_weights(ours, build(table))
    X = torch.randn(2, 1, 28, 28)
    torch.testing.assert_close(theirs.eval()(X), ours.eval()(X))


def test_inception_and_googlenet_of_the_notebook_are_the_packages():
    conv = built_in("09-googlenet", "conv", nn=torch.nn)
    inception = built_in("09-googlenet", "Inception", nn=torch.nn, torch=torch, conv=conv)
    theirs = inception(6, c1=4, c3=(2, 5), c5=(3, 7), c_pool=1)
    ours = models.copy_weights(theirs, models.Inception(6, c1=4, c3=(2, 5), c5=(3, 7), c_pool=1))
    X = torch.randn(2, 6, 9, 8)
    assert torch.equal(ours(X), theirs(X))
    table = {name: [tuple(row.values()) for row in rows.values()] for name, rows in GOOGLENET_STAGES.items()}
    theirs = built_in("09-googlenet", "googlenet", nn=torch.nn, conv=conv, Inception=inception)(table)
    ours = models.copy_weights(theirs, models.build("googlenet", image_size=32))
    X = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        assert torch.equal(ours(X), theirs(X))


def test_densenet_of_the_notebook_is_the_packages():
    torch.manual_seed(0)
    parts = {"torch": torch, "nn": torch.nn}
    for name in ("conv_layer", "DenseBlock", "transition", "dense_net"):
        parts[name] = built_in("12-densenet", name, **parts)
    X = torch.randn(2, 5, 6, 7)
    for name, settings in (("DenseBlock", (3, 5, 4)), ("transition", (5, 2))):
        theirs, ours = parts[name](*settings), getattr(models, name)(*settings)
        torch.testing.assert_close(models.copy_weights(theirs, ours)(X), theirs(X))
    X = torch.randn(2, 1, 40, 33)
    theirs, ours = parts["dense_net"](), models.build("densenet")
    torch.testing.assert_close(models.copy_weights(theirs, ours).eval()(X), theirs.eval()(X))
