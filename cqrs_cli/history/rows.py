"""The histories of rows, folded from the log beside the live ones: nothing is written, no other row is kept.

A row is addressed as `customer_totals/C1`: the parts of its key as in the name of a stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from pydantic import TypeAdapter, ValidationError

from cqrs_cli.domain.keys import key_text, plain_type
from cqrs_cli.domain.row_model import RowType
from cqrs_cli.errors import CqrsError, InvalidInput, Misuse, NotFound
from cqrs_cli.history.clauses import row_clauses
from cqrs_cli.history.comparison import ABSENT, compare
from cqrs_cli.history.shapes import Shape
from cqrs_cli.history.steps import HistoryStep
from cqrs_cli.log.stops import skips_of
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.rows import RowReader, Scalar, Table, reader_of
from cqrs_cli.workbench.processors.rows import Key, RowFold
from cqrs_cli.workbench.workbench import Workbench

HEARD_EACH = 500


def row_key(kind: RowType, text: str) -> Key:
    """The stored key that a text means. Raises `Misuse` for one of another shape."""
    parts, names = text.split(","), kind.table.key
    if len(parts) != len(names):
        message = f"{kind.name}/{text} has {len(parts)} key parts, not {len(names)}: {', '.join(names)}"
        raise Misuse(message, code="row-key", hint="the parts are joined with commas")
    key: list[Scalar] = []
    for column, part in zip(kind.key_columns, parts, strict=True):
        name = column.column.name
        annotation: Any = kind.cls.model_fields[name].annotation
        try:
            adapter: TypeAdapter[Any] = TypeAdapter(annotation)
            key.append(column.encode(adapter.validate_python(unquote(part) if plain_type(annotation) is str else part)))
        except (ValidationError, InvalidInput) as error:
            told = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else error.message
            message = f"{part!r} is no {name} of {kind.name}: {told}"
            raise Misuse(message, code="row-key", hint=column.column.said) from None
    return tuple(key)


def row_key_text(kind: RowType, key: Key) -> str:
    """A stored key as it is typed."""
    return ",".join(
        key_text(part) if isinstance(part, str) and plain_type(_annotation(kind, name)) is str else str(part)
        for name, part in zip(kind.table.key, key, strict=True)
    )


def _annotation(kind: RowType, name: str) -> Any:
    return kind.cls.model_fields[name].annotation


class FoldedRow(NamedTuple):
    """An event that concerned a row, and what the row is after it; `ABSENT` if there is none."""

    event: Recorded
    key: Key
    after: Any


def folded_rows(
    bench: Workbench,
    kind: RowType,
    keys: Mapping[Key, Any],
    after: int = 0,
    before: int | None = None,
    source: tuple[RowReader, Table] | None = None,
    heard: Callable[[int], object] = lambda _: None,
) -> Iterator[FoldedRow]:
    """The events between two positions that concern these rows, one by one, with what they make of each.

    source: where the rows are as they were at `after`; None: there were none. heard: told how far it has come, each
    few hundred events. Raises what the fold does, naming the
    event, with its position and the read model: as when it is projected.
    """
    rows, table = source or (None, None)
    limits = bench.engine.limits
    # No row that is followed may leave the cache: what becomes of it is nowhere else.
    roomy = limits._replace(cached_rows=max(limits.cached_rows, 4 * len(keys) + 4))
    fold = RowFold(bench.engine._replace(limits=roomy), kind, rows, table)
    fold.wanted = keys.__contains__
    if source is None:
        fold.start_empty()
    skipped = {skip.position for skip in skips_of(bench.store.rows, kind.name)}
    wanted = Selection(types=fold.types, after=after, before=before)
    read: Iterator[Any] = bench.store.read(wanted) if fold.needs_envelope else bench.store.scan(wanted)
    for number, stored in enumerate(read):
        if number % HEARD_EACH == 0:
            heard(stored.position)
        if stored.position in skipped:
            continue
        fold.over((stored,))
        if fold.touched:
            touched = list(fold.touched)
            fold.changes()  # what can't be stored is no row
            for key in touched:
                row = fold.row(key)
                yield FoldedRow(_recorded(bench, stored), key, ABSENT if row is None else bench.jsonable(row))


def _recorded(bench: Workbench, stored: Any) -> Recorded:
    if isinstance(stored, Recorded):
        return stored
    return next(iter(bench.store.read(Selection(after=stored.position - 1, limit=1))))


class RowHistory:
    """The history of a row up to a position, the head without one. heard: as of `folded_rows`."""

    start: Any = ABSENT

    def __init__(
        self,
        bench: Workbench,
        kind: RowType,
        key: Key,
        at_position: int | None = None,
        heard: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._bench, self._kind, self._key = bench, kind, key
        self.name, self.shape = f"{kind.name}/{row_key_text(kind, key)}", Shape(kind.cls)
        self.clause_of = row_clauses(bench, kind.name)
        self._before, self._heard = None if at_position is None else at_position + 1, heard

    def steps(self) -> Iterator[HistoryStep]:
        """The events that concern the row."""
        before = self.start
        wanted, before_position, heard = {self._key: None}, self._before, self._heard
        for event, _, after in folded_rows(self._bench, self._kind, wanted, before=before_position, heard=heard):
            yield HistoryStep(event, before, after, compare(before, after, self.shape))
            before = after

    def missing(self, last: Recorded | None) -> NotFound:
        """The error for a row that is not there. last: the event that removed it, if there was one."""
        if last is not None:
            message = f"there is no {self.name} any more: {last.type} @{last.position} removed it"
            return NotFound(message, code="row-not-found", row=self.name, earlier=last.position - 1)
        near = did_you_mean(self.name.partition("/")[2], list(self._known()))
        return NotFound(f"there is no {self.name}", code="row-not-found", hint=near, projection=self._kind.name)

    def _known(self, most: int = 2_000) -> Iterator[str]:
        """Keys of live rows, for a slip of the pen."""
        try:
            rows = list(self._bench.store.rows.select(self._kind.table, limit=most))
        except CqrsError:  # made with other code, say
            return
        key_in = reader_of(self._kind.table, self._kind.table.key)
        yield from (row_key_text(self._kind, key_in(row)) for row in rows)
