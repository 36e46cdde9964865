"""`cqrs run`: keep projections and reactions up to date, and look after commands that came to nothing."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from cqrs_cli import records
from cqrs_cli.cli.commands.run import letters, rewinding
from cqrs_cli.cli.commands.run.running import How, keep_up
from cqrs_cli.cli.options.combinations import only_one
from cqrs_cli.cli.options.foreign import Foreign, check_pair
from cqrs_cli.cli.options.signer import signed_by
from cqrs_cli.cli.printing.documents import Column, Table
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.printing.processor_status import (
    LAG,
    OPTIONAL,
    MaxLag,
    most_lag,
    print_changes,
    print_orphans,
    print_renamed,
    told_late,
)
from cqrs_cli.cli.printing.times import shown_span
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import Misuse
from cqrs_cli.log.points import parse_position
from cqrs_cli.workbench.processors.status import ProcessorStatus

_STATUS: list[str | Column] = [
    "reaction",
    "status",
    "position",
    *LAG,
    "rows",
    "waiting",
    "deadlines",
    "failed",
    *OPTIONAL,
]


def run(
    once: Annotated[bool, typer.Option("--once", help="Do what there is to do, then end.")] = False,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="@P", help="Reactions that never ran, or ask, answer what is after @P."),
    ] = None,
    now: Annotated[
        str | None, typer.Option("--now", metavar="TIME", help="Deadlines are due as if it were then; for tests.")
    ] = None,
    foreign: Foreign = False,
    status: Annotated[bool, typer.Option("--status", help="Say where reactions stand; change nothing.")] = False,
    max_lag: MaxLag = None,
    deadlines: Annotated[bool, typer.Option("--deadlines", help="List what is to be sent when.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="List the commands that came to nothing.")] = False,
    dropped: Annotated[bool, typer.Option("--dropped", help="List those that were dropped.")] = False,
    retry: Annotated[
        list[str] | None,
        typer.Option("--retry", metavar="ID|all", help="Send one of them again, or all; may be repeated."),
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option("--drop", metavar="ID", help="Put one away for good; may be repeated.")
    ] = None,
    skip: Annotated[
        str | None, typer.Option("--skip", metavar="NAME@P", help="Let a reaction pass over the event at @P.")
    ] = None,
    rewind: Annotated[
        str | None, typer.Option("--rewind", metavar="NAME", help="With --to: let a reaction start again there.")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="@P", help="With --rewind: it answers what is after @P.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --rewind: do it, not only show it.")] = False,
    reaction: Annotated[
        str | None,
        typer.Option("--reaction", metavar="NAME", help="Of these lists, and of --retry all, only this one's."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="With --drop, --skip and --rewind: why.")
    ] = None,
    who: Annotated[str | None, typer.Option("--as", metavar="USER", help="With these: who.")] = None,
    live: Annotated[
        bool, typer.Option("--live", help="On a fork too, where what is sent is sent a second time.")
    ] = False,
) -> int | None:
    """Keep projections and reactions up to date until stopped (Ctrl-C, SIGTERM).

    Reactions answer events with commands, each sent once; deadlines are sent when they are due. Several may run
    on one store. What meets an event it can't take stops there and is named; the others go on.
    """
    session = current()
    modes = {
        "--status": status,
        "--deadlines": deadlines,
        "--failed": failed,
        "--dropped": dropped,
        "--retry": bool(retry),
        "--drop": bool(drop),
        "--skip": skip is not None,
        "--rewind": rewind is not None,
    }
    mode = only_one(modes)
    most = most_lag(max_lag, status)
    for name, is_given in (("--once", once), ("--from", start is not None), ("--now", now is not None)):
        only_one({name: is_given, **modes})
    _check_company(mode, {"--to": to is not None, "--yes": yes, "--reaction": reaction is not None}, retry or [])
    _check_signature(mode, reason, who)
    if mode is None:
        return keep_up(session, How(once, parse_position(start) if start is not None else None, now, foreign, live))
    if deadlines:
        letters.print_deadlines(session, reaction)
    elif failed or dropped:
        letters.print_failed(session, dropped, reaction)
    elif drop:
        letters.drop(session, drop, reason or "", signed_by(who))
    elif retry:
        return letters.retry(session, retry, reaction, foreign=foreign, live=live)
    elif status:
        return told_late(session, most, _print_statuses(session, foreign))
    elif skip is not None:
        _skip(session, skip, reason or "", signed_by(who), foreign)
    elif rewind is not None:
        rewinding.rewind(session, rewind, to, signed_by(who) if yes else "", reason, foreign)
    return None


_COMPANY = {
    "--to": ("--rewind",),
    "--yes": ("--rewind",),
    "--reaction": ("--deadlines", "--failed", "--dropped", "--retry"),
}
"""Which modes an option goes with."""


def _check_company(mode: str | None, given: Mapping[str, bool], retried: Sequence[str]) -> None:
    for name, is_given in given.items():
        if is_given and mode not in _COMPANY[name]:
            modes = " or ".join(_COMPANY[name])
            raise Misuse(f"{name} goes with {modes}", hint=f"add {_COMPANY[name][0]}, or leave {name} out")
    if "all" in retried and len(set(retried)) > 1:
        raise Misuse("--retry all is all of them", hint="leave the others out, or all")
    if given["--reaction"] and retried and "all" not in retried:
        raise Misuse("--reaction goes with --retry all, not with an id", hint="leave --reaction out")
    if mode == "--rewind" and not given["--to"]:
        raise Misuse("--rewind wants to know where to", hint="--to @0 is the beginning of the log")


def _check_signature(mode: str | None, reason: str | None, who: str | None) -> None:
    """What stays on record has a reason, if it leaves something undone; and nothing else has."""
    is_recorded = mode in ("--drop", "--skip")
    for name, value in (("--reason", reason), ("--as", who)):
        if value is not None and not is_recorded and mode != "--rewind":
            raise Misuse(
                f"{name} goes with --drop, --skip or --rewind", hint=f"cqrs run --drop ID {name} …, or leave {name} out"
            )
    if is_recorded and not reason:
        raise Misuse(f"{mode} wants a --reason: it stays on record", hint='--reason "what was the matter"')


def _print_statuses(session: Session, foreign: bool) -> list[ProcessorStatus]:
    bench = session.workbench()
    check_pair(session, bench, foreign)
    statuses = bench.reactions()
    session.printer.print(
        Table(
            map(records.reaction_status, statuses),
            _STATUS,
            row=lambda record: {
                **record,
                "lag_seconds": shown_span(record["lag_seconds"]),
                "skipped": ", ".join(f"@{one['position']}: {one['reason']}" for one in record["skipped"]),
            },
            empty=f"the domain {bench.domain.name} has no reactions",
        )
    )
    print_renamed(session, bench)
    print_changes(session, bench)
    print_orphans(session, bench.orphans())
    for one in statuses:
        if one.status == "needs-rebuild":
            session.printer.message(f"{one.name}: {one.reason}; cqrs project {one.name} --rebuild")
        for again in one.rewound:
            session.printer.message(_rewound(one.name, again))
        if one.failed:
            session.printer.message(f"{one.name}: {counted(one.failed, 'command')} came to nothing: cqrs run --failed")
    return statuses


def _rewound(name: str, again: Mapping[str, Any]) -> str:
    where = f"from @{again.get('from')} back to @{again.get('to')} by {again.get('by')} at {again.get('at')}"
    return f"{name} was started again, {where}" + (f": {again['reason']}" if again.get("reason") else "")


def _skip(session: Session, text: str, reason: str, by: str, foreign: bool) -> None:
    name, at, position = text.rpartition("@")
    if not at or not name:
        raise Misuse(
            f"--skip wants a reaction and a position, not {text!r}", hint="cqrs run --skip fulfilment@1200 --reason …"
        )
    bench = session.workbench(write=True, create=False)
    check_pair(session, bench, foreign)
    reaction = bench.domain.reaction(name).name
    bench.skip_in_reaction(reaction, parse_position("@" + position), by=by, reason=reason)
    session.printer.message(f"{reaction} skips @{position} from now on: {reason}")
