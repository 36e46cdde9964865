"""Logs in tables that were made after their stores' documentation; that of Message DB was written by its own functions."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.errors import InvalidInput, NotFound
from cqrs_cli.transfer.dialects.known import DIALECTS
from cqrs_cli.transfer.dialects.opening import open_reader
from tests.conftest import ROOT
from tests.transfer.dialects.mirrors import mirrored
from tests.transfer.logs import fields_of, history

NAMES = ("stream", "version", "type", "commit_id", "number")
ID = "11111111-1111-4111-8111-11111111110"


def metadata(target: Path) -> list[Any]:
    return [json.loads(commit.metadata_json or "{}") for commit in history(target)]


def envelope(target: Path) -> list[Any]:
    return [(one.correlation_id, one.causation_id, one.user_id) for one in history(target)]


def data(target: Path) -> list[Any]:
    return [json.loads(text) for (text,) in fields_of(target, ("data",))]


def write_accounts(session: Any) -> None:
    """Five messages, as the functions of Message DB wrote them."""
    session.execute((ROOT / "tests" / "data" / "message_db.sql").read_bytes())
    session.execute("SET search_path = message_store, public")


def test_message_db(postgres: str, session: Any, tmp_path: Path) -> None:
    write_accounts(session)
    proof, gap = mirrored(postgres, tmp_path / "m.db")
    assert (proof.events, proof.position, gap) == (5, 5, None)
    assert fields_of(tmp_path / "m.db", NAMES) == [
        ("account%3Acommand-ada", 1, "Open", ID + "1", 1),
        ("account-ada", 1, "Opened", ID + "2", 1),
        ("account-ada", 2, "Deposited", ID + "3", 1),
        ("account-bob%2Beve", 1, "Opened", ID + "4", 1),
        ("account-ada", 3, "Closed", ID + "5", 1),
    ]
    assert data(tmp_path / "m.db") == [
        {"name": "Adé", "limit": 12.5},
        {"name": "Adé", "limit": 12.5},
        {"amount": 10},
        {},
        {},
    ]
    assert envelope(tmp_path / "m.db")[0] == ("signup-7", None, "ada")
    assert metadata(tmp_path / "m.db")[1]["causationMessageStreamName"] == "account:command-ada"
    (at, *_) = session.execute(
        "SELECT (extract(epoch FROM time) * 1000000)::bigint FROM message_store.messages"
    ).fetchone()
    assert history(tmp_path / "m.db")[0].recorded_us == at, "a time without a zone is UTC"


@pytest.mark.parametrize(
    ("column", "value"),
    [("id", "NULL"), ("position", "NULL"), ("stream_name", "NULL"), ("type", "NULL"), ("type", "''")],
)
def test_a_torn_row_of_message_db(postgres: str, session: Any, tmp_path: Path, column: str, value: str) -> None:
    write_accounts(session)
    session.execute(f"ALTER TABLE messages ALTER {column} DROP NOT NULL")
    session.execute(f"UPDATE messages SET {column} = {value} WHERE global_position = 3")
    with pytest.raises(InvalidInput, match="position 3 of the source") as caught:
        mirrored(postgres, tmp_path / "m.db")
    assert caught.value.hint
    assert len(history(tmp_path / "m.db")) == 2


def test_columns_that_are_missing_are_named(postgres: str, session: Any) -> None:
    write_accounts(session)
    session.execute("ALTER TABLE messages DROP COLUMN metadata CASCADE")
    with pytest.raises(NotFound) as caught:
        open_reader(postgres, DIALECTS)
    assert "message_store.messages has no metadata" in caught.value.complaints


MARTEN = """
CREATE TABLE mt_streams (id {key} PRIMARY KEY, type varchar, version bigint, timestamp timestamptz DEFAULT now(),
  snapshot jsonb, snapshot_version integer, created timestamptz DEFAULT now(), tenant_id varchar DEFAULT '*DEFAULT*',
  is_archived bool DEFAULT false);
