"""What a mirror is does not depend on how often it ended on the way: ids, times, metadata and hashes are the same."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.stores.registry import open_store
from cqrs_cli.transfer import copy as copying
from cqrs_cli.transfer.copy import copy, follow
from cqrs_cli.transfer.dialects.event import ForeignEvent
from cqrs_cli.transfer.dialects.foreign_source import ForeignSource, recorded_at
from cqrs_cli.transfer.store_sink import StoreSink
from tests.transfer.logs import history

BEGAN = 1_700_000_000_000_000


def made(number: int) -> list[ForeignEvent]:
    """Events with times that rise and fall, some without one, some together, with numbers left out."""
    chance, events, position = random.Random(7), [], 0
    for at in range(number):
        position += chance.choice((1, 1, 1, 5))
        time_us = None if at % 40 == 39 else BEGAN + at * 1_000 + chance.randint(-5_000, 5_000)
        events.append(
            ForeignEvent(
                position,
                f"cart-{at % 7}",
                f"Type{at % 3}",
                b'{"n":%d}' % at,
                f"id-{at}",
                time_us,
                metadata='{"a":1}' if at % 5 else None,
                together=at // 4 if at % 3 else None,
            )
        )
    return events


class Events:
    """A reader of a list."""

    name = "list"
    gap: int | None = None

    def __init__(self, events: list[ForeignEvent]) -> None:
        self.all = events

    def events(self, after: int) -> Iterator[ForeignEvent]:
        return (event for event in self.all if event.position > after)

    def at(self, position: int) -> ForeignEvent | None:
        return next((event for event in self.all if event.position == position), None)

    def wait(self, after: int, seconds: float) -> bool:
        return any(event.position > after for event in self.all)

    def close(self) -> None:
        pass


def mirror(reader: Events, target: Path) -> None:
    with open_store(str(target), create=True, durability="relaxed") as here:
        copy(ForeignSource(reader, lambda after: recorded_at(here, "list", after)), StoreSink(here))


@pytest.fixture(autouse=True)
def same_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event without a time gets that of the moment, which two mirrors do not share."""
    import_module("cqrs_cli.stores.sqlite.store")  # its clock is the one of its import
    monkeypatch.setattr("time.time_ns", lambda: (BEGAN + 3_600_000_000) * 1_000)


def test_it_goes_on_where_it_was_whatever_moment_it_ended_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Events(made(300))
    mirror(reader, tmp_path / "once.db")
    monkeypatch.setattr(copying, "_EVENTS_TOGETHER", 7)
    take, calls = StoreSink.take, 0

    def failing(self: StoreSink, *words: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % 3 == 1:
            raise KeyboardInterrupt
        answer = take(self, *words)
        if calls % 3 == 2:
            raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(StoreSink, "take", failing)
    ended = 0
    while True:
        try:
            mirror(reader, tmp_path / "often.db")
            break
        except KeyboardInterrupt:
            ended += 1
    assert ended > 20
    assert history(tmp_path / "often.db") == history(tmp_path / "once.db")


def test_two_at_once_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, failed = Events(made(400)), list[BaseException]()
    mirror(reader, tmp_path / "once.db")
    open_store(str(tmp_path / "both.db"), create=True, durability="relaxed").close()
    monkeypatch.setattr(copying, "_EVENTS_TOGETHER", 9)

    def run() -> None:
        try:
            mirror(reader, tmp_path / "both.db")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert history(tmp_path / "both.db") == history(tmp_path / "once.db")


def test_what_comes_bit_by_bit_is_what_comes_at_once(tmp_path: Path) -> None:
    """As far as what is together comes together, as a transaction does."""
    events = made(120)
    mirror(Events(events), tmp_path / "once.db")
    ends = [at for at in range(1, 120) if events[at].together is None or events[at].together != events[at - 1].together]
    reader, left = Events([]), [*ends, 120]

    def stop() -> bool:
        if len(reader.all) < 120 and (not reader.all or (told and told[-1] == reader.all[-1].position)):
            reader.all = events[: left.pop(0)]
        return bool(told) and told[-1] == events[-1].position

    told: list[int] = []
    with open_store(str(tmp_path / "bits.db"), create=True, durability="relaxed") as here:
        source = ForeignSource(reader, lambda after: recorded_at(here, "list", after))
        follow(source, StoreSink(here), copying.AS_IT_IS, stop, lambda tally: told.append(tally.reached.position))
    assert history(tmp_path / "bits.db") == history(tmp_path / "once.db")


def test_commits_are_what_was_together_and_times_rise(tmp_path: Path) -> None:
    events = made(200)
    mirror(Events(events), tmp_path / "m.db")
    found = history(tmp_path / "m.db")
    assert [event.data for commit in found for event in commit.events] == [event.data for event in events]
    assert any(len(commit.events) > 1 for commit in found)
    by_id = {event.id: event for event in events}
    for commit in found:
        first = by_id[commit.id]
        assert len(commit.events) == 1 or first.together is not None
        if first.time_us is not None and first.time_us != commit.recorded_us:
            assert commit.recorded_us > first.time_us or commit.recorded_us == BEGAN + 3_600_000_000
            assert '"recorded_at":"2023-' in (commit.metadata_json or "")
    assert [commit.recorded_us for commit in found] == sorted(commit.recorded_us for commit in found)


def test_memory_does_not_grow_with_what_was_one_transaction(tmp_path: Path) -> None:
    """A restored dump may say of all events that they were one."""
    events = [event._replace(together="all") for event in made(2_500)]
    mirror(Events(events), tmp_path / "m.db")
    assert [len(commit.events) for commit in history(tmp_path / "m.db")] == [1_000, 1_000, 500]
