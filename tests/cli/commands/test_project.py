"""`cqrs project`: what it says of projections that stand still, rebuilds, skips, checks and the past."""

import json
import sqlite3
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.tables import drop

NEW_VERSION = ('indexes=("city", "total")', 'version=2, indexes=("city", "total")')
NEW_COLUMN = ("    total: Decimal = Decimal(0)\n\n    @evolve\n    def scored(self, event: Scored) -> None:\n        if",
              "    total: Decimal = Decimal(0)\n    more: int = 0\n\n    @evolve\n    def scored(self, event: Scored) -> None:\n        if")  # fmt: skip
NEW_SOURCE = ("self.scores += 1", "self.scores += 2")
LUCKY = ('raise ValueError("unlucky")', "pass")


def by_name(records: Any) -> dict[str, Any]:
    return {record["projection"]: record for record in records}


# ── where they stand ──────────────────────────────────────────────────────────────────────────


def test_every_outdated_projection_is_named_with_the_reason_and_the_others_go_on(filled: Any) -> None:
    assert filled("project").code == 0
    filled("send score --member-id ann --points 1")
    ran = filled("project --json", NEW_VERSION, NEW_COLUMN)
    assert ran.code == 1
    error = ran.error
    assert error["code"] == "needs-rebuild"
    assert "city_total needs a rebuild: column more is new" in error["message"]
    assert error["hint"] == "cqrs --app members:domain project city_total --rebuild"
    assert any("standing needs a rebuild: version 1 became 2" in line for line in error["complaints"])
    assert by_name(ran.json)["directory"]["position"] == 7
    told = filled("project -q", NEW_VERSION, NEW_COLUMN)
    assert told.code == 1
    assert "city_total needs" in told.err
    assert "also: standing needs" in told.err
    stale = filled("project --stale", NEW_VERSION)
    assert stale.code == 0
    assert "standing needs a rebuild: version 1 became 2; cqrs project standing --rebuild" in stale.err
    assert filled("project --rebuild", NEW_VERSION, NEW_COLUMN).code == 0
    assert filled("project", NEW_VERSION, NEW_COLUMN).code == 0


def test_a_changed_source_is_a_hint_and_no_more(filled: Any) -> None:
    filled("project")
    for words in ("project", "project --status"):
        ran = filled(words, NEW_SOURCE)
        assert ran.code == 0
        assert "standing: its code is not the one that its rows were made with" in ran.err
        assert "city_total" not in ran.err
    assert filled("project standing --json", NEW_SOURCE).json["rows"][0]["scores"] == 1
    filled("project standing --rebuild", NEW_SOURCE)
    assert filled("project standing", NEW_SOURCE).err == ""


def test_statuses_tell_where_a_rebuild_stands(filled: Any, tmp_path: Path) -> None:
    assert by_name(filled("project --status --json").json)["standing"]["status"] == "new"
    filled("project")
    record = by_name(filled("project --status --json").json)["standing"]
    assert record == {
        "projection": "standing", "status": "ready", "position": 6, "lag": 0, "lag_seconds": 0.0, "rows": 3, "reason": None, "source": None, "rebuilding": None, "skipped": [],
    }  # fmt: skip
    filled("send score --member-id ann --points 13")
    assert filled("project city_total --rebuild").code == 1
    ran = filled("project city_total --status --json")
    assert ran.json[0]["rebuilding"] == 6
    assert "a rebuild of city_total runs or was interrupted at @6" in ran.err


# ── poison ────────────────────────────────────────────────────────────────────────────────────


def test_a_poison_event_stops_one_projection_until_it_is_mended(filled: Any) -> None:
    filled("send score --member-id ann --points 13")
    filled("send score --member-id bob --points 7")
    for _ in range(2):
        ran = filled("project --json")
        assert ran.code == 1
        assert ran.error["code"] == "domain-failed"
        assert ran.error["position"] == 7
        assert ran.error["projection"] == "city_total"
        assert "--skip @7" in ran.error["hint"]
        sections = by_name(ran.json)
        assert (sections["city_total"]["position"], sections["standing"]["position"]) == (6, 8)
    status = by_name(filled("project --status --json").json)
    assert status["city_total"]["status"] == "stopped"
    assert "@7" in status["city_total"]["reason"]
    assert "unlucky" in status["city_total"]["reason"]
    assert status["standing"]["status"] == "ready"
    mended = filled("project city_total --json", LUCKY)
    assert mended.code == 0
    assert {row["city"]: row["total"] for row in mended.json["rows"]} == {"Oslo": "23.75", "Rome": "4"}
    assert by_name(filled("project --status --json", LUCKY).json)["city_total"]["status"] == "ready"


