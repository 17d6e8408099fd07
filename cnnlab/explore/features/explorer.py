"""What a trained network makes of an image: choose the image, a layer, a channel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np
import traitlets

from cnnlab.draw.svg import Picture, clean
from cnnlab.explore.features import probe
from cnnlab.explore.features.gallery import Batch, gallery
from cnnlab.explore.features.parts import Best, Kernels, Score, Thumb, number
from cnnlab.explore.features.photo import Photo, PhotoError, read_photo
from cnnlab.explore.features.picture import Features, Map, features_picture
from cnnlab.explore.kit.base import Explorer, View, script, style
from cnnlab.explore.kit.controls import LABEL_WIDTH, ROW
from cnnlab.explore.kit.settings import Whole, setting

if TYPE_CHECKING:
    from torch import nn

SEARCHED = 500  # images among which the strongest are looked for
MOST_KERNELS, MOST_IMAGES, MOST_NAMED = 8, 8, 4


class FeatureView(View):
    """The browser's side of a FeatureMapExplorer. `chosen` is what was clicked: a channel or an image."""

    _esm = script("features/view.js")
    _css = style("features/view.css")
    chosen = traitlets.Dict().tag(sync=True)


class FeatureMapExplorer(Explorer):
    """A network, the images it was made for, and what each of its channels does with one of them.

    `images` is a split of the course's data (`data.valid`), or a tensor or array (B, C, H, W) or (B, H, W), grey or in
    colour, with `labels` (B,) and the names of the `classes` where they are known; bytes 0 … 255 reach the network as
    0 … 1, floats as they are. `layer` is a name as in a trace, of a layer whose output is a map. The strongest images
    are looked for among the first `searched`. The network may put out a tensor, or a tuple, dict or dataclass of them:
    its scores are then the first one of shape (B, classes).
    Nothing of the network is changed; after more training `refresh` shows it as it then is.
    """

    view_class = FeatureView
    beside_cells = False  # it runs the model, which the cell may be training

    image = setting(Whole(0, least=0))
    layer = setting(traitlets.Unicode(), default=None)
    channel = setting(Whole(0, least=0))
    photo = setting(traitlets.Instance(Photo, allow_none=True), asked=False)

    def __init__(
        self,
        model: nn.Module,
        images: object,
        *,
        searched: int = SEARCHED,
        labels: object = None,
        classes: Sequence[str] | None = None,
        **settings: object,
    ) -> None:
        if searched < 1:
            raise ValueError(f"searched={searched!r} leaves no image to look at; give at least 1")
        self.gallery = gallery(images, labels, classes)
        self.network, self.images, self.searched = model, images, min(searched, len(self.gallery))
        self.layers = probe.map_layers(model, tuple(self.gallery.inputs(0, 1).shape))
        self.refused = ""
        self._search()
        super().__init__(**settings)

    def _completed(self, settings: dict[str, object]) -> dict[str, object]:
        return {**settings, "layer": settings["layer"] or self.layers[0]}

    # ---- results ----

    @property
    def error(self) -> str | None:
        """Why there is no such image or channel, or no number in it, in words."""
        count = len(self.gallery)
        if self.image >= count:
            return f"image {self.image:,} is not there; {self.gallery.name} has images 0 to {count - 1:,}"
        count = len(self.seen.maps[self.layer])
        if self.channel >= count:
            return f"channel {self.channel} is not in {titled(self.layer)}; it has channels 0 to {count - 1}"
        if not self._finite:
            return (
                f"{titled(self.layer)} has activations of NaN or infinity; train the network at a lower learning rate"
            )
        return None

    @property
    def _finite(self) -> bool:
        return bool(np.isfinite(self.seen.maps[self.layer]).all())

    @property
    def seen(self) -> probe.Look:
        """What the network makes of the image in hand; the first image where the one asked for is not there."""
        return self._look(self.photo, self._shown)

    @property
    def activations(self) -> np.ndarray:
        """The map of the chosen channel, (H, W). Raises IndexError where `error` says there is none."""
        return self.seen.maps[self.layer][self.channel]

    @property
    def scores(self) -> dict[str, float]:
        """The network's share for each class; empty where it does not end in one score a class."""
        scores = [] if self.seen.scores is None else self.seen.scores
        return {self.gallery.class_name(i, len(scores)): float(share) for i, share in enumerate(scores)}

    @property
    def answer(self) -> str | None:
        """The right class of the image; None where it is not known, as for one's own picture."""
        return None if self.photo else self._name(self._shown)

    def best(
        self, count: int = 8, *, layer: str | None = None, channel: int | None = None
    ) -> list[tuple[int, float, tuple[int, int]]]:
        """The images that move a channel most, the chosen one without another: (image, activation, (row, column))."""
        layer, channel = layer or self.layer, self.channel if channel is None else channel
        width = self.seen.maps[layer].shape[2]
        found = self._strongest[layer].of(channel, count)
        return [(index, value, divmod(place, width)) for index, value, place in found]

    def kernel(self) -> tuple[str, np.ndarray] | None:
        """The convolution that made the channel and its weights (inputs, k_h, k_w); None where several layers did."""
        name = probe.kernel_layer(self.network, self.seen, self.layer)
        return None if name is None else (name, probe.kernels(self.network, name, self.channel)[0])

    def upload(self, content: bytes, name: str = "picture") -> None:
        """Show a png or jpg of one's own instead of an image of the data; `refused` says why a file cannot be."""
        if isinstance(self.gallery, Batch):
            self.refused = f"{name} cannot be made ready as the batch was; put it into the tensor of images instead"
            return self._tidy()
        try:
            photo, self.refused = read_photo(content, name), ""
        except PhotoError as error:
            photo, self.refused = self.photo, str(error)
        self.photo = photo
        self._tidy()

    def refresh(self) -> None:
        """Look again at the network, after more training."""
        self._search()
        self._draw()

    def code(self) -> str:
        """The PyTorch that takes these activations."""
        images = self.gallery
        return (
            "from cnnlab.plots import feature_maps\n"
            f"{images.photo_code(self.photo) if self.photo else images.code(self._shown)}\n"
            f'maps = feature_maps(model, X[None], ["{self.layer}"])["{self.layer}"]\n'
            f"activations = maps[0, {self.channel}]"
        )

    def static(self) -> Picture:
        """The same picture without a browser's help, for GitHub and for print."""
        return Picture(features_picture(self._features(), caption=[self._said()], still=True), repr(self))

    def __repr__(self) -> str:
        what = self.photo.name if self.photo else f"image {self.image}"
        height, width = self.seen.maps[self.layer].shape[1:]
        wrong = "no such image or channel" if self._finite else "not finite"
        result = wrong if self.error else f"{height}×{width}"
        return clean(f"FeatureMapExplorer({what}, {self.layer}, channel {self.channel} → {result})")

    # ---- the network's answers ----

    @traitlets.validate("layer")
    def _known(self, proposal: dict[str, object]) -> str:
        if proposal["value"] not in self.layers:
            raise traitlets.TraitError(
                f"layer={proposal['value']!r} puts out no map; choose one of {', '.join(self.layers)}"
            )
        return proposal["value"]

    def _search(self) -> None:
        self._strongest = probe.strongest(self.network, self.gallery, self.searched, self.layers)
        self._version = probe.weights_version(self.network)
        self._look = lru_cache(maxsize=8)(self._look_now)

    def _look_now(self, photo: Photo | None, index: int) -> probe.Look:
        images = self.gallery
        X = images.photo_input(photo) if photo else images.inputs(index, index + 1)
        return probe.look(self.network, X[0], self.layers)

    @property
    def _shown(self) -> int:
        return self.image if self.image < len(self.gallery) else 0

    def _name(self, index: int) -> str | None:
        label = self.gallery.label(index)
        return None if label is None else self.gallery.class_name(label)

    # ---- from settings to the picture ----

    def _features(self) -> Features:
        seen, error = self.seen, self.error
        drawn = np.nan_to_num(seen.maps[self.layer], posinf=0, neginf=0)  # `error` says where this changes anything
        maps = [Map(one.shape, one.ravel().tolist()) for one in drawn]
        right = None if self.photo else self.gallery.label(self._shown)
        scores = [
            Score(name, share, None if right is None else label == right)
            for label, (name, share) in enumerate(self.scores.items())
        ]
        pixels = self.gallery.photo_pixels(self.photo) if self.photo else self.gallery.pixels(self._shown)
        return Features(
            pixels, source_of(self), titled(self.layer),
            self.channel, maps, kernels_of(self), best_of(self), scores, error,
        )  # fmt: skip

    def _said(self) -> str:
        if self.error:
            return f"{self.error}."
        map_, seen = self.activations, ", ".join(source_of(self))
        place = f"row {map_.argmax() // map_.shape[1]}, column {map_.argmax() % map_.shape[1]}"
        words = f"{titled(self.layer)}, channel {self.channel}, for {seen}: activation {number(float(map_.min()))} to "
        words += f"{number(float(map_.max()))}, strongest at {place}"
        if self.scores:
            name, share = max(self.scores.items(), key=lambda item: item[1])
            words += f"; the network says {name}, {100 * share:.1f} %"
        return f"{words}."

    def _picture(self) -> dict[str, object]:
        if self._version != probe.weights_version(self.network):
            self._search()  # trained since
        values = [] if self.error else [[float(f"{v:.4g}") for v in row] for row in self.activations]
        says = f"{titled(self.layer)}, channel {self.channel}"
        return {
            "svg": features_picture(self._features()),
            "values": values,
            "says": says,
            "code": self.code(),
            "error": self.error,
            "title": self._said(),
        }

    def _offers(self) -> list[tuple[dict[str, object], str]]:
        offers = []
        if self.photo:
            offers.append(({"photo": None}, f"back to image {self._shown:,} of {self.gallery.name}"))
        if self.image >= len(self.gallery):
            offers.append(({"image": len(self.gallery) - 1}, f"image = {len(self.gallery) - 1:,}"))
        count = len(self.seen.maps[self.layer])
        if self.channel >= count:
            offers += [({"channel": value}, f"channel = {value}") for value in sorted({count - 1, 0}, reverse=True)]
        return offers

    # ---- controls ----

    def _controls(self) -> widgets.Widget:
        style = {"description_width": LABEL_WIDTH}
        most = {"image": len(self.gallery) - 1, "channel": 1}
        self.sliders = {
            name: widgets.IntSlider(min=0, max=max(top, getattr(self, name)), description=name, style=style)
            for name, top in most.items()
        }
        self.layer_choice = widgets.Dropdown(options=self.layers, description="layer", style=style)
        self.file = widgets.FileUpload(accept=".png,.jpg,.jpeg", description="Own picture", layout={"width": "160px"})
        self.file.disabled = isinstance(self.gallery, Batch)
        self.says = widgets.Label(layout={"flex": "1 1 240px"}).add_class("cnnlab-says")
        self._show_state()
        for name, control in (*self.sliders.items(), ("layer", self.layer_choice)):
            control.layout.width = "auto"
            control.observe(lambda change, name=name: self._moved(name, change["new"]), "value")
        self.file.observe(self._given, "value")
        self.observe(self._show_state, self._names)
        self.view.observe(self._clicked, "chosen")
        sliders = widgets.VBox([*self.sliders.values()], layout={"flex": "1 1 340px"})
        rest = widgets.VBox([self.layer_choice, widgets.HBox([self.file, self.says])], layout={"flex": "1 1 300px"})
        return widgets.HBox([sliders, rest], layout=ROW)

    def _moved(self, name: str, value: object) -> None:
        # Whoever moves the image slider wants the data back.
        self._apply({name: value, "photo": None} if name == "image" else {name: value})

    def _given(self, change: dict[str, object]) -> None:
        for file in change["new"]:
            self.upload(bytes(file["content"]), file["name"])
        if change["new"]:
            self.file.value = ()  # so that the same file can be given again

    def _clicked(self, change: dict[str, object]) -> None:
        if change["new"]:
            wanted = {name: value for name, value in change["new"].items() if name in ("channel", "image")}
            self._apply(wanted | ({"photo": None} if "image" in wanted else {}))

    def _show_state(self, change: object = None) -> None:
        count = len(self.seen.maps[self.layer])
        self.sliders["channel"].max = max(count - 1, self.channel)
        self.sliders["image"].max = max(len(self.gallery) - 1, self.image)
        for name, slider in self.sliders.items():
            slider.value = getattr(self, name)
        self.layer_choice.value = self.layer

    def _tidy(self) -> None:
        self.says.value = self.refused


