"""The table: what a person reads, measured by its first rows; what comes after them is printed as it comes."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from cqrs_cli.cli.printing import documents
from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.documents import TABULAR, Column, Graph, Moment, Record, Short, Table, Text, chosen_columns
from cqrs_cli.cli.printing.formats import Format
from cqrs_cli.cli.printing.payload_text import is_structure, parsed, payload_text
from cqrs_cli.cli.printing.styles import painted
from cqrs_cli.cli.printing.values import cell_text
from cqrs_cli.cli.printing.widths import pad, text_width

DRAWN_ROWS = 1_000
_PLAIN = str.maketrans("├└─│", "|`-|")


class TitledTables(Format):
    """Tables one below the other, each under its title: how a title and a table look is the format's own."""

    def cell(self, column: Column, value: Any) -> str:
        """The text of a cell, harmless. Of the first rows of a table it is asked twice, to see them all first."""
        raise NotImplementedError

    def title(self, title: str, first: bool) -> None:
        """Write a title. first: nothing stands above it."""
        raise NotImplementedError

    def draw(self, columns: Sequence[Column], records: list[Record], rest: Iterator[Record], document: Table) -> None:
        """Write the first records and the rest of them as rows."""
        raise NotImplementedError

    def table(self, document: Table) -> int:
        document = document.flat or document
        if document.text is not None:
            return sum(self.text(Text(document.text(record), document.styled)) for record in document.records)
        records, hidden = document.records, 0
        if document.most is not None:
            every = list(records)
            records, hidden = every[: document.most], max(0, len(every) - document.most)
        counted = itertools.count()
        shaped = (
            (document.group(record) if document.group else None, document.row(record) if document.row else record)
            for record, _ in zip(records, counted, strict=False)
        )
        for number, (title, part) in enumerate(itertools.groupby(shaped, key=lambda pair: pair[0])):
            if title is not None:
                self.title(title, first=number == 0)
            self._part((record for _, record in part), document)
        if hidden and document.more is not None:
            self.printer.message(document.more(hidden))
        return next(counted)

    def sections(self, document: documents.Sections) -> int:
        number = 0
        for number, section in enumerate(document.sections, 1):
            self.title(section.title, first=number == 1)
            self._part(iter(section.record["rows"]), Table((), section.columns, head=section.head))
        return number

    def _part(self, records: Iterator[Record], document: Table) -> None:
        head = list(itertools.islice(records, 1 if document.live else DRAWN_ROWS + 1))
        if head:
            self.draw(chosen_columns(document.columns, head), head, records, document)


class TableFormat(TitledTables):
    """Tables, trees, and sentences."""

    writes = (*TABULAR, Graph, Moment)
    for_people = True

    def single(self, document: documents.Single) -> int:
        if document.text is not None:
            return self.text(Text(document.text(document.record), document.styled))
        record = document.row(document.record) if document.row else document.record
        printer = self.printer
        for _ in range(1 + printer.cuts):  # so that ids are seen: their beginnings tell them apart
            fields = [
                (visible(title), visible(text))
                for name, value in record.items()
                for title, text in _fields(
                    name, printer.moment(value) if name in document.moments else value, printer.short
                )
            ]
        width = max((text_width(name) for name, _ in fields), default=0)
        for name, text in fields:
            printer.line(printer.cut(f"{pad(name, width)}  {text}".rstrip(" ")))
        return 1

    def report(self, document: documents.Report) -> int:
        for number, part in enumerate(document.parts):
            if number:
                self.printer.line("")
            self.write(part)
        return len(document.parts)

    def graph(self, document: Graph) -> int:
        printer = self.printer
        for _ in range(1 + printer.cuts):
            nodes = list(_tree(document, printer.short))
        plain = printer.glyph("├", "|") == "|"
        for branch, text, style in nodes:
            branch = branch.translate(_PLAIN) if plain else branch
            line = printer.cut(branch + text)
            printer.line(line[: len(branch)] + painted(line[len(branch) :], style if printer.color else None))
        return 1

    def page(self, document: documents.Page) -> int:
        from cqrs_cli.cli.printing import pages

        width = self.printer.width
        if width is None:
            return self.text(Text(pages.plain(document.markdown)))
        self.printer.write(pages.drawn(document.markdown, width, self.printer.color))
        return 1

    def outcomes(self, document: documents.Outcomes) -> int:
        count = 0
        for outcome in document.outcomes:
            count += 1
            document.tell(outcome)
        return count

    def cell(self, column: Column, value: Any) -> str:
        printer = self.printer
        if column.moment:
            return printer.moment(value)
        if callable(value):
            return visible(str(value(printer.short)))
        if is_structure(value):
            return visible(payload_text(value, printer.cuts, printer.short))
        return visible(printer.short(cell_text(value)))

    def title(self, title: str, first: bool) -> None:
        text = painted(visible(title), "title" if self.printer.color else None)
        self.printer.line(text if first else "\n" + text)

    def draw(self, columns: Sequence[Column], records: list[Record], rest: Iterator[Record], document: Table) -> None:
        from cqrs_cli.cli.printing.layout import Layout, all_lines

        def row(record: Record) -> list[str]:
            return [self.cell(column, record.get(column.name)) for column in columns]

        printer = self.printer
        layout = Layout(columns, printer.room, head=document.head, grows=document.live)
        layout.color, layout.rule, layout.mark = printer.color, printer.glyph("─", "-"), printer.glyph("…", "~")
        for record in records if printer.cuts else ():
            row(record)  # so that ids are seen: their beginnings tell them apart
        for line in all_lines(layout, map(row, rest), [row(record) for record in records]):
            printer.line(line, document.live)


def _fields(name: str, value: Any, short: Short) -> Iterator[tuple[str, str]]:
    """What is told of a value in a record of its own: a list of objects is a line for each, ids alone are whole."""
    plain = parsed(value) if is_structure(value) else None
    if isinstance(plain, list) and plain and all(isinstance(item, dict) for item in plain):
        for number, item in enumerate(plain):
            yield f"{name}[{number}]", payload_text(item, False, short)
    else:
        yield name, payload_text(plain, False, short) if isinstance(plain, dict) else cell_text(value)


def _tree(graph: Graph, short: Short) -> Iterator[tuple[str, str, str | None]]:
    """The branches before each node, what it is called, and its style."""
    stack: list[tuple[Any, str, str]] = [(root, "", "") for root in reversed(graph.roots)]
    while stack:
        node, here, below = stack.pop()
        yield here, visible(graph.line(node, short)), graph.style(node)
        last = len(node.children) - 1
        for number, child in reversed(list(enumerate(node.children))):
            branch, trunk = ("└─ ", "   ") if number == last else ("├─ ", "│  ")
            stack.append((child, below + branch, below + trunk))
