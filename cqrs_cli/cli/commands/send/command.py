"""`cqrs send create-order …` and `cqrs send --batch FILE`: commands to the domain."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from cqrs_cli import records
from cqrs_cli.cli.printing.documents import Report, Section, Sections, Table
from cqrs_cli.cli.printing.output import UNWRITABLE
from cqrs_cli.cli.shell.hints import say
from cqrs_cli.cli.shell.model_command import DomainGroup, ModelCommand, by_word, group_of, model_command
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import AggregateNotFound, CqrsError, InvalidInput, Misuse, StoreNotFound
from cqrs_cli.workbench.workbench import Workbench  # before the domain: see where `Session.domain` freezes

if TYPE_CHECKING:
    from typing import BinaryIO

    from pydantic import BaseModel

    from cqrs_cli.cli.commands.send.lines import LineReader
    from cqrs_cli.cli.printing.outcomes import Tally
    from cqrs_cli.cli.printing.printer import Printer
    from cqrs_cli.domain.messages import Command
    from cqrs_cli.workbench.outcome import Expect, Outcome

OWN = {
    "expect": Annotated[
        str | None, typer.Option("--expect", metavar="N|new|any", help="The version that the stream must be at.")
    ],
    "command_id": Annotated[
        str | None, typer.Option("--command-id", metavar="ID", help="Sent again, it gets the first answer.")
    ],
    "user": Annotated[str | None, typer.Option("--as", metavar="USER", help="Who sends it.")],
    "metadata": Annotated[
        list[str] | None, typer.Option("--meta", metavar="KEY=VALUE", help="Kept with the events.  [repeatable]")
    ],
    "dry_run": Annotated[
        bool | None, typer.Option("--dry-run", help="Print the events and the changes of rows; write nothing.")
    ],
    "data": Annotated[
        str | None, typer.Option("-d", "--data", metavar="JSON|@FILE|@-", help="All fields at once; options override.")
    ],
}


def group() -> Send:
    """The group `send`."""
    return group_of(Send, _send, "send")


def _send(
    ctx: typer.Context,
    batch: Annotated[
        str | None, typer.Option("--batch", metavar="FILE|-", help="Send a command a line of JSON; - is stdin.")
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="With --batch: stop at the first line without success.")
    ] = False,
    allow_rejected: Annotated[
        bool, typer.Option("--allow-rejected", help="With --batch: rejections are no failure.")
    ] = False,
) -> int | None:
    """Send a command to the domain: its fields are options, cqrs send COMMAND --help shows them.

    A line of a batch: {"command": "NAME", "data": {…}}, with "command_id", "user_id", "timestamp",
    "correlation_id", "metadata" and "expect" if wanted.
    """
    if ctx.invoked_subcommand is not None:
        if batch is not None or fail_fast or allow_rejected:
            raise Misuse(
                "--batch, --fail-fast and --allow-rejected go without a command", hint="cqrs send --batch FILE"
            )
        return None
    if batch is None:
        raise Misuse("no command was named", hint="cqrs send --help lists them; cqrs send --batch FILE sends many")
    return send_batch(batch, fail_fast, allow_rejected)


class Send(DomainGroup):
    """The commands of the domain as commands of the shell."""

    def classes(self) -> Mapping[str, type[Command]]:
        """The command classes by their names in kebab-case."""
        return by_word(dict.fromkeys(current().domain().commands.values()))

    def build(self, name: str, cls: type[BaseModel]) -> ModelCommand:
        """The command with the fields of `cls` as options."""
        from cqrs_cli.cli.options.parameters import Options

        options = Options(cls)

        def run(values: dict[str, Any]) -> None:
            send_one(name, _read(name, cast("type[Command]", cls), options, values), values)

        return model_command(name, cls, options, OWN, run)


# ── one command ───────────────────────────────────────────────────────────────────────────────


def _read(name: str, cls: type[Command], options: Any, values: Mapping[str, Any]) -> Command:
    """The command with its envelope. Raises `InvalidInput` with all complaints, before any store is touched."""
    from cqrs_cli.cli.options.payload import build

    hint = f"cqrs send {name} --help shows its fields, cqrs schema {name} --example a payload"
    made = build(cls, options, values, name, hint)
    return made.with_meta(
        command_id=_given("--command-id", values.get("command_id")),
        user_id=_given("--as", values.get("user")),
        metadata=_metadata(values.get("metadata") or ()),
    )


def _given(option: str, text: str | None) -> str | None:
    """A text for the envelope. Raises `InvalidInput` for an empty one or one that is not Unicode."""
    if text is not None and (
        not text or (not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text))
    ):
        raise InvalidInput(f"{option} can't be {text!r}", hint="some text in UTF-8, or leave it out")
    return text


def _metadata(pairs: Iterable[str]) -> dict[str, str]:
    metadata: dict[str, str] = {}
    for pair in pairs:
        _given("--meta", pair)
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise InvalidInput("--meta: expected KEY=VALUE, with a key", hint="--meta channel=web; may be repeated")
        if key in metadata:
            raise InvalidInput(f"--meta: the key {key!r} is given twice", hint="a key has one value")
        metadata[key] = value
    return metadata


def send_one(name: str, command: Command, values: Mapping[str, Any]) -> None:
    """Send it, print the events, and say what happened."""
    session = current()
    expect = _expected(values.get("expect"))
    dry_run = bool(values.get("dry_run"))
    bench = _workbench(session, dry_run)
    outcome = _sent(bench, command, expect, dry_run)
    happened = what_happened(outcome)
    try:
        print_outcome(outcome, session.printer)
    except CqrsError as error:  # the output failed, not the command
        raise error.retold(error.message, hint=f"{happened}; what was printed is not complete") from error
    session.printer.message(happened)
    if outcome.status == "committed":
        if not outcome.version_before:
            _say_if_orphaned(session, bench)
        _say_if_ahead(session, outcome.events[-1].recorded_us)


def _say_if_orphaned(session: Session, bench: Workbench) -> None:
    """That a stream was opened, and there are some that a renamed aggregate has left."""
    for found in bench.orphaned_streams():
        session.printer.message(f"{found.message} ({found.hint})")


def _say_if_ahead(session: Session, recorded_us: int) -> None:
    """That it was recorded in the future of this clock: rarely, so without an import for it."""
    if recorded_us > time.time_ns() // 1000:
        from cqrs_cli.log.clock import ahead_of

        told = ahead_of(time.time_ns() // 1000, recorded_us)
        if told is not None:
            session.printer.message(told)


def _expected(text: str | None) -> Expect:
    if text is None:  # nearly always: without what reads batches
        return None
    from cqrs_cli.cli.commands.send.lines import parse_expect

    try:
        return parse_expect(text)
    except InvalidInput as error:
        raise InvalidInput(f"--expect: {error.message}", hint=error.hint) from None


def _workbench(session: Session, dry_run: bool) -> Workbench:
    """A workbench that writes, or to look at. Without a store yet the log is empty; only a write makes one."""
    if dry_run:
        try:
            return session.workbench(write=False)
        except StoreNotFound:
            pass
    return session.workbench(write=True)


def _sent(bench: Workbench, command: Command, expect: Expect, dry_run: bool) -> Outcome:
    """What sending came to. An id that is nobody's is answered with a near one: a look that batches are spared."""
    try:
        return bench.send(command, expect=expect, dry_run=dry_run)
    except AggregateNotFound as error:
        from cqrs_cli.stores.names import near_stream

        near = near_stream(bench.store, error.details["stream"]) or error.hint
        raise AggregateNotFound(error.message, hint=near, code=error.code, **error.details) from error


