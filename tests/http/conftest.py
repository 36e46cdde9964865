"""Fixtures for what is served: the bank and the orders, each on a store of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from samples.orders import domain as orders_domain
from tests import bank
from tests.http.served import Served, serving


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """The bank, served."""
    with serving(str(tmp_path / "cqrs.db"), bank.domain) as one:
        yield one


@pytest.fixture
def orders(tmp_path: Path) -> Iterator[Served]:
    """The orders, served."""
    with serving(str(tmp_path / "cqrs.db"), orders_domain) as one:
        yield one
