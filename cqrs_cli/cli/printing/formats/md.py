"""Markdown: tables in which neither Markdown nor HTML is read."""

import itertools
from collections.abc import Iterable, Sequence

from cqrs_cli.cli.printing.control_characters import markdown_text
from cqrs_cli.cli.printing.documents import TABULAR, Column
from cqrs_cli.cli.printing.formats.table import TitledTables


class MarkdownFormat(TitledTables):
    """Tables of Markdown, under headings of the second level."""

    writes = TABULAR

    def inert(self, text: str) -> str:
        return markdown_text(text)

    def title(self, title: str, first: bool) -> None:
        self.printer.line(f"{'' if first else chr(10)}## {markdown_text(title)}\n")

    def draw(self, columns: Sequence[Column], rows: list[list[str]], rest: Iterable[list[str]], live: bool) -> None:
        titles = [markdown_text(column.title or column.name) for column in columns]
        for cells in itertools.chain([titles], [None], rows, rest):
            self.printer.line("|" + " --- |" * len(columns) if cells is None else f"| {' | '.join(cells)} |", live)
