"""What a power loss can leave of a store: a real process is traced, and the disk is rebuilt as it may have been.

`trace` runs a writer under strace: every write, truncation, creation, unlinking and sync, and every
acknowledgement. `images` cuts that history anywhere and makes folders of it; `examine` opens one.

The model of the disk
- A sync (`fsync`, `fdatasync`) makes durable what was done to that file before, its size too. It does not
  make the file's name durable: only a sync of the folder does that, for all names in it.
- Of the writes since the last sync of a file, any subset may be there, in sectors of 512 bytes, whatever
  the order; one may be torn at any byte. What a write does not cover it leaves alone ("powersafe overwrite",
  which SQLite takes for granted too). A truncation may be there or not.
- A file may have grown although the data are missing: there are zeros then, or garbage.
- Of the creations and unlinkings since the last sync of the folder, each name by itself is as it was then, or
  after any of the operations on it. The folder itself is durable.
- `-shm` is missing, or garbage: it is in memory, and SQLite makes it anew.

Not in the model: a disk that says "synced" and lies, a sector that is damaged though nobody wrote to it.
"""

import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from cqrs_cli.errors import NotFound
from cqrs_cli.stores import chain
from cqrs_cli.stores.commits import Commit
from cqrs_cli.stores.contract import Append, Inline
from cqrs_cli.stores.sqlite import lock as sqlite_lock
from cqrs_cli.stores.sqlite.opening import Opening
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event
from tests.faults.crashes import ROOT, SIZES
from tests.stores.links import link_of

NAME = "shop.db"
SECTOR = 512
MADE = "made"
"""What is said once the store is made."""


# ── the writer ────────────────────────────────────────────────────────────────────────────────


def numbered(number: int) -> Commit:
    """The commit of this number: one to four events of up to 2,100 bytes."""
    size = number % 4 + 1
    padding = b'"' + f"{number}-".encode() * (number % 7 * 90) + b'"'
    return commit(f"c{number}", *[event(f"s-{number % 5}", data=padding)] * size, metadata=f'{{"n": {size}}}')


def row_of(rows: Any, recorded: Any) -> None:
    """The inline row of a commit."""
    rows.put(SIZES, [(recorded[0].commit_id, len(recorded))])


def write(path: str, begin: int, commits: int, sessions: int, kind: str) -> None:
    """The victim: opens the store `sessions` times and says each commit's id once it is acknowledged.

    kind: how; see `KINDS`. The last session is not closed, as if the process were killed.
    """
    KINDS[kind]()
    number = begin
    for session in range(sessions):
        store = SQLiteStore(path, create=True, durability="relaxed" if kind.startswith("relaxed") else "full")
        if number == 0:
            with store.transaction() as rows:
                rows.create(SIZES)
            say(MADE)
        end = begin + commits * (session + 1) // sessions
        while number < end:
            count = min(3 if number % 10 == 0 else 1, end - number)
            batch = [numbered(number + at) for at in range(1, count + 1)]
            number += count
            if kind == "early":
                say(*[one.id for one in batch])
            if count == 1:
                store.append(batch[0], inline=_inline)
            else:
                store.append_many([Append(one, (), _inline) for one in batch])
            if kind != "early":
                say(*[one.id for one in batch])
        if session < sessions - 1:
            store.close()
    os._exit(0)


_inline: Inline = row_of


def say(*ids: str) -> None:
    os.write(1, "".join(f"{id}\n" for id in ids).encode())


def small_wal(*more: str) -> None:
    """Checkpoints every few commits, and a WAL that is cut short afterwards; with `more` pragmas."""
    set_modes = Opening.set_modes

    def smaller(self: Opening, connection: sqlite3.Connection, durability: str) -> None:
        set_modes(self, connection, durability)
        for pragma in ("wal_autocheckpoint=30", "journal_size_limit=100000", *more):
            connection.execute(f"PRAGMA {pragma}")

    Opening.set_modes = smaller  # type: ignore[method-assign]


def without_lock(*more: str) -> None:
    """As on a network file system: a rollback journal."""
    small_wal(*more)
    sqlite_lock.why_not = lambda path: "the test says so"


