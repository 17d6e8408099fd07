"""Batch norm on one channel: a batch before and after, and the running statistics batch after batch."""

from __future__ import annotations

from math import sqrt

import ipywidgets as widgets
import numpy as np

from cnnlab.draw import paper
from cnnlab.explore.batch_norm.picture import Statistics, batch_norm_picture
from cnnlab.explore.kit.ask import Answer, Ask, compare
from cnnlab.explore.kit.controls import WIDE
from cnnlab.explore.kit.limits import said_in_code, ways_out
from cnnlab.explore.kit.settings import Choice, Real, Whole, setting
from cnnlab.explore.kit.told import ToldExplorer

EPS = 1e-5
MODES = ("train", "eval")
MOST_VALUES, MOST_STEPS, MOST_DRAWN = 2**14, 1000, 2**21  # values of a batch, batches, values of all batches
LARGE = {"batch_size": 32, "pixels": 16, "steps": 20}  # what makes it large, and where it is small
PRESETS = {
    "convolution, 32 images": {"batch_size": 32, "pixels": 16, "mode": "train"},
    "dense layer, 32 images": {"batch_size": 32, "pixels": 1, "mode": "train"},
    "dense layer, 2 images": {"batch_size": 2, "pixels": 1, "mode": "train"},
    "prediction, 1 image": {"batch_size": 1, "pixels": 1, "mode": "eval"},
}


