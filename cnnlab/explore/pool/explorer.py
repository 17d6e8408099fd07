"""One pooling layer: slide its settings, see who wins, where a gradient goes, and what a shift of the image changes."""

from __future__ import annotations

import ipywidgets as widgets
import numpy as np
import traitlets

from cnnlab import shapes
from cnnlab.draw import svg
from cnnlab.draw.svg import Picture
from cnnlab.explore.kit import limits, presets
from cnnlab.explore.kit.base import (
    LABEL_WIDTH,
    LONGEST_KERNEL,
    Choice,
    Explorer,
    Setting,
    Sides,
    SideSliders,
    View,
    pair,
    said,
    script,
    whole,
)
from cnnlab.explore.pool.facts import pool_facts
from cnnlab.explore.pool.picture import Pool, pool_picture, pool_sum

AXES = ("height", "width")
# name, and where its slider ends unless a larger value is given
SLIDERS = {"size": 16, "kernel_size": 6, "stride": 6, "padding": 3}
PARTS = {"size": "input", "padding": "input", "kernel_size": "kernel", "stride": "output"}
SHORT = {"kernel": "kernel_size"}  # cnnlab.shapes' name: ours
LAYERS = {"max": "nn.MaxPool2d({})", "min": "-nn.MaxPool2d({})(-x)", "avg": "nn.AvgPool2d({})"}
SHIFTS = (0, 1, 2)
START = {"size": 8, "kernel_size": 2, "stride": None, "padding": 0}


class Stride(Sides):
    """Both sides of a stride, or None: as long as the kernel."""

    def validate(self, owner: traitlets.HasTraits, value: object) -> Setting | None:
        return None if value is None else super().validate(owner, value)


class Shift(traitlets.TraitType):
    """By how many pixels the image is moved."""

    def validate(self, owner: traitlets.HasTraits, value: object) -> int:
        try:
            return whole(value, min(SHIFTS), max(SHIFTS))
        except (TypeError, ValueError):
            raise traitlets.TraitError(f"{self.name}={said(value)} will not do; give 0, 1 or 2 pixels") from None


class PoolView(View):
    """The browser's side of a PoolExplorer."""

    _esm = script("kit/cells.js", "pool/view.js", "kit/edit.js", "kit/view.js")


