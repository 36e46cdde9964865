"""The lock: what it has, what became of it since, the code to paste, git, and the files that are none."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Domain, Misuse
from cqrs_cli.checking.lock import compared
from cqrs_cli.checking.lock_file import NAME, lock_of, parse, text_of
from cqrs_cli.domain.codec import Codec
from samples.orders.fulfilment import domain as orders
from tests.checking.materials import checked

BEFORE = """
class Item(BaseModel):
    sku: str
    quantity: int

class Book(Command):
    table_id: str
    guests: int

class Booked(Event):
    guests: int
    items: list[Item] = []

class Left(Event): ...

class Table(Aggregate):
    table_id: str
    ignores = (Booked, Left)

    @decide(creates=True)
    def book(self, command: Book) -> Booked | Left:
        return Booked(guests=1)

class Seats(Projection, key="table_id"):
    table_id: str
    guests: int = 0
    note: str = ""

    @evolve
    def booked(self, event: Booked | Left) -> None: ...

domain = Domain("tables", Table, Seats)
"""


def domain_of(*changes: tuple[str, str]) -> Domain:
    text = BEFORE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    names: dict[str, Any] = {"__name__": "tables_under_test"}
    exec("from typing import Any\nfrom pydantic import BaseModel\nfrom cqrs_cli import *\n" + text, names)
    found: Domain = names["domain"]
    return found


LOCK = lock_of(domain_of())


def after(*changes: tuple[str, str]) -> Any:
    return compared(domain_of(*changes), json.loads(text_of(LOCK)), NAME, is_own=True)


def failing(*changes: tuple[str, str]) -> list[tuple[str, str, str]]:
    return [(row["change"], row["name"], row["path"]) for row in after(*changes).rows if row["change"] != "compatible"]


# ── the file ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("domain", [domain_of(), orders], ids=["tables", "orders"])
def test_the_lock_of_the_classes_themselves_is_no_change(domain: Domain) -> None:
    found = compared(domain, parse(text_of(lock_of(domain)).encode(), NAME), NAME, is_own=True)
    assert (found.rows, found.findings, found.ok) == ([], [], True)


def test_one_more_field_is_a_few_lines_of_a_diff() -> None:
    before = text_of(LOCK).splitlines()
    later = text_of(
        lock_of(domain_of(("class Left(Event): ...", "class Left(Event):\n    why: str = ''")))
    ).splitlines()
    assert len([line for line in later if line not in before]) <= 5
    assert before == text_of(lock_of(domain_of())).splitlines()


def test_what_it_has() -> None:
    assert LOCK["aggregates"] == {"table": {"aliases": [], "key": {"table_id": "str"}}}
    assert list(LOCK["events"]) == ["Booked", "Left"] or set(LOCK["events"]) == {"Booked", "Left"}
    assert LOCK["commands"]["Book"]["version"] == 1
    assert LOCK["read_models"]["seats"]["key"] == {"table_id": "str"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense", "it is no JSON"),
        ("[]", "it has no format"),
        ('{"format": 99}', "format 99, and this program knows 1"),
        ('{"format": 1, "events": 3}', "its aggregates are no names"),
        ('{"format": 1, "aggregates": {}, "commands": {}, "events": {"A": {}}, "read_models": {}}', "of A is not"),
    ],
)
def test_what_is_no_lock_is_refused(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(Misuse, match=told) as error:
        checked("lock", domain_of(), folder=tmp_path)
    assert error.value.code == "lock"


def test_no_lock_is_nothing_to_look_at(tmp_path: Path) -> None:
    found = checked("lock", domain_of(), folder=tmp_path)
    assert (found.looked_at, found.nothing) == ("", f"there is no {NAME} in {tmp_path}")


# ── what changed ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([("class Left", "class Gone")], [("breaking", "Left", "")]),
        ([("class Left(Event)", 'class Gone(Event, aliases=("Left",))'), ("Left)", "Gone)"), ("| Left", "| Gone")], []),
        ([("class Booked(Event):\n    guests", "class Booked(Event):\n    seats")], [("needs-upcaster", "Booked", "seats")]),
        ([("    items: list[Item] = []\n", "")], []),
        ([("    quantity: int\n", "    quantity: int\n    price: int\n")], [("needs-upcaster", "Booked", "items[].price")]),
        ([("    table_id: str\n    guests: int\n\nclass Booked", "    table_id: str\n    seats: int\n\nclass Booked")], [("needs-upcaster", "Book", "seats")]),
        ([("class Table(Aggregate)", 'class Table(Aggregate, category="desk", key="table_id")')], [("breaking", "table", "")]),
        ([("class Table(Aggregate)", 'class Table(Aggregate, category="desk", aliases=("table",), key="table_id")')], []),
        ([("table_id: str", "table_id: int")], [("needs-upcaster", "Book", "table_id"), ("breaking", "table", ""), ("breaking", "seats", ""), ("breaking", "seats", "table_id")]),
        ([('    note: str = ""\n', "")], [("breaking", "seats", "note")]),
        ([("guests: int = 0", "guests: int | None = 0")], [("breaking", "seats", "guests")]),
        ([('note: str = ""', 'note: str = "x"'), ("    guests: int = 0\n", "    guests: int = 0\n    more: int = 0\n")], []),
        ([('    note: str = ""\n', ""), ('key="table_id")', 'key="table_id", version=2)')], []),
        ([("class Seats(", "class Chairs("), ("Table, Seats", "Table, Chairs")], [("breaking", "seats", "")]),
        ([("class Seats(Projection,", 'class Chairs(Projection, name="seats",'), ("Table, Seats", "Table, Chairs")], []),
    ],
)  # fmt: skip
def test_each_kind_of_change(changes: list[tuple[str, str]], expected: list[tuple[str, str, str]]) -> None:
    if changes == [("class Left", "class Gone")]:
        changes = [("class Left", "class Gone"), ("Booked, Left)", "Booked, Gone)"), ("| Left", "| Gone")]
    assert failing(*changes) == expected
    assert after(*changes).ok is not bool(after(*changes).rows)  # what is compatible is not in the lock yet


def test_a_lock_that_knows_less_is_to_be_written_anew_but_not_one_of_another_time() -> None:
    domain = domain_of(("class Left(Event): ...", "class Left(Event):\n    why: str = ''"))
    found = compared(domain, LOCK, NAME, is_own=True)
    assert [(one.code, one.severity) for one in found.findings] == [("lock-behind", "warning")]
    assert compared(domain, LOCK, f"{NAME} at main", is_own=False).ok


def test_an_older_version_than_the_locked_one_is_breaking() -> None:
    later = domain_of(("class Left(Event): ...", "class Left(Event, version=2, upcasters={1: dict}): ..."))
    found = compared(domain_of(), lock_of(later), NAME, is_own=True)
    assert [row["change"] for row in found.rows] == ["breaking"]


REQUIRED = ("    guests: int\n    items", "    guests: int\n    name: str\n    items")


def test_a_step_that_does_what_it_must() -> None:
    step = 'class Booked(Event, version=2, upcasters={1: lambda data: {**data, "name": ""}})'
    assert not failing(REQUIRED, ("class Booked(Event)", step))


@pytest.mark.parametrize("step", ["dict", 'lambda data: {**data, "nmae": ""}', 'lambda data: {"name": data["nobody"]}'])
def test_a_step_that_does_not_is_found_by_an_example(step: str) -> None:
    found = after(REQUIRED, ("class Booked(Event)", f"class Booked(Event, version=2, upcasters={{1: {step}}})"))
    (finding,) = found.findings
    assert (finding.code, finding.where) == ("upcaster-fails", "Booked")
    assert "by its upcaster an example of version 1 can't be read" in finding.message


def test_a_step_that_looks_at_values_is_not_blamed_for_those_that_never_were() -> None:
    step = 'lambda data: {**data, "name": data["items"][0]["sku"].split("-")[1]}'
    assert not failing(REQUIRED, ("class Booked(Event)", f"class Booked(Event, version=2, upcasters={{1: {step}}})"))


# ── the code to paste ─────────────────────────────────────────────────────────────────────────

PASTED = [
    (
        ("class Booked(Event):\n    guests: int", "class Booked(Event):\n    seats: int"),
        {},
        '{"guests": 3}',
        "seats",
        3,
    ),
    (REQUIRED, {'data["name"] = ...': 'data["name"] = "ada"'}, '{"guests": 3}', "name", "ada"),
    (
        ("    quantity: int\n", "    quantity: int\n    price: int\n"),
        {'one["price"] = ...': 'one["price"] = 7'},
        '{"guests": 1, "items": [{"sku": "x", "quantity": 1}]}',
        "items",
        None,
    ),
    (
        ("class Booked(Event):\n    guests: int", "class Booked(Event):\n    guests: bool"),
        {'data["guests"] = ...': 'data["guests"] = data["guests"] > 0'},
        '{"guests": 3}',
        "guests",
        True,
    ),
]


@pytest.mark.parametrize(("change", "filled", "payload", "name", "value"), PASTED)
def test_the_missing_upcaster_can_be_pasted(
    change: tuple[str, str], filled: dict[str, str], payload: str, name: str, value: Any
) -> None:
    code = after(change).paste["Booked"]
    for old, new in filled.items():
        assert old in code
        code = code.replace(old, new)
    head = next(line for line in code.splitlines() if line.startswith("# class Booked"))[2:].rstrip(":")
    function = "\n".join(line for line in code.splitlines() if not line.startswith("#"))
    domain = domain_of(change, ("class Booked(Event)", f"{function}\n\n{head}"))
    event = Codec(domain.events, {}).decoder("Booked", 1)(payload.encode())
    assert getattr(event, name) == value or event.items[0].price == 7
    assert not [row for row in compared(domain, LOCK, NAME, is_own=True).rows if row["change"] != "compatible"]


def test_what_is_not_filled_in_is_never_read_in_silence() -> None:
    code = after(REQUIRED).paste["Booked"]
    function = "\n".join(line for line in code.splitlines() if not line.startswith("#"))
    domain = domain_of(
        REQUIRED, ("class Booked(Event)", f"{function}\nclass Booked(Event, version=2, upcasters={{1: booked_2}})")
    )
    with pytest.raises(Exception, match=r"[Ee]llipsis"):
        Codec(domain.events, {}).decoder("Booked", 1)(b'{"guests": 3}')


def test_a_rename_is_offered_without_a_step() -> None:
    code = after(("class Booked(Event):\n    guests", "class Booked(Event):\n    seats")).paste["Booked"]
    assert '#     seats: … = field(renamed_from="guests")' in code
    declared = 'class Booked(Event):\n    seats: int = field(renamed_from="guests")\n    x'
    assert not failing(("class Booked(Event):\n    guests: int\n", declared[:-5]))


def test_each_version_that_is_there_stays() -> None:
    older = domain_of(("class Booked(Event)", "class Booked(Event, version=2, upcasters={1: dict})"))
    later = domain_of(REQUIRED, ("class Booked(Event)", "class Booked(Event, version=2, upcasters={1: dict})"))
    code = compared(later, lock_of(older), NAME, is_own=True).paste["Booked"]
    assert "# class Booked(Event, version=3, upcasters={1: …, 2: booked_3}):" in code


# ── git ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    def git(*words: str) -> None:
        who = ["-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    (tmp_path / "inner").mkdir()
    (tmp_path / "README").write_text("nothing is locked yet")
    git("add", ".")
    git("commit", "-qm", "first")
    (tmp_path / "inner" / NAME).write_text(text_of(LOCK))
    git("add", ".")
    git("commit", "-qm", "locked")
    return tmp_path / "inner"


def test_against_a_commit_the_lock_is_the_one_it_had(repository: Path) -> None:
    domain = domain_of(("class Booked(Event):\n    guests", "class Booked(Event):\n    seats"))
    (repository / NAME).write_text(text_of(lock_of(domain)))
    assert checked("lock", domain, folder=repository).ok
    found = checked("lock", domain, folder=repository, against="git:main")
    assert [one.code for one in found.findings] == ["needs-upcaster"]
    assert found.looked_at == "1 change since cqrs.lock.json at main, which has 4 classes"
    assert checked("lock", domain_of(), folder=repository, against="git:HEAD").ok


def test_in_a_hook_of_git_too(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    assert checked("lock", domain_of(), folder=repository, against="git:main").ok


@pytest.mark.parametrize(
    ("against", "code"),
    [
        ("git:nothing", "git"),
        ("git:--help", "git"),
        ("git:", "git"),
        ("git:main:README", "git"),
        ("git:HEAD~1", "no-lock-there"),
        ("nowhere.json", "unreadable-file"),
    ],
)
def test_what_can_not_be_compared_with_is_an_error(repository: Path, against: str, code: str) -> None:
    with pytest.raises(Misuse) as error:
        checked("lock", domain_of(), folder=repository, against=against)
    assert error.value.code == code


def test_no_repository_and_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(Misuse, match="not a git repository"):
        checked("lock", domain_of(), folder=tmp_path, against="git:main")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Misuse, match="git is not installed"):
        checked("lock", domain_of(), folder=tmp_path, against="git:main")


def test_a_lock_of_another_place_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(text_of(LOCK))
    assert checked("lock", domain_of(), folder=tmp_path, against=str(tmp_path / "old.json")).ok
