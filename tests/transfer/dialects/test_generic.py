"""A log that somebody describes in their settings."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.errors import ConfigurationError, InvalidInput, Misuse
from cqrs_cli.transfer.dialects.generic import described
from tests.transfer.dialects.mirrors import mirrored
from tests.transfer.logs import fields_of, history

LEAST = {"table": "my events", "position": "id", "stream": "entity", "type": "kind", "data": "payload"}
MOST = {
    **LEAST, "id": "uid", "time": "at", "metadata": "meta", "correlation": "story", "causation": "cause", "user": "who"
}  # fmt: skip
COLUMNS = 'entity {text}, kind {text}, payload {json}, uid {text}, at {time}, meta {json}, story {text}, cause {text}, "who" {text}'
PLAIN = {"table": "ev", "position": "pos", "stream": "s", "type": "t", "data": "d"}
ROWS = (
    """('order/7', 'Placed', '{"n": 1}', 'u-1', '2026-01-31 10:00:00', '{"ip": 1}', 's', 'c', 'ada')""",
    "('order/7', 'Paid', '[]', 'u-2', '2026-01-31 10:00:01', NULL, NULL, NULL, NULL)",
)


@pytest.fixture(params=["sqlite", "text", "jsonb"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    values = ", ".join(ROWS)
    names = "entity, kind, payload, uid, at, meta, story, cause, who"
    if request.param == "sqlite":
        columns = COLUMNS.format(text="TEXT", json="TEXT", time="TEXT")
        with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
            connection.execute(f'CREATE TABLE "my events" (id INTEGER PRIMARY KEY, {columns})')
            connection.execute(f'INSERT INTO "my events" ({names}) VALUES {values}')
            connection.commit()
        return str(tmp_path / "s.db")
    columns = COLUMNS.format(text="varchar", json=request.param, time="timestamptz")
    session = request.getfixturevalue("session")
    session.execute("CREATE SCHEMA other")
    for table in ('"my events"', 'other."my events"'):
        session.execute(f"CREATE TABLE {table} (id bigserial, {columns})")
        session.execute(f"INSERT INTO {table} ({names}) VALUES {values}")
    url: str = request.getfixturevalue("postgres")
    return url


def test_what_becomes_of_it(source: str, tmp_path: Path) -> None:
    schema = "public." if source.startswith("postgres") else ""
    dialects = [described("mine", {**MOST, "table": schema + MOST["table"]})]
    proof, gap = mirrored(source, tmp_path / "m.db", dialects=dialects)
    assert (proof.events, proof.position, gap) == (2, 2, None)
    names = ("stream", "version", "type", "commit_id")
    assert fields_of(tmp_path / "m.db", names) == [
        ("order%2F7", 1, "Placed", "u-1"),
        ("order%2F7", 2, "Paid", "u-2"),
    ]
    first = history(tmp_path / "m.db")[0]
    assert (first.correlation_id, first.causation_id, first.user_id) == ("s", "c", "ada")
    assert json.loads(first.metadata_json or "") == {"ip": 1}
    assert [json.loads(data) for (data,) in fields_of(tmp_path / "m.db", ("data",))] == [{"n": 1}, []]
    if not schema:
        assert first.recorded_us == 1_769_853_600_000_000, "a time without a zone is UTC"


def test_the_least_that_must_be_said(source: str, tmp_path: Path) -> None:
    schema = "other." if source.startswith("postgres") else ""
    mirrored(source, tmp_path / "m.db", dialects=[described("mine", {**LEAST, "table": schema + LEAST["table"]})])
    assert fields_of(tmp_path / "m.db", ("commit_id",)) == [("mine:1",), ("mine:2",)]


@pytest.mark.parametrize(
    ("unit", "value"), [("seconds", 1_769_853_600), ("milliseconds", 1_769_853_600_000), ("microseconds", 1_769_853_600_000_000)]
)  # fmt: skip
def test_times_that_are_numbers(tmp_path: Path, unit: str, value: int) -> None:
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.execute("CREATE TABLE e (s TEXT, t TEXT, d TEXT, at INTEGER)")
        connection.execute("INSERT INTO e VALUES ('a', 'T', '{}', ?)", (value,))
        connection.commit()
    said = {"table": "e", "position": "rowid", "stream": "s", "type": "t", "data": "d", "time": "at", "time_unit": unit}
    mirrored(str(tmp_path / "s.db"), tmp_path / "m.db", dialects=[described("mine", said)])
    assert history(tmp_path / "m.db")[0].recorded_us == 1_769_853_600_000_000
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.execute("INSERT INTO e VALUES ('a', 'T', 'no json', ?)", (value,))
        connection.commit()
    with pytest.raises(InvalidInput, match="position 2"):
        mirrored(str(tmp_path / "s.db"), tmp_path / "m.db", dialects=[described("mine", said)])


@pytest.mark.parametrize(
    "change",
    [
        {"tabel": "x"}, {"table": ""}, {"data": 5}, {"type": None}, {"time_unit": "seconds"}, {"gap_seconds": "5"},
        {"time": "at", "time_unit": "hours"}, {"gap_seconds": -1}, {"gap_seconds": True},
    ],
)  # fmt: skip
def test_what_can_not_be_said(change: dict[str, Any]) -> None:
    said = {key: value for key, value in {**LEAST, **change}.items() if value is not None}
    with pytest.raises(ConfigurationError) as caught:
        described("mine", said)
    assert caught.value.hint


@pytest.mark.parametrize(
    "row", ["1, NULL, 'T', '{}'", "1, 'a', NULL, '{}'", "'x', 'a', 'T', '{}'", "1, 'a', 'T', NULL"]
)
def test_rows_that_are_no_events(tmp_path: Path, row: str) -> None:
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.execute("CREATE TABLE e (n, s TEXT, t TEXT, d TEXT)")
        connection.execute(f"INSERT INTO e VALUES ({row})")
        connection.commit()
    said = {"table": "e", "position": "n", "stream": "s", "type": "t", "data": "d"}
    if row.endswith("NULL"):  # no data is JSON's null
        mirrored(str(tmp_path / "s.db"), tmp_path / "m.db", dialects=[described("mine", said)])
        assert fields_of(tmp_path / "m.db", ("data",)) == [(b"null",)]
        return
    with pytest.raises(InvalidInput):
        mirrored(str(tmp_path / "s.db"), tmp_path / "m.db", dialects=[described("mine", said)])


def test_a_position_that_is_no_number(postgres: str, session: Any, tmp_path: Path) -> None:
    session.execute("CREATE TABLE e (n text, s text, t text, d text)")
    said = {"table": "e", "position": "n", "stream": "s", "type": "t", "data": "d"}
    with pytest.raises(ConfigurationError, match="a column of text"):
        mirrored(postgres, tmp_path / "m.db", dialects=[described("mine", said)])


@pytest.mark.parametrize("position", ["0", "-5", "NULL"])
def test_a_position_that_reading_would_pass_over_is_told(tmp_path: Path, position: str) -> None:
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.execute("CREATE TABLE ev (pos INT, s TEXT, t TEXT, d TEXT)")
        connection.execute(f"INSERT INTO ev VALUES (1, 'a-1', 'T', '{{}}'), ({position}, 'a-1', 'Lost', '{{}}')")
        connection.commit()
    with pytest.raises(InvalidInput, match="has the position"):
        mirrored(str(tmp_path / "s.db"), tmp_path / "m.db", dialects=[described("mine", PLAIN)])


def test_two_rows_of_one_position_are_told(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.execute("CREATE TABLE ev (pos INT, s TEXT, t TEXT, d TEXT)")
        connection.execute("INSERT INTO ev VALUES (1, 'a-1', 'T', '{}'), (1, 'a-2', 'T', '{}')")
        connection.commit()
    with pytest.raises(InvalidInput, match="another row has that position"):
        mirrored(str(tmp_path / "s.db"), tmp_path / "m.db", dialects=[described("mine", PLAIN)])


@pytest.mark.parametrize("payload", ['{"a": NaN}', "[Infinity]", "\ufeff{}", '{"a":'])
def test_a_payload_that_is_no_json_is_told(tmp_path: Path, payload: str) -> None:
    """Python's own reads NaN: the store would be called damaged by whoever reads it."""
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.execute("CREATE TABLE ev (pos INT, s TEXT, t TEXT, d TEXT)")
        connection.execute("INSERT INTO ev VALUES (1, 'a-1', 'T', ?)", (payload,))
        connection.commit()
    with pytest.raises(InvalidInput) as raised:
        mirrored(str(tmp_path / "s.db"), tmp_path / "m.db", dialects=[described("mine", PLAIN)])
    assert raised.value.code == "not-json"


