"""Two folds that come to the same, and those that do not: each planted fault is found, where it is, and nothing else."""

import datetime
import os
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Domain, DomainFailed, Workbench
from cqrs_cli.checking import surroundings
from cqrs_cli.checking.impurities import (
    ADDRESSES,
    CHANCE,
    CLOCK,
    ENVIRONMENT,
    FILES,
    HASHES,
    Watching,
    looks_in,
    set_iterations,
)
from cqrs_cli.finding import Checked
from cqrs_cli.loading import load_domain
from cqrs_cli.stores.commits import Commit, NewEvent
from tests.checking.materials import checked

HEAD = """
import os, random, time, uuid
from datetime import UTC, date, datetime
from pathlib import Path
from cqrs_cli import *

def now():
    return datetime.now(UTC)

"""
AGGREGATE = """
class {name}ed(Event):
    words: list[str] = []

class {name}(Aggregate, key="id"):
    id: str
    seen: list[str] = []

    @evolve
    def {small}(self, event: {name}ed) -> None:
        self.seen.append({fault})

"""
FAULTS = {
    "Plain": "event.words[0]",
    "Hour": "str(now().month)",  # behind a function, and too coarse to differ by itself
    "Today": "date.today().isoformat()",
    "Chance": "str(random.random())",
    "Ids": "str(uuid.uuid4())",
    "Zone": "os.environ.get('TZ', '')",
    "Files": "Path(__file__).with_name('changing').read_text() + str(time.time())",
    "Sets": "next(iter(set(event.words)))",
    "Hash": "str(hash(event.words[0]))",
}
WORDS = [f"word-{number}" for number in range(50)]


def write(folder: Path, faults: dict[str, str], more: str = "") -> None:
    text = HEAD + "".join(
        AGGREGATE.format(name=name, small=name.lower(), fault=fault) for name, fault in faults.items()
    )
    (folder / "folds_under_test.py").write_text(f"{text}{more}\ndomain = Domain('folds', {', '.join(faults)})\n")
    (folder / "changing").write_text("text")


def folded(folder: Path, monkeypatch: pytest.MonkeyPatch, streams: int = 2) -> Checked:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.delitem(sys.modules, "folds_under_test", raising=False)
    domain = load_domain("folds_under_test:domain", folder)
    with Workbench.open(folder / "folds.db", domain) as bench:
        for name in domain.aggregates:
            for number in range(streams):
                data = b'{"words": ["' + b'", "'.join(word.encode() for word in WORDS) + b'"]}'
                events = [NewEvent(f"{name}-{number}", f"{name.title()}ed", 1, data)] * 2
                bench.store.append(Commit(f"{name}-{number}", tuple(events)))
    with Workbench.open(folder / "folds.db", domain, read_only=True) as bench:
        return checked("determinism", domain, bench, app="folds_under_test:domain", folder=folder)


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checked]:
    """All faults in one domain, an aggregate each, folded once for all tests here."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("folds")
        write(folder, FAULTS)
        yield folded(folder, patch)


def test_nothing_is_told_of_what_is_pure(faults: Checked) -> None:
    rows = {row["name"]: (row["compared"], row["differing"]) for row in faults.rows}
    assert rows["plain"] == (2, 0)
    assert {name for name, (_, differing) in rows.items() if differing} == {name.lower() for name in FAULTS} - {"plain"}
    assert not [one for one in faults.findings if "Plain" in one.where]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("Hour", "the clock by now"),
        ("Today", "the clock by date.today"),
        ("Chance", "chance by "),
        ("Ids", "chance by "),
        ("Zone", "the environment by os.environ"),
        ("Files", "files by open"),
        ("Sets", "the hash seed by the order of a set"),
        ("Hash", "the hash seed by hash"),
    ],
)
def test_each_fault_is_found_with_its_line(faults: Checked, name: str, what: str) -> None:
    (found,) = [one for one in faults.findings if one.code == "nondeterministic" and one.where.startswith(f"{name}.")]
    assert found.message.startswith(f"2 streams differ, the first {name.lower()}-")
    assert f"from {name}.{name.lower()} on, which looks at " in found.message
    text = HEAD + "".join(AGGREGATE.format(name=one, small=one.lower(), fault=fault) for one, fault in FAULTS.items())
    fault = "return datetime.now(UTC)" if name == "Hour" else f"self.seen.append({FAULTS[name]})"
    line = next(number for number, one in enumerate(text.splitlines(), 1) if one.strip() == fault)
    looks = found.message.partition("which looks at ")[2]
    assert f"folds_under_test.py:{line})" in looks
    assert what in looks or name in ("Hour", "Ids", "Files", "Today")


@pytest.mark.parametrize("name", ["Hour", "Today", "Chance", "Ids", "Zone", "Files"])
def test_the_code_alone_tells_of_it_too(faults: Checked, name: str) -> None:
    assert [one.severity for one in faults.findings if one.code == "impure" and one.where.startswith(name)] == [
        "warning"
    ]


def test_rows_are_folded_twice_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = """
class Seen(Projection, key="id"):
    id: str
    order: list[str] = []

    @evolve
    def plain(self, event: Plained) -> None:
        self.order = list({word for word in event.words})

