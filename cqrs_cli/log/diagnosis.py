"""What is wrong with a store, as far as the store itself can tell."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from cqrs_cli.errors import CqrsError, Damaged, Unavailable
from cqrs_cli.finding import Finding
from cqrs_cli.log.clock import ahead_of, last_recorded
from cqrs_cli.log.ends import beyond_the_end, head_for
from cqrs_cli.log.letters import count_letters
from cqrs_cli.log.origins import fork_of
from cqrs_cli.log.orphans import reactions_with_commands
from cqrs_cli.log.outbox import count_overdue
from cqrs_cli.log.stops import stops
from cqrs_cli.log.waiting import lags
from cqrs_cli.stores.contract import Store

MOST_PROVED, LAST_PROVED = 200_000, 100_000
"""Of a log with more events than the first, only so many of the last are proved: it takes some 10 µs for each."""
LARGE_WAL = 256 * 1024 * 1024
OVERDUE_US = 60_000_000
"""A runner that is there sends within a second."""
_HOLDER = "try again when it is done; which process it is: fuser on the file that ends in -lock"


class Diagnosis(NamedTuple):
    """What was seen of a store. lags: name, position and lag of each checkpoint. failure: why there is no more."""

    facts: dict[str, Any]
    lags: list[tuple[str, int, int]]
    findings: list[Finding]
    failure: CqrsError | None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong: no failure, no error and no warning."""
        return self.failure is None and not any(found.severity in ("error", "warning") for found in self.findings)


def examine(store: Store, facts: dict[str, Any], whole: bool = False) -> Diagnosis:
    """Look at a store. facts: what is known without it; what the store tells is added. whole: at a log of any length.

    Raises what the store raises. That the log is not what was appended is its failure.
    """
    # What concerns this run's own connection, or was said already, is left out.
    facts |= {name: value for name, value in store.describe().items() if name not in ("sqlite_version", "read_only")}
    head = int(facts["head"])
    after = 0 if whole or head <= MOST_PROVED else head - LAST_PROVED
    failure: CqrsError | None = None
    try:
        store.check(after)
    except Damaged as error:  # what else is wrong is told as well
        failure = error
    facts["proved_after"] = after
    names = [checkpoint.name for checkpoint in store.rows.checkpoints()]
    if facts.get("locked") and failure is None:
        failure = Unavailable(f"{facts['path']} is locked by another process", hint=_HOLDER, code="locked")
    told = [
        *judge(facts),
        *_unproved(facts),
        *_origin(store, facts),
        *store.findings(),
        *(_clock(store, facts) if failure is None else ()),
    ]
    return Diagnosis(facts, lags(store, names), [*told, *_processors(store)], failure)


def _unproved(facts: Mapping[str, Any]) -> list[Finding]:
    """That only the end of a long log was looked through."""
    if not facts["proved_after"]:
        return []
    message = f"of {facts['head']:,} events only those after {facts['proved_after']:,} were compared with their hashes"
    return [Finding("not-proved", "note", _where(facts), message, None)]


def _origin(store: Store, facts: Mapping[str, Any]) -> list[Finding]:
    """That it is a fork, on which reactions don't run."""
    origin = fork_of(store.rows)
    if origin is None:
        return []
    since = facts["head"] - origin.position
    told = f"{since:,} event{'' if since == 1 else 's'} since"
    message = f"it is a fork of {origin.source} up to @{origin.source_position}, with {told}"
    return [Finding("fork", "note", _where(facts), message, "reactions don't run on it")]


