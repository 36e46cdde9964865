"""What is planted into a sample is found by the part that should find it, and by no other part of a check."""

import shutil
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cqrs_cli import Workbench
from cqrs_cli.checking.lock_file import NAME, lock_of, text_of
from cqrs_cli.checking.parts import PARTS
from cqrs_cli.loading import load_domain
from samples.orders.order import Address, CreateOrder, OrderItem, PayOrder, SubmitOrder
from tests.checking.materials import checked
from tests.conftest import ROOT

APP = "samples.orders.fulfilment:domain"
ADA, HOME = UUID(int=7), Address(street="1 Main St", city="Oslo", postal_code="0150", country="NO")
RULES = {"order": {"paid": "state.status != 'paid' or len(state.items) > 0"}}
FAULTS: dict[str, tuple[str, str, str, set[tuple[str, str]]]] = {
    "a field renamed without an upcaster": (
        "order.py",
        "class OrderPaid(Event):\n    amount: Decimal",
        "class OrderPaid(Event):\n    total: Decimal = Decimal(0)",
        {("lock", "needs-upcaster")},
    ),
    "a field required": (
        "order.py",
        "class OrderPaid(Event):\n",
        "class OrderPaid(Event):\n    till: str\n",
        {
            ("lock", "needs-upcaster"),
            ("log", "undecodable"),
            ("determinism", "fold-fails"),  # neither can be asked of what can't be read
            ("rules", "not-asked"),
        },
    ),
    "a projection that forgets an event": (
        "read_models.py",
        "    @evolve\n    def paid(self, event: OrderPaid) -> None:\n        self.status = OrderStatus.PAID\n\n",
        "",
        {("model", "unseen-event")},
    ),
    "a state that breaks a rule": (
        "order.py",
        "def paid(self, event: OrderPaid) -> None:\n",
        "def paid(self, event: OrderPaid) -> None:\n        self.items = []\n",
        {("rules", "rule-broken")},
    ),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two orders, one of them paid."""
    path = tmp_path_factory.mktemp("orders") / "orders.db"
    with Workbench.open(path, load_domain(APP, ROOT), services={}) as bench:
        for number in (1, 2):
            item = OrderItem(
                product_id=UUID(int=number), product_name="Fountain pen", quantity=1, unit_price=Decimal("1.50")
            )
            created = bench.send(CreateOrder(customer_id=ADA, items=[item], shipping_address=HOME))
            (stream,) = created.streams
            order = UUID(stream.partition("-")[2])
            if number == 1:
                bench.send(SubmitOrder(order_id=order))
                bench.send(PayOrder(order_id=order))
    return path


@pytest.fixture
def planted(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., set[tuple[str, str]]]]:
    """What all parts find in a copy of the samples with one text in place of another."""
    lock = text_of(lock_of(load_domain(APP, ROOT)))
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "samples"}

    def find(file: str, old: str, new: str) -> set[tuple[str, str]]:
        shutil.copytree(ROOT / "samples", tmp_path / "samples", ignore=shutil.ignore_patterns("__pycache__"))
        (tmp_path / NAME).write_text(lock)
        path = tmp_path / "samples" / "orders" / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        monkeypatch.setattr(sys, "path", list(sys.path))
        for name in before:
            monkeypatch.delitem(sys.modules, name)
        domain = load_domain(APP, tmp_path)
        assert Path(str(sys.modules["samples.orders"].__file__)).is_relative_to(tmp_path)
        with Workbench.open(store, domain, read_only=True) as bench:
            given: dict[str, Any] = {"app": APP, "folder": tmp_path, "rules": RULES, "commands": True}
            found = [checked(part, domain, bench, **given) for part in PARTS]
        assert all(part.looked_at for part in found)
        return {(part.part, one.code) for part in found for one in part.findings if one.fails}

    yield find
    for name in [name for name in sys.modules if name.partition(".")[0] == "samples"]:
        del sys.modules[name]
    sys.modules.update(before)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_by_the_part_that_should_find_it(planted: Any, fault: str) -> None:
    file, old, new, expected = FAULTS[fault]
    assert planted(file, old, new) == expected
