"""Ask PyTorch: run the real layer, and say whether shape and values are those of the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ipywidgets as widgets

from cnnlab.draw.svg import escaped as escape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

TOLERANCE = 1e-5  # of the largest value: what float32 may lose in one sum


@dataclass(frozen=True)
class Answer:
    """What PyTorch made: its shape, the largest difference to the picture, and one sentence on both."""

    agrees: bool
    says: str
    shape: tuple[int, ...] | None = None
    difference: float | None = None


def compare(ours: ArrayLike | None, theirs: np.ndarray | str) -> Answer:
    """An answer from both results; None is a layer that cannot be, a str is why PyTorch refused.
    >>> import numpy as np
    >>> compare([[1, 1], [1, 1]], np.ones((2, 2))).says
    'PyTorch agrees: 2×2, and all 4 values are the same (largest difference 0).'
    """
    import numpy as np  # PyTorch's values are its arrays; all else does without

    ours = None if ours is None else np.asarray(ours)
    if isinstance(theirs, str):
        return Answer(ours is None, f"PyTorch {'refuses too' if ours is None else 'disagrees, it refuses'}: {theirs}")
    made = "×".join(map(str, theirs.shape))
    if ours is None and not theirs.size:
        return Answer(True, f"PyTorch agrees: it makes {made}, a map without a value.", theirs.shape)
    if ours is None or ours.shape != theirs.shape:
        shown = "no output" if ours is None else "×".join(map(str, ours.shape))
        return Answer(False, f"PyTorch disagrees: it makes {made}, the picture has {shown}.", theirs.shape)
    apart = np.abs(ours - theirs)
    difference = float(apart.max())
    if difference <= TOLERANCE * max(1.0, float(np.abs(ours).max())):
        says = (
            f"PyTorch agrees: {made}, and all {ours.size:,} values are the same (largest difference {difference:.2g})."
        )
        return Answer(True, says, theirs.shape, difference)
    at = tuple(int(i) for i in np.unravel_index(apart.argmax(), apart.shape))
    says = (
        f"PyTorch disagrees: {made} as in the picture, but at {at} it has {theirs[at]:g} and the picture {ours[at]:g}."
    )
    return Answer(False, says, theirs.shape, difference)


class Ask(widgets.HBox):
    """The button, and beside it the answer."""

    def __init__(self, ask: Callable[[], Answer], layer: str) -> None:
        self.ask = ask
        self.button = widgets.Button(description="ask PyTorch", layout={"width": "auto"})
        self.about(layer)
        self.says = widgets.HTML()
        self.button.on_click(self._asked)
        super().__init__([self.button, self.says], layout={"flex_flow": "row wrap"})

    def about(self, layer: str) -> None:
        """Say which layer will be run."""
        self.button.tooltip = f"run the real {layer} on these numbers and compare"

    def clear(self) -> None:
        """Forget an answer to earlier settings."""
        self.says.value = ""

    def _asked(self, button: object) -> None:
        # The first question loads PyTorch, which takes seconds.
        self.button.disabled, self.says.value = True, self._line("asking …", "waits")
        try:
            answer = self.ask()
        except ImportError:
            answer = Answer(False, "PyTorch is not installed here; pip install torch brings it.")
        finally:
            self.button.disabled = False
        self.says.value = self._line(answer.says, "agrees" if answer.agrees else "disagrees")

    def _line(self, says: str, kind: str) -> str:
        mark = {"agrees": "✓ ", "disagrees": "✗ "}.get(kind, "")
        return f'<span role="status" class="cnnlab-says {kind}">{mark}{escape(says)}</span>'
