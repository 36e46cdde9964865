"""What is wrong with a store, as far as the store itself can tell."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from cqrs_cli.errors import CqrsError, Unavailable
from cqrs_cli.finding import Finding
from cqrs_cli.log.clock import ahead_of, last_recorded
from cqrs_cli.log.waiting import lags
from cqrs_cli.stores.contract import Store

LARGE_WAL = 256 * 1024 * 1024
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


def examine(store: Store, facts: dict[str, Any]) -> Diagnosis:
    """Look at a store. facts: what is known without it; what the store tells is added. Raises what the store raises."""
    # What concerns this run's own connection, or was said already, is left out.
    facts |= {name: value for name, value in store.describe().items() if name not in ("sqlite_version", "read_only")}
    names = [checkpoint.name for checkpoint in store.rows.checkpoints()]
    failure = None
    if facts.get("locked"):
        failure = Unavailable(f"{facts['path']} is locked by another process", hint=_HOLDER, code="locked")
    return Diagnosis(facts, lags(store, names), [*judge(facts), *_clock(store, facts)], failure)


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
    if isinstance(path, str) and os.name == "posix" and os.path.exists(path):
        mode = stat.S_IMODE(os.stat(path).st_mode)
        if mode & 0o022:
            message = f"others may write to the file (mode {mode:o})"
            told.append(("writable-by-others", "warning", message, f"chmod 600 {path}"))
        elif mode & 0o044:
            message = f"others may read the file (mode {mode:o})"
            told.append(("readable-by-others", "note", message, f"chmod 600 {path}"))
    return told


def _danger(facts: Mapping[str, Any]) -> list[_Told]:
    """What the SQLite in use may do to the store, and whether that is avoided."""
    code, bug = "wal-reset-bug", "this SQLite has the WAL-reset bug; avoided:"
    if facts.get("immutable"):
        message = "the folder can't be written from here: the store can be read, but no command can be sent to it"
        hint = "the journal and the lock are files beside the store; writing needs the right to make them"
        return [("immutable", "note", message, hint)]
    if not facts["sqlite_wal_reset_bug"]:
        return []
    if facts.get("journal_mode") != "wal":
        return [(code, "note", f"{bug} the rollback journal is used", None)]
    if facts.get("lock"):
        hint = "let nothing else write to the file, or use SQLite 3.51.3, 3.50.7 or 3.44.6"
        return [(code, "note", f"{bug} a lock ({facts['lock']}) round commits and checkpoints", hint)]
    message = f"this SQLite can lose commits in WAL mode, and there is no lock: {facts.get('lock_missing_because')}"
    return [(code, "error", message, "use SQLite 3.51.3, 3.50.7 or 3.44.6, or a local file system")]
