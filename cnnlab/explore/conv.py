"""One convolution: slide its settings, see its window, its sum, its shape and its cost."""

from __future__ import annotations

import ipywidgets as widgets
import numpy as np
import traitlets

from cnnlab import shapes
from cnnlab.draw.conv import Conv, conv_picture, window_sum
from cnnlab.draw.layer import LONGEST
from cnnlab.draw.svg import Picture
from cnnlab.explore import presets
from cnnlab.explore.base import LABEL_WIDTH, Choice, Explorer, Setting, Sides, SideSliders, View, pair, script

AXES = ("height", "width")
# name, and where its slider ends unless a larger value is given
SLIDERS = {"size": 32, "kernel_size": 11, "stride": 8, "padding": 8, "dilation": 6}
PARTS = {"size": "input", "padding": "input", "kernel_size": "kernel", "dilation": "kernel", "stride": "output"}
REMEDIES = {"padding": "padding", "dilation": "dilation", "kernel": "kernel_size", "size": "size"}


def correlate(image: np.ndarray, weights: np.ndarray, stride: Setting, padding: Setting, dilation: Setting) -> list:
    """What nn.Conv2d computes for one channel, as a sum over taps.
    (H, W), (k_h, k_w) -> (o_h, o_w)
    >>> correlate(np.array([[1, 2, 4]]), np.array([[-1, 1]]), 1, 0, 1)
    [[1, 2]]
    """
    padded = np.pad(image, [(side, side) for side in pair(padding)])
    steps, gaps = pair(stride), pair(dilation)
    spans = [shapes.effective_kernel(k, d) for k, d in zip(weights.shape, gaps, strict=True)]
    room = [full - span + 1 for full, span in zip(padded.shape, spans, strict=True)]
    total = 0
    for (i, j), weight in np.ndenumerate(weights):
        top, left = i * gaps[0], j * gaps[1]
        total = total + weight * padded[top : top + room[0] : steps[0], left : left + room[1] : steps[1]]
    return total.tolist()


class ConvView(View):
    """The browser's side of a ConvExplorer."""

    _esm = script("conv.js")


