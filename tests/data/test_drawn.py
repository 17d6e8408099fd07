"""Drawn garments: their format and repeatability, and that they are neither trivial nor hopeless to learn."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from cnnlab.data.drawn import CLASSES, draw_garments

TOPS = [0, 2, 4, 6]  # T-shirt, pullover, coat, shirt
# From the paper's table of classes, Xiao et al. 2017, in label order.
OFFICIAL = "T-shirt/top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag Ankle~boot"


@pytest.fixture(scope="module")
def sample():
    """6,000 pictures: (6000, 28, 28) uint8 and (6000,) uint8."""
    return draw_garments(6000, seed=1)


def _digest(images, labels):
    return hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()


def _flat(images):
    return images.reshape(len(images), -1).astype(np.float32)


def test_classes_are_those_of_fashion_mnist_in_label_order():
    assert list(CLASSES) == [name.replace("~", " ") for name in OFFICIAL.split()]


@pytest.mark.parametrize("count", [10, 11, 99, 1000, 2345])
def test_format_and_balance(count):
    images, labels = draw_garments(count, seed=0)
    assert (images.shape, images.dtype) == ((count, 28, 28), np.uint8)
    assert (labels.shape, labels.dtype) == ((count,), np.uint8)
    per_class = np.bincount(labels, minlength=10)
    assert per_class.size == 10
    assert per_class.max() - per_class.min() <= 1


@pytest.mark.parametrize("count", [9, 0, -3])
def test_too_few_pictures_is_explained(count):
    with pytest.raises(ValueError, match=rf"count is {count}, but each of the 10 classes .* ask for 10 or more"):
        draw_garments(count, seed=0)


def test_same_seed_same_pictures_here_and_in_a_fresh_process():
    here = _digest(*draw_garments(500, seed=3))
    assert here == _digest(*draw_garments(500, seed=3))
    code = (
        "import hashlib, sys\nfrom cnnlab.data.drawn import draw_garments\n"
        "images, labels = draw_garments(500, seed=3)\n"
        "assert 'torch' not in sys.modules\n"
        "print(hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here


def test_drawing_leaves_the_global_generator_alone():
    before = np.random.get_state()[1].copy()
    draw_garments(10, seed=0)
    assert (np.random.get_state()[1] == before).all()


def test_another_seed_gives_other_pictures_in_another_order():
    (a, label_a), (b, label_b) = draw_garments(300, seed=0), draw_garments(300, seed=1)
    assert not (label_a == label_b).all()
    assert not {image.tobytes() for image in a} & {image.tobytes() for image in b}


def test_labels_are_shuffled(sample):
    _, labels = sample
    same_as_next = (labels[1:] == labels[:-1]).mean()
    assert same_as_next == pytest.approx(0.1, abs=0.03)  # 0 in turn, almost 1 sorted


def test_garments_are_bright_on_black_and_of_a_fair_size(sample):
    images, _ = sample
    assert np.median(images[:, :, [0, -1]]) == 0
    lit = (images > 40).mean((1, 2))
    assert lit.min() > 0.03
    assert lit.max() < 0.95
    # The real training set has a mean of 73 and a standard deviation of 90 over all pixels.
    assert 45 < images.mean() < 100
    assert 65 < images.std() < 115


@pytest.mark.parametrize("label", range(10))
def test_pictures_of_a_class_vary(sample, label):
    images, labels = sample
    mine = _flat(images[labels == label])
    assert len(np.unique(mine, axis=0)) == len(mine)
    half = len(mine) // 2
    distance = np.abs(mine[:half] - mine[half : 2 * half]).mean(1)
    assert distance.mean() > 15  # grey levels a pixel
    assert distance.min() > 2


def test_class_means_alone_do_not_solve_it_and_confuse_tops_most(sample):
    images, labels = sample
    flat = _flat(images)
    means = np.stack([flat[:3000][labels[:3000] == c].mean(0) for c in range(10)])
    guess = ((flat[3000:, None] - means) ** 2).sum(2).argmin(1)
    truth = labels[3000:]
    assert 0.4 < (guess == truth).mean() < 0.85
    errors = truth[guess != truth]
    assert np.isin(errors, TOPS).mean() > 0.5


@pytest.mark.slow
def test_a_small_lenet_learns_it_but_not_perfectly(sample):
    torch = pytest.importorskip("torch")
    from torch import nn

    images, labels = torch.from_numpy(sample[0])[:, None] / 255, torch.from_numpy(sample[1]).long()
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        try:
            torch.set_num_threads(1)
            torch.manual_seed(0)
            net = nn.Sequential(
                *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
                *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
                *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
            )
            optimiser = torch.optim.Adam(net.parameters(), lr=2e-3)
            for _ in range(4):
                for batch in torch.randperm(5000).split(64):
                    optimiser.zero_grad()
                    nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
                    optimiser.step()
            with torch.no_grad():
                right = (net(images[5000:]).argmax(1) == labels[5000:]).float().mean().item()
        finally:
            torch.set_num_threads(threads)
    assert 0.7 < right < 0.99  # chance is 0.1
