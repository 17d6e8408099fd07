"""Garments drawn by program, in place of Fashion-MNIST where there are neither files nor a network.

Ten garments in the official label order, white on black, 28×28 uint8. A garment is laid together from shapes, each a
distance (n, 28, 28) in frame units, negative inside (x to the right, y down, the frame is -1 … 1), with measures drawn
afresh for every picture. Five classes share the pattern `_top` and three share `_shoe`, apart only in the ranges of
their measures. The ranges overlap, so some pictures are truly hard to tell, as in the real set; no label is wrong.
Pixels see nothing but + − × ÷ √ and comparisons, and chance enters by `Generator.random` alone: IEEE arithmetic rounds
these alike everywhere, so a seed gives the same pictures on every machine.
"""

from functools import reduce

import numpy as np

Array = np.ndarray
CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
SIZE = 28
CHUNK = 32  # pictures drawn at once: a float32 plane of them is 100 kB, which stays in cache and is cheap to allocate

# fmt: off
# What tells the classes of a pattern apart: a pair is a range in frame units, one number a chance, more are weights.
_TOPS = {
    #             T-shirt         pullover      dress             coat            shirt
    "sleeves":  ((.15, .8, .05), (0, 0, 1),    (.5, .35, .15),   (0, .02, .98),  (.04, .46, .5)),  # none, short, long
    "cuff":     ((.13, .21),     (.08, .13),   (.08, .14),       (.08, .13),     (.08, .15)),
    "hem":      ((.8, .95),      (.8, .95),    (.88, 1),         (.82, .97),     (.8, .95)),
    "shoulder": ((.38, .5),      (.38, .5),    (.2, .34),        (.38, .5),      (.38, .5)),
    "chest":    ((.4, .54),      (.4, .54),    (.24, .38),       (.42, .56),     (.4, .54)),
    "waist":    ((.88, 1.05),    (.88, 1.05),  (.6, 1),          (.88, 1.05),    (.88, 1.05)),     # times the chest
    "skirt":    ((.92, 1.15),    (.92, 1.1),   (.95, 1.9),       (.95, 1.3),     (.92, 1.15)),     # times the chest
    "neck":     ((.2, .36),      (.17, .28),   (.1, .22),        (.17, .28),     (.17, .28)),
    "scoop":    ((.1, .35),      (.03, .13),   (.05, .35),       (.06, .2),      (.06, .2)),
    "stand":    (0,              .35,          0,                .6,             .25),             # hood, high neck
    "flaps":    (0,              0,            0,                .5,             .6),              # folded collar
    "lapel":    ((.2, .3),       (.2, .3),     (.2, .3),         (.25, .7),      (.2, .35)),
    "front":    ((0, 0),         (0, 0),       (0, 0),           (.5, 1),        (0, .4)),         # depth of its line
    "buttons":  ((0, 0),         (0, 0),       (0, 0),           (0, .45),       (0, .6)),
    "band":     ((0, .1),        (0, .6),      (0, .1),          (0, .1),        (0, .1)),
    "pockets":  ((0, 0),         (0, 0),       (0, 0),           (0, .6),        (0, .15)),
    "print":    (.35,            .2,           0,                0,              0),
    # plain, striped across, striped down, checked, printed, two-tone
    "weave":    (*3 * ((6, 2, .5, .3, 1, 1),), (8, .5, .2, .5, .8, 1), (5, 1, 1.5, 2.5, 1.5, .3)),
}
_SHOES = {
    #          sandal      sneaker       ankle boot
    "heel":   ((0, .7),   (0, .05),     (0, .4)),
    "ground": ((.4, .9),  (.3, .6),     (.6, .95)),
    "shaft":  ((.4, 1),   (.5, .85),    (.8, 1.5)),
    "dip":    ((.5, 1),   (.65, .95),   (.9, 1.05)),  # of the opening, times the shaft
    "straps": (1,         0,            0),
    "laces":  ((0, 0),    (0, .8),      (0, .5)),
    "mark":   (0,         .6,           .3),
    "weave":  3 * ((8, .3, .3, .3, 1, .5),),
}
_TROUSER = {"weave": [(8, .3, 1, .5, 1, 0)]}
_BAG = {"weave": [(7, .5, .5, 1, 2, .7)], "strap": [(.2, .5, .3)]}  # none, a small handle, a broad strap
# fmt: on


