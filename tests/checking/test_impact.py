"""What a change of the code comes to on a log: each planted fault is found, and nothing where nothing changed."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.checking import impact as impacts
from cqrs_cli.checking.material import Material
from cqrs_cli.checking.side_by_side import side_by_side
from cqrs_cli.errors import ConfigurationError, DomainFailed, DomainNotLoaded, Misuse
from cqrs_cli.finding import Checked
from cqrs_cli.stores.commits import Commit, NewEvent
from tests.checking.changing import MODULE, TEXT, Repository
from tests.checking.materials import silent

TIGHTER = ("command.amount > 100", "command.amount > 50")
LOOSER = ("command.amount > 100", "command.amount > 9_000")
TOTAL = ("self.total += event.amount", "self.total += event.amount + 1")
ROWS = ("self.payments += 1", "self.payments += 2")
RENAMED = ("class Paid(Event):\n    amount: Decimal", "class Paid(Event):\n    cents: Decimal")
CLOCK = ("self.first = event.words[0]", "self.first = datetime.now(UTC).isoformat()")
SETS = ("self.first = event.words[0]", "self.first = next(iter(set(event.words)))")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    return Repository(tmp_path, monkeypatch)


# ── what differs ──────────────────────────────────────────────────────────────────────────────


def test_nothing_differs_where_nothing_changed(repository: Repository) -> None:
    found = repository.impact("git:HEAD")
    assert not found.differs
    assert (found.effects, found.schema.rows, found.not_judged, found.nothing) == ([], [], {}, "")
    assert found.totals == {"command": 6, "state": 2, "row": 2, "event": 5}
    assert found.against.startswith("git:HEAD (")
    assert found.checked().ok
    assert found.checked().looked_at.startswith("6 commands, 2 states, 2 rows, 5 events against git:HEAD (")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (TIGHTER, {("command", "Pay", "rejected", 1)}),
        (LOOSER, {("command", "Pay", "accepted", 1)}),
        (TOTAL, {("state", "till", "changed", 2)}),
        (ROWS, {("row", "takings", "changed", 2)}),
        (CLOCK, {("state", "till", "changed", 2)}),
        (SETS, {("state", "till", "changed", 2)}),
        (("first: str =", "note: str = '-'\n    first: str ="), {("state", "till", "gains fields", 2)}),
        (("    def paid(self, event: Paid) -> None:\n        self.payments", "    def paid(self, event: Paid) -> Any:\n        if event.amount == 60:\n            return DELETE\n        self.payments"), {("row", "takings", "gone", 1)}),
        (("self.first = event.words[0]", "self.first = event.words[99]"), {("state", "till", "fails", 2), ("command", "Open", "different", 2)}),
        (("self.payments += 1", "self.payments += event.words"), {("row", "takings", "fails", 1)}),
        (("return Paid(amount=command.amount)", "import uuid\n        return Paid(amount=uuid.uuid4().int % 10**9)"), {("command", "Pay", "nondeterministic", 3)}),
    ],
    ids=["tightened", "loosened", "total", "rows", "clock", "set", "field", "gone", "states fail", "rows fail", "chance"],
)  # fmt: skip
def test_each_planted_fault(repository: Repository, change: tuple[str, str], expected: set[Any]) -> None:
    assert repository.effects(change, ("from decimal", "from typing import Any\nfrom decimal")) == expected


def test_a_field_renamed_without_an_upcaster(repository: Repository) -> None:
    more = [("Paid(amount=command.amount)", "Paid(cents=command.amount)"), ("event.amount", "event.cents")]
    found = repository.effects(RENAMED, *more)
    assert found == {
        ("event", "Paid", "unreadable", 3),
        ("state", "till", "fails", 2),
        ("row", "takings", "fails", 1),
    }
    impact = repository.impact()
    assert [(row["change"], row["path"]) for row in impact.schema.rows] == [("needs-upcaster", "cents")]
    event = next(one for one in impact.effects if one.kind == "event")
    assert [example.position for example in event.examples] == [3, 4, 5]
    assert "cents" in str(event.examples[0].why)
    assert sum(count for count, _ in impact.not_judged.values()) == 4  # commands whose history can't be folded


def test_the_first_three_and_the_fields(repository: Repository) -> None:
    repository.change(("amount=command.amount)", "amount=command.amount * 2)"))
    (effect,) = repository.impact().effects
    assert effect.fields == {"Paid.amount": 3}
    assert [[tuple(change) for change in one.changes] for one in effect.examples] == [
        [("Paid.amount", "10", "20")],
        [("Paid.amount", "60", "120")],
        [("Paid.amount", "5", "10")],
    ]
    assert [one.position for one in effect.examples] == [3, 4, 5]
    (finding,) = [one for one in repository.impact().checked().findings if one.code == "impact-different"]
    assert finding.where == "Pay"
    assert finding.message.startswith("command Pay: 3 decided differently: Paid.amount, the first @3 ")
    assert finding.message.endswith(": Paid.amount: 10 → 20")


def test_more_than_three_are_counted(repository: Repository) -> None:
    with Workbench.open(repository.store, repository.domain()) as bench:
        for number in range(7):
            bench.send(bench.domain.commands["Open"](till_id=f"more-{number}", words=["one"]))  # type: ignore[call-arg]
    repository.change(("self.first = event.words[0]", "self.first = event.words[-1] + '!'"))
    (effect,) = repository.impact().effects
    assert (effect.number, len(effect.examples), effect.fields) == (9, 3, {"first": 9})


def test_an_evolve_that_reads_the_clock_in_both_is_the_same(repository: Repository) -> None:
    """The two are at one moment: what changed is asked, not what is pure."""
    repository.change(CLOCK)
    repository.commit()
    assert not repository.impact("git:HEAD").differs
    for told in ("str(random.random())", "next(iter(set(event.words)))"):
        repository.change(("self.first = event.words[0]", f"import random; self.first = {told}"))
        repository.commit()
        assert not repository.impact("git:HEAD").differs


def test_both_read_up_to_one_event(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after the run began is nobody's, whoever looks first."""
    with Workbench.open(repository.store, repository.domain(), read_only=True) as bench:
        monkeypatch.setattr(type(bench.store), "head", lambda _: 3)
    found = repository.impact("git:HEAD")
    assert not found.differs
    assert found.totals == {"command": 3, "state": 2, "row": 1, "event": 3}


