"""Dead letters: the commands of reactions that came to nothing, open until they are sent again or dropped."""

from __future__ import annotations

from collections.abc import Iterable

from cqrs_cli.errors import NotFound
from cqrs_cli.log.outbox import DeadLetter, Outgoing
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.names import may_begin_an_id, only_one
from cqrs_cli.stores.operational import DEAD_LETTERS
from cqrs_cli.stores.rows import Order, RowReader, Scalar, Where

_ENVELOPE = len(Outgoing._fields)


def letters(rows: RowReader, *where: Where, dropped: bool = False, limit: int | None = None) -> list[DeadLetter]:
    """The dead letters, in the order of the log: the open ones, or those that were dropped. limit: the first."""
    kind = Where("dropped_us", "!=" if dropped else "=", None)
    order = [Order("position"), Order("number")]
    return list(map(_letter, rows.select(DEAD_LETTERS, [*where, kind], order, limit=limit)))


def newest_letters(rows: RowReader, limit: int) -> list[DeadLetter]:
    """At most so many of the open ones, those of the newest events first."""
    order = [Order("position", descending=True), Order("number", descending=True)]
    return list(map(_letter, rows.select(DEAD_LETTERS, [Where("dropped_us", "=", None)], order, limit=limit)))


def _letter(row: tuple[Scalar, ...]) -> DeadLetter:
    return DeadLetter(Outgoing(*row[:_ENVELOPE]), *row[_ENVELOPE:])  # type: ignore[arg-type]


def count_letters(rows: RowReader, reaction: str | None = None) -> int:
    """How many open dead letters a reaction has; None: all."""
    of = [] if reaction is None else [Where("reaction", "=", reaction)]
    return rows.count(DEAD_LETTERS, [*of, Where("dropped_us", "=", None)])


def all_letters(rows: RowReader, where: Where) -> list[DeadLetter]:
    """The open ones, then those that were dropped."""
    return letters(rows, where) + letters(rows, where, dropped=True)


def letters_named(rows: RowReader, text: str, dropped: bool = True) -> list[DeadLetter]:
    """The dead letter of this command id, or the only one whose id begins so. Raises `Misuse` (code `ambiguous`).

    dropped: those that were dropped count too.
    """

    def found(*where: Where) -> list[DeadLetter]:
        return letters(rows, *where) + (letters(rows, *where, dropped=True) if dropped else [])

    exact = found(Where("command_id", "=", text))
    if exact or not may_begin_an_id(text):
        return exact
    alike = found(Where("command_id", ">=", text), Where("command_id", "<", text + "\U0010ffff"))
    only_one(text, "commands", [one.command_id for one in alike])
    return alike


def letter(rows: RowReader, id: str) -> DeadLetter:
    """The open dead letter of this command id. Raises `NotFound`."""
    found = letters(rows, Where("command_id", "=", id))
    if not found:
        raise NotFound(f"no dead letter {id}", code="dead-letter-not-found")
    return found[0]


def drop(store: Store, ids: Iterable[str], by: str, because: str, now_us: int) -> int:
    """Put dead letters away for good, all or none; they stay on record. How many. Raises `NotFound`."""
    with store.transaction() as rows:
        found = [letter(rows, id) for id in dict.fromkeys(ids)]
        rows.put(DEAD_LETTERS, [(*one.outgoing, *one[1:5], now_us, by, because) for one in found])
    return len(found)
