"""GitHub: workflow commands, which annotate a run."""

from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.documents import Findings
from cqrs_cli.cli.printing.formats import Format


class GithubFormat(Format):
    """A line a finding."""

    writes = (Findings,)

    def findings(self, document: Findings) -> int:
        for finding in document.findings:
            level = "error" if finding.severity == "error" else "warning"
            message = finding.message + (f" ({finding.hint})" if finding.hint else "")
            title = _property(f"{document.check}: {finding.where}")
            self.printer.line(f"::{level} title={title}::{_data(visible(message))}")
        return len(document.findings)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(visible(text)).replace(":", "%3A").replace(",", "%2C")
