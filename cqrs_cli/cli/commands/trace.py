"""`cqrs trace`: what led to what, as a tree of commands, events and reactions."""

from typing import Annotated

import typer

from cqrs_cli import records
from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.documents import Graph
from cqrs_cli.cli.shell.session import current
from cqrs_cli.log import trace as story
from cqrs_cli.log.trace import Node
from cqrs_cli.stores.moments import rfc3339


def trace(
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
    session.printer.format.only(Graph)
    roots = story.trace(session.store(), what)
    session.printer.print(Graph("trace", roots, map(records.trace, roots), _line, _label, _shape, _is_absent))


def _line(node: Node) -> str:
    if node.kind == "event":
        return f"{node.name}  {node.stream} @{node.position}"
    if node.kind == "reaction":
        return f"({node.name})"
    if node.kind == "deadline" and node.due_us is not None:
        return f"{node.name}  due {rfc3339(node.due_us)[:19]}Z, {node.id}"
    return f"{node.name}  {_fate(node) + ', ' if _is_absent(node) else ''}{node.id}"


def _label(node: Node) -> str:
    if node.kind == "event":
        return f"{node.name} {node.stream} @{node.position}"
    return f"{node.name} ({_fate(node)})" if _is_absent(node) else node.name


def _shape(node: Node) -> str:
    return {"event": "round", "reaction": "hexagon"}.get(node.kind, "box")


def _is_absent(node: Node) -> bool:
    """Whether it is a command that is not in the log."""
    return node.kind in ("deadline", "waiting", "failed", "dropped")


def _fate(node: Node) -> str:
    """What became of a command that is not in the log; of one that was dropped, by whom and why, in one line."""
    if node.letter is None or node.kind != "dropped":
        return node.kind
    return visible(f"dropped by {node.letter.dropped_by}: {node.letter.dropped_because}")
