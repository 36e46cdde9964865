"""SARIF 2.1.0, for code scanning."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cqrs_cli import __version__
from cqrs_cli.cli.printing.control_characters import visible_lines
from cqrs_cli.cli.printing.documents import Findings, Outcomes, Value, Verdicts
from cqrs_cli.cli.printing.formats import Format
from cqrs_cli.cli.printing.places import Place


class SarifFormat(Format):
    """One run of the tool."""

    writes = (Findings, Outcomes, Verdicts)

    def findings(self, document: Findings) -> int:
        return self._run([document])

    def verdicts(self, document: Verdicts) -> int:
        return self._run([part.findings for part in document.parts])

    def _run(self, checks: Sequence[Findings]) -> int:
        codes = dict.fromkeys(finding.code for check in checks for finding in check.findings)
        results = [
            {
                "ruleId": finding.code,
                "level": finding.severity,
                "message": {"text": _message(finding.message + (f" ({finding.hint})" if finding.hint else ""))},
                "locations": [_location(check.place(finding.where), finding.where)],
            }
            for check in checks
            for finding in check.findings
        ]
        driver = {"name": "cqrs", "version": __version__, "rules": [{"id": code} for code in codes]}
        return self.value(
            Value(
                {
                    "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
                    "version": "2.1.0",
                    "runs": [{"tool": {"driver": driver}, "results": results}],
                }
            )
        )


def _message(text: str) -> str:
    """A plain message, in which brackets would be a link (SARIF 3.11.6)."""
    return re.sub(r"[\\\[\]]", lambda match: "\\" + match.group(), visible_lines(text))


def _location(place: Place, name: str) -> dict[str, Any]:
    """Code scanning shows nothing that has no file, and no line of one."""
    uri = Path(place.file).as_uri() if os.path.isabs(place.file) else quote(place.file.replace(os.sep, "/"))
    physical = {"artifactLocation": {"uri": uri}, "region": {"startLine": place.line or 1}}
    return {"physicalLocation": physical, "logicalLocations": [{"name": name}]}
