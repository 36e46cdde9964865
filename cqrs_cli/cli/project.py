"""`cqrs project`: bring read models up to date, rebuild them, print them, say where they stand, check them."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from cqrs_cli.cli import completion
from cqrs_cli.cli.addresses import parse_point, parse_position
from cqrs_cli.cli.command import Command, make
from cqrs_cli.cli.findings import Finding, print_findings, wants_findings
from cqrs_cli.cli.freshness import Stale, Timeout, Wait, fresh_workbench
from cqrs_cli.cli.session import Session, current
from cqrs_cli.errors import CqrsError, Misuse
from cqrs_cli.projector import Status
from cqrs_cli.stores.contract import rfc3339
from cqrs_cli.workbench import Workbench

SHOWN_DRIFT = 100


def command() -> Command:
    """The command, as the table of `app.py` wants it."""
    return make(project)


def project(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Projections; all of the domain without.", autocompletion=completion.projections)] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Fold the rows anew, beside the live ones, and swap them in.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="With --rebuild: do not go on where an interrupted one stopped.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --rebuild: say what it would do.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Say where they stand; change and print no rows.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Compare the rows with a fresh fold: exit 1 if they drifted.")] = False,
    sample: Annotated[str | None, typer.Option("--sample", metavar="N", help="With --check: only about N rows.")] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="@1200|TIME", help="The rows as they were then.")] = None,
    skip: Annotated[str | None, typer.Option("--skip", metavar="@P", help="Pass over the event at @P, on record, and go on.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="With --skip: why.")] = None,
    skipped_by: Annotated[str | None, typer.Option("--as", metavar="USER", help="With --skip: who; the user of this machine without.")] = None,
    stale: Stale = False,
    wait: Wait = None,
    timeout: Timeout = None,
) -> int | None:
    """Catch projections up with the log and print them as tables.

    The rows are folds of the log: they can always be thrown away and made again with --rebuild.
    A projection that meets an event it can't take stops there; the others go on, and the exit code is 1.
    """
    session = current()
    chosen = names or []
    _refuse_mixtures(
        {"--rebuild": rebuild, "--status": status, "--check": check, "--at": at is not None, "--skip": skip is not None},
        {"--restart": (restart, rebuild), "--dry-run": (dry_run, rebuild), "--sample": (sample is not None, check), "--reason": (reason is not None, skip is not None)},
    )
    if status:
        _print_statuses(session, session.workbench(), chosen)
        return None
    if check:
        return _check(session, chosen, _positive("--sample", sample))
    if at is not None:
        _print_past(session, session.workbench(), chosen, at)
        return None
    if rebuild and dry_run:
        _print_plans(session, session.workbench(), chosen)
        return None
    if rebuild:
        _rebuild(session, chosen, restart)
        return None
    if skip is not None:
        _skip(session, chosen, skip, reason, skipped_by)
    bench = fresh_workbench(session, stale, wait, timeout)
    return _catch_up(session, bench, chosen)


def _refuse_mixtures(modes: dict[str, bool], belongs: dict[str, tuple[bool, bool]]) -> None:
    given = [name for name, is_given in modes.items() if is_given]
    if len(given) > 1:
        raise Misuse(f"{given[0]} and {given[1]} are two different things", hint="give one of them")
    for name, (is_given, has_base) in belongs.items():
        if is_given and not has_base:
            base = {"--restart": "--rebuild", "--dry-run": "--rebuild", "--sample": "--check", "--reason": "--skip"}[name]
            raise Misuse(f"{name} goes with {base}")


def _positive(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdigit() or int(text) == 0:
        raise Misuse(f"{option} wants a number from 1 on, not {text!r}")
    return int(text)


# ── catching up ───────────────────────────────────────────────────────────────────────────────


def _catch_up(session: Session, bench: Workbench, names: Sequence[str]) -> int | None:
    chosen = _names(bench, names)
    errors: list[CqrsError] = []
    if not bench.read_only:
        with session.printer.progress("projecting", bench.store.head()) as done:
            errors = bench.try_project(chosen, _steps(done))
    _print_rows(session, bench, bench.statuses(*chosen) if chosen else [], single=len(names) == 1)
    if not errors:
        return None
    for error in errors[1:]:
        session.printer.message(f"also: {error.message}")
    # What stopped is an answer, not a failure of the tool: the code is the error's, the exit code 1.
    raise errors[0] if errors[0].exit_code not in (8,) else _Stopped(errors[0])


class _Stopped(CqrsError):
    """A projection stopped at an event."""

    exit_code = 1

    def __init__(self, cause: CqrsError) -> None:
        super().__init__(cause.message, hint=cause.hint, code=cause.code, **cause.details)
        self.traceback = getattr(cause, "traceback", None)


def _rebuild(session: Session, names: Sequence[str], restart: bool) -> None:
    bench = session.workbench(write=True, create=False)
    chosen = _names(bench, names)
    if chosen:
        with session.printer.progress("rebuilding", bench.store.head()) as done:
            statuses = bench.rebuild(*chosen, progress=_steps(done), restart=restart)
        told = ", ".join(f"{one.projection} ({one.rows:,} {'row' if one.rows == 1 else 'rows'})" for one in statuses)
        session.printer.message(f"rebuilt {told} up to position {statuses[0].position}")
        _print_rows(session, bench, statuses, single=len(names) == 1)


def _names(bench: Workbench, names: Sequence[str]) -> list[str]:
    return [bench.domain.projection(name).name for name in names] or sorted(bench.domain.projections)


def _steps(done: Any) -> Any:
    last = 0

    def progress(position: int, _: int) -> None:
        nonlocal last
        if position > last:
            done(position - last)
        last = position

    return progress


def _skip(session: Session, names: Sequence[str], text: str, reason: str | None, by: str | None) -> None:
    if len(names) != 1:
        raise Misuse("--skip is for one projection", hint="cqrs project NAME --skip @P --reason …")
    if not reason:
        raise Misuse("--skip wants a --reason: it is shown ever after")
    bench = session.workbench(write=True, create=False)
    position = parse_position(text)
    bench.skip(names[0], position, by=by or getpass.getuser(), reason=reason)
    session.printer.message(f"{bench.domain.projection(names[0]).name} skips @{position} from now on: {reason}")


# ── printing ──────────────────────────────────────────────────────────────────────────────────


def _print_rows(session: Session, bench: Workbench, statuses: Sequence[Status], single: bool) -> None:
    def section(one: Status) -> dict[str, Any]:
        return {"projection": one.projection, "position": one.position, "lag": one.lag, "rows": _rows(bench, one)}

    _print_sections(session, bench, [section(one) for one in statuses], single)
    if not statuses:
        session.printer.message(f"the domain {bench.domain.name} has no projections")


def _print_past(session: Session, bench: Workbench, names: Sequence[str], at: str) -> None:
    point = parse_point(at)
    if point.version is not None:
        raise Misuse(f"--at {at} is a version, and a read model has none", hint="--at @POSITION or --at TIME")
    head = bench.store.head()
    position = bench.store.position_at(point.moment) if point.moment is not None else min(point.position or 0, head)
    sections = [
        {"projection": name, "position": position, "lag": head - position, "rows": map(bench.jsonable, bench.rows_at(name, position))}
        for name in _names(bench, names)
    ]
    _print_sections(session, bench, sections, single=len(names) == 1)


def _print_sections(session: Session, bench: Workbench, sections: list[dict[str, Any]], single: bool) -> None:
    printer = session.printer
    if single and printer.format == "json":
        printer.record({**sections[0], "rows": list(sections[0]["rows"])})
        return

    def title(part: Any) -> str:
        behind = f", {part['lag']:,} behind" if part["lag"] else ""
        return f"{part['projection']}  (position {part['position']}{behind})"

    def columns(part: Any) -> list[str]:
        return [column.name for column in bench.domain.projections[part["projection"]].table.columns]

    printer.sections(sections, title, columns=columns)


def _rows(bench: Workbench, one: Status) -> Iterator[dict[str, Any]]:
    # Rows of another definition can't be read with today's class: none are shown, the status says why.
    return iter(()) if one.status in ("new", "needs-rebuild") else map(bench.jsonable, bench.rows(one.projection))


def _print_statuses(session: Session, bench: Workbench, names: Sequence[str]) -> None:
    statuses = bench.statuses(*names)
    session.printer.records(
        (_status_record(one) for one in statuses),
        ["projection", "status", "position", "lag", "rows", "reason", "skipped"],
        row=lambda record: {**record, "skipped": ", ".join(_skip_text(one) for one in record["skipped"])},
        empty=f"the domain {bench.domain.name} has no projections",
    )
    for one in statuses:
        if one.status == "needs-rebuild":
            session.printer.message(f"{one.projection}: {one.reason}; cqrs project {one.projection} --rebuild")
        elif one.source_changed:
            session.printer.message(
                f"{one.projection}: its code is not the one that its rows were made with; if it means something else now: "
                f"raise version=, or cqrs project {one.projection} --rebuild"
            )


def _status_record(one: Status) -> dict[str, Any]:
    return {
        "projection": one.projection,
        "status": one.status,
        "position": one.position,
        "lag": one.lag,
        "rows": one.rows,
        "reason": one.reason,
        "skipped": [
            {"position": skip.position, "by": skip.skipped_by, "at": rfc3339(skip.skipped_us), "reason": skip.reason} for skip in one.skips
        ],
    }


def _skip_text(skip: Any) -> str:
    return f"@{skip['position']} by {skip['by']} on {skip['at'][:10]}: {skip['reason']}"


def _print_plans(session: Session, bench: Workbench, names: Sequence[str]) -> None:
    session.printer.records(
        {
            "projection": plan.projection,
            "events": plan.events,
            "rows_now": plan.rows_now,
            "estimated_seconds": None if plan.seconds is None else round(plan.seconds, 2),
        }
        for plan in bench.plans(*names)
    )
    session.printer.message("dry run: nothing was written")


# ── checking ──────────────────────────────────────────────────────────────────────────────────


def _check(session: Session, names: Sequence[str], sample: int | None) -> int:
    bench, printer = session.workbench(), session.printer
    with printer.progress("checking", bench.store.head()) as done:
        checks = [bench.check(name, sample=sample, progress=_steps(done)) for name in _names(bench, names)]
    drifted = any(one.drift for one in checks)
    if wants_findings(printer):
        findings = [
            Finding("drift", "error", one.projection, _told(drift), f"cqrs project {one.projection} --rebuild") for one in checks for drift in one.drift
        ]
        print_findings(printer, "project --check", [one.projection for one in checks], findings)
        return int(drifted)
    records = [
        {
            "projection": one.projection,
            "compared": one.compared,
            "drift": [drift._asdict() for drift in one.drift],
        }
        for one in checks
    ]
    if printer.format == "json" and len(names) == 1:
        printer.record(records[0])
    elif printer.format in ("json", "jsonl"):
        printer.records(records)
    else:
        rows = [{"projection": one.projection, **drift._asdict()} for one in checks for drift in one.drift]
        printer.records(rows[:SHOWN_DRIFT], ["projection", "key", "column", "live", "fresh"], row=_drift_row)
    for one in checks:
        found = f"{len(one.drift)} differences: cqrs project {one.projection} --rebuild" if one.drift else "no drift"
        printer.message(f"{one.projection}: {one.compared:,} rows compared at position {one.position}, {found}")
    return int(drifted)


def _drift_row(record: Any) -> dict[str, Any]:
    key = ", ".join(str(value) for value in record["key"].values())
    if record["column"] is not None:
        return {**record, "key": key}
    return {**record, "key": key, "column": "(the whole row)", "live": record["live"] or "(none)", "fresh": record["fresh"] or "(none)"}


def _told(drift: Any) -> str:
    key = ", ".join(f"{name}={value}" for name, value in drift.key.items())
    if drift.column is None:
        return f"row {key} is " + ("missing among the live rows" if drift.live is None else "not in a fresh fold")
    return f"row {key}, column {drift.column}: live {drift.live!r}, fresh {drift.fresh!r}"
