"""CSV: RFC 4180, with LF at the end of a line, in UTF-8. For a spreadsheet: see `spreadsheet`."""

import csv
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from cqrs_cli.cli.printing.control_characters import visible_cell
from cqrs_cli.cli.printing.documents import TABULAR, Export, Sections, Table, chosen_columns
from cqrs_cli.cli.printing.formats import Format
from cqrs_cli.cli.printing.values import cell_text


class _Lines:
    """Takes lines that end with CR and LF, so that either in a cell is quoted, and gives them on with LF."""

    def __init__(self, printer: Any) -> None:
        self._printer = printer

    def write(self, line: str) -> None:
        """One line."""
        self._printer.write(line[:-2] + "\n")


class CsvFormat(Format):
    """One table: a head, then a line a record. Its columns are the members of the first record.

    The texts are the data, byte for byte: it is programs that read them. Where a person sees them as they come, on a
    terminal, control characters are made visible.
    """

    writes = (*TABULAR, Export)
    holds_one = holds_header = is_utf8 = True

    def inert(self, text: str) -> str:
        """The text of a cell."""
        return visible_cell(text) if self._is_seen else text

    @cached_property
    def _is_seen(self) -> bool:
        return self.printer.reaches_terminal

    def table(self, document: Table) -> int:
        document = document.flat or document
        for name, value in (document.header or {}).items():
            self.printer.line(self.inert(f"# {name}: {cell_text(value)}".rstrip(" ")))
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
        """What writes a line of cells. A line that would begin as a command to a CI job has them all in quotes."""
        plain = csv.writer(_Lines(self.printer)).writerow
        quoted = csv.writer(_Lines(self.printer), quoting=csv.QUOTE_ALL).writerow
        return lambda cells: quoted(cells) if self.wants_quotes(cells) else plain(cells)

    def wants_quotes(self, cells: Sequence[str]) -> bool:
        """Whether a line is quoted that need not be."""
        return bool(cells) and cells[0].lstrip().startswith("::")

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
