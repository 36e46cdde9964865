"""Logs of a thousand events that other stores' own writers wrote: the mirror is the log, however often it was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchmarks.mirroring import check
from benchmarks.other_stores import MessageDB, PyEventSourcing, Writer
from benchmarks.sales import papers
from tests.conftest import ROOT
from tests.transfer.dialects.mirrors import mirrored
from tests.transfer.logs import history

pytestmark = pytest.mark.slow
EVENTS, TOGETHER = 1_200, 200
_DYING = f"""
import os, signal, sys
from cqrs_cli.cli.shell import boundary
from cqrs_cli.transfer import copy as copying
from cqrs_cli.transfer.store_sink import StoreSink
copying._EVENTS_TOGETHER = {TOGETHER}
note, left = StoreSink._note, int(sys.argv[1])
def dying(*words):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    note(*words)
StoreSink._note = dying
sys.exit(boundary.run(sys.argv[2:]))
"""


@pytest.fixture(params=["pyeventsourcing", "pyeventsourcing on PostgreSQL", "message-db"])
def writer(request: pytest.FixtureRequest, tmp_path: Path) -> Writer:
    """An empty log, and who writes it."""
    kind: str = request.param
    if kind == "message-db":
        if not MessageDB.is_here():
            pytest.skip("make peers installs it")
        return MessageDB(request.getfixturevalue("postgres"))
    pytest.importorskip("eventsourcing", reason="make peers installs it")
    return PyEventSourcing(str(tmp_path / "s.db") if kind == "pyeventsourcing" else request.getfixturevalue("postgres"))


def kill(folder: Path, source: str, at: int) -> None:
    """Mirror a log by the shell, which is killed in its transaction of this number, with all of it written."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", _DYING, str(at), "mirror", source, "m.db"]
    ran = subprocess.run(words, cwd=folder, env=environ, capture_output=True)
    assert ran.returncode == -signal.SIGKILL, ran.stderr


def test_a_mirror_that_was_killed_is_the_log(writer: Writer, tmp_path: Path) -> None:
    target = tmp_path / "m.db"
    written = writer.write(papers(EVENTS))
    kill(tmp_path, writer.source, 3)
    kill(tmp_path, writer.source, 1)
    assert len(history(target)) == 2 * TOGETHER
    assert mirrored(writer.source, target)[0].events == written - 2 * TOGETHER
    happened = writer.happened()
    assert len(happened) == written
    check(happened, target)
    assert mirrored(writer.source, target)[0].events == 0
    more = writer.write(paper._replace(number=f"{paper.number}-new") for paper in papers(100))
    assert mirrored(writer.source, target)[0].events == more
    check(writer.happened(), target)


def test_a_log_that_is_being_written(writer: Writer, tmp_path: Path) -> None:
    """As far as it is there each time, and all of it in the end."""
    target = tmp_path / "m.db"
    writer.write(papers(1))
    failed: list[BaseException] = []

    def write() -> None:
        try:
            writer.write(paper._replace(number=f"{paper.number}-new") for paper in papers(EVENTS))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    while thread.is_alive():
        mirrored(writer.source, target)
    thread.join()
    assert failed == []
    mirrored(writer.source, target)
    check(writer.happened(), target)
