"""What is addressed on the command line: streams and rows, now or at a point in their history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cqrs_cli.cli.shell.session import current
from cqrs_cli.history import addresses
from cqrs_cli.log.points import Address, Point, parse_point, parse_time

if TYPE_CHECKING:
    from cqrs_cli.history.folds import Folds
    from cqrs_cli.history.steps import History
    from cqrs_cli.stores.contract import Store

AT = "--at "


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
    """The stream and the point in its history that a word and `--at` name together. Raises `Misuse`, `NotFound`."""
    return addresses.address_of(folds, text, at, AT, current().settings.local)


def point_typed(text: str) -> Point:
    """A point in history, its time of this machine's zone under `--local`. Raises `Misuse`."""
    return parse_point(text, current().settings.local)


def time_typed(text: str) -> int:
    """The first moment that is meant, in microseconds UTC, as in `point_typed`."""
    return parse_time(text, local=current().settings.local)


def position_at(store: Store, at: str, what: str = "a read model") -> int:
    """The position, the head at most, that `--at` means for what has no versions. Raises `Misuse`."""
    return addresses.position_at(store, at, AT, what, current().settings.local)


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
