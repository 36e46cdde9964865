"""TSV: cells between tabs, in which a tab or a line break is an escape."""

from collections.abc import Callable, Iterable
from typing import Any

from cqrs_cli.cli.printing.control_characters import tsv_text
from cqrs_cli.cli.printing.formats.csv import CsvFormat


class TsvFormat(CsvFormat):
    """As CSV, without quotes."""

    def inert(self, text: str) -> str:
        return tsv_text(text)

    def writer(self) -> Callable[[Iterable[str]], Any]:
        return lambda cells: self.printer.line("\t".join(cells))