@pytest.mark.parametrize("words", ["city-total", "worst"])
def test_a_query_stops_where_its_projection_does(filled: Any, words: str) -> None:
    filled("project")
    worst = (
        "domain = Domain(",
        "class Worst(Query[CityTotal]):\n    def run(self, read: Read) -> Page[CityTotal]:\n        return read.page(CityTotal)\n\n\n"
        "domain = Domain(",
    )
    filled("send score --member-id ann --points 13")
    asked, projected = (
        filled(f"query {words} --json", worst, ("CityTotal, Best)", "CityTotal, Best, Worst)")),
        filled("project city-total --json"),
    )
    assert (asked.code, asked.out, projected.code) == (1, "", 1)
    assert {key: value for key, value in asked.error.items() if key != "traceback"} == {
        key: value for key, value in projected.error.items() if key != "traceback"
    }
    outdated = filled("query standing --json", NEW_VERSION)
    assert (outdated.code, outdated.error["code"]) == (1, "needs-rebuild")
    assert outdated.error == filled("project standing --json", NEW_VERSION).error


def test_a_skip_is_on_record_and_shown_ever_after(filled: Any) -> None:
    filled("send score --member-id ann --points 13")
    filled("project")
    ran = filled("project city_total --skip @7 --reason a_mistake --as eve --json")
    assert ran.code == 0
    assert {row["city"]: row["total"] for row in ran.json["rows"]} == {"Oslo": "3.75", "Rome": "4"}
    filled("send score --member-id ann --points 1")
    for words in ("project", "project city_total --rebuild", "project city_total --check"):
        assert filled(words).code == 0, words
        (skip,) = by_name(filled("project --status --json").json)["city_total"]["skipped"]
        assert (skip["position"], skip["by"], skip["reason"]) == (7, "eve", "a_mistake")
    assert "@7 by eve on 20" in filled("project --status").out
    again = filled("project city_total --skip @7 --reason other --as mallory")
    assert (again.code, "skips @7 already" in again.err) == (2, True)
    assert by_name(filled("project --status --json").json)["city_total"]["skipped"][0]["by"] == "eve"


def test_an_event_that_a_rebuild_can_not_take_is_skipped_for_it(filled: Any) -> None:
    filled("send score --member-id ann --points 13")
    assert filled("project", LUCKY).code == 0
    ran = filled("project city_total --rebuild --json")
    assert (ran.code, ran.error["position"]) == (1, 7)
    assert "the rebuild of city_total stopped at @7" in ran.error["message"]
    assert filled("project city_total --stale --json").json["position"] == 7  # the live rows stay
    ran = filled("project city_total --skip @7 --reason mistake --as eve --json")
    assert ran.json["rows"][0] == {"city": "Oslo", "total": "16.75"}  # the live rows hold it still, and say so
    assert "city_total: its rows hold @7, skipped since; cqrs project city_total --rebuild" in ran.err
    status = by_name(filled("project --status --json").json)["city_total"]
    assert (status["status"], status["skipped"][0]["held"]) == ("ready", True)
    assert "mistake (in the rows until they are rebuilt)" in filled("project --status", LUCKY).out
    filled("send score --member-id ann --points 1")
    assert filled("project city_total --json").json["rows"][0] == {"city": "Oslo", "total": "17.75"}
    assert by_name(filled("project --status --json").json)["city_total"]["skipped"][0]["held"]
    assert filled("project city_total --rebuild --json").json["rows"] == [
        {"city": "Oslo", "total": "4.75"}, {"city": "Rome", "total": "4"},
    ]  # fmt: skip
    assert not by_name(filled("project --status --json").json)["city_total"]["skipped"][0]["held"]
    assert "its rows hold" not in filled("project --status").err
    assert filled("project city_total --check").code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("project standing --skip @1", 2, "--reason"),
        ("project --skip @1 --reason x", 2, "for one projection"),
        ("project standing --skip @9 --reason x --as ''", 2, "--as is empty"),
        ("project standing --skip @9 --reason x --as ' '", 2, "--as is empty"),
        ("project standing --as eve", 2, "goes with --skip"),
        ("project standing --skip @99 --reason x", 3, "no event @99"),
        ("project standing --skip @1 --reason x", 2, "has taken @1 in already"),
        ("project --check --rebuild", 2, "two different things"),
        ("project --restart", 2, "goes with --rebuild"),
        ("project --dry-run", 2, "goes with --rebuild"),
        ("project --sample 3", 2, "goes with --check"),
        ("project --check --sample 0", 2, "from 1 on"),
        ("project --check --sample ²", 2, "from 1 on"),
        ("project --check --sample " + "9" * 5000, 2, "from 1 on"),
        ("project --at 5", 2, "is a version"),
        ("project standin", 3, "did you mean standing?"),
        ("project --timeout 3", 2, "goes with --wait"),
    ],
)
def test_refusals(filled: Any, words: str, code: int, said: str) -> None:
    filled("project")
    ran = filled(words)
    assert ran.code == code, ran.err
    assert said in ran.err
    assert ran.out == ""


