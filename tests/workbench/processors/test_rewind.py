"""Starting a reaction again: what it would send, that nothing is sent twice, and that it stays on record."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Command, Domain, Policy, Recorded, Workbench, react
from cqrs_cli.errors import Conflict, DomainFailed, Misuse, NotFound
from cqrs_cli.stores.operational import OUTBOX
from cqrs_cli.stores.rows import Checkpoint
from cqrs_cli.workbench.processors.definitions import rewinds
from tests import office
from tests.limited import limited
from tests.reacting import Clock, dump, pay, sent, waiting


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path / "office.db"), office.domain) as opened:
        opened.runner().drain()
        yield opened


def becomes(bench: Workbench, name: str, position: int) -> list[tuple[int, str, str]]:
    return [
        (one.outgoing.position, one.outgoing.command, one.becomes) for one in bench.rewind(name, position).commands()
    ]


def rows(bench: Workbench) -> list[Any]:
    return [row.model_dump() for row in bench.rows("fulfilment")]


def test_what_was_sent_is_not_sent_again(bench: Workbench) -> None:
    pay(bench, "o1", "o2", "bad1")
    bench.runner().drain()
    before, head = dump(bench), bench.store.head()
    told = becomes(bench, "fulfilment", 0)
    assert told == [(1, "Ship", "sent"), (2, "Ship", "sent"), (3, "Ship", "sent"), (6, "CancelOrder", "sent")]
    assert dump(bench) == before, "a look changes nothing"
    for name in ("fulfilment", "welcome"):
        bench.rewind(name, 0).apply("ada", None)
    done = bench.runner().drain()
    assert done.taken > 0
    assert (bench.store.head(), dump(bench)) == (head, before)


def test_rows_are_as_they_were_for_each_clause(bench: Workbench) -> None:
    """`ship` asserts that it sees the row as it was just after the payment, not as it became."""
    pay(bench, "o1", "o2")
    bench.runner().drain()
    before = rows(bench)
    for position in (1, 2, 3, 0):
        bench.rewind("fulfilment", position).apply("ada", None)
        assert bench.reactions("fulfilment")[0].status == "behind"
        assert bench.runner().drain().failures == {}
        assert rows(bench) == before
        assert bench.check("fulfilment").ok


def test_it_begins_after_the_position(bench: Workbench) -> None:
    pay(bench, "o1", "o2", "o3")
    bench.runner().drain()
    assert [one[:2] for one in becomes(bench, "fulfilment", 2)] == [(3, "Ship")]
    assert [one[:2] for one in becomes(bench, "welcome", 4)] == [(5, "Greet"), (6, "Greet")]


def test_what_todays_code_answers_otherwise_is_new_or_refused(tmp_path: Path, bench: Workbench) -> None:
    pay(bench, "o1", "o2")
    bench.runner().drain()

    class Welcome(Policy):
        @react
        def greet(self, event: office.Shipped, recorded: Recorded) -> list[Command]:
            return [office.CancelOrder(order_id=recorded.key), office.Greet(order_id=recorded.key)]

    changed = Domain("offices", office.Order, office.Fulfilment, office.Counts, Welcome)
    changed.reactions["welcome"] = changed.reactions["welcome"].of_domain(office.domain.name)
    with Workbench.open(str(tmp_path / "office.db"), changed) as other:
        assert becomes(other, "welcome", 3) == [(4, "CancelOrder", "refused"), (4, "Greet", "new")]
        other.rewind("welcome", 3).apply("ada", None)
        done = other.runner().drain()
        assert (done.sent, done.dead) == (1, 1)
        (letter,) = other.failed()
        assert (letter.code, letter.outgoing.command) == ("command-id-reused", "CancelOrder")
        assert becomes(other, "welcome", 3) == [(4, "CancelOrder", "refused"), (4, "Greet", "sent")]
        assert other.retry(letter.command_id).status == "sent"


def test_what_came_to_nothing_is_tried_again(bench: Workbench) -> None:
    pay(bench, "boom1", "boom2")
    bench.runner().drain()
    second = bench.failed()[1]
    bench.drop(second.command_id, by="ada", reason="x")
    told = becomes(bench, "fulfilment", 0)
    assert [(one[1], one[2]) for one in told] == [
        ("Ship", "failed"), ("CancelOrder", "waits"), ("Ship", "dropped"), ("CancelOrder", "waits"),
    ]  # fmt: skip
    bench.rewind("fulfilment", 0).apply("ada", None)
    assert bench.runner().drain().dead == 2


def test_what_waits_for_later_events_goes_and_comes_again(bench: Workbench) -> None:
    pay(bench, "boom1", "boom2")
    bench.runner().drain()
    before = waiting(bench.store)
    bench.rewind("fulfilment", 1).apply("ada", None)
    assert [one[1] for one in waiting(bench.store)] == ["boom1"]
    bench.runner().drain()
    assert waiting(bench.store) == before


def test_a_deadline_that_is_taken_back_again_is_none(bench: Workbench) -> None:
    pay(bench, "o1")
    bench.runner().drain()
    assert [one[1] for one in becomes(bench, "fulfilment", 0)] == ["Ship"]
    bench.rewind("fulfilment", 0).apply("ada", None)
    clock = Clock()
    clock.forward(hours=2)
    done = bench.runner(clock=clock).drain()
    assert (done.sent, done.honoured) == (0, 1), "Ship, which the log has, and no CancelOrder"
    assert "Cancel" not in "".join(sent(bench.store))


def test_it_is_on_record_and_stays_so(bench: Workbench) -> None:
    pay(bench, "o1")
    bench.runner().drain()
    bench.rewind("fulfilment", 0).apply("ada", "a test")
    bench.runner().drain()
    bench.rewind("fulfilment", 1).apply("bob", None)
    pay(bench, "o2")
    bench.runner().drain()
    bench.rebuild("fulfilment")
    first, second = bench.reactions("fulfilment")[0].rewound
    assert (first["from"], first["to"], first["by"], first["reason"]) == (3, 0, "ada", "a test")
    assert (second["from"], second["to"], second["by"], second["reason"]) == (3, 1, "bob", None)
    assert first["at"].endswith("Z")
    assert bench.reactions("welcome")[0].rewound == []
    assert bench.reactions("fulfilment")[0].status == "ready"


def test_what_another_tool_wrote_there_is_no_record() -> None:
    assert rewinds('{"rewound": "x"}') == rewinds('{"rewound": [1]}') == rewinds("{}") == []


def test_it_can_only_go_back(bench: Workbench) -> None:
    pay(bench, "o1")
    bench.runner().drain()
    for position in (3, 99):
        with pytest.raises(Misuse, match="stands at @3: it can only go back"):
            bench.rewind("fulfilment", position)
    with pytest.raises(NotFound):
        bench.rewind("nobody", 0)


def test_one_that_never_ran_is_begun(tmp_path: Path) -> None:
    with Workbench.open(str(tmp_path / "new.db"), office.domain) as bench:
        pay(bench, "o1")
        with pytest.raises(Misuse) as raised:
            bench.rewind("fulfilment", 0)
        assert raised.value.code == "not-begun"


def test_who_was_outrun_is_told(bench: Workbench) -> None:
    pay(bench, "o1")
    bench.runner().drain()
    again = bench.rewind("fulfilment", 0)
    pay(bench, "o2")
    bench.runner().drain()
    with pytest.raises(Conflict):
        again.apply("ada", None)
    assert bench.reactions("fulfilment")[0].rewound == []


def test_a_runner_at_work_goes_on_from_there(bench: Workbench) -> None:
    runner = bench.runner()
    pay(bench, "o1", "o2")
    runner.drain()
    before = dump(bench)
    for name in ("fulfilment", "welcome"):
        bench.rewind(name, 0).apply("ada", None)
    runner.drain()
    runner.drain()
    assert dump(bench) == before
    assert [one.position for one in bench.reactions()] == [bench.store.head()] * 2


def test_a_rebuild_that_was_interrupted_is_not_gone_on_with(bench: Workbench) -> None:
    pay(bench, "o1", "o2", "o3")
    bench.runner().drain()
    before = rows(bench)
    live = bench.store.rows.checkpoint("fulfilment")
    assert live is not None
    interrupted = Checkpoint("fulfilment~rebuild", 3, live.definition)
    with bench.store.transaction() as writing:
        writing.move(interrupted.name, None, interrupted)
    bench.rewind("fulfilment", 1).apply("ada", None)
    assert bench.runner().drain().failures == {}
    assert rows(bench) == before


def test_an_event_that_it_could_not_take_is_said_before(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    pay(bench, "o1")
    bench.runner().drain()

    def grumble(self: Any, event: Any) -> None:
        raise ValueError("no")

    route = office.domain.react_routes["fulfilment"][office.Paid]
    changed = route._replace(clause=route.clause._replace(function=grumble))
    routes: dict[Any, Any] = {**office.domain.react_routes["fulfilment"], office.Paid: changed}
    monkeypatch.setitem(office.domain.react_routes, "fulfilment", routes)
    with pytest.raises(DomainFailed, match="fulfilment would stop at @1"):
        list(bench.rewind("fulfilment", 0).commands())


def test_what_is_skipped_is_passed_over(bench: Workbench) -> None:
    pay(bench, "o1")
    bench.skip_in_reaction("fulfilment", 1, by="ada", reason="x")
    bench.runner().drain()
    pay(bench, "o2")
    bench.runner().drain()
    assert becomes(bench, "fulfilment", 0) == [(2, "Ship", "sent")]


def test_commands_of_a_page_each_once(bench: Workbench) -> None:
    pay(bench, *(f"o{number}" for number in range(7)))
    bench.runner().drain()
    assert len(becomes(limited(bench, outbox_page=3), "welcome", 0)) == 7


def test_the_outbox_of_others_is_left_alone(bench: Workbench) -> None:
    pay(bench, "boom1")
    bench.runner().drain()
    before = list(bench.store.rows.select(OUTBOX))
    bench.rewind("welcome", 0).apply("ada", None)
    assert list(bench.store.rows.select(OUTBOX)) == before
