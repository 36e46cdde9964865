"""JSON: the data itself, an object for one thing, an array for many."""

from collections.abc import Iterable

from cqrs_cli.cli.printing.documents import (
    TABULAR,
    Export,
    Graph,
    Moment,
    Outcomes,
    Record,
    Report,
    Sections,
    Single,
    Table,
)
from cqrs_cli.cli.printing.formats import Format
from cqrs_cli.json_text import json_line, json_text
from cqrs_cli.jsonable import RawJson


class JsonFormat(Format):
    """One JSON text; a record of an array is a line, a record alone is indented."""

    writes = (*TABULAR, Export, Graph, Moment)
    for_programs = has_end = holds_header = True
    escapes = "json"

    def table(self, document: Table) -> int:
        if document.whole is not None:
            return self.single(Single(document.whole))
        if document.live:
            self.follow()
        count = 0
        for count, record in enumerate(document.records, 1):
            self.printer.write(f"{'[' if count == 1 else ','}\n{json_line(record)}")
        self.printer.line("\n]" if count else "[]")
        return count

    def export(self, document: Export) -> int:
        """Lines, with a first and a last one: they are an interchange file."""
        return document.lines(self.printer.write)

    def single(self, document: Single) -> int:
        stored = RawJson in map(type, document.record.values())  # as it is: a number keeps its digits
        self.printer.line(json_line(document.record) if stored else json_text(document.record, indent=2))
        return 1

    def sections(self, document: Sections) -> int:
        if document.whole is not None:
            return self._whole(document.whole)
        count = 0
        for count, part in enumerate(document.sections, 1):
            self.printer.write("[\n" if count == 1 else ",\n")
            self.section(part.record)
        self.printer.line("\n]" if count else "[]")
        return count

    def section(self, record: Record) -> None:
        """A section on one line, its rows as they come."""
        head, rows = _parted(record)
        if rows is None:
            self.printer.write(json_line(head))
            return
        self.printer.write(json_line(head)[:-1] + ',"rows":[')
        for number, row in enumerate(rows):
            self.printer.write(("," if number else "") + json_line(row))
        self.printer.write("]}")

    def _whole(self, record: Record) -> int:
        """A section alone, indented, its rows as they come."""
        head, rows = _parted(record)
        if rows is None:
            return self.single(Single(head))
        self.printer.write(json_text(head, indent=2)[:-2] + ',\n  "rows": [')
        empty = True
        for row in rows:
            # A line break in JSON is never part of a text.
            self.printer.write(("" if empty else ",") + ("\n" + json_text(row, indent=2)).replace("\n", "\n    "))
            empty = False
        self.printer.line("]\n}" if empty else "\n  ]\n}")
        return 1

    def report(self, document: Report) -> int:
        return self.single(Single(document.whole))

    def outcomes(self, document: Outcomes) -> int:
        for outcome in document.outcomes:
            document.tell(outcome)
        return self.single(Single(document.summary()))

    def moment(self, document: Moment) -> int:
        return self.single(Single(document.record))


def _parted(record: Record) -> tuple[Record, Iterable[Record] | None]:
    """A section's own members and its rows, where these stand at its end."""
    *_, last = record
    if last != "rows" or len(record) == 1:
        return record, None
    return {name: value for name, value in record.items() if name != "rows"}, record["rows"]
