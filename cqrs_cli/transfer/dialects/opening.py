"""From an address to a reader of the log that is there."""

from __future__ import annotations

from collections.abc import Sequence

from cqrs_cli.errors import Misuse
from cqrs_cli.stores.addresses import shown
from cqrs_cli.transfer.dialects.address import parse_address
from cqrs_cli.transfer.dialects.database import Database
from cqrs_cli.transfer.dialects.detection import detect
from cqrs_cli.transfer.dialects.dialect import Dialect
from cqrs_cli.transfer.dialects.reader import Reader, TableReader


def open_reader(
    address: str, dialects: Sequence[Dialect], dialect: str | None = None, table: str | None = None
) -> Reader:
    """A reader of the log at an address; close it. dialect, table: as `detect` takes them.

    Raises what opening, looking and `detect` raise, and `Misuse` for two dialects at once.
    """
    where = parse_address(address)
    if dialect is not None and where.dialect not in (None, dialect):
        raise Misuse(f"the address says {where.dialect}, and --dialect {dialect}", hint="one of them is enough")
    if where.kind == "umadb":
        return _uma_reader(where.where, where.dialect or dialect, table)
    database: Database
    if where.kind == "sqlite":
        from cqrs_cli.transfer.dialects.sqlite_database import SQLiteDatabase

        database = SQLiteDatabase(where.where)
    else:
        from cqrs_cli.transfer.dialects.postgres_database import PostgresDatabase

        database = PostgresDatabase(where.where)
    try:
        found = detect(database, shown(address), dialects, where.dialect or dialect, table)
        return TableReader(database, found.dialect, found.place)
    except BaseException:
        database.close()
        raise


def _uma_reader(url: str, dialect: str | None, table: str | None) -> Reader:
    if dialect not in (None, "umadb") or table is not None:
        raise Misuse("UmaDB has one log and speaks one dialect", hint="leave --table and --dialect out")
    from cqrs_cli.transfer.dialects.umadb import UmaReader

    return UmaReader(url)
