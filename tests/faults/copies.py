"""Backups and restores that are killed, or whose system calls fail; and files in which bits flip and pages change places.

Used short by the suite, long by `make faults`.
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from cqrs_cli.errors import StoreFailed
from cqrs_cli.log.verification import verify
from cqrs_cli.stores.contract import Append
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event

ROOT = Path(__file__).resolve().parents[2]
CALLS = ("pwrite64", "pread64", "fsync", "link", "rename", "unlink", "f?chmod", "flock", "ftruncate")
_BACKUP = """
from cqrs_cli.stores.registry import open_store
from cqrs_cli.transfer.backup import backup
with open_store({store!r}, read_only=True) as store:
    backup(store, {file!r}, force={force})
"""
_RESTORE = """
from cqrs_cli.transfer.backup import restore
restore({file!r}, {store!r}, force={force})
"""


def make(path: Path, commits: int) -> None:
    """A store of so many commits, some kilobytes each."""
    with SQLiteStore(str(path), create=True, durability="relaxed") as store:
        padding = b'"' + b"x" * 3000 + b'"'
        appends = [Append(commit(f"c{n}", event(f"s-{n % 7}", data=padding))) for n in range(commits)]
        store.append_many(appends)


def history(path: Path) -> list[Any]:
    """All of the log, as SQLite gives it."""
    tables = ("SELECT * FROM commits", "SELECT * FROM events", "SELECT * FROM streams", "SELECT * FROM event_types")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return [connection.execute(f"{table} ORDER BY 1").fetchall() for table in tables]


def start(what: str, store: Path, file: Path, force: bool, wrapper: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """A backup or a restore in a process of its own. wrapper: words before its own."""
    code = (_BACKUP if what == "backup" else _RESTORE).format(store=str(store), file=str(file), force=force)
    return subprocess.Popen(
        [*wrapper, sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )


def run(what: str, source: Path, target: Path, wrapper: tuple[str, ...] = (), seconds: float | None = None) -> bool:
    """Copy a store over another, killed after so many seconds; whether it was done. No half of it is ever there."""
    known, before = history(source), target.read_bytes() if target.exists() else None
    store, file = (source, target) if what == "backup" else (target, source)
    process = start(what, store, file, True, wrapper)
    if seconds is not None:
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
    _, complaint = process.communicate()
    done = process.returncode == 0 or (target.read_bytes() if target.exists() else None) != before
    if done:
        with SQLiteStore(str(target), read_only=True) as made:
            assert verify(made).ok
        assert history(target) == known, complaint
    assert seconds is not None or done or "\ncqrs_cli.errors." in complaint, complaint
    for left in target.parent.glob("*.part*"):
        assert seconds is not None or "unlink" in str(wrapper), f"{left} was left behind"
        left.unlink()
    return done


def time_of(folder: Path, what: str) -> float:
    """How many seconds one takes on this machine that nobody kills."""
    begun = time.monotonic()
    assert run(what, folder / "1.db", folder / "target.db")
    return time.monotonic() - begun


def kill(folder: Path, what: str, seed: int, most: float = 1.0) -> bool:
    """Kill one at a random moment within so many seconds, with another source each time."""
    seconds = random.Random(seed).uniform(0.1, 1.0) * most
    return run(what, folder / f"{seed % 2}.db", folder / "target.db", seconds=seconds)


def fail_a_call(folder: Path, what: str, seed: int, call: str, number: int, error: str) -> bool:
    """Have the n-th call of a kind fail; whether it was done all the same. Of reads, those of the store that is copied:
    the first of all are the system's, which loads the libraries of the program."""
    source = folder / f"{seed % 2}.db"
    only = ("-P", str(source)) if call == "pread64" else ()
    wrapper = ("strace", "-f", "-qq", "-o", os.devnull, *only, f"--inject=/^{call}:error={error}:when={number}")
    return run(what, source, folder / "target.db", wrapper)


def damage(path: Path, seed: int) -> str:
    """Flip a bit, or have two pages change places."""
    chance = random.Random(seed)
    data = bytearray(path.read_bytes())
    if seed % 3:
        at = chance.randrange(len(data))
        data[at] ^= 1 << chance.randrange(8)
        told = f"bit in byte {at}"
    else:
        size = 4096
        one, other = (size * page for page in chance.sample(range(len(data) // size), 2))
        data[one : one + size], data[other : other + size] = data[other : other + size], data[one : one + size]
        told = f"pages {one // size} and {other // size}"
    path.write_bytes(data)
    return told


def verified(path: Path) -> bool:
    """Whether nothing is found; a file that can't be used is found, too. Any other error is a bug."""
    try:
        with SQLiteStore(str(path), read_only=True) as store:
            return verify(store).ok
    except StoreFailed:
        return False
