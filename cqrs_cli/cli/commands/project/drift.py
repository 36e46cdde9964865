"""`cqrs project --check`: the rows compared with a fresh fold of the log."""

from collections.abc import Sequence
from typing import Any

from cqrs_cli import records
from cqrs_cli.cli.printing.documents import Column, Findings, Table
from cqrs_cli.cli.printing.places import place_of
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.printing.progress import steps
from cqrs_cli.cli.shell.hints import say, unfinished
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.domain.row_model import stored_names
from cqrs_cli.errors import CqrsError, NotFound, NothingMatched, StoreFailed
from cqrs_cli.finding import Finding
from cqrs_cli.log.verification import check_log
from cqrs_cli.workbench.processors.refold import Check
from cqrs_cli.workbench.workbench import Workbench

SHOWN_DRIFT = 100
_DRIFT = ("projection", "key", "column", Column("live", style="old"), Column("fresh", style="new"))


def print_checks(session: Session, bench: Workbench, names: Sequence[str], asked: bool, sample: int | None) -> int:
    """Check projections and print what differs; returns the exit code. asked: they were named one by one."""
    printer = session.printer
    with printer.progress("verifying", bench.store.head()) as done:
        check_log(bench.store, done)  # rows that differ from a fold of a log that was changed say nothing
    checks: list[Check] = []
    failed: list[CqrsError] = []
    with printer.progress("checking", bench.store.head()) as done:
        for name in names:
            try:
                checks.append(bench.check(name, sample=sample, progress=steps(done)))
            except StoreFailed:
                raise
            except CqrsError as error:
                if not isinstance(error, NotFound):  # out of date, or an event that today's code can't take: a finding
                    failed.append(error.retold(error.message, projection=name))
                elif asked:
                    raise
                else:
                    printer.message(f"{name} has no rows yet, so there is nothing to compare")
    drifted = not all(one.ok for one in checks)
    printer.print(_document(session, checks, failed, single=asked and len(names) == 1))
    if not failed and not _compared_anything(bench, checks):
        hint = "cqrs project makes the rows; cqrs stats shows what the log has"
        raise NothingMatched("nothing was compared: no row, and no event that leads to one", hint=hint)
    if printer.format.has_findings:
        return int(drifted or bool(failed))
    for one in checks:
        again = f"{counted(len(one.drift), 'difference')}: cqrs project {one.projection} --rebuild"
        compared = f"{one.projection}: {counted(one.compared, 'row')} compared at position {one.position}"
        printer.message(f"{compared}, {again if one.drift else 'no drift'}")
    if failed:
        raise unfinished(failed)
    return int(drifted)


def _compared_anything(bench: Workbench, checks: Sequence[Check]) -> bool:
    """Whether the answer means something: there were rows, or events of which today's code makes none."""
    there = bench.store.type_names()

    def led_to_none(one: Check) -> bool:
        return one.position > 0 and bool(stored_names(bench.domain.routes[one.projection]) & there)

    return any(one.compared or one.drift or led_to_none(one) for one in checks)


def _document(session: Session, checks: Sequence[Check], failed: Sequence[CqrsError], single: bool) -> Findings:
    findings = [
        Finding("drift", "error", one.projection, _told(drift), f"cqrs project {one.projection} --rebuild")
        for one in checks
        for drift in one.drift
    ]
    findings += [
        Finding(error.code, "error", str(error.details["projection"]), error.message, say(error)) for error in failed
    ]
    rows = Table(
        [{"projection": one.projection, **records.drift(drift)} for one in checks for drift in one.drift],
        _DRIFT,
        row=_drift_row,
        most=SHOWN_DRIFT,
        more=lambda hidden: f"{counted(hidden, 'difference')} more: --json shows them all",
    )
    found = [records.check(one) for one in checks]
    table = Table(found, whole=found[0] if single and found else None, flat=rows)
    classes = {rows.name: rows.cls for rows in session.domain().row_types()}
    store = session.store_file
    checked = [one.projection for one in checks]
    return Findings("project --check", checked, findings, table, lambda name: place_of(classes.get(name), store))


def _drift_row(record: Any) -> dict[str, Any]:
    key = ", ".join(str(value) for value in record["key"].values())
    if record["column"] is not None:
        return {**record, "key": key}
    return {
        **record,
        "key": key,
        "column": "(the whole row)",
        "live": record["live"] or "(none)",
        "fresh": record["fresh"] or "(none)",
    }


def _told(drift: Any) -> str:
    key = ", ".join(f"{name}={value}" for name, value in drift.key.items())
    if drift.column is None:
        return f"row {key} is " + ("missing among the live rows" if drift.live is None else "not in a fresh fold")
    return f"row {key}, column {drift.column}: live {drift.live!r}, fresh {drift.fresh!r}"
