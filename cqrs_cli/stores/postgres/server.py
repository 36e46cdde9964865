"""The server behind a store: primary or standby, who copies it, what an acknowledgement means, what is amiss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg

from cqrs_cli.finding import Finding
from cqrs_cli.stores.postgres.connection import Connection, Row
from cqrs_cli.stores.postgres.link import Link
from cqrs_cli.stores.postgres.schema import LOCK

SETTINGS = ("server_version", "synchronous_commit", "synchronous_standby_names", "fsync", "server_encoding")
OLD = 300.0
"""Seconds after which an open transaction is worth a word."""
DEAD = 10_000
"""Dead rows of a table, if they are more than those that live."""
# Of standbys the states are hidden from roles without pg_read_all_stats; that they are there is not.
_STANDING = (
    "SELECT pg_is_in_recovery(), (SELECT count(*) FROM pg_stat_replication), "
    "(SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')), "
    "pg_has_role('pg_read_all_stats', 'USAGE') OR current_setting('is_superuser') = 'on', "
    "pg_backend_pid(), EXISTS (SELECT FROM pg_stat_wal_receiver), "
    "CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn(), 0)::bigint END, "
    "CASE WHEN pg_is_in_recovery() THEN "
    "extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 END"
)
_OPEN = (
    "SELECT pid, coalesce(nullif(application_name, ''), 'a program without a name'), "
    "extract(epoch FROM clock_timestamp() - xact_start)::float8 FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND extract(epoch FROM clock_timestamp() - xact_start) > %b::float8 ORDER BY xact_start"
)
_HOLDERS = (
    "SELECT a.pid, coalesce(nullif(a.application_name, ''), 'a program without a name'), "
    "extract(epoch FROM clock_timestamp() - a.xact_start)::float8 FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %b::int8::oid AND l.objid = %b::regclass::oid "
    "AND extract(epoch FROM clock_timestamp() - a.xact_start) >= %b::float8"
)
_DEAD = (
    "SELECT relname::text, n_dead_tup, n_live_tup FROM pg_stat_all_tables WHERE schemaname = %b "
    "AND n_dead_tup >= %b::int8 AND n_dead_tup > n_live_tup ORDER BY relname"
)


class Standing(NamedTuple):
    """What a server is among its copies.

    standby: or the primary. tls: whether the connection is encrypted. copies: standbys that are connected,
    synchronous: as many of them as are known to be that; sees_states: whether this role may know. pooled: something
    stands between. receives: a standby, from its primary.
    behind_bytes: received and not replayed. behind_seconds: since the last commit that was replayed.
    """

    standby: bool
    tls: bool
    copies: int
    synchronous: int
    sees_states: bool
    pooled: bool
    receives: bool
    behind_bytes: int | None
    behind_seconds: float | None


def standing(link: Link) -> Standing:
    """What the server says of itself now."""

    def asked(connection: Connection) -> tuple[Row, int, bool]:
        [row] = connection.run(_STANDING).fetchall()
        return row, connection.info.backend_pid, connection.pgconn.ssl_in_use

    (standby, copies, synchronous, sees, pid, receives, size, seconds), known, tls = link.ask(asked)
    return Standing(standby, tls, copies, synchronous, sees, pid != known, receives, size, seconds if size else None)


def settings(link: Link, *names: str) -> dict[str, str]:
    """Settings of the server, by name."""
    [values] = link.query(f"SELECT {', '.join(['current_setting(%b)'] * len(names))}", names)
    return dict(zip(names, values, strict=True))


def facts(link: Link) -> dict[str, Any]:
    """What `doctor` tells of the server. lag: of a standby, in seconds and bytes; null of a primary."""
    libpq = psycopg.pq.version()
    found, said = standing(link), settings(link, *SETTINGS)
    told: dict[str, Any] = {
        **said,
        "driver": f"psycopg {psycopg.__version__}, libpq {libpq // 10_000}.{libpq % 10_000}",
        "server": "standby" if found.standby else "primary",
        "lag_seconds": None if not found.standby else round(found.behind_seconds or 0.0, 3),
        "lag_bytes": found.behind_bytes,
        "standbys": found.copies,
        "pooler": found.pooled,
        "tls": found.tls,
        "acknowledged_by": acknowledged_by(found, said["synchronous_standby_names"]),
    }
    return told


def acknowledged_by(found: Standing, named: str) -> str:
    """Where a commit is when it is acknowledged. named: the setting `synchronous_standby_names`."""
    if found.standby:
        return "nobody: a standby is only read"
    if not named.strip():
        return "this server's disk"
    if not found.sees_states:
        return f"this server's disk and its synchronous standbys ({named})"
    return f"this server's disk and {_standbys(found.synchronous, 'synchronous ')}"


def _standbys(count: int, kind: str = "") -> str:
    return f"{count} {kind}standby{'' if count == 1 else 's'}"


def findings(link: Link) -> Iterator[Finding]:
    """What is amiss with it, and with who else uses it."""
    found = standing(link)
    yield from _settings(link)
    yield from _copies(link, found)
    if not found.standby:
        yield from _holders(link)
        yield from _bloat(link)
    for pid, application, seconds in link.query(_OPEN, (OLD,)):
        told = f"a transaction of {application} (pid {pid}) is open {_for(seconds)}: old rows can't be removed"
        yield Finding("old-transaction", "warning", link.name, told, f"end it: SELECT pg_terminate_backend({pid})")


def _settings(link: Link) -> Iterator[Finding]:
    said = settings(link, "fsync", "autovacuum", "is_superuser", "server_encoding")
    if said["fsync"] == "off":
        told = "fsync is off on the server: what is acknowledged may be lost, and the store damaged, with the power"
        yield Finding("fsync-off", "error", link.name, told, "fsync = on in postgresql.conf")
    if said["server_encoding"] != "UTF8":
        told = f"the encoding of the database is {said['server_encoding']}, not UTF8: it does not hold every text"
        yield Finding("encoding", "error", link.name, told, "restore the schema into a database with the encoding UTF8")
    if said["autovacuum"] == "off":
        told = "autovacuum is off on the server: checkpoints and the outbox grow without end"
        yield Finding("autovacuum-off", "warning", link.name, told, "autovacuum = on in postgresql.conf")
    if said["is_superuser"] == "on":
        told = "the role is a superuser: nothing on the server is kept from who runs SQL here, nor are the files"
        yield Finding("superuser", "warning", link.name, told, "a role of its own, which owns the schema or less")


def _copies(link: Link, found: Standing) -> Iterator[Finding]:
    """What an acknowledgement is worth where there are standbys, and whether this is one that is cut off."""
    named = settings(link, "synchronous_standby_names")["synchronous_standby_names"].strip()
    if found.standby:
        if not found.receives:
            told = "this standby receives nothing: what was committed on the primary since is not read here"
            yield Finding("cut-off", "warning", link.name, told, "is the primary there, and primary_conninfo right?")
    elif named and not found.copies:
        told = f"synchronous_standby_names is {named!r}, and no standby is connected: every append waits for one"
        yield Finding("no-standby", "error", link.name, told, "bring the standby back, or take the name out")
    elif found.copies and not named:
        verb = "copies" if found.copies == 1 else "copy"
        told = f"{_standbys(found.copies)} {verb} the server, and no acknowledgement waits for a copy"
        hint = "synchronous_standby_names in postgresql.conf, if no commit may be lost with this server"
        yield Finding("asynchronous", "warning", link.name, told, hint)


def _holders(link: Link) -> Iterator[Finding]:
    """Who holds the log for longer than others wait for it."""
    values = (LOCK, f"{link.s.replace('%%', '%')}.events", link.limits.patience)
    for pid, application, seconds in link.query(_HOLDERS, values):
        told = f"{application} (pid {pid}) holds the log {_for(seconds)}: nothing can be appended meanwhile"
        yield Finding("log-held", "error", link.name, told, f"end it: SELECT pg_terminate_backend({pid})")


def _bloat(link: Link) -> Iterator[Finding]:
    """Tables of which most is rows that are gone."""
    for table, dead, live in link.query(_DEAD, (link.schema, DEAD)):
        told = f"{table} has {dead:,} rows that are gone beside {live:,} that are there: it gets slow"
        hint = f"VACUUM {link.schema}.{table}; an old transaction or a replication slot may keep them"
        yield Finding("bloat", "warning", link.name, told, hint)


def _for(seconds: float) -> str:
    """How long: "for 7 minutes"."""
    count, unit = (seconds / 60, "minute") if seconds >= 60 else (seconds, "second")
    return f"for {int(count)} {unit}{'' if int(count) == 1 else 's'}"
