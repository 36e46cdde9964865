"""`cqrs snapshot` and `cqrs replay --verify`, as their users run them."""

import json
import re
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

DOMAIN = """
from cqrs_cli import Aggregate, Command, Domain, Event, decide, evolve


class Add(Command):
    tally_id: str
    n: int


class Added(Event):
    n: int


class Tally(Aggregate, snapshot_every=3):
    tally_id: str
    total: int = 0
    share: float = 0.0

    @decide(creates="either")
    def add(self, command: Add) -> Added:
        return Added(n=command.n)

    @evolve
    def added(self, event: Added) -> None:
        self.total += event.n


domain = Domain("tallies", Tally)
"""


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set the domain's code, as an editor would between two runs."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("CQRS_APP", "tallies:domain")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def save(text: str) -> None:
        (tmp_path / "tallies.py").write_text(text)
        monkeypatch.delitem(sys.modules, "tallies", raising=False)

    save(DOMAIN)
    return save


@pytest.fixture
def tally(here: Any, code: Any) -> Any:
    """Four events of `tally-a` (a snapshot at 3) and two of `tally-b` (none)."""
    for name, n in (("a", 1), ("a", 2), ("b", 5), ("a", 3), ("a", 4), ("b", 6)):
        assert here("send", "add", "--tally-id", name, "--n", str(n), "-q").code == 0
    return here


def tamper(tmp_path: Path, statement: str) -> None:
    connection = sqlite3.connect(tmp_path / "cqrs.db")
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_list(tally):
    (record,) = tally("snapshot list --json").json
    assert record.pop("taken_at").endswith("Z")
    assert record == {
        "stream": "tally-a",
        "version": 3,
        "position": 4,
        "aggregate_version": 1,
        "bytes": len('{"tally_id":"a","total":6,"share":0.0}'),
        "status": "valid",
        "reason": None,
    }
    assert "valid" in tally("snapshot list").out
    assert tally("snapshot list --category tally --jsonl").lines[0]["stream"] == "tally-a"
    ran = tally("snapshot list --category nix")
    assert (ran.code, ran.out) == (3, "")


def test_what_can_not_be_printed_drops_nothing(tally):
    for bad in ("-o missing/x", "--format mermaid"):
        assert tally(f"snapshot drop {bad}").code == 2
        assert len(tally("snapshot list --json").json) == 1


def test_take(tally):
    ran = tally("snapshot take --json")
    assert (ran.code, ran.json) == (
        0,
        [
            {"stream": "tally-a", "version": 4, "status": "taken", "reason": None},
            {"stream": "tally-b", "version": 2, "status": "taken", "reason": None},
        ],
    )
    assert ran.err == "2 taken, 0 were there already\n"
    assert [one["status"] for one in tally("snapshot take tally-b --json").json] == ["kept"]
    assert [one["version"] for one in tally("snapshot list --json").json] == [4, 2]
    assert [one["status"] for one in tally("snapshot take --category tally --jsonl").lines] == ["kept", "kept"]


def test_take_of_a_state_that_can_t_be_kept(tally, code):
    code(DOMAIN.replace("self.total +=", "self.share = 1; self.total +="))
    ran = tally("snapshot take tally-a --json")
    assert ran.code == 1
    assert ran.json[0]["status"] == "refused"
    assert "share was int and becomes float" in ran.json[0]["reason"]
    ran = tally("send add --tally-id a --n 1")
    assert (ran.code, "appended 1 event" in ran.err) == (0, True)


def test_drop(tally):
    tally("snapshot take")
    ran = tally("snapshot drop tally-a tally-x --json")
    assert (ran.code, ran.error["code"]) == (3, "snapshot-not-found")
    ran = tally("snapshot drop tally-a")
    assert (ran.code, ran.out, ran.err) == (0, "", "dropped 1 snapshot\n")
    assert tally("snapshot drop --category tally").err == "dropped 1 snapshot\n"
    assert tally("snapshot list").err == "no snapshots\n"
    assert tally("snapshot drop").err == "dropped 0 snapshots\n"


def test_drop_needs_no_domain(tally, code):
    code("raise RuntimeError")
    assert tally("snapshot list").code == 2
    assert tally("snapshot drop").err == "dropped 1 snapshot\n"


@pytest.mark.parametrize(
    ("words", "exit_code"),
    [
        ("snapshot", 2),
        ("snapshot lsit", 2),
        ("snapshot take tally-a --category tally", 2),
        ("snapshot drop tally-a --category tally", 2),
        ("snapshot take tally-a@1", 2),
        ("snapshot drop @3", 2),
        ("snapshot take tally-none", 3),
        ("snapshot take nix-1", 3),
        ("snapshot list tally-a", 2),
        ("replay --verify --steps tally-a", 2),
        ("replay --verify --at 3 tally-a", 2),
        ("replay --verify tally-a@3", 2),
        ("replay --verify tally-none", 3),
        ("replay --verify --category nix", 3),
    ],
)
def test_bad_words(tally, words, exit_code):
    ran = tally(words)
    assert (ran.code, ran.out) == (exit_code, "")
    assert ran.err.startswith("error[")
    assert [one["version"] for one in tally("snapshot list --json").json] == [3]


def test_nothing_makes_a_store(here, code, tmp_path):
    for words in ("snapshot take", "snapshot list", "snapshot drop", "replay --verify"):
        assert here(words).code == 3
    assert not (tmp_path / "cqrs.db").exists()


def test_verify_finds_no_difference(tally):
    ran = tally("replay --verify")
    assert (ran.code, ran.out, ran.err) == (0, "", "1 stream compared, no difference\n")
    ran = tally("replay --verify --json tally-a tally-b")
    assert (ran.code, ran.json) == (0, {"compared": 1, "differences": []})
    assert ran.err == "1 stream compared, no difference; 1 without a snapshot that counts\n"
    assert tally("replay --verify --category tally --json").json["compared"] == 1