def test_a_time_that_is_none_is_told(tmp_path: Path) -> None:
    """It would be recorded today, and all that follow it."""
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.execute("CREATE TABLE ev (pos INT, s TEXT, t TEXT, d TEXT, at TEXT)")
        connection.execute("INSERT INTO ev VALUES (1, 'a-1', 'T', '{}', '01/02/2024 10:00')")
        connection.commit()
    with pytest.raises(InvalidInput) as raised:
        mirrored(str(tmp_path / "s.db"), tmp_path / "m.db", dialects=[described("mine", {**PLAIN, "time": "at"})])
    assert raised.value.code == "row"


def test_a_view_on_a_server_is_refused(session: Any, postgres: str, tmp_path: Path) -> None:
    """Nobody can know who is writing to what it shows: what commits late would be passed over."""
    session.execute("CREATE TABLE ev (pos bigserial, s text, t text, d jsonb)")
    session.execute("CREATE VIEW shown AS SELECT * FROM ev")
    with pytest.raises(Misuse) as raised:
        mirrored(postgres, tmp_path / "m.db", dialects=[described("mine", {**PLAIN, "table": "shown"})])
    assert raised.value.code == "view"


@pytest.mark.parametrize(("stream", "at"), [(b"\x01abc", 1), ("a-1", 2**62), ("a-1", -(2**62))])
def test_a_row_that_can_not_be_is_told(tmp_path: Path, stream: Any, at: int) -> None:
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.execute("CREATE TABLE ev (pos INT, s, t TEXT, d TEXT, at INT)")
        connection.execute("INSERT INTO ev VALUES (1, ?, 'T', '{}', ?)", (stream, at))
        connection.commit()
    with pytest.raises(InvalidInput) as raised:
        mirrored(str(tmp_path / "s.db"), tmp_path / "m.db", dialects=[described("mine", {**PLAIN, "time": "at"})])
    assert (raised.value.code, raised.value.details["position"]) == ("row", 1)