def draw_garments(count: int, seed: int) -> tuple[Array, Array]:
    """Pictures of garments and their labels: balanced classes, shuffled, the same for the same seed.
    () -> images (count, 28, 28) uint8, labels (count,) uint8.
    >>> images, labels = draw_garments(20, seed=0)
    >>> images.shape, images.dtype, np.bincount(labels).tolist()
    ((20, 28, 28), dtype('uint8'), [2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    """
    if count < len(CLASSES):
        raise ValueError(f"count is {count}, but each of the 10 classes needs a picture; ask for 10 or more")
    rng = np.random.Generator(np.random.PCG64(seed))
    order = np.argsort(rng.random(count), kind="stable")  # not rng.shuffle: see above on chance
    images, labels = np.empty((count, SIZE, SIZE), np.uint8), np.empty(count, np.uint8)
    for label, (paint, table, column) in enumerate(_GARMENTS):
        mine = order[label :: len(CLASSES)]
        labels[mine] = label
        for some in np.split(mine, range(CHUNK, len(mine), CHUNK)):
            dice = _Dice(rng, len(some), table, column)
            images[some] = _photograph(paint(dice), dice)
    return images, labels


class _Dice:
    """Chance for a batch of n pictures: one value a picture, shaped (n, 1, 1) to broadcast over pixels."""

    def __init__(self, rng: np.random.Generator, n: int, table: dict, column: int):
        self.rng, self.n, self.table, self.column = rng, n, table, column

    def __call__(self, low, high) -> Array:
        """Evenly between low and high."""
        return low + (high - low) * self.plane(1)

    def plane(self, size: int = SIZE) -> Array:
        """A value in 0 … 1 a pixel. () -> (n, size, size)."""
        return self.rng.random((self.n, size, size), dtype=np.float32)

    def yes(self, chance: float) -> Array:
        """1 with this chance, else 0."""
        return (self.plane(1) < chance).astype(np.float32)

    def mix(self, chance: float, then: tuple, other: tuple) -> Array:
        """From the range `then` with this chance, from `other` without."""
        return np.where(self.plane(1) < chance, self(*then), self(*other))

    def take(self, measure: str) -> Array | list[Array]:
        """A fresh draw of a measure in the table: from its range, 1 with its chance, or masks by its weights."""
        given = self.table[measure][self.column]
        if not isinstance(given, tuple):
            return self.yes(given)
        if len(given) == 2:
            return self(*given)
        ends = np.cumsum(given) / sum(given)
        pick = (self.plane(1) >= ends[:-1].reshape(-1, 1, 1, 1)).sum(0)
        return [(pick == k).astype(np.float32) for k in range(len(given))]


def _cover(d: Array) -> Array:
    """How much of a pixel lies inside: 1 inside, 0 outside, a ramp one pixel wide between."""
    return np.clip(0.5 - SIZE / 2 * d, 0, 1)


def _over(canvas, d: Array, tone, opacity=1) -> Array:
    """The canvas with a shape laid over it in this tone; tone 0 shades it, opacity 0 leaves it out."""
    return canvas + _cover(d) * (opacity * (tone - canvas))


def _within(*shapes: Array) -> Array:
    """What all shapes share."""
    return reduce(np.maximum, shapes)


def _profile(t: Array, knots: tuple, values: tuple) -> Array:
    """A smooth curve through (knot, value) pairs, flat at each knot and beyond both ends."""
    curve = values[0]
    for left, right, a, b in zip(knots, knots[1:], values, values[1:], strict=False):
        s = np.clip((t - left) / (right - left), 0, 1)
        curve = curve + (b - a) * (s * s * (3 - 2 * s))
    return curve


def _limb(x: Array, y: Array, start: tuple, step: tuple, half: tuple) -> Array:
    """A tapered strip from `start` along `step`, cut square; half widths at its two ends."""
    length = np.sqrt(step[0] * step[0] + step[1] * step[1])
    ux, uy = step[0] / length, step[1] / length
    along = (x - start[0]) * ux + (y - start[1]) * uy
    across = np.abs((x - start[0]) * uy - (y - start[1]) * ux)
    width = half[0] + (half[1] - half[0]) * np.clip(along / length, 0, 1)
    return _within(across - width, np.abs(along - length / 2) - length / 2)


