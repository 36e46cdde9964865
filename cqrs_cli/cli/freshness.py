"""How fresh what is read must be: `--stale`, `--wait @P|COMMAND_ID`, `--timeout`; shared by `project` and `query`."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from cqrs_cli.cli.addresses import parse_position
from cqrs_cli.cli.session import Session
from cqrs_cli.errors import Misuse, Unavailable
from cqrs_cli.stores.contract import Store
from cqrs_cli.workbench import Workbench

Stale = Annotated[bool, typer.Option("--stale", help="Print what is there; do not catch up first.")]
Wait = Annotated[str | None, typer.Option("--wait", metavar="@P|COMMAND_ID", help="First wait until the log has this.")]
Timeout = Annotated[str | None, typer.Option("--timeout", metavar="SECONDS", help="With --wait: at most so long (10).")]

PATIENCE = 10.0


def fresh_workbench(session: Session, stale: bool, wait: str | None, timeout: str | None) -> Workbench:
    """The workbench to read with: it can write, so that it catches up, unless `stale` or the store can't be written to.

    Raises `Unavailable` (exit 7) if what was waited for did not come in time.
    """
    if timeout is not None and wait is None:
        raise Misuse("--timeout goes with --wait")
    if stale:
        bench = session.workbench()
    else:
        try:
            bench = session.workbench(write=True, create=False)
        except Unavailable as error:
            bench = session.workbench()  # raises again if it can't be read either
            session.printer.message(f"not caught up, the store can't be written to: {error.message}")
    if wait is not None:
        _wait_for(bench.store, wait, _seconds(timeout))
    if bench.read_only:
        lags = [f"{one.projection} {one.lag:,}" for one in bench.statuses() if one.lag]
        if lags:
            session.printer.message(f"events behind the head: {', '.join(lags)}")
    return bench


def _seconds(text: str | None) -> float:
    try:
        seconds = float(text) if text is not None else PATIENCE
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e6:
        raise Misuse(f"--timeout wants seconds, not {text!r}")
    return seconds


def _wait_for(store: Store, wanted: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    if wanted.startswith("@"):
        position = parse_position(wanted)
        if position and not store.wait(position - 1, seconds):
            raise _late(f"the log is at @{store.head()}, not yet at {wanted}", seconds, position=position)
        return
    while store.commit(wanted) is None:
        left = end - time.monotonic()
        if left <= 0:
            raise _late(f"no commit with the id {wanted} came", seconds, command_id=wanted)
        store.wait(store.head(), min(left, 1.0))


def _late(message: str, seconds: float, **details: Any) -> Unavailable:
    return Unavailable(f"{message} after {seconds:g} s", code="timed-out", hint="a longer --timeout, or look whether it was sent", **details)

