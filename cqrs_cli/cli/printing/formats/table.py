"""The table: what a person reads, drawn when it is small, in plain lines when it is large or goes on."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cqrs_cli.cli.printing import documents
from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.documents import TABULAR, Column, Graph, Moment, Table, Text, chosen_columns
from cqrs_cli.cli.printing.formats import Format
from cqrs_cli.cli.printing.values import cell_text

DRAWN_ROWS = 1_000


class TitledTables(Format):
    """Tables one below the other, each under its title: how a title and a table look is the format's own."""

    def inert(self, text: str) -> str:
        """The text of a cell, harmless."""
        raise NotImplementedError

    def title(self, title: str, first: bool) -> None:
        """Write a title. first: nothing stands above it."""
        raise NotImplementedError

    def draw(self, columns: Sequence[Column], rows: list[list[str]], rest: Iterable[list[str]], live: bool) -> None:
        """Write the first rows and the rest of them. live: as they come."""
        raise NotImplementedError

    def table(self, document: Table) -> int:
        document = document.flat or document
        if document.text is not None:
            return sum(self.text(Text(document.text(record))) for record in document.records)
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
            self._part((record for _, record in part), document.columns, document.live)
        if hidden and document.more is not None:
            self.printer.message(document.more(hidden))
        return next(counted)

    def sections(self, document: documents.Sections) -> int:
        number = 0
        for number, section in enumerate(document.sections, 1):
            self.title(section.title, first=number == 1)
            self._part(iter(section.record["rows"]), section.columns, False)
        return number

    def _part(self, records: Iterator[documents.Record], columns: documents.Columns | None, live: bool) -> None:
        head = list(itertools.islice(records, 1 if live else DRAWN_ROWS + 1))
        if head:
            shown = chosen_columns(columns, head)
            cells = [[self.inert(cell_text(record.get(column.name))) for column in shown] for record in head]
            rest = ([self.inert(cell_text(record.get(column.name))) for column in shown] for record in records)
            self.draw(shown, cells, rest, live)


class TableFormat(TitledTables):
    """Tables, trees, and sentences."""

    writes = (*TABULAR, Graph, Moment)
    for_people = True

    def single(self, document: documents.Single) -> int:
        if document.text is not None:
            return self.text(Text(document.text(document.record)))
        record = document.row(document.record) if document.row else document.record
        titles = [visible(name) for name in record]
        width = max(map(len, titles), default=0)
        for title, value in zip(titles, record.values(), strict=True):
            self.printer.line(f"{title:<{width}}  {visible(cell_text(value))}".rstrip(" "))
        return 1

    def report(self, document: documents.Report) -> int:
        for number, part in enumerate(document.parts):
            if number:
                self.printer.line("")
            self.write(part)
        return len(document.parts)

    def graph(self, document: Graph) -> int:
        return self.text(Text("\n".join(_tree(document))))

    def outcomes(self, document: documents.Outcomes) -> int:
        count = 0
        for outcome in document.outcomes:
            count += 1
            document.tell(outcome)
        return count

    def inert(self, text: str) -> str:
        return visible(text)

    def title(self, title: str, first: bool) -> None:
        text = f"\x1b[1m{visible(title)}\x1b[0m" if self.printer.color else visible(title)
        self.printer.line(text if first else "\n" + text)

    def draw(self, columns: Sequence[Column], rows: list[list[str]], rest: Iterable[list[str]], live: bool) -> None:
        from cqrs_cli.cli.printing.layout import drawn, fit, plain_lines

        printer, terminal = self.printer, self.printer.width
        # Without a terminal there is nothing to fold or to color, so rich need not be imported.
        in_lines = live or len(rows) > DRAWN_ROWS or (terminal is None and not printer.color)
        fitted = fit(columns, rows[:DRAWN_ROWS], None if live else terminal, folds=not in_lines)
        if in_lines:
            cut = terminal is not None and not live
            for line in plain_lines(columns, itertools.chain(rows, rest), fitted, cut=cut, grow=live):
                printer.line(line, live)
        else:
            printer.write(drawn(columns, rows, fitted, printer.color))
        if len(fitted.shown) < len(columns):
            gone = [column.name for index, column in enumerate(columns) if index not in fitted.shown]
            printer.message(f"not shown, the terminal is too narrow: {', '.join(gone)} (--format jsonl has everything)")


def _tree(graph: Graph) -> Iterator[str]:
    stack: list[tuple[Any, str, str]] = [(root, "", "") for root in reversed(graph.roots)]
    while stack:
        node, here, below = stack.pop()
        yield here + visible(graph.line(node))
        last = len(node.children) - 1
        for number, child in reversed(list(enumerate(node.children))):
            branch, trunk = ("└─ ", "   ") if number == last else ("├─ ", "│  ")
            stack.append((child, below + branch, below + trunk))
