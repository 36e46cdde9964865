"""What is addressed on the command line: streams and rows, now or at a point in their history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import Misuse, NotFound
from cqrs_cli.log.points import Address, Point, parse_point, parse_stream, parse_time

if TYPE_CHECKING:
    from cqrs_cli.history.folds import Folds
    from cqrs_cli.history.steps import History
    from cqrs_cli.stores.contract import Store


def streams_typed(folds: Folds, words: list[str]) -> Iterator[str]:
    """Streams as they were typed: whole, or a category and a word for each part of its key."""
    left = words
    while left:
        text, left = first_typed(folds, left)
        yield text


def first_typed(folds: Folds, words: list[str]) -> tuple[str, list[str]]:
    """The first stream (or row) that the words name, and the words after it."""
    found = folds.key_of_words(words[0])
    parts = [] if found is None else words[1 : 1 + found[1]]
    if found is None or not parts:
        return words[0], words[1:]
    return f"{found[0]}-{','.join(parts)}", words[1 + len(parts) :]


def address_of(folds: Folds, text: str, at: str | None) -> Address:
    """The stream and the point in its history that a word and `--at` name together."""
    one = parse_stream(text)
    stream = called(folds, one.stream or "")
    one = one._replace(stream=stream)
    if at is None:
        return one
    if one.version is not None:
        raise Misuse(f"{text} says the version already", hint="leave --at away")
    point = point_typed(at)
    if point.version == 0:
        raise Misuse("--at 0: versions begin with 1", hint="--at 1 is the state after the first event")
    return Address(one.stream, point.version, position_of(folds.store, point))


def called(folds: Folds, stream: str) -> str:
    """The stream as the store has it. Raises `NotFound`; of one that only the domain does not know, it says so."""
    try:
        return folds.called(stream)
    except NotFound as error:
        if error.code != "category-not-found" or not folds.store.version(stream):
            raise
        raise NotFound(error.message, code="category-not-found", foreign_stream=stream) from None


def point_typed(text: str) -> Point:
    """A point in history, its time of this machine's zone under `--local`. Raises `Misuse`."""
    return parse_point(text, current().settings.local)


def time_typed(text: str) -> int:
    """The first moment that is meant, in microseconds UTC, as in `point_typed`."""
    return parse_time(text, local=current().settings.local)


def position_of(store: Store, point: Point) -> int | None:
    """The position of a point that is no version."""
    return store.position_at(point.moment) if point.moment is not None else point.position


def position_at(store: Store, at: str, what: str = "a read model") -> int:
    """The position, the head at most, that `--at` means for what has no versions. Raises `Misuse`."""
    point = point_typed(at)
    if point.version is not None:
        raise Misuse(f"--at {at} is a version, and {what} has none", hint="--at @POSITION or --at TIME")
    return min(position_of(store, point) or 0, store.head())


def history_of(folds: Folds, text: str, at: str | None) -> History:
    """The history of a stream, or of a row as in `customer_totals/C1`, up to a point. Raises `NotFound`, `Misuse`."""
    from cqrs_cli.cli.options.generic import bench_of
    from cqrs_cli.history.steps import StreamHistory

    if "/" not in text:
        one = address_of(folds, text, at)
        return StreamHistory(folds, one.stream or "", at=one.version, at_position=one.position)
    bench = bench_of(folds, f"{text} is a row of a read model")
    from cqrs_cli.history.rows import RowHistory, row_key

    name, _, key = text.partition("/")
    kind = bench.domain.rows_of(name)
    position = None if at is None else position_at(bench.store, at, "a row")
    return RowHistory(bench, kind, row_key(kind, key), position)
