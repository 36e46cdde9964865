"""The rules of the settings, asked of all aggregates and rows."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Misuse, Workbench
from cqrs_cli.finding import Checked
from tests import members
from tests.checking.materials import checked


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    """Three members; bob has scored."""
    with Workbench.open(tmp_path / "members.db", members.domain) as bench:
        for name in ("ann", "bob", "cid"):
            bench.send(members.Join(member_id=name, email=f"{name}@x.org", city="Oslo"))
        for points in ("1.50", "-4", "2"):
            bench.send(members.Score(member_id="bob", points=Decimal(points)))
        yield bench


def asked(bench: Workbench | None, **rules: Any) -> Checked:
    return checked("rules", members.domain, bench, rules=rules)


def test_rules_that_hold(bench: Workbench) -> None:
    found = asked(bench, named="state.member_id != ''", standing={"scored": "row.scores >= 0"})
    assert (found.findings, found.looked_at) == ([], "2 rules of 2 kinds of streams and rows")
    assert found.rows == [
        {"rule": "named", "kind": "aggregate", "name": "member", "subjects": 3, "broken": 0},
        {"rule": "scored", "kind": "read model", "name": "standing", "subjects": 3, "broken": 0},
    ]


def test_a_rule_that_breaks_is_told_once_with_the_first_place(bench: Workbench) -> None:
    found = asked(bench, member={"settled": "type != Scored"}, standing={"not_negative": "row.total >= 0"})
    states, rows = found.findings
    assert (states.code, states.severity, states.where) == ("rule-broken", "error", "member")
    assert (
        states.message
        == "settled fails for 1 stream at Scored by Member.scored" + states.message.partition("Member.scored")[2]
    )
    assert states.message.endswith("the first is member-bob at @4 (member-bob@2)")
    assert rows.message.startswith("not_negative fails for 1 row at Scored by Standing.scored")
    assert rows.message.endswith("the first is standing/bob at @5 (member-bob@3)")
    assert [(row["rule"], row["broken"]) for row in found.rows] == [("settled", 1), ("not_negative", 1)]


def test_a_rule_for_all_is_asked_of_those_that_have_what_it_names(bench: Workbench) -> None:
    found = asked(bench, positive="row.total > -3")
    assert [row["name"] for row in found.rows] == ["standing", "city_total"]
    assert {one.where for one in found.findings} == {"city_total"} or not found.findings


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({"bad": "row.nothing > 3"}, "the rule bad: "),
        ({"bad": "row.total >"}, "the rule bad: "),
        ({"bad": 3}, "the rule bad is 3"),
        ({"membr": {"a": "state.city != ''"}}, "the rules of 'membr' are of no aggregate or read model"),
        ({"member": {"a": "state.nothing = 1"}}, "the rule a: "),
    ],
)
def test_rules_that_can_not_be_asked_are_errors_without_a_store_too(rules: Any, told: str) -> None:
    with pytest.raises(Misuse) as error:
        asked(None, **rules)
    assert told in error.value.message
    assert error.value.hint


def test_what_can_not_be_folded_is_a_finding(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.send(members.Score(member_id="cid", points=Decimal(13)))
    found = asked(bench, city_total={"positive": "row.total >= -100"}, member={"named": "state.member_id != ''"})
    assert [(one.code, one.where) for one in found.findings] == [("not-asked", "city_total")]
    assert "unlucky" in found.findings[0].message
    assert [row["name"] for row in found.rows] == ["member"]


def test_nothing_to_look_at(bench: Workbench, tmp_path: Path) -> None:
    assert asked(bench).nothing == "the settings have no rules"
    assert asked(None, named="state.member_id != ''").nothing == "there is no store"
    with Workbench.open(tmp_path / "empty.db", members.domain) as empty:
        assert asked(empty, named="state.member_id != ''").nothing.endswith("is empty")