class ConvExplorer(Explorer):
    """A convolution of one channel. Every setting is an int, or a pair (height, width), and can be assigned to.

    `out_shape` is (height, width), or None where `error` says why no such layer exists.
    """

    view_class = ConvView

    size = Sides(12)
    kernel_size = Sides(3)
    stride = Sides(1)
    padding = Sides(0, least=0)
    dilation = Sides(1)
    bias = traitlets.Int(0)
    image = Choice(presets.IMAGES)
    weights = Choice(presets.KERNELS)

    def __init__(
        self,
        size: Setting = 12,
        kernel_size: Setting = 3,
        stride: Setting = 1,
        padding: Setting = 0,
        dilation: Setting = 1,
        *,
        bias: int = 0,
        image: str | None = None,
        weights: str = "edge",
    ) -> None:
        super().__init__(
            size=size,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            bias=bias,
            image=_suitable(size) if image is None else image,
            weights=weights,
        )

    @property
    def kernel(self) -> Setting:
        """Another name for kernel_size."""
        return self.kernel_size

    @kernel.setter
    def kernel(self, value: Setting) -> None:
        self.kernel_size = value

    # ---- results ----

    def code(self) -> str:
        """The line that makes this layer in PyTorch."""
        rest = {"stride": 1, "padding": 0, "dilation": 1}
        given = [f", {name}={getattr(self, name)}" for name, usual in rest.items() if getattr(self, name) != usual]
        return f"nn.Conv2d(1, 1, kernel_size={self.kernel_size}{''.join(given)})"

    def static(self, pin: tuple[int, int] | None = None) -> Picture:
        """The same picture without a browser's help, for GitHub and for print; `pin` is the output to write out."""
        conv = self.conv
        if pin is not None and (
            conv.out is None or not all(0 <= p < o for p, o in zip(pin, self.out_shape, strict=True))
        ):
            raise ValueError(
                f"pin={pin!r} is not an output of {self!r}; leave it out, or give a row and a column inside"
            )
        pin = pin or conv.default_pin
        lines = [f"output ({pin[0]}, {pin[1]}) = {window_sum(conv, pin)}"] if pin else []
        lines += [f"{name}: {text}" for name, text in self.facts()] + [self.code()]
        return Picture(conv_picture(conv, pin, lines, still=True), repr(self))

    def facts(self) -> list[tuple[str, str]]:
        """Shape and cost, with the numbers that make them."""
        if self.error:
            return []
        (k_h, k_w), (o_h, o_w) = self.conv.kernel_size, self.out_shape
        cost = shapes.conv_cost(1, 1, (k_h, k_w), (o_h, o_w))
        taps, outs = f"{k_h}·{k_w}", f"{o_h}·{o_w}"
        return [
            *self._arithmetic(),
            ("parameters", f"{taps} + 1 bias = {cost.params:,}"),
            ("multiply-accumulates (MACs)", f"{taps} · {outs} = {cost.macs:,}"),
        ]

    def _arithmetic(self) -> list[tuple[str, str]]:
        lines = [shapes.explain(*self.conv.axis(axis)) for axis in (0, 1)]
        if self.conv.axis(0) == self.conv.axis(1):
            return [("output height and width", lines[0].replace(" column", " row and column"))]
        return [("output height", lines[0].replace("column", "row")), ("output width", lines[1])]

    def __repr__(self) -> str:
        names = {"k": self.kernel_size, "s": self.stride, "p": self.padding, "d": self.dilation}
        shown = [f"{name}={_short(value)}" for name, value in names.items() if name != "d" or value != 1]
        result = _short(self.out_shape, always=True) if self.out_shape else "no output"
        return f"ConvExplorer({_short(self.size, always=True)}, {', '.join(shown)} → {result})"

    # ---- from settings to the picture ----

    def _sides(self, axis: int) -> tuple[int, ...]:
        return tuple(pair(getattr(self, name))[axis] for name in SLIDERS)

    def _solve(self) -> tuple[tuple[int, int] | None, str | None]:
        outs, errors = [], {}
        for axis in (0, 1):
            try:
                outs.append(shapes.out_size(*self._sides(axis)))
            except shapes.ShapeError as error:
                errors[AXES[axis]] = str(error)
        if not errors:
            return tuple(outs), None
        if self._sides(0) == self._sides(1):
            return None, errors["height"]
        return None, "; ".join(f"{axis}: {error}" for axis, error in errors.items())

    def _conv(self) -> Conv:
        image = presets.IMAGES[self.image](pair(self.size))
        weights, divisor = presets.KERNELS[self.weights](pair(self.kernel_size))
        settings = (self.stride, self.padding, self.dilation)
        out = None
        if self.error is None:
            out = (np.array(correlate(image, weights, *settings)) + self.bias * divisor).tolist()
        return Conv(
            image.tolist(), weights.tolist(), out, *map(pair, settings), divisor, self.bias, self.error, self.weights
        )

    def _picture(self) -> dict[str, object]:
        self.out_shape, self.error = self._solve()
        self.conv = self._conv()
        return {
            "svg": conv_picture(self.conv),
            "facts": self.facts(),
            "code": self.code(),
            "error": self.error,
            "title": repr(self),
        }

    def _offers(self) -> list[tuple[dict[str, Setting], str]]:
        if not self.error:
            return []
        changes = [
            {name: value for fix in shapes.remedies(*self._sides(axis)) for name, value in fix.items()}
            for axis in (0, 1)
        ]
        broken = [change for change in changes if change]
        offers = []
        for short, name in REMEDIES.items():
            if all(short in change for change in broken):
                now = pair(getattr(self, name))
                value = tuple(change.get(short, side) for change, side in zip(changes, now, strict=True))
                offers.append(({name: value}, f"{name} = {_short(value)}"))
        return offers

    # ---- controls ----

    def _controls(self) -> widgets.Widget:
        apart = any(isinstance(getattr(self, name), tuple) for name in SLIDERS)
        self.sliders = {
            name: SideSliders(name, getattr(self, name), self.traits()[name].least, most, PARTS[name], not apart)
            for name, most in SLIDERS.items()
        }
        for name, slider in self.sliders.items():
            traitlets.link((self, name), (slider, "value"))
        self.apart = widgets.Checkbox(
            apart,
            description="height ≠ width",
            tooltip="set height and width apart",
            style={"description_width": LABEL_WIDTH},
        )
        self.apart.observe(self._link, "value")
        self.observe(self._part, list(SLIDERS))
        image, weights = self._dropdown("image"), self._dropdown("weights")
        columns = [("size", "padding", image), ("kernel_size", "dilation", weights), ("stride", self.apart)]
        boxes = [
            widgets.VBox([self.sliders.get(item, item) if isinstance(item, str) else item for item in column])
            for column in columns
        ]
        layout = {"grid_template_columns": "repeat(3, minmax(0, 1fr))", "max_width": "900px", "grid_gap": "0 24px"}
        return widgets.GridBox(boxes, layout=layout)

    def _dropdown(self, name: str) -> widgets.Dropdown:
        style = {"description_width": LABEL_WIDTH}
        dropdown = widgets.Dropdown(
            options=self.traits()[name].names, description=name, style=style, layout={"width": "auto"}
        )
        traitlets.link((self, name), (dropdown, "value"))
        return dropdown

    def _part(self, change: dict[str, object]) -> None:
        # A pair given from Python shows as a pair.
        if isinstance(change["new"], tuple):
            self.apart.value = True

    def _link(self, change: object) -> None:
        for slider in self.sliders.values():
            slider.link(not self.apart.value)


def _suitable(size: object) -> str:
    # Of a large input only the corners are drawn, and a shirt has nothing there.
    try:
        return "shirt" if max(pair(size)) <= LONGEST else "ramp"
    except TypeError:
        return "shirt"  # the size is refused in a moment, with a better sentence


def _short(value: Setting, always: bool = False) -> str:
    # A size reads as a size even where both sides agree; other settings are one number then.
    height, width = pair(value)
    return f"{height}×{width}" if always or height != width else str(height)