def test_ignored_fields(repository: Repository) -> None:
    changed = [("amount=command.amount)", "amount=command.amount * 2)"), TOTAL, ROWS]
    assert len(repository.effects(*changed)) == 3
    for ignored in (
        ["Paid.amount", "Till.total", "Takings.payments"],
        ["Paid.amount", "till.total", "takings.payments"],
    ):
        assert repository.effects(*changed, ignored=ignored) == set()
    for typed in ("amount", "Paid", "Paid.price", "Nobody.amount", ""):
        with pytest.raises(ConfigurationError, match="is no field of an event"):
            repository.impact(ignored=[typed])


def test_what_only_one_version_has_is_told_by_the_classes(repository: Repository) -> None:
    more = "class Notes(Projection, key='till_id'):\n    till_id: str\n    notes: int = 0\n\n    @evolve\n    def opened(self, event: Opened) -> None:\n        self.notes += 1\n\ndomain"
    repository.change(("\ndomain", "\n" + more), ("Till, Takings", "Till, Notes"))
    found = repository.impact()
    assert [(row["kind"], row["name"], row["change"]) for row in found.schema.rows] == [
        ("read model", "takings", "breaking"),
        ("read model", "notes", "compatible"),
    ]
    assert found.effects == []
    assert found.differs
    assert not found.checked().ok


