"""Every system call of a command on the files of its store, failing: one run of the command for each.

Each run is a fork of one process in which everything is imported, to which strace is attached while it stands still.
After it the command is run again, undisturbed: what is there then must be what two calm runs leave.

The clock of a run stands still and chance is the same in each, so that most runs leave the same files, to the byte. What
the second run makes of files is looked at once.
"""

import ctypes
import gc
import importlib
import itertools
import json
import os
import pkgutil
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest

import cqrs_cli
from cqrs_cli import Workbench
from cqrs_cli.domain import messages
from cqrs_cli.log import stops
from cqrs_cli.stores import chain
from cqrs_cli.stores.moments import moment
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.workbench import workbench
from tests import office
from tests.faults.crashes import ROOT
from tests.reacting import dump, pay
from tests.stores.links import link_of

ERRORS = ("EIO", "ENOSPC", "EDQUOT", "ENOLCK", "EACCES", "EOPNOTSUPP", "EINTR")
COMMANDS = {
    "make": "send pay --order-id first --command-id pay-first",
    "send": "send pay --order-id o-9 --command-id pay-o-9",
    "batch": "send --batch batch.jsonl",
    "project": "project counts orders --rebuild",
    "run": "run --once",
    "snapshot": "snapshot take order-o-1 order-o-2",
    "doctor": "doctor",
}
_APP = "tests.office"
_SUFFIXES = ("", "-wal", "-shm", "-lock", "-journal")
_LASTING = {
    *((name, error) for name in ("pwrite64", "fdatasync", "openat", "unlink") for error in ("EIO", "EACCES")),
    *(("flock", error) for error in ("EIO", "EACCES", "ENOLCK", "EOPNOTSUPP")),
    *(("pwrite64", error) for error in ("ENOSPC", "EDQUOT")),
}
"""What is also tried with all calls that follow; where that is no waiting for a lock."""
_PATIENCE = 60.0


class Call(NamedTuple):
    """The `number`th call of this name that a command makes on the files of a store; from: and all after it."""

    command: str
    name: str
    number: int
    error: str
    onwards: bool

    def __str__(self) -> str:
        return f"{self.command}: {self.name} #{self.number}{'+' if self.onwards else ''} {self.error}"


class Ran(NamedTuple):
    """What a run came to. injected: whether the call that was to fail was made at all."""

    exit_code: int
    out: str
    err: str
    injected: bool


class After(NamedTuple):
    """What a command came to that was run again, undisturbed. left: what is in the store; or why it can't be read."""

    exit_code: int
    err: str
    statuses: dict[str, str]
    left: dict[str, Any] | str


# ── the process that is forked ────────────────────────────────────────────────────────────────


