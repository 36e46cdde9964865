"""JUnit XML: a test case for each thing checked."""

from xml.etree import ElementTree

from cqrs_cli.cli.printing.control_characters import visible
from cqrs_cli.cli.printing.documents import Findings
from cqrs_cli.cli.printing.formats import Format


class JunitFormat(Format):
    """One suite."""

    writes = (Findings,)

    def findings(self, document: Findings) -> int:
        check, findings = document.check, document.findings
        names = list(dict.fromkeys([*document.checked, *(finding.where for finding in findings)]))
        suite = ElementTree.Element("testsuite", name=f"cqrs {check}", tests=str(len(names)))
        failed = 0
        for name in names:
            case = ElementTree.SubElement(suite, "testcase", classname=f"cqrs.{check}", name=visible(name))
            of_it = [finding for finding in findings if finding.where == name and finding.severity == "error"]
            failed += bool(of_it)
            if of_it:
                message = visible(of_it[0].message)
                failure = ElementTree.SubElement(case, "failure", type=visible(of_it[0].code), message=message)
                failure.text = "\n".join(visible(finding.message) for finding in of_it)
        suite.set("failures", str(failed))
        suite.set("errors", "0")  # a check that could not be made is no report, but an error of the command
        root = ElementTree.Element("testsuites")
        root.append(suite)
        ElementTree.indent(root)
        self.printer.line(ElementTree.tostring(root, encoding="unicode", xml_declaration=False))
        return len(findings)
