"""`cqrs blame`: which event each field of a state or row is from."""

from __future__ import annotations

from typing import Annotated

import typer

from cqrs_cli import records
from cqrs_cli.cli.options.addresses import first_typed, history_of
from cqrs_cli.cli.options.generic import Generic, folds, labelled, members, titled
from cqrs_cli.cli.printing.changes import NEW, OLD, PATH, WHO, change_table
from cqrs_cli.cli.printing.documents import Column
from cqrs_cli.cli.shell import completion
from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import Misuse


def blame(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="STREAM|ROWS/KEY [FIELD]",
            help="order-17, order 17, order-17@5, or a row: customer_totals/C1; a field as total, items.quantity, "
            "items[product_id=7].quantity.",
            autocompletion=completion.streams,
        ),
    ],
    at: Annotated[
        str | None, typer.Option("--at", metavar="5|@1200|TIME", help="As it was at a version, a position or a time.")
    ] = None,
    history: Annotated[
        str | None, typer.Option("--history", metavar="FIELD", help="Every change of this field, oldest first.")
    ] = None,
    generic: Generic = False,
) -> None:
    """Which event each field is from: the one after which its value last differed, and the clause that did it.

    Elements of lists are told apart by their key: the field that their model names with diff_key, else id or the first
    ..._id that is unique in the list; without one by their place. What nothing is said of is as it began.
    Everything is folded from the log with the code of today; nothing is written.
    """
    session = current()
    by = folds(session, generic)
    subject, rest = first_typed(by, words)
    if len(rest) > 1 or (rest and history is not None):
        raise Misuse(f"{rest[-1]!r} is one field too many", hint="one field; without any all of them are told")
    from cqrs_cli.history import blame as told
    from cqrs_cli.history.paths import parse_path

    columns, empty = [PATH, Column("value"), *WHO], "no fields"
    names: tuple[str, ...] = records.BLAMED
    if history is not None:
        wanted = parse_path(history)
        found = map(records.blamed_change, told.field_history(history_of(by, subject, at), wanted))
        columns, names, empty = [PATH, OLD, NEW, *WHO], records.BLAMED_CHANGE, f"{history} never changed"
    else:
        path = parse_path(rest[0]) if rest else None
        found = map(records.blamed, told.blame(history_of(by, subject, at), path))
    session.printer.print(
        change_table((labelled(by, one) for one in found), columns, members(by, names), empty, titled(by))
    )
