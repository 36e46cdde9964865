"""`cqrs project`: bring read models up to date, rebuild them, print them, say where they stand, check them."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from cqrs_cli import records
from cqrs_cli.cli.commands.project.rows import RowsWanted
from cqrs_cli.cli.options import rows as row_options
from cqrs_cli.cli.options.addresses import position_at
from cqrs_cli.cli.options.combinations import only_one
from cqrs_cli.cli.options.foreign import Foreign, check_pair
from cqrs_cli.cli.options.freshness import Stale, Timeout, Wait, bench_to_read
from cqrs_cli.cli.options.signer import signed_by
from cqrs_cli.cli.printing.documents import Table
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.printing.processor_status import MaxLag, most_lag, print_remarks, print_statuses, told_late
from cqrs_cli.cli.printing.progress import steps
from cqrs_cli.cli.shell import completion
from cqrs_cli.cli.shell.hints import unfinished
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import CqrsError, DomainFailed, Misuse, StoreFailed, Undecodable
from cqrs_cli.log.points import parse_position
from cqrs_cli.workbench.processors.status import ProcessorStatus
from cqrs_cli.workbench.workbench import Workbench


def project(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Projections; all of the domain without.", autocompletion=completion.projections
        ),
    ] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Fold the rows anew, beside the live ones, and swap them in.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="With --rebuild: do not go on where an interrupted one stopped.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --rebuild: say what it would do.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Say where they stand; change and print no rows.")] = False,
    max_lag: MaxLag = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare the rows with a fresh fold: exit 1 if they drifted.")
    ] = False,
    sample: Annotated[
        str | None, typer.Option("--sample", metavar="N", help="With --check: only about N rows.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="@1200|TIME", help="The rows as they were then.")] = None,
    skip: Annotated[
        str | None, typer.Option("--skip", metavar="@P", help="Pass over the event at @P, on record, and go on.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="With --skip: why.")] = None,
    skipped_by: Annotated[
        str | None, typer.Option("--as", metavar="USER", help="With --skip: who; the user of this machine without.")
    ] = None,
    where: row_options.Where = None,
    order: row_options.Order = None,
    limit: row_options.Limit = None,
    columns: row_options.Columns = None,
    count: row_options.Count = False,
    sum_: row_options.Sum = None,
    distinct: row_options.Distinct = None,
    stale: Stale = False,
    wait: Wait = None,
    timeout: Timeout = None,
    foreign: Foreign = False,
) -> int | None:
    """Catch projections up with the log and print them as tables.

    The rows are folds of the log: they can always be thrown away and made again with --rebuild.
    A projection that meets an event it can't take stops there; the others go on, and the exit code is 1.
    """
    session = current()
    chosen = names or []
    skips = skip is not None
    only_one({"--rebuild": rebuild, "--status": status, "--check": check, "--at": at is not None, "--skip": skips})
    for name, is_given, base, has_base in (
        ("--restart", restart, "--rebuild", rebuild),
        ("--dry-run", dry_run, "--rebuild", rebuild),
        ("--sample", sample is not None, "--check", check),
        ("--reason", reason is not None, "--skip", skips),
        ("--as", skipped_by is not None, "--skip", skips),
    ):
        if is_given and not has_base:
            raise Misuse(f"{name} goes with {base}", hint=f"add {base}, or leave {name} out")
    most = most_lag(max_lag, status)
    asked = row_options.RowsAsked(limit, order=order, columns=columns, counted=count, sum=sum_, distinct=distinct)
    rows = RowsWanted(session, chosen, where or [], asked)
    if not (status or check or (rebuild and dry_run)):  # rows are printed, whatever is done before
        session.printer.can_hold(len(chosen) or len(session.domain().projections))
        rows.check()
    elif rows.is_asked:
        mode = "--status" if status else "--check" if check else "--dry-run"
        raise Misuse(f"{mode} prints no rows, so there are none to choose from", hint=f"leave {mode} out, or the rest")
    if status:
        return told_late(session, most, print_statuses(session, _paired(session, foreign), chosen))
    elif check:
        from cqrs_cli.cli.commands.project.drift import print_checks

        bench = _paired(session, foreign)
        every = sorted(rows.name for rows in bench.domain.row_types())  # the rows of processes can drift too
        named = _names(bench, chosen) if chosen else every
        return print_checks(session, bench, named, bool(chosen), _positive("--sample", sample))
    elif at is not None:
        _print_past(session, _paired(session, foreign), rows, at)
    elif rebuild and dry_run:
        _print_plans(session, _paired(session, foreign), chosen)
    elif rebuild:
        _rebuild(session, _paired(session, foreign, write=True), rows, restart)
    else:
        if skip is not None:
            _skip(session, chosen, skip, reason, skipped_by, foreign)
        _catch_up(session, bench_to_read(session, stale, wait, timeout, chosen, foreign), rows)
    return None


def _paired(session: Session, foreign: bool, write: bool = False) -> Workbench:
    """The domain on its store, which must be there. Raises `Misuse` for another domain's."""
    bench = session.workbench(write=True, create=False, only_rows=True) if write else session.workbench()
    check_pair(session, bench, foreign)
    return bench