CREATE TABLE mt_events (seq_id bigint PRIMARY KEY, id uuid NOT NULL, stream_id {key}, version bigint NOT NULL,
  data jsonb NOT NULL, type varchar NOT NULL, timestamp timestamptz NOT NULL DEFAULT '2026-01-31 10:00:00+01',
  tenant_id varchar DEFAULT '*DEFAULT*', mt_dotnet_type varchar, is_archived bool DEFAULT false{more});
"""


@pytest.mark.parametrize(
    "more", ["", ", correlation_id varchar, causation_id varchar, headers jsonb, user_name varchar"]
)
def test_marten(postgres: str, session: Any, tmp_path: Path, more: str) -> None:
    session.execute(MARTEN.format(key="uuid", more=more))
    quest, other = ID + "7", ID + "8"
    session.execute(f"INSERT INTO mt_streams (id, type) VALUES ('{quest}', 'quest_party'), ('{other}', NULL)")
    insert = "INSERT INTO mt_events (seq_id, id, stream_id, version, data, type, mt_dotnet_type, tenant_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
    session.execute(
        insert, (1, ID + "1", quest, 1, '{"Name": "x"}', "quest_started", "Quests.Started, Quests", "*DEFAULT*")
    )
    session.execute(insert, (3, ID + "3", other, 1, "{}", "joined", None, "*DEFAULT*"))
    session.execute(insert, (4, ID + "4", quest, 1, "{}", "joined", None, "blue/team"))
    if more:
        session.execute(
            "UPDATE mt_events SET correlation_id = 'story', causation_id = 'cause', headers = '{\"ip\": 1}', user_name = 'ada'"
        )
    proof, gap = mirrored(postgres, tmp_path / "m.db")
    assert (proof.position, gap) == (4, None), "the gap is as old as the events"
    assert fields_of(tmp_path / "m.db", NAMES) == [
        (f"quest_party-{quest}", 1, "quest_started", ID + "1", 1),
        (f"stream-{other}", 1, "joined", ID + "3", 1),
        (f"stream-{quest},blue%2Fteam", 1, "joined", ID + "4", 1),
    ]
    told = metadata(tmp_path / "m.db")
    assert (told[0]["dotnet_type"], told[2]["tenant_id"]) == ("Quests.Started, Quests", "blue/team")
    assert history(tmp_path / "m.db")[0].recorded_us == 1_769_850_000_000_000
    if more:
        assert envelope(tmp_path / "m.db")[0] == ("story", "cause", "ada")
        assert told[0]["ip"] == 1


def test_marten_with_names_as_keys_and_a_number_that_may_still_come(
    postgres: str, session: Any, tmp_path: Path
) -> None:
    session.execute(MARTEN.format(key="varchar", more=""))
    insert = "INSERT INTO mt_events (seq_id, id, stream_id, version, data, type, timestamp) VALUES (%s, %s, 'order-7', %s, '{}', 't', now())"
    session.execute(insert, (1, ID + "1", 1))
    session.execute(insert, (3, ID + "3", 2))
    proof, gap = mirrored(postgres, tmp_path / "m.db")
    assert (proof.position, gap) == (1, 2), "somebody may have taken it and not begun to write"
    assert fields_of(tmp_path / "m.db", ("stream",)) == [("order-7",)]


COMMANDED = """
CREATE TABLE streams (stream_id bigserial PRIMARY KEY, stream_uuid text NOT NULL, stream_version bigint DEFAULT 0,
  stream_origin bigint DEFAULT 0, created_at timestamptz DEFAULT now(), deleted_at timestamptz);
CREATE TABLE events (event_id uuid PRIMARY KEY, event_type text NOT NULL, causation_id uuid, correlation_id uuid,
  data {kind} NOT NULL, metadata {kind}, created_at timestamptz NOT NULL DEFAULT '2026-01-31 10:00:00+00');
CREATE TABLE stream_events (event_id uuid NOT NULL REFERENCES events, stream_id bigint NOT NULL REFERENCES streams,
  stream_version bigint NOT NULL, original_stream_id bigint, original_stream_version bigint,
  PRIMARY KEY (event_id, stream_id));
