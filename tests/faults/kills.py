"""Several processes killed at any moment of what they do to one store: making it, sending, batches, snapshots, rebuilds.

The processes are forks of one that has no store open. What a writer was answered goes through a pipe of its own.
"""

import itertools
import json
import os
import random
import select
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from cqrs_cli import Workbench
from cqrs_cli.errors import Conflict, Passing, StoreNotFound
from cqrs_cli.log.verification import verify
from cqrs_cli.stores import chain
from cqrs_cli.stores.commits import RecordedCommit
from cqrs_cli.workbench.outcome import Request
from tests.faults import runs
from tests.faults.ledger import Add, Split, domain
from tests.stores.links import link_of

Say = Callable[[str | None], None]
Work = Callable[[Workbench, Say, str], None]
"""What a victim does: with its workbench, what it says a command's id to once that is acknowledged, and its name."""
NAMES = ("total", "largest")
LEDGERS = tuple(f"ledger-{letter}" for letter in "abc")
_A_STORE = 25
"""Rounds, after which another store is begun: each look reads all of it."""


class Tally(NamedTuple):
    """What a run came to. commits: in the logs, of which so many were acknowledged."""

    kills: int
    acknowledged: int
    commits: int


# ── the victims ───────────────────────────────────────────────────────────────────────────────


def _commands(name: str) -> Iterator[Add | Split]:
    for number in itertools.count():
        key, id = "abc"[number % 3], f"{name}-{number}"
        one = Split(ledger_id=key, parts=number % 9 + 1) if number % 4 == 3 else Add(ledger_id=key, amount=number % 5)
        yield one.with_meta(command_id=id)


def _send(bench: Workbench, say: Say, name: str) -> None:
    for command in _commands(name):
        say(bench.send(command).command_id)


def _send_early(bench: Workbench, say: Say, name: str) -> None:
    """A sabotage: it is said before it is so."""
    for command in _commands(name):
        say(command.meta.command_id)
        bench.send(command)


def _make(bench: Workbench, say: Say, name: str) -> None:
    for command in itertools.islice(_commands(name), 4):
        say(bench.send(command).command_id)


def _batch(bench: Workbench, say: Say, name: str) -> None:
    def requests() -> Iterator[Request | None]:
        for number, command in enumerate(_commands(name)):
            yield Request(number, command)
            if number % 37 == 36:
                yield None

    for outcome in bench.send_batch(requests()):
        say(outcome.command_id)


def _snapshots(bench: Workbench, say: Say, name: str) -> None:
    for number, command in enumerate(_commands(name)):
        say(bench.send(command).command_id)
        if number % 4 == 0:
            list(bench.snapshots.take(LEDGERS[: number % 3 + 1]))


def _rebuild(bench: Workbench, say: Say, name: str) -> None:
    for number in itertools.count():
        with suppress(Conflict, Passing):  # the other was faster: that is said, and it is tried again
            bench.rebuild(*NAMES[: number % 2 + 1], restart=number % 4 == 0)


def _project(bench: Workbench, say: Say, name: str) -> None:
    while True:
        with suppress(Conflict, Passing):
            bench.project()


def _project_apart(bench: Workbench, say: Say, name: str) -> None:
    """A sabotage: rows in one transaction, their checkpoint in the next."""
    runs.checkpoint_apart()
    _project(bench, say, name)


VICTIMS: dict[str, Sequence[Work]] = {
    "create": (_make, _make, _make),
    "send": (_send, _send),
    "batch": (_batch, _batch),
    "snapshot": (_snapshots, _send),
    "rebuild": (_send, _rebuild, _rebuild),
    "project": (_send, _project, _rebuild),
}
SABOTAGED: dict[str, Sequence[Work]] = {"early": (_send_early, _send), "apart": (_send, _project_apart)}
_LONG = ("rebuild", "project")
"""What takes a moment only if there is a log."""


class Victim:
    """A process that does its work until it is killed."""

    def __init__(self, work: Work, path: Path, name: str, errors: Path) -> None:
        self._errors = errors
        self._said, saying = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            _do(work, path, name, saying, errors)
        os.close(saying)

    def wait_until_it_says(self) -> None:
        """Until something was acknowledged, or a while."""
        select.select([self._said], [], [], 5)

    def kill(self) -> tuple[bool, list[str]]:
        """Whether it lived until now, and what it was answered: a line that is cut was not heard."""
        os.kill(self._pid, signal.SIGKILL)
        with open(self._said) as said:
            lines = said.read().split("\n")[:-1]
        code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        assert code in (0, -signal.SIGKILL), self._errors.read_text()
        return code != 0, lines


def _do(work: Work, path: Path, name: str, saying: int, errors: Path) -> None:
    """In the child, which never returns."""
    code = 0
    try:
        with Workbench.open(path, domain, create="lazily" if name.endswith("1") else True) as bench:
            work(bench, lambda id: _write(saying, id), name)
    except BaseException:
        code = 1
        errors.write_text(traceback.format_exc())
    os._exit(code)


def _write(saying: int, id: str | None) -> None:
    assert id is not None
    os.write(saying, f"{id}\n".encode())


