"""A class that was renamed is noticed wherever it matters: by `send`, `replay`, `run`, `project --status`, `doctor`."""

from typing import Any

AGGREGATE = (
    ("class Member(Aggregate)", 'class Person(Aggregate, key="member_id")'),
    ("Member, Directory", "Person, Directory"),
)
PROJECTION = ("class CityTotal(", "class CitySum("), ("CityTotal,", "CitySum,")
STREAMS = "no aggregate of members has that category"
CHECKPOINT = "city_total has a checkpoint at @6, and nothing of members is called so"


def test_an_aggregate_whose_streams_an_inline_rule_counts_on(filled: Any) -> None:
    ran = filled("send join --member-id eve --email eve@x.org --city Oslo", *AGGREGATE)
    assert (ran.code, "takes in streams of member too" in ran.err, 'aliases=("member",)' in ran.err) == (2, True, True)


def test_an_aggregate(filled: Any) -> None:
    filled("project directory --rebuild", *AGGREGATE)
    assert STREAMS in filled("send join --member-id eve --email eve@x.org --city Oslo", *AGGREGATE).err
    assert filled("replay", *AGGREGATE).err.count(STREAMS) == 1
    for line in ("run --once", "project --status"):
        assert STREAMS in filled(line, *AGGREGATE).err
    assert STREAMS in filled("doctor --json", *AGGREGATE).out


def test_a_batch_that_opens_a_stream(filled: Any, tmp_path: Any) -> None:
    line = '{"command": "join", "data": {"member_id": "eve", "email": "eve@x.org", "city": "Oslo"}}'
    (tmp_path / "lines").write_text(line)
    filled("project directory --rebuild", *AGGREGATE)
    assert filled("send --batch lines", *AGGREGATE).err.count(STREAMS) == 1


def test_a_projection(filled: Any) -> None:
    filled("project")
    for line in ("run --once", "run --status", "project --status"):
        assert CHECKPOINT in filled(line, *PROJECTION).err
    doctor = filled("doctor --json", *PROJECTION)
    assert [one["message"] for one in doctor.json["findings"] if one["code"] == "orphan"] == [CHECKPOINT]


def test_nothing_is_said_where_all_have_their_names(filled: Any) -> None:
    filled("project")
    for line in ("send score --member-id ann --points 1", "replay", "run --once", "project --status", "doctor --json"):
        ran = filled(line)
        assert "renamed" not in ran.err + ran.out


def test_a_domain_that_cant_be_loaded_is_found_wrong_beside_a_store_that_is_looked_at(filled: Any) -> None:
    filled("project")
    assert filled("doctor --json").code == 0
    ran = filled("doctor --json", ("domain = Domain(", "domain = Nobody("))
    assert (ran.code, ran.json["facts"]["head"], ran.json["ok"]) == (1, 6, False)
    assert "domain-not-loaded" in [one["code"] for one in ran.json["findings"]]