INSERT INTO streams (stream_id, stream_uuid) VALUES (0, '$all'), (1, 'account-ada'), (2, '11111111-1111-4111-8111-111111111109');
"""


@pytest.mark.parametrize("kind", ["bytea", "jsonb"])
def test_commanded(postgres: str, session: Any, tmp_path: Path, kind: str) -> None:
    session.execute(COMMANDED.format(kind=kind))
    rows = [(1, 1, 1, "7"), (2, 1, 2, "7"), (3, 2, 1, "8"), (4, 1, 3, None), (5, 1, 4, None)]
    for all_version, stream, version, cause in rows:
        id = ID + str(all_version)
        session.execute(
            f"INSERT INTO events (event_id, event_type, causation_id, correlation_id, data, metadata) "
            f"VALUES (%s, 'Elixir.Bank.Opened', %s, %s, %s::text::{kind}, %s::text::{kind})",
            (
                id,
                cause and ID + cause,
                ID + "0",
                f'{{"n":{all_version}}}',
                '{"user_id":"ada"}' if all_version < 4 else None,
            ),
        )
        for where, at in ((0, all_version), (stream, version)):
            session.execute("INSERT INTO stream_events VALUES (%s, %s, %s, %s, %s)", (id, where, at, stream, version))
    proof, gap = mirrored(postgres, tmp_path / "m.db")
    assert (proof.events, proof.commits, proof.position, gap) == (5, 4, 5, None)
    assert fields_of(tmp_path / "m.db", NAMES) == [
        ("account-ada", 1, "Bank.Opened", ID + "1", 1),
        ("account-ada", 2, "Bank.Opened", ID + "1", 2),
        (f"stream-{ID}9", 1, "Bank.Opened", ID + "3", 1),
        ("account-ada", 3, "Bank.Opened", ID + "4", 1),
        ("account-ada", 4, "Bank.Opened", ID + "5", 1),
    ]
    assert data(tmp_path / "m.db") == [{"n": number} for number in range(1, 6)]
    assert envelope(tmp_path / "m.db")[0] == (ID + "0", ID + "7", "ada")
    assert [one["event_id"] for one in metadata(tmp_path / "m.db")[0]["events"]] == [ID + "1", ID + "2"]


def test_what_is_no_json_is_refused(postgres: str, session: Any, tmp_path: Path) -> None:
    """Erlang's own form, for instance."""
    session.execute(COMMANDED.format(kind="bytea"))
    session.execute("INSERT INTO events (event_id, event_type, data) VALUES (%s, 'T', '\\x8374000102')", (ID + "1",))
    session.execute("INSERT INTO stream_events VALUES (%s, 0, 1, 1, 1)", (ID + "1",))
    with pytest.raises(InvalidInput, match="position 1 of the source is no JSON"):
        mirrored(postgres, tmp_path / "m.db")


RAILS = """
CREATE TABLE event_store_events (id {serial}, event_id {uuid} NOT NULL, event_type varchar NOT NULL, metadata {json},
  data {json} NOT NULL, created_at timestamp NOT NULL, valid_at timestamp);
CREATE TABLE event_store_events_in_streams (id {serial}, stream varchar NOT NULL, position integer, event_id {uuid} NOT NULL,
  created_at timestamp NOT NULL);
"""
ROWS = (
    f"INSERT INTO event_store_events (event_id, event_type, metadata, data, created_at) VALUES "
    f'(\'{ID}1\', \'Ordering::Placed\', \'{{"correlation_id": "c-1", "causation_id": "k-1", "user_id": 7}}\', \'{{"n": 1}}\', \'2026-01-31 10:00:00.000123\'), '
    f"('{ID}2', 'Ordering::Paid', NULL, '{{}}', '2026-01-31 10:00:01'), ('{ID}3', 'Pinged', '{{}}', '{{}}', '2026-01-31 10:00:02')",
    f"INSERT INTO event_store_events_in_streams (stream, position, event_id, created_at) VALUES "
    f"('Ordering::Order$17', 0, '{ID}1', '2026-01-31'), ('Ordering::Order$17', 1, '{ID}2', '2026-01-31'), ('by_type', NULL, '{ID}1', '2026-01-31')",
)