def _positive(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch("0*[1-9][0-9]{0,17}", text):
        raise Misuse(f"{option} wants a number from 1 on, not {text!r}", hint=f"{option} 100")
    return int(text)


# ── catching up ───────────────────────────────────────────────────────────────────────────────


def _catch_up(session: Session, bench: Workbench, rows: RowsWanted) -> None:
    chosen = _names(bench, rows.names)
    errors: list[CqrsError] = []
    if not bench.read_only:
        with session.printer.progress("projecting", bench.store.head()) as done:
            errors = bench.try_project(chosen, steps(done))
    statuses = bench.statuses(*chosen) if chosen else []
    _print_rows(session, bench, statuses, rows)
    failed = {error.details.get("projection") for error in errors}
    print_remarks(session, [one for one in statuses if one.name not in failed])
    if errors:
        raise unfinished(errors)


def _rebuild(session: Session, bench: Workbench, rows: RowsWanted, restart: bool) -> None:
    chosen = _names(bench, rows.names)
    if chosen:
        with session.printer.progress("rebuilding", bench.store.head()) as done:
            try:
                statuses = bench.rebuild(*chosen, progress=steps(done), restart=restart)
            except (DomainFailed, Undecodable) as error:
                raise unfinished([error]) from error
        told = ", ".join(f"{one.name} ({counted(one.rows, 'row')})" for one in statuses)
        session.printer.message(f"rebuilt {told} up to position {statuses[0].position}")
        _print_rows(session, bench, statuses, rows)


def _names(bench: Workbench, names: Sequence[str]) -> list[str]:
    return [bench.domain.rows_of(name).name for name in names] or sorted(bench.domain.projections)


def _skip(session: Session, names: Sequence[str], text: str, reason: str | None, by: str | None, foreign: bool) -> None:
    if len(names) != 1:
        raise Misuse("--skip is for one projection", hint="cqrs project NAME --skip @P --reason …")
    if not reason:
        raise Misuse(
            "--skip wants a --reason: it is shown ever after", hint=f"cqrs project {names[0]} --skip {text} --reason …"
        )
    position, user = parse_position(text), signed_by(by)
    bench = _paired(session, foreign, write=True)
    bench.skip(names[0], position, by=user, reason=reason)
    session.printer.message(f"{bench.domain.projection(names[0]).name} skips @{position} from now on: {reason}")


# ── printing ──────────────────────────────────────────────────────────────────────────────────


def _print_rows(session: Session, bench: Workbench, statuses: Sequence[ProcessorStatus], rows: RowsWanted) -> None:
    # Rows of another definition can't be read with today's class, and those of a log that lost its end are of no log:
    # none are shown, the status says why.
    sections = [
        records.section(one.name, one.position, one.lag, rows.live(bench, one.name) if _is_readable(one) else iter(()))
        for one in statuses
    ]
    rows.print(sections)
    if not statuses:
        session.printer.message(f"the domain {bench.domain.name} has no projections")


def _is_readable(one: ProcessorStatus) -> bool:
    return one.status not in ("new", "needs-rebuild") and not one.is_beyond


def _print_past(session: Session, bench: Workbench, rows: RowsWanted, at: str) -> None:
    head, position = bench.store.head(), position_at(bench.store, at)
    sections: list[dict[str, Any]] = []
    errors: list[CqrsError] = []
    for name in _names(bench, rows.names):
        try:
            found = rows.past(bench, name, position)
        except StoreFailed:
            raise
        except CqrsError as error:
            errors.append(error)
        else:
            sections.append(records.section(name, position, head - position, found))
    if sections or not errors:
        rows.print(sections)
    if errors:
        raise unfinished(errors)


def _print_plans(session: Session, bench: Workbench, names: Sequence[str]) -> None:
    session.printer.print(Table(map(records.plan, bench.plans(*names))))
    session.printer.message("dry run: nothing was written")
