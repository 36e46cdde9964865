"""`cqrs fork`: a store of its own with the history up to a point."""

from typing import Annotated

import typer

from cqrs_cli import records
from cqrs_cli.cli.options.addresses import point_typed
from cqrs_cli.cli.options.between import redaction
from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.documents import Single
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import Misuse
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.registry import path_of


def fork(
    new: Annotated[str, typer.Argument(metavar="NEW.db", help="The file to make; nothing may be there yet.")],
    at: Annotated[
        str | None, typer.Option("--at", metavar="@P|TIME", help="The history up to there, with it; else all of it.")
    ] = None,
) -> None:
    """Make a store of its own with the history up to a point: to try things on, or to look at as it was.

    It is a SQLite file, whatever the store is, and there only when it is whole. Events, ids, times and the hash chain
    are those of the store. Read models are made when they are first asked for; deadlines and commands that wait to be
    sent stay behind, and reactions don't run on a fork.
    """
    session = current()
    path = path_of(new)
    if path is None:
        raise Misuse(f"a fork is a SQLite file, not {new}", hint="a path: cqrs fork try.db", code="configuration")
    store = session.store()
    position = None if at is None else position_typed(store, at)
    from cqrs_cli.transfer.copy import AS_IT_IS, Between
    from cqrs_cli.transfer.fork import fork as make

    hidden = redaction(session)
    between = AS_IT_IS if hidden is None else Between((hidden,), hidden.name)
    made = records.fork(path, make(store, path, position, between))
    session.printer.print(Single(made, text=_text))


def position_typed(store: Store, text: str) -> int:
    """The position that `--at` means for all of a log. Raises `Misuse` for a version."""
    point = point_typed(text)
    if point.version is not None:
        raise Misuse(
            f"{text} is a version, and a fork has all streams", hint=f"@{text} is a position of the log", code="address"
        )
    return point.position if point.moment is None else store.position_at(point.moment)  # type: ignore[return-value]


def _text(record: records.Record) -> str:
    until, hash = record["position"], record["hash"]
    told = f"{record['fork']} has {counted(until, 'event')} of {record['source']}, up to @{until}"
    return visible(told + (f", hash {hash[:12]}" if hash else ""))
