"""`cqrs replay`: the state of aggregates, folded from their events: now, at a version, at a time, or step by step."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cqrs_cli import records
from cqrs_cli.cli.commands.replay.verification import verify as verify_snapshots
from cqrs_cli.cli.options import selection as options
from cqrs_cli.cli.options.addresses import address_of, streams_typed
from cqrs_cli.cli.options.combinations import only_one
from cqrs_cli.cli.options.generic import Generic, folds, labelled, of_domain_only, titled
from cqrs_cli.cli.printing.documents import Single, Table
from cqrs_cli.cli.printing.processor_status import print_orphans
from cqrs_cli.cli.shell import completion
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.domain.fold import State
from cqrs_cli.errors import Misuse
from cqrs_cli.history.addresses import position_of
from cqrs_cli.history.folds import DomainFolds, Folds
from cqrs_cli.log.points import parse_point
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.names import categories
from cqrs_cli.stores.streams import category_of


def replay(
    streams: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STREAM]...",
            help="order-17 or order 17, order-17@5 for version 5; every aggregate without.",
            autocompletion=completion.streams,
        ),
    ] = None,
    category: Annotated[
        str | None,
        typer.Option(
            "--category",
            metavar="NAME",
            help="Without streams: only this category.",
            autocompletion=completion.categories,
        ),
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="5|@1200|TIME", help="At a version, a log position or a time.")
    ] = None,
    steps: Annotated[bool, typer.Option("--steps", help="After each event: what it was and what it changed.")] = False,
    limit: options.Limit = None,
    reverse: options.Reverse = False,
    since: options.Since = None,
    until: options.Until = None,
    changed: Annotated[
        str | None,
        typer.Option("--changed", metavar="FIELD", help="Steps that changed this field: total, items.quantity."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare snapshots with folds from the start: exit 6 if one is wrong.")
    ] = False,
    generic: Generic = False,
) -> int | None:
    """Fold streams into their aggregates and print the states.

    Without a stream every aggregate of the domain is folded: one table a category.
    -n, --reverse, --since, --until and --changed choose among the --steps.
    --verify looks at every stream that has a snapshot, or at those named.
    """
    session = current()
    if category is not None and streams:
        raise Misuse(
            "--category is for a replay of everything, not with streams", hint="give the streams or the category"
        )
    if verify:
        only_one({"--verify": verify, "--steps": steps, "--at": at is not None and not steps})
        of_domain_only(generic, "--verify", "snapshots are states of a domain's aggregates")
        return verify_snapshots(session, streams or [], category)
    chosen = {"-n": limit is not None, "--reverse": reverse, "--since": since is not None, "--until": until is not None}
    for option, is_given in (chosen | {"--changed": changed is not None}).items():
        if is_given and not steps:
            raise Misuse(f"{option} goes with --steps", hint=f"add --steps, or leave {option} out")
    if steps and not streams:
        raise Misuse("--steps needs a stream", hint="cqrs streams lists them")
    by = folds(session, generic)
    if not streams:
        _replay_all(session, by, category, at)
        if isinstance(by, DomainFolds):
            print_orphans(session, by.bench.orphaned_streams() if category is None else [])
        return None
    wanted = [address_of(by, text, at) for text in streams_typed(by, streams)]
    printer = session.printer
    if steps:
        from cqrs_cli.cli.commands.replay.stepping import Window, print_steps

        print_steps(session, by, wanted, Window(limit, reverse, since, until, changed))
        return None
    states = [_record(by, by.load(one.stream or "", at=one.version, at_position=one.position)) for one in wanted]

    if len(states) == 1:
        printer.print(Single(states[0], row=_state_row))
    elif by.name is None:
        printer.print(Table(states, row=_state_row))
    else:
        printer.print(Table(states, row=lambda record: _row_of_many(by, record), group=lambda _: titled(by) or ""))
    return None


def _replay_all(session: Session, by: Folds, category: str | None, at: str | None) -> None:
    before = None
    if at is not None:
        point = parse_point(at, session.settings.local)
        if point.version is not None:
            raise Misuse(f"--at {at} is a version, and every stream has its own", hint="--at @POSITION or --at TIME")
        before = position_of(by.store, point)
    if isinstance(by, DomainFolds):
        known = options.category_named(by.bench, category)
        names = [known] if known is not None else sorted(by.bench.domain.aggregates)
    else:
        names = list(categories(by.store)) if category is None else [by.category(category)]
    with session.printer.progress("replaying", by.store.head()) as done:

        def states(name: str) -> Iterator[dict[str, Any]]:
            for each in by.kind_of(name).categories:
                end = None if before is None else before + 1
                for state in by.folded(Selection(category=each, before=end, by_stream=True)):
                    done(state.version)
                    yield _record(by, state)

        session.printer.print(
            Table(
                (record for name in names for record in states(name)),
                row=lambda record: _row_of_many(by, record),
                group=lambda record: titled(by, category_of(record["stream"])) or "",
                empty="no aggregates" + ("" if before is None else " at that point"),
            )
        )


def _record(by: Folds, state: State[Any]) -> dict[str, Any]:
    return labelled(by, records.state(state))


def _state_row(record: Any) -> dict[str, Any]:
    """A row of the state's fields; one that is named like what stands before them says whose it is."""
    head = {name: record[name] for name in ("stream", "version", "fold") if name in record}
    return {**head, **{f"state.{name}" if name in head else name: one for name, one in record["state"].items()}}


def _row_of_many(by: Folds, record: Any) -> dict[str, Any]:
    """The row without what stands in the stream's name or in the title: it is what takes most room."""
    key = by.bench.domain.aggregate_of(record["stream"]).key if isinstance(by, DomainFolds) else ("fold",)
    return {name: value for name, value in _state_row(record).items() if name not in key}
