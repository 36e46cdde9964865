"""JSON lines: a record a line, as it comes."""

from cqrs_cli.cli.printing.documents import Moment, Outcomes, Sections, Single, Table
from cqrs_cli.cli.printing.formats import Format
from cqrs_cli.cli.printing.formats.json import JsonFormat
from cqrs_cli.json_text import json_line


class JsonLinesFormat(JsonFormat):
    """Every record as one line of JSON."""

    has_end = False

    def table(self, document: Table) -> int:
        count = 0
        if document.header is not None:
            self.printer.line(json_line(document.header))
        for record in document.records:
            count += 1
            self.printer.line(json_line(record), document.live)
        return count

    def single(self, document: Single) -> int:
        return self.table(Table([document.record]))

    def sections(self, document: Sections) -> int:
        whole, count = document.whole, 0
        for record in [whole] if whole is not None else (part.record for part in document.sections):
            self.section(record)
            self.printer.line("")
            count += 1
        return count

    def outcomes(self, document: Outcomes) -> int:
        return self.table(Table(map(document.record, document.outcomes), live=True))

    def moment(self, document: Moment) -> int:
        return Format.moment(self, document)
