"""`cqrs project`: bring read models up to date, rebuild them, print them, say where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cqrs_cli.cli.command import Command, make
from cqrs_cli.cli.session import Session, current
from cqrs_cli.errors import Misuse
from cqrs_cli.workbench import Status, Workbench


def command() -> Command:
    """The command, as the table of `app.py` wants it."""
    return make(project)


def project(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Projections; all of the domain without.")] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Fold the rows anew, beside the live ones, and swap them in.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="With --rebuild: do not go on where an interrupted one stopped.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Say where they stand; change and print no rows.")] = False,
) -> None:
    """Catch projections up with the log and print them as tables.

    The rows are folds of the log: they can always be thrown away and made again with --rebuild.
    """
    session = current()
    if restart and not rebuild:
        raise Misuse("--restart goes with --rebuild")
    if status and rebuild:
        raise Misuse("--status changes nothing, --rebuild does", hint="give one of them")
    if status:
        _print_statuses(session, session.workbench(), names or [])
        return
    bench = session.workbench(write=True, create=False)
    chosen = [bench.domain.projection(name).name for name in names or sorted(bench.domain.projections)]
    if not chosen:
        session.printer.message(f"the domain {bench.domain.name} has no projections")
    with session.printer.progress("rebuilding" if rebuild else "projecting", bench.store.head()) as done:
        reached: dict[str, int] = {}

        def progress(position: int, _: int) -> None:
            done(position - reached.get("position", 0) if position > reached.get("position", 0) else 0)
            reached["position"] = position

        statuses = (
            bench.rebuild(*chosen, progress=progress, restart=restart) if rebuild and chosen else bench.project(*chosen, progress=progress)
        )
    if rebuild:
        told = ", ".join(f"{one.projection} ({one.rows:,} rows)" for one in statuses)
        session.printer.message(f"rebuilt {told} up to position {bench.store.head()}")
    _print_rows(session, bench, statuses, single=len(names or ()) == 1)


def _print_rows(session: Session, bench: Workbench, statuses: list[Status], single: bool) -> None:
    def section(one: Status) -> dict[str, Any]:
        return {"projection": one.projection, "position": one.position, "lag": one.lag, "rows": _rows(bench, one.projection)}

    printer = session.printer
    if single and printer.format == "json":
        printer.record({**section(statuses[0]), "rows": list(_rows(bench, statuses[0].projection))})
        return

    def title(part: Any) -> str:
        return f"{part['projection']}  (position {part['position']})"

    def columns(part: Any) -> list[str]:
        return [column.name for column in bench.domain.projections[part["projection"]].table.columns]

    printer.sections((section(one) for one in statuses), title, columns=columns)


def _rows(bench: Workbench, name: str) -> Iterator[dict[str, Any]]:
    return (bench.jsonable(row) for row in bench.rows(name))


def _print_statuses(session: Session, bench: Workbench, names: list[str]) -> None:
    chosen = {bench.domain.projection(name).name for name in names}
    statuses = [one for one in bench.statuses() if not chosen or one.projection in chosen]
    session.printer.records(
        (
            {"projection": one.projection, "status": one.status, "position": one.position, "lag": one.lag, "rows": one.rows}
            for one in statuses
        ),
        empty=f"the domain {bench.domain.name} has no projections",
    )
    for one in statuses:
        if one.status == "needs-rebuild":
            session.printer.message(f"{one.projection}: {one.reason}; cqrs project {one.projection} --rebuild")
