"""Findings in the formats that CI systems read: whatever a finding holds, the format stays whole."""

import json
from typing import Any
from xml.etree import ElementTree

import pytest

from cqrs_cli.cli.printing.documents import Findings, Table
from cqrs_cli.cli.printing.formats import format_named
from cqrs_cli.cli.printing.places import Place, place_of
from cqrs_cli.finding import Finding

NASTY = "a\nb\r::error::x%0A,:<&>\"']]>\x00\x1b[31m\x07\ufffe\u202e\ud800"
FINDINGS = [
    Finding("drift", "error", "orders", "row 1 differs", "rebuild it"),
    Finding("drift", "error", "orders", "row 2 differs"),
    Finding("odd", "warning", "other", NASTY, NASTY),
    Finding("odd", "error", NASTY, NASTY),
]

PLACES = {"orders": Place("my shop/shop.py", 12), "other": Place("/else where/é.py", 3)}


class Paper:
    """A printer that keeps what it is given."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str, push: bool = False) -> None:
        self.lines.append(text)


def printed(name: str, findings: list[Finding]) -> list[Any]:
    paper: Any = Paper()
    format = format_named(name)(name, paper)
    assert format.has_findings
    format.write(
        Findings(
            "project --check", ["orders", "fine"], findings, Table([]), lambda name: PLACES.get(name, Place("shop.db"))
        )
    )
    return list(paper.lines)


def test_github_annotates_line_by_line() -> None:
    lines = printed("github", FINDINGS)
    title = "title=project --check%3A orders::row 1 differs (rebuild it)"
    assert lines[0] == f"::error file=my shop/shop.py,line=12,{title}"
    assert [line.split()[0] for line in lines] == ["::error", "::error", "::warning", "::error"]
    for line in lines:
        assert not set(line) & set("\n\r\0\x1b\x07\u202e")
        title, _, _ = line.partition("title=")[2].partition("::")
        assert "," not in title
        assert ":" not in title
    assert printed("github", []) == []


def test_junit_has_a_case_for_each_thing_checked() -> None:
    (text,) = printed("junit", FINDINGS)
    suite = ElementTree.fromstring(text).find("testsuite")
    assert suite is not None
    cases = {case.get("name"): case.find("failure") for case in suite}
    # What the schema of Jenkins wants, junit-10.xsd of its xunit plugin: each of these, and no other element.
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "3", "0")
    assert {element.tag for element in suite.iter()} == {"testsuite", "testcase", "failure"}
    assert cases["fine"] is None
    assert cases["other"] is not None, "a warning fails the check, so it fails its case"
    failure = cases["orders"]
    assert failure is not None
    assert failure.text == "row 1 differs\nrow 2 differs"
    (clean,) = printed("junit", [])
    assert 'failures="0"' in clean


def test_sarif_is_json_with_a_rule_for_each_code() -> None:
    (report,) = printed("sarif", FINDINGS)
    run = json.loads(report)["runs"][0]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["drift", "odd"]
    assert [result["level"] for result in run["results"]] == ["error", "error", "warning", "error"]
    assert json.loads(printed("sarif", [])[0])["runs"][0]["results"] == []
    places = [result["locations"][0]["physicalLocation"] for result in run["results"]]
    assert [(place["artifactLocation"]["uri"], place["region"]["startLine"]) for place in places] == [
        *[("my%20shop/shop.py", 12)] * 2,
        ("file:///else%20where/%C3%A9.py", 3),
        ("shop.db", 1),
    ]


def test_where_a_class_is(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here = place_of(Paper, "shop.db")
    assert here.file.endswith("test_findings.py")
    assert here.line is not None
    assert place_of(None, "shop.db") == place_of(int, "shop.db") == Place("shop.db")
    monkeypatch.chdir(tmp_path)
    assert place_of(Paper, "shop.db").file.startswith("/")
    assert place_of(None, str(tmp_path / "a" / "shop.db")) == Place("a/shop.db")


@pytest.mark.parametrize("format", ["table", "json", "jsonl", "csv", "tsv", "md"])
def test_other_formats_are_records(format: str) -> None:
    paper: Any = Paper()
    assert not format_named(format)(format, paper).has_findings
