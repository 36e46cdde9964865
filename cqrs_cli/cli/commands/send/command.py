"""`cqrs send create-order …` and `cqrs send --batch FILE`: commands to the domain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from cqrs_cli import records
from cqrs_cli.cli.commands.send.remarks import say_if_ahead, say_if_orphaned
from cqrs_cli.cli.options.foreign import Foreign, check_pair
from cqrs_cli.cli.printing.documents import Column, Report, Section, Sections
from cqrs_cli.cli.shell.hints import say
from cqrs_cli.cli.shell.model_command import DomainGroup, ModelCommand, group_of, model_command
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import AggregateNotFound, CqrsError, InvalidInput, Misuse, StoreNotFound
from cqrs_cli.payloads.words import by_word
from cqrs_cli.workbench.workbench import Workbench  # before the domain: see where `Session.domain` freezes

if TYPE_CHECKING:
    from pydantic import BaseModel

    from cqrs_cli.cli.printing.printer import Printer
    from cqrs_cli.domain.messages import Command
    from cqrs_cli.workbench.explanation import Explanation
    from cqrs_cli.workbench.outcome import Expect, Outcome

ENVELOPE = {
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
    "foreign": Foreign,
    "data": Annotated[
        str | None, typer.Option("-d", "--data", metavar="JSON|@FILE|@-", help="All fields at once; options override.")
    ],
}
OWN = {
    **ENVELOPE,
    "dry_run": Annotated[
        bool | None, typer.Option("--dry-run", help="Print the events and the changes of rows; write nothing.")
    ],
    "explain": Annotated[bool | None, typer.Option("--explain", help="Say how it came to its outcome, step by step.")],
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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --batch: say what would become of the lines; write nothing.")
    ] = False,
    foreign: Foreign = False,
) -> int | None:
    """Send a command to the domain: its fields are options, cqrs send COMMAND --help shows them.

    A line of a batch: {"command": "NAME", "data": {…}}, with "command_id", "user_id", "timestamp",
    "correlation_id", "metadata" and "expect" if wanted: a version, "new", or {"rejected": "CODE"}
    for a line that is to be rejected, which is never written.
    """
    if ctx.invoked_subcommand is not None:
        if batch is not None or fail_fast or allow_rejected or foreign:
            raise Misuse(
                "--batch, --fail-fast and --allow-rejected go without a command, --foreign behind it",
                hint="cqrs send --batch FILE",
            )
        if dry_run:
            raise Misuse("--dry-run goes behind the command", hint="cqrs send COMMAND … --dry-run")
        return None
    if batch is None:
        raise Misuse("no command was named", hint="cqrs send --help lists them; cqrs send --batch FILE sends many")
    from cqrs_cli.cli.commands.send.batch import send_batch

    return send_batch(batch, fail_fast, allow_rejected, dry_run=dry_run, foreign=foreign)


class Send(DomainGroup):
    """The commands of the domain as commands of the shell."""

    def classes(self) -> Mapping[str, type[Command]]:
        """The command classes by their names in kebab-case."""
        return by_word(dict.fromkeys(current().domain().commands.values()))

    def build(self, name: str, cls: type[BaseModel]) -> ModelCommand:
        """The command with the fields of `cls` as options."""
        from cqrs_cli.cli.options.parameters import RESERVED, Options

        options = Options(cls, RESERVED | {"foreign"})

        def run(values: dict[str, Any]) -> None:
            send_one(name, read(name, cast("type[Command]", cls), options, values), values)

        def lines() -> list[str]:
            from cqrs_cli.cli.options.typed import example_line

            payload = f"cqrs schema {name} --example"
            line = example_line(f"cqrs send {name}", cls, options)
            return [line or payload, f"{payload} | cqrs send {name} -d @- --dry-run"]

        made = model_command(name, cls, options, OWN, run)
        made.lines = lines
        return made


# ── one command ───────────────────────────────────────────────────────────────────────────────


def read(name: str, cls: type[Command], options: Any, values: Mapping[str, Any]) -> Command:
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
    expect = expected(values.get("expect"))
    dry_run = bool(values.get("dry_run"))
    bench = _workbench(session, dry_run)
    check_pair(session, bench, bool(values.get("foreign")), recent=True)
    if values.get("explain"):
        from cqrs_cli.cli.commands.send.explained import explained

        outcome = explained(session.printer, bench, lambda how: _sent(bench, command, expect, dry_run, how))
    else:
        outcome = _sent(bench, command, expect, dry_run)
    happened = what_happened(outcome)
    try:
        print_outcome(outcome, session.printer)
    except CqrsError as error:  # the output failed, not the command
        raise error.retold(error.message, hint=f"{happened}; what was printed is not complete") from error
    session.printer.message(happened)
    if outcome.status == "committed":
        if not outcome.version_before:
            say_if_orphaned(session, bench)
        say_if_ahead(session, outcome.events[-1].recorded_us)


def expected(text: str | None) -> Expect:
    if text is None:  # nearly always: without what reads batches
        return None
    from cqrs_cli.payloads.lines import parse_expect

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


def _sent(bench: Workbench, command: Command, expect: Expect, dry_run: bool, how: Explanation | None = None) -> Outcome:
    """What sending came to. An id that is nobody's is answered with a near one: a look that batches are spared."""
    try:
        return bench.send(command, expect=expect, dry_run=dry_run, explanation=how)
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
    from cqrs_cli.cli.printing.events import COLUMNS, event_row, event_table

    record = records.outcome(outcome, say)
    events = event_table(printer, record["events"])
    if not outcome.changes:
        printer.print(Report(record, events, [events]))
        return
    sections = [
        Section("events", {"rows": map(event_row, record["events"])}, COLUMNS, head=False),
        Section("changes of rows", {"rows": _changed_columns(outcome)}, _CHANGED),
    ]
    printer.print(Sections(sections, whole=record, flat=events))


_CHANGED = ("projection", "key", "column", Column("before", style="old"), Column("after", style="new"))


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
