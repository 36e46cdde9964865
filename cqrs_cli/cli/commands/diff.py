"""`cqrs diff`: what differs between two states of a stream or row, two streams, or the rows of a read model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from cqrs_cli import records
from cqrs_cli.cli.options.addresses import first_typed, point_typed, time_typed
from cqrs_cli.cli.options.generic import Generic, bench_of, folds, labelled, members, titled
from cqrs_cli.cli.options.selection import Since, Until
from cqrs_cli.cli.printing.changes import NEW, OLD, PATH, WHO, change_table
from cqrs_cli.cli.printing.documents import Changes
from cqrs_cli.cli.shell import completion
from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import Misuse
from cqrs_cli.history.addresses import called, position_of
from cqrs_cli.log.points import Point

if TYPE_CHECKING:
    from cqrs_cli.history.diff import RowsDiff, StateDiff
    from cqrs_cli.history.folds import Folds
    from cqrs_cli.stores.contract import Store


class Side(NamedTuple):
    """One of the two: a stream, a row or a read model as typed, and a point of its history (None: now)."""

    name: str
    point: Point | None


def diff(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="A [B]",
            help="order-17@3 order-17@7; order-17@3..7; order-17 order-18; customer_totals@2026-11-24 "
            "customer_totals@now; customer_totals/C1@@1200. A point left out is now.",
            autocompletion=completion.streams,
        ),
    ],
    since: Since = None,
    until: Until = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="CONDITION", help="Of a read model: rows that are so, then or now."),
    ] = None,
    blame: Annotated[bool, typer.Option("--blame", help="With the last event that made each change.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 1 if there are differences.")] = False,
    generic: Generic = False,
) -> int | None:
    """What differs between two states, old → new: of a stream or a row at two points, of two streams of one category,
    of all rows of a read model.

    Points are as with --at: a version (of a stream; 0 is before its first event), @1200, a time, now. One history is
    folded once. --format jsonpatch: a JSON Patch (RFC 6902), which makes the second state of the first; the rows of a
    read model are one object then, by their keys.
    """
    session = current()
    session.printer.format.only(Changes)
    by = folds(session, generic)
    one, other = _sides(by, words, since, until)
    with _compared(by, one, other, where or [], blame) as found:
        record = records.blamed_change if blame else records.change
        columns = [PATH, OLD, NEW, *(WHO if blame else ())]
        names = members(by, records.BLAMED_CHANGE if blame else records.CHANGE)
        changes = (labelled(by, record(change)) for change in found.changes())
        table = change_table(changes, columns, names, "no differences", titled(by))
        count = session.printer.print(Changes(table, (labelled(by, one) for one in found.operations())))
    if not count and not session.printer.format.for_programs:
        session.printer.message(table.empty or "")
    return 1 if exit_code and count else None


# ── which two ─────────────────────────────────────────────────────────────────────────────────


def _sides(by: Folds, words: list[str], since: str | None, until: str | None) -> tuple[Side, Side]:
    texts = []
    while words:
        text, words = first_typed(by, words)
        texts.append(text)
    if len(texts) > 2:
        raise Misuse(f"{texts[2]!r} is one too many", hint="two are compared")
    name, at, points = texts[0].partition("@")
    if since is not None or until is not None:
        if len(texts) > 1 or at or since is None:
            message = "--since, perhaps with --until, goes with one stream or read model"
            raise Misuse(message, hint="cqrs diff NAME --since TIME")
        start = Point(moment=time_typed(since) - 1)
        return Side(name, start), Side(name, Point(moment=time_typed(until) - 1) if until is not None else None)
    if len(texts) == 1 and ".." in points:
        start_text, _, end_text = points.partition("..")
        return Side(name, _point(start_text or "0")), Side(name, _point(end_text))
    if len(texts) == 1 and not at:
        hint = f"cqrs diff {name}@3..7, or --since TIME"
        raise Misuse(f"{name} is one state, and a diff is between two", hint=hint)
    one = Side(name, _point(points))
    if len(texts) == 1:
        return one, Side(name, None)
    name, _, points = texts[1].partition("@")
    return one, Side(name, _point(points))


def _point(text: str) -> Point | None:
    """`3`, `@1200`, a time; nothing and `now` are now."""
    return None if text in ("", "now") else point_typed(text)


@contextmanager
def _compared(by: Folds, one: Side, other: Side, where: list[str], blame: bool) -> Iterator[StateDiff | RowsDiff]:
    from cqrs_cli.history import diff as told

    rows, whole = "/" in one.name, _is_read_model(by, one.name)
    if rows != ("/" in other.name) or whole != _is_read_model(by, other.name):
        hint = "two streams, or two points of one row or read model"
        raise Misuse(f"{one.name} and {other.name} are of two kinds", hint=hint)
    if where and not whole:
        raise Misuse("--where selects rows of a read model", hint="cqrs diff ROWS --since TIME --where CONDITION")
    if not rows and not whole:
        with nullcontext(_streams(by, one, other, blame)) as found:
            yield found
        return
    bench = bench_of(
        by, f"{one.name} is a row of a read model" if rows else f"{one.name} is no stream but a read model"
    )
    kinds = [bench.domain.rows_of(side.name.partition("/")[0]) for side in (one, other)]
    if kinds[0] is not kinds[1] or one.name.partition("/")[2] != other.name.partition("/")[2]:
        hint = "rows are compared with themselves, at two points"
        raise Misuse(f"{one.name} and {other.name} are two things", hint=hint)
    kind, positions = kinds[0], (_position(bench.store, one), _position(bench.store, other))
    if rows:
        from cqrs_cli.history.rows import row_key

        yield told.row_diff(bench, kind, row_key(kind, one.name.partition("/")[2]), *positions, blame)
        return
    from cqrs_cli.payloads.conditions import row_matcher

    with told.rows_diff(bench, kind, positions, row_matcher(kind, where), blame) as of_rows:
        yield of_rows


def _is_read_model(by: Folds, name: str) -> bool:
    """A name without a dash and without a key; in kebab-case where it is of no aggregate.

    Without a domain: what is the name of no stream and of no category, and may be one of a read model.
    """
    from cqrs_cli.history.folds import DomainFolds

    if "/" in name:
        return False
    if not isinstance(by, DomainFolds):
        return "-" not in name and not by.store.version(name) and by.key_of_words(name) is None
    known = {rows.name for rows in by.bench.domain.row_types()}
    return name in known or (name.replace("-", "_") in known and not by.store.version(name))


def _streams(by: Folds, one: Side, other: Side, blame: bool) -> StateDiff:
    from cqrs_cli.history.diff import stream_diff, streams_diff

    sides = [(stream, _version(by, stream, side)) for side in (one, other) for stream in [called(by, side.name)]]
    (first, start), (second, end) = sides
    if first == second:
        return stream_diff(by, first, start, end, blame)
    if blame:
        raise Misuse("--blame tells what happened between two points of one history", hint="leave it out")
    return streams_diff(by, *sides)


def _version(by: Folds, stream: str, side: Side) -> int:
    from cqrs_cli.history.diff import version_at

    if side.point is None:
        return by.store.version(stream)
    if side.point.version is not None:
        return side.point.version
    return version_at(by, stream, position_of(by.store, side.point) or 0)


def _position(store: Store, side: Side) -> int:
    """Of a row or read model, the head at most: digits alone are a position there."""
    if side.point is None:
        return store.head()
    wanted = side.point.version if side.point.version is not None else position_of(store, side.point)
    return min(wanted or 0, store.head())