def _ellipse(x: Array, y: Array, rx, ry) -> Array:
    return (np.sqrt((x / rx) ** 2 + (y / ry) ** 2) - 1) * np.minimum(rx, ry)


def _box(x: Array, y: Array, rx, ry, corner=0) -> Array:
    u, v = np.abs(x) - rx + corner, np.abs(y) - ry + corner
    return np.sqrt(np.maximum(u, 0) ** 2 + np.maximum(v, 0) ** 2) + np.minimum(np.maximum(u, v), 0) - corner


def _stripes(t: Array, dice: _Dice, per_frame: tuple) -> Array:
    """So many stripes over the frame: a clipped triangle wave, since a sine may round differently elsewhere. 0 … 1."""
    turns = t * dice(*per_frame) / 2 + dice(0, 1)
    return np.clip(4 * np.abs(turns - np.floor(turns) - 0.5) - 0.5, 0, 1)


def _stand(dice: _Dice, low: float = 0.9, high: float = 1.05) -> tuple[Array, Array]:
    """Pixel centres in the garment's own coordinates: shifted, turned, sheared and scaled a little."""
    axis = ((np.arange(SIZE, dtype=np.float32) + 0.5) * 2 / SIZE - 1)[None]
    size, aspect, turn, shear = dice(low, high), dice(0.92, 1.08), dice(-0.07, 0.07), dice(-0.05, 0.05)
    x, y = axis[:, None, :] - dice(-0.07, 0.07), axis[:, :, None] - dice(-0.07, 0.07)
    return (x + (turn + shear) * y) / (size * aspect), (y - turn * x) / size


def _clouds(dice: _Dice, cells: int = 4) -> Array:
    """Smooth shading from a coarse random grid. () -> (n, 28, 28) in 0 … 1."""
    at = np.linspace(0, cells - 1e-3, SIZE, dtype=np.float32)
    cell, part = at.astype(int), at % 1
    grid = dice.plane(cells + 1)
    rows = grid[:, cell] * (1 - part)[:, None] + grid[:, cell + 1] * part[:, None]
    return rows[:, :, cell] * (1 - part) + rows[:, :, cell + 1] * part


def _cloth(dice: _Dice, x: Array, y: Array) -> Array:
    """Brightness of the cloth, in one of the weaves, with soft folds. -> (n, 28, 28)."""
    _, across, down, check, printed, block = dice.take("weave")
    rows, columns = _stripes(y, dice, (3, 9)), _stripes(x, dice, (4, 10))
    dark = (across + check / 2) * rows + (down + check / 2) * columns
    dark += printed * np.clip(3 * _clouds(dice, 9) - 1, 0, 1) + block * _cover(y - dice(-0.5, 0.5))
    base = dice.mix(0.2, (0.3, 0.6), (0.65, 1.0))
    return base * (1 - dice(0.2, 0.7) * dark) * (1 - dice(0, 0.35) * _clouds(dice))


def _photograph(light: Array, dice: _Dice) -> Array:
    """Through a varying camera: focus, grain, now and then a dirty background, exposure. -> (n, 28, 28) uint8."""
    soft = dice.mix(0.25, (0.1, 0.25), (0, 0.08))
    for axis in (1, 2):
        light = light + soft * (np.roll(light, 1, axis) + np.roll(light, -1, axis) - 2 * light)
    grain = dice.plane() + dice.plane() - 1
    light = light * (1 + dice.mix(0.25, (0.1, 0.35), (0, 0.12)) * grain)
    light = light + dice.yes(0.1) * dice(0.02, 0.2) * np.abs(grain)
    return (np.clip(light * dice(0.95, 1.3), 0, 1) * 255 + 0.5).astype(np.uint8)


