"""What is said of a log whose end lies in the future."""

import time
from pathlib import Path

import pytest

from cqrs_cli.log.clock import ahead_of, last_recorded
from cqrs_cli.log.diagnosis import examine
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.sqlite.release import has_wal_reset_bug
from cqrs_cli.stores.sqlite.store import SQLiteStore

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("seconds", "span"),
    [(10, None), (-5, None), (11, "11 seconds"), (90, "1 minute"), (7_300, "2 hours"), (315_360_000, "3,650 days")],
)
def test_how_far(seconds: int, span: str | None) -> None:
    told = ahead_of(0, seconds * SECOND)
    assert told is None if span is None else f"is {span} ahead of this machine's clock" in str(told)
    assert ahead_of(0, None) is None


@pytest.mark.parametrize("ahead", [0, 3_600])
def test_the_end_of_a_log(tmp_path: Path, ahead: int) -> None:
    with SQLiteStore(str(tmp_path / "log.db"), create=True, clock=lambda: time.time_ns() + ahead * 10**9) as store:
        assert last_recorded(store) is None
        store.append(Commit("c", (NewEvent("a-1", "Done", 1, b"{}"),)))
        found = examine(store, {"sqlite_wal_reset_bug": has_wal_reset_bug()})
        assert [one.severity for one in found.findings if one.code == "clock"] == ["warning"] * bool(ahead)