class Some(Projection, key="word"):
    word: str
    count: int = 0

    @evolve(key=lambda event, recorded: next(iter(set(event.words))))
    def plain(self, event: Plained) -> None:
        self.count += 1
"""
    write(tmp_path, {"Plain": FAULTS["Plain"]}, row)
    text = (tmp_path / "folds_under_test.py").read_text().replace("'folds', Plain", "'folds', Plain, Seen, Some")
    (tmp_path / "folds_under_test.py").write_text(text)
    found = folded(tmp_path, monkeypatch)
    assert [(row["kind"], row["name"], row["differing"]) for row in found.rows] == [
        ("aggregate", "plain", 0),
        ("read model", "seen", 2),
        ("read model", "some", 1),
    ]
    seen, some = found.findings
    assert (seen.where, "the order of a set (" in seen.message) == ("Seen.plain", True)
    assert (some.where, "and then nothing" in some.message) == ("Some.plain", True)
    assert "the order of a set (" in some.message


def test_an_evolve_that_raises_is_told_and_a_domain_that_can_not_be_loaded_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"Plain": "event.words[99]"})
    (found,) = folded(tmp_path, monkeypatch).findings
    assert (found.code, found.where) == ("fold-fails", "Plain")
    assert "IndexError" in found.message
    text = (
        "import os\nassert os.environ.get('PYTHONHASHSEED') != '2'\n" + (tmp_path / "folds_under_test.py").read_text()
    )
    (tmp_path / "folds_under_test.py").write_text(text)
    with pytest.raises(DomainFailed, match="a process that folds with another hash seed"):
        folded(tmp_path / ".", monkeypatch, streams=0)


def test_without_a_store_the_code_is_looked_at_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"Today": FAULTS["Today"]})
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "folds_under_test", raising=False)
    found = checked("determinism", load_domain("folds_under_test", tmp_path))
    assert found.looked_at == "the code of 1 evolve (there is no store, so nothing was folded)"
    assert [one.code for one in found.findings] == ["impure"]
    assert checked("determinism", Domain("nothing")).nothing == "nothing of nothing has an evolve"


# ── looking at code, and while it runs ────────────────────────────────────────────────────────


def by_default() -> str:
    return os.environ["HOME"]


IMPURE: dict[str, tuple[Callable[..., Any], str]] = {
    "datetime.now": (lambda: datetime.datetime.now(), CLOCK),
    "date.today": (lambda: date.today(), CLOCK),
    "time": (lambda: time.time(), CLOCK),
    "random": (lambda: random.choice([1, 2]), CHANCE),
    "a Random of its own": (lambda: random.Random().random(), CHANCE),
    "uuid4": (lambda: uuid.uuid4(), CHANCE),
    "urandom": (lambda: os.urandom(3), CHANCE),
    "getenv": (lambda: os.getenv("HOME"), ENVIRONMENT),
    "environ, behind a function": (lambda: by_default(), ENVIRONMENT),
    "getcwd": (lambda: os.getcwd(), ENVIRONMENT),
    "open": (lambda: open(os.devnull).close(), FILES),
    "read_text": (lambda: Path(os.devnull).read_text(), FILES),
    "id": (lambda: id(IMPURE), ADDRESSES),
}
PURE: list[Callable[..., Any]] = [
    lambda: datetime.datetime(2026, 1, 1).isoformat(),
    lambda: datetime.datetime.fromisoformat("2026-01-01"),
    lambda: date.fromordinal(3),
    lambda: time.gmtime,
    lambda: uuid.uuid5(uuid.NAMESPACE_URL, "x"),
    lambda: os.path.join("a", "b"),
    lambda: Path("a") / "b",
    lambda: sorted({1, 2}),
    lambda: [*range(3)],
]


@pytest.mark.parametrize("name", IMPURE)
def test_what_is_impure_is_seen_in_the_code_and_while_it_runs(name: str) -> None:
    function, what = IMPURE[name]
    assert what in {one.what for one in looks_in(function, object)}
    with Watching() as watching:
        function()
    assert what in {one.what for one in watching.looks}
    assert all(one.file == __file__ for one in watching.looks)


@pytest.mark.parametrize("function", [one for index, one in enumerate(PURE) if index != 3])
def test_what_is_pure_is_not(function: Callable[..., Any]) -> None:
    assert not list(looks_in(function, object))
    assert not list(set_iterations(function, object))


@pytest.mark.parametrize(
    "function",
    [
        lambda words: list(set(words)),
        lambda words: [word.upper() for word in {*words}],
        lambda words: ",".join(set(words) - {"a"}),
        lambda words: next(iter(frozenset(words))),
    ],
)
def test_the_order_of_a_set(function: Callable[..., Any]) -> None:
    assert {one.what for one in set_iterations(function, object)} == {HASHES}


def test_the_two_surroundings_are_different_in_everything() -> None:
    one, other = surroundings.ONE, surroundings.OTHER
    assert all(mine != others for mine, others in zip(one, other, strict=True))
    assert one.locales[0] not in other.locales
    assert other.shift > 366 * 86_400
