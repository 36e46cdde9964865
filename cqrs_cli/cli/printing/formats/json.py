"""JSON: the data itself, an object for one thing, an array for many."""

from cqrs_cli.cli.printing.documents import TABULAR, Graph, Moment, Outcomes, Record, Report, Sections, Single, Table
from cqrs_cli.cli.printing.formats import Format
from cqrs_cli.cli.printing.values import json_line, json_text
from cqrs_cli.jsonable import RawJson


class JsonFormat(Format):
    """One JSON text; a record of an array is a line, a record alone is indented."""

    writes = (*TABULAR, Graph, Moment)
    for_programs = has_end = True
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

    def single(self, document: Single) -> int:
        stored = RawJson in map(type, document.record.values())  # as it is: a number keeps its digits
        self.printer.line(json_line(document.record) if stored else json_text(document.record, indent=2))
        return 1

    def sections(self, document: Sections) -> int:
        if document.whole is not None:
            return self.single(Single(_with_rows(document.whole)))
        return self.table(Table(_with_rows(part.record) for part in document.sections))

    def report(self, document: Report) -> int:
        return self.single(Single(document.whole))

    def outcomes(self, document: Outcomes) -> int:
        for outcome in document.outcomes:
            document.tell(outcome)
        return self.single(Single(document.summary()))

    def moment(self, document: Moment) -> int:
        return self.single(Single(document.record))


def _with_rows(section: Record) -> Record:
    return {**section, "rows": list(section["rows"])} if "rows" in section else section