def what_happened(outcome: Outcome) -> str:
    """`appended 2 events to order-17 (version 3 → 5, position 204)`, or why nothing was."""
    before, count = outcome.version_before, len(outcome.events)
    events = f"{count} event{'' if count == 1 else 's'}"
    if outcome.status == "dry-run" and not count:
        return f"dry run: {outcome.stream} would stay at version {before}, there is nothing to append"
    if outcome.status == "unchanged":
        return f"unchanged: {outcome.stream} stays at version {before}, there was nothing to append"
    after = outcome.streams.get(outcome.stream or "", before)
    where = f"{outcome.stream} (version {before} → {after}, position {outcome.position})"
    if outcome.status == "duplicate":
        return f"duplicate: {outcome.command_id} had appended {events} to {where}; nothing new was written"
    if outcome.status == "dry-run":
        return f"dry run: would append {events} to {outcome.stream} (version {before} → {after}); nothing was written"
    return f"appended {events} to {where}"


def print_outcome(outcome: Outcome, printer: Printer) -> None:
    """The events as a table; the whole outcome as JSON; for a dry run the changes of rows too."""
    from cqrs_cli.cli.printing.events import COLUMNS, event_row

    record = records.outcome(outcome, say)
    events = Table(record["events"], COLUMNS, row=event_row)
    if not outcome.changes:
        printer.print(Report(record, events, [events]))
        return
    sections = [
        Section("events", {"rows": map(event_row, record["events"])}, COLUMNS),
        Section("changes of rows", {"rows": _changed_columns(outcome)}),
    ]
    printer.print(Sections(sections, whole=record, flat=events))


