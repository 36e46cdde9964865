"""Logs of Emmett: those that are checked in, made by `tests/data/emmett/carts.mjs`, and where it is, what it writes now.

`CQRS_TEST_EMMETT` names a folder with the `node_modules` of `tests/data/emmett/package.json`.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.errors import InvalidInput
from tests.conftest import ROOT
from tests.transfer.dialects.mirrors import mirrored
from tests.transfer.logs import fields_of, history

DATA = ROOT / "tests" / "data"
EVENTS = [
    ("shopping_cart-1", 1, "ProductItemAdded"),
    ("shopping_cart-1", 2, "DiscountApplied"),
    ("shopping_cart-2", 1, "ProductItemAdded"),
    ("shopping_cart%2FAda%3A3", 1, "ProductItemAdded"),
    ("shopping_cart-1", 3, "ShoppingCartConfirmed"),
]


@pytest.fixture(params=["sqlite", "postgresql"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A log that Emmett wrote."""
    if request.param == "sqlite":
        return str(shutil.copy(DATA / "emmett.db", tmp_path / "s.db"))
    url: str = request.getfixturevalue("postgres")
    request.getfixturevalue("session").execute((DATA / "emmett.sql").read_text(encoding="utf-8"))
    return url


def look(target: Path, of: str) -> None:
    """Compare a mirror with what was written."""
    assert fields_of(target, ("stream", "version", "type")) == EVENTS
    found = history(target)
    together = [len(commit.events) for commit in found]
    assert together == ([2, 1, 1, 1] if of == "postgresql" else [1, 1, 1, 1, 1])
    first = found[0]
    assert (first.correlation_id, first.causation_id) == ("story-1", "click-7")
    metadata = json.loads(first.metadata_json or "")
    of_each = metadata.get("events", [metadata])
    assert of_each[0]["messageId"] == first.id
    assert (of_each[0]["clientId"], len(of_each)) == ("ada", together[0])
    payloads = [json.loads(event.data) for commit in found for event in commit.events]
    assert payloads[0] == {"productItem": {"productId": "pen", "quantity": 2, "price": 1.5}}
    assert (payloads[1]["big"], payloads[2]["productItem"]["productId"]) == ("12345678901234567890", "é/ü")
    assert payloads[4] == {"by": None, "items": [1, 2]}
    assert all(event.schema_version == 1 for commit in found for event in commit.events)
    assert all(commit.recorded_us > 1_790_000_000_000_000 for commit in found)


def test_what_becomes_of_it(source: str, tmp_path: Path) -> None:
    proof, gap = mirrored(source, tmp_path / "m.db")
    assert (proof.events, proof.position, gap) == (5, 5, None)
    look(tmp_path / "m.db", "postgresql" if source.startswith("postgres") else "sqlite")
    assert mirrored(source, tmp_path / "m.db")[0].events == 0


INSERT = (
    "INSERT INTO emt_messages (stream_id, stream_position, partition, message_kind, message_data, message_metadata, "
    "message_schema_version, message_type, message_id{more}) VALUES ('{stream}', {n}, '{partition}', '{kind}', '{data}', "
    "'{{}}', '1', 'Added', 'id-{n}'{value})"
)


def insert(source: str, **values: Any) -> None:
    values = {
        "partition": "emt:default",
        "kind": "E",
        "data": "{}",
        "stream": "cart-9",
        "more": "",
        "value": "",
        **values,
    }
    if source.startswith("postgres"):
        psycopg: Any = pytest.importorskip("psycopg")

        values |= {"more": ", transaction_id", "value": f", '{values['n']}'"}
        with psycopg.connect(source, autocommit=True) as connection:
            if values["partition"] != "emt:default":
                connection.execute("CREATE TABLE IF NOT EXISTS other PARTITION OF emt_messages DEFAULT")
            connection.execute(INSERT.format(**values))
        return
    with closing(sqlite3.connect(source)) as connection:
        connection.execute(INSERT.format(**values))
        connection.commit()


def test_commands_are_left_out_and_partitions_are_told_apart(source: str, tmp_path: Path) -> None:
    insert(source, n=1)
    insert(source, n=2, kind="C")
    insert(source, n=3, partition="tenant/b")
    mirrored(source, tmp_path / "m.db")
    found = fields_of(tmp_path / "m.db", ("stream", "version", "commit_id"))[5:]
    assert found == [("cart-9", 1, "id-1"), ("cart-9,tenant%2Fb", 1, "id-3")]


def test_a_payload_that_is_none(tmp_path: Path) -> None:
    source = str(shutil.copy(DATA / "emmett.db", tmp_path / "s.db"))
    insert(source, n=1, data="{")
    with pytest.raises(InvalidInput, match="position 6"):
        mirrored(source, tmp_path / "m.db")
    assert len(history(tmp_path / "m.db")) == 5


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_the_package_writes(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    modules = os.environ.get("CQRS_TEST_EMMETT")
    if modules is None or shutil.which("node") is None:
        pytest.skip("CQRS_TEST_EMMETT names no folder with its packages, or there is no node")
    shutil.copy(DATA / "emmett" / "carts.mjs", tmp_path)
    (tmp_path / "node_modules").symlink_to(Path(modules) / "node_modules")
    source = str(tmp_path / "s.db") if kind == "sqlite" else request.getfixturevalue("postgres")
    subprocess.run(["node", "carts.mjs", kind, source], cwd=tmp_path, check=True, timeout=100)
    mirrored(source, tmp_path / "m.db")
    look(tmp_path / "m.db", kind)
