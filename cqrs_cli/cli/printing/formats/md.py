"""Markdown: tables in which neither Markdown nor HTML is read."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from cqrs_cli.cli.printing.control_characters import html_text, markdown_text
from cqrs_cli.cli.printing.documents import TABULAR, Column, Page, Record, Report, Table, Text, Verdicts
from cqrs_cli.cli.printing.formats.table import TitledTables
from cqrs_cli.cli.printing.values import cell_text


class MarkdownFormat(TitledTables):
    """Tables of Markdown, under headings of the second level."""

    writes = (*TABULAR, Verdicts)

    def cell(self, column: Column, value: Any) -> str:
        if callable(value):
            return markdown_text(str(value(str)))
        return markdown_text(self.printer.moment(value) if column.moment else cell_text(value))

    def title(self, title: str, first: bool) -> None:
        self.printer.line(f"{'' if first else chr(10)}## {markdown_text(title)}\n")

    def draw(self, columns: Sequence[Column], records: list[Record], rest: Iterator[Record], document: Table) -> None:
        self.printer.line(f"| {' | '.join(markdown_text(column.title or column.name) for column in columns)} |")
        self.printer.line("|" + " --- |" * len(columns), document.live)
        for record in itertools.chain(records, rest):
            cells = [self.cell(column, record.get(column.name)) for column in columns]
            self.printer.line(f"| {' | '.join(cells)} |", document.live)

    def report(self, document: Report) -> int:
        count = self.table(document.rows)
        for title, table in document.details:
            self.printer.line(f"\n<details><summary>{html_text(title)}</summary>\n")
            self.table(table)
            self.printer.line("\n</details>")
        return count

    def verdicts(self, document: Verdicts) -> int:
        self.title(document.title, first=True)
        count = self.table(document.verdicts)
        if any(part.findings.findings for part in document.parts):
            self.title("What was found", first=False)
            self.table(document.findings)
        return count

    def page(self, document: Page) -> int:
        return self.text(Text(document.markdown.rstrip("\n")))
