"""What was asked for, made definite on a store."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.errors import Damaged, Misuse, NotFound
from cqrs_cli.log.selection import Asked, EventFilter, check_limit, known_types, note_category
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.contract import Append, Selection, Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event, sent


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(str(tmp_path / "shop.db"), create=True) as opened:
        events = [("order-1", "OrderCreated"), ("order-2", "OrderCreated"), ("order-1", "ItemAdded")]
        opened.append_many([Append(Commit(f"c{n}", (NewEvent(s, t, 1, b"{}"),))) for n, (s, t) in enumerate(events, 1)])
        yield opened


def on(store: Store, asked: Asked, missing_ok: bool = False) -> tuple[Selection, list[str]]:
    notes: list[str] = []
    return EventFilter(asked).on(store, notes.append, missing_ok), notes


def test_everything(store: Store) -> None:
    assert on(store, Asked()) == (Selection(), [])


def test_a_stream_and_a_version_of_it(store: Store) -> None:
    assert on(store, Asked("order-1"))[0] == Selection(stream="order-1")
    assert on(store, Asked("order-1@1"))[0] == Selection(stream="order-1", before=2)
    assert on(store, Asked("order-1@2", before="@3"))[0] == Selection(stream="order-1", before=3)
    assert on(store, Asked("order-9"), missing_ok=True)[0] == Selection(stream="order-9")
    for text, code in (("order-9", "stream-not-found"), ("order-1@3", "version-not-found")):
        with pytest.raises(NotFound) as caught:
            on(store, Asked(text))
        assert caught.value.code == code
    assert caught.value.details == {"stream": "order-1", "version": 2}


def test_positions_times_and_limits(store: Store) -> None:
    found = on(store, Asked("@2", after="1", limit=5, reverse=True))[0]
    assert found == Selection(after=1, before=3, limit=5, backwards=True)
    assert on(store, Asked(since="2000-01-01", until="9000-01-01"))[0] == Selection(after=0, before=4)
    assert on(store, Asked(since="9000-01-01"))[0].after == 3


def test_names_are_forgiven_and_what_is_not_there_is_noted(store: Store) -> None:
    assert on(store, Asked(types=["order-created", "ItemAdded"])) == (
        Selection(types=frozenset({"OrderCreated", "ItemAdded"})),
        [],
    )
    assert on(store, Asked(category="ordr"))[1] == ["no stream has the category 'ordr'; did you mean 'order'?"]
    notes: list[str] = []
    assert known_types(["Itm", "OrderCreatd"], store, notes.append) == {"Itm", "OrderCreatd"}
    assert notes == [
        "no event has the type 'Itm'; did you mean 'ItemAdded'?",
        "no event has the type 'OrderCreatd'; did you mean 'OrderCreated'?",
    ]
    notes.clear()
    known_types(["Brandnew"], store, notes.append)
    assert notes == [
        "no event has the type 'Brandnew'; the domain is not asked here: "
        "if the type was renamed, its older events have the older name"
    ]
    note_category(store, "order", pytest.fail)


_LATER = "the domain is not asked here: if the command was renamed, its older ones have the older name"
_NONE = "none of the events that were looked through "


@pytest.mark.parametrize(
    ("asked", "notes"),
    [
        ({"commands": ["pay"]}, []),
        (
            {"commands": ["pay"], "has_domain": True},
            [f"nothing in the store tells whether 'Pay' was renamed; {_LATER}"],
        ),
        ({"commands": ["pay,ship-it"], "has_domain": True}, []),
        ({"commands": ["ship"]}, [_NONE + "came of a command 'ship'; did you mean 'ShipIt'?"]),
        ({"commands": ["nosuch"]}, [_NONE + "came of a command 'nosuch'"]),
        ({"commands": ["nosuch"], "has_domain": True}, [_NONE + f"came of a command 'nosuch'; {_LATER}"]),
        ({"commands": ["pay,nosuch"]}, [_NONE + "came of a command 'nosuch'"]),
        ({"commands": ["pay,nosuch"], "limit": 1}, []),
        ({"commands": ["pay,nosuch"], "last": 1}, []),
        ({"commands": ["nosuch"], "limit": 1}, [_NONE + "came of a command 'nosuch'"]),
        ({"user": "ada"}, []),
        ({"user": "ada", "grep": "nowhere"}, []),
        ({"user": "bob"}, [_NONE + "has the user 'bob'"]),
        ({"correlation": "c1"}, []),
        ({"correlation": "c1", "user": "bob"}, [_NONE + "has the user 'bob'"]),
        ({"correlation": "c9"}, ["no command has the correlation id 'c9'"]),
        ({"correlation": "c9", "commands": ["pay"]}, ["no command has the correlation id 'c9'"]),
        ({"where": ["data.x = 1"]}, []),
    ],
)
def test_what_nobody_has_is_noted(tmp_path: Path, asked: dict[str, Any], notes: list[str]) -> None:
    with SQLiteStore(str(tmp_path / "log.db"), create=True) as store:
        for number, name in enumerate(["Pay", "ShipIt", "Pay"], 1):
            store.append(commit(f"c{number}", user_id="ada")._replace(command=sent(type=name)))
        told: list[str] = []
        wanted = EventFilter(Asked(**asked))
        list(wanted.read(store, wanted.on(store, told.append), told.append))
        assert told == notes


def test_what_has_an_end_is_known_without_a_store() -> None:
    assert not EventFilter(Asked("order-1", after="@1", since="2000-01-01", limit=1)).ends
    for asked in (Asked("order-1@1"), Asked("@1"), Asked(before="@0"), Asked(until="2000-01-01")):
        assert EventFilter(asked).ends


def test_what_can_not_be_read_is_said_without_a_store() -> None:
    for asked in (Asked("order-1", category="parcel"), Asked(after="x"), Asked(since="soon"), Asked(limit=-1)):
        with pytest.raises(Misuse):
            EventFilter(asked)
    assert check_limit(0) == 0


def test_a_stream_is_no_category(store: Store) -> None:
    for asked in (Asked(category="order-1"), Asked(category="order-1", types=["A"])):
        with pytest.raises(Misuse, match="order-1 is a stream, not a category") as caught:
            on(store, asked)
        assert caught.value.hint == "its category is order"
    assert on(store, Asked(category="order-99"))[1] == ["no stream has the category 'order_99'; did you mean 'order'?"]


@pytest.mark.parametrize(
    "asked", [{}, {"reverse": True}, {"limit": 7}, {"last": 9}, {"category": "a"}, {"address": "b-1"}]
)
def test_what_was_found_is_read_again_in_the_order_that_was_asked_for(tmp_path: Path, asked: dict[str, Any]) -> None:
    with SQLiteStore(str(tmp_path / "log.db"), create=True) as store:
        for number in range(300):
            events = [event(f"{'ab'[number % 2]}-{number % 3}", f"T{number % 4}", b'{"n":%d}' % number)] * (
                1 + number % 3
            )
            store.append(commit(f"c{number}", *events))
        for where in ("data.n % 7 = 0", "data.n < 150", "data.n in (3, 250)", "data.n > 1000"):
            wanted = EventFilter(Asked(where=[where], **asked))
            selection = wanted.on(store, lambda note: None)
            plain = [
                one for one in store.read(selection._replace(limit=None)) if wanted.matches and wanted.matches(one)
            ]
            cut = plain[: asked.get("limit") or asked.get("last")]
            assert list(wanted.read(store, selection)) == (cut[::-1] if "last" in asked else cut), where


def test_what_is_shown_is_proved_and_what_is_looked_through_is_not(tmp_path: Path) -> None:
    path = str(tmp_path / "log.db")
    with SQLiteStore(path, create=True) as store:
        for number in range(10):
            store.append(commit(f"c{number}", event(data=b'{"n":%d}' % number)))
    with closing(sqlite3.connect(path)) as connection, connection:
        (trigger,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'events_update'").fetchone()
        connection.execute("DROP TRIGGER events_update")
        connection.execute("""UPDATE events SET data = '{"n":77}' WHERE position = 5""")
        connection.execute(trigger)
    with SQLiteStore(path, read_only=True) as store:
        for where, count in (("data.n = 2", 1), ("data.n = 77", None)):
            wanted = EventFilter(Asked(where=[where]))
            read = wanted.read(store, wanted.on(store, lambda note: None))
            if count is None:
                with pytest.raises(Damaged):
                    list(read)
            else:
                assert len(list(read)) == count
