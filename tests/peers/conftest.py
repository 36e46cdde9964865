"""Fixtures for the cases of other stores' suites: a log, and the shell on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cqrs_cli import Workbench
from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.registry import open_store
from tests.cli.conftest import Ran, here
from tests.peers import accounts

__all__ = ["here"]

Shell = Callable[..., Ran]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Of a log that is not there yet."""
    return str(tmp_path / "log.db")


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An empty log."""
    with open_store(url, create=True) as opened:
        yield opened


@pytest.fixture
def bench(url: str) -> Iterator[Workbench]:
    """The domain of accounts on an empty log."""
    with Workbench.open(url, accounts.domain) as opened:
        yield opened


@pytest.fixture
def shell(here: Shell, url: str, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """`cqrs WORDS` on the log, in this process; `app` names the domain."""
    monkeypatch.setenv("CQRS_STORE", url)
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*words: str, app: str = "") -> Ran:
        os.environ.pop("CQRS_APP", None)
        if app:
            monkeypatch.setenv("CQRS_APP", app)
        return here(*words)

    return run
