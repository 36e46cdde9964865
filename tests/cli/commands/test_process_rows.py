"""The rows of process managers, read like those of projections: nobody but `cqrs run` moves them, and that is said."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench
from tests import office
from tests.conftest import ROOT
from tests.servers import program

BEHIND = "behind the head: fulfilment 1 event"


@pytest.fixture
def ran(shop: Any, paid: Any) -> Any:
    """Three orders, one of them shipped, when the reactions ran last."""
    paid("o1", "bad1", "o2")
    assert shop("run --once").code == 0
    return shop


def ids(found: Any) -> list[str]:
    assert found.code == 0, found.err
    return [row["order_id"] for row in found.json]


def test_they_are_filtered_ordered_and_paged(ran: Any) -> None:
    assert ids(ran("query fulfilment --json")) == ["bad1", "o1", "o2"]
    assert ids(ran("query fulfilment --where state=shipped --order=-order_id --json")) == ["o2", "o1"]
    first = ran("query fulfilment --limit 2 --json")
    assert ids(first) == ["bad1", "o1"]
    assert ids(ran(first.err.strip().partition("the next page: cqrs ")[2])) == ["o2"]
    assert "o1" in ran("query fulfilment").out
    assert ran("query fulfilment --csv").out.startswith("order_id,state,")
    assert ran("query fulfilment --where state=x --fail-if-empty").code == 5


def test_they_are_found_and_explained(ran: Any) -> None:
    assert "did you mean 'fulfilment'?" in ran("query fulfilmint").err
    assert "did you mean fulfilment?" in ran("project fulfilmint").err
    assert "fulfilment" in ran("query --help").out
    assert "payments (integer)" in " ".join(ran("query fulfilment --help").out.split())
    assert "did you mean 'state'?" in ran("query fulfilment --where stat=x").err
    assert ran("query welcome").code == 3  # a policy has no rows


def test_a_query_class_may_read_them(ran: Any, paid: Any) -> None:
    assert ids(ran("query in-state --state shipped --json")) == ["o1", "o2"]
    paid("o3")
    assert BEHIND in ran("query in-state --state shipped --json").err
    assert ran("query in-state --state shipped --wait pay-o3 --timeout 0").code == 7


@pytest.mark.parametrize("words", ["query fulfilment", "project fulfilment"])
@pytest.mark.parametrize("format", ["--csv", "--json", "--jsonl", ""])
def test_their_lag_is_always_said(ran: Any, paid: Any, words: str, format: str) -> None:
    assert "behind the head" not in ran(f"{words} {format}").err
    paid("o3")
    for _ in range(2):  # reading moved nothing
        found = ran(f"{words} {format}")
        assert (found.code, BEHIND in found.err, "o3" in found.out) == (0, True, False)


@pytest.mark.parametrize("words", ["query fulfilment", "project fulfilment"])
def test_they_are_waited_for(ran: Any, paid: Any, tmp_path: Path, words: str) -> None:
    paid("o3")
    late = ran(f"{words} --wait pay-o3 --timeout 0 --json")
    assert (late.code, late.out, late.error["code"]) == (7, "", "timed-out")
    assert "fulfilment had not come to pay-o3" in late.error["message"]
    assert "cqrs run" in late.error["hint"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    runner = [*program(), "run", "--once"]
    with subprocess.Popen(runner, cwd=tmp_path, env=environ, stdout=subprocess.DEVNULL):
        found = ran(f"{words} --wait pay-o3 --timeout 60 --json")
    assert (found.code, "o3" in found.out) == (0, True)


def test_an_event_that_a_rebuild_can_not_take_is_skipped_for_it(ran: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    routes = office.domain.routes["fulfilment"]

    def fail(*_: object) -> None:
        raise ValueError("no")

    clause = routes[office.Shipped].clause._replace(function=fail)
    broken: dict[Any, Any] = {**routes, office.Shipped: routes[office.Shipped]._replace(clause=clause)}
    monkeypatch.setitem(office.domain.routes, "fulfilment", broken)
    for position in [event["position"] for event in ran("log --type Shipped --json").json]:
        checked = ran("project fulfilment --check")
        assert (checked.code, f"cqrs run --skip fulfilment@{position}" in checked.err) == (1, True), checked.err
        stopped = ran("project fulfilment --rebuild")
        assert (stopped.code, f"cqrs run --skip fulfilment@{position}" in stopped.err) == (1, True), stopped.err
        assert ran("run", "--skip", f"fulfilment@{position}", "--reason", "x").code == 0
    assert ran("project fulfilment --rebuild").code == 0
    assert ids(ran("query fulfilment --where state=paid --json")) == ["o1", "o2"]


def test_rows_of_another_definition_are_not_read(ran: Any, tmp_path: Path) -> None:
    with Workbench.open(str(tmp_path / "cqrs.db"), office.domain) as bench, bench.store.transaction() as rows:
        checkpoint = rows.checkpoint("fulfilment")
        assert checkpoint is not None
        older = checkpoint.definition.replace('"version":1', '"version":0')
        rows.move("fulfilment", checkpoint, checkpoint._replace(definition=older))
    for words in ("query fulfilment", "query fulfilment --stale", "query in-state --state shipped"):
        refused = ran(f"{words} --json")
        assert (refused.code, refused.out, refused.error["code"]) == (1, "", "needs-rebuild")
        assert refused.error["hint"] == "cqrs project fulfilment --rebuild"
    assert ran("project fulfilment --rebuild").code == 0
    assert len(ids(ran("query fulfilment --json"))) == 3


def test_one_that_never_ran_has_no_rows(here: Any, paid: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CQRS_APP", "tests.office:domain")
    paid("o1")
    found = here("query fulfilment --json")
    assert (found.code, found.json, BEHIND in found.err) == (0, [], True)