class BatchNormExplorer(ToldExplorer):
    """One channel of a batch norm. All settings are traits and can be assigned to.

    pixels: values of the channel in each image, 1 for a dense layer, height · width for a map. mean, spread: of what
    comes in, over all images there could be. steps: batches seen in training before and with this one. momentum: the
    weight of the new batch, as in PyTorch. The batches are drawn by their number and stay the same; those
    seen before a single value, which cannot train, are of 32 images.
    """

    presets = PRESETS
    first = "convolution, 32 images"

    momentum = setting(Real(0.1, 0, 1, "0 to 1, such as 0.1"), slide=(0.0, 1.0, 0.01))
    gamma = setting(Real(1.0, -1000, 1000, "−1,000 to 1,000, such as 1"), slide=(-3.0, 3.0, 0.1), label="γ")
    beta = setting(Real(0.0, -1000, 1000, "−1,000 to 1,000, such as 0"), slide=(-5.0, 5.0, 0.1), label="β")
    mean = setting(
        Real(3.0, -1000, 1000, "−1,000 to 1,000, such as 3"), slide=(-5.0, 10.0, 0.1), label="mean, incoming"
    )
    spread = setting(
        Real(2.0, 0, 1000, "a standard deviation, 0 or more and at most 1,000"),
        slide=(0.0, 5.0, 0.1),
        label="spread, incoming",
    )
    steps = setting(Whole(20, least=0, most=MOST_STEPS), slide=(0, 100), label="batches seen")
    batch_size = setting(Whole(32, most=MOST_VALUES), slide=(1, 256))
    pixels = setting(Whole(16, most=MOST_VALUES), slide=(1, 64), label="pixels a map")
    mode = setting(Choice(MODES))
    _history: tuple[object, list[Statistics]] = (None, [])  # of these settings, since a picture asks several times

    # ---- results ----

    @property
    def count(self) -> int:
        """Values that a batch has of the channel."""
        return self.batch_size * self.pixels

    @property
    def error(self) -> str | None:
        """Why training cannot be, or is not computed; None where it is."""
        if self._too_large():
            sentence = f"{self.count:,} values over {max(1, self.steps):,} batches"
            return (
                f"{sentence} are more than the {MOST_VALUES:,} of a batch, or the {MOST_DRAWN:,} of all, that are drawn"
                " at random here; lower batch_size, pixels or steps"
            )
        if self.mode == "train" and self.count == 1:
            return (
                "one value a channel has no spread to divide by, and training refuses it; take 2 images or more, a map"
                " of more than 1 pixel, or eval mode"
            )
        return None

    def _too_large(self, **changes: int) -> bool:
        given = {name: changes.get(name, getattr(self, name)) for name in LARGE}
        count = given["batch_size"] * given["pixels"]
        return count > MOST_VALUES or count * max(1, given["steps"]) > MOST_DRAWN

    def batch(self, number: int, images: int | None = None) -> np.ndarray:
        """The values of a batch, counted from 1. -> (batch_size, pixels)"""
        images = images or self.batch_size
        random = np.random.Generator(np.random.PCG64([number, images, self.pixels]))
        return self.mean + self.spread * random.standard_normal((images, self.pixels))

    def seen(self, number: int) -> np.ndarray:
        """The values of a batch of training: of as many images as this one, or of 32 where that is one value."""
        return self.batch(number, 32 if self.count == 1 else None)

    @property
    def history(self) -> list[Statistics]:
        """The Statistics after 0, 1, … `steps` batches of training."""
        state = self.batch_size, self.pixels, self.mean, self.spread, self.momentum, self.steps
        if self._history[0] != state:
            self._history = state, self._run()
        return self._history[1]

    def _run(self) -> list[Statistics]:
        found = [Statistics(None, None, 0.0, 1.0)]
        for number in range(1, self.steps + 1):
            values, before, m = self.seen(number), found[-1], self.momentum
            mean, variance = float(values.mean()), float(values.var(ddof=1))
            found.append(
                Statistics(
                    mean,
                    variance,
                    (1 - m) * before.running_mean + m * mean,
                    (1 - m) * before.running_var + m * variance,
                )
            )
        return found

    @property
    def values(self) -> np.ndarray:
        """What comes in: batch number `steps`, or the first."""
        return self.batch(max(1, self.steps))

    @property
    def used(self) -> tuple[float, float]:
        """The mean and the variance that normalise: the batch's (biased) in training, the running ones in eval."""
        if self.mode == "train":
            return float(self.values.mean()), float(self.values.var())
        last = self.history[-1]
        return last.running_mean, last.running_var

    @property
    def output(self) -> np.ndarray | None:
        """What comes out, γ (x − mean) / √(variance + ε) + β; None where nothing does."""
        mean, variance = self.used
        return None if self.error else self.gamma * (self.values - mean) / sqrt(variance + EPS) + self.beta

    @property
    def out_shape(self) -> tuple[int, int] | None:
        return None if self.error else (self.batch_size, self.pixels)

    @property
    def _layer(self) -> str:
        return "BatchNorm2d" if self.pixels > 1 else "BatchNorm1d"

    def torch_output(self) -> np.ndarray | str:
        """The same by PyTorch's layer after the same batches, with the running statistics as two more columns."""
        import torch  # takes seconds, so only who asks waits

        layer = getattr(torch.nn, self._layer)(1, eps=EPS, momentum=self.momentum).double()
        as_input = (
            (slice(None), None) if self.pixels == 1 else (slice(None), None, None)
        )  # (B, 1, 1) or (B, 1, 1, pixels)
        try:
            with torch.no_grad():
                layer.weight.fill_(self.gamma)
                layer.bias.fill_(self.beta)
                for number in range(1, self.steps + 1):
                    layer(torch.tensor(self.seen(number))[as_input])
                state = [float(layer.running_mean), float(layer.running_var)]
                Y = layer.train(self.mode == "train")(torch.tensor(self.values)[as_input])
        except ValueError as error:
            return f"{error}"
        return np.concatenate([Y.numpy().reshape(1, -1), [state]], axis=1)

    def ask(self) -> Answer:
        """Whether PyTorch's layer gives the same values and keeps the same running statistics."""
        if self._too_large():
            return Answer(False, f"PyTorch is not asked: {self.error}.")
        last, output = self.history[-1], self.output
        ours = (
            None
            if output is None
            else np.concatenate([output.reshape(1, -1), [[last.running_mean, last.running_var]]], axis=1)
        )
        return compare(ours, self.torch_output())

    def stories(self) -> dict[str, str]:
        """How the numbers of each part come about."""
        last, n = self.history[-1], self.count
        mean, variance = self.used
        source = "this batch" if self.mode == "train" else "the running statistics"
        x, y = self.values, self.output
        told = {
            "before": f"{self.batch_size} images · {self.pixels} values = {n:,} values of one channel: {_moments(x)}"
        }
        if y is not None:
            root = f"√(σ² + ε) = √({variance:z.3f} + 0.00001) = {sqrt(variance + EPS):z.3f}"
            told["after"] = (
                f"normalised by {source}: mean {mean:z.3f}, {root}; then × γ = {self.gamma:zg} and"
                f" + β = {self.beta:zg}. Out: {_moments(y)}"
            )
        old, new = 1 - self.momentum, self.momentum
        of = "; the batches seen are of 32 images, one value cannot train" if n == 1 else ""
        if last.mean is None:
            told["running"] = "no batch has been seen: running mean 0, running variance 1"
            return told
        before = self.history[-2]
        told["running mean"] = (
            f"running mean = {old:zg} · {before.running_mean:z.3f} + {new:zg} · {last.mean:z.3f} ="
            f" {last.running_mean:z.3f}"
        )
        told["running variance"] = (
            f"running variance = {old:zg} · {before.running_var:z.3f} + {new:zg} · {last.variance:z.3f} ="
            f" {last.running_var:z.3f};"
            f" the batch's is divided by n − 1 = {self.seen(1).size - 1:,} here and by n for normalising{of}"
        )
        return told

    def code(self) -> str:
        """The layer in PyTorch."""
        call = "X" if self.pixels > 1 else "X, of shape (B, C)"
        return f"norm = nn.{self._layer}(num_features, momentum={self.momentum:zg}).{self.mode}()\n# norm({call})"

    def __repr__(self) -> str:
        result = "no output" if self.error else f"mean {self.output.mean():z.2f}, sd {self.output.std():z.2f}"
        seen = f"{self.mode}, {self.steps} batches seen"
        return f"BatchNormExplorer({self.batch_size}·{self.pixels} values, {seen} → {result})"

    # ---- picture and controls ----

    def _drawn_with(self, **options: object) -> str:
        if self._too_large():
            box = paper.refusal(self.error, 20, 70, 600)
            return paper.document(box, 140, (repr(self), self.error), "cnnlab-batch-norm", **options)
        output = None if self.error else self.output.ravel().tolist()
        return batch_norm_picture(
            self.values.ravel().tolist(),
            output,
            self.history,
            (self.mean, self.spread**2),
            self.stories(),
            repr(self),
            train=self.mode == "train",
            error=self.error,
            **options,
        )

    def _offers(self) -> list[tuple[dict[str, object], str]]:
        if not self.error:
            return []
        if self._too_large():
            now = {name: getattr(self, name) for name in LARGE}
            return [(way, said_in_code(way)) for way in ways_out(LARGE, now, lambda way: not self._too_large(**way))]
        return [({"batch_size": 2}, "batch_size = 2"), ({"pixels": 4}, "pixels = 4"), ({"mode": "eval"}, "mode = eval")]

    def _controls(self) -> widgets.Widget:
        more = [widgets.Button(description=f"feed {n} more", layout=WIDE) for n in (1, 10)]
        for n, button in zip((1, 10), more, strict=True):
            button.on_click(lambda _, n=n: setattr(self, "steps", min(MOST_STEPS, self.steps + n)))
        left = ["mode", "batch_size", "pixels", "steps", widgets.HBox(more, layout={"margin": "0 0 0 116px"})]
        return self._columns(left, ["momentum", "gamma", "beta", "mean", "spread"])

    def _below(self) -> list[widgets.Widget]:
        self.asking = Ask(self.ask, f"nn.{self._layer}")
        return [self.asking]

    def _tidy(self) -> None:
        self.asking.clear()
        self.asking.about(f"nn.{self._layer}")


def _moments(values: np.ndarray) -> str:
    return f"mean {values.mean():z.3f}, standard deviation {values.std():z.3f}"
