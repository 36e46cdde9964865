"""JSON Patch (RFC 6902): what differs, as the operations that make the second of two states from the first."""

from cqrs_cli.cli.printing.documents import Changes
from cqrs_cli.cli.printing.formats import Format
from cqrs_cli.json_text import json_line


class JsonPatchFormat(Format):
    """One array, an operation a line."""

    writes = (Changes,)
    for_programs = has_end = True
    escapes = "json"

    def changes(self, document: Changes) -> int:
        count = 0
        for count, operation in enumerate(document.operations, 1):
            self.printer.write(f"{'[' if count == 1 else ','}\n{json_line(operation)}")
        self.printer.line("\n]" if count else "[]")
        return count
