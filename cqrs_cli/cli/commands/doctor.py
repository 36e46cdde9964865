"""`cqrs doctor`: versions, modes, sizes and lag, and what is wrong with them."""

import platform
from typing import Any

import typer

from cqrs_cli import __version__, records
from cqrs_cli.cli.printing.documents import Document, Report, Single, Table, Text
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import CqrsError
from cqrs_cli.log.diagnosis import Diagnosis, examine
from cqrs_cli.stores.sqlite.release import has_wal_reset_bug, release


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
    try:
        found = examine(session.store(), facts)
    except CqrsError as error:
        found = Diagnosis(facts, [], [], error)
    if found.failure is None and found.lags and session.settings.app is not None:
        found = _with_orphans(session, found)
    session.printer.print(_report(found))
    if found.failure is None and found.lags and session.settings.app is not None:
        _say_what_changed(session)
    if found.failure is not None:
        raise found.failure
    if not found.ok:
        raise typer.Exit(1)


def _say_what_changed(session: Session) -> None:
    """What today's code says of the rows, on standard error. That it can't be loaded is no fault of the store."""
    from cqrs_cli.cli.printing.processor_status import print_remarks

    try:
        bench = session.workbench()
        names = sorted(rows.name for rows in bench.domain.row_types())
        print_remarks(session, bench.statuses(*names, counted=False) if names else [])
    except CqrsError as error:
        session.printer.message(f"whether the rows were made with today's code can't be told: {error.message}")


def _with_orphans(session: Session, found: Diagnosis) -> Diagnosis:
    """Also what belongs to no class of the domain. That it can't be loaded is no fault of the store."""
    try:
        return found._replace(findings=[*found.findings, *session.workbench().orphans()])
    except CqrsError as error:
        session.printer.message(f"whether all of the store has a class in the domain can't be told: {error.message}")
        return found


def _report(found: Diagnosis) -> Report:
    whole = records.diagnosis(found)
    findings = Table(whole["findings"], records.FINDING)
    parts: list[Document] = [Single({name: value for name, value in found.facts.items() if value is not None})]
    if found.lags:
        parts.append(Table(whole["projections"]))
    if found.findings:
        told = [
            f"{one.severity}[{one.code}]: {one.message}" + (f" ({one.hint})" if one.hint else "")
            for one in found.findings
        ]
        parts.append(Text("\n".join(told)))
    return Report(whole, findings, parts)
