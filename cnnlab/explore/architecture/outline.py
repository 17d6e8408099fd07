"""The rows of a trace as a tree of blocks: which are shown, which are folded, which repeat each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from cnnlab.draw.network import Line

MOST = 26  # lines that a picture begins with, where blocks can be folded


@dataclass
class Node:
    """A layer (one row) or a block (several). `key` tells it from others, even of a module that is used twice."""

    key: str
    path: str
    rows: list[Any]
    children: list[Node] = field(default_factory=list)

    @property
    def signature(self) -> tuple[object, ...]:
        """Blocks that look the same: the same kinds in the same order, on maps of the same side."""
        return tuple(row.kind for row in self.rows), (self.rows[-1].out_shape or ())[2:]


def tree(rows: Sequence[Any]) -> list[Node]:
    """What is called one after the other, block in block.
    >>> from types import SimpleNamespace as Row
    >>> [(node.key, len(node.children)) for node in tree([Row(name="stem"), Row(name="a.x"), Row(name="a.y")])]
    [('stem', 0), ('a', 2)]
    """
    return _grouped(list(rows), 0, "", set())


def _grouped(rows: list[Any], depth: int, above: str, known: set[str]) -> list[Node]:
    nodes = []
    for part, group in groupby(rows, key=lambda row: _part(row, depth)):
        members = list(group)
        # A row of the block itself ends here; calls of one layer one after the other are lines of their own.
        alone = [[row] for row in members] if part is None or all(_ends(row, depth) for row in members) else [members]
        for each in alone:
            path = above if part is None else f"{above}.{part}".lstrip(".")
            key = _new(f"{path}+" if part is None else path, known)
            inner = [] if len(each) == 1 and _ends(each[0], depth) else _grouped(each, depth + 1, path, known)
            nodes.append(Node(key, path, each, inner))
    return nodes


def _part(row: Any, depth: int) -> str | None:
    parts = row.name.split(".")
    return parts[depth] if depth < len(parts) else None


def _ends(row: Any, depth: int) -> bool:
    return len(row.name.split(".")) <= depth + 1


def _new(key: str, known: set[str]) -> str:
    number, wanted = 2, key
    while key in known:
        key, number = f"{wanted}#{number}", number + 1
    known.add(key)
    return key


# ---- what is shown ---------------------------------------------------------------------------------------------------


def usual(nodes: Sequence[Node]) -> tuple[str, ...]:
    """The blocks to open at first: level by level, as long as the lines stay few; repeated blocks stay folded."""
    opened: tuple[str, ...] = ()
    while True:
        shown = list(_walk(nodes, opened, 0))
        more = (*opened, *(each.key for each in shown if each.fold == "folded" and len(each.nodes) == 1))
        if more == opened or len(list(_walk(nodes, more, 0))) > MOST:
            return opened
        opened = more


@dataclass
class Shown:
    """A line to be: nodes (several where they repeat each other), how deep, whether they are open."""

    nodes: list[Node]
    depth: int
    fold: str
    inside: int = 0  # lines below that belong to it

    @property
    def key(self) -> str:
        return self.nodes[0].key if len(self.nodes) == 1 else f"{self.nodes[0].key} ×{len(self.nodes)}"


def _walk(nodes: Sequence[Node], opened: Collection[str], depth: int) -> Iterator[Shown]:
    for _, group in groupby(nodes, key=lambda node: node.signature if node.children else node.key):
        run = list(group)
        together = Shown(run, depth, "folded")
        if len(run) > 1 and together.key not in opened:
            yield together
            continue
        for node in run:
            below = list(_walk(node.children, opened, depth + 1)) if node.children and node.key in opened else []
            yield Shown([node], depth, "open" if below else "folded" if node.children else "", len(below))
            yield from below


def lines(
    nodes: Sequence[Node],
    opened: Collection[str],
    size: int,
    joins: Mapping[str, str],
    kinds: Mapping[str, str],
    failed: str | None = None,
) -> list[Line]:
    """Lines for the picture. By name: `joins`, "add" or "cat" for each block that does so, and `kinds`, the classes of
    the blocks; `failed` is the layer that refuses its input, None where none does."""
    return [_line(shown, size, joins, kinds, failed) for shown in _walk(nodes, opened, 0)]


def _line(shown: Shown, size: int, joins: Mapping[str, str], kinds: Mapping[str, str], failed: str | None) -> Line:
    rows = [row for node in shown.nodes for row in node.rows]
    last, node = rows[-1], shown.nodes[0]
    own = node.key.endswith("+")
    name = node.path.rpartition(".")[2] or "(model)"
    if len(shown.nodes) > 1:
        name = f"{name} … {shown.nodes[-1].path.rpartition('.')[2]}"
    reached = last.out_shape is not None
    kind = {"add": "addition", "cat": "concatenation"}.get(joins.get(node.path, ""), "") if own else ""
    return Line(
        key=shown.key,
        path=node.path,
        name=name if not own else "at the end",
        kind=kind or (last.kind if not node.children else _kind(node, kinds)),
        depth=shown.depth,
        shape=last.out_shape,
        params=sum(row.params for row in rows),
        macs=sum(row.macs for row in rows),
        bytes=sum(row.activation_bytes for row in rows),
        field=last.receptive_field if reached else None,
        size=size,
        state="ok" if reached or failed is None else "failed" if any(row.name == failed for row in rows) else "after",
        fold=shown.fold,
        times=len(shown.nodes),
        join=joins.get(node.path, "") if node.children else "",
        inside=shown.inside,
    )


def _kind(node: Node, kinds: Mapping[str, str]) -> str:
    kind = kinds.get(node.path, "")
    return f"{len(node.rows)} layers" if kind in ("", "Sequential", "ModuleList", "ModuleDict") else kind
