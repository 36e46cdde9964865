"""A log whose end lies in the future is said where it matters, and stops nothing."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.stores.sqlite.store import SQLiteStore
from tests.cli.conftest import commit

SAID = "the log's end is 2 hours ahead of this machine's clock"


@pytest.fixture
def ahead(tmp_path: Path, parcels: Callable[..., Any]) -> Callable[..., Any]:
    """The parcels shop on a log that begins two hours and a half from now."""
    path = str(tmp_path / "cqrs.db")
    with SQLiteStore(path, create=True, clock=lambda: time.time_ns() + 9_000 * 10**9) as store:
        store.append(commit(1, "other-1", "Registered", {}))  # another's, but it is called as one of theirs
    return parcels


def test_send_run_and_doctor_say_so(ahead: Callable[..., Any]) -> None:
    assert SAID in ahead("send register --parcel-id p").err
    assert SAID in ahead("run --once").err
    doctor = ahead("doctor --json")
    (found,) = [one for one in doctor.json["findings"] if one["code"] == "clock"]
    assert (doctor.code, found["severity"], SAID in found["message"]) == (1, "warning", True)


def test_a_batch_says_so_once(ahead: Callable[..., Any], tmp_path: Path) -> None:
    lines = [f'{{"command": "register", "data": {{"parcel_id": "{name}"}}}}' for name in "ab"]
    (tmp_path / "lines").write_text("\n".join(lines))
    assert ahead("send --batch lines").err.count(SAID) == 1


def test_nothing_is_said_of_a_log_that_is_not_ahead(parcels: Callable[..., Any]) -> None:
    assert "clock" not in parcels("send register --parcel-id p").err
    assert "clock" not in parcels("run --once").err
    assert "clock" not in parcels("doctor --json").out
