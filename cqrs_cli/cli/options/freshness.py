"""How fresh what is read must be: `--stale`, `--wait @P|COMMAND_ID`, `--timeout`; shared by `project` and `query`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import Misuse, Unavailable
from cqrs_cli.log.points import parse_position
from cqrs_cli.stores.contract import Store
from cqrs_cli.workbench.workbench import Workbench

Stale = Annotated[bool, typer.Option("--stale", help="Print what is there; do not catch up first.")]
Wait = Annotated[str | None, typer.Option("--wait", metavar="@P|COMMAND_ID", help="First wait until the log has this.")]
Timeout = Annotated[str | None, typer.Option("--timeout", metavar="SECONDS", help="With --wait: at most so long (10).")]

PATIENCE = 10.0
_LOOK_AGAIN = 0.02
_LATE_HINT = "a longer --timeout, or look whether it was sent"


def fresh_workbench(
    session: Session, stale: bool, wait: str | None, timeout: str | None, names: Sequence[str] = ()
) -> Workbench:
    """The workbench to read with: it can write, so that it catches up, unless `stale` or the store can't be written to.

    names: the read models that will be read; all projections of the domain without. What is read as it is has
    its lag said on standard error, and what is waited for is waited for in the rows, which others must bring:
    so it always is with process managers, whose rows move when they run.
    Raises `Unavailable` (exit 7) if it did not come in time.
    """
    if timeout is not None and wait is None:
        raise Misuse("--timeout goes with --wait", hint="--wait @POSITION or --wait COMMAND_ID says what to wait for")
    seconds = _seconds(timeout)
    if stale:
        bench = session.workbench()
    else:
        try:
            bench = session.workbench(write=True, create=False)
        except Unavailable as error:
            bench = session.workbench()  # raises again if it can't be read either
            session.printer.message(f"not caught up, the store can't be written to: {error.message}")
    read = [bench.domain.rows_of(name).name for name in names] or sorted(bench.domain.projections)
    as_it_is = [name for name in read if bench.read_only or name in bench.domain.reactions]
    processes = [name for name in as_it_is if name in bench.domain.reactions]
    if wait is not None:
        end = time.monotonic() + seconds
        position = _wait_for_log(bench.store, wait, seconds)
        hint = "cqrs run moves them, cqrs run --status says where they stand" if processes else _LATE_HINT
        _wait_for_rows(bench.store, as_it_is, position, wait, end, seconds, hint)
    lags = [f"{name} {counted(lag, 'event')}" for name, lag in _lags(bench.store, as_it_is).items() if lag]
    if lags:
        mover = "; cqrs run moves process managers" if processes else ""
        session.printer.message(f"behind the head: {', '.join(lags)}{mover}")
    return bench


def _lags(store: Store, names: Sequence[str]) -> dict[str, int]:
    positions = {checkpoint.name: checkpoint.position for checkpoint in store.rows.checkpoints()}
    head = store.head()
    return {name: max(head - positions.get(name, 0), 0) for name in names}


def _seconds(text: str | None) -> float:
    try:
        seconds = float(text) if text is not None else PATIENCE
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e6:
        raise Misuse(f"--timeout wants seconds, not {text!r}", hint="--timeout 30, or 0.5")
    return seconds


def _wait_for_log(store: Store, wanted: str, seconds: float) -> int:
    """Wait until the log has a position or a command; returns the position."""
    end = time.monotonic() + seconds
    if wanted.startswith("@"):
        position = parse_position(wanted)
        if position and not store.wait(position - 1, seconds):
            raise _late(f"the log is at @{store.head()}, not yet at {wanted}", seconds, position=position)
        return position
    while True:
        head = store.head()  # first: what comes after it ends the wait below
        commit = store.commit(wanted)
        if commit is not None:
            return commit.events[-1].position
        left = end - time.monotonic()
        if left <= 0:
            raise _late(f"no commit with the id {wanted} came", seconds, command_id=wanted)
        store.wait(head, left)


def _wait_for_rows(
    store: Store, names: Sequence[str], position: int, wanted: str, end: float, seconds: float, hint: str
) -> None:
    """Wait until somebody else has projected up to the position."""
    while True:
        positions = {checkpoint.name: checkpoint.position for checkpoint in store.rows.checkpoints()}
        behind = [name for name in names if positions.get(name, 0) < position]
        if not behind:
            return
        if time.monotonic() >= end:
            what = f"@{position}" if wanted.startswith("@") else f"{wanted} (@{position})"
            raise _late(f"{', '.join(behind)} had not come to {what}", seconds, hint, position=position)
        time.sleep(_LOOK_AGAIN)


def _late(message: str, seconds: float, hint: str = _LATE_HINT, **details: Any) -> Unavailable:
    return Unavailable(f"{message} after {seconds:g} s", code="timed-out", hint=hint, **details)
