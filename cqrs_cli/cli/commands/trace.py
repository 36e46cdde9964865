"""`cqrs trace`: what led to what, as a tree of commands, events and reactions."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated

import typer

from cqrs_cli import records
from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.documents import Graph, Short
from cqrs_cli.cli.printing.styles import of_stream
from cqrs_cli.cli.shell import completion
from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import NotFound
from cqrs_cli.log import trace as story
from cqrs_cli.log.trace import Node
from cqrs_cli.stores.moments import rfc3339
from cqrs_cli.stores.names import near_stream, stream_named

_A_WHILE = 1_000_000
"""Microseconds after which it is worth saying that nothing happened."""


def trace(
    what: Annotated[
        str,
        typer.Argument(
            metavar="ID|STREAM",
            help="Of a command, an event or a correlation; or @1200, an event's position; or a stream: order-17.",
            autocompletion=completion.streams,
        ),
    ],
) -> None:
    """What led to what: the commands, events and reactions of one story, as a tree.

    Of a stream: everything that led to its events and that they led to, over all correlations, with times and users,
    and how long nothing happened. What is both an id and a stream is taken for the id.
    Reads the store only: the domain is not loaded. JSON: an array of {"id", "kind", "name", "position", "stream",
    "children"}, a deadline with "due_at", a dropped command with "dropped_at", "dropped_by" and "dropped_because";
    --format mermaid and dot draw it. Of a stream each node has "recorded_at" and "user_id" too.
    """
    session = current()
    session.printer.format.only(Graph)
    store = session.store()
    try:
        roots = story.trace(store, what)
    except NotFound as error:
        stream = stream_named(store, what)
        roots = story.stream_story(store, stream)
        if not roots:
            raise error if error.hint else error.retold(error.message, hint=near_stream(store, what)) from None
        gaps = dict(_gaps(roots))
        graph = Graph(
            "trace", roots, map(records.story, roots), lambda node, short: _signed(node, gaps, short), *_SHOWN
        )
    else:
        graph = Graph("trace", roots, map(records.trace, roots), _line, *_SHOWN)
    session.printer.print(graph)


def _gaps(roots: list[Node]) -> Iterator[tuple[str, int]]:
    """By the ids of commands before which nothing had happened for a while: for how many microseconds."""
    commits = [node for node, _, _ in story.walk(roots) if node.kind in ("command", "import")]
    times = sorted((node.position or 0, node.id, node.recorded_us) for node in commits if node.recorded_us is not None)
    for (_, _, before), (_, id, at) in pairwise(times):
        if at - before >= _A_WHILE:
            yield id, at - before


def _signed(node: Node, gaps: Mapping[str, int], short: Short) -> str:
    """A node of a stream's story: of a command when it was, for whom, and after how long."""
    line = _line(node, short)
    if node.kind not in ("command", "import") or node.recorded_us is None:
        return line
    user = f"  by {node.user_id}" if node.user_id is not None else ""
    gap = f"  ({_span(gaps[node.id])} later)" if node.id in gaps else ""
    return f"{line}  {current().printer.moment(rfc3339(node.recorded_us))}{user}{gap}"


def _span(microseconds: int) -> str:
    """The two largest units: `3 d 4 h`."""
    left = microseconds // 1_000_000
    parts: list[str] = []
    for seconds, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, seconds)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(filter(None, parts[:2]))


def _line(node: Node, short: Short) -> str:
    if node.kind == "event":
        return f"{node.name}  {short(node.stream or '')} @{node.position}"
    if node.kind == "reaction":
        return f"({node.name})"
    if node.kind == "deadline" and node.due_us is not None:
        return f"{node.name}  due {current().printer.moment(rfc3339(node.due_us))}, {short(node.id)}"
    return f"{node.name}  {_fate(node) + ', ' if _is_absent(node) else ''}{short(node.id)}"


def _label(node: Node) -> str:
    if node.kind == "event":
        return f"{node.name} {node.stream} @{node.position}"
    return f"{node.name} ({_fate(node)})" if _is_absent(node) else node.name


def _shape(node: Node) -> str:
    return {"event": "round", "reaction": "hexagon"}.get(node.kind, "box")


def _style(node: Node) -> str | None:
    """An event has its category's colour; what did not become an event is told by its word too."""
    if node.kind == "event":
        return of_stream(node.stream or "")
    return {"reaction": "dim", "waiting": "late", "deadline": "late", "failed": "bad", "dropped": "bad"}.get(node.kind)


def _is_absent(node: Node) -> bool:
    """Whether it is a command that is not in the log."""
    return node.kind in ("deadline", "waiting", "failed", "dropped")


def _fate(node: Node) -> str:
    """What became of a command that is not in the log; of one that was dropped, by whom and why, in one line."""
    if node.letter is None or node.kind != "dropped":
        return node.kind
    return visible(f"dropped by {node.letter.dropped_by}: {node.letter.dropped_because}")


_SHOWN = (_label, _shape, _is_absent, _style)
