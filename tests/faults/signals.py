"""Whatever copies, and a signal that comes in the middle of it: at the n-th call of a function of this program.

Each run is a fork of one process in which everything is imported, so that its calls can be counted: a calm run says how
many there are, and the signal comes at one of them, whatever the machine does at that moment.
"""

import atexit
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Self

import cqrs_cli
from cqrs_cli.errors import StoreNotFound
from cqrs_cli.log.origins import origins
from cqrs_cli.log.verification import verify
from cqrs_cli.stores.registry import open_store
from cqrs_cli.transfer.interchange_file import InterchangeFile
from tests.transfer.logs import history, make, plain_commits

ROOT = Path(__file__).resolve().parents[2]
WORKS = {
    "export": "export -o out.jsonl",
    "export packed": "export -o out.jsonl.gz",
    "import": "--store made.db import there.jsonl",
    "import of a pipe": "--store made.db import -",
    "copy": "copy shop.db made.db",
    "mirror": "mirror kennel.db made.db",
    "backup": "backup backup.db --force",
    "restore": "--store restored.db restore there.db --force",
}
_CALLS = os.path.dirname(cqrs_cli.__file__)
_MADE = {"out.jsonl", "out.jsonl.gz", "made.db", "backup.db", "restored.db"}
_BESIDE = ("-wal", "-shm", "-lock")
_COMMITS = 90


# ── the process that is forked ────────────────────────────────────────────────────────────────