def _top(dice: _Dice) -> Array:
    """Anything with a neck, a trunk and two sleeves, drawn at once by their distance `side` from the middle."""
    x, y = _stand(dice, 0.95, 1.1)
    side, up, hem, neck = np.abs(x), dice(-0.92, -0.8), dice.take("hem"), dice.take("neck")
    shoulder, chest = dice.take("shoulder"), dice.take("chest")
    widths = (shoulder, chest, chest * dice.take("waist"), chest * dice.take("skirt"))
    width = _profile(y, (up, -0.45, dice(-0.25, 0.15), hem), widths)
    hole = _ellipse(x, y - up, neck, dice.take("scoop"))
    trunk = _within(side - width, y - hem, up + dice(0.1, 0.35) * side - y, -hole)
    cloth = _cloth(dice, x, y)
    none, short, long = dice.take("sleeves")
    drop = short * dice(0.12, 0.6) + long * dice(1.15, 1.65) + none
    sleeve = _limb(side, y, (shoulder - 0.12, up + 0.2), (dice(0.2, 0.42), drop), (0.17, dice.take("cuff")))
    canvas = _cover(sleeve) * (1 - none) * cloth * dice(0.7, 1.15)
    canvas = _over(canvas, np.abs(side - width - 0.03) - 0.03, 0, dice(0.4, 0.95))  # the shade under the arm
    canvas = _collar(dice, _over(canvas, trunk, cloth), side, y - up, neck, cloth)
    return _sewn_on(dice, canvas, x, y, trunk + 0.04, hem)


def _collar(dice: _Dice, canvas: Array, side: Array, y: Array, neck: Array, cloth: Array) -> Array:
    """A standing neck or hood above the trunk, which begins at y = 0, and two flaps that point at the middle."""
    stand, flaps = dice.take("stand"), dice.take("flaps")
    canvas = _over(canvas, _box(side, y, neck * dice(0.9, 1.3), dice(0.05, 0.2)), cloth * dice(0.6, 1.2), stand)
    flap = _limb(side, y, (neck, 0), (0.02 - neck, dice.take("lapel")), (0.08, 0.03))
    canvas = _over(canvas, _within(np.abs(flap - 0.06) - 0.02, -y), 0, flaps * dice(0.2, 0.7))  # the edge's shadow
    return _over(canvas, flap, np.minimum(cloth * dice(0.9, 1.5), 1), flaps)


def _sewn_on(dice: _Dice, canvas: Array, x: Array, y: Array, inside: Array, hem: Array) -> Array:
    """Front line, buttons, hem band, pockets and a chest print, all within the trunk."""
    middle = np.abs(x - dice(-0.05, 0.05))
    canvas = _over(canvas, _within(middle - dice(0.01, 0.05), inside), 0, dice.take("front"))
    canvas = _over(canvas, _within(middle - 0.05, inside), 0, dice.take("buttons") * _stripes(y, dice, (7, 12)))
    canvas = _over(canvas, _within(np.abs(y - hem + dice(0.12, 0.2)) - 0.03, inside), 0, dice.take("band"))
    pocket = _box(np.abs(x) - dice(0.22, 0.32), y - dice(0.25, 0.5), dice(0.08, 0.14), dice(0.02, 0.04))
    canvas = _over(canvas, _within(pocket, inside), 0, dice.take("pockets"))
    emblem = _ellipse(x, y - dice(-0.35, -0.1), dice(0.12, 0.32), dice(0.08, 0.3))
    return _over(canvas, emblem, dice(0, 1) * (0.4 + 0.6 * dice.plane()), dice.take("print"))


def _trouser(dice: _Dice) -> Array:
    """Two legs that part at the crotch; from skinny to flared, from cropped to full length."""
    x, y = _stand(dice)
    side, crotch, hem = np.abs(x), dice(-0.5, -0.2), dice.mix(0.15, (0.4, 0.7), (0.8, 1.0))
    hip, foot, gap = dice(0.28, 0.42), dice(0.2, 0.48), dice(0.02, 0.16)
    outer = _profile(y, (-0.95, crotch, hem), (hip * dice(0.75, 0.95), hip, gap + foot))
    inner = _profile(y, (crotch - 0.1, crotch + 0.1, hem), (-0.1, 0.01, gap))
    legs = _within(side - outer, inner - side, y - hem, dice(-0.98, -0.85) - y)
    canvas = _over(_cover(legs) * _cloth(dice, x, y), _within(side - 0.02, y - crotch), 0, dice(0, 0.6))
    return _over(canvas, np.abs(y + dice(0.7, 0.8)) - 0.02, 0, dice(0, 0.6))  # the belt line


