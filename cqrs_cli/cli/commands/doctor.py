"""`cqrs doctor`: versions, modes, sizes and lag, and what is wrong with them."""

import platform
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cqrs_cli import __version__, records
from cqrs_cli.cli.printing.documents import Document, Findings, Report, Single, Table, Text
from cqrs_cli.cli.printing.places import place_of
from cqrs_cli.cli.shell.hints import in_brackets, say, say_of
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import CqrsError, StoreFailed
from cqrs_cli.finding import Finding
from cqrs_cli.log.diagnosis import Diagnosis, examine
from cqrs_cli.stores.registry import path_of
from cqrs_cli.stores.sqlite.release import has_wal_reset_bug, release


def doctor(
    everything: Annotated[
        bool, typer.Option("--all", help="Compare all events with their hashes, however many.")
    ] = False,
) -> None:
    """Versions, modes, sizes and lag, and what is wrong with the store, with its rows and with the domain.

    Looks through the whole log and its file: what a disk or another tool changed is exit 6. Of a log with more than
    200,000 events only the last 100,000 are compared with their hashes, unless all are asked for (--all).
    Exit 0, or 1 when there is an error or a warning; notes change nothing. A store that is missing, damaged or locked
    gives that error's own code after the facts that are known. JSON: {"ok", "facts", "projections": [{"projection",
    "position", "lag"}], "findings": [{"code", "severity", "where", "message", "hint"}]}.
    """
    session = current()
    facts: dict[str, Any] = {
        "cqrs": __version__,
        "python": platform.python_version(),
        "interpreter": sys.executable,
        **(_of_sqlite() if path_of(session.settings.store) is not None else {}),
        "config": str(session.settings.file) if session.settings.file else None,
        "store": session.store_shown,
    }
    try:
        found = examine(session.store(), facts, everything)
    except CqrsError as error:
        found = Diagnosis(facts, [], [], error)
    classes: dict[str, type] = {}
    if found.failure is None:
        found = _with_domain(session, found, classes)
    found = found._replace(findings=list(map(say_of, found.findings)))
    session.printer.print(_document(session, found, classes))
    if found.failure is not None:
        raise found.failure
    if not found.ok:
        raise typer.Exit(1)


def _of_sqlite() -> dict[str, Any]:
    """What is to be known of it where the store is a file."""
    return {"sqlite": release(), "sqlite_wal_reset_bug": has_wal_reset_bug()}


def _with_domain(session: Session, found: Diagnosis, classes: dict[str, type]) -> Diagnosis:
    """Also what today's code says of the store. classes: given those of the domain, by what findings call them."""
    if session.settings.app is None:
        said = "no setting names a domain, so only the store itself was looked at"
        return found._replace(findings=[*found.findings, Finding("no-domain", "note", session.store_file, said)])
    try:
        bench = session.workbench()
        told = bench.findings()
    except StoreFailed as error:
        return found._replace(failure=error)
    except CqrsError as error:  # its message says what is wrong with the code, and the store was looked at all the same
        whole = Finding(error.code, "error", session.settings.app, error.message, say(error))
        return found._replace(findings=[*found.findings, whole])
    classes |= {one.name: one.cls for one in bench.domain.projections.values()}
    classes |= {one.name: one.cls for one in bench.domain.reactions.values()}
    alone = [one for one in found.findings if one.code != "stopped" or one.where not in classes]
    return found._replace(findings=[*alone, *told])


def _document(session: Session, found: Diagnosis, classes: Mapping[str, type]) -> Findings:
    store = session.store_file
    checked = list(dict.fromkeys([store, *(name for name, _, _ in found.lags), *classes]))
    return Findings("doctor", checked, found.findings, _report(found), lambda name: place_of(classes.get(name), store))


def _report(found: Diagnosis) -> Report:
    whole = records.diagnosis(found)
    findings = Table(whole["findings"], records.FINDING)
    parts: list[Document] = [Single({name: value for name, value in found.facts.items() if value is not None})]
    if found.lags:
        parts.append(Table(whole["projections"]))
    if found.findings:
        told = [f"{one.severity}[{one.code}]: {one.message}{in_brackets(one.hint)}" for one in found.findings]
        parts.append(Text("\n".join(told)))
    return Report(whole, findings, parts)