# ── the harness ───────────────────────────────────────────────────────────────────────────────


def kill_loop(folder: Path, kind: str, kills: int, seed: int) -> Tally:
    """Kill so many, all of a round in any order; after each round all must be as it should be.

    Raises `AssertionError` for anything else: what was acknowledged and is lost, half a commit, rows that are not
    the fold of the log up to their checkpoint, a snapshot that is not the fold, a complaint of a victim.
    """
    chance, made, tally = random.Random(seed), 0, Counter[str]()
    path, acknowledged = folder / f"{kind}-0.db", list[str]()
    while tally["kills"] < kills:
        if kind in _LONG and not path.exists():
            _fill(path)
        victims = [
            Victim(work, path, f"{made}-{number}", folder / f"error-{number}")
            for number, work in enumerate(_of_round(kind, made))
        ]
        if kind == "create" and made % 4:
            time.sleep(chance.uniform(0, 0.08))
        else:
            if chance.random() < 0.8:
                victims[0].wait_until_it_says()
            time.sleep(chance.expovariate(20))
        for victim in chance.sample(victims, len(victims)):
            lived, said = victim.kill()
            tally["kills"] += lived
            tally["acknowledged"] += len(said)
            acknowledged += said
        made += 1
        assert made < 4 * kills, "hardly any was killed amid its work"
        commits = _look(path, acknowledged, kind == "create")
        if kind == "create" or made % _A_STORE == 0:
            tally["commits"] += commits
            _remove(path)
            path, acknowledged = folder / f"{kind}-{made}.db", []
    if path.exists():
        tally["commits"] += _look(path, acknowledged, False)
        _remove(path)
    return Tally(tally["kills"], tally["acknowledged"], tally["commits"])


def _fill(path: Path) -> None:
    with Workbench.open(path, domain) as bench:
        requests = (Request(number, command) for number, command in enumerate(_commands("before")))
        list(bench.send_batch(itertools.islice(requests, 600)))


def _of_round(kind: str, number: int) -> Sequence[Work]:
    works = (VICTIMS | SABOTAGED)[kind]
    return works[: number % len(works) + 1] if kind == "create" else works


def _look(path: Path, acknowledged: Sequence[str], make: bool) -> int:
    """Whether all is as it should be; how many commits there are. make: and a store comes of it."""
    try:
        bench = Workbench.open(path, domain, create=make)
    except StoreNotFound:
        assert not acknowledged
        return 0
    with bench:
        commits = list(bench.store.commits())
        _check_log(bench, commits, acknowledged)
        _check_rows(bench, commits)
        for stream in LEDGERS:
            if bench.store.version(stream):
                fold = bench.snapshots.fold_of(stream)
                assert bench.snapshots.load(fold, stream) == bench.snapshots.from_the_start(fold, stream)
        if make:
            _make(bench, lambda id: None, "after")
            assert len(list(bench.store.commits())) == len(commits) + 4
        return len(commits)


def _check_log(bench: Workbench, commits: Sequence[RecordedCommit], acknowledged: Sequence[str]) -> None:
    there = Counter(commit.id for commit in commits)
    assert not [id for id in acknowledged if there[id] != 1], "acknowledged and lost"
    assert not [id for id, times in there.items() if times != 1], "twice"
    previous, position, versions = chain.GENESIS, 0, Counter[str]()
    for commit in commits:
        previous = link_of(previous, commit)
        assert previous == commit.hash, "the hash chain"
        assert commit.command is not None
        assert commit.command.data is not None
        assert len(commit.events) == json.loads(commit.command.data).get("parts", 1), "half a commit"
        for event in commit.events:
            position, versions[event.stream] = position + 1, versions[event.stream] + 1
            assert (event.position, event.version) == (position, versions[event.stream])
    assert verify(bench.store).ok


def _check_rows(bench: Workbench, commits: Sequence[RecordedCommit]) -> None:
    """Rows and checkpoint as the kills left them, beside a sum by hand; then once more, caught up."""
    events = [event for commit in commits for event in commit.events]
    for name in NAMES:
        checkpoint = bench.store.rows.checkpoint(name)
        if checkpoint is None:
            continue
        sums, most = Counter[str](), dict[str, int]()
        for event in events[: checkpoint.position]:
            ledger, amount = event.stream.partition("-")[2], json.loads(event.data)["amount"]
            sums[ledger] += amount
            most[ledger] = max(amount, most.get(ledger, 0))
        rows = {row["ledger_id"]: row for row in (one.model_dump() for one in bench.rows(name))}
        column, wanted = ("total", {key: sums[key] for key in most}) if name == "total" else ("amount", most)
        assert {key: row[column] for key, row in rows.items()} == wanted, f"the rows of {name} at their checkpoint"
        bench.project(name)
        assert bench.check(name).ok, f"the rows of {name} are not those of the log"


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-lock", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def main(words: Sequence[str]) -> None:
    """With the figures: `python -m tests.faults.kills KILLS SEED [KIND…]`."""
    import tempfile

    for kind in words[2:] or VICTIMS:
        with tempfile.TemporaryDirectory() as folder:
            print(kind, kill_loop(Path(folder), kind, int(words[0]), int(words[1])), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