def _bag(dice: _Dice) -> Array:
    """A rounded body, with a small handle, a wide strap or none; often a flap and a clasp."""
    x, y = _stand(dice)
    (none, small, broad), wide, tall = dice.take("strap"), dice(0.55, 0.95), dice(0.35, 0.65)
    top = small * (0.95 - 2 * tall) * dice(0.6, 1) + broad * dice(-0.2, 0.2) - none * tall
    body = _box(x * (1 + dice(-0.15, 0.25) * (y - top)), y - top - tall, wide, tall, corner=dice(0.03, 0.3))
    arch = wide * (small * dice(0.3, 0.7) + broad * dice(0.85, 1) + none)
    strap = np.abs(_ellipse(x, y - top - 0.1, arch, dice(0.4, 0.95))) - dice(0.03, 0.08)
    cloth = _cloth(dice, x, y)
    canvas = _cover(_within(strap, y - top - 0.1)) * (1 - none) * cloth * dice(0.6, 1.2)
    flap = np.abs(y - top - tall * dice(0.3, 1.1) + dice(0, 0.4) * np.abs(x)) - 0.03
    canvas = _over(_over(canvas, body, cloth), _within(flap, body), 0, dice(0, 0.8))
    return _over(canvas, _box(x, y - top - dice(0.1, 0.5), 0.07, dice(0.03, 0.08)), dice(0, 1), dice.yes(0.5))  # clasp


def _shoe(dice: _Dice) -> Array:
    """A foot from the side, toe to the left: the upper, then the heel block and the sole under it."""
    x, y = _stand(dice)
    heel, ground, thick, shaft = dice.take("heel"), dice.take("ground"), dice(0.06, 0.17), dice.take("shaft")
    toe, throat = dice(0.22, 0.36), dice(-0.1, 0.25)
    sole = ground - heel * _profile(x, (-0.35, 0.6), (0, 1)) - dice(0, 0.1) * _profile(x, (-0.95, -0.6), (1, 0))
    heights = (0, toe, toe + 0.06, shaft * dice(0.9, 1.05), shaft * dice.take("dip"), shaft)
    edge = sole - _profile(x, (-0.97, -0.75, throat - 0.35, throat + 0.1, 0.55, 0.85), heights)
    ends = np.abs(x) - 0.93 + dice(0, 0.15) * np.abs(y - sole + 0.3)
    foot, cloth = _within(edge - y, y - sole, ends), _cloth(dice, x, y)
    canvas = _upper(dice, foot, cloth, x, y, throat, edge)
    block = _within(y - ground, sole - thick - y, x - 0.93, dice(0.5, 0.87) - x)
    bottom = _within(np.abs(y - sole + thick / 2) - thick / 2, ends)
    return _over(_over(canvas, block, cloth * dice(0.4, 1)), bottom, dice.mix(0.5, (0.7, 1), (0.3, 0.8)))


def _upper(dice: _Dice, foot: Array, cloth: Array, x: Array, y: Array, throat: Array, edge: Array) -> Array:
    """The foot in cloth, with laces and a mark on its side; or, for a sandal, cut into straps."""
    bands = _cover(0.25 * (dice(0.4, 1) - _stripes(x + dice(-1, 1) * y, dice, (1.4, 3.2))))
    rim = _cover(np.abs(foot + 0.07) - dice(0.03, 0.07)) * dice.yes(0.6)
    canvas = cloth * _cover(foot) * np.maximum(np.maximum(bands, rim), 1 - dice.take("straps"))
    instep = _within(y - edge - 0.2, np.abs(x - throat + 0.15) - 0.2, foot)
    canvas = _over(canvas, instep, 0, dice.take("laces") * _stripes(x + 0.5 * y, dice, (9, 13)))
    mark = _limb(x, y, (dice(-0.1, 0.2), edge + 0.1), (dice(-0.3, 0.1), 0.3), (0.06, 0.04))
    return _over(canvas, _within(mark, foot + 0.03), dice(0, 1), dice.take("mark"))


_GARMENTS = (  # in label order: the pattern, the table of its measures and the column to read
    *((_top, _TOPS, 0), (_trouser, _TROUSER, 0), (_top, _TOPS, 1), (_top, _TOPS, 2), (_top, _TOPS, 3)),
    *((_shoe, _SHOES, 0), (_top, _TOPS, 4), (_shoe, _SHOES, 1), (_bag, _BAG, 0), (_shoe, _SHOES, 2)),
)
