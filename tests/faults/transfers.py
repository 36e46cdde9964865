"""Exports, imports and copies that are killed at any moment, or whose system calls fail, and what must come of it."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cqrs_cli.errors import StoreNotFound
from cqrs_cli.log.origins import origins
from cqrs_cli.stores.registry import open_store
from cqrs_cli.transfer.interchange_file import InterchangeFile
from tests.transfer.logs import history, make, plain_commits

ROOT = Path(__file__).resolve().parents[2]
WORKS = ("export", "import", "copy")
_CODE = """
import os, sys
from cqrs_cli.cli.commands import copy, export, import_  # noqa: F401
from cqrs_cli.transfer import copy as copying, cloudevents, interchange_file, interchange_sink, proof  # noqa: F401
from cqrs_cli.cli.shell import boundary
copying._EVENTS_TOGETHER = 40
os.write(2, b"ready\\n")
sys.exit(boundary.run(sys.argv[1:]))
"""


def start(folder: Path, words: Sequence[str], wrapper: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """A victim, once everything that it needs is imported."""
    process = subprocess.Popen(
        [*wrapper, sys.executable, "-c", _CODE, *words],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stderr is not None
    assert process.stderr.readline() == b"ready\n"
    return process


def words_for(work: str, round: int) -> list[str]:
    """What is done in a round: the file of an export is replaced each time, the store of the others grows."""
    return {
        "export": ["--store", "source.db", "export", "-o", f"out-{round % 3}.jsonl.gz"],
        "import": ["--store", "imported.db", "import", "source.jsonl"],
        "copy": ["copy", "source.db", "copied.db"],
    }[work]


def prepare(folder: Path, commits: int) -> None:
    """A store, and what is exported of it."""
    make(folder / "source.db", plain_commits(commits))
    process = start(folder, ["--store", "source.db", "export", "-o", "source.jsonl"])
    said = process.communicate(timeout=120)
    assert process.returncode == 0, said


def kill_loop(folder: Path, kills: int, seed: int, commits: int = 1_500) -> None:
    """Kill the three works in the midst of it, that often; what came to its end is begun anew."""
    chance = random.Random(seed)
    prepare(folder, commits)
    spans = {work: _seconds(folder, work) for work in WORKS}
    died = round = 0
    while died < kills:
        work = WORKS[round % 3]
        process = start(folder, words_for(work, round))
        time.sleep(chance.uniform(0, spans[work]))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        died += process.returncode == -signal.SIGKILL
        check_prefixes(folder)
        if process.returncode == 0:
            _begin_anew(folder, work)
        round += 1
        assert round < 10 * kills, f"{died} of {round} were killed in their work"


def _seconds(folder: Path, work: str) -> float:
    """How long a work takes when nobody kills it."""
    process = start(folder, words_for(work, 0))
    begun = time.monotonic()
    said = process.communicate()
    assert process.returncode == 0, said
    took = time.monotonic() - begun
    _begin_anew(folder, work)
    return took


def _begin_anew(folder: Path, work: str) -> None:
    for path in folder.glob({"import": "imported.db*", "copy": "copied.db*"}.get(work, "no such file")):
        path.unlink()


def interrupt_loop(folder: Path, rounds: int, seed: int, commits: int = 1_500) -> list[int]:
    """Ask the three works to end at any moment, by Ctrl-C or SIGTERM; what they ended with. Nothing is left behind."""
    chance = random.Random(seed)
    prepare(folder, commits)
    codes = []
    for round in range(rounds):
        process = start(folder, words_for(WORKS[round % 3], round))
        time.sleep(chance.uniform(0, 0.25))
        process.send_signal((signal.SIGINT, signal.SIGTERM)[round % 2])
        _, complaint = process.communicate(timeout=120)
        codes.append(process.returncode)
        assert b"Traceback" not in complaint, complaint
        assert not list(folder.glob("*.part*")), complaint
        check_prefixes(folder)
    return codes


def fail_calls(folder: Path, faults: Sequence[tuple[str, str, int]], commits: int = 300) -> list[str]:
    """Let one call of the system fail in each run; what the runs said. faults: call, error, the how manyth."""
    prepare(folder, commits)
    said = []
    for round, (call, error, when) in enumerate(faults):
        process = start(
            folder,
            words_for(WORKS[round % 3], round),
            ("strace", "-f", "-qq", "-o", str(folder / "strace"), "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}+"),
        )  # fmt: skip
        _, complaint = process.communicate(timeout=120)
        said.append(f"{process.returncode} {complaint.decode().strip()}")
        check_prefixes(folder)
    return said


def check_prefixes(folder: Path) -> None:
    """No half file has a final name; a store is a prefix of the source, and notes the same place."""
    source = history(folder / "source.db")
    for name in ("imported.db", "copied.db"):
        # An empty file is no store yet: it was killed before its first transaction.
        with suppress(StoreNotFound), open_store(str(folder / name)) as store:
            there = list(store.commits())
            assert there == source[: len(there)]
            places = [(origin.source_position, origin.position) for origin in origins(store.rows)]
            assert places == ([(len(there), len(there))] if there else [])
    for file in folder.glob("out-*.gz"):
        InterchangeFile(str(file)).check(lambda number, error: None)


def finish(folder: Path) -> None:
    """All three, undisturbed: everything is equal."""
    for round, work in enumerate(WORKS):
        process = start(folder, words_for(work, round))
        said = process.communicate(timeout=120)
        assert process.returncode == 0, (work, said)
    source = history(folder / "source.db")
    assert history(folder / "imported.db") == history(folder / "copied.db") == source
    check_prefixes(folder)