def test_an_event_under_another_name_is_the_same(repository: Repository) -> None:
    """Events are compared as today's class reads them; so are aggregates by their categories."""
    renamed = [("class Paid(Event)", "class Payed(Event, aliases=('Paid',))"), ("-> Paid", "-> Payed")]
    renamed += [("event: Paid", "event: Payed"), ("return Paid(", "return Payed(")]
    renamed += [
        ("class Till(Aggregate, key", "class Desk(Aggregate, aliases=('till',), key"),
        ("Till, Tak", "Desk, Tak"),
    ]
    assert repository.effects(*renamed) == set()
    assert {row["change"] for row in repository.impact().schema.rows} == {"compatible"}


def test_what_harms_nobody_is_a_note(repository: Repository) -> None:
    repository.change(('first: str = ""', 'first: str = ""\n    note: str = ""'))
    assert repository.impact().differs
    assert repository.impact().checked().ok
    repository.commit()
    repository.change(
        RENAMED, ("Paid(amount=command.amount)", "Paid(cents=command.amount)"), ("event.amount", "event.cents")
    )
    repository.commit()
    repository.change()
    verdicts = {one.verdict for one in repository.impact("git:HEAD").effects}
    assert verdicts == {"readable again", "folds again"}
    assert all(
        one.severity == "note" for one in repository.impact("git:HEAD").checked().findings if "again" in one.code
    )


def test_keys_are_in_the_order_of_their_kind(repository: Repository) -> None:
    """10 comes after 9, and is the same row on both sides."""
    keyed = "class ByAmount(Projection, key='amount'):\n    amount: int\n    seen: int = 0\n\n"
    keyed += "    @evolve(key=lambda event, recorded: int(event.amount))\n"
    keyed += "    def paid(self, event: Paid) -> Delete | None:\n        self.seen += 1\n\ndomain"
    with Workbench.open(repository.store, repository.domain()) as bench:
        for amount in (9, 100, -1):
            bench.send(bench.domain.commands["Pay"](till_id="a", amount=amount))  # type: ignore[call-arg]
    repository.change(("\ndomain", "\n" + keyed), ("Till, Takings", "Till, ByAmount"))
    repository.commit()
    assert not repository.impact("git:HEAD").differs
    gone = ("self.seen += 1", "self.seen += 1\n        if event.amount == 9:\n            return DELETE")
    repository.write(repository.read().replace(*gone))
    (effect,) = repository.impact("git:HEAD").effects
    assert (effect.verdict, [one.subject for one in effect.examples]) == ("gone", ["9"])
    assert effect.examples[0].changes[0].old == {"amount": 9, "seen": 1}


def test_a_store_on_a_server(repository: Repository, postgres_url: str) -> None:
    with Workbench.open(postgres_url, repository.domain(), create=True) as bench:
        repository.fill(bench)
    repository.store = postgres_url  # type: ignore[assignment]
    assert not repository.impact("git:main").differs
    assert repository.effects(TOTAL, LOOSER) == {("state", "till", "changed", 2), ("command", "Pay", "accepted", 1)}


# ── which code ────────────────────────────────────────────────────────────────────────────────


def test_uncommitted_changes_are_today_s(repository: Repository) -> None:
    repository.change(TOTAL)
    repository.commit()
    assert {one.name for one in repository.impact("git:HEAD~1").effects} == {"till"}
    assert not repository.impact("git:HEAD").differs


def test_another_domain_beside(repository: Repository) -> None:
    repository.write(TEXT.replace(*TIGHTER), "changing_other")
    (effect,) = repository.impact("changing_other:domain").effects
    assert (effect.verdict, effect.number) == ("accepted", 1)  # by today's, and not by the other
    with pytest.raises(Misuse, match="is for a commit"):
        repository.impact("changing_other:domain", old_app="changing_other:domain")


