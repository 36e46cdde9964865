"""What PostgreSQL reports, as errors of `cqrs`: each has a code, and a hint unless a face finds one by the code."""

from __future__ import annotations

import psycopg

from cqrs_cli.errors import CqrsError, Damaged, Passing, StoreNotFound, Unavailable
from cqrs_cli.stores.postgres.address import Address

_AGAIN = "is the server up? try again"
_STANDBY = ("session is read-only", "server is in hot standby mode", "server is not in primary mode")
_UNTRUSTED = (
    "certificate verify failed", "does not match host name", "root certificate file", "server does not support SSL",
    "SSL error", "certificate authority",
)  # fmt: skip
_SWAPPED = "could not open relation with OID"
_BACKUP = "another tool changed the store: restore a backup"
_Report = tuple[tuple[str, ...], type[CqrsError], str, str, str | None]
_REPORTS: tuple[_Report, ...] = (
    (("55P03",), Passing, "locked", "{name} is locked: another process has been writing", None),
    (("40P01", "40001"), Passing, "busy", "{name}: several processes waited for each other", "try again"),
    (("25006",), Unavailable, "read-only", "{name} can't be written: {text}", "is it a standby? name the primary"),
    (("57014",), Unavailable, "timed-out", "{name}: {text}", "try again, or give the server more time"),
    (
        ("42501", "28"), Unavailable, "no-permission", "{name}: {text}",
        "the role lacks a right: its administrator can give it",
    ),
    (("53",), Unavailable, "full", "{name}: {text}", "nothing was written; make room, then try again"),
    (("XX",), Damaged, "damaged", "{name} is damaged: {text}", "keep it as it is and restore a backup beside it"),
    (("25P03", "08", "57P", "58"), Passing, "connection-lost", "{name}: the connection was lost: {text}", _AGAIN),
    (("3F000", "42P01", "42703", "42883", "23"), Damaged, "damaged", "{name} is damaged: {text}", _BACKUP),
    (("CQ009",), Damaged, "damaged", "{name} refused the append: {text}", _BACKUP),
    (
        ("CQ012",), Damaged, "foreign-trigger", "{name}: {text}",
        "nothing was written; cqrs doctor names the rules and triggers that are not of cqrs: drop them",
    ),
    (("CQ010",), Unavailable, "isolation", "{name}: {text}", "default_transaction_isolation is to be read committed"),
)  # fmt: skip
"""By the beginning of the SQLSTATE, the first that fits: the error's class, code, message and hint."""


def text_of(error: psycopg.Error, address: Address) -> str:
    """The first line of what was said, without secrets."""
    lines = (error.diag.message_primary or str(error)).strip().splitlines()
    return address.redacted(lines[0] if lines else type(error).__name__)


def translate(error: psycopg.Error, address: Address, *, lost: bool = False) -> CqrsError | psycopg.Error:
    """The typed error; a mistake of this package comes back as it is. lost: the connection is gone."""
    name, state, text = address.shown, error.sqlstate or "", text_of(error, address)
    if lost:
        return connection_lost(name, text)
    if is_of_a_swap(error):
        return Passing(f"{name}: a table was replaced while it was read", hint="try again", code="busy", store=name)
    for states, kind, code, message, hint in _REPORTS:
        if state.startswith(states):
            return kind(message.format(name=name, text=text), hint=hint, code=code, store=name)
    return error


def is_of_a_swap(error: psycopg.Error) -> bool:
    """Whether a table was replaced between the parsing of a statement and its run."""
    return _SWAPPED in str(error)


def unreachable(error: psycopg.Error, address: Address) -> CqrsError:
    """No connection could be made: libpq tells why in words alone."""
    name, text = address.shown, address.redacted(" ".join(str(error).split()))
    if error.sqlstate == "3D000" or ('database "' in text and "does not exist" in text):
        return StoreNotFound(f"{name}: {text}", hint="make it, as createdb does, or name another", store=name)
    if any(sign in text for sign in _STANDBY):
        return Passing(  # for who was there before: after a failover one of the hosts becomes the primary
            f"{name} can't be written: it is a standby, or read-only by its settings",
            hint="name the primary, or several hosts, HOST1,HOST2: the one that can be written is found",
            code="read-only",
            store=name,
        )
    if any(sign in text for sign in _UNTRUSTED):
        return Unavailable(
            f"{name} is not trusted: {text}",
            hint="sslmode= says what is asked of it, sslrootcert= whose certificates count; HOST is as in its own",
            code="not-trusted",
            store=name,
        )
    if "authentication failed" in text or "no password supplied" in text:
        return Unavailable(
            f"{name}: {text}", hint="is it the right role and password?", code="no-permission", store=name
        )
    return Passing(
        f"{name} can't be reached: {text}",
        hint="is the server up, and the address right?",
        code="unreachable",
        store=name,
    )


def has_no_primary(error: psycopg.Error, address: Address) -> bool:
    """Whether one of several servers answered, and none of them takes writes: they agree on another primary."""
    return "," in str(address.libpq.get("host", "")) and any(sign in str(error) for sign in _STANDBY)


def connection_lost(name: str, text: str) -> Passing:
    """It was lost outside of a commit: nothing of the transaction is there."""
    return Passing(f"{name}: the connection was lost ({text})", hint=_AGAIN, code="connection-lost", store=name)


def outcome_unknown(name: str) -> Passing:
    """It was lost while a commit was made durable."""
    return Passing(
        f"{name}: the server did not say whether the commit is there",
        hint="it may be there or not: send the same command id again",
        code="outcome-unknown",
        store=name,
    )


def missing(name: str, schema: str) -> StoreNotFound:
    """There is no store at the URL."""
    return StoreNotFound(f"no store at {name}", store=name, schema=schema)


def read_only(name: str) -> Unavailable:
    """It was opened for reading."""
    return Unavailable(
        f"{name} can't be written: it was opened for reading only",
        hint="open it for writing",
        code="read-only",
        store=name,
    )
