"""What the pages list is what there is: errors, exit codes, settings, formats, public names."""

import ast
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import cqrs_cli
from cqrs_cli import config, errors
from cqrs_cli.cli.commands.demo.lessons import NAMES
from cqrs_cli.cli.commands.help import TOPICS
from cqrs_cli.cli.shell import boundary
from cqrs_cli.stores.postgres import errors as postgres_errors
from cqrs_cli.stores.sqlite import errors as sqlite_errors
from tests.conftest import ROOT

DOCS = ROOT / "docs"
CLASSES: dict[str, type[errors.CqrsError]] = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and hasattr(kind, "exit_code")
}
CONSTANTS = {"UNREADABLE_FILE": "unreadable-file", "UNWRITABLE": "output", "MISTAKE": "scenario"}
PASSED_ON = {"first.code", "error.code", "late.code", "found.code"}
"""An error that is told again with the code that it has."""
KINDS = {
    "code": ("full", "io-error", "read-only"),
    "f'{kind}-not-found'": ("reaction-not-found", "projection-not-found", "category-not-found"),
    "f'{self.what}-not-found'": ("command-not-found", "query-not-found"),
    "f'{self._kind}-not-found'": ("command-not-found", "query-not-found"),
}


def text(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def rows(page: str) -> Iterator[list[str]]:
    """The cells of all tables of a page."""
    for line in text(page).splitlines():
        if line.startswith("|") and not line.startswith(("|---", "| ---")):
            yield [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip("|"))]


def raised() -> Iterator[tuple[str, int, str]]:
    """Every code that the package's own code gives to an error, its exit code, and where."""
    for name, kind in CLASSES.items():
        yield kind.code, kind.exit_code, name
    for _, kind, code, *_ in (sqlite_errors._UNSYNCED, *sqlite_errors._REPORTS):
        yield code, kind.exit_code, "stores/sqlite/errors.py"
    for _, kind, code, *_ in postgres_errors._REPORTS:
        yield code, kind.exit_code, "stores/postgres/errors.py"
    yield "bug", boundary.BUG, "boundary"
    for path in sorted((ROOT / "cqrs_cli").rglob("*.py")):
        if "_samples" in path.parts or "scaffold" in path.parts:
            continue
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            raises = CLASSES.get(ast.unparse(call.func).rpartition(".")[2]) if isinstance(call, ast.Call) else None
            if isinstance(call, ast.Call) and raises is not None:
                where = f"{path.relative_to(ROOT)}:{call.lineno}"
                for keyword in call.keywords:
                    if keyword.arg == "code":
                        yield from ((code, raises.exit_code, where) for code in named(keyword.value))


def named(value: ast.expr) -> tuple[str, ...]:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return (value.value,)
    written = ast.unparse(value)
    if written in PASSED_ON:
        return ()
    return KINDS.get(written) or (CONSTANTS[written],)


def test_every_code_of_an_error_is_on_its_page_with_its_exit_code() -> None:
    told: dict[str, set[int]] = {}
    for first, *_, codes in rows("errors"):
        if first != "code":
            assert first not in told, f"{first} twice"
            told[first] = {int(code) for code in codes.split(",")}
    found: dict[str, set[int]] = {}
    places: dict[str, str] = {}
    for code, exit_code, where in raised():
        found.setdefault(f"`{code}`", set()).add(exit_code)
        places.setdefault(f"`{code}`", where)
    missing = {code: places[code] for code in found.keys() - told.keys()}
    assert missing == {}, "docs/errors.md does not tell them"
    assert told.keys() - found.keys() == set(), "nothing raises them"
    base = found.pop("`error`"), told.pop("`error`")
    assert base[1] <= base[0]
    assert {code: (found[code], told[code]) for code in found if found[code] != told[code]} == {}


def test_every_exit_code_is_on_its_page() -> None:
    codes = {kind.exit_code for kind in CLASSES.values()}
    codes |= {0, boundary.BUG, boundary.INTERRUPTED, boundary.BROKEN_PIPE, 128 + signal.SIGTERM}
    assert {int(first) for first, *_ in rows("exit-codes") if first.isdigit()} == codes


def test_every_setting_is_on_its_page() -> None:
    told = {first: cells for first, *cells in rows("environment")}
    for known in config.KNOWN:
        assert f"`{known.variable}`" in told[known.name][1]
        assert known.default in (None, False) or f"`{known.default}`" in told[known.name][2]
    assert f"`{config.FILE}`" in told["(the file)"][1]


def test_every_format_is_on_its_page() -> None:
    told = {name for first, *_ in rows("formats") for name in re.findall(r"`(\w+)`", first)}
    assert told == config.FORMATS.keys()


def test_every_public_name_is_on_its_page() -> None:
    told = {name for first, *_ in rows("python") for name in re.findall(r"`(\w+)`", first)}
    exits = {cells[0]: cells[1] for cells in rows("python") if cells[1][:1].isdigit()}
    told |= set(re.findall(r"`([A-Z]\w+)`", text("python")))
    assert set(cqrs_cli.__all__) - told == set()
    for names, code in exits.items():
        for name in re.findall(r"`(\w+)`", names):
            assert CLASSES[name].exit_code == int(code[0])


def test_the_words_of_the_field_are_explained() -> None:
    concepts, glossary = text("concepts"), {first for first, *_ in rows("glossary")}
    words = (
        "command", "handler", "aggregate", "event", "projection", "read model", "query", "eventual consistency",
        "idempotency", "invariant",
    )  # fmt: skip
    headings = " ".join(re.findall(r"(?m)^#+ (.*)$", concepts)).lower()
    assert [word for word in words if word not in headings] == []
    assert [word for word in words if word not in glossary and word != "handler"] == []
    listed = [first for first, *_ in rows("glossary")][1:]
    assert listed == sorted(listed, key=str.lower)


def test_every_trap_has_its_lesson() -> None:
    told = set(re.findall(r"cqrs demo ([\w-]+)", text("concepts") + text("writing-a-domain")))
    assert told == set(NAMES)


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_topics_that_are_named_are_there(page: Path) -> None:
    named = set(re.findall(r"cqrs help ([a-z-]+)", page.read_text(encoding="utf-8")))
    assert named <= {*TOPICS, "send"}