def _processors(store: Store) -> Iterator[Finding]:
    """What the records of projections and reactions say, whatever today's code is."""
    positions = {one.name: one.position for one in store.rows.checkpoints()}
    head = head_for(store, max(positions.values(), default=0))  # after them: others may append
    for name, position in positions.items():
        if position > head:
            yield Finding("beyond-the-end", "error", name, f"{name}: {beyond_the_end(position, head)}")
    for name, stop in stops(store.rows).items():
        if stop.position > positions.get(name, 0):  # else another runner has passed that since
            said = f"{name} stopped at @{stop.position} ({stop.type} in {stop.stream}): {stop.error}"
            yield Finding("stopped", "error", name, said)
    now_us = time.time_ns() // 1000
    for name in sorted(set(reactions_with_commands(store.rows))):
        dead = count_letters(store.rows, name)
        if dead:
            yield Finding("dead-letters", "error", name, f"{_commands(dead)} of {name} came to nothing")
        waiting, deadlines = count_overdue(store.rows, name, now_us - OVERDUE_US)
        if waiting:
            said = f"{_commands(waiting)} of {name} wait to be sent, for events of over a minute ago"
            yield Finding("unsent", "warning", name, said)
        if deadlines:
            said = f"{deadlines:,} of the deadlines of {name} are overdue by more than a minute"
            yield Finding("overdue", "warning", name, said)


def _commands(count: int) -> str:
    return f"{count:,} command{'' if count == 1 else 's'}"


def _clock(store: Store, facts: Mapping[str, Any]) -> list[Finding]:
    """That the log is ahead of this machine's clock."""
    told = ahead_of(time.time_ns() // 1000, last_recorded(store))
    hint = "set the clock right, if it is this one; what was recorded by one that ran ahead stays"
    return [] if told is None else [Finding("clock", "warning", _where(facts), told, hint)]


def judge(facts: Mapping[str, Any]) -> list[Finding]:
    """What is worth saying about a store's facts (`Store.describe` and the SQLite release)."""
    return [Finding(code, severity, _where(facts), message, hint) for code, severity, message, hint in _told(facts)]


def _where(facts: Mapping[str, Any]) -> str:
    return str(facts.get("path", facts.get("store")))


_Told = tuple[str, str, str, str | None]


def _told(facts: Mapping[str, Any]) -> list[_Told]:
    told = _danger(facts)
    if facts.get("locked"):
        message = "the lock is held by another process: nothing can be written meanwhile"
        told.append(("locked", "error", message, _HOLDER))
    if facts.get("durability") == "relaxed":
        message = "durability is relaxed: a power loss may take the last commits, acknowledged ones too"
        told.append(("relaxed", "note", message, None))
    if (facts.get("wal_bytes") or 0) > LARGE_WAL:
        message = f"the WAL file has {facts['wal_bytes']:,} bytes"
        told.append(("large-wal", "warning", message, "a long read keeps it from shrinking: end it, then write once"))
    path = facts.get("path")
    mode = _mode(path) if isinstance(path, str) and os.name == "posix" else None
    if mode is not None:
        if mode & 0o022:
            message = f"others may write to the file (mode {mode:o})"
            told.append(("writable-by-others", "warning", message, f"chmod 600 {path}"))
        elif mode & 0o044:
            message = f"others may read the file (mode {mode:o})"
            told.append(("readable-by-others", "note", message, f"chmod 600 {path}"))
    return told


def _mode(path: str) -> int | None:
    """Who may do what with the file; None if that can't be seen."""
    with suppress(OSError):
        return stat.S_IMODE(os.stat(path).st_mode)
    return None


def _danger(facts: Mapping[str, Any]) -> list[_Told]:
    """What the SQLite in use may do to the store, and whether that is avoided."""
    code, bug = "wal-reset-bug", "this SQLite has the WAL-reset bug; avoided:"
    if facts.get("immutable"):
        message = "the folder can't be written from here: the store can be read, but no command can be sent to it"
        hint = "the journal and the lock are files beside the store; writing needs the right to make them"
        return [("immutable", "note", message, hint)]
    if not facts.get("sqlite_wal_reset_bug"):  # or SQLite has nothing to do with the store
        return []
    if facts.get("journal_mode") != "wal":
        return [(code, "note", f"{bug} the rollback journal is used", None)]
    if facts.get("lock"):
        hint = "let nothing else write to the file, or use SQLite 3.51.3, 3.50.7 or 3.44.6"
        return [(code, "note", f"{bug} a lock ({facts['lock']}) round commits and checkpoints", hint)]
    message = f"this SQLite can lose commits in WAL mode, and there is no lock: {facts.get('lock_missing_because')}"
    return [(code, "error", message, "use SQLite 3.51.3, 3.50.7 or 3.44.6, or a local file system")]