def _changed_columns(outcome: Outcome) -> Iterator[dict[str, Any]]:
    """A row for each column that changes; a new or removed row has all of its columns."""
    for change in outcome.changes:
        before, after = change.before or {}, change.after or {}
        for column in dict.fromkeys((*before, *after)):
            if column not in change.key and before.get(column) != after.get(column):
                yield {
                    "projection": change.projection,
                    "key": ",".join(str(part) for part in change.key.values()),
                    "column": column,
                    "before": before.get(column),
                    "after": after.get(column),
                }


# ── many ──────────────────────────────────────────────────────────────────────────────────────


def send_batch(name: str, fail_fast: bool, allow_rejected: bool) -> int:
    """Send the lines of a file (`-`: stdin); returns the exit code."""
    from cqrs_cli.cli.commands.send.lines import LineReader
    from cqrs_cli.cli.printing.outcomes import Tally, print_outcomes

    session = current()
    reader = LineReader(session.domain())
    tally = Tally()
    with _opened(name) as file:
        bench = session.workbench(write=True)
        outcomes = bench.send_batch(reader.requests(file), fail_fast=fail_fast)
        try:
            print_outcomes(outcomes, session.printer, tally, allow_rejected)
        except CqrsError as error:
            reader.stop()
            if error.code == UNWRITABLE:  # what was written together with the last outcome is told as well
                for outcome in outcomes:
                    tally.add(outcome)
            if tally.last_line:
                raise error.retold(error.message, hint=f"{_how_far(tally, reader)}; {say(error)}") from error
            raise
    if not session.printer.format.has_end:
        session.printer.message(tally.line())
    if tally.opened:
        _say_if_orphaned(session, bench)
    if tally.recorded_us is not None:
        _say_if_ahead(session, tally.recorded_us)
    return tally.exit_code(allow_rejected)


def _how_far(tally: Tally, reader: LineReader) -> str:
    """What was done of a batch that stopped, and how to go on: a line with an id may be sent twice, others not."""
    if reader.made_ids:
        again = f"go on after line {tally.last_line:,}: lines without command_id would be sent a second time"
    else:
        again = "sending the same lines again goes on where it stopped"
    return f"stopped after {tally.line()}; {again}"


def _opened(name: str) -> contextlib.AbstractContextManager[BinaryIO]:
    try:
        return contextlib.nullcontext(sys.stdin.buffer) if name == "-" else open(name, "rb")
    except (OSError, ValueError) as error:
        from cqrs_cli.cli.commands.send.lines import FILE
        from cqrs_cli.cli.options.jsontext import unreadable

        raise unreadable(f"--batch: can't read {name!r}", error, FILE) from None
