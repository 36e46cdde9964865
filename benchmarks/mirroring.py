"""`python -m benchmarks.mirroring [EVENTS]`: logs that other stores wrote, mirrored by the shell and compared.

Seconds are of the processor, of the whole process of `cqrs`; the server's own are not among them. Each log is mirrored
at once; by a process that is killed in the middle, and one that goes on; and again when there is more. Each time the
mirror must have what the store's own reader says. A mirror is then copied, exported and imported.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.copying import fill, insert
from benchmarks.folders import Folders, own_environment
from benchmarks.other_stores import Happened, MessageDB, PyEventSourcing, Writer
from benchmarks.sales import REAL, papers
from cqrs_cli.errors import CqrsError
from cqrs_cli.stores.moments import rfc3339
from cqrs_cli.stores.registry import open_store
from cqrs_cli.transfer.store_source import StoreSource
from tests.postgres_server import Server, programs

EVENTS = 100_000
MORE = 1_000
"""Events that are written when a mirror is there already."""


class Taken(NamedTuple):
    """What a process took."""

    seconds: float
    peak_mib: float

    def shown(self, events: int) -> str:
        return f"{events / self.seconds:,.0f} events/s, {self.peak_mib:.0f} MiB"


def measure(folder: Path, events: int = EVENTS) -> Iterator[tuple[str, str]]:
    """Each store's log, and what becomes of it."""
    server, folders = Server(programs()), Folders(folder)
    shell(folders, "mirror", "--list")  # byte code is cached from now on
    try:
        for name, writer in writers(folder, server):
            yield from _of(folders, name, writer, events)
    finally:
        server.close()
    fill(str(folder / "bare-source.db"), events, 1)
    start = time.process_time()
    insert(str(folder / "bare-source.db"), folder / "bare.db")
    yield (
        f"SQLite alone: {events:,} commits of one event inserted",
        f"{events / (time.process_time() - start):,.0f} events/s",
    )


def writers(folder: Path, server: Server) -> Iterator[tuple[str, Writer]]:
    """Empty logs. Those in PostgreSQL are in databases of their own."""
    import psycopg

    yield "pyeventsourcing, SQLite", PyEventSourcing(str(folder / "pyeventsourcing.db"))
    for name, kind in (("pyeventsourcing", PyEventSourcing), ("message-db", MessageDB)):
        database = name.replace("-", "_")
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {database}".encode())
        source = server.dsn("postgres").rpartition("/")[0] + f"/{database}"
        yield f"{name}, PostgreSQL", kind(source)


def _of(folders: Folders, name: str, writer: Writer, events: int) -> Iterator[tuple[str, str]]:
    written, lines = writer.write(papers(events)), "real" if REAL.is_file() else "made up"
    happened = writer.happened()
    assert len(happened) == written
    what = f"mirror of {written:,} events of {name} ({lines})"
    at_once, halved = folders.new("once.db"), folders.new("halved.db")
    taken, told = shell(folders, "mirror", writer.source, str(at_once))
    assert (told["events"], told["position"]) == (written, happened[-1].position), told
    check(happened, at_once)
    yield what, taken.shown(written)
    killed_at = kill_in_the_middle(folders, writer.source, halved, written // 2)
    rest, told = shell(folders, "mirror", writer.source, str(halved))
    assert told["events"] == written - killed_at, told
    assert last_hash(halved) == last_hash(at_once)
    yield f"killed after {killed_at:,}, and gone on with: the same hash", rest.shown(written - killed_at)
    none, told = shell(folders, "mirror", writer.source, str(halved))
    assert told["events"] == 0, told
    yield "again, with nothing new", f"{none.seconds:.2f} s, {none.peak_mib:.0f} MiB"
    more = writer.write(paper._replace(number=f"{paper.number}-new") for paper in papers(MORE))
    new, told = shell(folders, "mirror", writer.source, str(halved))
    assert told["events"] == more, told
    check(writer.happened(), halved)
    yield f"again, with {more:,} new ones", f"{new.seconds:.2f} s, {new.peak_mib:.0f} MiB"
    for words in (("copy", str(halved), "{}.db"), ("export", "--store", str(halved), "-o", "{}.jsonl")):
        target = folders.new(words[0]) if words[0] == "copy" else folders.new("export")
        shell(folders, *(word.format(target) for word in words))
        if words[0] == "export":
            shell(folders, "import", f"{target}.jsonl", "--store", f"{target}.db")
        assert last_hash(Path(f"{target}.db")) == last_hash(halved), words


def shell(folders: Folders, *words: str) -> tuple[Taken, Any]:
    """A command of `cqrs` in a process of its own: what it took, and its document."""
    file = folders.new("taken.json")
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.shell_child", str(file), *words, "--json", "--quiet"],
        cwd=folders.folder, env=own_environment(folders), stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return Taken(**json.loads(file.read_text())), json.loads(ran.stdout or "null")


def kill_in_the_middle(folders: Folders, source: str, target: Path, events: int) -> int:
    """Kill a mirror when so many events are there; how many there are then."""
    words = [sys.executable, "-m", "cqrs_cli", "mirror", source, str(target)]
    process = subprocess.Popen(
        words, cwd=folders.folder, env=own_environment(folders), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while head(target) < events and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return head(target)


def head(path: Path) -> int:
    """How many events are in a store; 0 where there is none yet."""
    try:
        with open_store(str(path), read_only=True) as store:
            return store.head()
    except CqrsError:
        return 0


def last_hash(path: Path) -> str:
    """Where the chain of a store ends: two that end alike are one history."""
    with open_store(str(path), read_only=True) as store:
        return f"@{store.head()} {StoreSource(store).mark(store.head())}"


def check(happened: Sequence[Happened], path: Path) -> None:
    """Raise `AssertionError` for the first event of a mirror that is not what the other store has."""
    with open_store(str(path), read_only=True) as store:
        events = iter(store.read())
        newest_us = 0
        for position, one in enumerate(happened, 1):
            here = next(events)
            told = (here.position, here.stream, here.version, here.type, json.loads(here.data))
            assert told == (position, one.stream, one.version, one.type, one.payload), f"{told} is {one} there"
            newest_us = max(newest_us, one.time_us)
            assert here.recorded_us == newest_us, f"@{position}: {rfc3339(here.recorded_us)}, and {one} there"
            if one.time_us < newest_us:
                assert here.metadata is not None
                assert here.metadata["recorded_at"] == rfc3339(one.time_us)
        assert next(events, None) is None


def main() -> None:
    """Print the table."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    with tempfile.TemporaryDirectory(prefix="cqrs-bench-") as folder:
        for what, figure in measure(Path(folder), events):
            print(f"{what:<76} {figure:>30}", flush=True)


if __name__ == "__main__":
    main()
