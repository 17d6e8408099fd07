"""Data: found, checked, downloaded or drawn; split, prepared and augmented."""

import contextlib
import functools
import gzip
import hashlib
import http.server
import os
import shutil
import socket
import struct
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torchvision.transforms import functional as TF

from cnnlab.data import archives, dataset, fashion_mnist, random_flip, random_shift
from cnnlab.data.archives import DataError, download_archives
from cnnlab.data.dataset import balanced_indices
from tests.conftest import blobs


def idx(array: np.ndarray) -> bytes:
    """An idx file of unsigned bytes, packed as published."""
    head = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}i", *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes(), mtime=0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Four small archives in torchvision's layout, what they hold declared the right content."""
    random = np.random.default_rng(0)
    monkeypatch.setattr(dataset, "VALIDATION", 50)
    folder = tmp_path / "served" / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    contents, packed = {}, {}
    for name in archives.ARCHIVES:
        count = 600 if name.startswith("train") else 100
        array = random.integers(0, 255, (count, 28, 28)) if "images" in name else np.arange(count) % 10
        (folder / name).write_bytes(idx(array))
        contents[name] = hashlib.md5(gzip.decompress(idx(array))).hexdigest()
        packed[name] = torchvision.datasets.utils.calculate_md5(folder / name)
    monkeypatch.setattr(archives, "ARCHIVES", contents)
    monkeypatch.setattr(torchvision.datasets.FashionMNIST, "resources", list(packed.items()))
    monkeypatch.setenv("CNNLAB_DATA", str(folder.parent.parent))
    monkeypatch.setattr(archives, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(archives, "INSTALLED", tmp_path / "not-installed")
    dataset.read_archives.cache_clear()
    dataset.tell_once.cache_clear()
    return folder


@pytest.fixture
def no_apt(monkeypatch):
    """A machine without apt-get and dpkg."""
    monkeypatch.setattr(archives.shutil, "which", lambda name: None)


@pytest.fixture
def server(folder, monkeypatch, no_apt):
    """The archives behind a real HTTP server, which torchvision is told is its only mirror."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        mirror = f"http://127.0.0.1:{running.server_port}/"
        monkeypatch.setattr(torchvision.datasets.FashionMNIST, "mirrors", [mirror])
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.delenv("CNNLAB_DATA")
        yield folder
        running.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_args):
        pass


def test_reads_the_archives_and_splits_them(folder):
    data = fashion_mnist(device="cpu")
    assert (len(data.train), len(data.valid), len(data.test)) == (550, 50, 100)
    assert data.train.images.dtype == torch.uint8
    assert data.train.images.shape == (550, 1, 28, 28)
    assert data.source == "files"
    assert not data.drawn
    assert torch.bincount(data.valid.labels).tolist() == [5] * 10
    assert repr(data) == "Fashion-MNIST: 550 train, 50 valid, 100 test; 28×28, on cpu"


def test_one_augmentation_may_be_named_by_itself(folder):
    assert fashion_mnist(device="cpu", augment="flip").train.augment == ("flip",)
    with pytest.raises(ValueError, match="augmentation 'blur' is not one of"):
        fashion_mnist(device="cpu", augment="blur")


def test_same_arrays_as_torchvision(folder, tmp_path):
    """torchvision reads the same bytes; every image is in exactly one split."""
    shutil.copytree(folder.parent.parent, tmp_path / "copy")
    theirs = torchvision.datasets.FashionMNIST(tmp_path / "copy", download=True)  # unpacks what is there
    ours = fashion_mnist(device="cpu")
    together = torch.cat([ours.train.images, ours.valid.images])[:, 0]
    key = lambda images: sorted(image.numpy().tobytes() for image in images)  # noqa: E731
    assert key(together) == key(theirs.data)


def test_training_images_keep_their_order(folder):
    """By numpy's own selection, on arrays read the way torchvision reads them."""
    raw = [gzip.decompress((folder / name).read_bytes()) for name in archives.ARCHIVES]
    images = np.frombuffer(raw[0], np.uint8, offset=16).reshape(-1, 28, 28)
    labels = np.frombuffer(raw[1], np.uint8, offset=8)
    chosen = np.isin(np.arange(600), dataset.balanced_indices(labels, 50, dataset.SPLIT_SEED))
    data = fashion_mnist(device="cpu")
    for split, keep in ((data.train, ~chosen), (data.valid, chosen)):
        assert np.array_equal(split.images[:, 0].numpy(), images[keep])
        assert np.array_equal(split.labels.numpy(), labels[keep])


def test_split_is_the_same_every_time(folder):
    first, again = fashion_mnist(device="cpu"), fashion_mnist(device="cpu")
    assert torch.equal(first.valid.images, again.valid.images)


@pytest.mark.skipif("CNNLAB_DATA" not in os.environ, reason="CNNLAB_DATA does not name the real archives")
def test_the_real_set():
    data = fashion_mnist(device="cpu", download=False)
    assert (len(data.train), len(data.valid), len(data.test)) == (55_000, 5_000, 10_000)
    assert torch.bincount(data.train.labels).tolist() == [5_500] * 10
    assert torch.bincount(data.test.labels).tolist() == [1_000] * 10
    pixels = torch.cat([data.train.images, data.valid.images]).double() / 255
    assert pixels.mean().item() == pytest.approx(dataset.MEAN, abs=5e-5)
    assert pixels.std().item() == pytest.approx(dataset.STD, abs=5e-5)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (idx(np.arange(99) % 10), "its content has the md5"),
        (idx(np.arange(100) % 10)[:-9], "is damaged"),
        (b"", "is damaged"),
        (b"no archive at all", "Not a gzipped file"),
        (gzip.compress(struct.pack(">BBBB4i", 0, 0, 8, 4, *[10**6] * 4)), "it announces"),
        (gzip.compress(struct.pack(">BBBB", 0, 0, 8, 200)), "is damaged"),
    ],
    ids=["other content", "cut off", "empty", "not packed", "too large", "too many axes"],
)
def test_damaged_archive_is_named(folder, content, says):
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz is damaged .* delete it and run again") as caught:
        fashion_mnist(device="cpu")
    assert says in str(caught.value)


