"""The tests' own PostgreSQL server is there without set-up, is nobody else's, and ends with the tests."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests import postgres_server
from tests.conftest import ROOT

SUITE = """
def test_it(postgresql):
    pass
"""
OWNER = """
import sys, time
from tests import postgres_server
from tests.postgres_server import Server, programs
postgres_server._PREFIX = sys.argv[1]
server = Server(programs())
print(server.port, server.folder, flush=True)
time.sleep(600)
"""


def test_it_answers_on_the_loopback_to_a_role_that_is_no_superuser(postgresql: str) -> None:
    with psycopg.connect(postgresql) as connection:
        found = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        assert found == (False,)
        assert connection.info.server_version >= postgres_server.OLDEST * 10_000
    if not os.environ.get(postgres_server.SETTING):
        parts = urlsplit(postgresql)
        assert parts.hostname == "127.0.0.1"
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(postgresql.replace(parts.password or "", "wrong"))


@pytest.mark.slow
def test_it_ends_when_the_tests_are_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = f"cqrs-killed-{uuid.uuid4().hex}-"  # of this test alone: others remove what is left of theirs
    monkeypatch.setattr(postgres_server, "_PREFIX", prefix)
    words = [sys.executable, "-c", OWNER, prefix]
    owner = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8", start_new_session=True)
    assert owner.stdout is not None
    try:
        port, folder = owner.stdout.readline().split()
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        end = time.monotonic() + 60
        while _answers(int(port)):
            assert time.monotonic() < end, "the server goes on without its tests"
            time.sleep(0.05)
        assert Path(folder).exists()
        postgres_server.Server(postgres_server.programs()).close()  # whoever comes next removes what was left
        assert not Path(folder).exists()
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()


def _answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("ci", [False, True])
def test_without_any_it_is_said_and_under_ci_it_is_a_failure(tmp_path: Path, ci: bool) -> None:
    """No wheel, no programs: as in a checkout of which only the package was installed."""
    (tmp_path / "conftest.py").write_text(
        "from pathlib import Path\nfrom tests import postgres_server\nfrom tests.conftest import *\n"
        "postgres_server.find_spec = lambda name: None\npostgres_server._SYSTEM = Path('/nonexistent')\n"
        "postgres_server.shutil.which = lambda name: None\n"
    )
    (tmp_path / "test_it.py").write_text(SUITE)
    environ = {name: value for name, value in os.environ.items() if name not in ("CI", postgres_server.SETTING)}
    environ |= {"PYTHONPATH": str(ROOT)} | ({"CI": "true"} if ci else {})
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(tmp_path)]
    ran = subprocess.run(words, cwd=tmp_path, env=environ, capture_output=True, encoding="utf-8")
    assert ran.returncode == int(ci), ran.stdout + ran.stderr
    assert (
        "no server for the tests on PostgreSQL: no PostgreSQL from 14 on: neither CQRS_TEST_POSTGRESQL names one"
        in ran.stdout
    )


@pytest.mark.slow
def test_it_comes_back_where_it_was_though_not_at_once() -> None:
    """What was killed may be there for a moment yet, and who has the address waits there for it."""
    server = postgres_server.Server(postgres_server.programs())
    try:
        before = server.dsn()
        server.kill()
        lock = server.folder / "data" / "postmaster.pid"
        user = "nobody" if os.geteuid() == 0 else None  # as the server; others' processes are no servers to it
        another = subprocess.Popen(["sleep", "1"], user=user, cwd="/")
        lines = lock.read_text().splitlines()
        lock.write_text("\n".join([str(another.pid), *lines[1:]]) + "\n")
        ended = threading.Thread(target=another.wait)  # till then it counts as there
        ended.start()
        server.start()
        assert another.returncode is not None, "it began beside a server that is there"
        ended.join()
        assert server.dsn() == before
        psycopg.connect(before).close()
    finally:
        server.close()
