"""Whether a log and a domain belong together."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cqrs_cli.log.pairing import Names, foreign_types, listed, newer_versions, unknown_types
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.testing.making import commit, event

SHOP = Names(
    "shop",
    categories={"order", "payment"},
    types={"Placed", "Paid"},
    processors=set(),
    versions={"Placed": 2, "Paid": 1, "Weather": 1, "rejected": 1},
    everyones={"rejected"},
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path / "log.db"), create=True) as opened:
        yield opened


def append(store: Store, *events: tuple[str, str, int]) -> None:
    head = store.head()
    store.append(commit(f"c{head}", *(event(stream, type, schema_version=version) for stream, type, version in events)))


def test_an_empty_log_is_anybodys(store: Store) -> None:
    assert (foreign_types(store, SHOP), unknown_types(store, SHOP), newer_versions(store, SHOP)) == (set(), {}, {})


def test_a_log_of_somebody_else(store: Store) -> None:
    append(store, ("invoice-1", "Issued", 1), ("invoice-1", "Settled", 1), ("payment-1", "rejected", 1))
    assert foreign_types(store, SHOP) == {"Issued", "Settled"}, "a type of everybody's is no sign"
    assert foreign_types(store, SHOP._replace(versions={"rejected": 1})) == set(), "nothing to be known by"
    append(store, ("order-1", "Placed", 1))
    assert foreign_types(store, SHOP) == set()


def test_a_log_that_is_shared_is_not_strange(store: Store) -> None:
    append(store, ("order-1", "Placed", 1), ("invoice-1", "Issued", 1), ("orders-1", "Settled", 1))
    assert unknown_types(store, SHOP) == {}


def test_what_is_strange_lies_in_the_domains_own_streams(store: Store) -> None:
    append(store, ("order-1", "Placed", 1), ("order-1", "Left", 1), ("order-2", "Left", 2), ("order", "Joined", 1))
    append(store, ("invoice-1", "Left", 1))
    assert unknown_types(store, SHOP) == {"Joined": 1, "Left": 2}
    assert unknown_types(store, SHOP, after=2) == {"Joined": 1, "Left": 1}
    assert unknown_types(store, SHOP, after=store.head()) == {}


def test_versions_beyond_todays_classes(store: Store) -> None:
    append(store, ("order-1", "Placed", 1), ("order-1", "Placed", 2))
    assert newer_versions(store, SHOP) == {}
    append(store, ("order-1", "Placed", 3), ("order-2", "Placed", 3), ("order-1", "Paid", 2))
    append(store, ("other-1", "Placed", 9), ("other-1", "Weather", 2), ("other-1", "Unknown", 9))
    assert newer_versions(store, SHOP) == {("Paid", 2): 1, ("Placed", 3): 2, ("Weather", 2): 1}


def test_as_a_list() -> None:
    assert listed({"A": 1, "B": 2_000}) == "B (2,000), A (1)"
    assert listed(dict.fromkeys("abcdefg", 1)) == "a (1), b (1), c (1), d (1), e (1) and 2 more"