# ── rebuilding, the past ──────────────────────────────────────────────────────────────────────


def test_a_plan_of_a_rebuild_writes_nothing(filled: Any, tmp_path: Path) -> None:
    filled("project")
    before = dump(tmp_path)
    (plan,) = filled("project standing --rebuild --dry-run --json").json
    assert {key: plan[key] for key in ("projection", "events", "rows_now")} == {
        "projection": "standing",
        "events": 6,
        "rows_now": 3,
    }
    assert plan["estimated_seconds"] >= 0
    assert dump(tmp_path) == before


@pytest.mark.parametrize("format", ["csv", "tsv"])
@pytest.mark.parametrize("words", ["project", "project standing directory", "project --rebuild", "project --at @3"])
def test_formats_of_one_table_are_refused_before_anything_is_done(
    filled: Any, tmp_path: Path, words: str, format: str
) -> None:
    before = dump(tmp_path)
    ran = filled(f"{words} --format {format}")
    assert (ran.code, ran.out) == (2, "")
    assert f"{format} holds one table" in ran.err
    assert dump(tmp_path) == before
    assert filled(f"project standing --format {format}").out.startswith("member_id")


def test_a_rebuild_says_what_it_did(filled: Any) -> None:
    ran = filled("project standing city-total --rebuild")
    assert "rebuilt standing (3 rows), city_total (2 rows) up to position 6" in ran.err
    filled("send leave --member-id ann")
    filled("send leave --member-id bob")
    assert "standing (1 row)" in filled("project standing --rebuild").err


def test_a_read_model_as_it_was(filled: Any) -> None:
    filled("project")
    then = filled("project standing --at @4 --json").json
    assert (then["position"], then["lag"]) == (4, 2)
    assert [(row["member_id"], row["total"]) for row in then["rows"]] == [("ann", "1.50"), ("bob", "0"), ("cid", "0")]
    assert filled("project standing --at @999 --json").json["rows"] == filled("project standing --json").json["rows"]
    assert filled("project standing --at 2000-01-01T00:00Z --json").json["rows"] == []
    assert "2 behind" in filled("project standing --at @4").out


# ── checking ──────────────────────────────────────────────────────────────────────────────────


def test_a_row_that_was_changed_by_hand_is_named(filled: Any, tmp_path: Path) -> None:
    filled("project")
    good = filled("project --check")
    assert good.code == 0
    assert "standing: 3 rows compared at position 6, no drift" in good.err
    by_hand(tmp_path, "UPDATE standing SET total = '1.5' WHERE member_id = 'ann'")
    by_hand(tmp_path, "DELETE FROM city_total WHERE city = 'Rome'")
    by_hand(tmp_path, "INSERT INTO city_total VALUES ('Bonn', '1')")
    before = dump(tmp_path)
    ran = filled("project --check --json")
    assert ran.code == 1
    found = by_name(ran.json)
    assert found["standing"] == {
        "projection": "standing", "compared": 3, "drift": [{"key": {"member_id": "ann"}, "column": "total", "live": "1.5", "fresh": "1.50"}],
    }  # fmt: skip
    assert found["directory"]["drift"] == []
    assert [(one["key"]["city"], one["column"], one["live"] is None) for one in found["city_total"]["drift"]] == [
        ("Bonn", None, False), ("Rome", None, True),
    ]  # fmt: skip
    assert dump(tmp_path) == before
    table = filled("project standing --check")
    assert table.code == 1
    assert "1 difference: cqrs project standing --rebuild" in table.err
    assert "1.50" in table.out
    assert filled("project --rebuild").code == 0
    assert filled("project --check").code == 0


