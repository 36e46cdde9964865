"""The same database, past the store: what another program does to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from cqrs_cli.stores.postgres.address import address_of


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection with the schema of the store in its search path."""
    address = address_of(url)
    with psycopg.connect(**address.libpq, autocommit=True) as connection:
        connection.execute(f"SET search_path = {address.schema}".encode())
        yield connection


def run(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Run a statement; its rows, if it has some."""
    with connected(url) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def unguarded(url: str, sql: str) -> None:
    """Change the log, as who owns it can: the triggers are switched off for that."""
    for table in ("events", "commits"):
        run(url, f"ALTER TABLE {table} DISABLE TRIGGER append_only")
    run(url, sql)
    for table in ("events", "commits"):
        run(url, f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")


def end_others(url: str) -> int:
    """End the sessions of all others on this store; how many there were."""
    name = address_of(url).libpq["application_name"]
    sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = "
    return len(run(url, f"{sql}'{name}'"))
