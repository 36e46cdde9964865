"""Verdicts in the formats of pipelines: held against the schemas of those who read them, and inert."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
import xmlschema

from cqrs_cli.cli.printing.documents import Document, Findings, Part, Report, Table, Verdicts
from cqrs_cli.cli.printing.formats import format_named
from cqrs_cli.cli.printing.masked import masked
from cqrs_cli.cli.printing.places import Place
from cqrs_cli.finding import Finding
from tests.conftest import ROOT

SCHEMAS = ROOT / "tests" / "data" / "schemas"
HOSTILE = "a\nb\r::error::x%0A,:<img src=x onerror=y>&'\"`]]>|[click](https://evil)\x00\x1b[31m\x07\ufffe\u202e\ud800 ##[error]z"
PLACES = {"Order": Place("shop.py", 12)}


def findings(check: str, *found: Finding) -> Findings:
    return Findings(check, ["Order", "fine"], found, Table(()), lambda name: PLACES.get(name, Place("cqrs.toml")))


def document(text: str, code: str = HOSTILE) -> Verdicts:
    """One of each verdict. text: whatever a domain can say."""
    failed = findings("check log", Finding("odd", "error", text, text, text), Finding("odd", "warning", "Order", text))
    noted = findings("check model", Finding(code, "note", "Order", text))
    error = findings(f"rehearse {text}", Finding("damaged", "error", f"rehearse {text}", text))
    parts = [Part(failed, 1234.5), Part(noted, 0.01), Part(findings("test"), 0.0, text), Part(error, 2.0, text)]
    rows = [{"check": part.findings.check, "verdict": "failed", "looked_at": part.why} for part in parts]
    found = [one._asdict() for part in parts for one in part.findings.findings]
    return Verdicts(f"cqrs ci: {text}", parts, Table(rows), Table(found), Report({}, Table(found), []))


class Paper:
    """A printer that keeps what it is given."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str, push: bool = False) -> None:
        self.lines.append(text)


def printed(name: str, verdicts: Document) -> str:
    paper: Any = Paper()
    format_named(name)(name, paper).write(verdicts)
    return "\n".join(paper.lines)


@cache
def schema(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text())


@pytest.mark.parametrize("text", ["plain", HOSTILE, ""], ids=["plain", "hostile", "empty"])
@pytest.mark.slow
def test_junit_is_what_jenkins_reads(text: str, tmp_path: Path) -> None:
    known = xmlschema.XMLSchema(str(SCHEMAS / "junit-10.xsd"))
    report = printed("junit", document(text))
    known.validate(report)
    root = ElementTree.fromstring(report)
    assert [(one.get("failures"), one.get("errors"), one.get("skipped")) for one in root] == [
        ("2", "0", None),
        ("0", "0", None),
        ("0", "0", "1"),
        ("0", "1", "0"),
    ]
    assert root[0].get("time") == "1234.500"
    for suite in root:
        assert int(suite.get("tests", "")) == len(suite) > 0
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        known.validate(report.replace("failures=", "fails="))


@pytest.mark.parametrize("text", ["plain", HOSTILE], ids=["plain", "hostile"])
@pytest.mark.slow
def test_sarif_is_what_its_schema_wants(text: str) -> None:
    report = json.loads(printed("sarif", document(text)))
    jsonschema.Draft7Validator(schema("sarif-2.1.0.json")).validate(report)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema("sarif-2.1.0.json")).validate(report | {"version": "2"})
    results = report["runs"][0]["results"]
    assert [one["level"] for one in results] == ["error", "warning", "note", "error"]
    for one in results:  # a bracket that is not escaped may begin a link
        assert not re.search(r"(?<!\\)(\\\\)*[\[\]]", one["message"]["text"])


def test_gitlab_is_what_code_quality_wants() -> None:
    """https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format: these members, each."""
    report = json.loads(printed("gitlab", document(HOSTILE)))
    assert [one["severity"] for one in report] == ["major", "minor", "info", "major"]
    for one in report:
        assert set(one) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert not one["location"]["path"].startswith(("./", "/"))
        assert type(one["location"]["lines"]["begin"]) is int
    assert len({one["fingerprint"] for one in report}) == len(report)
    assert report[1]["location"] == {"path": "shop.py", "lines": {"begin": 12}}
    assert json.loads(printed("gitlab", Verdicts("", [], Table(()), Table(()), Report({}, Table(()), [])))) == []


def test_a_fingerprint_stays_where_lines_move_and_tells_equals_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = findings("check log", *[Finding("odd", "error", "Order", "the same")] * 2)
    before = json.loads(printed("gitlab", document("x")._replace(parts=[Part(twice)])))
    monkeypatch.setitem(PLACES, "Order", Place("shop.py", 99))
    after = json.loads(printed("gitlab", document("x")._replace(parts=[Part(twice)])))
    assert [one["fingerprint"] for one in before] == [one["fingerprint"] for one in after]
    assert len({one["fingerprint"] for one in after}) == 2


@pytest.mark.parametrize("format", ["github", "junit", "sarif", "gitlab"])
def test_nothing_in_them_is_a_control_character_or_a_command(format: str) -> None:
    text = printed(format, document(HOSTILE))
    assert not set(text) & set("\r\0\x1b\x07\u202e\ud800\ufffe")
    assert "##[" not in text
    commands = [line for line in text.splitlines() if line.lstrip().startswith("::")]
    assert len(commands) == (4 if format == "github" else 0)


@pytest.mark.parametrize("text", [HOSTILE, HOSTILE.replace("://", "")], ids=["with-a-link", "without"])
def test_markdown_reads_nothing_in_them(text: str) -> None:
    told = printed("md", document(text))
    assert not set(told) & set("\r\0\x1b\x07\u202e\ud800\ufffe")
    read = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", told)  # nothing in code is read
    assert "<img" not in read
    assert not re.search(r"(?<!\\)\[click", read)
    lines = told.splitlines()
    assert [line for line in lines if line.startswith("#")] == [lines[0], "## What was found"]
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in lines if line.startswith("|")}
    assert cells == {4, 6}, "a cell of a payload is no cell of its own"
    assert not [line for line in lines if line.lstrip().startswith("::")]


def test_fields_that_are_masked_are_in_none_of_them() -> None:
    class Mask:
        def prose(self, text: str) -> str:
            return text.replace("secret", "hidden")

        def record(self, record: Any) -> Any:
            return {name: self.prose(value) if isinstance(value, str) else value for name, value in record.items()}

    mask: Any = Mask()
    for format in ("github", "junit", "sarif", "gitlab", "md"):
        assert "secret" in printed(format, document("the secret", "odd"))
        assert "secret" not in printed(format, masked(document("the secret", "odd"), mask))
