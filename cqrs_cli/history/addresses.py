"""What is addressed, through whichever face: a stream or rows, now or at a point in their history.

word: how the face writes a point, up to its value: `--at `, `at=`. local: as of `parse_point`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cqrs_cli.errors import Misuse, NotFound
from cqrs_cli.log.points import Address, Point, parse_point, parse_stream

if TYPE_CHECKING:
    from cqrs_cli.history.folds import Folds
    from cqrs_cli.stores.contract import Store


def address_of(folds: Folds, text: str, at: str | None, word: str, local: bool = False) -> Address:
    """The stream and the point in its history that a text and `at` name together. Raises `Misuse`, `NotFound`."""
    one = parse_stream(text)
    one = one._replace(stream=called(folds, one.stream or ""))
    if at is None:
        return one
    if one.version is not None:
        raise Misuse(f"{text} says the version already", hint=f"leave {word.rstrip(' =')} away")
    point = parse_point(at, local)
    if point.version == 0:
        raise Misuse(f"{word}0: versions begin with 1", hint=f"{word}1 is the state after the first event")
    return Address(one.stream, point.version, position_of(folds.store, point))


def called(folds: Folds, stream: str) -> str:
    """The stream as the store has it. Raises `NotFound`; of one that only the domain does not know, it says so."""
    try:
        return folds.called(stream)
    except NotFound as error:
        if error.code != "category-not-found" or not folds.store.version(stream):
            raise
        raise NotFound(error.message, code="category-not-found", foreign_stream=stream) from None


def position_of(store: Store, point: Point) -> int | None:
    """The position of a point that is no version."""
    return store.position_at(point.moment) if point.moment is not None else point.position


def position_at(store: Store, at: str, word: str, what: str = "a read model", local: bool = False) -> int:
    """The position, the head at most, that `at` means for what has no versions. Raises `Misuse`."""
    point = parse_point(at, local)
    if point.version is not None:
        raise Misuse(f"{word}{at} is a version, and {what} has none", hint=f"{word}@POSITION or {word}TIME")
    return min(position_of(store, point) or 0, store.head())