KINDS: dict[str, Callable[[], None]] = {
    "full": small_wal,
    "unlocked": without_lock,
    "relaxed": small_wal,
    "relaxed-unlocked": without_lock,
    "off": lambda: small_wal("synchronous=OFF"),
    "early": small_wal,
    "no-folder-sync": lambda: without_lock("synchronous=FULL"),
}
"""Full and relaxed durability, with a WAL and with a rollback journal. Sabotages: no syncs; acknowledged before COMMIT;
a rollback journal whose unlinking is not synced."""


# ── the trace ─────────────────────────────────────────────────────────────────────────────────


class Op(NamedTuple):
    """create, unlink (name), write (at, data), truncate (at), sync, sync-folder, say (data). file: a number."""

    kind: str
    file: int = -1
    name: str = ""
    at: int = 0
    data: bytes = b""


CALLS = (
    "open,openat,creat,close,dup,dup2,dup3,write,writev,pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,"
    "unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,fsync,fdatasync,sync,syncfs,"
    "sync_file_range,copy_file_range,sendfile"
)
KNOWN = frozenset({"close", "pwrite64", "write", "ftruncate", "fsync", "fdatasync"})
LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)")


def why_not() -> str | None:
    """Why nothing can be traced here, or None."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, text=True)
    return f"strace can't run: {tried.stderr.strip()}" if tried.returncode else None


def files_in(folder: Path) -> dict[str, bytes]:
    """What lies in the folder, but for what is in memory."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}


def start(folder: Path, begin: int, commits: int, sessions: int, kind: str, wrapper: tuple[str, ...] = ()) -> None:
    """A victim in a process of its own."""
    code = (
        f"from tests.faults import power; power.write({str(folder / NAME)!r}, {begin}, {commits}, {sessions}, {kind!r})"
    )
    subprocess.run(
        [*wrapper, sys.executable, "-c", code],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=300,
        check=True,
    )


def trace(folder: Path, begin: int, commits: int, sessions: int, kind: str) -> list[Op]:
    """What a victim does to the files in the folder, from its start on."""
    folder = folder.resolve()
    log = folder.parent / f"{folder.name}.strace"
    there = {name: number for number, name in enumerate(sorted(files_in(folder)))}
    start(
        folder, begin, commits, sessions, kind,
        ("strace", "-f", "-qq", "-xx", "-s", "1000000", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(log)),
    )  # fmt: skip
    with open(log, encoding="ascii") as lines:
        ops = list(parse(lines, str(folder), there))
    log.unlink()
    return ops


def parse(lines: Iterator[str], folder: str, there: dict[str, int]) -> Iterator[Op]:
    """The operations on the files in the folder; what the model does not know raises.

    there: the files that are there at the start, numbered.
    """
    names, open_files, count, one = dict(there), dict[int, int | str](), len(there), ""
    for line in lines:
        match = LINE.match(line)
        assert match, line[:200]
        process, call, rest, answer = match[1], match[2], match[3], int(match[4])
        assert process == (one := one or process), "the order of two threads is not known"
        if answer < 0:
            continue
        if call.startswith("open"):
            path, flags = unescaped(rest), rest.rpartition('"')[2]
            parent, _, name = path.rpartition("/")
            open_files.pop(answer, None)
            if path == folder:
                open_files[answer] = "folder"
            elif parent == folder and not name.endswith("-shm"):
                assert "O_TRUNC" not in flags
                assert "SYNC" not in flags
                if name not in names:
                    names[name], count = count, count + 1
                    yield Op("create", names[name], name)
                open_files[answer] = names[name]
            continue
        if call.startswith("unlink"):
            parent, _, name = unescaped(rest).rpartition("/")
            if parent == folder and not name.endswith("-shm"):
                yield Op("unlink", names.pop(name), name)
            continue
        number = int(re.match(r"-?\d+|", rest)[0] or -1)  # type: ignore[index]
        file = open_files.get(number)
        if call == "write" and number == 1:
            yield Op("say", data=data_of(rest))
        elif file is None:
            assert folder.encode().hex() not in rest.replace("\\x", ""), line[:200]  # a rename, a link …
        else:
            assert call in KNOWN, line[:200]
            if call == "close":
                del open_files[number]
            elif isinstance(file, str):
                assert "sync" in call
                yield Op("sync-folder")
            elif "sync" in call:
                yield Op("sync", file)
            elif call == "ftruncate":
                yield Op("truncate", file, at=int(rest.rpartition(", ")[2]))
            else:
                assert call == "pwrite64"
                data = data_of(rest)
                assert answer == len(data)
                yield Op("write", file, at=int(rest.rpartition(", ")[2]), data=data)


