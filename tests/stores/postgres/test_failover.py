"""One failover of a cluster, under writers, two runners and a follower; `make faults` has many, and nodes that freeze."""

from pathlib import Path

import pytest

from tests.conftest import NO_POSTGRESQL
from tests.faults import failovers
from tests.missing import missing
from tests.postgres_server import NoServer

pytestmark = pytest.mark.slow


@pytest.mark.timeout(300)  # three servers are made, and agree twice
def test_a_primary_that_falls_takes_nothing_along_that_was_acknowledged(tmp_path: Path) -> None:
    try:
        run = failovers.fail_over(tmp_path, ["crash"], writers=6)
    except NoServer as error:
        missing(f"{NO_POSTGRESQL}, a cluster: {error}")
    account = run.account
    assert (account.lost, account.twice, account.half, account.failed) == (0, 0, 0, ())
    assert account.acknowledged > 100
    assert run.programs == failovers.Programs()
