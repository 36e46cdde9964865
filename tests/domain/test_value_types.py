"""One table of types through a command, an event, a state, a row, a snapshot and a reaction."""

# pyright: reportInvalidTypeForm=false, reportUnhashable=false
import copy
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cqrs_cli import (
    Aggregate,
    Command,
    Domain,
    Event,
    ProcessManager,
    Projection,
    Recorded,
    Scenario,
    Workbench,
    decide,
    evolve,
    react,
)
from cqrs_cli.domain.aggregate import aggregate_type
from cqrs_cli.domain.sameness import normal
from cqrs_cli.domain.state_json import restored, state_json
from cqrs_cli.errors import InvalidInput
from cqrs_cli.stores.commits import Commit, NewEvent
from tests.domain.value_types import OSLO, TYPES


class Made(NamedTuple):
    domain: Domain
    put: Any
    was_put: Any
    box: Any
    boxes: Any


def made(kind: Any) -> Made:
    """A domain in which a value of this type is sent, happens, is kept, shown and sent on."""

    class Put(Command):
        box_id: str
        value: kind

    class Echo(Command):
        box_id: str
        value: kind

    class WasPut(Event):
        value: kind

    class WasEchoed(Event):
        value: kind

    class Box(Aggregate, snapshot_every=1):
        box_id: str
        n: int = 0
        value: kind | None = None
        history: list[kind] = []
        echoed: list[kind] = []

        @decide(creates="either")
        def put(self, command: Put) -> WasPut:
            return WasPut(value=command.value)

        @decide(creates="either")
        def echo(self, command: Echo) -> WasEchoed:
            return WasEchoed(value=command.value)

        @evolve
        def was_put(self, event: WasPut) -> None:
            self.n += 1
            self.value = event.value
            self.history.append(copy.deepcopy(event.value))  # a state that is kept may not hold one object twice

        @evolve
        def was_echoed(self, event: WasEchoed) -> None:
            self.echoed.append(event.value)

    class Boxes(Projection, key="box_id"):
        box_id: str
        n: int = 0
        value: kind | None = None
        history: list[kind] = []

        @evolve
        def was_put(self, event: WasPut) -> None:
            self.n += 1
            self.value = event.value
            self.history = [*self.history, copy.deepcopy(event.value)]

    class Flow(ProcessManager, key="box_id"):
        box_id: str
        value: kind | None = None

        @evolve
        def saw(self, event: WasPut) -> None:
            self.value = event.value

        @react
        def was_put(self, event: WasPut, recorded: Recorded) -> Echo:
            return Echo(box_id=self.box_id, value=event.value)

    return Made(Domain("boxes", Box, Boxes, Flow), Put, WasPut, Box, Boxes)


def same(one: Any, other: Any) -> bool:
    return bool(normal(one) == normal(other))


@pytest.mark.parametrize("name", TYPES)
def test_what_an_event_takes_all_take(tmp_path: Path, name: str) -> None:
    kind, values = TYPES[name]
    domain, Put, WasPut, Box, Boxes = made(kind)
    with Workbench.open(str(tmp_path / "s.db"), domain) as bench:
        bench.runner(start=0).drain()
        sent = []
        for number, value in enumerate(values):
            command = Put(box_id="b", value=value).with_meta(command_id=f"c{number}")
            assert bench.send(command).status == "committed"
            sent.append(command.value)
            again = Put(box_id="b", value=value).with_meta(command_id=f"c{number}")
            assert bench.send(again).status == "duplicate"
            bench.project()
        report = bench.runner().drain()
        assert not report.failures
        assert not bench.failed()
        whole: Any = bench.replay("box-b").state
        assert same((whole.n, whole.value, whole.history, whole.echoed), (len(sent), sent[-1], sent, sent))
        (row,) = bench.rows(Boxes)
        assert same((row.n, row.value, row.history), (len(sent), sent[-1], sent))
        assert bench.check("boxes").ok
        bench.rebuild()
        assert same(next(iter(bench.rows(Boxes))), row)
        list(bench.snapshots.take(["box-b"]))
        assert [judged.snapshot.version for judged in bench.snapshots.all()] == [2 * len(sent)]
        with Workbench.open(str(tmp_path / "s.db"), domain) as other:
            assert other.load(Box, "b").state == whole, "from the snapshot"
            assert json.dumps(other.jsonable(whole)) == json.dumps(bench.jsonable(whole))
    Scenario(domain).when(Put(box_id="b", value=sent[-1])).then(WasPut(value=sent[-1]))


def test_a_row_with_times_of_a_named_zone_is_the_row_that_would_be_loaded(tmp_path: Path) -> None:
    """The next day at the same hour is another moment where the zone is known: both ways to project know the offset."""

    class Set(Event):
        at: datetime

    class Clock(Aggregate):
        clock_id: str
        ignores = (Set,)

    class Days(Projection, key="clock_id"):
        clock_id: str
        days: list[datetime] = []

        @evolve
        def was_set(self, event: Set) -> None:
            last = self.days[-1] + timedelta(days=1) if self.days else event.at.astimezone(OSLO)
            self.days = [*self.days, last]

    with Workbench.open(str(tmp_path / "s.db"), Domain("clocks", Clock, Days)) as bench:
        for number in range(3):
            data = b'{"at":"2026-10-24T10:00:00Z"}'
            bench.store.append(Commit(f"c{number}", (NewEvent("clock-a", "Set", 1, data),)))
            if number == 0:
                bench.project()
        with Workbench.open(str(tmp_path / "s.db"), Domain("clocks", Clock, Days)) as other:
            other.project()
            assert other.check("days").ok
            assert [day.hour for day in next(iter(other.rows(Days))).days] == [12, 12, 12]


@pytest.mark.parametrize("members", [{1}, {True}])
def test_a_set_with_members_of_another_type_is_not_kept(members: Any) -> None:
    class Bag(Aggregate):
        bag_id: str
        weights: set[float] = set()

    kind = aggregate_type(Bag)
    state = Bag(bag_id="a", weights={1.0, 2.5})
    restored_state = restored(kind, state_json(kind, state))
    assert restored_state == state
    state.weights = members
    with pytest.raises(InvalidInput, match="does not come back from JSON as it was"):
        state_json(kind, state)
