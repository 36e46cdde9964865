"""`cqrs replay`: the state of aggregates, folded from their events: now, at a version, at a time, or step by step."""

import itertools
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cqrs_cli import records
from cqrs_cli.cli.commands.replay.verification import verify as verify_snapshots
from cqrs_cli.cli.options.combinations import only_one
from cqrs_cli.cli.options.selection import category_named
from cqrs_cli.cli.printing.changes import change_line
from cqrs_cli.cli.printing.documents import Single, Table
from cqrs_cli.cli.printing.processor_status import print_orphans
from cqrs_cli.cli.shell import completion
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import Misuse
from cqrs_cli.history.changes import changes
from cqrs_cli.log.points import Address, Point, parse_point, parse_stream
from cqrs_cli.stores.names import stream_named
from cqrs_cli.stores.streams import category_of
from cqrs_cli.workbench.workbench import Workbench


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
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare snapshots with folds from the start: exit 6 if one is wrong.")
    ] = False,
) -> int | None:
    """Fold streams into their aggregates and print the states.

    Without a stream every aggregate of the domain is folded: one table a category.
    --verify looks at every stream that has a snapshot, or at those named.
    """
    session = current()
    if category is not None and streams:
        raise Misuse(
            "--category is for a replay of everything, not with streams", hint="give the streams or the category"
        )
    if verify:
        only_one({"--verify": verify, "--steps": steps, "--at": at is not None and not steps})
        return verify_snapshots(session, streams or [], category)
    if steps and not streams:
        raise Misuse("--steps needs a stream", hint="cqrs streams lists them")
    bench = session.workbench()
    if not streams:
        _replay_all(session, bench, category, at)
        print_orphans(session, bench.orphaned_streams() if category is None else [])
        return None
    wanted = [_one(bench, text, at) for text in _joined(bench, streams)]
    printer = session.printer
    if steps:
        told = [_steps(bench, one) for one in wanted]  # what is not there is said before anything is printed
        every, columns = itertools.chain.from_iterable(told), ["version", "type", "changes"]
        printer.print(Table(every, columns, row=_step_row, group=lambda record: record["stream"]))
        return None
    states = [records.state(bench.replay(one.stream or "", at=one.version, at_position=one.position)) for one in wanted]
    printer.print(Table(states, row=_state_row) if len(states) > 1 else Single(states[0], row=_state_row))
    return None


def _joined(bench: Workbench, words: list[str]) -> Iterator[str]:
    """Streams as they were typed: whole, or a category and a word for each part of its key."""
    left = iter(words)
    for word in left:
        aggregate = bench.domain.aggregates.get(word.replace("-", "_"))
        parts = [] if aggregate is None else list(itertools.islice(left, len(aggregate.key)))
        yield f"{aggregate.category}-{','.join(parts)}" if aggregate is not None and parts else word


def _one(bench: Workbench, text: str, at: str | None) -> Address:
    """The stream and the point in its history that a word and `--at` name together."""
    one = parse_stream(text)
    one = one._replace(stream=stream_named(bench.store, one.stream or ""))
    bench.domain.aggregate_of(one.stream or "")
    if at is None:
        return one
    if one.version is not None:
        raise Misuse(f"{text} says the version already", hint="leave --at away")
    point = parse_point(at)
    if point.version == 0:
        raise Misuse("--at 0: versions begin with 1", hint="--at 1 is the state after the first event")
    return Address(one.stream, point.version, _position(bench, point))


def _position(bench: Workbench, point: Point) -> int | None:
    return bench.store.position_at(point.moment) if point.moment is not None else point.position


def _replay_all(session: Session, bench: Workbench, category: str | None, at: str | None) -> None:
    before = None
    if at is not None:
        point = parse_point(at)
        if point.version is not None:
            raise Misuse(f"--at {at} is a version, and every stream has its own", hint="--at @POSITION or --at TIME")
        before = _position(bench, point)
    known = category_named(bench, category)
    names = [known] if known is not None else sorted(bench.domain.aggregates)
    with session.printer.progress("replaying", bench.store.head()) as done:

        def states(name: str) -> Iterator[dict[str, Any]]:
            for state in bench.replay_all(name, at_position=before):
                done(state.version)
                yield records.state(state)

        session.printer.print(
            Table(
                (record for name in names for record in states(name)),
                row=lambda record: _row_of_many(bench, record),
                group=lambda record: category_of(record["stream"]),
                empty="no aggregates" + ("" if before is None else " at that point"),
            )
        )


def _state_row(record: Any) -> dict[str, Any]:
    return {"stream": record["stream"], "version": record["version"], **record["state"]}


def _row_of_many(bench: Workbench, record: Any) -> dict[str, Any]:
    """The row without the key, which stands in the stream's name: it is what takes most room."""
    key = bench.domain.aggregate_of(record["stream"]).key
    return {name: value for name, value in _state_row(record).items() if name not in key}


def _steps(bench: Workbench, one: Address) -> Iterator[dict[str, Any]]:
    """A record for each event. Raises `NotFound` at once."""
    stream = one.stream or ""
    steps = bench.steps(stream, at=one.version, at_position=one.position)
    aggregate = bench.domain.aggregate_of(stream)

    def told() -> Iterator[dict[str, Any]]:
        previous = bench.jsonable(aggregate.empty(aggregate.key_of(stream)))
        for event, state in steps:
            now = records.state(state)
            yield records.step(now, event, changes(previous, now["state"]))
            previous = now["state"]

    return told()


def _step_row(record: Any) -> dict[str, Any]:
    told = "; ".join(map(change_line, record["changes"]))
    return {"version": record["version"], "type": record["event"]["type"], "changes": told}
