"""The schema of a store: made under a lock, so that racing processes make it once; its format is on record."""

from __future__ import annotations

from pathlib import Path

import psycopg

from cqrs_cli.errors import ConfigurationError, Damaged, Unavailable
from cqrs_cli.stores.postgres.connection import Connection
from cqrs_cli.stores.postgres.limits import OLDEST
from cqrs_cli.stores.postgres.link import Link

FORMAT = 1
LOCK = 1668379251  # "cqrs"
WAITING = LOCK + 1
_DURABILITIES = ("full", "relaxed")


def channel(schema: str) -> str:
    """The name under which the server tells of commits."""
    return f"cqrs_{schema}"


def statements(schema: str) -> str:
    """All SQL that makes a store in an empty schema."""
    texts = [(Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8") for name in ("schema", "operational")]
    wanted = {"{s}": f'"{schema}"', "{lock}": str(LOCK), "{waiting}": str(WAITING), "{channel}": channel(schema)}
    text = "\n".join(texts)
    for mark, value in wanted.items():
        text = text.replace(mark, value)
    return text


def is_there(link: Link) -> bool:
    """Whether there is a store, and what it says of itself into `facts`. Raises `Unavailable` for a newer format."""
    sql = f"SELECT name, value FROM {link.s}.cqrs_store"
    try:
        link.facts = dict(link.ask(lambda connection: connection.run(sql).fetchall()))
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return False
    except psycopg.Error as error:
        raise link.translate(error) from error
    format = link.facts.get("format", "")
    if not format.isascii() or not format.isdigit() or link.facts.get("durability") not in _DURABILITIES:
        raise Damaged(
            f"{link.name} is damaged: what it says of itself can't be", hint="restore a backup", store=link.name
        )
    if int(format) > FORMAT:
        raise Unavailable(
            f"{link.name} has format {format}, this cqrs knows up to {FORMAT}",
            hint="use a newer cqrs",
            code="newer-format",
            store=link.name,
        )
    return True


def script(schema: str, durability: str) -> str:
    """All SQL that makes a store, for psql: under the lock, all or nothing."""
    now = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint::text"
    return (
        f"BEGIN;\nSELECT pg_advisory_xact_lock({LOCK}, hashtext('{schema}'));\n"
        f'CREATE SCHEMA IF NOT EXISTS "{schema}";\n\n{statements(schema)}\n'
        f'INSERT INTO "{schema}".cqrs_store VALUES\n'
        f"    ('format', '{FORMAT}'), ('durability', '{durability}'), ('created_at', {now});\nCOMMIT;\n"
    )


def make(link: Link, durability: str) -> None:
    """Make the store, unless somebody has made it meanwhile. Raises `ConfigurationError`, `Unavailable`."""
    with link.transaction(piped=False) as connection:
        _check_server(link, connection)
        connection.run("SELECT pg_advisory_xact_lock(%b::int, hashtext(%b))", (LOCK, link.schema))
        if connection.run("SELECT to_regclass(%b)", (f"{link.s}.cqrs_store",)).fetchone() != (None,):
            return
        text = script(link.schema, durability).removeprefix("BEGIN;\n").removesuffix("COMMIT;\n")
        connection.execute(text.encode())


def _check_server(link: Link, connection: Connection) -> None:
    info = connection.info
    if info.server_version < OLDEST:
        raise Unavailable(
            f"{link.name}: PostgreSQL {info.server_version // 10_000} is too old",
            hint=f"{OLDEST // 10_000} or newer",
            code="too-old",
            store=link.name,
        )
    encoding = info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise ConfigurationError(
            f"{link.name}: the encoding of the database is {encoding}, not UTF8",
            hint="make a database with the encoding UTF8, from template0",
            store=link.name,
        )
