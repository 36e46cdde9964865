"""`cqrs mirror` as it is typed."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.transfer.logs import history, make, plain_commits

DATA = ROOT / "tests" / "data"


@pytest.fixture
def kennel(tmp_path: Path) -> Path:
    return Path(shutil.copy(DATA / "pyeventsourcing.db", tmp_path / "kennel.db"))


def add(kennel: Path, name: str) -> None:
    with closing(sqlite3.connect(kennel)) as connection:
        connection.execute(
            "INSERT INTO stored_events VALUES (?, 1, 'kennel:Animal.Registered', ?)",
            (name, json.dumps({"name": name}).encode()),
        )
        connection.commit()


@pytest.mark.parametrize(
    "words",
    ["", "--dialect pyeventsourcing", "--table stored_events", "--dialect pyeventsourcing --table stored_events"],
)
@pytest.mark.parametrize("before", ["", "sqlite:", "pyeventsourcing+sqlite:"])
def test_a_mirror_is_proven(here: Any, kennel: Path, words: str, before: str) -> None:
    ran = here(f"mirror {before}kennel.db m.db {words}")
    assert ran.code == 0
    assert "5 commits with 5 events of pyeventsourcing+sqlite:" in ran.out
    assert "@0 to @5, are in m.db" in ran.out
    assert "the source keeps no hashes" in ran.out
    again = here(f"mirror {before}kennel.db m.db {words} --json").json
    assert (again["after"], again["position"], again["events"], again["same_history"]) == (5, 5, 0, None)


def test_every_command_that_needs_no_domain_works_on_it(here: Any, kennel: Path, tmp_path: Path) -> None:
    here("mirror kennel.db cqrs.db")
    assert [one["category"] for one in here("streams --json").json] == ["animal", "animal", "guide_dog"]
    (dog,) = here("streams guide_dog --json").json
    assert (dog["version"], len(here(f"log {dog['stream']} --json").json)) == (3, 3)
    (found,) = here("log", "--where", "data.name = Rex", "--json").json
    shown = here(f"show {found['event_id']} --json").json
    assert (shown["type"], shown["metadata"]["topic"]) == ("Animal.Registered", "kennel:Animal.Registered")
    assert here("stats --by type").code == 0
    assert here(f"trace {dog['stream']} --json").code == 0
    assert here("export -o x.jsonl").code == 0
    assert here("import x.jsonl --store again.db").code == 0
    assert history(tmp_path / "again.db") == history(tmp_path / "cqrs.db")
    assert here("sql", "SELECT count(*) AS n FROM event_log", "--json").json == [{"n": 5}]


def test_a_part_and_a_map_are_copies_of_their_own(here: Any, kennel: Path, tmp_path: Path) -> None:
    told = here("mirror kennel.db m.db --category guide_dog --json").json
    assert (told["commits_read"], told["events"], told["position"]) == (5, 3, 5)
    assert here("mirror kennel.db m.db --category guide_dog --json").json["commits_read"] == 0
    (tmp_path / "tidy.py").write_text(
        "def tidy(events):\n    return [event.but(type=event.type.partition('.')[2]) for event in events]\n"
    )
    told = here("mirror kennel.db t.db --map tidy:tidy --json").json
    assert {one["became"] for one in told["became"]} == {"Registered", "TrickAdded", "Befriended"}


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        ("kennel.db kennel.db", 2, "same-store"), ("kennel.db link.db", 2, "same-store"), ("kennel.db", 2, "no-mirror"),
        ("", 2, "no-mirror"), ("kennel.db memory:", 2, "usage"), ("none.db m.db", 3, "no-file"),
        ("ours.db m.db", 2, "own-store"), ("http://localhost m.db", 2, "no-source"), ("other.db m.db", 3, "no-log"),
        ("kennel.db m.db --dialect pyeventsorcing", 2, "no-dialect"), ("nope+sqlite:kennel.db m.db", 2, "no-dialect"),
        ("kennel.db m.db --table nope", 3, "no-log"), ("kennel.db m.db --follow --json", 2, "usage"),
        ("pyeventsourcing+sqlite:kennel.db m.db --dialect emmett", 2, "usage"),
    ],
)  # fmt: skip
def test_what_can_not_be_mirrored_makes_nothing(
    here: Any, kennel: Path, tmp_path: Path, words: str, code: int, error: str
) -> None:
    (tmp_path / "link.db").symlink_to("kennel.db")
    make(tmp_path / "ours.db", plain_commits(1))
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE notes (n INTEGER)")
    before = kennel.read_bytes()
    ran = here(f"mirror {words} {'' if '--json' in words else '--json'}")
    assert (ran.code, ran.error["code"]) == (code, error)
    assert ran.error["hint"]
    assert not (tmp_path / "m.db").exists()
    assert kennel.read_bytes() == before


def test_what_was_looked_for_is_told(here: Any, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE notes (n INTEGER)")
    ran = here("mirror other.db m.db")
    assert "whose tables are: notes" in ran.err
    assert "looked for pyeventsourcing: any table (originator_id, originator_version, rowid, state, topic)" in ran.err


def test_no_password_is_ever_shown(here: Any, tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    for url in (
        "postgresql://ada:sesame99@127.0.0.1:1/shop", "emmett+postgresql://ada:sesame99@127.0.0.1:1/shop",
        "postgresql://ada@127.0.0.1:1/shop?password=sesame99", "postgresql://ada:sesame99@127.0.0.1:1/%zz",
        "nonsense://ada:sesame99@127.0.0.1/shop",
    ):  # fmt: skip
        for words in ("", " --json", " --debug"):
            ran = here(f"mirror {url} m.db{words}")
            assert ran.code in (2, 7)
            assert "sesame99" not in ran.err + ran.out


def test_without_the_driver_it_says_what_to_install(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    ran = here("mirror postgresql://127.0.0.1/x m.db")
    assert (ran.code, "driver-missing" in ran.err) == (2, True)
    assert 'pip install "cqrs-cli[postgres]"' in ran.err


def test_the_dialects_are_listed_with_how_well_they_are_known(here: Any) -> None:
    listed = here("mirror --list --json").json
    assert {one["known_by"] for one in listed} <= {"its own writer", "its documented schema"}
    page = (ROOT / "docs" / "mirrors.md").read_text(encoding="utf-8")
    for one in listed:
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{one['dialect']}`")]
        assert f"| {one['known_by']} |" in row, "the page says the same"
        assert all(name.lower() in row.lower() for name in one["databases"].split(", "))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_follows_until_it_is_stopped(cqrs: Any, kennel: Path, tmp_path: Path, number: int) -> None:
    words = [sys.executable, "-m", "cqrs_cli", "mirror", "kennel.db", "m.db", "--follow", "--jsonl"]
    mirror = subprocess.Popen(words, cwd=tmp_path, env=cqrs.environ, stdout=subprocess.PIPE, text=True)
    try:
        assert mirror.stdout is not None
        assert json.loads(mirror.stdout.readline())["position"] == 5
        for at, name in enumerate(("a", "b", "c"), 6):
            add(kennel, name)
            assert json.loads(mirror.stdout.readline()) == {"position": at, "commits": 1, "events": 1}
        mirror.send_signal(number)
        assert mirror.wait(100) == 0
    finally:
        mirror.kill()
        mirror.communicate()
    assert [one.events[0].stream for one in history(tmp_path / "m.db")][-3:] == ["animal-a", "animal-b", "animal-c"]
    assert cqrs.json("mirror", "kennel.db", "m.db")["events"] == 0


def test_a_log_of_ones_own_is_described_in_the_settings(here: Any, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE notes (n INTEGER PRIMARY KEY, about TEXT, kind TEXT, body TEXT)")
        connection.execute("INSERT INTO notes VALUES (3, 'cup-1', 'Noted', '{}')")
        connection.commit()
    said = '[mirror.notes]\ntable = "notes"\nposition = "n"\nstream = "about"\ntype = "kind"\ndata = "body"\n'
    (tmp_path / "cqrs.toml").write_text(said)
    for words in ("other.db", "notes+sqlite:other.db", "other.db --dialect notes"):
        assert (
            here(*f"mirror {words.partition(' ')[0]} m.db {words.partition(' ')[2]} --json".split()).json["position"]
            == 3
        )
    assert here("mirror --list --json").json[-2] == {
        "dialect": "notes", "of": "the table notes", "databases": "sqlite, postgresql", "known_by": "your settings"
    }  # fmt: skip
    for wrong in (
        said.replace("notes]", "emmett]"),
        said.replace("table =", "tabel ="),
        "mirror = 5",
        "[mirror]\nx = 5",
    ):
        (tmp_path / "cqrs.toml").write_text(wrong)
        ran = here("mirror other.db m.db")
        assert (ran.code, "error[configuration]" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("log", "stream", "field"), [("pyeventsourcing", "guide_dog", "name"), ("emmett", "shopping_cart", "by")]
)
def test_from_a_log_to_blame_in_two_commands(here: Any, tmp_path: Path, log: str, stream: str, field: str) -> None:
    shutil.copy(DATA / f"{log}.db", tmp_path / "other.db")
    assert here("mirror other.db cqrs.db").code == 0
    found = here(f"blame {here(f'streams {stream} --json').json[0]['stream']} --json").json
    assert field in [one["path"] for one in found]
