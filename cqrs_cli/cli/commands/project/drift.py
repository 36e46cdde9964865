"""`cqrs project --check`: the rows compared with a fresh fold of the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cqrs_cli.cli.printing.findings import Finding, print_findings, wants_findings
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.printing.processor_status import Unfinished
from cqrs_cli.cli.printing.progress import steps
from cqrs_cli.cli.printing.render import Printer
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import CqrsError, Damaged, Unavailable
from cqrs_cli.workbench.processors.refold import Check
from cqrs_cli.workbench.workbench import Workbench

SHOWN_DRIFT = 100


def print_checks(session: Session, bench: Workbench, names: Sequence[str], asked: bool, sample: int | None) -> int:
    """Check projections and print what differs; returns the exit code. asked: they were named one by one."""
    printer = session.printer
    checks: list[Check] = []
    failed: list[CqrsError] = []
    with printer.progress("checking", bench.store.head()) as done:
        for name in names:
            try:
                checks.append(bench.check(name, sample=sample, progress=steps(done)))
            except (Unavailable, Damaged):
                raise
            except CqrsError as error:
                if error.code != "never-projected":  # out of date, or an event that today's code can't take: a finding
                    error.details.setdefault("projection", name)
                    failed.append(error)
                elif asked:
                    raise
                else:
                    printer.message(f"{name} has no rows yet, so there is nothing to compare")
    drifted = not all(one.ok for one in checks)
    if wants_findings(printer):
        _print_findings(printer, checks, failed)
        return int(drifted or bool(failed))
    _print_differences(printer, checks, single=asked and len(names) == 1)
    for one in checks:
        found = (
            f"{counted(len(one.drift), 'difference')}: cqrs project {one.projection} --rebuild"
            if one.drift
            else "no drift"
        )
        printer.message(
            f"{one.projection}: {counted(one.compared, 'row')} compared at position {one.position}, {found}"
        )
    if failed:
        raise Unfinished(failed)
    return int(drifted)


def _print_findings(printer: Printer, checks: Sequence[Check], failed: Sequence[CqrsError]) -> None:
    findings = [
        Finding("drift", "error", one.projection, _told(drift), f"cqrs project {one.projection} --rebuild")
        for one in checks
        for drift in one.drift
    ]
    findings += [
        Finding(error.code, "error", str(error.details["projection"]), error.message, error.hint or "")
        for error in failed
    ]
    print_findings(printer, "project --check", [one.projection for one in checks], findings)


def _print_differences(printer: Printer, checks: Sequence[Check], single: bool) -> None:
    records = [
        {"projection": one.projection, "compared": one.compared, "drift": [drift._asdict() for drift in one.drift]}
        for one in checks
    ]
    if printer.format == "json" and single and records:
        printer.record(records[0])
    elif printer.format in ("json", "jsonl"):
        printer.records(records)
    else:
        rows = [{"projection": one.projection, **drift._asdict()} for one in checks for drift in one.drift]
        shown = rows[:SHOWN_DRIFT] if printer.format in ("table", "md") else rows
        printer.records(shown, ["projection", "key", "column", "live", "fresh"], row=_drift_row)
        if len(shown) < len(rows):
            printer.message(f"{counted(len(rows) - len(shown), 'difference')} more: --json shows them all")


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
