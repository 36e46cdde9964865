"""How far processors are behind, in events and in seconds, and what may be too far."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.errors import Misuse
from cqrs_cli.log.stops import record_stop
from cqrs_cli.stores.contract import Selection
from cqrs_cli.workbench.processors.lag import MostLag, parse_most_lag
from tests import office
from tests.reacting import pay

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> datetime:
        return BEGIN + timedelta(seconds=self.seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bench(tmp_path: Path, clock: Clock) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path / "cqrs.db"), office.domain, clock=clock) as opened:
        opened.runner().drain()
        yield opened


def lag(bench: Workbench) -> dict[str, tuple[int, float]]:
    return {one.name: (one.lag, one.lag_seconds) for one in (*bench.statuses(), *bench.reactions())}


def test_lag_is_the_age_of_the_oldest_event_that_waits(bench: Workbench, clock: Clock) -> None:
    assert set(lag(bench).values()) == {(0, 0.0)}
    pay(bench, "o1")
    clock.seconds = 40
    assert set(lag(bench).values()) == {(1, 40.0)}
    bench.project()
    pay(bench, "o2")
    clock.seconds = 42.5
    found = lag(bench)
    assert {found[name] for name in bench.domain.projections} == {(1, 2.5)}
    assert {found[name] for name in bench.domain.reactions} == {(2, 42.5)}
    bench.runner().drain()
    assert set(lag(bench).values()) == {(0, 0.0)}


def test_one_event_is_read_for_each_place(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    pay(bench, "o1", "o2")
    read, asked = type(bench.store).read, list[Selection]()

    def told(store: Any, selection: Selection = Selection()) -> Any:
        asked.append(selection)
        return read(store, selection)

    monkeypatch.setattr(type(bench.store), "read", told)
    bench.statuses()
    assert [(one.after, one.limit) for one in asked] == [(0, 1)]
    bench.project()
    asked.clear()
    bench.statuses()
    assert asked == []


@pytest.mark.parametrize(
    ("text", "most"),
    [("0", MostLag(0)), ("100", MostLag(100)), ("30s", MostLag(None, 30.0)), ("5m", MostLag(None, 300.0))],
)
def test_limits(text: str, most: MostLag) -> None:
    assert parse_most_lag(text) == most


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1 s", "s", "5min", "1000000000", "٣", "many\n"])
def test_no_limits(text: str) -> None:
    with pytest.raises(Misuse, match="neither a number of events nor a duration") as caught:
        parse_most_lag(text)
    assert caught.value.hint


def test_what_is_further_behind_is_late(bench: Workbench, clock: Clock) -> None:
    def late(most: str) -> set[str]:
        found = [*bench.statuses(), *bench.reactions()]
        return {one.name for one in parse_most_lag(most).late(found)}

    every = {*bench.domain.projections, *bench.domain.reactions}
    assert late("0") == late("0s") == set()
    pay(bench, "o1", "o2")
    clock.seconds = 30
    assert (late("1"), late("2")) == (every, set())
    assert (late("29s"), late("30s")) == (every, set())
    bench.project()
    assert late("1") == late("29s") == set(bench.domain.reactions)
    bench.runner().drain()
    pay(bench, "o3")
    [event] = bench.store.read(Selection(backwards=True, limit=1))
    with bench.store.transaction() as rows:
        record_stop(rows, "welcome", event, Misuse("no"))
    assert late("100") == late("1h") == {"welcome"}, "it gets no further by itself"
