"""CSV for spreadsheets: no cell is run by one, and it is told that the text is UTF-8."""

from collections.abc import Callable, Sequence
from typing import Any

from cqrs_cli.cli.printing.control_characters import csv_text, no_formula
from cqrs_cli.cli.printing.formats.csv import CsvFormat


class SpreadsheetFormat(CsvFormat):
    """As CSV, but what would be a formula is a text that begins with an apostrophe."""

    _mark = "\ufeff"

    def inert(self, text: str) -> str:
        return csv_text(no_formula(text))

    def writer(self) -> Callable[[Sequence[str]], Any]:
        self.printer.write(self._mark)
        self._mark = ""
        return super().writer()