@pytest.mark.parametrize("kind", ["sqlite", "jsonb", "json", "bytea"])
def test_rails_event_store(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    if kind == "sqlite":
        source = str(tmp_path / "s.db")
        with closing(sqlite3.connect(source)) as connection:
            connection.executescript(
                RAILS.format(serial="INTEGER PRIMARY KEY AUTOINCREMENT", uuid="varchar(36)", json="text")
            )
            for rows in ROWS:
                connection.execute(rows)
            connection.commit()
    else:
        source = request.getfixturevalue("postgres")
        session = request.getfixturevalue("session")
        session.execute(RAILS.format(serial="bigserial PRIMARY KEY", uuid="uuid", json=kind))
        for rows in ROWS:
            session.execute(rows)
    proof, gap = mirrored(source, tmp_path / "m.db")
    assert (proof.events, gap) == (3, None)
    assert fields_of(tmp_path / "m.db", NAMES) == [
        ("ordering%3A%3Aorder-17", 1, "Ordering::Placed", ID + "1", 1),
        ("ordering%3A%3Aorder-17", 2, "Ordering::Paid", ID + "2", 1),
        ("all", 1, "Pinged", ID + "3", 1),
    ]
    assert envelope(tmp_path / "m.db")[0] == ("c-1", "k-1", "7")
    assert history(tmp_path / "m.db")[0].recorded_us == 1_769_853_600_000_123


AXON = """
CREATE TABLE domain_event_entry (global_index bigserial PRIMARY KEY, event_identifier varchar(255) NOT NULL,
  meta_data {kind}, payload {kind} NOT NULL, payload_revision varchar(255), payload_type varchar(255) NOT NULL,
  time_stamp varchar(255) NOT NULL, aggregate_identifier varchar(255) NOT NULL, sequence_number bigint NOT NULL, type varchar(255))
"""


@pytest.mark.parametrize(
    ("kind", "made"), [("bytea", "convert_to(%s, 'UTF8')"), ("oid", "lo_from_bytea(0, convert_to(%s, 'UTF8'))")]
)
def test_axon(postgres: str, session: Any, tmp_path: Path, kind: str, made: str) -> None:
    session.execute(AXON.format(kind=kind))
    insert = (
        "INSERT INTO domain_event_entry (event_identifier, meta_data, payload, payload_revision, payload_type, time_stamp, "
        f"aggregate_identifier, sequence_number, type) VALUES (%s, {made}, {made}, %s, %s, '2026-01-31T10:00:00.123456789Z', %s, %s, %s)"
    )
    told = '{"traceId":"t-1","correlationId":"m-1","userId":"ada"}'
    session.execute(insert, (ID + "1", told, '{"n":"é"}', "2", "com.shop.api.OrderEvents$Placed", "o/17", 0, "Order"))
    session.execute(insert, (ID + "2", "{}", "{}", "1.0.0", "com.shop.Pinged", ID + "2", 0, None))
    proof, gap = mirrored(postgres, tmp_path / "m.db")
    assert (proof.events, gap) == (2, None)
    assert fields_of(tmp_path / "m.db", ("stream", "type", "schema_version", "commit_id")) == [
        ("order-o%2F17", "Placed", 2, ID + "1"),
        (f"event-{ID}2", "Pinged", 1, ID + "2"),
    ]
    assert envelope(tmp_path / "m.db")[0] == ("t-1", "m-1", "ada")
    assert metadata(tmp_path / "m.db")[0]["payload_type"] == "com.shop.api.OrderEvents$Placed"
    assert history(tmp_path / "m.db")[0].recorded_us == 1_769_853_600_123_456
    session.execute(insert, (ID + "3", "{}", "<xml/>", None, "com.shop.Pinged", "x", 0, None))
    with pytest.raises(InvalidInput, match="position 3"):
        mirrored(postgres, tmp_path / "m.db")
