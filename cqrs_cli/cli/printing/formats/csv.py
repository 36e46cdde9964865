"""CSV: RFC 4180, the texts as they are but for control characters. For a spreadsheet: see `spreadsheet`."""

import csv
from collections.abc import Callable, Sequence
from typing import Any

from cqrs_cli.cli.printing.control_characters import csv_text
from cqrs_cli.cli.printing.documents import TABULAR, Sections, Table, chosen_columns
from cqrs_cli.cli.printing.formats import Format
from cqrs_cli.cli.printing.values import cell_text


class CsvFormat(Format):
    """One table: a head, then a line a record. Its columns are the members of the first record."""

    writes = TABULAR
    holds_one = True

    def inert(self, text: str) -> str:
        """The text of a cell, harmless."""
        return csv_text(text)

    def table(self, document: Table) -> int:
        document = document.flat or document
        return self._lines(document, None)

    def sections(self, document: Sections) -> int:
        if document.flat is not None:
            return self.table(document.flat)
        number = 0
        for number, section in enumerate(document.sections, 1):
            self.printer.can_hold(number)
            names = None if section.columns is None else [one.name for one in chosen_columns(section.columns, ())]
            self._lines(Table(section.record["rows"]), names)
        return number

    def writer(self) -> Callable[[Sequence[str]], Any]:
        plain = csv.writer(self.printer, lineterminator="\n").writerow
        quoted = csv.writer(self.printer, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow
        return lambda cells: quoted(cells) if cells and cells[0].startswith("::") else plain(cells)

    def _lines(self, document: Table, names: list[str] | None) -> int:
        count, write = 0, self.writer()
        if names is not None:
            write([self.inert(name) for name in names])
        for record in document.records:
            count += 1
            if names is None:
                names = list(record)
                write([self.inert(name) for name in names])
            write([self._cell(record.get(name)) for name in names])
            if document.live:
                self.printer.flush()
        if names is None and (head := [self.inert(name) for name in document.members]):
            write(head)
        return count

    def _cell(self, value: Any) -> str:
        """A number can't be a formula: -12.5 is no attack."""
        text = cell_text(value)
        return text if isinstance(value, (int, float)) else self.inert(text)
