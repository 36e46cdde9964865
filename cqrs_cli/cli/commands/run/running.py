"""`cqrs run` at work: stopped by signals, and what it says meanwhile."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from cqrs_cli import records
from cqrs_cli.cli.printing.documents import Moment
from cqrs_cli.cli.printing.output import terminal_width
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.printing.processor_status import print_changes, print_orphans
from cqrs_cli.cli.shell.hints import in_brackets, say
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import Misuse, StoreNotFound
from cqrs_cli.log.clock import ahead_of, last_recorded
from cqrs_cli.stores.moments import rfc3339
from cqrs_cli.stores.registry import open_store

if TYPE_CHECKING:
    from cqrs_cli.workbench.processors.runner import Round
    from cqrs_cli.workbench.workbench import Workbench


_LOOK_AGAIN = 0.1


class _Signals:
    """SIGTERM and SIGINT as a question between batches. A second one has its usual effect."""

    def __init__(self) -> None:
        self.came = False

    @contextmanager
    def heard(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._hear) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, *_: object) -> None:
        self.came = True
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)


def keep_up(session: Session, once: bool, start: int | None) -> int:
    """Run until stopped, or once; returns the exit code."""
    printer = session.printer
    printer.format.only(Moment)
    if not once and (printer.format.has_end or session.settings.output is not None):
        raise Misuse("a run has no end, so neither --json nor -o can be complete", hint="--once, or --jsonl")
    signals = _Signals()
    with signals.heard():
        bench, is_new = _opened(session, once, signals)
        if bench is None:
            return 0
        if is_new and start is None:
            start = 0  # all that it holds came since
        runner = bench.runner(start=start, stop=lambda: signals.came)
        if not (bench.domain.reactions or bench.domain.projections):
            printer.message(f"the domain {bench.domain.name} has neither projections nor reactions")
        print_changes(session, bench)
        print_orphans(session, bench.orphans())
        ahead = ahead_of(time.time_ns() // 1000, last_recorded(bench.store))
        if ahead is not None:
            printer.message(f"{ahead}; deadlines count from this clock")
        shown = _Shown(session)
        if not once:
            with shown.line():
                runner.run(shown)
            return 0
        if printer.format.has_end:
            done = runner.drain()
            printer.print(Moment(_record(done)))
        else:
            with shown.line():
                done = runner.drain(shown)
            shown(runner.untold(done), last=True)
    if done.dead:
        printer.message(f"{counted(done.dead, 'command')} came to nothing: cqrs run --failed")
    return int(bool(done.failures or done.dead))


def _opened(session: Session, once: bool, signals: _Signals) -> tuple[Workbench | None, bool]:
    """The workbench, and whether its store had to be waited for; None if a signal came first."""
    try:
        return session.workbench(write=True, create=False), False
    except StoreNotFound:
        if once:
            raise
    session.printer.message(f"waiting for the store {session.settings.store}: the first send makes it")
    while not signals.came:
        with suppress(StoreNotFound), open_store(session.settings.store, create=False, read_only=True):
            return session.workbench(write=True, create=False), True
        time.sleep(_LOOK_AGAIN)
    return None, True


class _Shown:
    """What a run says while it runs: a line that is rewritten on a terminal, else JSON lines."""

    def __init__(self, session: Session) -> None:
        self._printer = session.printer
        self._quiet = session.settings.quiet
        terminal = session.printer.on_terminal and session.printer.format.for_people
        self._width = terminal_width(sys.stderr, {}) if terminal else None
        self._terminal = terminal
        self._failures: dict[str, str] = {}
        self._sums = {"sent": 0, "rejected": 0, "dead": 0}

    @contextmanager
    def line(self) -> Iterator[None]:
        """While the line is in use; it is wiped at the end."""
        try:
            yield
        finally:
            self._wipe()

    def __call__(self, done: Round, last: bool = False) -> None:
        """Say what a drain came to. last: there is none after it, so the line stays."""
        for name in self._sums:
            self._sums[name] += getattr(done, name)
        failures = {name: error.message for name, error in done.failures.items()}
        for name, message in failures.items():
            if self._failures.get(name) != message:
                self._wipe()
                self._printer.message(message + in_brackets(say(done.failures[name])))
        self._failures = failures
        if not self._terminal:
            self._printer.print(Moment(_record(done)))
        elif last:
            self._printer.message(self._told(done))
        elif self._width is not None and not self._quiet:
            self._wipe()
            sys.stderr.write(self._told(done)[: self._width - 1])
            sys.stderr.flush()

    def _told(self, done: Round) -> str:
        parts = [f"position {done.position:,}"]
        if done.at_work is not None:
            parts.append(f"{done.at_work.name} {done.at_work.position:,} of {done.at_work.head:,}")
        parts += [f"{self._sums['sent']:,} sent"]
        parts += [
            f"{self._sums[name]:,} {told}"
            for name, told in (("rejected", "rejected"), ("dead", "failed"))
            if self._sums[name]
        ]
        parts += [f"stopped: {', '.join(self._failures)}"] if self._failures else []
        if done.next_due is not None:
            parts.append(f"next deadline {rfc3339(done.next_due)[:19]}Z")
        return f"{time.strftime('%H:%M:%S')}  {'  '.join(parts)}"

    def _wipe(self) -> None:
        if self._width is not None:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _record(done: Round) -> records.Record:
    return records.run_round(done, time.time_ns() // 1000, say)
