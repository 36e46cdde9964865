"""`cqrs run`: keep projections and reactions up to date, and look after commands that came to nothing."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from cqrs_cli import records
from cqrs_cli.cli.options.signer import signed_by
from cqrs_cli.cli.printing.documents import Moment, Table
from cqrs_cli.cli.printing.events import to_the_second
from cqrs_cli.cli.printing.output import terminal_width
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.hints import in_brackets, say
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import Misuse
from cqrs_cli.log import letters
from cqrs_cli.log.points import parse_position
from cqrs_cli.stores.moments import rfc3339

if TYPE_CHECKING:
    from cqrs_cli.workbench.processors.runner import Round

_STATUS = ["reaction", "status", "position", "lag", "rows", "waiting", "deadlines", "failed", "reason", "skipped"]
_FAILED = ["id", "reaction", "command", "data", "reason", "position", "failed_at"]


def run(
    once: Annotated[bool, typer.Option("--once", help="Do what there is to do, then end.")] = False,
    start: Annotated[
        str | None, typer.Option("--from", metavar="@P", help="Reactions that never ran answer what came after @P.")
    ] = None,
    status: Annotated[bool, typer.Option("--status", help="Say where reactions stand; change nothing.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="List the commands that came to nothing.")] = False,
    dropped: Annotated[bool, typer.Option("--dropped", help="List those that were dropped.")] = False,
    retry: Annotated[
        list[str] | None, typer.Option("--retry", metavar="ID", help="Send one of them again; may be repeated.")
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option("--drop", metavar="ID", help="Put one away for good; may be repeated.")
    ] = None,
    skip: Annotated[
        str | None, typer.Option("--skip", metavar="NAME@P", help="Let a reaction pass over the event at @P.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="With --drop and --skip: why.")] = None,
    who: Annotated[str | None, typer.Option("--as", metavar="USER", help="With --drop and --skip: who.")] = None,
) -> int | None:
    """Keep projections and reactions up to date until stopped (Ctrl-C, SIGTERM).

    Reactions answer events with commands, each sent once; deadlines are sent when they are due. Several may run
    on one store. What meets an event it can't take stops there and is named; the others go on.
    """
    session = current()
    modes = {
        "--status": status,
        "--failed": failed,
        "--dropped": dropped,
        "--retry": bool(retry),
        "--drop": bool(drop),
        "--skip": skip is not None,
    }
    given = [name for name, is_given in modes.items() if is_given]
    _refuse_mixtures(given, once, start, reason, who)
    if status:
        _print_statuses(session)
    elif failed or dropped:
        _print_failed(session, dropped)
    elif retry:
        return _retry(session, retry)
    elif drop:
        _drop(session, drop, reason or "", signed_by(who))
    elif skip is not None:
        _skip(session, skip, reason or "", signed_by(who))
    else:
        return _run(session, once, parse_position(start) if start is not None else None)
    return None


def _refuse_mixtures(given: list[str], once: bool, start: str | None, reason: str | None, who: str | None) -> None:
    if len(given) > 1:
        raise Misuse(f"{given[0]} and {given[1]} are two different things", hint="give one of them")
    for name, is_given in (("--once", once), ("--from", start is not None)):
        if is_given and given:
            raise Misuse(f"{name} and {given[0]} are two different things", hint="give one of them")
    recorded = bool(given) and given[0] in ("--drop", "--skip")
    for name, value in (("--reason", reason), ("--as", who)):
        if value is not None and not recorded:
            raise Misuse(f"{name} goes with --drop or --skip", hint=f"cqrs run --drop ID {name} …, or leave {name} out")
    if recorded and not reason:
        raise Misuse(f"{given[0]} wants a --reason: it stays on record", hint='--reason "what was the matter"')


# ── running ───────────────────────────────────────────────────────────────────────────────────


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


def _run(session: Session, once: bool, start: int | None) -> int:
    printer = session.printer
    printer.only(Moment)
    if not once and (printer.format.has_end or session.settings.output is not None):
        raise Misuse("a run has no end, so neither --json nor -o can be complete", hint="--once, or --jsonl")
    signals = _Signals()
    with signals.heard():
        bench = session.workbench(write=True, create=False)
        runner = bench.runner(start=start, stop=lambda: signals.came)
        if not (bench.domain.reactions or bench.domain.projections):
            printer.message(f"the domain {bench.domain.name} has neither projections nor reactions")
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


# ── where reactions stand ─────────────────────────────────────────────────────────────────────


def _print_statuses(session: Session) -> None:
    bench = session.workbench()
    statuses = bench.reactions()
    session.printer.print(
        Table(
            map(records.reaction_status, statuses),
            _STATUS,
            row=lambda record: {
                **record,
                "skipped": ", ".join(f"@{one['position']}: {one['reason']}" for one in record["skipped"]),
            },
            empty=f"the domain {bench.domain.name} has no reactions",
        )
    )
    for one in statuses:
        if one.status == "needs-rebuild":
            session.printer.message(f"{one.name}: {one.reason}; cqrs project {one.name} --rebuild")
        if one.failed:
            session.printer.message(f"{one.name}: {counted(one.failed, 'command')} came to nothing: cqrs run --failed")


def _skip(session: Session, text: str, reason: str, by: str) -> None:
    name, at, position = text.rpartition("@")
    if not at or not name:
        raise Misuse(
            f"--skip wants a reaction and a position, not {text!r}", hint="cqrs run --skip fulfilment@1200 --reason …"
        )
    bench = session.workbench(write=True, create=False)
    reaction = bench.domain.reaction(name).name
    bench.skip_in_reaction(reaction, parse_position("@" + position), by=by, reason=reason)
    session.printer.message(f"{reaction} skips @{position} from now on: {reason}")


# ── dead letters: the store is enough ─────────────────────────────────────────────────────────


def _print_failed(session: Session, dropped: bool) -> None:
    found = letters.letters(session.store().rows, dropped=dropped)
    more = records.DROPPED if dropped else ()
    session.printer.print(
        Table(
            map(records.letter, found),
            [*_FAILED, *more],
            row=lambda record: to_the_second(record, "failed_at"),
            empty="no command was dropped" if dropped else "no command came to nothing",
            members=[*records.LETTER, *more],
        )
    )


def _retry(session: Session, ids: list[str]) -> int:
    bench = session.workbench(write=True, create=False)
    deliveries = [bench.retry(id) for id in dict.fromkeys(ids)]
    session.printer.print(Table(map(records.delivery, deliveries)))
    return int(any(one.status != "sent" for one in deliveries))


def _drop(session: Session, ids: list[str], reason: str, by: str) -> None:
    count = letters.drop(session.store(write=True, create=False), ids, by, reason, time.time_ns() // 1000)
    session.printer.message(f"dropped {counted(count, 'command')}: {reason}")
