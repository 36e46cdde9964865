"""The store in memory keeps the contract, is shared by name, and goes when it is closed."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cqrs_cli import Workbench
from cqrs_cli.errors import NotFound
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.sqlite import memory
from cqrs_cli.testing.making import commit
from cqrs_cli.testing.store_contract import StoreContract, store
from tests.bank import Open, domain

__all__ = ["store"]

_names = itertools.count()


@pytest.fixture
def url() -> str:
    return f"memory:{next(_names)}"


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "IN_MEMORY", str(tmp_path))


class TestContract(StoreContract):
    """As on a file; but no other process can have it."""

    in_one_process = True


def test_it_goes_when_the_last_one_closes_it(tmp_path: Path) -> None:
    with open_store("memory:a", create=True) as one:
        one.append(commit("c1"))
        with open_store("memory:a") as two:
            assert two.head() == 1
        assert one.head() == 1
        assert (one.url, one.describe()["kind"]) == ("memory:a", "memory")
        assert os.listdir(tmp_path) != []
    assert os.listdir(tmp_path) == []
    with pytest.raises(NotFound):
        open_store("memory:a")
    with open_store("memory:a", create=True) as anew:
        assert anew.head() == 0


def test_without_a_name_each_is_its_own(tmp_path: Path) -> None:
    with open_store("memory:", create=True) as one, open_store("memory:", create=True) as two:
        one.append(commit("c1"))
        assert two.head() == 0
    one.close()
    assert os.listdir(tmp_path) == []


def test_what_could_not_be_opened_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="durability"):
        open_store("memory:", create=True, durability="eternal")
    assert os.listdir(tmp_path) == []


def test_threads_share_one_object_and_one_name(store: Store, url: str) -> None:
    def work(number: int) -> None:
        store.append(commit(f"shared-{number}"))
        with open_store(url) as mine:
            mine.append(commit(f"own-{number}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.version("order-1") == 8


def test_a_workbench_on_it() -> None:
    with Workbench.open("memory:", domain) as bench:
        bench.send(Open(account_id="a"))
        bench.project()
        assert bench.replay("account-a").version == 1


PROGRAM = """
import os, sys
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.sqlite import memory
from cqrs_cli.testing.making import commit
memory.IN_MEMORY = sys.argv[1]
store = open_store("memory:", create=True)
store.append(commit("c1"))
child = os.fork()
if child == 0:
    store.close()
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
assert store.append(commit("c2")).position == 2
assert os.listdir(sys.argv[1]) != []
"""


def test_a_child_leaves_it_alone_and_the_end_of_the_program_takes_it_away(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], check=True, timeout=100)
    assert os.listdir(tmp_path) == []
