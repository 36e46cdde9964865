"""`send … --explain` and `query … --explain`: how an answer came about, for people and for programs."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cqrs_cli import Unavailable, Workbench
from cqrs_cli.workbench.explanation import Explanation
from cqrs_cli.workbench.readings import readings
from samples.users import domain as users
from samples.users.user import ChangeEmail, RegisterUser

JOIN = "send join --member-id ann --email ann@x.org --city Oslo"


def steps(err: str) -> dict[str, str]:
    """The column, by its words."""
    lines = [line for line in err.splitlines() if line[9:10] == " " and not line.startswith(("error", "hint"))]
    return {line[:9].strip(): line[10:] for line in lines}


def explained(err: str) -> Any:
    """The record."""
    [record] = [json.loads(line)["explained"] for line in err.splitlines() if line.startswith('{"explained"')]
    return record


def line_of(text: str, folder: Path) -> int:
    return (folder / "members.py").read_text()[: (folder / "members.py").read_text().index(text)].count("\n") + 1


# ── send ──────────────────────────────────────────────────────────────────────────────────────


def test_a_command_that_opens_a_stream(members: Any, tmp_path: Path) -> None:
    ran = members(f"{JOIN} --explain")
    assert ran.code == 0
    assert steps(ran.err) == {
        "loaded": "nothing: the command opens member-ann",
        "decided": f"Member.join, members.py:{line_of('def join(', tmp_path)} → 1 event: Joined",
        "expected": "no stream yet",
        "appended": "@1",
        "rows": "directory 1 row, in the same transaction",
        "behind": "standing is now 1 behind",
    }
    assert "behind    city_total is now 1 behind" in ran.err
    assert "appended 1 event to member-ann (version 0 → 1, position 1)" in ran.err
    assert "explain" not in ran.out


def test_several_events_on_a_stream_with_a_history(filled: Any) -> None:
    ran = filled("send score --member-id ann --points 1 --times 3 --explain")
    told = steps(ran.err)
    assert told["loaded"] == "member-ann from 2 events, version 2"
    assert told["decided"].endswith(" → 3 events: Scored, Scored, Scored")
    assert (told["expected"], told["appended"]) == ("version 2", "@7–@9")
    assert "rows" not in told


def test_a_record_for_programs_and_the_data_as_it_is(filled: Any, tmp_path: Path) -> None:
    plain = filled("send score --member-id ann --points 1 --dry-run --command-id c1 --json")
    ran = filled("send score --member-id ann --points 1 --dry-run --command-id c1 --json --explain")
    assert plain.json.keys() == ran.json.keys()
    assert plain.json["changes"] == ran.json["changes"]
    assert explained(ran.err) == {
        "stream": "member-ann",
        "version": 2,
        "folded": 2,
        "snapshot": None,
        "method": "Member.score",
        "file": "members.py",
        "line": line_of("def score(", tmp_path),
        "tries": 1,
        "decided": ["Scored"],
        "expected": 2,
        "came_to": "dry-run",
        "position": None,
        "rows": [{"projection": "city_total", "rows": 1}, {"projection": "standing", "rows": 1}],
        "behind": [],
    }
    sent = explained(filled("send score --member-id ann --points 1 --jsonl --explain").err)
    assert (sent["came_to"], sent["position"], sent["rows"]) == ("committed", 7, [])
    assert sent["behind"] == [{"name": name, "status": "new", "lag": 7} for name in ("city_total", "standing")]


def test_a_dry_run_appends_nothing(filled: Any) -> None:
    told = steps(filled("send score --member-id ann --points 1 --dry-run --explain").err)
    assert told["appended"] == "nothing, as this is a dry run"
    assert told["rows"] == "city_total 1 row, standing 1 row would change"


@pytest.mark.parametrize(
    ("words", "code", "loaded", "decided"),
    [
        ("send leave --member-id ann --expect 7", "conflict", "member-ann from 2 events, version 2", None),
        (
            "send leave --member-id zoe",
            "aggregate-not-found",
            "member-zoe from no events: it is not there yet",
            "→ agg",
        ),
        (JOIN, "already-exists", "member-ann from 2 events, version 2", "→ already-exists"),
        (
            "send change-email --member-id ann --email bob@x.org",
            "not-unique",
            "member-ann from 2 events, version 2",
            "1 ev",
        ),
        (
            "send score --member-id ann --points 1 --times -1",
            "unchanged",
            "member-ann from 2 events, version 2",
            "0 events",
        ),
    ],
)
def test_what_comes_to_nothing(filled: Any, words: str, code: str, loaded: str, decided: str | None) -> None:
    ran = filled(f"{words} --explain")
    told = steps(ran.err)
    assert (code == "unchanged") == (ran.code == 0)
    assert told["loaded"] == loaded
    assert decided is None or decided in told["decided"]
    assert told["appended"] == "nothing"
    assert code in ran.err
    record = filled(f"{words} --explain --json")
    assert explained(record.err)["came_to"] == code
    if ran.code:
        assert record.error["code"] == code


def test_a_conflict_says_both_versions(filled: Any) -> None:
    ran = filled("send leave --member-id ann --expect 7 --explain")
    assert steps(ran.err)["expected"] == "version 7, but it is at version 2"
    assert "decided" not in steps(ran.err)
    assert steps(filled("send leave --member-id ann --expect new --explain").err)["expected"] == (
        "no stream yet, but it is at version 2"
    )


def test_a_command_taken_for_an_opener_says_so(filled: Any) -> None:
    assert steps(filled(f"{JOIN} --explain").err)["tried"] == "first as if member-ann were new, which it is not"


def test_a_duplicate_loads_nothing(members: Any) -> None:
    members(f"{JOIN} --command-id c1")
    ran = members(f"{JOIN} --command-id c1 --explain")
    assert steps(ran.err) == {
        "known": "its id was honoured before, so nothing was loaded and nobody decided",
        "appended": "nothing new, its events are at @1",
    }
    record = explained(members(f"{JOIN} --command-id c1 --explain --json").err)
    assert (record["came_to"], record["method"], record["position"]) == ("duplicate", None, 1)
    other = members("send leave --member-id ann --command-id c1 --explain")
    assert "stopped   command-id-reused: nothing was loaded" in other.err


def test_a_domain_that_raises_is_explained_too(members: Any) -> None:
    change = ("return Left(city=self.city)", "raise ValueError(self.city)")
    members(JOIN)
    ran = members("send leave --member-id ann --explain", change)
    assert ran.code == 8
    assert steps(ran.err)["decided"].endswith("→ domain-failed")


def test_a_snapshot_is_what_a_load_began_with(filled: Any) -> None:
    assert filled("snapshot take member-ann").code == 0
    assert filled("send score --member-id ann --points 1").code == 0
    told = filled("send score --member-id ann --points 1 --explain")
    assert steps(told.err)["loaded"] == "member-ann from a snapshot of version 2 and 1 event, version 3"


def test_when_somebody_was_faster_it_says_how_often_it_was_tried(tmp_path: Path) -> None:
    with Workbench.open(tmp_path / "u.db", users) as bench, Workbench.open(tmp_path / "u.db", users) as other:
        ann = bench.send(RegisterUser(email="a@x.io", name="Ann")).stream
        assert ann is not None
        user_id = UUID(ann.partition("-")[2])
        load, meanwhile = bench.snapshots.load, [lambda: other.send(ChangeEmail(user_id=user_id, email="b@x.io"))]

        def slow(*words: Any, **more: Any) -> Any:
            state = load(*words, **more)
            while meanwhile:
                meanwhile.pop()()
            return state

        bench.snapshots.load = slow  # type: ignore[method-assign]
        bench.aggregates.cached.take(ann)
        how = Explanation()
        bench.send(ChangeEmail(user_id=user_id, email="c@x.io"), explanation=how)
        assert (how.tries, how.assumed, how.version, how.folded) == (2, False, 2, 2)
        assert how.rows == {"account": 1}


def test_a_field_of_that_name_has_an_option_of_its_own(members: Any) -> None:
    change = (
        "class Leave(Command):\n    member_id: str",
        "class Leave(Command):\n    member_id: str\n    explain: str = ''",
    )
    assert "--field.explain" in members("send leave --help", change).out


# ── query ─────────────────────────────────────────────────────────────────────────────────────


def test_a_query_of_the_domain(filled: Any, tmp_path: Path) -> None:
    ran = filled("query best --least 2 --limit 5 --explain")
    assert ran.code == 0
    assert steps(ran.err) == {
        "query": f"Best.run, members.py:{line_of('def run(', tmp_path)}",
        "table": "standing at position 6, 0 behind",
        "in SQL": "total >= '2'; order -total; at most 6 rows",
        "plan": steps(ran.err)["plan"],
        "rows": "2 read, 2 given",
    }
    assert "standing" in steps(ran.err)["plan"]


def test_rows_without_a_query(filled: Any) -> None:
    told = filled("""query standing --where "city = 'Oslo'" --where "member_id like 'b%'" --explain""")
    assert steps(told.err)["in SQL"].startswith("city = 'Oslo'")
    assert steps(told.err)["by row"] == "member_id like 'b%': asked of each row, as no store selects by it"
    assert steps(told.err)["rows"] == "2 read, 1 given"
    assert "USING INDEX" in steps(told.err)["plan"]
    assert "query" not in steps(told.err)


def test_a_record_of_a_query(filled: Any) -> None:
    plain = filled("query standing --where city=Oslo --order=-total --json")
    ran = filled("query standing --where city=Oslo --order=-total --json --explain")
    assert ran.json == plain.json
    record = explained(ran.err)
    assert [record[name] for name in ("method", "row_by_row", "read", "given")] == [None, [], 2, 2]
    [read] = record["reads"]
    assert {name: read[name] for name in ("table", "position", "lag", "by", "where", "order", "times", "rows")} == {
        "table": "standing",
        "position": 6,
        "lag": 0,
        "by": "select",
        "where": [{"column": "city", "operator": "=", "value": "Oslo"}],
        "order": ["-total"],
        "times": 1,
        "rows": 2,
    }


def test_rows_that_are_behind_say_so(filled: Any) -> None:
    filled("project standing")
    filled("send score --member-id ann --points 1")
    assert "standing at position 6, 1 behind" in filled("query standing --stale --explain").err


def test_a_query_that_raises_is_explained_too(filled: Any) -> None:
    change = (
        'return read.page(Standing, where=[Where("total", ">=", self.least)], order="-total")',
        "raise KeyError(read.get(Standing, 'ann').city)",
    )
    ran = filled("query best --explain", change)
    assert ran.code == 8
    assert steps(ran.err)["in SQL"] == "by its key"
    assert steps(ran.err)["rows"] == "1 read"


def test_readings_of_one_kind_are_one_with_a_number(filled: Any) -> None:
    change = (
        'return read.page(Standing, where=[Where("total", ">=", self.least)], order="-total")',
        "return [row for name in ('ann', 'bob', 'zoe') for row in read.rows(Standing, member_id=name)]",
    )
    ran = filled("query best --explain", change)
    assert steps(ran.err)["in SQL"] == "member_id = 'ann', 3 times"
    assert steps(ran.err)["rows"] == "2 read, 2 given"


def test_nothing_is_noted_where_nobody_asks(tmp_path: Path) -> None:
    with Workbench.open(tmp_path / "u.db", users) as bench:
        bench.send(RegisterUser(email="a@x.io", name="Ann"))
        with readings() as found:
            assert len(bench.page("account").rows) == 1
            assert found == []
        assert [(one.table, one.rows, one.times) for one in found] == [("account", 1, 1)]
        bench.page("account")
        assert len(found) == 1


@pytest.mark.parametrize("words", ["send score --member-id ann --points 1", "query best"])
def test_that_it_can_not_all_be_told_changes_no_answer(
    filled: Any, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    from cqrs_cli.cli.commands.query import command as query_command

    def fail(*_: Any, **__: Any) -> Any:
        raise Unavailable("it is locked")

    monkeypatch.setattr(query_command, "print_remarks", lambda *_: None)
    filled("project")
    monkeypatch.setattr(Workbench, "reactions", fail)
    if "query" in words:
        statuses, asked = Workbench.statuses, []

        def once(bench: Workbench, *names: str, counted: bool = True) -> Any:
            asked.append(names)
            return statuses(bench, *names, counted=counted) if len(asked) == 1 else fail()

        monkeypatch.setattr(Workbench, "statuses", once)
    ran = filled(f"{words} --explain --json")
    assert ran.code == 0
    record = explained(ran.err)
    assert record["reads"][0]["position"] is None if "query" in words else record["behind"] == []
    assert ran.json
