"""What a transaction over read models holds: names, from their first use to its end, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, Self

import psycopg

from cqrs_cli.errors import Misuse
from cqrs_cli.stores.postgres.append import patience
from cqrs_cli.stores.postgres.connection import Connection, Row
from cqrs_cli.stores.postgres.link import Link
from cqrs_cli.stores.postgres.row_reader import OWN_TABLES, PostgresRowReader, RowError
from cqrs_cli.stores.rows import Checkpoint

_OWN = "~own"
"""What is held for all of the store's own tables: their order in a transaction is then nobody's matter. It is behind
every name of a read model, as these tables are to come last."""
_OURS = "cqrs_"


class PostgresHolding(PostgresRowReader):
    """The transaction that is open, and the names that it holds; of no use after it.

    Names are held from their first use to the end of the transaction, and rows that are read are locked: what is read
    in it stays as it was read, though others append meanwhile.
    """

    _locked = " FOR UPDATE OF t"

    def __init__(self, link: Link, connection: Connection) -> None:
        super().__init__(link)
        self._connection = connection
        self._open = True
        self._held: set[str] = set()
        self._asked: list[psycopg.Cursor[Row]] = []
        self._relations: dict[str, str | None] = {}
        self._checkpoints: dict[str, Checkpoint | None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._open = False

    def _check(self) -> None:
        if not (self._open and self._link.in_transaction):
            raise Misuse(
                "these rows belong to a transaction that is over", hint="use them inside it", code="transaction-over"
            )

    def hold(self, names: Iterable[str]) -> None:
        """Hold the names, in their order, with the next trip. The store's own tables are one."""
        self._check()
        wanted = {_OWN if name in OWN_TABLES else name for name in names}
        new = sorted(wanted - self._held)
        if new:
            sql = f"SELECT * FROM {self._link.s}.hold(%b::text[], %b::text)"
            values = (new, patience(self._link.limits.patience))
            self._asked.append(self._later(sql, values, self._not_held))
            self._held.update(new)

    def _not_held(self, error: RowError) -> BaseException:
        return self._link.translate(error) if isinstance(error, psycopg.Error) else error

    def _hear(self) -> None:
        """Wait for what was said of the names that are held."""
        if self._asked:
            self._connection.settle()
        asked, self._asked = self._asked, []
        for name, relation, position, definition in chain.from_iterable(asked):
            self._relations[name] = name if is_plain(name) else relation
            self._checkpoints[name] = None if position is None else Checkpoint(name, position, definition)

    def _relation(self, name: str) -> str | None:
        """The table of a read model. None if `create` made none; one of the store's own is what it is called."""
        self.hold([name])
        self._hear()
        return name if name in OWN_TABLES else self._relations[name]

    def _source(self, name: str) -> str | None:
        relation = self._relation(name)
        if relation is None or (is_plain(name) and name not in OWN_TABLES and not self._exists(relation)):
            return None
        return self._named(relation)

    def _run(self, name: str, sql: str, values: Sequence[Any] = ()) -> None:
        """A statement about a read model, whose error may come with a later one's trip."""
        self._later(sql, values, lambda error: self._refused(name, error))

    def _later(
        self, sql: str, values: Sequence[Any], refused: Callable[[RowError], BaseException]
    ) -> psycopg.Cursor[Row]:
        self._check()
        try:
            return self._connection.later(sql, values, refused)
        except (psycopg.Error, UnicodeEncodeError) as error:
            raise refused(error) from error

    def _tried(self, sql: str) -> psycopg.Error | None:
        """What the server had against a statement, after which the transaction goes on; None if it was run."""
        self._check()
        connection = self._connection
        connection.settle()
        connection.later("SAVEPOINT tried")
        try:
            connection.run(sql)
        except psycopg.Error as error:
            if connection.is_lost:
                raise
            connection.later("ROLLBACK TO tried")
            connection.later("RELEASE tried")
            return error
        connection.later("RELEASE tried")
        return None


def is_plain(name: str) -> bool:
    """Whether a table has its name itself and no view: those of the store, and those that a rebuild makes beside."""
    return name.lower().startswith(_OURS)
