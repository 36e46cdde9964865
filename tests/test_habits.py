"""What CONTRIBUTING.md says of decision records, links, targets, floors and the quick profile is so."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT
from tests.slow import SLOW

RECORDS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
DAY = r"\d{4}-\d\d-\d\d"
STATUS = re.compile(
    rf"Status: (?:(?:proposed|rejected), {DAY}"
    rf"|accepted, {DAY}(?:; amended {DAY})?(?:; supersedes \[\d{{4}}\]\(([^)]+)\))?"
    rf"|superseded by \[\d{{4}}\]\(([^)]+)\), {DAY})"
)


def status(record: Path) -> re.Match[str] | None:
    """The line below the title."""
    lines = record.read_text(encoding="utf-8").splitlines()
    return STATUS.fullmatch(lines[2]) if len(lines) > 2 and lines[0].startswith("# ") and not lines[1] else None


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_every_decision_has_a_status(record: Path) -> None:
    told = status(record)
    assert told, "the third line is its status, as CONTRIBUTING.md says"
    ours = f"]({record.name})"
    for other, word in ((told[1], "Status: superseded by"), (told[2], "supersedes")):
        if other is not None:
            [line] = [line for line in (record.parent / other).read_text().splitlines() if line.startswith("Status:")]
            assert word in line, f"{other} says nothing of it"
            assert ours in line


def test_every_decision_has_a_number_of_its_own() -> None:
    numbers = [re.match(r"\d{4}-", record.name) for record in RECORDS]
    assert all(numbers)
    assert len({number[0] for number in numbers if number}) == len(RECORDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_links_to_is_there(page: Path) -> None:
    if not page.is_file():
        pytest.skip("it is not here")
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    linked = [target for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) if "://" not in target]
    assert [target for target in linked if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("entry", SLOW)
def test_what_is_listed_as_slow_is_there(entry: str) -> None:
    name, *within = entry.split("::")
    assert (ROOT / name).is_file()
    [*_, test] = within or [""]
    sources = [ROOT / name, *(ROOT / "tests" / "stores").glob("*.py"), *(ROOT / "cqrs_cli" / "testing").glob("*.py")]
    assert not test or any(re.search(rf"(def|class) {test}\b", source.read_text()) for source in sources)


@pytest.mark.slow
def test_the_quick_profile_has_tests_of_every_room() -> None:
    words = ["-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", "-m", "not faults and not slow", "tests"]
    found = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, encoding="utf-8").stdout
    folders = {Path(line.partition("::")[0]).parent.as_posix() for line in found.splitlines() if "::" in line}
    all_of_them = {file.parent.relative_to(ROOT).as_posix() for file in (ROOT / "tests").rglob("test_*.py")}
    assert all_of_them - folders == {"tests/browser", "tests/faults"}


def test_contributing_tells_every_target() -> None:
    [targets] = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [name for name in targets.split() if f"`make {name}`" not in text and name != "demo"] == []


def versions() -> ModuleType:
    path = ROOT / ".ci" / "versions.py"
    if not path.is_file():
        pytest.skip("there is no .ci here")
    spec = importlib.util.spec_from_file_location("versions", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_dependency_has_a_floor_that_can_be_tried() -> None:
    told = versions()
    floors = told.floors()
    assert len(floors) == len(told.PROJECT["dependencies"]) + len(told.PROJECT["optional-dependencies"]["http"])
    told.PROJECT["dependencies"].append("other>=1,<2")
    with pytest.raises(ValueError, match="other>=1,<2"):
        told.floors()


def test_ci_runs_what_contributing_says() -> None:
    script = ROOT / ".ci" / "run"
    if not script.is_file():
        pytest.skip("there is no .ci here")
    steps = ["lint", "test", "lowest", "newest", "site"]
    assert re.findall(r"^make (\w+)$", script.read_text(), re.MULTILINE) == steps