def test_drift_for_the_machines_that_watch(filled: Any, tmp_path: Path) -> None:
    filled("project")
    by_hand(tmp_path, "UPDATE standing SET city = 'x\n::error::%' WHERE member_id = 'ann'")
    github = filled("project --check --format github")
    assert github.code == 1
    (line,) = github.out.splitlines()
    title = "title=project --check%3A standing::row member_id=ann, column city: live "
    assert line.startswith(f"::error file=members.py,line=124,{title}")
    junit = filled("project --check --format junit")
    suite = ElementTree.fromstring(junit.out).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    sarif = json.loads(filled("project --check --format sarif").out)
    assert sarif["runs"][0]["results"][0]["ruleId"] == "drift"
    outdated = filled("project --check --format github", NEW_VERSION)
    assert (outdated.code, "standing needs a rebuild: version 1 became 2" in outdated.out) == (1, True)


def test_checks_of_what_can_not_be_compared(filled: Any) -> None:
    assert filled("project city-total --check").code == 3
    ran = filled("project --check")
    assert ran.code == 0
    assert "city_total has no rows yet" in ran.err
    filled("project")
    ran = filled("project --check --json", NEW_VERSION)
    assert (ran.code, ran.error["code"]) == (1, "needs-rebuild")
    assert set(by_name(ran.json)) == {"city_total", "directory"}


def test_a_projection_that_can_not_be_folded_is_a_finding_among_the_others(filled: Any, tmp_path: Path) -> None:
    filled("send score --member-id ann --points 13")
    assert filled("project", LUCKY).code == 0  # taken in, by the code of then
    by_hand(tmp_path, "UPDATE standing SET city = 'x' WHERE member_id = 'ann'")
    ran = filled("project --check --json")
    assert ran.code == 1
    assert {name: len(one["drift"]) for name, one in by_name(ran.json).items()} == {"directory": 0, "standing": 1}
    error = ran.error
    assert (error["code"], error["projection"], error["position"]) == ("domain-failed", "city_total", 7)
    assert "city_total can't be folded afresh: it stops at @7" in error["message"]
    assert (
        "cqrs --app members:domain project city_total --rebuild stops at it, then cqrs --app members:domain project city_total --skip @7"
        in error["hint"]
    )
    for format, wanted in (("github", "::error "), ("junit", "<failure "), ("sarif", '"ruleId"')):
        found = filled(f"project --check --format {format}")
        assert found.code == 1
        assert found.out.count(wanted) == 2, found.out
        assert "@7" in found.out
    assert filled("project city_total --rebuild").code == 1  # as the hint says
    assert filled("project city_total --skip @7 --reason x --as eve").code == 0
    assert filled("project city_total --rebuild").code == 0
    assert filled("project city_total --check").code == 0


def test_an_event_ahead_that_stops_a_fold_can_be_skipped(filled: Any) -> None:
    filled("send score --member-id ann --points 13")
    filled("project")
    ran = filled("project --at @7 --json")
    assert (ran.code, ran.error["position"]) == (1, 7)
    assert ran.error["hint"] == "mend the code, or: cqrs --app members:domain project city_total --skip @7 --reason …"
    assert set(by_name(ran.json)) == {"directory", "standing"}
    alone = filled("project city_total --at @7")
    assert (alone.code, alone.out) == (1, "")
    filled("project city_total --skip @7 --reason x --as eve")
    assert filled("project city_total --at @7").code == 0


def test_a_sample_is_part_of_the_rows(members: Any, tmp_path: Path) -> None:
    lines = "".join(
        json.dumps({"command": "join", "data": {"member_id": f"m{n}", "email": f"m{n}@x.org"}}) + "\n"
        for n in range(300)
    )
    (tmp_path / "joins.jsonl").write_text(lines)
    assert members("send --batch joins.jsonl -q --jsonl").code == 0
    members("project")
    assert members("project standing --check --sample 50 --json").json["compared"] == 50
    assert members("project standing --check --sample 1000 --json").json["compared"] == 300
    by_hand(tmp_path, "UPDATE standing SET scores = 9")
    drifted = members("project standing --check --sample 50 --json")
    assert drifted.code == 1
    assert len(drifted.json["drift"]) == drifted.json["compared"]


