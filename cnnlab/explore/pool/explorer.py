"""One pooling layer: slide its settings, see who wins, where a gradient goes, and what a shift of the image changes."""

from __future__ import annotations

import ipywidgets as widgets
import traitlets

from cnnlab import shapes
from cnnlab.draw.grid import Pair
from cnnlab.explore.kit import limits, presets
from cnnlab.explore.kit.base import View, script
from cnnlab.explore.kit.controls import HeightApart, checkbox, columns, control
from cnnlab.explore.kit.settings import LONGEST_KERNEL, Choice, Sides, Size, Whole, pair, setting, short
from cnnlab.explore.kit.window import WindowExplorer
from cnnlab.explore.pool.numbers import Pool, pool_facts, pool_sum
from cnnlab.explore.pool.picture import pool_picture

LAYERS = {"max": "nn.MaxPool2d({})", "min": "-nn.MaxPool2d({})(-x)", "avg": "nn.AvgPool2d({})"}


class PoolView(View):
    """The browser's side of a PoolExplorer."""

    _esm = script("kit/cells.js", "pool/view.js", "kit/edit.js", "kit/motion.js", "kit/view.js")


class PoolExplorer(WindowExplorer):
    """A pooling layer over one channel. Sizes are an int, or a pair (height, width), and can be assigned to.

    A `stride` of None follows the kernel. `shift` moves the image right, zeros following from the left; `changed`
    counts the outputs that differ from those of the image in place. `out_shape` is None where `error` says why.
    """

    view_class = PoolView

    along = ("size", "kernel_size", "stride", "padding")

    size = setting(Sides(8), slide=16, ink="input", positional=True)
    kernel_size = setting(Sides(2, most=LONGEST_KERNEL), slide=6, ink="kernel", short="k", positional=True)
    stride = setting(Sides(None, optional=True), slide=6, ink="output", short="s", positional=True)
    padding = setting(Sides(0, least=0), slide=3, ink="input", short="p", positional=True)
    ceil_mode = setting(
        traitlets.Bool(False), label="ceil mode", tooltip="round up: a last window may reach past the edge"
    )
    mode = setting(Choice(("max", "avg", "min")))
    image = setting(Choice(presets.IMAGES))
    shift = setting(Whole(0, least=0, most=2, rule="0, 1 or 2 pixels"), slide=(0, 2), ink="input")
    gradient = setting(traitlets.Bool(False), tooltip="show where a gradient of 1 for each output goes")

    # ---- results ----

    @property
    def step(self) -> Size:
        """The stride in use: the kernel's size where none is given."""
        return self.kernel_size if self.stride is None else self.stride

    @property
    def changed(self) -> int:
        """How many outputs the shift changed."""
        return len(self.pool.changed)

    def code(self) -> str:
        """The line that makes this layer in PyTorch."""
        given = [f"kernel_size={self.kernel_size}"]
        given += [f"stride={self.step}"] if self.step != self.kernel_size else []
        given += [f"padding={self.padding}"] if self.padding else []
        given += ["ceil_mode=True"] if self.ceil_mode else []
        return LAYERS[self.mode].format(", ".join(given))

    def _sum(self, pin: Pair) -> str:
        return f"output ({pin[0]}, {pin[1]}) = {pool_sum(self.pool, pin)}"

    def facts(self) -> list[tuple[str, str]]:
        """Shape and cost, with the numbers that make them."""
        return [] if self.error else pool_facts(self.pool, presets.IMAGES[self.image](self.pool.size))

    def __repr__(self) -> str:
        shown = self._letters("kernel_size", "stride", "padding") + ["ceil"] * self.ceil_mode
        result = short(self.out_shape, always=True) if self.out_shape else "no output"
        return f"PoolExplorer({short(self.size, always=True)}, {self.mode}, {', '.join(shown)} → {result})"

    # ---- from settings to the picture ----

    def _in_use(self, name: str) -> Size:
        return self.step if name == "stride" else getattr(self, name)

    def _axes(self, **changes: Size | None) -> tuple[tuple[int, ...], ...]:
        if changes.get("stride", self.stride) is None:
            changes["stride"] = changes.get("kernel_size", self.kernel_size)
        return super()._axes(**changes)

    def _rule(self, *axis: int) -> int:
        return shapes.pool_out_size(*axis, ceil_mode=self.ceil_mode)

    def _remedies(self, *axis: int) -> list[dict[str, int]]:
        return shapes.remedies(*axis, pool=True)

    def _limit(self, given: dict[str, Pair], out: Pair) -> str | None:
        sizes = [given["size"], out]
        return limits.too_large(given["kernel_size"], out, sizes, values=limits.POOLED, products=limits.READS)

    def _compute(self) -> None:
        self.pool = self._pool(self.shift, self._pool(0) if self.shift and not self.error else None)

    @property
    def _shown(self) -> Pool:
        return self.pool

    def _drawn_with(self, **options: object) -> str:
        return pool_picture(self.pool, **options)

    def _pool(self, shift: int, before: Pool | None = None) -> Pool:
        image = presets.IMAGES[self.image](pair(self.size))
        # Zeros come in from the left, and what leaves on the right is lost.
        moved = [([0] * shift + row)[: len(row)] for row in image]
        settings = (pair(each) for each in (self.kernel_size, self.step, self.padding))
        told = before.out if before else None
        return Pool(moved, *settings, self.out_shape, self.mode, self.ceil_mode, shift, told, self.gradient, self.error)

    # ---- controls ----

    def _controls(self) -> widgets.Widget:
        self._following = False
        self.sliders = self._side_sliders()
        self.sliders["stride"].observe(self._stride_moved, "value")
        self.tied = checkbox("stride = kernel", self.stride is None, "the stride follows the kernel")
        self.tied.observe(self._tie, "value")
        self.observe(self._show_stride, ["stride", "kernel_size"])
        self.apart = HeightApart(self, self.sliders)
        mode, image, self.shifts = (control(self, name) for name in ("mode", "image", "shift"))
        ceil, gradient = (control(self, name, wide=False) for name in ("ceil_mode", "gradient"))
        return columns(
            [
                [self.sliders["size"], self.sliders["padding"], image, self.shifts],
                [self.sliders["kernel_size"], self.sliders["stride"], self.tied, ceil],
                [mode, gradient, self.apart],
            ]
        )

    def _stride_moved(self, change: dict[str, object]) -> None:
        if not self._following and change["new"] != self.step:
            self.stride = change["new"]

    def _tie(self, change: dict[str, object]) -> None:
        if change["new"] != (self.stride is None):
            self.stride = None if change["new"] else self.step

    def _show_stride(self, change: object) -> None:
        # The slider goes with the kernel without becoming a stride that was asked for.
        self._following = True
        self.sliders["stride"].value = self.step
        self.tied.value = self.stride is None
        self._following = False
