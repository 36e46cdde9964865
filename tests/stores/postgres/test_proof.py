"""What is read is what was appended, or it is said; what is only appended can't be changed in passing."""

import psycopg
import pytest

from cqrs_cli.errors import Damaged
from cqrs_cli.stores.contract import Append, Selection
from cqrs_cli.stores.registry import open_store
from cqrs_cli.testing.making import commit, event
from tests.stores.postgres.administrator import run, unguarded

CHANGES = {
    "a payload": ("UPDATE events SET data = '{\"n\":2}' WHERE position = 5", "chain"),
    "a type": ("UPDATE events SET type = 'Other' WHERE position = 5", "chain"),
    "a version": ("UPDATE events SET version = 99 WHERE position = 5", "version"),
    "an event that is gone": ("DELETE FROM events WHERE position = 5", "event"),
    "a commit that is gone": ("DELETE FROM commits WHERE id = 'c2'", "position"),
    "a time": ("UPDATE commits SET recorded_at = recorded_at + 1 WHERE id = 'c2'", "chain"),
    "a user": ("UPDATE commits SET user_id = 'eve' WHERE id = 'c2'", "chain"),
    "a hash": ("UPDATE commits SET hash = sha256('') WHERE id = 'c2'", "chain"),
    "the first": ("DELETE FROM events WHERE position = 1", "event"),
    "the last": ("DELETE FROM events WHERE position = 12", "event"),
}


@pytest.fixture
def url(postgres_url: str) -> str:
    with open_store(postgres_url, create=True) as store:
        store.append_many([Append(commit(f"c{n}", event("a-1"), event("b-1"), event("a-1"))) for n in range(4)])
        assert store.audit().flaws == []
    return postgres_url


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_is_found_by_who_reads_and_by_who_looks_at_all(url: str, change: str) -> None:
    sql, code = CHANGES[change]
    unguarded(url, sql)
    with open_store(url) as store:
        with pytest.raises(Damaged):
            list(store.read())
        with pytest.raises(Damaged):
            list(store.commits())
        with pytest.raises(Damaged):
            store.check()
        assert code in {flaw.code for flaw in store.audit().flaws}


@pytest.mark.parametrize("selection", [Selection(), Selection(stream="a-1"), Selection(by_stream=True), Selection(types=frozenset({"OrderPlaced"}))])  # fmt: skip
def test_an_event_that_is_gone_is_missed_without_envelopes_too(url: str, selection: Selection) -> None:
    unguarded(url, "DELETE FROM events WHERE position = 6")
    with open_store(url) as store, pytest.raises(Damaged):
        list(store.scan(selection))


@pytest.mark.parametrize("table", ["events", "commits"])
@pytest.mark.parametrize("sql", ["UPDATE {} SET recorded_at = 1", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_log_is_only_ever_appended(url: str, table: str, sql: str) -> None:
    if table == "events":
        sql = sql.replace("recorded_at", "version")
    with pytest.raises(psycopg.Error, match="append-only") as caught:
        run(url, sql.format(table))
    assert caught.value.sqlstate == "CQ009"


@pytest.mark.parametrize(
    ("sql", "codes"),
    [
        ("ALTER TABLE events DISABLE TRIGGER append_only", ["missing-trigger"]),
        ("ALTER TABLE events ENABLE TRIGGER append_only", ["missing-trigger"]),  # which replication passes by
        ("DROP TRIGGER append_only ON commits", ["missing-trigger"]),
        ("DROP VIEW stream_summary", ["missing-view"]),
        ("DROP INDEX commits_by_correlation", ["missing-index"]),
        ("DROP TABLE cqrs_outbox", ["missing-table", "missing-index", "missing-index"]),
        ("DROP FUNCTION hold", ["missing-function"]),
    ],
)
def test_parts_that_are_missing_are_found(url: str, sql: str, codes: list[str]) -> None:
    run(url, sql)
    with open_store(url) as store:
        assert [finding.code for finding in store.findings()] == codes
        assert [flaw.code for flaw in store.audit().flaws] == ["schema"] * len(codes)


def test_a_type_that_is_not_among_the_names_is_found(url: str) -> None:
    run(url, "DELETE FROM cqrs_event_types")
    with open_store(url) as store:
        assert [flaw.code for flaw in store.audit().flaws] == ["names"]


def test_hashes_are_told_and_progress_is_made(url: str) -> None:
    seen: list[int] = []
    with open_store(url) as store:
        found = store.audit({3, 4, 6}, seen.append)
        assert (found.commits, found.events, found.head, sum(seen)) == (4, 12, 12, 12)
        by_end = {one.events[-1].position: one.hash for one in store.commits()}
        assert found.hashes == {position: by_end[position] for position in (3, 6)}
        assert found.hash == by_end[12]


def test_the_chain_is_that_of_every_other_store(postgres_url: str) -> None:
    """One commit at once is hashed by the server, many by this program: both as SQLite's."""
    hashes = []
    for url in (postgres_url, "memory:"):
        with open_store(url, create=True) as store:
            store.clock = lambda: 17 * 10**17
            odd = commit("d1", event("ä-1", "Größe"), event("b-9"), event("ä-1"), user_id="ü", metadata='{"a":"ü"}')
            store.append(odd)
            store.append(commit("d2", body=None, causation_id="x:1", correlation_id="y"))
            store.append(commit("d3"), inline=lambda rows, recorded: None)
            store.append_many([Append(commit(f"e{n}", event(f"s-{n}"), event("b-9"))) for n in range(3)])
            hashes.append([one.hash for one in store.commits()])
    assert hashes[0] == hashes[1]
    assert len(set(hashes[0])) == 6