def serve() -> None:
    """Read what to run, line by line: `{"words", "folder", "signal", "at", "reader"}`; say what became of it.

    at: at which call the signal comes; 0: at none. reader: whether somebody reads what is printed.
    """
    from cqrs_cli.transfer import copy

    for module in pkgutil.walk_packages(cqrs_cli.__path__, "cqrs_cli."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    copy._EVENTS_TOGETHER = 40
    for line in sys.stdin:
        wanted = json.loads(line)
        said, saying = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(said)
            _run(wanted, saying)
        os.close(saying)
        with open(said, "rb") as calls:
            counted = calls.read()
        _, status = os.waitpid(pid, 0)
        answer = {"code": os.waitstatus_to_exitcode(status), "calls": int(counted or 0)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _run(wanted: dict[str, Any], saying: int) -> None:
    """In the child: the command, and the signal."""
    from cqrs_cli.__main__ import main

    sys.argv = ["cqrs", *wanted["words"]]
    os.chdir(wanted["folder"])
    os.environ["TMPDIR"] = os.path.join(wanted["folder"], "tmp")
    os.dup2(os.open("err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    if wanted["reader"]:
        os.dup2(os.open("out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    else:
        reads, writes = os.pipe()
        os.dup2(writes, 1)
        os.close(reads)
    os.dup2(os.open("there.jsonl", os.O_RDONLY), 0)
    sys.stdin = open(0)  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)  # who starts this may have it ignored
    calls = _Calls(wanted["at"], wanted["signal"])
    sys.setprofile(calls.look)
    code = main()
    sys.setprofile(None)
    with suppress(OSError):
        sys.stdout.flush()
    os.write(saying, str(calls.made).encode())
    atexit._run_exitfuncs()  # as at the end of a process that is no fork
    os._exit(code)


class _Calls:
    """Counts the calls of functions of this program, and sends the signal at one of them."""

    def __init__(self, at: int, number: int) -> None:
        self.made, self._at, self._number = 0, at, number

    def look(self, frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(_CALLS):
            self.made += 1
            if self.made == self._at:
                os.kill(os.getpid(), self._number)


# ── the runs ──────────────────────────────────────────────────────────────────────────────────


class Ran(NamedTuple):
    """What a run came to. calls: how many were made, if it came to its end."""

    code: int
    calls: int
    err: str


class Bench:
    """A folder with a store, a log of another kind, what was made of them, and the process that is forked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tmp").mkdir()
        (folder / "kennel.db").write_bytes((ROOT / "tests/data/pyeventsourcing.db").read_bytes())
        make(folder / "shop.db", plain_commits(_COMMITS))
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from tests.faults import signals; signals.serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if not name.startswith("CQRS_")}
            | {"PYTHONPATH": str(ROOT)},
        )
        self.shop = history(folder / "shop.db")
        self.run("backup there.db", store="shop.db")
        self.run("export -o there.jsonl", store="shop.db")
        self.run("mirror kennel.db kennels.db")
        self.kennel = history(folder / "kennels.db")
        self._always = {path.name for path in folder.iterdir()} | {"shop.db-lock", "there.db-lock"}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def run(self, work: str, number: int = 0, at: int = 0, reader: bool = True, store: str = "shop.db") -> Ran:
        """Run a work, or a command line; with a signal at one of its calls."""
        words = WORKS.get(work, work).split()
        if "--store" not in words:
            words = ["--store", store, *words]
        (self.folder / "there.jsonl").touch()
        asked = {"words": words, "folder": str(self.folder), "signal": int(number), "at": at, "reader": reader}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return Ran(answer["code"], answer["calls"], (self.folder / "err").read_text())

    def clean(self) -> None:
        """As it was before any work."""
        for path in self.folder.iterdir():
            if path.name.startswith(tuple(_MADE)):
                path.unlink()
        for path in (self.folder / "tmp").iterdir():
            path.unlink()

    def wrong(self, work: str) -> Iterator[str]:
        """What is not as it should be, wherever the work ended."""
        beside = {
            name + suffix
            for name in ("shop.db", "there.db", "made.db", "restored.db", "backup.db")
            for suffix in _BESIDE
        }
        left = {path.name for path in self.folder.iterdir()} - self._always - _MADE - beside
        left |= {f"tmp/{path.name}" for path in (self.folder / "tmp").iterdir()}
        if left:
            yield f"left behind: {sorted(left)}"
        for name in ("out.jsonl", "out.jsonl.gz"):
            if (self.folder / name).exists():
                InterchangeFile(str(self.folder / name)).check(lambda number, error: None)
        for name in ("backup.db", "restored.db"):  # all of it, if it is there
            if (self.folder / name).exists() and self._log(name) != self.shop:
                yield f"{name} is not all of the log"
        if (self.folder / "made.db").exists():
            whole, there = self.kennel if work == "mirror" else self.shop, self._log("made.db")
            if there != whole[: len(there)]:
                yield "made.db is no beginning of the log"
        if self._log("shop.db") != self.shop:
            yield "the source is another one"

    def _log(self, name: str) -> list[Any]:
        try:
            with open_store(str(self.folder / name)) as store:
                assert verify(store).ok, f"{name} is not sound"
                there, noted = list(store.commits()), [one.position for one in origins(store.rows)]
                assert noted in ([], [there[-1].events[-1].position] if there else []), f"{name} notes {noted}"
                return there
        except StoreNotFound:  # an empty file: it ended before its first transaction
            return []

    def is_done(self, work: str) -> bool:
        """Whether all is there that the work makes."""
        made = {
            "export": "out.jsonl",
            "export packed": "out.jsonl.gz",
            "backup": "backup.db",
            "restore": "restored.db",
        }.get(work, "made.db")
        if not (self.folder / made).exists():
            return False
        if made.startswith("out"):
            return True  # `wrong` has read all of it
        return self._log(made) == (self.kennel if work == "mirror" else self.shop)


def points(calls: int, count: int) -> list[int]:
    """So many of the calls, from the first one inside of `main` on."""
    return sorted({2 + (calls - 2) * at // count for at in range(count)})


def at_points(bench: Bench, work: str, number: signal.Signals, count: int) -> int:
    """Send a signal at so many moments of a work, begun anew each time; how many ended by it.

    After each nothing is half, and the work, done again, comes to its end.
    """
    bench.clean()
    calm = bench.run(work)
    assert (calm.code, bench.is_done(work), list(bench.wrong(work))) == (0, True, []), calm.err
    ended = 0
    for at in points(calm.calls, count):
        bench.clean()
        ran = bench.run(work, number, at)
        told = f"{work}, {number.name} at call {at} of {calm.calls}: exit {ran.code} {ran.err}"
        assert ran.code in ({0, 130} if number == signal.SIGINT else {0, -number}), told
        assert ran.code or bench.is_done(work), told
        assert "Traceback" not in ran.err, told
        assert not list(bench.wrong(work)), (told, *bench.wrong(work))
        again = bench.run(work)
        assert (again.code, bench.is_done(work)) == (0, True), (told, again.err)
        ended += ran.code != 0
    return ended