# ---- what is said of a channel: the kernel behind it, and the images that move it most -------------------------------


def titled(layer: str) -> str:
    """A layer's name as it stands in a sentence; those of a Sequential are bare numbers.
    >>> titled("conv1"), titled("0")
    ('conv1', 'layer 0')
    """
    return f"layer {layer}" if layer.isdigit() else layer


def source_of(explorer: FeatureMapExplorer) -> tuple[str, str]:
    """Where the image comes from, and what it shows."""
    if explorer.photo:
        name = explorer.photo.name if len(explorer.photo.name) <= 22 else f"{explorer.photo.name[:21]}…"
        return f"uploaded: {name}", "right answer: not known"
    answer = explorer.answer or "not known"
    return f"image {explorer._shown:,} of {explorer.gallery.name}", f"right answer: {answer}"


def kernels_of(explorer: FeatureMapExplorer) -> Kernels:
    """The kernel of the chosen channel, the strongest input channels where there are many; or why there is none."""
    if explorer.error:
        return Kernels("")
    name = probe.kernel_layer(explorer.network, explorer.seen, explorer.layer)
    if name is None:
        return Kernels("no single kernel", notes=_several(explorer))
    weights, first, bias = probe.kernels(explorer.network, name, explorer.channel)
    power = (weights**2).sum(axis=(1, 2))
    kept = np.sort(np.argsort(-power, kind="stable")[:MOST_KERNELS])
    height, width = weights.shape[1:]
    short = titled(name) if len(name) <= 22 else f"…{name[-21:]}"
    rows = [(first + int(i), weights[i].tolist()) for i in kept]
    many = f", one for each of {len(weights)} input channels" if len(weights) > 1 else ""
    return Kernels(f"kernel of {short}", f"{height} × {width} weights{many}", rows, _notes(weights, power, kept, bias))


