"""A log that moves from a file to a server: its reactions go through it again, and send nothing twice."""

from pathlib import Path

from cqrs_cli import Workbench
from cqrs_cli.stores.addresses import shown
from cqrs_cli.stores.postgres.store import PostgresStore
from cqrs_cli.transfer.proof import ProvenCopy
from cqrs_cli.transfer.store_source import StoreSource
from tests import office
from tests.conftest import Shell
from tests.reacting import Clock, dump, pay


def test_reactions_begin_at_the_beginning_and_send_nothing_twice(tmp_path: Path, postgres_url: str) -> None:
    clock = Clock()
    clock.forward(days=-2)  # the days that pass here are over for the server, too
    with Workbench.open(str(tmp_path / "office.db"), office.domain, clock=clock) as file:
        file.runner(start=0).drain()
        pay(file, "o1", "bad2", "none3", "boom4")
        file.runner().drain()
        clock.forward(days=1)
        file.runner().drain()  # its deadlines are due
        pay(file, "o5", "boom6")
        file.runner().drain()
        left = dump(file)
        with PostgresStore(postgres_url, create=True) as there:
            ProvenCopy(StoreSource(file.store, file.store.head()), there).make(lambda done: None)
    with Workbench.open(postgres_url, office.domain, clock=clock) as server:
        done = server.runner(start=0).drain()
        assert (done.sent, done.rejected) == (0, 0)
        assert done.honoured > 0
        assert dump(server) == left


def test_where_a_copy_is_to_be_made_is_said(cqrs: Shell, postgres_url: str) -> None:
    """The store that is not there is the destination, not that of the settings; no password is told."""
    cqrs("init", ".")
    cqrs("send", "add-product", "--sku", "pen", "--name", "Pen", "--price", "1.50")
    ran = cqrs("copy", "shop.db", postgres_url, exit_code=3)
    assert f"hint: make it: cqrs --store '{shown(postgres_url)}' migrate" in ran.stderr
    cqrs("--store", postgres_url, "migrate")
    ran = cqrs("copy", "shop.db", postgres_url)
    assert f"are in {shown(postgres_url)}" in ran.stdout
