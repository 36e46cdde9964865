"""GitLab's Code Quality: findings at their lines, in the widget and the diff of a merge request."""

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.documents import Findings, Outcomes, Value, Verdicts
from cqrs_cli.cli.printing.formats import Format

_SEVERITIES = {"error": "major", "warning": "minor", "note": "info"}


class GitlabFormat(Format):
    """One array."""

    writes = (Findings, Outcomes, Verdicts)

    def findings(self, document: Findings) -> int:
        return self._array([document])

    def verdicts(self, document: Verdicts) -> int:
        return self._array([part.findings for part in document.parts])

    def _array(self, checks: Sequence[Findings]) -> int:
        met: Counter[tuple[str, ...]] = Counter()
        found: list[dict[str, Any]] = []
        for check in checks:
            for finding in check.findings:
                place = check.place(finding.where)
                # Without the line, which moves: what is the same finding before and after a change is not new.
                told = (check.check, finding.code, finding.where, finding.message, place.file)
                met[told] += 1
                message = f"{finding.where}: {finding.message}" + (f" ({finding.hint})" if finding.hint else "")
                found.append(
                    {
                        "description": visible(message),
                        "check_name": visible(finding.code),
                        "fingerprint": _fingerprint(*told, str(met[told])),
                        "severity": _SEVERITIES[finding.severity],
                        "location": {"path": place.file, "lines": {"begin": place.line or 1}},
                    }
                )
        self.value(Value(found))
        return len(found)


def _fingerprint(*texts: str) -> str:
    """Of all that tells a finding from another."""
    return sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
