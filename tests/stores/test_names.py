"""Streams by the beginning of a UUID."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cqrs_cli.errors import Misuse
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.names import stream_named
from cqrs_cli.stores.registry import open_store
from cqrs_cli.testing.making import commit, event

ONE, TWO = "order-6db370b2-0000-7000-8000-000000000001", "order-6db370b2-0000-7000-8000-000000000002"
THREE = "order-7aaaaaaa-0000-7000-8000-000000000003"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path / "a.db"), create=True) as store:
        for number, stream in enumerate(
            (ONE, TWO, THREE, "order-1000", "order-10001", "order-abcd1", "orders-7aaaaaaa")
        ):
            store.append(commit(f"c{number}", event(stream)))
        yield store


@pytest.mark.parametrize(
    ("text", "stream"),
    [
        (ONE, ONE),
        ("order-7aaa", THREE),
        ("order-7aaaaaaa-0000", THREE),
        (THREE[:-1], THREE),
        ("order-6db370b2-0000-7000-8000-000000000002", TWO),
        ("order-1000", "order-1000"),
        ("order-100", "order-100"),  # too short, and no UUID begins so
        ("order-1000a", "order-1000a"),
        ("order-abcd", "order-abcd"),  # another key than a UUID is typed whole
        ("order-7aa", "order-7aa"),
        ("order-7AAA", "order-7AAA"),
        ("other-7aaa", "other-7aaa"),
        ("order", "order"),
        ("order-", "order-"),
    ],
)
def test_the_stream_that_is_meant(store: Store, text: str, stream: str) -> None:
    assert stream_named(store, text) == stream


def test_a_stream_of_just_this_name_is_meant_before_a_uuid_that_begins_so(store: Store) -> None:
    store.append(commit("exact", event("order-7aaa")))
    assert stream_named(store, "order-7aaa") == "order-7aaa"
    assert stream_named(store, "order-7aaaa") == THREE


def test_several_are_listed(store: Store) -> None:
    with pytest.raises(Misuse) as caught:
        stream_named(store, "order-6db370b2")
    assert (caught.value.code, caught.value.exit_code) == ("ambiguous", 2)
    assert caught.value.hint == f"{ONE}, {TWO}"
    for number in range(9):
        store.append(commit(f"more-{number}", event(f"order-6db370b2-0000-7000-8000-00000000010{number}")))
    with pytest.raises(Misuse) as caught:
        stream_named(store, "order-6db3")
    assert str(caught.value.hint).endswith(" …")
    assert str(caught.value.hint).count(", ") == 4
