"""What is appended while a selection is read: it has all of it up to some position, or none."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.sqlite.limits import Limits
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event

TYPES = frozenset({"Old", "New"})
SELECTIONS = {
    "log": Selection(),
    "backwards": Selection(backwards=True),
    "stream": Selection(stream="order-1"),
    "stream backwards": Selection(stream="order-1", backwards=True),
    "category": Selection(category="order"),
    "by stream": Selection(by_stream=True),
}


@pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)
@pytest.mark.parametrize("first", [0, 6])
def test_an_event_of_a_new_type(
    selection: Selection, first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes between any two statements of the reader, an event of an older type behind it."""
    for late in range(1, 40):
        path = str(tmp_path / f"{late}.db")
        with SQLiteStore(path, create=True) as writer:
            for n in range(first):
                writer.append(commit(f"c{n}", event(type="Old")))
            with SQLiteStore(path, limits=Limits(window=4, smallest=2, largest=3)) as reader:
                plain, statements = reader._file.query, count(1)

                def query(
                    sql: str,
                    values: Any = (),
                    plain: Any = plain,
                    late: int = late,
                    statements: Any = statements,
                    writer: SQLiteStore = writer,
                ) -> Sequence[Any]:
                    if next(statements) == late:
                        writer.append(commit("new", event(type="New")))
                        writer.append(commit("old", event(type="Old")))
                    return plain(sql, values)  # type: ignore[no-any-return]

                monkeypatch.setattr(reader._file, "query", query)
                found = sorted(recorded.position for recorded in reader.scan(selection._replace(types=TYPES)))
                ran = next(statements) - 1
        assert found == list(range(1, len(found) + 1))
        assert len(found) >= first
        if ran < late:
            return
    raise AssertionError("a read of a few events takes more statements than that")