def test_verify_finds_a_row_that_was_changed_by_hand(tally, tmp_path):
    tamper(tmp_path, """UPDATE cqrs_snapshots SET state = replace(state, '"total":6', '"total":60')""")
    difference = {"stream": "tally-a", "path": "total", "kept": 64, "folded": 10}
    for words in ("replay --verify", "replay --verify tally-a", "replay --verify --category tally"):
        ran = tally(f"{words} --json")
        assert (ran.code, ran.json) == (6, {"compared": 1, "differences": [difference]})
    assert tally("replay --verify --jsonl").lines == [difference]
    assert tally("replay --verify --csv").out.splitlines() == ["stream,path,kept,folded", "tally-a,total,64,10"]
    ran = tally("replay --verify")
    assert ran.code == 6
    assert ran.out.split()[-4:] == ["tally-a", "total", "64", "10"]
    assert "cqrs snapshot drop STREAM" in ran.err
    ran = tally("replay --verify --format github")
    assert (ran.code, ran.out) == (
        6,
        "::error file=tallies.py,line=14,title=replay --verify%3A tally-a::total: kept 64, folded 10 (cqrs snapshot drop tally-a)\n",
    )
    ran = tally("replay --verify --format sarif")
    assert (ran.code, json.loads(ran.out)["runs"][0]["results"][0]["ruleId"]) == (6, "snapshot")
    ran = tally("replay --verify --format junit")
    suite = ElementTree.fromstring(ran.out)[0]
    assert (suite.tag, ran.code, suite.get("tests"), suite.get("failures")) == ("testsuite", 6, "1", "1")
    assert tally("snapshot drop tally-a").code == 0
    assert tally("replay tally-a --json").json["state"]["total"] == 10
    ran = tally("replay --verify --format junit")
    assert (ran.code, ElementTree.fromstring(ran.out)[0].get("tests")) == (5, "0")


def test_verifying_nothing_is_not_green(tally):
    assert tally("replay --verify tally-b").code == 5
    assert tally("snapshot drop tally-a").code == 0
    for words, told in (("", "no stream has a snapshot"), (" tally-a", "1 stream without a snapshot that counts")):
        ran = tally(f"replay --verify{words} --json")
        assert (ran.code, ran.json) == (5, {"compared": 0, "differences": []})
        assert ran.error["message"] == f"nothing was compared: {told}"
        assert ran.error["hint"].startswith("cqrs snapshot take makes them")
    assert tally("snapshot take").code == 0
    assert tally("replay --verify").code == 0


def test_untrusted_text_in_a_difference_is_inert(tally, tmp_path):
    tamper(tmp_path, """UPDATE cqrs_snapshots SET stream = 'tally-a' || char(27) || '[31m'""")
    ran = tally("snapshot list")
    assert "\x1b" not in ran.out + ran.err
    ran = tally("replay --verify")
    assert ran.code == 5
    assert ran.err.startswith("error[nothing-matched]: nothing was compared: 1 stream without a snapshot that counts\n")
    right = "UPDATE cqrs_snapshots SET stream = 'tally-a', "
    tamper(tmp_path, right + 'state = \'{"tally_id":"a","total":7,"share":0.0}\'')
    assert tally("replay --verify").code == 6


def test_changed_code_is_told_and_kept_anew(tally, code):
    code(DOMAIN.replace("self.total += event.n", "self.total += 2 * event.n"))
    (record,) = tally("snapshot list --json").json
    assert (record["status"], record["reason"]) == ("ignored", "the code or the shape of the state changed")
    assert tally("replay tally-a --json").json["state"]["total"] == 20
    tally("send add --tally-id a --n 0")
    (record,) = tally("snapshot list --json").json
    assert (record["status"], record["version"]) == ("valid", 5)


def test_a_declared_version_decides(tally, code):
    code(DOMAIN.replace("snapshot_every=3", "snapshot_every=3, version=2"))
    assert tally("snapshot list --json").json[0]["reason"] == "version 1 of Tally became 2"
    ran = tally("replay --verify")
    assert (ran.code, "1 stream without a snapshot that counts" in ran.err) == (5, True)


def test_a_batch_keeps_too(tally, tmp_path):
    lines = [json.dumps({"command": "add", "data": {"tally_id": "c", "n": n}}) for n in range(10)]
    (tmp_path / "batch.jsonl").write_text("\n".join(lines))
    assert tally("send --batch batch.jsonl -q").code == 0
    assert {one["stream"]: one["version"] for one in tally("snapshot list --json").json} == {
        "tally-a": 3,
        "tally-c": 10,
    }


def test_a_bad_policy_is_a_definition_error(here, code):
    code(DOMAIN.replace("snapshot_every=3", "snapshot_every=0"))
    ran = here("replay")
    assert (ran.code, "error[definition]: Tally: snapshot_every=0" in ran.err) == (2, True)


def test_the_page_about_snapshots_works(cqrs):
    page = (Path(__file__).parents[3] / "docs" / "snapshots.md").read_text()
    (code,) = re.findall(r"```python\n# tallies.py\n(.*?)```", page, re.S)
    (cqrs.folder / "tallies.py").write_text(code)
    commands = re.findall(r"^\$ cqrs (.*)$", page, re.M)
    assert len(commands) == 9
    said = [cqrs(*command.split()) for command in commands]
    assert "42" in said[commands.index("--app tallies:domain replay tally-a")].stdout
    assert "1 stream compared, no difference" in said[6].stderr
    assert "dropped 1 snapshot" in said[7].stderr
