"""Facts of message-db's test scripts: its functions, reports and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cqrs_cli.errors import Conflict, CqrsError
from cqrs_cli.stores.conditions import AtVersion
from cqrs_cli.stores.contract import Append, Selection, Store
from cqrs_cli.stores.sqlite.opening import FORMAT
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.stores.streams import category_of
from cqrs_cli.testing.making import commit, event
from tests.peers.cases import Case, Peer
from tests.peers.conftest import Shell

MESSAGE_DB = Peer("message-db")


def three(store):
    for n in range(3):
        store.append(commit(f"c{n}", event("thing-1", data=b'{"n":%d}' % n)))


@MESSAGE_DB.holds("write a message to an entity stream; data and metadata come back")
def test_write_a_message_to_an_entity_stream_data_and_metadata_come_back(store: Store) -> None:
    store.append(commit("c", event(data=b'{"attribute": "some value"}'), metadata='{"metaAttribute":"x"}'))
    (e,) = store.read()
    assert (e.data, e.metadata) == (b'{"attribute": "some value"}', {"metaAttribute": "x"})


@MESSAGE_DB.differs(
    "write with the right expected version (theirs counts from 0, none is -1)",
    "a version is the number of events: 1-based, 0 = no stream; an importer must add 1",
)
def test_write_with_the_right_expected_version_theirs_counts_from_0_none_is(store: Store) -> None:
    store.append(commit("c"))
    store.append(commit("d"), [AtVersion("order-1", 1)])


@MESSAGE_DB.holds("write with a wrong expected version: error, nothing written")
def test_write_with_a_wrong_expected_version_error_nothing_written(store: Store) -> None:
    store.append(commit("c"))
    with pytest.raises(Conflict):
        store.append(commit("d"), [AtVersion("order-1", 2)])


@MESSAGE_DB.holds("the version of a stream")
def test_the_version_of_a_stream(store: Store) -> None:
    three(store)
    assert store.version("thing-1") == 3


@MESSAGE_DB.holds("get the messages of a stream")
def test_get_the_messages_of_a_stream(store: Store) -> None:
    three(store)
    assert len(list(store.read(Selection(stream="thing-1")))) == 3


@MESSAGE_DB.holds("… in batches, limited")
def test_in_batches_limited(store: Store) -> None:
    three(store)
    assert [e.version for e in store.read(Selection(stream="thing-1", limit=2))] == [1, 2]


@MESSAGE_DB.holds("… in batches, unlimited (-1)")
def test_in_batches_unlimited_1(store: Store) -> None:
    three(store)
    assert len(list(store.read(Selection(stream="thing-1", limit=None)))) == 3


@MESSAGE_DB.holds("… from a position of the stream on")
def test_from_a_position_of_the_stream_on(store: Store) -> None:
    three(store)
    assert [e.version for e in store.read(Selection(stream="thing-1", after_version=1))] == [2, 3]


@MESSAGE_DB.holds("… with an SQL condition")
def test_with_an_sql_condition(store: Store, shell: Shell) -> None:
    three(store)
    done = shell("sql", "SELECT position FROM event_log WHERE stream = 'thing-1' AND data->>'n' > 0", "--csv")
    assert done.out.split() == ["position", "2", "3"], done


@MESSAGE_DB.differs(
    "… a category instead of a stream name is refused",
    "the store gives nothing (a stream may be called `thing`); the shell says: it is a category",
)
def test_a_category_instead_of_a_stream_name_is_refused(store: Store, shell: Shell) -> None:
    three(store)
    assert list(store.read(Selection(stream="thing"))) == []
    done = shell("log", "thing")
    assert done.code == 3
    assert "category" in done.err


@MESSAGE_DB.holds("get the messages of a category")
def test_get_the_messages_of_a_category(store: Store) -> None:
    three(store)
    store.append(commit("x", event("thing-2"), event("other-1")))
    assert [e.stream for e in store.read(Selection(category="thing"))] == ["thing-1"] * 3 + ["thing-2"]


@MESSAGE_DB.holds("… in batches from a position of the log on")
def test_in_batches_from_a_position_of_the_log_on(store: Store) -> None:
    three(store)
    assert [e.position for e in store.read(Selection(category="thing", after=1, limit=1))] == [2]


@MESSAGE_DB.holds("… a stream name instead of a category is refused")
def test_a_stream_name_instead_of_a_category_is_refused(store: Store, shell: Shell) -> None:
    three(store)
    done = shell("log", "--category", "thing-1")
    assert done.code in (2, 3), f"exit {done.code}, out {done.out!r}, err {done.err!r}"


MESSAGE_DB.not_offered(
    "correlation is an id, not a stream name; `trace ID` and store.correlated(id) read one correlation",
    "… that are correlated with a category",
)


MESSAGE_DB.not_offered(
    "correlation is an id, not a stream name", "… correlated: a stream name instead of a category is refused"
)


MESSAGE_DB.not_offered(
    "no consumer groups; one runner is enough, several share by compare-and-set",
    "consumer groups: each member gets the streams whose hash is its own",
)


MESSAGE_DB.not_offered(
    "no consumer groups",
    "consumer groups: member without size is refused",
    "consumer groups: size without member is refused",
    "consumer groups: size < 1 is refused",
    "consumer groups: member < 0 is refused",
    "consumer groups: member = size is refused",
    "consumer groups: member > size is refused",
)


@MESSAGE_DB.holds("the last message of a stream")
def test_the_last_message_of_a_stream(store: Store) -> None:
    three(store)
    (e,) = store.read(Selection(stream="thing-1", backwards=True, limit=1))
    assert e.version == 3


@MESSAGE_DB.holds("the last message of a stream of one type")
def test_the_last_message_of_a_stream_of_one_type(store: Store) -> None:
    store.append(commit("c", event(type="A"), event(type="A"), event(type="B")))
    (e,) = store.read(Selection(stream="order-1", types=frozenset({"A"}), backwards=True, limit=1))
    assert e.version == 2


@MESSAGE_DB.holds("category of a stream name; of a category; id; compound ids")
def test_category_of_a_stream_name_of_a_category_id_compound_ids() -> None:
    assert [category_of(s) for s in ("thing-1", "thing", "thing-1-2", "thing-1+2")] == ["thing"] * 4


@MESSAGE_DB.differs(
    "cardinal id of a compound id (`a+b`)",
    "composite keys join with `,`; `+` is not allowed in a name, so message-db's compound ids must be escaped (%2B)",
)
def test_cardinal_id_of_a_compound_id_a_b(store: Store) -> None:
    with pytest.raises(CqrsError):
        store.append(commit("c", event("thing-a+b")))


@MESSAGE_DB.holds("types of a category, categories of a type: reports")
def test_types_of_a_category_categories_of_a_type_reports(store: Store, shell: Shell) -> None:
    three(store)
    store.append(commit("x", event("other-1", type="B")))
    done = shell(
        "sql",
        "SELECT s.category, l.type, count(*) AS n FROM event_log l JOIN streams s ON s.name = l.stream GROUP BY 1, 2 ORDER BY 1",
        "--jsonl",
    )
    assert done.code == 0, done.err
    assert [json.loads(line)["n"] for line in done.out.splitlines()] == [1, 3]


@MESSAGE_DB.holds("stream summary: streams with the number of their messages")
def test_stream_summary_streams_with_the_number_of_their_messages(store: Store, shell: Shell) -> None:
    three(store)
    (line,) = shell("streams", "--jsonl").out.splitlines()
    assert json.loads(line)["version"] == 3


@MESSAGE_DB.holds("type summary and category summary")
def test_type_summary_and_category_summary(store: Store, shell: Shell) -> None:
    three(store)
    found = json.loads(shell("stats", "--json").out)
    assert found["types"] == [{"type": "OrderPlaced", "events": 3}]
    assert found["categories"][0]["events"] == 3


@MESSAGE_DB.holds("the version of the store's format")
def test_the_version_of_the_stores_format(store: Store) -> None:
    assert store.describe()["format"] == FORMAT


@MESSAGE_DB.differs(
    "reading a category uses an index (query plan)",
    "no index on categories or types: a rare one is looked for along the whole log, a stream by its index",
)
def test_reading_a_category_uses_an_index_query_plan(tmp_path: Path) -> None:
    """Counted in steps of SQLite's machine."""
    steps = [0]

    def count() -> int:
        steps[0] += 1
        return 0

    def cost(selection: Selection) -> int:
        steps[0] = 0
        assert len(list(store.scan(selection))) == 1
        return steps[0]

    with SQLiteStore(str(tmp_path / "rare.db"), create=True) as store:
        store.append_many([Append(commit(f"c{n}", event(f"thing-{n % 100}"))) for n in range(1_000)])
        store.append(commit("rare", event("rare-1")))
        store._file.connection.set_progress_handler(count, 1)
        assert cost(Selection(category="rare")) > 1_000
        assert cost(Selection(stream="rare-1")) < 200


@MESSAGE_DB.differs(
    "a message id is unique: the same id again is an error",
    "the same id with the same contents is answered with the first result; with others it is an error",
)
def test_a_message_id_is_unique_the_same_id_again_is_an_error(store: Store) -> None:
    store.append(commit("c"))
    assert store.append(commit("c")).duplicate


@MESSAGE_DB.holds("listing streams of a category given a stream name")
def test_listing_streams_of_a_category_given_a_stream_name(store: Store, shell: Shell) -> None:
    three(store)
    done = shell("streams", "thing-1")
    assert done.code in (2, 3), f"exit {done.code}, err {done.err!r}"


@pytest.mark.parametrize("case", MESSAGE_DB.missing, ids=str)
def test_not_offered(case: Case) -> None:
    pytest.skip(case.note)