def data_of(rest: str) -> bytes:
    """The first text among the arguments of a call."""
    return bytes.fromhex(rest.split('"')[1].replace("\\x", ""))


def unescaped(rest: str) -> str:
    return os.fsdecode(data_of(rest))


# ── the disk ──────────────────────────────────────────────────────────────────────────────────


class File:
    """What is durable of a file, and what was done to it since."""

    def __init__(self, content: bytes = b"") -> None:
        self.durable = bytearray(content)
        self.pending: list[Op] = []

    def sync(self) -> None:
        for op in self.pending:
            change(self.durable, op, op.at, op.data, bytes)
        self.pending.clear()


def change(content: bytearray, op: Op, at: int, data: bytes, filling: Callable[[int], bytes]) -> None:
    if op.kind == "truncate":
        del content[at:]
    if len(content) < at:
        content += filling(at - len(content))
    content[at : at + len(data)] = data


def pieces(op: Op, size: int) -> Iterator[tuple[int, bytes]]:
    """A write in sectors, or whole if size is 0."""
    at, data = op.at, op.data
    while size and at // size != (at + len(data) - 1) // size and data:
        length = size - at % size
        yield at, data[:length]
        at, data = at + length, data[length:]
    yield at, data


def left_of(file: File, chance: random.Random) -> bytes:
    """One of the things that a power loss may leave of a file."""
    content = bytearray(file.durable)
    if not file.pending:
        return bytes(content)
    filling = chance.choice((bytes, bytes, chance.randbytes))
    how = chance.choice(("nothing", "all", "first", "last", "some", "some", "some"))
    if how == "nothing":
        return bytes(content)
    parts = [
        (op, at, data) for op in file.pending for at, data in pieces(op, chance.choice((0, SECTOR, SECTOR, SECTOR)))
    ]
    border = chance.randrange(len(parts) + 1)
    share = chance.choice((0.1, 0.5, 0.9, chance.random()))
    torn = chance.randrange(len(parts)) if how != "all" and chance.random() < 0.3 else -1
    grows = chance.random() < 0.3
    for number, (op, at, data) in enumerate(parts):
        kept = {"all": True, "first": number < border, "last": number >= border}.get(how, chance.random() < share)
        if number == torn and data:
            border_in = chance.randrange(len(data))
            at, data = chance.choice(((at, data[:border_in]), (at + border_in, data[border_in:])))
            change(content, op, at, data, filling)
        elif kept:
            change(content, op, at, data, filling)
        elif grows and op.kind == "write" and at + len(data) > len(content):
            content += filling(at + len(data) - len(content))
    return bytes(content)


class Disk:
    """A folder and its files: what is durable, and what may be. before: the files as they are, all durable."""

    def __init__(self, before: dict[str, bytes]) -> None:
        names = sorted(before)
        self._files = {number: File(before[name]) for number, name in enumerate(names)}
        self._durable: dict[str, int | None] = {name: number for number, name in enumerate(names)}
        self._since: dict[str, list[int | None]] = {}  # what a name meant after each operation since the last sync

    def do(self, op: Op) -> None:
        if op.kind == "create":
            self._files[op.file] = File()
            self._since.setdefault(op.name, []).append(op.file)
        elif op.kind == "unlink":
            self._since.setdefault(op.name, []).append(None)
        elif op.kind == "sync-folder":
            self._durable |= {name: meanings[-1] for name, meanings in self._since.items()}
            self._since.clear()
        elif op.kind == "sync":
            self._files[op.file].sync()
        elif op.kind != "say":
            self._files[op.file].pending.append(op)

    def left(self, chance: random.Random) -> dict[str, bytes]:
        """One of the things that a power loss may leave now."""
        files: dict[str, bytes] = {}
        no_name_is_late = chance.random() < 0.3
        for name in sorted(self._durable.keys() | self._since.keys()):
            meanings = [self._durable.get(name), *self._since.get(name, ())]
            meaning = meanings[-1] if no_name_is_late else chance.choice(meanings)
            if meaning is not None:
                files[name] = left_of(self._files[meaning], chance)
        return files