def test_the_smallest_sample_has_a_row(filled: Any, tmp_path: Path) -> None:
    filled("project")
    for _ in range(20):
        assert filled("project standing --check --sample 1 --json").json["compared"] == 1
    by_hand(tmp_path, "DELETE FROM standing")
    ran = filled("project standing --check --sample 1 --json")
    assert (ran.code, ran.json["compared"]) == (1, 3)


def test_a_table_that_was_dropped_asks_for_a_rebuild(filled: Any, tmp_path: Path) -> None:
    filled("project")
    drop(tmp_path / "cqrs.db", "standing")
    for lag in (0, 1):
        for words, code in (("project standing", 1), ("query standing", 1), ("query standing --stale", 1)):
            ran = filled(f"{words} --json")
            assert (ran.code, ran.error["code"]) == (code, "needs-rebuild")
            assert ran.error["message"] == "standing needs a rebuild: its table is gone"
            assert ran.error["hint"] == "cqrs --app members:domain project standing --rebuild"
        status = by_name(filled("project --status --json").json)["standing"]
        expected = ("needs-rebuild", "its table is gone", lag, 0)
        assert (status["status"], status["reason"], status["lag"], status["rows"]) == expected
        filled("send score --member-id ann --points 1")
    assert len(filled("project standing --rebuild --json").json["rows"]) == 3


def test_a_table_of_the_users_own_is_never_dropped(members: Any, tmp_path: Path) -> None:
    members("send join --member-id ann --email ann@x.org --city Oslo")
    by_hand(tmp_path, "CREATE TABLE standing(a)")
    by_hand(tmp_path, "INSERT INTO standing VALUES ('mine')")
    before = dump(tmp_path)
    for words in ("project standing", "project standing --rebuild", "query standing"):
        ran = members(f"{words} --json")
        assert (ran.code, ran.error["code"]) == (1 if words == "project standing" else 2, "table-name")
        assert "was not made by cqrs" in ran.error["message"]
        assert "another name=" in ran.error["hint"]
        assert dump(tmp_path) == before
    by_hand(tmp_path, "ALTER TABLE standing RENAME TO mine")
    assert members("project standing --json").json["rows"][0]["member_id"] == "ann"
    assert "INSERT INTO \"mine\" VALUES('mine');" in dump(tmp_path)


def test_a_table_of_ours_whose_checkpoint_is_gone_is_made_anew(filled: Any, tmp_path: Path) -> None:
    filled("project")
    by_hand(tmp_path, "UPDATE standing SET total = '99'")
    by_hand(tmp_path, "DELETE FROM cqrs_checkpoints WHERE name = 'standing'")
    assert [row["total"] for row in filled("project standing --json").json["rows"]] == ["1.50", "2.25", "4"]


def by_hand(folder: Path, sql: str) -> None:
    connection = sqlite3.connect(folder / "cqrs.db")
    with connection:
        connection.execute(sql)
    connection.close()


def dump(folder: Path) -> list[str]:
    connection = sqlite3.connect(folder / "cqrs.db")
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def test_a_lag_beyond_the_most_is_exit_1(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    filled("project")
    assert filled("project --status --max-lag 0").code == 0
    filled("send score --member-id ann --points 1")
    filled("project standing")
    without = filled("project --status --csv")
    assert without.code == 0
    for most, code in (("0", 1), ("1", 0), ("0s", 1), ("1h", 0)):
        ran = filled(f"project --status --csv --max-lag {most}")
        assert ran.code == code, most
        assert [line.split(",")[:4] for line in ran.out.splitlines()] == [
            line.split(",")[:4] for line in without.out.splitlines()
        ]
        assert ("beyond --max-lag: city_total (behind, 1 behind)" in ran.err) is bool(code)
    assert filled("project standing --status --max-lag 0").code == 0, "only what is listed counts"
    late = by_name(filled("project --status --json").json)["city_total"]
    assert 0 < late["lag_seconds"] < 600
    assert "behind for" in filled("project --status").out
    assert "behind for" not in filled("project standing --status").out
    for words in ("project --max-lag 1", "project --check --max-lag 1", "project --status --max-lag x"):
        assert (filled(words).code, filled(words).out) == (2, "")
        assert "hint: " in filled(words).err
