"""JUnit XML: a test case for each thing checked."""

from xml.etree import ElementTree

from cqrs_cli.cli.printing.documents import Findings
from cqrs_cli.cli.printing.formats import Format

_INVALID_XML = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)], "\ufffd")


class JunitFormat(Format):
    """One suite."""

    writes = (Findings,)

    def findings(self, document: Findings) -> int:
        check, findings = document.check, document.findings
        names = list(dict.fromkeys([*document.checked, *(finding.where for finding in findings)]))
        suite = ElementTree.Element("testsuite", name=f"cqrs {check}", tests=str(len(names)))
        failed = 0
        for name in names:
            shown = name.translate(_INVALID_XML)
            case = ElementTree.SubElement(suite, "testcase", classname=f"cqrs.{check}", name=shown)
            of_it = [finding for finding in findings if finding.where == name and finding.severity == "error"]
            failed += bool(of_it)
            if of_it:
                message = of_it[0].message.translate(_INVALID_XML)
                failure = ElementTree.SubElement(case, "failure", type=of_it[0].code, message=message)
                failure.text = "\n".join(finding.message for finding in of_it).translate(_INVALID_XML)
        suite.set("failures", str(failed))
        root = ElementTree.Element("testsuites")
        root.append(suite)
        ElementTree.indent(root)
        self.printer.line(ElementTree.tostring(root, encoding="unicode", xml_declaration=False))
        return len(findings)