def test_a_domain_in_a_folder_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what it imports from beside that folder, by a path of its own in `sys.path`."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "changing_rules.py").write_text("LIMIT = 100\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "lib"), *sys.path])
    monkeypatch.delitem(sys.modules, "changing_rules", raising=False)
    repository = Repository(tmp_path, monkeypatch, "apps/till")
    repository.change(
        ("from cqrs_cli", "from changing_rules import LIMIT\nfrom cqrs_cli"), ("amount > 100", "amount > LIMIT")
    )
    repository.git("add", "lib")
    repository.commit()
    assert not repository.impact("git:HEAD").differs
    (tmp_path / "lib" / "changing_rules.py").write_text("LIMIT = 50\n")
    assert [one.verdict for one in repository.impact("git:HEAD").effects] == ["rejected"]
    repository.git("mv", "apps/till", "apps/tills")
    repository.git("commit", "-qm", "moved")
    (tmp_path / "apps" / "till").mkdir()
    repository.change()
    with pytest.raises(Misuse, match="there was no folder apps/till at HEAD"):
        repository.impact("git:HEAD")


def test_another_name_of_the_module_then(repository: Repository) -> None:
    repository.git("mv", f"{MODULE}.py", "changing_old.py")
    repository.git("commit", "-qm", "moved")
    repository.write(TEXT)
    with pytest.raises(DomainNotLoaded, match=f"git:HEAD .*: no module named '{MODULE}'") as raised:
        repository.impact("git:HEAD")
    assert "--old-app" in str(raised.value.hint)
    assert not repository.impact("git:HEAD", old_app="changing_old:domain").differs


def test_submodules(repository: Repository, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "__init__.py").write_text("LIMIT = 100\n")
    repository.git("init", "-q", at=other)
    repository.git("add", ".", at=other)
    repository.git("commit", "-qm", "limits", at=other)
    repository.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "changing_limits")
    repository.change(
        ("from cqrs_cli", "from changing_limits import LIMIT\nfrom cqrs_cli"), ("amount > 100", "amount > LIMIT")
    )
    repository.commit()
    repository.git("commit", "-qam", "limits", "--allow-empty")
    sys.modules.pop("changing_limits", None)
    assert not repository.impact("git:HEAD").differs
    inner = repository.top / "changing_limits"
    (inner / "__init__.py").write_text("LIMIT = 50\n")
    sys.modules.pop("changing_limits", None)
    assert [one.verdict for one in repository.impact("git:HEAD").effects] == ["rejected"]
    shutil.rmtree(inner)
    inner.mkdir()
    repository.change()
    with pytest.raises(DomainNotLoaded) as raised:
        repository.impact("git:HEAD")
    assert "git submodule update --init" in str(raised.value.hint)


@pytest.mark.parametrize(
    ("against", "message"),
    [
        ("git:nothing", "no commit 'nothing' in the repository"),
        ("git:--help", "no commit '--help'"),
        ("git:", "no commit ''"),
        ("main", "is neither a commit nor a domain"),
        ("changing.py", "is neither a commit nor a domain"),
        ("no_such:domain", "no_such:domain: no module named 'no_such'"),
        (f"{MODULE}:nothing", "has no 'nothing'"),
    ],
)
def test_what_there_is_not(repository: Repository, against: str, message: str) -> None:
    with pytest.raises(Misuse, match=message) as raised:
        repository.impact(against)
    assert raised.value.hint


def test_a_shallow_clone_and_no_repository(
    repository: Repository, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.git("commit", "-qm", "again", "--allow-empty")
    clone = tmp_path_factory.mktemp("clone")
    repository.git("clone", "-q", "--depth", "1", f"file://{repository.top}", str(clone))
    repository.folder = clone
    assert not repository.impact("git:HEAD").differs
    with pytest.raises(Misuse) as raised:
        repository.impact("git:HEAD~1")
    assert "fetch-depth: 0" in str(raised.value.hint)
    nowhere = tmp_path_factory.mktemp("nowhere")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(nowhere.parent))
    repository.folder = nowhere
    repository.write(TEXT)
    with pytest.raises(Misuse, match="not a git repository"):
        repository.impact("git:HEAD")


