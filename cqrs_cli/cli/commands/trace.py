"""`cqrs trace`: what led to what, as a tree of commands, events and reactions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.values import json_text
from cqrs_cli.cli.shell.command import Command, make
from cqrs_cli.cli.shell.session import current
from cqrs_cli.jsonable import RawJson
from cqrs_cli.log.trace import Node, trace, walk
from cqrs_cli.stores.moments import rfc3339

_ARROWS = {"deadline": "due", "waiting": "waiting", "failed": "failed", "dropped": "dropped"}


def command() -> Command:
    """The command, as the table of `app.py` wants it."""
    return make(trace_command, "trace")


def trace_command(
    what: Annotated[
        str,
        typer.Argument(metavar="ID", help="Of a command, an event or a correlation; or @1200, an event's position."),
    ],
) -> None:
    """What led to what: the commands, events and reactions of one story, as a tree.

    Reads the store only: the domain is not loaded. JSON: an array of {"id", "kind", "name", "position", "stream",
    "children"}, a deadline with "due_at", a dropped command with "dropped_at", "dropped_by" and "dropped_because";
    --format mermaid and dot draw it.
    """
    session = current()
    printer = session.printer
    printer.only("table", "json", "jsonl", "mermaid", "dot")
    roots = trace(session.store(), what)
    if printer.format == "table":
        printer.text("\n".join(_lines(roots)))
    elif printer.format == "mermaid":
        printer.text("\n".join(_mermaid(roots)))
    elif printer.format == "dot":
        printer.text("\n".join(_dot(roots)))
    else:
        printer.records({**_record(root), "children": RawJson(_children(root))} for root in roots)


# ── text ──────────────────────────────────────────────────────────────────────────────────────


def _lines(roots: Sequence[Node]) -> Iterator[str]:
    stack = [(root, "", "") for root in reversed(roots)]
    while stack:
        node, here, below = stack.pop()
        yield here + _told(node)
        last = len(node.children) - 1
        for number, child in reversed(list(enumerate(node.children))):
            branch, trunk = ("└─ ", "   ") if number == last else ("├─ ", "│  ")
            stack.append((child, below + branch, below + trunk))


def _told(node: Node) -> str:
    if node.kind == "event":
        return f"{node.name}  {node.stream} @{node.position}"
    if node.kind == "reaction":
        return f"({node.name})"
    if node.kind == "deadline" and node.due_us is not None:
        return f"{node.name}  due {rfc3339(node.due_us)[:19]}Z, {node.id}"
    return f"{node.name}  {_fate(node) + ', ' if node.kind in _ARROWS else ''}{node.id}"


def _fate(node: Node) -> str:
    """What became of a command that is not in the log; of one that was dropped, by whom and why, in one line."""
    if node.letter is None or node.kind != "dropped":
        return node.kind
    return visible(f"dropped by {node.letter.dropped_by}: {node.letter.dropped_because}")


# ── JSON ──────────────────────────────────────────────────────────────────────────────────────


def _record(node: Node) -> dict[str, Any]:
    record = {"id": node.id, "kind": node.kind, "name": node.name, "position": node.position, "stream": node.stream}
    if node.due_us is not None:
        record["due_at"] = rfc3339(node.due_us)
    if node.letter is not None and node.letter.dropped_us is not None:
        record |= {
            "dropped_at": rfc3339(node.letter.dropped_us),
            "dropped_by": node.letter.dropped_by,
            "dropped_because": node.letter.dropped_because,
        }
    return record


def _children(root: Node) -> str:
    """The JSON of a node's children; written by hand, as a story may be longer than an encoder is deep."""
    out, open_at = ["["], 0
    first = True
    for node, depth, _ in walk(root.children):
        if depth < open_at:
            out.append("]}" * (open_at - depth))
        if not first and depth <= open_at:
            out.append("]},")
        out.append(json_text(_record(node))[:-1] + ',"children":[')
        open_at, first = depth, False
    out.append("" if first else "]}" * (open_at + 1))
    out.append("]")
    return "".join(out)


# ── graphs ────────────────────────────────────────────────────────────────────────────────────


def _numbered(roots: list[Node]) -> Iterator[tuple[str, Node, str | None]]:
    names: dict[int, str] = {}
    for number, (node, _, parent) in enumerate(walk(roots), 1):
        names[id(node)] = f"n{number}"
        yield f"n{number}", node, names[id(parent)] if parent is not None else None


def _label(node: Node) -> str:
    if node.kind == "event":
        return f"{node.name} {node.stream} @{node.position}"
    return f"{node.name} ({_fate(node)})" if node.kind in _ARROWS else node.name


def _mermaid(roots: list[Node]) -> Iterator[str]:
    shapes = {"event": ("(", ")"), "reaction": ("{{", "}}")}
    yield "flowchart LR"
    for name, node, parent in _numbered(roots):
        opening, closing = shapes.get(node.kind, ("[", "]"))
        text = _label(node).replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
        yield f'  {name}{opening}"{text}"{closing}'
        if parent is not None:
            yield f"  {parent} {'-.->' if node.kind in _ARROWS else '-->'} {name}"


def _dot(roots: list[Node]) -> Iterator[str]:
    shapes = {"event": "ellipse", "reaction": "hexagon"}
    yield "digraph trace {"
    yield "  rankdir=LR;"
    for name, node, parent in _numbered(roots):
        text = _label(node).replace("\\", "\\\\").replace('"', '\\"')
        yield f'  {name} [label="{text}", shape={shapes.get(node.kind, "box")}];'
        if parent is not None:
            style = " [style=dashed]" if node.kind in _ARROWS else ""
            yield f"  {parent} -> {name}{style};"
    yield "}"
