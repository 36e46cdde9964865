"""Killing a process that writes, failing disks and full ones, on a real store.

Used short by the suite, long by `make faults`.
"""

import os
import random
import resource
import select
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from cqrs_cli.errors import CqrsError
from cqrs_cli.stores import chain
from cqrs_cli.stores.contract import Append
from cqrs_cli.stores.rows import Column, Table
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event
from tests.stores.links import link_of

ROOT = Path(__file__).resolve().parents[2]
SIZES = Table("sizes", (Column("id", "text"), Column("n", "integer")), ("id",))


def write_for_ever(path: str, begin: int) -> None:
    """The victim: appends commits of several events with an inline row, and says each id once it is acknowledged."""
    with SQLiteStore(path, create=True, durability="full") as store:
        with store.transaction() as rows:
            rows.create(SIZES)
        number = begin
        while True:
            batch = []
            for _ in range(number % 3 + 1):
                number += 1
                size = number % 4 + 1
                padding = b'"' + b"x" * (number % 7 * 300) + b'"'
                batch.append(
                    Append(
                        commit(
                            f"c{number}", *[event(f"s-{number % 5}", data=padding)] * size, metadata=f'{{"n": {size}}}'
                        ),
                        (),
                        lambda rows, recorded: rows.put(SIZES, [(recorded[0].commit_id, len(recorded))]),
                    )
                )
            outcomes = store.append_many(batch)
            failed = [outcome for outcome in outcomes if isinstance(outcome, CqrsError)]
            if failed:
                raise failed[0]
            os.write(1, b"".join(item.commit.id.encode() + b"\n" for item in batch))


def start(path: Path, begin: int, limit: int | None = None, wrapper: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    """A victim in a process of its own; limit: bytes that a file of its may have. wrapper: words before its own."""
    code = f"from tests.faults.crashes import write_for_ever; write_for_ever({str(path)!r}, {begin})"

    def restrict() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        [*wrapper, sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=restrict,
    )


def kill_loop(path: Path, kills: int, seed: int) -> int:
    """Kill the writer again and again at random moments; return the number of acknowledged commits."""
    chance = random.Random(seed)
    acknowledged: list[str] = []
    for kill in range(kills):
        process = start(path, begin=(kill + 1) * 100_000)
        assert process.stdout is not None
        assert process.stderr is not None
        if not select.select([process.stdout], [], [], 30)[0]:
            raise AssertionError("the writer wrote nothing")
        time.sleep(chance.uniform(0, 0.03))
        process.send_signal(signal.SIGKILL)
        said, complaint = process.communicate()
        assert not complaint, complaint.decode()
        # The last line may be cut by the kill: it was not heard, so it doesn't count.
        acknowledged += said.decode().split("\n")[:-1]
        check(path, acknowledged)
    return len(acknowledged)


def check(path: Path, acknowledged: list[str]) -> None:
    """All that was acknowledged is there, once; every commit is whole, with its row; the chain holds."""
    with SQLiteStore(str(path)) as store:
        commits = list(store.commits())
        ids = [c.id for c in commits]
        assert len(ids) == len(set(ids))
        assert set(acknowledged) <= set(ids)
        assert all(len(c.events) == c.events[0].metadata["n"] for c in commits)
        assert [e.position for c in commits for e in c.events] == list(range(1, store.head() + 1))
        previous = chain.GENESIS
        for recorded in commits:
            previous = link_of(previous, recorded)
            assert previous == recorded.hash
        sizes = {c.id: len(c.events) for c in commits if c.id != "after"}
        assert dict(store.rows.select(SIZES)) == sizes
        assert store._file.query("PRAGMA integrity_check") == [("ok",)]


def fail_the_sync(path: Path, call: int) -> str:
    """Let every sync from the `call`th on fail (strace injects EIO); return the complaint."""
    inject = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync")
    process = start(path, 0, wrapper=(*inject, "-e", f"inject=fsync,fdatasync:error=EIO:when={call}+"))
    said, complaint = process.communicate(timeout=120)
    assert process.returncode == 1
    check(path, said.decode().split("\n")[:-1])
    return complaint.decode().strip().rpartition("\n")[2]


def fill_the_disk(path: Path, limit: int) -> tuple[str, int]:
    """Write until no file may grow past `limit` bytes; the complaint, and the number of acknowledged commits."""
    process = start(path, begin=0, limit=limit)
    said, complaint = process.communicate(timeout=120)
    assert process.returncode == 1
    acknowledged = said.decode().split("\n")[:-1]
    check(path, acknowledged)
    with SQLiteStore(str(path)) as store:  # with room again, the store goes on
        store.append(commit("after", event("s-0"), metadata='{"n": 1}'))
    check(path, acknowledged)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    return complaint.decode().strip().rpartition("\n")[2], len(acknowledged)
