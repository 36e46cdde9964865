"""TSV: cells between tabs, in which a tab, a line break or a backslash is written with a backslash."""

from collections.abc import Callable, Iterable
from typing import Any

from cqrs_cli.cli.printing.control_characters import tsv_text
from cqrs_cli.cli.printing.formats.csv import CsvFormat


class TsvFormat(CsvFormat):
    """As CSV, without quotes: what PostgreSQL's COPY writes as text, and ClickHouse as TabSeparated."""

    def inert(self, text: str) -> str:
        return super().inert(tsv_text(text))

    def writer(self) -> Callable[[Iterable[str]], Any]:
        return lambda cells: self.printer.line("\t".join(cells))
