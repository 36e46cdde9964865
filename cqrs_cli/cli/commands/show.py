"""`cqrs show`: one event in full, with what stands round it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cqrs_cli import records
from cqrs_cli.cli.options.generic import Generic, folds, labelled
from cqrs_cli.cli.printing.changes import change_line
from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.documents import Single, Table
from cqrs_cli.cli.printing.styles import painted
from cqrs_cli.cli.printing.times import exact_time
from cqrs_cli.cli.printing.values import cell_text
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import CqrsError
from cqrs_cli.log.context import context, events_named

if TYPE_CHECKING:
    from cqrs_cli.history.consequences import Concerned
    from cqrs_cli.history.folds import Folds
    from cqrs_cli.stores.commits import Recorded


def show(
    what: Annotated[
        str,
        typer.Argument(
            metavar="EVENT",
            help="@1200, order-17@5, an event's id, or a command's id for all its events.",
            show_default=False,
        ),
    ],
    generic: Generic = False,
) -> None:
    """One event in full: its envelope, its command, its data, what it changed, what caused it and what it caused.

    What it changed in the state of its aggregate, and which rows it concerns, the domain says; without one, what it
    changed is that of a generic fold, and is called so. The rest is read from the store alone. JSON: an event as in
    `log`, with "command", "caused_by", "led_to", "changes" and "rows" (null where they are not known), and "fold" if
    that is generic; an array if a command led to several.
    """
    session = current()
    store = session.store()
    events = events_named(store, what)
    shown = [
        records.shown(context(store, event), did)
        for event, did in zip(events, _did(session, events, generic), strict=True)
    ]
    one = (
        Single(shown[0], row=_row, text=_text, styled=True)
        if len(shown) == 1
        else Table(shown, row=_row, text=_text, styled=True)
    )
    session.printer.print(one)


def _did(session: Session, events: Iterable[Recorded], generic: bool) -> Iterator[dict[str, Any]]:
    """What each event did, as far as it is known."""
    try:
        found = folds(session, generic)
    except CqrsError as error:
        if generic or session.settings.app is None:
            raise  # of a rule that is none
        session.printer.message(
            f"what it changed is not known, as the domain can't be loaded: {error.message} (--generic does without it)"
        )
        yield from (records.consequences(None, None) for _ in events)
        return
    from cqrs_cli.history.consequences import state_changes

    for event in events:
        try:
            did = records.consequences(state_changes(found, event), _rows(found, event))
        except CqrsError as error:
            session.printer.message(f"what @{event.position} changed is not known: {error.message}")
            did = records.consequences(None, None)
        yield labelled(found, did)


def _rows(found: Folds, event: Recorded) -> list[Concerned] | None:
    """The rows that the event concerns, which a domain alone tells."""
    from cqrs_cli.history.consequences import rows_concerned
    from cqrs_cli.history.folds import DomainFolds

    return rows_concerned(found.bench, event) if isinstance(found, DomainFolds) else None


def _row(record: Any) -> dict[str, Any]:
    """The row of a table of several: what is one value in a cell."""
    return {name: record[name] for name in records.EVENT}


# ── what a person reads ───────────────────────────────────────────────────────────────────────


def _text(record: Any) -> str:
    """Every line of it is inert."""
    return "\n".join(_lines(record, current().printer.color))


def _lines(record: Any, color: bool) -> Iterator[str]:
    head = visible(f"{record['type']}  {record['stream']}@{record['version']}  @{record['position']}")
    yield painted(head, "title" if color else None)
    envelope = {
        "recorded": exact_time(record["recorded_at"], current().settings.local),
        "event": record["event_id"],
        "schema version": record["schema_version"],
        "user": record["user_id"],
        "correlation": record["correlation_id"],
        "causation": record["causation_id"],
    }
    yield from _members({name: value for name, value in envelope.items() if value is not None}, 1)
    yield from _tree("metadata", _parsed(record["metadata"]))
    yield from _tree("data", _parsed(record["data"]))
    command = record["command"]
    if command is None:
        yield "command: none, the event was imported"
    else:
        yield visible(f"command {command['command']}  {command['command_id']}")
        yield from _members(_parsed(command["data"]) or {}, 1)
    if record["changes"] is not None:
        by = f" ({record['fold']} fold)" if "fold" in record else ""
        yield f"changed{by}" if record["changes"] else f"changed{by}: nothing"
        told = ("  " + visible(change_line(change)) for change in record["changes"])
        yield from (painted(line, "changes" if color else None) for line in told)
    if record["rows"] is not None:
        yield "rows" if record["rows"] else "rows: none"
        yield from ("  " + visible(f"{row['projection']}/{_key(row['key'])}") for row in record["rows"])
    cause = record["caused_by"]
    if cause is not None:
        yield visible(f"caused by {cause['name']}  {cause['stream']}  @{cause['position']}  ({cause['reaction']})")
    yield from (visible(f"led to {node['name']}  {_where(node)}  ({node['reaction']})") for node in record["led_to"])


def _where(node: Mapping[str, Any]) -> str:
    """Where a command that the event led to is, or what became of it."""
    place = f"{node['stream']}  @{node['position']}  " if node["position"] is not None else f"{node['kind']}  "
    return place + str(node["id"])


def _key(parts: Mapping[str, Any]) -> str:
    return ",".join(cell_text(part) for part in parts.values())


def _parsed(data: Any) -> Any:
    return None if data is None else json.loads(data, parse_float=Decimal)


def _tree(name: str, value: Any) -> Iterator[str]:
    if value:
        yield name
        yield from _members(value, 1)


def _members(value: Any, depth: int) -> Iterator[str]:
    """An indented line for each value. The depth of what a log holds is bounded."""
    named = value.items() if isinstance(value, dict) else ((f"[{at}]", part) for at, part in enumerate(value))
    for name, part in named:
        indent = "  " * depth + visible(str(name))
        if isinstance(part, (dict, list)) and part:
            yield indent
            yield from _members(part, depth + 1)
        else:
            yield f"{indent}: {visible(_said(part))}"


def _said(value: Any) -> str:
    return "null" if value is None else '""' if value == "" else cell_text(value)