def test_code_that_can_t_be_imported_then(repository: Repository) -> None:
    repository.write("from cqrs_cli import NoSuchName\n")
    repository.commit()
    repository.change()
    with pytest.raises(DomainNotLoaded, match=r"git:HEAD .*: importing .* failed: ImportError") as raised:
        repository.impact("git:HEAD")
    assert "this cqrs" in str(raised.value.hint) or "traceback" in str(raised.value.hint)
    repository.write("import sys\nsys.exit('enough')\n")
    repository.commit()
    repository.change()
    with pytest.raises(DomainNotLoaded, match="enough"):
        repository.impact("git:HEAD")
    repository.write("import os\nos._exit(3)\n")
    repository.commit()
    repository.change()
    with pytest.raises(DomainFailed, match=r"the code of git:HEAD .* ended with 3"):
        repository.impact("git:HEAD")


def test_code_of_the_work_tree_is_not_taken_for_that_of_the_commit(repository: Repository) -> None:
    """Where a module is found by a path in the code, the two would be one and nothing would ever differ."""
    (repository.folder / "deeper").mkdir()
    (repository.folder / "deeper" / "changing_deep.py").write_text("LIMIT = 100\n")
    text = f"import sys\nsys.path.insert(0, {str(repository.folder / 'deeper')!r})\nimport changing_deep\n{TEXT}"
    repository.write(text)
    repository.commit()
    with pytest.raises(DomainNotLoaded, match=r"imports changing_deep from .*deeper.*the work tree of today"):
        repository.impact("git:HEAD")
    sys.modules.pop("changing_deep", None)


