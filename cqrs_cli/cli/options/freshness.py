"""How fresh what is read must be: `--stale`, `--wait @P|COMMAND_ID`, `--timeout`; shared by `project` and `query`."""

from collections.abc import Sequence
from typing import Annotated

import typer

from cqrs_cli.cli.options import combinations
from cqrs_cli.cli.options.addresses import position_at
from cqrs_cli.cli.options.foreign import check_pair
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import Misuse, Unavailable
from cqrs_cli.log.waiting import Waiting, lags
from cqrs_cli.workbench.workbench import Workbench

Stale = Annotated[bool, typer.Option("--stale", help="Print what is there; do not catch up first.")]
Wait = Annotated[str | None, typer.Option("--wait", metavar="@P|COMMAND_ID", help="First wait until the log has this.")]
Timeout = Annotated[str | None, typer.Option("--timeout", metavar="SECONDS", help="With --wait: at most so long (10).")]

At = Annotated[str | None, typer.Option("--at", metavar="@1200|TIME", help="From the rows as they were then.")]


def bench_to_look_back(
    session: Session, at: str, explain: bool, stale: bool, wait: str | None, timeout: str | None
) -> Workbench:
    """The workbench to read the past with: with the rows as they were then."""
    if explain:
        raise Misuse("--explain tells how rows are read that are kept, and those of --at are not", hint="leave one out")
    for option, is_given in (("--stale", stale), ("--wait", wait is not None), ("--timeout", timeout is not None)):
        if is_given:
            raise Misuse(f"{option} is about the rows as they are, --at about those of the past", hint="leave one out")
    bench = session.workbench()
    return session.keep(bench.past(position_at(bench.store, at)))


def bench_to_read(
    session: Session,
    stale: bool,
    wait: str | None,
    timeout: str | None,
    names: Sequence[str] = (),
    foreign: bool = False,
) -> Workbench:
    """The workbench to read with: it can write, so that it catches up, unless `stale` or the store can't be written to.

    names: the read models that will be read; all projections of the domain without. What is read as it is has
    its lag said on standard error, and what is waited for is waited for in the rows, which others must bring:
    so it always is with process managers, whose rows move when they run. foreign: see `check_pair`.
    Raises `Unavailable` (exit 7) if it did not come in time.
    """
    patience = combinations.patience(wait, timeout)
    if stale:
        bench = session.workbench()
    else:
        try:
            bench = session.workbench(write=True, create=False, only_rows=True)
        except Unavailable as error:
            bench = session.workbench()  # raises again if it can't be read either
            session.printer.message(f"not caught up, the store can't be written to: {error.message}")
    check_pair(session, bench, foreign, recent=bool(names))  # who reads a few rows does not wait for the whole log
    read = [bench.domain.rows_of(name).name for name in names] or sorted(bench.domain.projections)
    as_it_is = [name for name in read if bench.read_only or name in bench.domain.reactions]
    processes = [name for name in as_it_is if name in bench.domain.reactions]
    if wait is not None:
        waiting = Waiting(bench.store, wait, patience)
        position = waiting.for_log()
        try:
            waiting.for_checkpoints(as_it_is, position)
        except Unavailable as late:
            hint = "cqrs run moves them, cqrs run --status says where they stand" if processes else None
            raise Unavailable(late.message, code=late.code, hint=hint, **late.details) from late
    behind = [f"{name} {counted(lag, 'event')}" for name, _, lag in lags(bench.store, as_it_is) if lag]
    if behind:
        mover = "; cqrs run moves process managers" if processes else ""
        session.printer.message(f"behind the head: {', '.join(behind)}{mover}")
    return bench
