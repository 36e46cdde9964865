"""`cqrs run` at work: stopped by signals, and what it says meanwhile."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from cqrs_cli import records
from cqrs_cli.cli.options.foreign import check_pair
from cqrs_cli.cli.printing.documents import Moment
from cqrs_cli.cli.printing.output import terminal_width
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.printing.processor_status import print_changes, print_orphans, print_renamed
from cqrs_cli.cli.shell.endurance import Endurance
from cqrs_cli.cli.shell.hints import in_brackets, say
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import CqrsError, Misuse, Passing, StoreNotFound
from cqrs_cli.log.clock import ahead_of, last_recorded
from cqrs_cli.log.points import parse_time
from cqrs_cli.stores.moments import micros, moment, rfc3339
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


class How(NamedTuple):
    """How to run. once: to the end of what there is. start: `--from`. now: what time it is to be. foreign: is meant.

    live: on a fork too.
    """

    once: bool
    start: int | None
    now: str | None
    foreign: bool
    live: bool = False


def keep_up(session: Session, how: How) -> int:
    """Run until stopped, or once; returns the exit code."""
    printer, once, start = session.printer, how.once, how.start
    clock = None if how.now is None else _clock(how.now, session.settings.local)
    printer.format.only(Moment)
    if not once and (printer.format.has_end or session.settings.output is not None):
        raise Misuse("a run has no end, so neither --json nor -o can be complete", hint="--once, or --jsonl")
    signals = _Signals()
    with signals.heard(), _hinting(once):
        bench, is_new = _opened(session, once, signals)
        if bench is None:
            return 0
        check_pair(session, bench, how.foreign)
        if start is not None:
            _check_start(bench, start)
        if is_new and start is None:
            start = 0  # all that it holds came since
        if clock is not None:
            printer.message(f"deadlines are due as if it were {rfc3339(micros(clock()))[:19]}Z")
        begin = partial(bench.runner, clock=clock, start=start, stop=lambda: signals.came, live=how.live)
        runner = begin()
        if not (bench.domain.reactions or bench.domain.projections):
            printer.message(f"the domain {bench.domain.name} has neither projections nor reactions")
        print_renamed(session, bench)
        print_changes(session, bench)
        print_orphans(session, bench.orphans())
        ahead = ahead_of(time.time_ns() // 1000, last_recorded(bench.store))
        if ahead is not None:
            printer.message(f"{ahead}; deadlines count from this clock")
        shown = _Shown(session, once)
        if not once:
            with shown.line():
                _run_on(session, signals, lambda: begin().run(shown))
            return 0
        if printer.format.has_end:
            done = runner.drain()
            printer.print(Moment(_record(done, once)))
        else:
            with shown.line():
                done = runner.drain(shown)
            shown(runner.untold(done), last=True)
    if done.dead:
        printer.message(f"{counted(done.dead, 'command')} came to nothing: cqrs run --failed")
    return int(bool(done.failures or done.dead))


def _run_on(session: Session, signals: _Signals, run: Callable[[], object]) -> None:
    """Run until a signal comes. While the server is away, or somebody has what is wanted, it is tried again."""
    endurance = Endurance(session.printer, lambda: signals.came)
    while not signals.came:
        try:
            run()
            return
        except Passing as error:
            endurance.endure(error)


@contextmanager
def _hinting(once: bool) -> Iterator[None]:
    """While errors are raised, of which what helps is the command that was typed, with more words."""
    try:
        yield
    except CqrsError as error:
        raise error.retold(error.message, hint=_say(error, once)) from error.__cause__


def _say(error: CqrsError, once: bool) -> str | None:
    hint = say(error)
    return hint.replace("cqrs run --from", "cqrs run --once --from") if hint and once else hint


def _check_start(bench: Workbench, start: int) -> None:
    """Raise `Misuse` if no reaction begins or asks, as a start then means nothing."""
    if not bench.domain.reactions:
        raise Misuse(f"the domain {bench.domain.name} has no reactions, so --from means nothing", hint="leave it out")
    if not bench.beginning():
        names = sorted(bench.domain.reactions)
        message = f"--from is for reactions that never ran, or ask, and these have begun: {', '.join(names)}"
        raise Misuse(message, code="begun", reaction=names[0], start=start)


def _clock(text: str, local: bool) -> Callable[[], datetime]:
    """A clock that goes on from a time, which may lie ahead of the machine's only. Raises `Misuse`."""
    began = datetime.now(UTC)
    point = moment(parse_time(text, began, local))
    if point < began:
        hint = "a time to come; what was due before is due now anyhow"
        raise Misuse(f"--now {text} is over: the clock goes forward only", hint=hint)
    return lambda: datetime.now(UTC) + (point - began)


def _opened(session: Session, once: bool, signals: _Signals) -> tuple[Workbench | None, bool]:
    """The workbench, and whether its store had to be waited for; None if a signal came first."""
    try:
        return session.workbench(write=True, create=False), False
    except StoreNotFound:
        if once:
            raise
    session.printer.message(f"waiting for the store {session.store_shown}: the first send makes it")
    while not signals.came:
        with suppress(StoreNotFound), open_store(session.settings.store, create=False, read_only=True):
            return session.workbench(write=True, create=False), True
        time.sleep(_LOOK_AGAIN)
    return None, True


class _Shown:
    """What a run says while it runs: a line that is rewritten on a terminal, else JSON lines."""

    def __init__(self, session: Session, once: bool) -> None:
        self._printer, self._once = session.printer, once
        self._quiet = session.settings.quiet
        terminal = session.printer.on_terminal and session.printer.format.for_people
        self._width = terminal_width(sys.stderr, {}) if terminal else None
        self._terminal = terminal
        self._failures: dict[str, str] = {}
        self._sums = {"sent": 0, "honoured": 0, "rejected": 0, "dead": 0}

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
                self._printer.message(message + in_brackets(_say(done.failures[name], self._once)))
        self._failures = failures
        if not self._terminal:
            self._printer.print(Moment(_record(done, self._once)))
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
            for name, told in (("honoured", "in the log already"), ("rejected", "rejected"), ("dead", "failed"))
            if self._sums[name]
        ]
        parts += [f"stopped: {', '.join(self._failures)}"] if self._failures else []
        if done.next_due is not None:
            parts.append(f"next deadline {self._printer.moment(rfc3339(done.next_due))}")
        now = datetime.now(UTC).astimezone() if self._printer.settings.local else datetime.now(UTC)
        zone = now.strftime("%z") if self._printer.settings.local else "Z"
        return f"{now:%H:%M:%S}{zone}  {'  '.join(parts)}"

    def _wipe(self) -> None:
        if self._width is not None:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _record(done: Round, once: bool) -> records.Record:
    return records.run_round(done, time.time_ns() // 1000, lambda error: _say(error, once))