def test_a_domain_that_is_not_in_the_repository(
    repository: Repository, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path_factory.mktemp("installed")
    (installed / "changing_installed.py").write_text(TEXT)
    monkeypatch.setattr(sys, "path", [str(installed), *sys.path])
    with pytest.raises(DomainNotLoaded, match=r"changing_installed comes from .*, which is no file of the commit"):
        repository.impact("git:HEAD", old_app="changing_installed:domain")


# ── what is left alone, and what is left behind ───────────────────────────────────────────────


def test_nothing_of_the_repository_runs(repository: Repository) -> None:
    """Neither a filter nor a hook, nor what watches the files."""
    ran = repository.store.with_name("ran")
    (repository.folder / ".gitattributes").write_text("*.py filter=evil\n")
    for name in ("smudge", "clean", "process"):
        repository.git("config", f"filter.evil.{name}", f"touch {ran}; cat")
    script = repository.store.with_name("script")
    script.write_text(f"#!/bin/sh\ntouch {ran}\n")
    script.chmod(0o755)
    repository.git("-c", "filter.evil.clean=cat", "-c", "filter.evil.process=", "add", ".gitattributes")
    repository.git("commit", "-qm", "attributes")
    hooks = repository.top / ".git" / "hooks"
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (hooks / name).chmod(0o755)
    repository.git("config", "core.fsmonitor", str(script))
    ran.unlink(missing_ok=True)
    before = sorted(path for path in (repository.top / ".git").rglob("*"))
    assert not repository.impact("git:HEAD").differs
    assert not ran.exists()
    assert sorted(path for path in (repository.top / ".git").rglob("*")) == before
    assert repository.git("worktree", "list").count("\n") == 1


def test_in_a_hook_of_git(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "nowhere/.git")
    monkeypatch.setenv("GIT_INDEX_FILE", "nowhere/.git/index")
    monkeypatch.setenv("GIT_WORK_TREE", "nowhere")
    found = repository.impact("git:HEAD")
    assert not found.differs


def test_a_commit_with_links(repository: Repository) -> None:
    os.symlink(f"{MODULE}.py", repository.folder / "changing_link.py")
    os.symlink("/nowhere/at/all", repository.folder / "broken")
    repository.commit()
    assert not repository.impact("git:HEAD", old_app="changing_link:domain").differs


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("way", ["through a link", "by a path"])
def test_a_hostile_commit_writes_nothing_elsewhere(repository: Repository, way: str, temporary: Path) -> None:
    outside = temporary / "outside"
    outside.mkdir()

    def made(kind: str, data: bytes) -> str:
        words = ["git", "-C", str(repository.top), "hash-object", "-w", "-t", kind, "--literally", "--stdin"]
        return subprocess.run(words, input=data, check=True, capture_output=True, text=False).stdout.decode().strip()

    file, link = made("blob", b"hostile"), made("blob", str(outside).encode())
    inner = made("tree", b"100644 hostile\0" + bytes.fromhex(file))
    name = b"link" if way == "through a link" else b".."
    entries = b"120000 link\0" + bytes.fromhex(link) if name == b"link" else b""
    tree = made("tree", entries + b"40000 " + name + b"\0" + bytes.fromhex(inner))
    commit = repository.git("commit-tree", tree, "-m", "hostile").strip()
    with pytest.raises(Misuse):
        repository.impact(f"git:{commit}")
    assert list(temporary.rglob("*")) == [outside]


@pytest.mark.parametrize("change", [(), (TOTAL,), (("domain = Domain", "raise ValueError('x')\ndomain = Domain"),)])
def test_no_folder_is_left(repository: Repository, temporary: Path, change: tuple[Any, ...]) -> None:
    text = TEXT
    for pair in change:
        text = text.replace(*pair)
    repository.write(text)
    repository.commit()
    repository.change()
    try:
        repository.impact("git:HEAD")
    except DomainNotLoaded:
        assert "raise" in text
    assert list(temporary.iterdir()) == []


# ── nothing to look at ────────────────────────────────────────────────────────────────────────


def test_an_empty_log(repository: Repository) -> None:
    repository.store = repository.store.with_name("empty.db")
    with Workbench.open(repository.store, repository.domain(), create=True):
        pass
    found = repository.impact()
    assert found.nothing.endswith("is empty")
    assert found.checked() == Checked("impact", [], nothing=found.nothing, rows=[])
    with pytest.raises(Misuse, match="no commit"):
        repository.impact("git:nothing")


def test_a_log_of_somebody_else(repository: Repository) -> None:
    repository.store = repository.store.with_name("others.db")
    with Workbench.open(repository.store, repository.domain(), create=True) as bench:
        bench.store.append(Commit("others", (NewEvent("other-1", "OtherThing", 1, b"{}"),)))
    found = repository.impact()
    assert found.nothing.endswith("has nothing that either version knows")
    assert (found.effects, found.compared) == ([], {})


def test_as_a_part_of_a_check(repository: Repository) -> None:
    with Workbench.open(repository.store, repository.domain(), read_only=True) as bench:
        whole = Material(bench.domain, f"{MODULE}:domain", repository.folder, bench, "", silent)
        assert impacts.check(whole).nothing == "nothing says what to compare with"
        assert impacts.check(whole._replace(against="git:main")).looked_at
        assert impacts.check(whole._replace(against="git:main", bench=None, no_store="no store")).nothing == "no store"


# ── side by side ──────────────────────────────────────────────────────────────────────────────


def test_two_sequences_side_by_side() -> None:
    one = [(1, "a"), (2, "b"), (5, "e")]
    other = [(2, "B"), (3, "C"), (5, "E"), (6, "F")]
    pairs = list(side_by_side(iter(one), iter(other)))
    assert pairs == [(1, "a", None), (2, "b", "B"), (3, None, "C"), (5, "e", "E"), (6, None, "F")]
    assert list(side_by_side(iter([]), iter([]))) == []


def test_neither_is_read_ahead() -> None:
    read: list[str] = []

    def reading(name: str) -> Any:
        for key in (1, 2):
            read.append(f"{name}{key}")
            yield key, None

    sides: Callable[[], Any] = side_by_side(reading("a"), reading("b")).__next__
    sides()
    assert read == ["a1", "b1"]


def test_where_there_is_no_repository_no_deeper_clone_is_advised(tmp_path: Path) -> None:
    from cqrs_cli.checking.git import commit_of

    with pytest.raises(Misuse, match="is in no repository of git") as raised:
        commit_of(tmp_path, "HEAD")
    assert raised.value.hint == "git init, and a commit to compare with"
