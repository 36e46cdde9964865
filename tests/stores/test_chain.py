"""The hash chain, recomputed by hand from the file and from docs/format.md, without the code under test."""

import re
import sqlite3
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cqrs_cli.errors import Damaged
from cqrs_cli.stores import chain
from cqrs_cli.stores.commits import SentCommand
from cqrs_cli.stores.contract import Append
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event
from tests.stores.links import link_of

FORMAT = Path(__file__).parents[2] / "docs" / "format.md"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "log.db"
    with SQLiteStore(str(path), create=True) as store:
        store.append(commit("c1", event("order-1", "Placed", b'{"a":1}'), event("Größe-1", "Bezahlt"), user_id="ada"))
        store.append_many(
            [
                Append(commit("c2", body=None, metadata='{"ä":1}', correlation_id="c1", causation_id="c1:2")),
                Append(commit("c3", event(data='{"é":"😀"}'.encode(), schema_version=12))),
            ]
        )
        store.append(commit("c4")._replace(command=SentCommand("Erased", 2, bytes(32), None, -5)))
    return path


def by_hand(path: Path) -> list[tuple[bytes, bytes]]:
    """(stored, recomputed) hashes, as docs/format.md says, with nothing but sqlite3 and hashlib."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    previous, result = "0" * 64, []
    for c in connection.execute("SELECT * FROM commits ORDER BY first_position").fetchall():
        fields: list[Any] = ["cqrs-chain-1", previous, c["id"], c["recorded_at"]]
        if c["command_type"] is None:
            fields += [None] * 5
        else:
            fields += [c["command_type"], c["command_schema_version"], c["command_digest"].hex()]
            fields += [hexdigest(c["command_data"]), c["issued_at"]]
        fields += [c["correlation_id"] or c["id"], c["causation_id"], c["user_id"], hexdigest(c["metadata"])]
        events = connection.execute(
            "SELECT * FROM event_log WHERE commit_id = ? ORDER BY position", (c["id"],)
        ).fetchall()
        fields.append(len(events))
        for e in events:
            fields += [e["stream"], e["version"], e["type"], e["schema_version"], hexdigest(e["data"])]
        digest = sha256(b"".join(map(encoded, fields)))
        result.append((c["hash"], digest.digest()))
        previous = digest.hexdigest()
    connection.close()
    return result


def hexdigest(text: str | None) -> str | None:
    return None if text is None else sha256(text.encode()).hexdigest()


def encoded(field: str | int | None) -> bytes:
    if field is None:
        return b"-,"
    if isinstance(field, int):
        return str(field).encode() + b","
    content = field.encode()
    return str(len(content)).encode() + b":" + content + b","


def test_every_stored_hash_is_what_the_document_says(path: Path) -> None:
    pairs = by_hand(path)
    assert len(pairs) == 4
    assert all(stored == computed for stored, computed in pairs)
    assert len({stored for stored, _ in pairs}) == 4


def test_the_worked_example_of_the_document_is_right() -> None:
    text = FORMAT.read_text()
    (record,) = re.findall(r"^(12:cqrs-chain-1,.*)$", text, re.M)
    (digest,) = re.findall(r"^([0-9a-f]{64})$", text, re.M)
    assert sha256(record.encode()).hexdigest() == digest
    data = b'{"n":1}'
    command = SentCommand("PlaceOrder", 1, sha256(b"{}").digest(), b"{}", 1767261600000000)
    events = [("order-1", 1, "OrderPlaced", 1, sha256(data).hexdigest())]
    computed = chain.link(chain.GENESIS, "c1", 1767261600000123, command, "c1", None, "Zoë", None, events)
    assert computed.hex() == digest


def test_a_recorded_commit_links_to_its_hash(path: Path) -> None:
    previous = chain.GENESIS
    with SQLiteStore(str(path), read_only=True) as store:
        for recorded in store.commits():
            assert link_of(previous, recorded) == recorded.hash
            assert recorded.hash is not None
            previous = recorded.hash


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("events", "data = '{\"a\":2}' WHERE position = 1"),
        ("events", "schema_version = 2 WHERE position = 2"),
        ("events", "version = 9 WHERE position = 2"),
        ("events", "type_id = 1 WHERE position = 2"),
        ("events", "stream_id = 2, version = 7 WHERE position = 1"),
        ("commits", "recorded_at = recorded_at + 1 WHERE id = 'c2'"),
        ("commits", "user_id = 'eve' WHERE id = 'c1'"),
        ("commits", "user_id = NULL WHERE id = 'c1'"),
        ("commits", "causation_id = 'c1:1' WHERE id = 'c2'"),
        ("commits", "correlation_id = NULL WHERE id = 'c2'"),
        ("commits", "metadata = '{}' WHERE id = 'c2'"),
        ("commits", "command_data = '[]' WHERE id = 'c3'"),
        ("commits", "command_digest = zeroblob(32) WHERE id = 'c3'"),
        ("commits", "issued_at = 0 WHERE id = 'c3'"),
        ("commits", "command_type = 'X' WHERE id = 'c3'"),
        ("commits", "id = 'cX' WHERE id = 'c3'"),
        ("streams", "name = 'order-2' WHERE name = 'order-1'"),
        ("event_types", "name = 'Lost' WHERE name = 'Placed'"),
    ],
)
def test_any_change_of_the_content_breaks_the_chain(path: Path, table: str, change: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"DROP TRIGGER {table}_update")
    connection.execute(f"UPDATE {table} SET {change}")
    connection.commit()
    connection.close()
    assert any(stored != computed for stored, computed in by_hand(path))
    with SQLiteStore(str(path), read_only=True) as store:
        for read in (store.commits, store.read, store.check):
            with pytest.raises(Damaged):
                list(read() or ())


texts = st.text(max_size=6)
maybe = st.none() | texts
commands = st.none() | st.builds(
    SentCommand,
    texts,
    st.integers(1, 99),
    st.binary(min_size=32, max_size=32),
    st.none() | st.binary(max_size=4),
    st.integers(),
)
digests = st.sampled_from([sha256(b"a").hexdigest(), sha256(b"b").hexdigest()])
events = st.lists(st.tuples(texts, st.integers(1, 99), texts, st.integers(1, 99), digests), max_size=3)
fields = st.tuples(texts, st.integers(), commands, texts, maybe, maybe, maybe, events)


@settings(max_examples=300)
@given(fields, fields)
def test_different_fields_have_different_hashes(one: Any, two: Any) -> None:
    """No text can pretend to be a boundary: the encoding is injective."""
    assert (chain.link(chain.GENESIS, *one) == chain.link(chain.GENESIS, *two)) == (one == two)


def test_the_same_history_has_the_same_hashes_wherever_positions_are() -> None:
    """A store with holes in its positions links alike: positions and number of the store's rows do not enter."""
    command = SentCommand("A", 1, bytes(32), None, 0)
    assert chain.link(chain.GENESIS, "a", 1, command, "a", None, None, None, []) != chain.link(
        bytes([1] * 32), "a", 1, command, "a", None, None, None, []
    )
