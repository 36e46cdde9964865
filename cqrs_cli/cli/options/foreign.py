"""`--foreign`: a log of another domain's events is meant; shared by the commands that put a domain on a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import Misuse
from cqrs_cli.log.pairing import foreign_types, listed, unknown_types

if TYPE_CHECKING:
    from cqrs_cli.workbench.workbench import Workbench

Foreign = Annotated[
    bool, typer.Option("--foreign", help="The log has only another domain's events, and that is meant.")
]

RECENT = 1_000
"""How many events, from the newest back, a command looks at that has no time to look at all."""


def check_pair(session: Session, bench: Workbench, foreign: bool, recent: bool = False) -> None:
    """Say which events in the domain's own streams it does not know; refuse a log that has none of its own.

    recent: only the newest events are looked at, and only where the log has types that the domain does not know.
    Raises `Misuse` (`foreign-log`), unless it is meant.
    """
    names, store = bench.names, bench.store
    there = foreign_types(store, names)
    if there and not foreign:
        some = ", ".join(sorted(there)[:5]) + (f" and {len(there) - 5} more" if len(there) > 5 else "")
        raise Misuse(
            f"{session.store_file} has not one event of the domain {names.domain}; it has {some}", code="foreign-log"
        )
    after = max(store.head() - RECENT, 0) if recent else 0
    unknown = unknown_types(store, names, after)
    if unknown:
        where = f" among the newest {RECENT:,} events" if after else ""
        told = f"streams of {names.domain} hold events of types that it does not know{where}: {listed(unknown)}"
        session.printer.message(told)
