"""What a connection remembers of the log's end never outlives what somebody else wrote, nor what was rolled back."""

from pathlib import Path

import pytest

from cqrs_cli.errors import Conflict, InvalidInput
from cqrs_cli.stores.commits import Commit, NewEvent, Receipt, Recorded
from cqrs_cli.stores.conditions import AtVersion, NewStream
from cqrs_cli.stores.contract import Append, Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Rows
from cqrs_cli.stores.sqlite.limits import Limits
from cqrs_cli.stores.sqlite.store import SQLiteStore


def commit(id: str, stream: str = "a-1", type: str = "Went") -> Commit:
    return Commit(id, (NewEvent(stream, type, 1, b"{}"),))


def log(store: Store) -> list[tuple[int, str, int, str]]:
    return [(event.position, event.stream, event.version, event.type) for event in store.read()]


def test_two_connections_take_turns(tmp_path: Path) -> None:
    path = str(tmp_path / "a.db")
    with open_store(path, create=True) as one, open_store(path) as other:
        for turn in range(6):
            store = (one, other)[turn % 2]
            store.append(commit(f"c{turn}", type=f"Type{turn // 2}"), (AtVersion("a-1", turn),))
            store.append(commit(f"n{turn}", f"new-{turn}"), (NewStream(f"new-{turn}"),))
        with pytest.raises(Conflict):
            one.append(commit("late"), (AtVersion("a-1", 5),))
        assert log(one) == log(other)
        assert [event for event in log(one) if event[1] == "a-1"] == [
            (2 * turn + 1, "a-1", turn + 1, f"Type{turn // 2}") for turn in range(6)
        ]


def test_what_was_rolled_back_is_not_remembered(tmp_path: Path) -> None:
    def refuse(rows: Rows, events: object) -> None:
        raise InvalidInput("no")

    with open_store(str(tmp_path / "a.db"), create=True) as store:
        store.append(commit("c1"))
        for new in ("a-1", "b-1"):
            with pytest.raises(InvalidInput):
                store.append(commit("no", new, "Other"), inline=refuse)
        store.append(commit("c2", "c-1", "Third"))
        store.append(commit("c3", "b-1", "Other"), (NewStream("b-1"),))
        assert log(store) == [(1, "a-1", 1, "Went"), (2, "c-1", 1, "Third"), (3, "b-1", 1, "Other")]


def test_an_id_that_is_there_is_answered_though_nobody_looked_it_up(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "a.db"), create=True) as store:
        first = store.append(commit("c1"))
        seen: list[Recorded] = []
        again = store.append(commit("c1"), inline=lambda rows, events: seen.extend(events))
        assert again == first._replace(duplicate=True)
        assert seen == []
        assert store.append(commit("c1"), (NewStream("a-1"),)).duplicate


def test_ids_among_many_that_are_there_are_answered_in_their_places(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "a.db"), create=True) as store:
        first = store.append(commit("c1"))
        many = [Append(commit("n1", "b-1")), Append(commit("c1")), Append(commit("n2", "b-1"))]
        answers = store.append_many(many)
        assert [isinstance(answer, Receipt) and (answer.duplicate, answer.position) for answer in answers] == [
            (False, 2),
            (True, first.position),
            (False, 3),
        ]
        again = store.append_many(many)
        assert [isinstance(answer, Receipt) and (answer.duplicate, answer.position) for answer in again] == [
            (True, 2),
            (True, 1),
            (True, 3),
        ]


def test_streams_are_remembered_within_bounds(tmp_path: Path) -> None:
    with SQLiteStore(str(tmp_path / "a.db"), create=True, limits=Limits(streams=5)) as store:
        for number in range(30):
            store.append(commit(f"c{number}", f"a-{number % 9}"), (AtVersion(f"a-{number % 9}", number // 9),))
            assert len(store._file.tail.streams) <= 6