def serve() -> None:
    """Read what to run, line by line: `{"words", "out", "err", "stop"}`; say the pid, and the exit code when it ends."""
    from cqrs_cli.cli.shell import boundary

    for module in pkgutil.walk_packages(cqrs_cli.__path__, "cqrs_cli."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    importlib.import_module(_APP)
    gc.freeze()
    for line in sys.stdin:
        wanted = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _stop_chance(wanted["time_ns"])
            _be_traced(wanted)
            code = boundary.run(wanted["words"])
            with suppress(Exception):
                sys.stdout.flush()
            os._exit(code)
        if wanted["stop"]:
            os.waitpid(pid, os.WUNTRACED)
        _say(pid)
        _, status = os.waitpid(pid, 0)
        _say(os.waitstatus_to_exitcode(status))


def _stop_chance(time_ns: int) -> None:
    """In the child: the time that is written down is this one, and what is drawn is the same as in every run."""
    patch = pytest.MonkeyPatch()
    patch.setattr(os, "urandom", random.Random(time_ns).randbytes)
    patch.setattr(
        SQLiteStore.__init__,
        "__kwdefaults__",
        {**(SQLiteStore.__init__.__kwdefaults__ or {}), "clock": lambda: time_ns},
    )
    patch.setattr(messages, "time_ns", lambda: time_ns)
    patch.setattr(stops, "now_us", lambda: time_ns // 1000)
    patch.setattr(workbench, "now", lambda: moment(time_ns // 1000))


def _be_traced(wanted: dict[str, Any]) -> None:
    """In the child: write where one wants it, and stand still until somebody looks on."""
    for stream, path in ((1, wanted["out"]), (2, wanted["err"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin = open(0)  # noqa: SIM115
    if wanted["stop"]:
        ctypes.CDLL(None).prctl(0x59616D61, -1, 0, 0, 0)  # strace is no parent of this process
        os.kill(os.getpid(), signal.SIGSTOP)


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


# ── the runs ──────────────────────────────────────────────────────────────────────────────────


class Bench:
    """A folder with a store, as it is before each run, and the process that is forked."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store, self.before = folder, folder / "x.db", folder / "before"
        self.before.mkdir()
        with Workbench.open(str(self.before / "x.db"), office.domain) as bench:
            bench.runner(start=0).drain()
            pay(bench, "o-1", "bad-1", "o-2")
            bench.project()
            bench.runner().drain()
            pay(bench, "o-3", "bad-4", "o-5")
        long_ago = time.time() - 3600  # what has just been written is looked at more closely
        for path in self.before.iterdir():
            os.utime(path, (long_ago, long_ago))
        lines = [
            {"command": "Pay", "data": {"order_id": f"o-{10 + n % 9}", "items": ["x" * 300]}, "command_id": f"b-{n}"}
            for n in range(12)
        ]
        (folder / "batch.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from tests.faults import calls; calls.serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,  # where no settings are found
            env={name: value for name, value in os.environ.items() if not name.startswith("CQRS_")}
            | {"PYTHONPATH": str(ROOT)},
            bufsize=0,  # what waits in a buffer, `select` does not see
        )
        self._time_ns = time.time_ns()
        self._known: dict[tuple[str, bytes], After] = {}
        self.calm = {command: self._calm(command) for command in COMMANDS}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(_PATIENCE)
        self._process.stdout.close()

    def lay(self, command: str) -> None:
        """The files as they were."""
        for suffix in _SUFFIXES:
            there, here = self.before / f"x.db{suffix}", self.folder / f"x.db{suffix}"
            here.unlink(missing_ok=True)
            if command != "make" and there.exists():
                shutil.copy2(there, here)

    def run(self, command: str, *strace: str) -> Ran:
        """Run a command, with strace's options if there are any."""
        words = COMMANDS[command].replace("batch.jsonl", str(self.folder / "batch.jsonl")).split()
        out, err, seen = self.folder / "out", self.folder / "err", self.folder / "seen"
        asked = {
            "words": ["--store", str(self.store), "--app", f"{_APP}:domain", "--jsonl", *words],
            "out": str(out),
            "err": str(err),
            "stop": bool(strace),
            "time_ns": self._time_ns,
        }
        assert self._process.stdin
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        pid = self._answer()
        seen.write_text("")
        if strace:
            paths = [word for suffix in _SUFFIXES for word in ("-P", f"{self.store}{suffix}")]
            tracer = subprocess.Popen(
                ["strace", "-f", "-o", str(seen), *paths, "-P", str(self.folder), *strace, "-p", str(pid)],
                stderr=subprocess.PIPE,
                text=True,
            )
            assert tracer.stderr
            said = tracer.stderr.readline()  # once it is attached
            os.kill(pid, signal.SIGCONT)
            assert "attached" in said, said
        code = self._answer()
        if strace:
            tracer.communicate(timeout=_PATIENCE)
        return Ran(code, out.read_text(), err.read_text(), "(INJECTED)" in seen.read_text())

    def _answer(self) -> int:
        assert self._process.stdout
        assert select.select([self._process.stdout], [], [], _PATIENCE)[0], "it hangs"
        return int(self._process.stdout.readline())

    def _calm(self, command: str) -> tuple[int, dict[str, Any]]:
        """The exit code of a command that was run before, and what two runs leave."""
        self.lay(command)
        assert self.run(command).exit_code in (0, 1), (self.folder / "err").read_text()
        code = self.run(command).exit_code
        return code, self.examine()

    def calls(self, command: str) -> dict[str, int]:
        """What a command asks of the system about its store: how many times each."""
        self.lay(command)
        self.run(command, "-e", "trace=all")
        lines = (self.folder / "seen").read_text().splitlines()
        return Counter(match[1] for line in lines if (match := re.match(r"\d+ +(\w+)\(", line)))

    def examine(self) -> dict[str, Any]:
        """What is in the store. The chain holds, and there are no holes."""
        with Workbench.open(str(self.store), office.domain) as bench:
            previous, position = chain.GENESIS, 0
            for commit in bench.store.commits():
                previous = link_of(previous, commit)
                assert previous == commit.hash
                for event in commit.events:
                    position += 1
                    assert event.position == position
            for name in ("counts", "orders"):
                if bench.store.rows.checkpoint(name) is not None:  # a process has rows once it ran
                    assert bench.check(name).ok, f"the rows of {name} are not those of the log"
            return dump(bench)

    def fail(self, call: Call) -> tuple[Ran, list[str]]:
        """Let a call fail; what is wrong with what came of it."""
        self.lay(call.command)
        when = f"{call.number}{'+' if call.onwards else ''}"
        ran = self.run(
            call.command, "-e", f"trace={call.name}", "-e", f"inject={call.name}:error={call.error}:when={when}"
        )
        return ran, list(self._wrong(call, ran))

    def _wrong(self, call: Call, ran: Ran) -> Iterator[str]:
        usual, wanted = self.calm[call.command]
        told = ran.out + ran.err
        allowed = {0, 6, 7, usual} | ({1} if call.command == "doctor" else set())
        if ran.exit_code not in allowed or "Traceback" in told or '"code":"output"' in told:
            yield f"exit {ran.exit_code}: {told[-300:]}"
        if '"code":"damaged"' in told and "unable to get the page" in told:
            yield f"a page that was not read is told as damage: {told[-300:]}"
        sends = call.command in ("make", "send", "batch")
        acknowledged = _statuses(ran).keys() if sends else ()
        if ran.exit_code == 0 and sends and not acknowledged:
            yield "exit 0, and nothing was acknowledged"
        after = self._after(call.command)
        if after.exit_code != usual:
            yield f"afterwards exit {after.exit_code}: {after.err[-300:]}"
        lost = [one for one in acknowledged if after.statuses.get(one) != "duplicate"]
        if lost:
            yield f"acknowledged and lost: {lost}"
        if isinstance(after.left, str):
            yield f"afterwards {after.left}"
        else:
            differs = [part for part in wanted if after.left[part] != wanted[part]]
            if differs:
                yield f"afterwards others are {differs}"

    def _after(self, command: str) -> After:
        """Run a command again, undisturbed; once for the same files."""
        key = command, self._digest()
        if key not in self._known:
            again = self.run(command)
            try:
                left: dict[str, Any] | str = self.examine()
            except Exception as error:  # a store that is torn apart can raise anything
                left = repr(error)
            self._known[key] = After(again.exit_code, again.err, _statuses(again), left)
        return self._known[key]

    def _digest(self) -> bytes:
        """Of all files of the store; but for inodes in the note of the lock, and for the salt of a log that is gone."""
        digest = sha256()
        for suffix in _SUFFIXES:
            file = self.folder / f"x.db{suffix}"
            content = file.read_bytes() if file.exists() else b"none"
            digest.update(b"%s %d " % (suffix.encode(), len(content)))
            digest.update(re.sub(rb"\b([0-9a-f]{16}|\d{6,})\b", b"n", content) if suffix == "-lock" else content)
        return digest.digest()


def _statuses(ran: Ran) -> dict[str, str]:
    """What was acknowledged, by command id: `committed` or `duplicate`."""
    lines = [json.loads(text) for text in ran.out.splitlines()]
    told = [line for line in lines if isinstance(line, dict) and "command_id" in line]
    return {line["command_id"]: line["status"] for line in told if line.get("status") in ("committed", "duplicate")}


def all_calls(bench: Bench, command: str) -> list[Call]:
    """Each call of a command with each error; of every third also with all that follow, where that is no waiting."""
    return [
        Call(command, name, number, error, onwards)
        for name, count in sorted(bench.calls(command).items())
        for number in range(1, count + 1)
        for error in ERRORS
        for onwards in ((False, True) if number % 3 == 1 and (name, error) in _LASTING else (False,))
    ]


def some_of(every: Sequence[Call], count: int, seed: int) -> list[Call]:
    """So many of them, of each name about as many."""
    by_name: dict[str, list[Call]] = {}
    for call in every:
        by_name.setdefault(call.name, []).append(call)
    chance = random.Random(seed)
    each = [chance.sample(calls, len(calls)) for calls in by_name.values()]
    turns = [call for turn in itertools.zip_longest(*each) for call in turn if call is not None]
    return turns[:count]


def main(words: Sequence[str]) -> None:
    """With the figures: `python -m tests.faults.calls COUNT [COMMAND…]`; COUNT: of each command, or `all`."""
    import tempfile

    for command in words[1:] or COMMANDS:
        with tempfile.TemporaryDirectory() as folder, Bench(Path(folder)) as bench:
            tally: Counter[Any] = Counter()
            every = all_calls(bench, command)
            if words[0] != "all":
                every = some_of(every, int(words[0]), seed=1)
            for call in every:
                try:
                    ran, wrong = bench.fail(call)
                except BaseException:
                    print(call)
                    raise
                code = re.search(r'"code":"([a-z-]+)"', ran.err)
                tally[ran.exit_code, code[1] if code else "", "" if ran.injected else "not met"] += 1
                for one in wrong:
                    print("WRONG", call, one.replace("\n", " "), flush=True)
            print(command, len(every), dict(tally), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
