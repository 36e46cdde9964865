"""SARIF 2.1.0, for code scanning."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cqrs_cli import __version__
from cqrs_cli.cli.printing.documents import Findings, Value
from cqrs_cli.cli.printing.formats import Format
from cqrs_cli.cli.printing.places import Place


class SarifFormat(Format):
    """One run of the tool."""

    writes = (Findings,)

    def findings(self, document: Findings) -> int:
        rules = [{"id": code} for code in dict.fromkeys(finding.code for finding in document.findings)]
        results = [
            {
                "ruleId": finding.code,
                "level": "error" if finding.severity == "error" else "warning",
                "message": {"text": finding.message + (f" ({finding.hint})" if finding.hint else "")},
                "locations": [_location(document.place(finding.where), finding.where)],
            }
            for finding in document.findings
        ]
        driver = {"name": "cqrs", "version": __version__, "rules": rules}
        return self.value(
            Value(
                {
                    "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
                    "version": "2.1.0",
                    "runs": [{"tool": {"driver": driver}, "results": results}],
                }
            )
        )


def _location(place: Place, name: str) -> dict[str, Any]:
    """Code scanning shows nothing that has no file, and no line of one."""
    uri = Path(place.file).as_uri() if os.path.isabs(place.file) else quote(place.file.replace(os.sep, "/"))
    physical = {"artifactLocation": {"uri": uri}, "region": {"startLine": place.line or 1}}
    return {"physicalLocation": physical, "logicalLocations": [{"name": name}]}