def test_packing_does_not_matter(folder):
    before = fashion_mnist(device="cpu").train.images
    dataset.read_archives.cache_clear()
    for path in folder.iterdir():
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 1, mtime=7))
    (folder / "train-labels-idx1-ubyte").write_bytes(
        gzip.decompress((folder / "train-labels-idx1-ubyte.gz").read_bytes())
    )
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    assert torch.equal(fashion_mnist(device="cpu").train.images, before)


# ---- where they are --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("up", [0, 1, 2])
@pytest.mark.parametrize("quoted", ["{}", "'{}'", '"{}"', " {} "])
def test_the_folder_and_its_parents_work_in_quotation_marks_too(folder, monkeypatch, up, quoted):
    monkeypatch.setenv("CNNLAB_DATA", quoted.format([folder, *folder.parents][up]))
    assert archives.find_archives() == folder


def test_where_debian_installs_them(folder, monkeypatch):
    monkeypatch.delenv("CNNLAB_DATA")
    assert archives.find_archives() is None
    monkeypatch.setattr(archives, "INSTALLED", folder)
    assert archives.find_archives() == folder


def test_a_folder_that_cannot_be_used_is_named_with_what_is_missing(folder, monkeypatch, tmp_path):
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    assert archives.trouble_with_named() == (
        f"CNNLAB_DATA is {folder.parent.parent}, and {folder} lacks t10k-labels-idx1-ubyte.gz."
    )
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path / "tpyo"))
    assert archives.trouble_with_named().endswith("tpyo, and there is no such folder.")
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path / "empty"))
    assert "and it lacks train-images-idx3-ubyte.gz, train-labels" in archives.trouble_with_named()
    monkeypatch.setenv("CNNLAB_DATA", str(folder / "train-images-idx3-ubyte.gz"))
    assert "which is a file" in archives.trouble_with_named()
    monkeypatch.setenv("CNNLAB_DATA", "")
    assert archives.trouble_with_named() == ""


# ---- fetching them ---------------------------------------------------------------------------------------------------


def test_downloads_through_torchvision(server, tmp_path):
    data = fashion_mnist(device="cpu")
    assert len(data.train) == 550
    kept = sorted(path.name for path in (tmp_path / "cache" / "FashionMNIST" / "raw").iterdir())
    assert kept == sorted(archives.ARCHIVES)  # no unpacked copies, no half files, no scratch folder
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["FashionMNIST"]


def test_what_an_interrupted_download_left_is_removed(server, tmp_path):
    left = tmp_path / "cache" / "download-abc" / "FashionMNIST" / "raw"
    left.mkdir(parents=True)
    (left / "train-images-idx3-ubyte.gz").write_bytes(b"half")
    fashion_mnist(device="cpu")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["FashionMNIST"]


