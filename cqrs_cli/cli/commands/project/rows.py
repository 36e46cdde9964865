"""The rows that `cqrs project` prints: those of all projections, or what is asked of the rows of one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cqrs_cli import records
from cqrs_cli.cli.options.ordering import ordering
from cqrs_cli.cli.options.rows import RowsAsked
from cqrs_cli.cli.printing.documents import Section, Sections, row_columns
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import Misuse

if TYPE_CHECKING:
    from cqrs_cli.domain.query import Where
    from cqrs_cli.domain.row_model import RowType
    from cqrs_cli.workbench.workbench import Workbench


class RowsWanted:
    """Rows as they are or were, and what is asked of them. names: of projections; all without."""

    def __init__(self, session: Session, names: Sequence[str], where: Sequence[str], asked: RowsAsked) -> None:
        self._session, self.names, self._texts, self._asked = session, names, where, asked
        self.is_asked = bool(where) or asked != RowsAsked()
        self._where: list[Where] = []
        self._order = ""
        self._matches: Callable[[Any], bool] | None = None
        self._has_more = False

    def check(self) -> None:
        """Refuse what can't be asked, before any work: `Misuse`."""
        if not self.is_asked:
            return
        if len(self.names) != 1:
            raise Misuse("rows are chosen of one projection", hint="cqrs project NAME --where … --order …")
        from cqrs_cli.payloads.conditions import conditions

        self._asked.check(self._session.printer)
        kind = self._kind(self.names[0])
        self._asked.check_columns(self._names())
        self._where, self._matches, _ = conditions(kind, self._texts)
        self._order = ",".join("-" * down + name for name, down in ordering(self._asked.order, self._names()))

    def live(self, bench: Workbench, name: str) -> Iterator[Any]:
        """The rows as they stand."""
        return self._taken(bench.rows(name, where=self._where, order=self._order))

    def past(self, bench: Workbench, name: str, position: int) -> Iterator[Any]:
        """The rows as they were. Raises what folding them anew raises."""
        return self._taken(bench.rows_at(name, position, where=self._where, order=self._order))

    def print(self, sections: Sequence[records.Record]) -> None:
        """Print them, each projection's in its section; or what those of one come to."""
        if self._asked.is_folded:
            from cqrs_cli.cli.printing.rows import print_rows
            from cqrs_cli.payloads.conditions import kinds_of

            rows = (row for part in sections for row in part["rows"])
            print_rows(self._session, rows, self._asked, kinds_of(self._kind(self.names[0])))
            return
        whole = sections[0] if len(self.names) == 1 and sections else None
        self._session.printer.print(Sections(map(self._section, sections), whole=whole))
        if self._has_more:
            self._session.printer.message("there are more rows that match: cqrs query has them page by page")

    def _taken(self, rows: Iterator[Any]) -> Iterator[Any]:
        found = rows if self._matches is None else filter(self._matches, rows)
        if self._asked.is_folded:
            return found
        if self._asked.limit is not None:
            some = list(itertools.islice(found, self._asked.limit + 1))
            self._has_more = len(some) > self._asked.limit
            found = iter(some[: self._asked.limit])
        shown = map(records.answer, found)
        if self._asked.columns is None:
            return shown
        from cqrs_cli.cli.printing.rows import picked

        return iter(picked(shown, self._asked, dict.fromkeys(self._names())))

    def _names(self, name: str | None = None) -> list[str]:
        return [column.name for column in self._kind(name or self.names[0]).table.columns]

    def _kind(self, name: str) -> RowType:
        return self._session.domain().rows_of(name)

    def _section(self, part: records.Record) -> Section:
        behind = f", {part['lag']:,} behind" if part["lag"] else ""
        names = self._asked.shown(self._names(part["projection"]))
        columns = row_columns(names, self._kind(part["projection"]).table.key)
        return Section(f"{part['projection']}  (position {part['position']}{behind})", part, columns)
