"""`cqrs what-if pay-order …`: what would be, had this been sent; on a fork that is thrown away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from cqrs_cli import records
from cqrs_cli.cli.commands.fork import position_typed
from cqrs_cli.cli.commands.send.command import ENVELOPE, Send, expected, read
from cqrs_cli.cli.options.foreign import Foreign, check_pair
from cqrs_cli.cli.printing.changes import NEW, OLD, PATH, change_row
from cqrs_cli.cli.printing.documents import Column, Section, Sections
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.hints import in_brackets, say
from cqrs_cli.cli.shell.model_command import ModelCommand, group_of, model_command
from cqrs_cli.cli.shell.session import current, last_value
from cqrs_cli.errors import CqrsError, Misuse
from cqrs_cli.payloads.words import by_word

if TYPE_CHECKING:
    from pydantic import BaseModel

    from cqrs_cli.domain.domain import Domain
    from cqrs_cli.domain.messages import Command
    from cqrs_cli.workbench.outcome import Outcome, Request

_At = Annotated[str | None, typer.Option("--at", metavar="@P|TIME", help="On the history up to there; else all of it.")]
_With = Annotated[
    str | None, typer.Option("--with", metavar="MODULE:ATTR", help="Send it to other code, and compare with today's.")
]
_React = Annotated[bool, typer.Option("--react", help="Let reactions answer what would be recorded.")]
_Live = Annotated[
    bool, typer.Option("--live-services", help="Call the services of the domain; else only their stand-ins.")
]
OWN = {**ENVELOPE, "at": _At, "other": _With, "react": _React, "live": _Live}


def group() -> WhatIf:
    """The group `what-if`."""
    return group_of(WhatIf, _what_if, "what-if")


def _what_if(
    ctx: typer.Context,
    batch: Annotated[
        str | None, typer.Option("--batch", metavar="FILE|-", help="A command a line of JSON, as for cqrs send.")
    ] = None,
    at: _At = None,
    other: _With = None,
    react: _React = False,
    live: _Live = False,
    foreign: Foreign = False,
) -> int | None:
    """What would be, had this been sent: the events, and which states, rows and outgoing commands would be others.

    It is sent on a fork that is thrown away: nothing is written to the store, and nothing is sent by reactions.
    Services of the domain are not called, but what it names to stand in for them: @domain.rehearse_with. Exit codes are
    those of cqrs send: 1 if a command would be rejected.
    """
    if ctx.invoked_subcommand is not None:
        if batch is not None or at is not None or other is not None or react or live or foreign:
            raise Misuse("the options go behind the command", hint="cqrs what-if COMMAND … --react")
        return None
    if batch is None:
        raise Misuse("no command was named", hint="cqrs what-if --help lists them; --batch FILE tries many")
    from cqrs_cli.cli.commands.send.batch import opened
    from cqrs_cli.cli.commands.send.lines import LineReader

    with opened(batch) as file:
        requests = [one for one in LineReader(_then()).requests(file) if one is not None]
    return _try({"at": at, "other": other, "react": react, "live": live, "foreign": foreign}, requests, is_batch=True)


class WhatIf(Send):
    """The commands of the domain, or of other code, to be tried."""

    def domain(self) -> Domain:
        """Whose commands they are."""
        return _then()

    def classes(self) -> Mapping[str, type[Command]]:
        """The command classes by their names in kebab-case."""
        return by_word(dict.fromkeys(_then().commands.values()))

    def build(self, name: str, cls: type[BaseModel]) -> ModelCommand:
        """The command with the fields of `cls` as options."""
        from cqrs_cli.cli.options.parameters import RESERVED, Options
        from cqrs_cli.workbench.outcome import Request

        options = Options(cls, RESERVED | {"foreign", "at", "with", "react", "live-services"})

        def run(values: dict[str, Any]) -> int:
            command = read(name, cast("type[Command]", cls), options, values)
            return _try(values, [Request(1, command, expected(values.get("expect")))])

        return model_command(name, cls, options, OWN, run)


def _then() -> Domain:
    """The code that commands are sent to; known before what follows is parsed, as the commands are its own."""
    session = current()
    other = last_value(session.words, "--with")
    if other is None:
        return session.domain()
    from cqrs_cli.loading import load_domain

    return load_domain(other, session.settings.folder)


def _try(values: Mapping[str, Any], requests: Iterable[Request], is_batch: bool = False) -> int:
    session = current()
    now, then = session.domain(), _then()
    session.printer.ready(Sections)
    session.stand_apart()
    store = session.store()
    at = values.get("at")
    position = None if at is None else position_typed(store, at)
    from cqrs_cli.history.what_if import what_if
    from cqrs_cli.workbench.workbench import Workbench

    check_pair(session, Workbench(store, then, read_only=True), bool(values.get("foreign")), recent=True)
    found = what_if(
        store,
        now,
        then,
        requests,
        position=position,
        react=bool(values.get("react")),
        live_services=bool(values["live"]),
    )
    record = records.what_if(found, say)
    session.printer.print(Sections(list(_sections(record)), whole=record))
    reacted = found.drained is not None
    told = f"{counted(len(found.events), 'event')} would be recorded after @{found.position}"
    note = "" if reacted or not then.reactions else "; reactions were not run (--react)"
    session.printer.message(f"what if: {told}; nothing was written{note}")
    for one in found.outcomes:
        if one.error is not None and one.is_failure:
            for line in _failure(one, one.error, is_line=is_batch):
                session.printer.message(line)
    return _exit_code(found.outcomes, is_batch)


def _failure(one: Outcome, error: CqrsError, is_line: bool) -> Iterator[str]:
    """What would become of it instead, and what is wrong with it."""
    where = f"line {one.line}: " if is_line else ""
    yield f"{where}{one.command or 'the command'} would be {one.status}: {error.message}{in_brackets(say(error))}"
    for line in (*error.complaints, *(error.traceback or "").splitlines()):
        yield f"  {line}"


def _exit_code(outcomes: Sequence[Outcome], is_batch: bool) -> int:
    """What `cqrs send` would exit with: the code of what became of one command, or that of a batch."""
    if not is_batch:
        (one,) = outcomes
        return 0 if one.error is None else one.error.exit_code
    from cqrs_cli.cli.printing.outcomes import Tally

    tally = Tally()
    for one in outcomes:
        tally.add(one)
    return tally.exit_code(False)


def _sections(record: records.Record) -> Iterable[Section]:
    from cqrs_cli.cli.printing.events import COLUMNS, event_row

    yield Section("events", {"rows": map(event_row, record["events"])}, COLUMNS, head=False)
    columns = [Column("subject"), PATH, OLD, NEW]
    for title, name in (("states", "states"), ("rows", "rows")):
        if record[name]:
            yield Section(title, {"rows": map(change_row, record[name])}, columns)
    if record["outgoing"]:
        names = ["reaction", "process", "command", "data", "due_at"]
        yield Section("would be sent later", {"rows": record["outgoing"]}, names)