class PoolExplorer(Explorer):
    """A pooling layer over one channel. Sizes are an int, or a pair (height, width), and can be assigned to.

    A `stride` of None follows the kernel. `shift` moves the image right, zeros following from the left; `changed`
    counts the outputs that differ from those of the image in place. `out_shape` is None where `error` says why.
    """

    view_class = PoolView

    size = Sides(8)
    kernel_size = Sides(2, most=LONGEST_KERNEL)
    stride = Stride(None)
    padding = Sides(0, least=0)
    ceil_mode = traitlets.Bool(False)
    mode = Choice(("max", "avg", "min"))
    image = Choice(presets.IMAGES)
    shift = Shift(0)
    gradient = traitlets.Bool(False)

    def __init__(
        self,
        size: Setting = 8,
        kernel_size: Setting = 2,
        stride: Setting | None = None,
        padding: Setting = 0,
        *,
        ceil_mode: bool = False,
        mode: str = "max",
        image: str = "shirt",
        shift: int = 0,
        gradient: bool = False,
    ) -> None:
        super().__init__(
            size=size,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            ceil_mode=ceil_mode,
            mode=mode,
            image=image,
            shift=shift,
            gradient=gradient,
        )

    # ---- results ----

    @property
    def step(self) -> Setting:
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

    def static(self, pin: tuple[int, int] | None = None) -> Picture:
        """The same picture without a browser's help, for GitHub and for print; `pin` is the output to write out."""
        if pin is not None and pin not in self.pool.places:
            raise ValueError(
                f"pin={pin!r} is not an output of {self!r}; leave it out, or give a row and a column inside"
            )
        pin = pin or self.pool.default_pin
        lines = [f"output ({pin[0]}, {pin[1]}) = {pool_sum(self.pool, pin)}"] if pin else []
        lines += [f"{name}: {text}" for name, text in self.facts()] + [self.code()]
        return Picture(pool_picture(self.pool, pin, lines, still=True), repr(self))

    def facts(self) -> list[tuple[str, str]]:
        """Shape and cost, with the numbers that make them."""
        return [] if self.error else pool_facts(self.pool, presets.IMAGES[self.image](self.pool.size))

    def __repr__(self) -> str:
        names = {"k": self.kernel_size, "s": self.step, "p": self.padding}
        shown = [f"{name}={_short(value)}" for name, value in names.items()] + ["ceil"] * self.ceil_mode
        result = _size(self.out_shape) if self.out_shape else "no output"
        return f"PoolExplorer({_size(pair(self.size))}, {self.mode}, {', '.join(shown)} → {result})"

    # ---- from settings to the picture ----

    def _sides(self, axis: int, **changes: Setting) -> tuple[int, ...]:
        given = {name: changes.get(name, getattr(self, name)) for name in START}
        given["stride"] = given["kernel_size"] if given["stride"] is None else given["stride"]
        return tuple(pair(each)[axis] for each in given.values())

    def _too_large(self, **changes: Setting) -> str | None:
        """Why the layer, or the one with these changes, exists but is not computed."""
        sides = [self._sides(axis, **changes) for axis in (0, 1)]
        try:
            outs = tuple(shapes.pool_out_size(*side, ceil_mode=self.ceil_mode) for side in sides)
        except shapes.ShapeError:
            return None
        sizes, kernels, _, _ = zip(*sides, strict=True)
        return limits.too_large(kernels, outs, [sizes, outs], values=limits.POOLED, products=limits.READS)

    def _within(self, change: dict[str, Setting]) -> bool:
        """Whether a change gives a layer that fits and is computed, with settings that the traits take."""
        small = all(value is None or max(pair(value)) <= self.traits()[name].most for name, value in change.items())
        try:
            for axis in (0, 1):
                shapes.pool_out_size(*self._sides(axis, **change), ceil_mode=self.ceil_mode)
        except shapes.ShapeError:
            return False
        return small and not self._too_large(**change)

    def _solve(self) -> tuple[tuple[int, int] | None, str | None]:
        outs, errors = [], {}
        for axis in (0, 1):
            try:
                outs.append(shapes.pool_out_size(*self._sides(axis), ceil_mode=self.ceil_mode))
            except shapes.ShapeError as error:
                errors[AXES[axis]] = str(error)
        if not errors:
            too_large = self._too_large()
            return (None, too_large) if too_large else (tuple(outs), None)
        if self._sides(0) == self._sides(1):
            return None, errors["height"]
        return None, "; ".join(f"{axis}: {error}" for axis, error in errors.items())

    def _pool(self, shift: int, before: Pool | None = None) -> Pool:
        image = presets.IMAGES[self.image](pair(self.size))
        # Zeros come in from the left, and what leaves on the right is lost.
        moved = np.pad(image, ((0, 0), (shift, 0)))[:, : image.shape[1]].tolist()
        settings = (pair(each) for each in (self.kernel_size, self.step, self.padding))
        told = before.out if before else None
        return Pool(moved, *settings, self.out_shape, self.mode, self.ceil_mode, shift, told, self.gradient, self.error)

    def _picture(self) -> dict[str, object]:
        self.out_shape, self.error = self._solve()
        self.pool = self._pool(self.shift, self._pool(0) if self.shift and not self.error else None)
        return {
            "svg": pool_picture(self.pool),
            "facts": self.facts(),
            "code": self.code(),
            "error": self.error,
            "title": repr(self),
        }

    def _offers(self) -> list[tuple[dict[str, Setting], str]]:
        if self._too_large():
            return self._starts()
        fixes = [shapes.remedies(*self._sides(axis), pool=True) for axis in (0, 1)]
        broken = [axis for axis in (0, 1) if fixes[axis]]
        if not broken:
            return []
        ways = [[_named(fixes[axis], set(fix)) for axis in broken] for fix in fixes[broken[0]]]
        ways = [way for way in ways if all(way)] or [[fixes[axis][0] for axis in broken]]
        found = [self._offer(dict(zip(broken, way, strict=True))) for way in ways]
        return [offer for offer in found if self._within(offer[0])] or self._starts()

    def _starts(self) -> list[tuple[dict[str, Setting], str]]:
        now = {name: getattr(self, name) for name in START}
        return [(way, limits.said_in_code(way)) for way in limits.ways_out(START, now, self._within)]

    def _offer(self, changes: dict[int, dict[str, int]]) -> tuple[dict[str, Setting], str]:
        offer = {}
        for short in dict.fromkeys(name for change in changes.values() for name in change):
            name = SHORT.get(short, short)
            now = pair(getattr(self, name))
            sides = tuple(changes.get(axis, {}).get(short, now[axis]) for axis in (0, 1))
            offer[name] = sides[0] if sides[0] == sides[1] else sides
        return offer, ", ".join(f"{name} = {_short(value)}" for name, value in offer.items())

    # ---- controls ----

    def _controls(self) -> widgets.Widget:
        apart = any(isinstance(getattr(self, name), tuple) for name in SLIDERS)
        self._following = False
        self.sliders = {
            name: SideSliders(name, self._in_use(name), self.traits()[name].least, most, PARTS[name], not apart)
            for name, most in SLIDERS.items()
        }
        for name in ("size", "kernel_size", "padding"):
            traitlets.link((self, name), (self.sliders[name], "value"))
        self.sliders["stride"].observe(self._stride_moved, "value")
        self.tied = _checkbox("stride = kernel", self.stride is None, "the stride follows the kernel")
        self.tied.observe(self._tie, "value")
        self.observe(self._show_stride, ["stride", "kernel_size"])
        self.apart = _checkbox("height ≠ width", apart, "set height and width apart")
        self.apart.observe(self._link, "value")
        self.observe(self._part, list(SLIDERS))
        boxes = [widgets.VBox(column) for column in self._columns()]
        # Two columns where three would squeeze the sliders.
        columns = "repeat(auto-fit, minmax(240px, 1fr))"
        layout = {"grid_template_columns": columns, "max_width": "900px", "grid_gap": "0 24px"}
        return widgets.GridBox(boxes, layout=layout)

    def _columns(self) -> list[list[widgets.Widget]]:
        style = {"description_width": LABEL_WIDTH}
        wide = {"style": style, "layout": {"width": "auto"}}
        tinted = {**wide, "style": {**style, "handle_color": svg.colour("input")}}
        self.shifts = widgets.IntSlider(self.shift, min(SHIFTS), max(SHIFTS), description="shift", **tinted)
        ceil = _checkbox("ceil mode", self.ceil_mode, "round up: a last window may reach past the edge")
        gradient = _checkbox("gradient", self.gradient, "show where a gradient of 1 for each output goes")
        names = {"mode": self.traits()["mode"].names, "image": self.traits()["image"].names}
        menus = {name: widgets.Dropdown(options=all_, description=name, **wide) for name, all_ in names.items()}
        for name, widget in {"shift": self.shifts, "ceil_mode": ceil, "gradient": gradient, **menus}.items():
            traitlets.link((self, name), (widget, "value"))
        return [
            [self.sliders["size"], self.sliders["padding"], menus["image"], self.shifts],
            [self.sliders["kernel_size"], self.sliders["stride"], self.tied, ceil],
            [menus["mode"], gradient, self.apart],
        ]

    def _in_use(self, name: str) -> Setting:
        return self.step if name == "stride" else getattr(self, name)

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

    def _part(self, change: dict[str, object]) -> None:
        # A pair given from Python shows as a pair.
        if isinstance(change["new"], tuple):
            self.apart.value = True

    def _link(self, change: object) -> None:
        for slider in self.sliders.values():
            slider.link(not self.apart.value)


def _named(fixes: list[dict[str, int]], names: set[str]) -> dict[str, int] | None:
    return next((fix for fix in fixes if set(fix) == names), None)


def _checkbox(label: str, value: bool, tooltip: str) -> widgets.Checkbox:
    return widgets.Checkbox(value, description=label, tooltip=tooltip, style={"description_width": LABEL_WIDTH})


def _size(sides: tuple[int, int]) -> str:
    return f"{sides[0]}×{sides[1]}"


def _short(value: Setting) -> str:
    # A setting is one number where both sides agree.
    height, width = pair(value)
    return str(height) if height == width else _size((height, width))
