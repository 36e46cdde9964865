"""SARIF 2.1.0, for code scanning."""

from cqrs_cli import __version__
from cqrs_cli.cli.printing.documents import Findings, Value
from cqrs_cli.cli.printing.formats import Format


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
                "locations": [{"logicalLocations": [{"name": finding.where}]}],
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
