"""`cqrs doctor`: versions, modes, sizes and lag, and what is wrong with them."""

from __future__ import annotations

import os
import platform
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from cqrs_cli import __version__
from cqrs_cli.cli.shell.command import Command, make
from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import CqrsError, Unavailable
from cqrs_cli.stores.sqlite.release import has_wal_reset_bug, release

if TYPE_CHECKING:
    from cqrs_cli.stores.contract import Store

Finding = dict[str, str | None]

LARGE_WAL = 256 * 1024 * 1024
FAILING = ("error", "warning")
_HOLDER = "try again when it is done; which process it is: fuser on the file that ends in -lock"


def command() -> Command:
    """The command `doctor`."""
    return make(doctor)


def doctor() -> None:
    """Versions, modes, sizes and lag, and what is wrong with them.

    Exit 0, or 1 when there is an error or a warning; a store that is missing, damaged or locked gives that error's
    own code after the facts that are known. JSON: {"ok", "facts", "projections": [{"projection", "position", "lag"}],
    "findings": [{"code", "severity", "where", "message", "hint"}]}.
    """
    session = current()
    facts: dict[str, Any] = {
        "cqrs": __version__,
        "python": platform.python_version(),
        "sqlite": release(),
        "sqlite_wal_reset_bug": has_wal_reset_bug(),
        "config": str(session.settings.file) if session.settings.file else None,
        "store": session.settings.store,
    }
    projections: list[dict[str, Any]] = []
    findings: list[Finding] = []
    failure: CqrsError | None = None
    try:
        store = session.store()
        # What concerns this run's own connection, or was said already, is left out.
        facts |= {
            name: value for name, value in store.describe().items() if name not in ("sqlite_version", "read_only")
        }
        projections = _lag(store)
        findings = examine(facts)
        if facts.get("locked"):
            failure = Unavailable(f"{facts['path']} is locked by another process", hint=_HOLDER, code="locked")
    except CqrsError as error:
        failure = error
    _print(facts, projections, findings, ok=failure is None and not _failing(findings))
    if failure is not None:
        raise failure
    if _failing(findings):
        raise typer.Exit(1)


def _failing(findings: list[Finding]) -> bool:
    return any(finding["severity"] in FAILING for finding in findings)


def _lag(store: Store) -> list[dict[str, Any]]:
    head = store.head()
    return [
        {"projection": checkpoint.name, "position": checkpoint.position, "lag": max(0, head - checkpoint.position)}
        for checkpoint in store.rows.checkpoints()
    ]


def examine(facts: Mapping[str, Any]) -> list[Finding]:
    """What is worth saying about a store's facts (`Store.describe` and the SQLite release)."""
    findings: list[Finding] = []
    where = str(facts.get("path", facts.get("store")))

    def find(code: str, severity: str, message: str, hint: str | None = None) -> None:
        findings.append({"code": code, "severity": severity, "where": where, "message": message, "hint": hint})

    if facts.get("immutable"):
        find(
            "immutable",
            "note",
            "the folder can't be written from here: the store can be read, but no command can be sent to it",
            "the journal and the lock are files beside the store; writing needs the right to make them",
        )
    elif facts["sqlite_wal_reset_bug"]:
        if facts.get("journal_mode") != "wal":
            find("wal-reset-bug", "note", "this SQLite has the WAL-reset bug; avoided: the rollback journal is used")
        elif facts.get("lock"):
            find(
                "wal-reset-bug",
                "note",
                f"this SQLite has the WAL-reset bug; avoided: a lock ({facts['lock']}) round commits and checkpoints",
                "let nothing else write to the file, or use SQLite 3.51.3, 3.50.7 or 3.44.6",
            )
        else:
            find(
                "wal-reset-bug",
                "error",
                f"this SQLite can lose commits in WAL mode, and there is no lock: {facts.get('lock_missing_because')}",
                "use SQLite 3.51.3, 3.50.7 or 3.44.6, or a local file system",
            )
    if facts.get("locked"):
        find("locked", "error", "the lock is held by another process: nothing can be written meanwhile", _HOLDER)
    if facts.get("durability") == "relaxed":
        find("relaxed", "note", "durability is relaxed: a power loss may take the last commits, acknowledged ones too")
    if (facts.get("wal_bytes") or 0) > LARGE_WAL:
        find(
            "large-wal",
            "warning",
            f"the WAL file has {facts['wal_bytes']:,} bytes",
            "a long read keeps it from shrinking: end it, then write once",
        )
    path = facts.get("path")
    if isinstance(path, str) and os.name == "posix" and os.path.exists(path):
        mode = stat.S_IMODE(os.stat(path).st_mode)
        if mode & 0o022:
            find("writable-by-others", "warning", f"others may write to the file (mode {mode:o})", f"chmod 600 {path}")
        elif mode & 0o044:
            find("readable-by-others", "note", f"others may read the file (mode {mode:o})", f"chmod 600 {path}")
    return findings


def _print(facts: dict[str, Any], projections: list[dict[str, Any]], findings: list[Finding], ok: bool) -> None:
    printer = current().printer
    if printer.format in ("json", "jsonl"):
        printer.record({"ok": ok, "facts": facts, "projections": projections, "findings": findings})
    elif printer.format == "table":
        printer.record({name: value for name, value in facts.items() if value is not None})
        if projections:
            printer.text("")
            printer.records(projections)
        if findings:
            printer.text("")
        for finding in findings:
            hint = f" ({finding['hint']})" if finding["hint"] else ""
            printer.text(f"{finding['severity']}[{finding['code']}]: {finding['message']}{hint}")
    else:
        printer.records(findings, ["code", "severity", "where", "message", "hint"])
