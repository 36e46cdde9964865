"""A log written down as the events of a program of one's own: a table, and the settings that name its columns."""

import sqlite3
from contextlib import closing
from pathlib import Path

from cqrs_cli.stores.registry import open_store

SETTINGS = """
[mirror.audit]
table = "events"
position = "n"
id = "key"
stream = "entity"
type = "kind"
data = "payload"
time = "happened_us"
time_unit = "microseconds"
user = "who"
"""
"""Of `cqrs.toml`: what the columns are."""
KEPT = ("position", "stream", "version", "type", "data", "recorded_us", "user_id")
"""What a mirror has of each event, just as it was."""


def write_down(store: Path, file: Path) -> int:
    """Write the events of a store into such a table; how many they were."""
    with open_store(str(store), read_only=True) as log, closing(sqlite3.connect(file)) as table:
        table.execute("CREATE TABLE events (n INTEGER PRIMARY KEY, key, entity, kind, payload, happened_us, who)")
        table.executemany(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (one.position, one.event_id, one.stream, one.type, one.data.decode(), one.recorded_us, one.user_id)
                for one in log.read()
            ),
        )
        table.commit()
        return log.head()
