"""Dead letters, on a store alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cqrs_cli.errors import NotFound, Rejected
from cqrs_cli.log import outbox
from cqrs_cli.log.letters import all_letters, drop, letter, letters
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Where


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path / "shop.db"), create=True) as opened:
        yield opened


def buried(store: Store, number: int, story: str = "s1") -> str:
    waits = outbox.Outgoing(
        "ship", "e:1", number, 0, 1, 0, "", "sent", None, 0, "Ship", 1, "{}", story, None, "{}"
    )  # fmt: skip
    with store.transaction() as rows:
        outbox.apply(rows, [waits])
        assert outbox.bury(rows, waits, Rejected("no", code="sold-out"), 5)
    return waits.command_id


def test_open_ones_and_dropped_ones(store: Store) -> None:
    first, second, other = buried(store, 1), buried(store, 2), buried(store, 3, "s2")
    assert [one.command_id for one in letters(store.rows)] == [first, second, other]
    assert drop(store, [second, second], "ada", "of no use", 9) == 1
    assert [one.command_id for one in letters(store.rows)] == [first, other]
    (dropped,) = letters(store.rows, dropped=True)
    assert dropped[1:] == (second, "sold-out", "no", 5, 9, "ada", "of no use")
    assert [one.command_id for one in all_letters(store.rows, Where("correlation_id", "=", "s1"))] == [first, second]
    with pytest.raises(NotFound) as caught:
        letter(store.rows, second)
    assert caught.value.code == "dead-letter-not-found"


def test_all_are_dropped_or_none(store: Store) -> None:
    first = buried(store, 1)
    with pytest.raises(NotFound):
        drop(store, [first, "nope"], "ada", "of no use", 9)
    assert letter(store.rows, first).dropped_us is None
