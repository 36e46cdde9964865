"""A format of somebody's own: the one file that it takes."""

from html import escape

from cqrs_cli.cli.printing.documents import TABULAR, Graph, Table
from cqrs_cli.cli.printing.formats import Format
from cqrs_cli.cli.printing.values import cell_text


class HtmlFormat(Format):
    """A table of HTML."""

    writes = (*TABULAR, Graph)

    def table(self, document: Table) -> int:
        count = 0
        self.printer.line("<table>")
        for record in (document.flat or document).records:
            count += 1
            shown = document.row(record) if document.row else record
            cells = "".join(f"<td>{escape(cell_text(value))}</td>" for value in shown.values())
            self.printer.line(f"<tr>{cells}</tr>")
        self.printer.line("</table>")
        return count
