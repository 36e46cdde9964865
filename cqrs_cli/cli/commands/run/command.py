"""`cqrs run`: keep projections and reactions up to date, and look after commands that came to nothing."""

from typing import Annotated

import typer

from cqrs_cli import records
from cqrs_cli.cli.commands.run import letters
from cqrs_cli.cli.commands.run.running import keep_up
from cqrs_cli.cli.options.combinations import only_one
from cqrs_cli.cli.options.signer import signed_by
from cqrs_cli.cli.printing.documents import Table
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.printing.processor_status import print_changes, print_orphans
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import Misuse
from cqrs_cli.log.points import parse_position

_STATUS = ["reaction", "status", "position", "lag", "rows", "waiting", "deadlines", "failed", "reason", "skipped"]


def run(
    once: Annotated[bool, typer.Option("--once", help="Do what there is to do, then end.")] = False,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="@P", help="Reactions that never ran, or ask, answer what is after @P."),
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
    mode = only_one(modes)
    for name, is_given in (("--once", once), ("--from", start is not None)):
        only_one({name: is_given, **modes})
    _check_signature(mode, reason, who)
    if status:
        _print_statuses(session)
    elif failed or dropped:
        letters.print_failed(session, dropped)
    elif retry:
        return letters.retry(session, retry)
    elif drop:
        letters.drop(session, drop, reason or "", signed_by(who))
    elif skip is not None:
        _skip(session, skip, reason or "", signed_by(who))
    else:
        return keep_up(session, once, parse_position(start) if start is not None else None)
    return None


def _check_signature(mode: str | None, reason: str | None, who: str | None) -> None:
    """What stays on record has a reason, and nothing else has."""
    is_recorded = mode in ("--drop", "--skip")
    for name, value in (("--reason", reason), ("--as", who)):
        if value is not None and not is_recorded:
            raise Misuse(f"{name} goes with --drop or --skip", hint=f"cqrs run --drop ID {name} …, or leave {name} out")
    if is_recorded and not reason:
        raise Misuse(f"{mode} wants a --reason: it stays on record", hint='--reason "what was the matter"')


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
    print_changes(session, bench)
    print_orphans(session, bench.orphans())
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