def _several(explorer: FeatureMapExplorer) -> list[str]:
    """Why there is no single kernel, and which layers have one."""
    layer, modules = explorer.layer, dict(explorer.network.named_modules())
    block = layer if any(modules[layer].children()) else layer.rpartition(".")[0]
    inside = [name for name in explorer.layers if name.startswith(f"{block}.")]
    inside = [name for name in inside if type(modules[name]).__name__ == "Conv2d"][:MOST_NAMED]
    notes = [f"{titled(layer)} puts together what several layers made."]
    return notes + [f"Kernels are in {', '.join(inside)}."] * bool(block and inside)


def _notes(weights: np.ndarray, power: np.ndarray, kept: np.ndarray, bias: float | None) -> list[str]:
    notes = []
    if len(kept) < len(weights):
        share = power[kept].sum() / power.sum() if power.sum() else 0
        notes.append(
            f"The {len(kept)} strongest of {len(weights):,} input channels, with {100 * share:.0f} % of the squared"
            " weights."
        )
    reach = number(float(abs(weights).max()))
    said = "no bias" if bias is None else f"bias {number(bias)}"
    notes.append(f"Green adds, purple takes away; the strongest weight has size {reach}; {said}.")
    return notes


def best_of(explorer: FeatureMapExplorer) -> Best:
    """The images that move the chosen channel most."""
    title = f"strongest of the first {explorer.searched:,} images"
    if explorer.error:
        there = "Choose an image and a channel that are there."
        return Best(title, note=there if explorer._finite else "Without finite numbers no image is the strongest.")
    found = explorer.best(MOST_IMAGES)
    if found[0][1] == 0:
        return Best(title, note="None of them moves this channel above 0: it is dead for these images.")
    shape = explorer.activations.shape
    thumbs = [
        Thumb(index, explorer._name(index) or "", explorer.gallery.pixels(index), value, place, shape)
        for index, value, place in found
    ]
    return Best(title, thumbs)
