"""Waiting until the log, or a checkpoint, has come far enough."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cqrs_cli.errors import Unavailable
from cqrs_cli.log.waiting import Waiting, lag_seconds, lags
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Checkpoint


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path / "shop.db"), create=True) as opened:
        opened.append(Commit("c1", (NewEvent("a-1", "Done", 1, b"{}"), NewEvent("a-1", "Done", 1, b"{}"))))
        with opened.transaction() as rows:
            rows.move("p", None, Checkpoint("p", 1, "{}"))
        yield opened


def test_what_is_there_is_not_waited_for(store: Store) -> None:
    assert Waiting(store, "@2", 0).for_log() == 2
    assert Waiting(store, "@0", 0).for_log() == 0
    assert Waiting(store, "c1", 0).for_log() == 2
    Waiting(store, "c1", 0).for_checkpoints(["p"], 1)


@pytest.mark.parametrize(
    ("wanted", "message", "details"),
    [
        ("@3", "the log is at @2, not yet at @3 after 0 s", {"position": 3}),
        ("c2", "no commit with the id c2 came after 0 s", {"command_id": "c2"}),
    ],
)
def test_the_log_is_late(store: Store, wanted: str, message: str, details: dict[str, object]) -> None:
    with pytest.raises(Unavailable) as caught:
        Waiting(store, wanted, 0).for_log()
    assert (caught.value.code, caught.value.message, caught.value.details) == ("timed-out", message, details)


@pytest.mark.parametrize(("wanted", "what"), [("@2", "@2"), ("c1", "c1 (@2)")])
def test_a_checkpoint_is_late(store: Store, wanted: str, what: str) -> None:
    with pytest.raises(Unavailable) as caught:
        Waiting(store, wanted, 0.03).for_checkpoints(["p", "q"], 2)
    assert caught.value.message == f"p, q had not come to {what} after 0.03 s"


def test_lags(store: Store) -> None:
    assert lags(store, ["p", "q"]) == [("p", 1, 1), ("q", 0, 2)]


def test_the_oldest_that_waits_is_so_old(store: Store) -> None:
    now = next(iter(store.read())).recorded_us * 1000
    store.clock = lambda: now + 2_500_000_000
    assert [lag_seconds(store, position) for position in (0, 1, 2)] == [2.5, 2.5, 0.0]
    store.append(Commit("c2", (NewEvent("a-1", "Done", 1, b"{}"),)))
    store.clock = lambda: now + 7_500_000_000
    assert [lag_seconds(store, position) for position in (1, 2, 3)] == [7.5, 5.0, 0.0]
    store.clock = lambda: now - 1
    assert lag_seconds(store, 0) == 0.0, "a clock that is behind that of who wrote"
