"""How fresh what is read is: caught up, stale, waited for, or as it is where nothing can be written."""

import ctypes
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.registry import open_store

ROOT = Path(__file__).resolve().parents[3]


def append(folder: Path, id: str) -> int:
    with open_store(str(folder / "cqrs.db")) as store:
        return store.append(
            Commit(id, (NewEvent("member-ann", "Scored", 1, b'{"points":"1","city":"Oslo"}'),))
        ).position


def later(seconds: float, work: Any) -> threading.Thread:
    def run() -> None:
        time.sleep(seconds)
        work()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_stale_is_what_is_there_and_says_how_far_behind(filled: Any) -> None:
    filled("project")
    filled("send score --member-id ann --points 1")
    for words in ("query standing --stale --json", "project standing --stale --json", "query best --stale --json"):
        ran = filled(words)
        assert ran.code == 0
        assert "behind the head: " in ran.err
        assert "standing 1 event" in ran.err
        assert '"1.50"' in ran.out
    assert "city_total" not in filled("query standing --stale").err
    assert '"2.50"' in filled("query standing --json").out
    assert "behind" not in filled("query standing --stale").err


def test_waiting_for_a_position_and_for_a_command(filled: Any, tmp_path: Path) -> None:
    for wanted, id in (("@7", "first"), ("second", "second")):
        start = time.monotonic()
        thread = later(0.5, lambda id=id: append(tmp_path, id))
        ran = filled(f"query standing --where member_id=ann --wait {wanted} --timeout 60 --json")
        thread.join()
        assert ran.code == 0, ran.err
        assert time.monotonic() - start > 0.4
    assert ran.json[0]["scores"] == 3
    assert filled("query standing --wait @1").code == 0
    assert filled("query standing --wait second").code == 0


def test_waiting_while_stale_means_that_others_bring_the_rows(filled: Any, tmp_path: Path) -> None:
    filled("project")
    append(tmp_path, "x")
    ran = filled("query standing --stale --wait x --timeout 0.3 --json")
    assert (ran.code, ran.error["code"]) == (7, "timed-out")
    assert "standing had not come to x (@7)" in ran.error["message"]
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    other = (
        "import time; time.sleep(0.5)\nfrom cqrs_cli import Workbench\nfrom members import domain\n"
        "from tests.servers import as_told\nwith as_told():\n    Workbench.open('cqrs.db', domain).project()"
    )
    with subprocess.Popen([sys.executable, "-c", other], cwd=tmp_path, env=environ):
        ran = filled("query standing --stale --wait x --timeout 100 --where member_id=ann --json")
    assert ran.json[0]["scores"] == 2


def test_waiting_has_an_end(filled: Any) -> None:
    for wanted in ("@99", "no-such-command"):
        ran = filled(f"query standing --wait {wanted} --timeout 0.2 --json")
        assert (ran.code, ran.error["code"], ran.out) == (7, "timed-out", "")
        assert "after 0.2 s" in ran.error["message"]
    for words in ("--timeout 1", "--wait @1 --timeout x", "--wait @1 --timeout -1", "--wait @x"):
        assert filled(f"query standing {words}").code == 2


def _without_roots_right_to_write_everything() -> None:
    """In a child, before it runs its program: root passes over the rights of files by two capabilities."""
    drop_from_bounding_set, capabilities = 24, (1, 2)  # PR_CAPBSET_DROP; CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    if os.geteuid() == 0:
        for capability in capabilities:
            ctypes.CDLL(None, use_errno=True).prctl(drop_from_bounding_set, capability, 0, 0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="how root loses its rights is Linux's")
def test_a_store_without_the_right_to_write_is_read_as_it_is(filled: Any, tmp_path: Path) -> None:
    filled("project")
    filled("send score --member-id ann --points 1")
    (tmp_path / "cqrs.db").chmod(0o400)
    ran = subprocess.run(
        [sys.executable, "-m", "cqrs_cli", "--app", "members:domain", "query", "standing", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=_without_roots_right_to_write_everything,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert "the store can't be written to" in ran.stderr
    assert "standing 1 event" in ran.stderr
