"""CloudEvents 1.0, structured: an event a line."""

from cqrs_cli.cli.printing.documents import Export
from cqrs_cli.cli.printing.formats import Format


class CloudEventsFormat(Format):
    """A log for whatever takes CloudEvents."""

    writes = (Export,)
    for_programs = True
    escapes = "json"

    def export(self, document: Export) -> int:
        return document.cloudevents(self.printer.write)
