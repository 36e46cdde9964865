"""JUnit XML: a test case for each thing checked, a suite for each part of a check."""

from xml.etree import ElementTree

from cqrs_cli.cli.printing.control_characters import visible, visible_lines
from cqrs_cli.cli.printing.documents import Findings, Outcomes, Part, Verdicts
from cqrs_cli.cli.printing.formats import Format


class JunitFormat(Format):
    """One suite, or one for each part."""

    writes = (Findings, Outcomes, Verdicts)
    counts_each = True

    def findings(self, document: Findings) -> int:
        # A check that could not be made is no report, but an error of the command.
        return self._suites([_suite(document)], len(document.findings))

    def verdicts(self, document: Verdicts) -> int:
        suites = [_suite_of_part(part) for part in document.parts]
        return self._suites(suites, sum(len(part.findings.findings) for part in document.parts))

    def _suites(self, suites: list[ElementTree.Element], count: int) -> int:
        root = ElementTree.Element("testsuites")
        root.extend(suites)
        ElementTree.indent(root)
        self.printer.line(ElementTree.tostring(root, encoding="unicode", xml_declaration=False))
        return count


def _suite(document: Findings) -> ElementTree.Element:
    check, findings = document.check, document.findings
    names = list(dict.fromkeys([*document.checked, *(finding.where for finding in findings)]))
    suite = ElementTree.Element("testsuite", name=visible(f"cqrs {check}"), tests=str(len(names)))
    failed = 0
    for name in names:
        case = ElementTree.SubElement(suite, "testcase", classname=visible(f"cqrs.{check}"), name=visible(name))
        of_it = [finding for finding in findings if finding.where == name and finding.severity != "note"]
        failed += bool(of_it)
        if of_it:
            message = visible(of_it[0].message.partition("\n")[0])
            failure = ElementTree.SubElement(case, "failure", type=visible(of_it[0].code), message=message)
            failure.text = "\n".join(visible_lines(finding.message) for finding in of_it)
    suite.set("failures", str(failed))
    suite.set("errors", "0")
    return suite


def _suite_of_part(part: Part) -> ElementTree.Element:
    """A part that could not be made is an error, and one that had nothing to look at is skipped."""
    if part.why is None:
        suite = _suite(part.findings)
    else:
        check = visible(part.findings.check)
        suite = ElementTree.Element("testsuite", name=f"cqrs {check}", tests="1", failures="0")
        case = ElementTree.SubElement(suite, "testcase", classname=f"cqrs.{check}", name=check)
        error = next(iter(part.findings.findings), None)
        suite.set("errors", str(int(error is not None)))
        suite.set("skipped", str(int(error is None)))
        if error is None:
            ElementTree.SubElement(case, "skipped", message=visible(part.why))
        else:
            ElementTree.SubElement(case, "error", type=visible(error.code), message=visible(part.why))
    suite.set("time", f"{part.seconds:.3f}")
    return suite
