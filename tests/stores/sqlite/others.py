"""Other processes, for tests of what becomes of a store that is not used by one alone."""

import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
APPEND = """
import sys
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit
with SQLiteStore(sys.argv[1]) as store:
    for id in sys.argv[2:]:
        store.append(commit(id))
"""


def python(code: str, *words: str) -> str:
    """What a program of its own prints."""
    ran = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def append(path: Path, *ids: str) -> None:
    """Somebody comes, appends these commits and goes."""
    python(APPEND, str(path), *ids)


def in_child(act: Callable[[], object]) -> int:
    """The exit code of a forked child that runs `act` and ends as processes do, finalizers and all."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            act()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
