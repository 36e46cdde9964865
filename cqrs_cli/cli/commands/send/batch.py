"""`cqrs send --batch`: many commands, in the order of their lines."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from cqrs_cli.cli.commands.send.interruption import Interruption
from cqrs_cli.cli.commands.send.lines import FILE, LineReader
from cqrs_cli.cli.commands.send.remarks import say_if_ahead, say_if_orphaned
from cqrs_cli.cli.options.foreign import check_pair
from cqrs_cli.cli.options.sources import unreadable
from cqrs_cli.cli.printing.documents import Outcomes
from cqrs_cli.cli.printing.outcomes import Batch, Tally
from cqrs_cli.cli.printing.output import UNWRITABLE
from cqrs_cli.cli.shell.hints import say
from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import CqrsError, StoreNotFound

if TYPE_CHECKING:
    from typing import BinaryIO

    from cqrs_cli.cli.shell.session import Session
    from cqrs_cli.workbench.outcome import Outcome
    from cqrs_cli.workbench.workbench import Workbench


class _Interrupted(CqrsError):
    """Ctrl-C, after something was done that is worth knowing."""

    code = "interrupted"
    exit_code = 130


def send_batch(
    name: str, fail_fast: bool, allow_rejected: bool, *, dry_run: bool = False, foreign: bool = False
) -> int:
    """Send the lines of a file (`-`: stdin); returns the exit code. dry_run: on a fork that is thrown away."""
    session = current()
    reader = LineReader(session.domain())
    interruption = Interruption(reader.stop)
    batch = Batch(session.printer, "standard input" if name == "-" else name, allow_rejected)
    tally = batch.tally
    with opened(name) as file:
        bench = _trial(session) if dry_run else session.workbench(write=True, prints=Outcomes)
        check_pair(session, bench, foreign, recent=True)
        outcomes = bench.send_batch(reader.requests(interruption.reading(file)), fail_fast=fail_fast)
        if dry_run:
            outcomes = map(_as_tried, outcomes)
        try:
            with interruption.heard(), session.printer.progress("sent", unit="commands") as done:
                batch.print(_each(_to_the_end(outcomes, interruption), done))
        except KeyboardInterrupt:
            batch.close()
            raise _interrupted(tally, reader, interruption.in_work) from None
        except CqrsError as error:
            reader.stop()
            batch.close()
            if error.code == UNWRITABLE:  # what was written together with the last outcome is told as well
                for outcome in outcomes:
                    tally.add(outcome)
            if tally.last_line:
                told = f"stopped after {tally.line()}; {_how_to_go_on(tally, reader)}; {say(error)}"
                raise error.retold(error.message, hint=told) from error
            raise
    batch.close()
    if not session.printer.format.has_end:
        session.printer.message(tally.line())
    if dry_run:
        session.printer.message("dry run: nothing was written")
        return tally.exit_code(allow_rejected)
    if tally.opened:
        say_if_orphaned(session, bench)
    if tally.recorded_us is not None:
        say_if_ahead(session, tally.recorded_us)
    return tally.exit_code(allow_rejected)


def _trial(session: Session) -> Workbench:
    """A workbench on a fork of the store, or on an empty one where there is none yet."""
    from cqrs_cli.history.what_if import trial
    from cqrs_cli.stores.registry import open_store

    session.printer.ready(Outcomes)
    session.stand_apart()
    try:
        store = session.store()
    except StoreNotFound:
        store = session.keep(open_store("memory:", create=True))
    return session.keep(trial(store, session.domain()))


def _as_tried(outcome: Outcome) -> Outcome:
    return outcome._replace(status="dry-run") if outcome.status == "committed" else outcome


def _to_the_end(outcomes: Iterator[Outcome], interruption: Interruption) -> Iterator[Outcome]:
    """The outcomes. Raises `KeyboardInterrupt` at the end if that was not the end of the lines."""
    yield from outcomes
    if interruption.came:
        raise KeyboardInterrupt


def _each(outcomes: Iterator[Outcome], done: Callable[[int], object]) -> Iterator[Outcome]:
    """The outcomes, each of them counted."""
    for outcome in outcomes:
        done(1)
        yield outcome


def _interrupted(tally: Tally, reader: LineReader, in_work: bool) -> _Interrupted:
    """How far a batch came. in_work: it was not let finish what it did."""
    details: dict[str, Any] = {"line": tally.last_line, "position": tally.position, "done": tally.summary()}
    again = _how_to_go_on(tally, reader)
    if in_work:
        again = f"what was being written may be in the log too: cqrs log --last 5; {again}"
    if not tally.last_line:
        return _Interrupted("stopped before the first line was sent", hint=again if in_work else None, **details)
    at = "" if tally.position is None else f", position {tally.position:,}"
    return _Interrupted(f"stopped after line {tally.last_line:,}{at}: {tally.line()}", hint=again, **details)


def _how_to_go_on(tally: Tally, reader: LineReader) -> str:
    """A line with an id may be sent twice, others not."""
    if reader.made_ids:
        return f"go on after line {tally.last_line:,}: lines without command_id would be sent a second time"
    return "sending the same lines again goes on where it stopped"


def opened(name: str) -> contextlib.AbstractContextManager[BinaryIO]:
    try:
        return contextlib.nullcontext(sys.stdin.buffer) if name == "-" else open(name, "rb")
    except (OSError, ValueError) as error:
        raise unreadable(f"--batch: can't read {name!r}", error, FILE) from None
