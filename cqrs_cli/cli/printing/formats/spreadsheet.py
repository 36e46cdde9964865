"""CSV for spreadsheets (`--spreadsheet`): no cell is run by one, and it is told that the text is UTF-8."""

from collections.abc import Callable, Sequence
from typing import Any

from cqrs_cli.cli.printing.control_characters import no_formula
from cqrs_cli.cli.printing.formats.csv import CsvFormat


class SpreadsheetFormat(CsvFormat):
    """As CSV, but what would be a formula is a text that begins with an apostrophe, and no other sign ends a cell."""

    holds_header = False
    _mark = "\ufeff"

    def inert(self, text: str) -> str:
        return super().inert(no_formula(text))

    def writer(self) -> Callable[[Sequence[str]], Any]:
        self.printer.write(self._mark)
        self._mark = ""
        return super().writer()

    def wants_quotes(self, cells: Sequence[str]) -> bool:
        """Also where a semicolon or a tab is in a cell, which some take for the end of it."""
        return super().wants_quotes(cells) or any(";" in cell or "\t" in cell for cell in cells)
