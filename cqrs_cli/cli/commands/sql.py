"""`cqrs sql`: somebody's own SELECT over the store, read only."""

import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cqrs_cli.cli.options.sources import Sources
from cqrs_cli.cli.printing.documents import Table
from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import Misuse, NothingMatched
from cqrs_cli.stores.timeouts import seconds

PATIENCE = 8.0


def sql(
    statement: Annotated[
        str, typer.Argument(metavar="SELECT…", help="One statement that reads; - takes it from standard input.")
    ],
    parameters: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="A value for :NAME, as text.")
    ] = None,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="SECONDS", help="How long it may wait and work (8; 10 to wait).")
    ] = None,
    fail_if_empty: Annotated[bool, typer.Option("--fail-if-empty", help="Exit 5 if there are no rows.")] = False,
) -> None:
    """Run one SELECT over the store: the read models are tables, the log is the view event_log.

    The store is opened for reading only, and the domain is not loaded. Decimals are texts with all
    their digits: ORDER BY CAST(total AS REAL), or cqrs query, which compares them as numbers.
    """
    session = current()
    if session.hiding is not None:
        raise Misuse(
            "fields are to be hidden, and a statement can change values so that nothing knows them again",
            hint="ask a store in which they are: cqrs fork hidden.db --mask FIELD, then cqrs sql --store hidden.db; "
            "where the settings mask, --config names others",
            code="mask",
        )
    bound = dict(_split(text) for text in parameters or ())
    text = _from_stdin() if statement == "-" else statement
    left = PATIENCE if timeout is None else seconds("--timeout", timeout)
    if timeout is not None:
        session.limit_wait(timeout)
    begun = time.monotonic()
    store = session.store()
    if timeout is not None:  # of both together
        left = max(left - (time.monotonic() - begun), 0)
    result = store.sql(text, bound, left)

    def records() -> Iterator[dict[str, Any]]:
        for row in result:
            yield dict(zip(result.columns, row, strict=True))

    found = Table(records(), result.columns or None, empty="no rows", members=result.columns)
    if not session.printer.print(found) and fail_if_empty:
        raise NothingMatched("the statement gave no rows", hint="without --fail-if-empty that is no error")


def _from_stdin() -> str:
    try:
        return Sources().read("-", "SELECT…").decode()
    except UnicodeDecodeError as error:
        raise Misuse(
            f"standard input is no text in UTF-8: {error.reason} at byte {error.start}",
            code="sql",
            hint="one statement that reads",
        ) from None


def _split(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise Misuse(
            f"--param wants NAME=VALUE, not {text!r}", hint="--param city=Oslo stands for :city in the statement"
        )
    return name, value
