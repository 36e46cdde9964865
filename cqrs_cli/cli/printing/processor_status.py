"""Where projections stand, for people and programs: `cqrs project --status`, and what is said beside the rows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from cqrs_cli import records
from cqrs_cli.cli.printing.documents import Column, Table
from cqrs_cli.cli.printing.times import shown_span
from cqrs_cli.cli.shell.hints import unfinished
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import CqrsError, Misuse, StoreFailed
from cqrs_cli.finding import Finding
from cqrs_cli.workbench.processors.lag import MostLag, parse_most_lag
from cqrs_cli.workbench.processors.status import ProcessorStatus
from cqrs_cli.workbench.workbench import Workbench

LAG = ("lag", Column("lag_seconds", "behind for", whole=True, optional=True, drop=1))
"""Events, and how long the oldest of them has waited."""
OPTIONAL = (Column("reason", optional=True), Column("skipped", optional=True))
"""Columns of a list of processors that are nearly always empty."""

MaxLag = Annotated[
    str | None,
    typer.Option("--max-lag", metavar="N", help="With --status: exit 1 if any is further behind: 100 (events), 30s."),
]


@contextmanager
def caught_up_or_unfinished() -> Iterator[None]:
    """While something is read that catches a projection up first: one that stands still is `Unfinished`."""
    try:
        yield
    except StoreFailed:
        raise
    except CqrsError as error:
        if "projection" not in error.details:  # it is the query's own
            raise
        raise unfinished([error]) from error


def print_statuses(session: Session, bench: Workbench, names: Sequence[str]) -> list[ProcessorStatus]:
    """Where projections stand, all without names; what was told."""
    statuses = bench.statuses(*names)
    session.printer.print(
        Table(
            map(records.projection_status, statuses),
            ["projection", "status", "position", *LAG, "rows", *OPTIONAL],
            row=lambda record: {
                **record,
                "lag_seconds": shown_span(record["lag_seconds"]),
                "skipped": ", ".join(_skip_text(one) for one in record["skipped"]),
            },
            empty=f"the domain {bench.domain.name} has no projections",
        )
    )
    print_remarks(session, statuses)
    print_orphans(session, bench.orphans())
    return statuses


def told_late(session: Session, most: MostLag | None, statuses: Sequence[ProcessorStatus]) -> int:
    """The exit code of a status: 1 if anything that was listed is further behind than it may be, or stands still."""
    late = [] if most is None else most.late(statuses)
    if late:
        told = ", ".join(f"{one.name} ({one.status}, {one.lag:,} behind)" for one in late)
        session.printer.message(f"beyond --max-lag: {told}")
    return int(bool(late))


def most_lag(text: str | None, status: bool) -> MostLag | None:
    """The limit of `--max-lag`. Raises `Misuse`, also without `--status`."""
    if text is None:
        return None
    if not status:
        raise Misuse("--max-lag goes with --status", hint="add --status, or leave --max-lag out")
    return parse_most_lag(text)


def print_orphans(session: Session, found: Sequence[Finding]) -> None:
    """What the store has of classes that the domain has not."""
    for one in found:
        session.printer.message(one.message + (f" ({one.hint})" if one.hint else ""))


def print_renamed(session: Session, bench: Workbench) -> None:
    """Which reactions go by older names here."""
    for name, other in bench.renamed.items():
        session.printer.message(f"{name} goes on as {other}, the name under which it began on this store")


def print_changes(session: Session, bench: Workbench) -> None:
    """Which rows were made with other code, and nothing else about them: that is told by whoever moves them."""
    names = sorted(rows.name for rows in bench.domain.row_types())
    print_remarks(session, [one for one in bench.statuses(*names, counted=False) if one.source] if names else [])


def print_remarks(session: Session, statuses: Sequence[ProcessorStatus]) -> None:
    """What is to be known of projections beyond their rows: why they stand still, and that their code changed."""
    for one in statuses:
        for text in _remarks(one):
            session.printer.message(text)


def _remarks(one: ProcessorStatus) -> Iterator[str]:
    again = f"cqrs project {one.name} --rebuild"
    if one.status == "needs-rebuild":
        yield f"{one.name} needs a rebuild: {one.reason}; {again}"
    elif one.status == "stopped":
        yield f"{one.name}{':' if one.is_beyond else ' stopped'} {one.reason}"
    elif one.source == "code":
        yield (
            f"{one.name}: its code is not the one that its rows were made with; "
            f"if it means something else now: raise version=, or {again}"
        )
    elif one.source == "python":
        yield (
            f"{one.name}: its rows were made by another version of Python, "
            f"so whether its code is the same can't be told; to be sure: {again}"
        )
    if one.contained:
        yield f"{one.name}: its rows hold {', '.join(f'@{at}' for at in sorted(one.contained))}, skipped since; {again}"
    if one.rebuilding is not None:
        yield f"a rebuild of {one.name} runs or was interrupted at @{one.rebuilding}; {again} goes on"


def _skip_text(skip: Any) -> str:
    remark = " (in the rows until they are rebuilt)" if skip["held"] else ""
    return f"@{skip['position']} by {skip['by']} on {skip['at'][:10]}: {skip['reason']}{remark}"
