"""The rows of a trace and their table, as text and as HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cnnlab.draw.svg import clean
from cnnlab.draw.svg import escaped as escape

Shape = tuple[int, ...]
PerAxis = int | float | tuple[int | float | None, ...] | None


@dataclass(frozen=True)
class Row:
    """One call of one layer, or what a block did itself beyond its layers (an addition, a concatenation).

    macs              multiply-accumulates of convolutions and linear layers, for the whole batch
    activation_bytes  new tensors handed from layer to layer; 0 for a layer that works in place or only reshapes
    receptive_field   input pixels a unit sees, padding counted: an int, (h, w) where they differ, None if not known
    jump              input pixels between neighbouring units; None where no grid is left (flattened, pooled to one)
    """

    name: str
    kind: str
    depth: int
    in_shape: Shape | None
    out_shape: Shape | None
    params: int
    macs: int
    activation_bytes: int
    receptive_field: PerAxis
    jump: PerAxis


@dataclass(frozen=True, repr=False)
class Trace:
    """The rows in the order of the calls; a block's own row comes after its layers. The totals are sums over rows.

    joins        the modules that bring branches together themselves, by name: "add", or "cat" for side by side
    more_shapes  the shapes of the inputs after the first
    real_run     why the rows are of one run on numbers and not on shapes alone; None where shapes were enough. Other
                 numbers may then take another way through the model, and fields leave out what was read as a number
    """

    rows: tuple[Row, ...]
    input_shape: Shape
    failure: str | None = None
    unused_params: int = 0
    joins: dict[str, str] = field(default_factory=dict)
    more_shapes: tuple[Shape, ...] = ()
    real_run: str | None = None

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Row:
        return self.rows[index]

    @property
    def params(self) -> int:
        """Learned numbers that the run used, each counted once; `unused_params` has the rest."""
        return sum(row.params for row in self.rows)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and linear layers, for the whole batch."""
        return sum(row.macs for row in self.rows)

    @property
    def activation_bytes(self) -> int:
        """Bytes of all tensors handed from layer to layer, the input not counted."""
        return sum(row.activation_bytes for row in self.rows)

    def __repr__(self) -> str:
        table = [_HEAD, *map(_cells, self.rows), self._total()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [_line(cells, widths) for cells in table]
        rule = "─" * len(lines[0])
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1].rstrip(), *self._notes()])

    def _repr_html_(self) -> str:
        refused = self.rows[-1] if self.failure else None
        rows = [_html_row(_cells(row), failed=row is refused) for row in self.rows]
        head, total = _html_row(_HEAD, tag="th"), _html_row(self._total(), tag="th")
        notes = "".join(f"<p>{escape(note)}</p>" for note in self._notes())
        return f'<div><table style="{_TABLE_STYLE}">{head}{"".join(rows)}{total}</table>{notes}</div>'

    def _total(self) -> tuple[str, ...]:
        sums = (f"{total:,}" for total in (self.params, self.macs, self.activation_bytes))
        return ("total", "", ", ".join(map(shape_text, (self.input_shape, *self.more_shapes))), "", *sums, "", "")

    def _notes(self) -> list[str]:
        unused = f"{self.unused_params:,} more parameters were not used in this run" if self.unused_params else ""
        return [note for note in (self.real_run, unused, self.failure and f"stopped: {self.failure}") if note]


_HEAD = ("layer", "kind", "in", "out", "params", "MACs", "bytes", "field px", "jump px")
_TABLE_STYLE = "border-collapse:collapse;font-size:12px;color:var(--jp-ui-font-color1,inherit)"
_CELL_STYLE = "padding:2px 5px;border-bottom:1px solid var(--jp-border-color2,#8888);white-space:nowrap"


def shape_text(shape: Shape | None) -> str:
    return "–" if shape is None else "×".join(map(str, shape)) or "one number"


def _per_axis(value: PerAxis) -> str:
    if isinstance(value, tuple):
        return "×".join(map(_per_axis, value))
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _cells(row: Row) -> tuple[str, ...]:
    counts = (f"{count:,}" for count in (row.params, row.macs, row.activation_bytes))
    field, jump = _per_axis(row.receptive_field), _per_axis(row.jump)
    return (clean(row.name), clean(row.kind), shape_text(row.in_shape), shape_text(row.out_shape), *counts, field, jump)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    pairs = list(zip(cells, widths, strict=True))
    return "  ".join([c.ljust(w) for c, w in pairs[:4]] + [c.rjust(w) for c, w in pairs[4:]])


def _html_row(cells: Sequence[str], tag: str = "td", failed: bool = False) -> str:
    colour = ";color:var(--jp-error-color1,#c62828)" if failed else ""
    sides = ["left"] * 4 + ["right"] * (len(cells) - 4)
    made = (
        f'<{tag} style="{_CELL_STYLE};text-align:{side}{colour}">{escape(cell)}</{tag}>'
        for cell, side in zip(cells, sides, strict=True)
    )
    return f"<tr>{''.join(made)}</tr>"
