"""Findings of checks: one renderer for people, for programs, and for the formats that CI systems read.

table, json, jsonl, csv …   as records
github                      workflow commands, which annotate a run
junit                       JUnit XML: a test case for each thing checked
sarif                       SARIF 2.1.0, for code scanning
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from xml.etree import ElementTree

from cqrs_cli import __version__
from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.render import Printer
from cqrs_cli.config import FINDING_FORMATS

_INVALID_XML = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)], "\ufffd")


class Finding(NamedTuple):
    """Something a check found. code: stable. severity: error or warning. where: what it is about."""

    code: str
    severity: str
    where: str
    message: str
    hint: str = ""


def wants_findings(printer: Printer) -> bool:
    """Whether the format is one that only findings have."""
    return printer.format in FINDING_FORMATS


def print_findings(printer: Printer, check: str, checked: Sequence[str], findings: Sequence[Finding]) -> None:
    """Print findings in a CI format. check: the name of the check. checked: all that was looked at, found or not."""
    if printer.format == "github":
        for finding in findings:
            level = "error" if finding.severity == "error" else "warning"
            message = finding.message + (f" ({finding.hint})" if finding.hint else "")
            printer.raw(f"::{level} title={_property(f'{check}: {finding.where}')}::{_data(visible(message))}")
    elif printer.format == "junit":
        printer.raw(_junit(check, checked, findings))
    else:
        printer.value(_sarif(findings))


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(visible(text)).replace(":", "%3A").replace(",", "%2C")


def _junit(check: str, checked: Sequence[str], findings: Sequence[Finding]) -> str:
    names = list(dict.fromkeys([*checked, *(finding.where for finding in findings)]))
    suite = ElementTree.Element("testsuite", name=f"cqrs {check}", tests=str(len(names)))
    failed = 0
    for name in names:
        case = ElementTree.SubElement(suite, "testcase", classname=f"cqrs.{check}", name=name.translate(_INVALID_XML))
        of_it = [finding for finding in findings if finding.where == name and finding.severity == "error"]
        failed += bool(of_it)
        if of_it:
            failure = ElementTree.SubElement(
                case, "failure", type=of_it[0].code, message=of_it[0].message.translate(_INVALID_XML)
            )
            failure.text = "\n".join(finding.message for finding in of_it).translate(_INVALID_XML)
    suite.set("failures", str(failed))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False)


def _sarif(findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "cqrs",
                        "version": __version__,
                        "rules": [{"id": code} for code in dict.fromkeys(finding.code for finding in findings)],
                    }
                },
                "results": [
                    {
                        "ruleId": finding.code,
                        "level": "error" if finding.severity == "error" else "warning",
                        "message": {"text": finding.message + (f" ({finding.hint})" if finding.hint else "")},
                        "locations": [{"logicalLocations": [{"name": finding.where}]}],
                    }
                    for finding in findings
                ],
            }
        ],
    }
