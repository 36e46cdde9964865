"""GitHub: workflow commands, which annotate a run."""

from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.documents import Findings, Outcomes, Verdicts
from cqrs_cli.cli.printing.formats import Format


class GithubFormat(Format):
    """A line a finding."""

    writes = (Findings, Outcomes, Verdicts)

    def findings(self, document: Findings) -> int:
        for finding in document.findings:
            level = "notice" if finding.severity == "note" else finding.severity
            message = finding.message + (f" ({finding.hint})" if finding.hint else "")
            title = _property(f"{document.check}: {finding.where}")
            place = document.place(finding.where)
            # What has no line of the domain's code, a stream or the store, is no place in the repository.
            where = f"file={_property(place.file)},line={place.line}," if place.line is not None else ""
            lines = "\n".join(map(visible, message.split("\n")))
            self.printer.line(f"::{level} {where}title={title}::{_data(lines)}")
        return len(document.findings)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(visible(text)).replace(":", "%3A").replace(",", "%2C")