class Image(NamedTuple):
    """A folder after a power loss. said: what was acknowledged before it. cut: the number of the last operation."""

    cut: int
    said: list[str]
    files: dict[str, bytes]


def images(ops: list[Op], before: dict[str, bytes], known: list[str], count: int, seed: int) -> Iterator[Image]:
    """Of `count` images, spread over all cuts, those that differ.

    before: the files as they were, all durable. known: what was acknowledged then.
    """
    chance = random.Random(seed)
    disk, said = Disk(before), known.copy()
    seen: set[bytes] = set()
    each = count / len(ops)
    for cut, op in enumerate(ops):
        disk.do(op)
        if op.kind == "say":
            said += op.data.decode().split()
        for _ in range(int(each) + (chance.random() < each % 1)):
            files = disk.left(chance)
            digest = sha256(repr((len(said), sorted(files.items()))).encode()).digest()
            if digest not in seen:
                seen.add(digest)
                if chance.random() < 0.3:
                    files[NAME + "-shm"] = chance.randbytes(32768)
                yield Image(cut, said.copy(), files)


# ── what must be there ────────────────────────────────────────────────────────────────────────


@cache
def content(number: int) -> tuple[Any, ...]:
    """What is compared of a commit."""
    made = numbered(number)
    return made.id, made.metadata, tuple((e.stream, e.type, e.data) for e in made.events)


def lay_out(image: Image, folder: Path) -> None:
    """The image as a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, data in image.files.items():
        (folder / name).write_bytes(data)


def examine(image: Image, folder: Path) -> tuple[list[str], str]:
    """Acknowledged commits that are lost, and anything else that is wrong ("" for nothing)."""
    lay_out(image, folder)
    path = str(folder / NAME)
    try:
        try:
            store = SQLiteStore(path)
        except NotFound:
            if image.said:
                return image.said, ""
            store = SQLiteStore(path, create=True)
        with store:
            store._file.connection.execute("PRAGMA synchronous=OFF")  # no power is lost here
            return contents(store, image.said)
    except Exception as error:  # a file that is torn apart can raise anything
        return [], f"{type(error).__name__}: {error}"


def contents(store: SQLiteStore, said: list[str]) -> tuple[list[str], str]:
    commits = list(store.commits())
    there = [(c.id, c.metadata_json, tuple((e.stream, e.type, e.data) for e in c.events)) for c in commits]
    assert there == [content(number + 1) for number in range(len(there))], "not what was sent, in this order"
    assert [e.position for c in commits for e in c.events] == list(range(1, store.head() + 1)), "positions"
    previous = chain.GENESIS
    for recorded in commits:
        previous = link_of(previous, recorded)
        assert previous == recorded.hash, "the hash chain"
    if SIZES.name in {name for (name,) in store._file.query("SELECT name FROM sqlite_master")}:
        assert dict(store.rows.select(SIZES)) == {c.id: len(c.events) for c in commits}, "inline rows"
        made = [MADE]
    else:
        assert not commits, "inline rows"
        made = []
    head = store.head()
    assert store.append(commit("after", event("s-0"))).position == head + 1, "a further append"
    assert [e.position for e in store.scan()] == list(range(1, head + 2)), "a further append"
    assert store._file.query("PRAGMA integrity_check") == [("ok",)], "integrity_check"
    present = {id for id, _, _ in there} | set(made)
    return [id for id in said if id not in present], ""