def test_half_a_download_leaves_nothing(server, tmp_path):
    (server / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(OSError, match="Error downloading t10k-labels"):
        download_archives(tmp_path / "cache")
    assert list((tmp_path / "cache").rglob("*")) == []


def test_corrupted_download_leaves_nothing(server, tmp_path):
    (server / "t10k-labels-idx1-ubyte.gz").write_bytes(b"not what was asked for")
    with pytest.raises(OSError, match=r"t10k-labels|corrupted"):
        download_archives(tmp_path / "cache")
    assert list((tmp_path / "cache").rglob("*.gz")) == []


def test_a_silent_server_times_out(tmp_path, monkeypatch):
    before = socket.getdefaulttimeout()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mirror = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setattr(torchvision.datasets.FashionMNIST, "mirrors", [mirror])
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        started = time.monotonic()
        with pytest.raises(OSError, match="timed out"):
            download_archives(tmp_path / "cache", silence=0.3)
    assert time.monotonic() - started < 10
    assert socket.getdefaulttimeout() == before


class DrippingHandler(QuietHandler):
    """Sends a byte now and then: never silent for long, and never done."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(100):
                self.wfile.write(b"x")
                time.sleep(0.05)


def test_a_dripping_server_runs_into_a_total_time_out(tmp_path, monkeypatch):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), DrippingHandler) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, daemon=True).start()
        mirror = f"http://127.0.0.1:{running.server_port}/"
        monkeypatch.setattr(torchvision.datasets.FashionMNIST, "mirrors", [mirror])
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        started = time.monotonic()
        with pytest.raises(OSError, match=r"not finished after 0\.5 s"):
            download_archives(tmp_path / "cache", silence=1, patience=0.5)
        assert time.monotonic() - started < 4
        running.shutdown()


@pytest.fixture
def apt(folder, tmp_path, monkeypatch):
    """Commands in place of apt-get and dpkg, as far as the course uses them, and no other way to the images."""
    commands = tmp_path / "commands"
    commands.mkdir()
    script = "#!/bin/sh\nset -e\n"
    (commands / "apt-get").write_text(script + 'test "$1 $2" = "download dataset-fashion-mnist"\ntouch "$2_0.deb"\n')
    place = f"$3{archives.INSTALLED}"
    (commands / "dpkg").write_text(
        script + f'test "$1 $2" = "-x dataset-fashion-mnist_0.deb"\nmkdir -p "{place}"\ncp {folder}/* "{place}"\n'
    )
    for command in commands.iterdir():
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.setattr(torchvision.datasets.FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("CNNLAB_DATA")
    return commands


@pytest.mark.skipif(os.name == "nt", reason="Windows has no apt-get")
def test_where_the_download_fails_debians_package_is_fetched(apt, tmp_path):
    assert fashion_mnist(device="cpu").source == "files"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["FashionMNIST"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no apt-get")
def test_where_both_fail_the_first_reason_is_told(apt, tmp_path):
    (apt / "apt-get").write_text("#!/bin/sh\nexit 100\n")
    with pytest.raises(OSError, match="Error downloading train-images"):
        archives.fetch_archives(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no apt-get")
def test_a_package_with_something_else_in_it_is_not_kept(apt, folder, tmp_path):
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(idx(np.arange(7)))
    with pytest.raises(OSError, match="what came is not Fashion-MNIST"):
        archives.unpack_package(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_no_files_and_no_network_draws_and_says_so(folder, tmp_path, monkeypatch, capsys, no_apt):
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path / "empty"))
    monkeypatch.setattr(archives, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(torchvision.datasets.FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    drawn = (blobs(600, 1), blobs(100, 2))
    arrays = [part.numpy() for split in drawn for part in (split.images[:, 0], split.labels.to(torch.uint8))]
    monkeypatch.setattr(dataset, "draw_arrays", lambda: dataset.split_off(*arrays))
    monkeypatch.setattr(dataset, "VALIDATION", 50)
    data = fashion_mnist(device="cpu")
    assert data.drawn
    assert data.source == "drawn"
    told = capsys.readouterr().err
    assert told.startswith(f"CNNLAB_DATA is {tmp_path / 'empty'}, and there is no such folder.")
    assert "not found and the download failed" in told
    fashion_mnist(device="cpu")
    assert capsys.readouterr().err == ""  # once is enough
    assert repr(data).startswith("drawn garments")
    assert data.valid.title() == "Drawn garments, valid"


def test_subset_is_balanced():
    labels = np.repeat(np.arange(10), [5, 95, *[50] * 8])
    chosen = balanced_indices(labels, 40, seed=0)
    assert np.bincount(labels[chosen]).tolist() == [4] * 10
    assert len(set(chosen.tolist())) == 40
    odd = np.bincount(labels[balanced_indices(labels, 43, seed=0)])
    assert odd.sum() == 43
    assert odd.max() - odd.min() <= 1


@pytest.mark.parametrize("count", [3, 10_000])
def test_impossible_subset(count):
    with pytest.raises(ValueError, match=f"subset of {count} is not between 10 .* and 600"):
        blobs(600, 0).subset(count)


def test_batches_cover_everything_once():
    split = blobs(103, 0)
    for seed in (None, 7):
        sizes, labels = zip(*[(len(X), y) for X, y in split.batches(25, seed)], strict=True)
        assert sizes == (25, 25, 25, 25, 3)
        assert torch.equal(torch.cat(labels).sort().values, split.labels.sort().values)
    one, two, other = (next(split.batches(103, seed))[1] for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("size", [64, 96, 224])
def test_resizing_agrees_with_pillow(size):
    """Pillow resizes 8-bit images with its own bilinear filter; it rounds to whole grey levels, we do not."""
    split = dataset.dataclasses.replace(blobs(4, 0), size=size, normalize=False)
    ((X, _),) = split.batches(4)
    assert X.shape == (4, 1, size, size)
    for ours, image in zip(X, split.images, strict=True):
        theirs = Image.fromarray(image[0].numpy()).resize((size, size), Image.BILINEAR)
        assert (ours[0] - TF.to_tensor(theirs)[0]).abs().max() < 1.01 / 255


def test_normalised_by_mean_and_deviation():
    split = blobs(4, 0)
    ((X, _),) = split.batches(4)
    by_hand = TF.normalize(split.images / 255, [0.2860], [0.3530])
    assert torch.allclose(X, by_hand, atol=1e-6)


def test_flip_mirrors_about_half():
    images = torch.arange(400 * 6).reshape(400, 1, 2, 3).to(torch.uint8)
    flipped = random_flip(images, torch.Generator().manual_seed(0))
    same = (flipped == images).all(dim=(1, 2, 3))
    mirrored = (flipped == torch.from_numpy(images.numpy()[..., ::-1].copy())).all(dim=(1, 2, 3))
    assert (same ^ mirrored).all()
    assert 150 < mirrored.sum() < 250


def test_shift_moves_each_image_by_its_own_amount():
    images = torch.zeros(500, 1, 9, 9, dtype=torch.uint8)
    images[:, 0, 4, 4] = 200
    moved = random_shift(images, 2, torch.Generator().manual_seed(0))
    assert (moved.flatten(1).sum(1) == 200).all()
    places = moved[:, 0].nonzero()[:, 1:]
    assert places.min() == 2
    assert places.max() == 6
    assert len(places.unique(dim=0)) == 25


def test_shift_brings_in_black_as_a_crop_of_the_padded_image_does():
    image = torch.randint(0, 255, (1, 1, 28, 28), dtype=torch.uint8)
    moved = random_shift(image, 2, torch.Generator().manual_seed(3))
    padded = TF.pad(image, 2)
    crops = [TF.crop(padded, top, left, 28, 28) for top in range(5) for left in range(5)]
    assert any(torch.equal(moved, crop) for crop in crops)


def test_augmentation_follows_the_seed_and_leaves_examples_alone():
    split = blobs(50, 0).with_augment("flip", "crop")
    first, again, other = (next(split.batches(50, seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(split.example(3)[0], blobs(50, 0).example(3)[0])
    assert repr(split).endswith("50 images of 28×28, augmented by flip and crop")


def test_settings_that_cannot_be():
    with pytest.raises(ValueError, match="size 32 is not one of 28, 64, 96, 224"):
        dataset.dataclasses.replace(blobs(10, 0), size=32)
    with pytest.raises(ValueError, match="augmentation 'blur' is not one of flip, crop"):
        blobs(10, 0).with_augment("blur")
    with pytest.raises(ValueError, match="batch_size 0 is below 1"):
        next(blobs(10, 0).batches(0))
    with pytest.raises(ValueError, match="device 'tpu' is not one of"):
        blobs(10, 0).to("tpu")


def test_move_to_a_device():
    data = fashion_like().to("cpu")
    assert {split.device.type for split in (data.train, data.valid, data.test)} == {"cpu"}


def fashion_like():
    return dataset.FashionMNIST(blobs(20, 0), blobs(20, 1), blobs(20, 2), source="drawn")


def test_cache_folder_is_the_users():
    assert Path(archives.cache_folder()).name == "cnnlab"
