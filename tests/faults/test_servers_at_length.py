"""PostgreSQL under faults, at length: servers and whole nodes that are killed and frozen, under writers."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cqrs_cli.stores.postgres.store import PostgresStore
from cqrs_cli.testing.making import commit
from tests.conftest import ROOT
from tests.faults import crowds, failovers, servers
from tests.postgres_cluster import SHARED
from tests.postgres_server import Server, programs

pytestmark = pytest.mark.faults
LONGEST_SILENCE = SHARED["ttl"] + 10
"""Seconds in which a writer may wait for another primary."""


def test_fifty_kills_of_a_server_under_eight_writers() -> None:
    account = servers.kill_loop(kills=50, writers=8)
    print(account)
    assert (account.lost, account.twice, account.half, account.failed) == (0, 0, 0, ())
    assert account.acknowledged > 1000
    assert account.resolved > 0


def test_two_hundred_kills_between_a_commit_and_its_answer() -> None:
    assert servers.kill_before_the_answer(200) == (200, 200)


@pytest.mark.parametrize("round", range(5))
def test_twenty_five_failovers(tmp_path: Path, round: int) -> None:
    """Four kills and a freeze under 10,000 commits: 20, 5 and 50,000 in all."""
    run = failovers.fail_over(tmp_path, ["kill", "kill", "freeze", "kill", "kill"], writers=6, commits=2_000)
    print(run)
    account = run.account
    assert (account.lost, account.twice, account.half, account.failed) == (0, 0, 0, ())
    assert account.acknowledged >= 10_000
    assert account.silence < LONGEST_SILENCE
    assert run.programs == failovers.Programs()


def test_a_crowd_for_long() -> None:
    came = crowds.crowd(rebuilds=40)
    print(came)
    assert came | crowds.WANTED == came
    assert came["sent"] == came["in the log"] > 0


def test_who_is_frozen_in_a_hook_lets_the_others_go_on() -> None:
    """Its transaction has the log; the server ends it after 30 seconds."""
    server = Server(programs())
    url = f"{server.dsn()}?schema=shop"
    code = "from tests.faults.servers import append_and_stand_still; append_and_stand_still()"
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "CQRS_STORE": url}
    frozen = None
    try:
        with PostgresStore(url, create=True) as store:
            frozen = subprocess.Popen([sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE)
            assert frozen.stdout is not None
            assert frozen.stdout.readline() == b"it has the log\n"
            frozen.send_signal(signal.SIGSTOP)
            servers.append_at_last(store, commit("others"))
            assert frozen.poll() is None
            frozen.send_signal(signal.SIGCONT)
            frozen.communicate()
            assert [event.commit_id for event in store.read()][:1] == ["others"]
            assert sum(event.commit_id == "frozen" for event in store.read()) == 1, "it was done anew"
    finally:
        if frozen is not None:
            frozen.kill()
            frozen.wait()
        server.close()
