"""Faults as people make them, planted into copies of the samples: what is written instead of what, and where."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from samples.bank import history as bank_history
from samples.orders import history as orders_history
from tests.conftest import ROOT

Edit = tuple[str, str, str]
"""A file of the sample, what stands there, and what is put in its place, wherever it stands."""


class Sample(NamedTuple):
    """A sample with a corpus. app: its domain. packages: what is copied. rules: lines of its settings.

    write: makes its log, of which the corpus is. faults: by their names in the docs.
    """

    app: str
    packages: tuple[str, ...]
    rules: str
    write: Callable[[str], None]
    faults: dict[str, tuple[Edit, ...]]

    def copy_to(self, folder: Path) -> None:
        """Copy what it consists of, with its corpus, and settings for it."""
        (folder / "samples").mkdir()
        shutil.copy(ROOT / "samples/__init__.py", folder / "samples")
        for name in self.packages:
            target = folder / "samples" / name
            shutil.copytree(ROOT / "samples" / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "samples" / self.packages[0] / "histories", folder / "histories")
        (folder / "cqrs.toml").write_text(f'app = "{self.app}"\n{self.rules}')

    def plant(self, folder: Path, fault: str) -> None:
        """Plant a fault into the copy."""
        for name, old, new in self.faults[fault]:
            path = folder / "samples" / self.packages[0] / name
            text = path.read_text()
            assert old in text, f"{old!r} is no longer in {name}"
            path.write_text(text.replace(old, new))


NOTHING = "nothing changed"
BANK = Sample(
    "samples.bank:domain",
    ("bank",),
    """
[rules.account]
agreed = "state.balance >= -state.overdraft"
slip = "event.balance is null or state.balance = event.balance"
""",
    bank_history.write,
    {
        NOTHING: (),
        "a rule tightened": (
            ("account.py", "if command.amount > self.balance + self.overdraft:", "if command.amount > self.balance:"),
        ),
        "a rule loosened": (
            ("account.py", "if command.amount > self.balance + self.overdraft:", "if command.amount > 1_000_000:"),
        ),
        "a total miscalculated in an evolve": (
            ("account.py", "self.balance += event.amount\n", "self.balance += event.amount // 1\n"),
        ),
        "a projection changed": (
            (
                "read_models.py",
                "self.movements += 1\n        self.last_payee",
                "self.movements += 2\n        self.last_payee",
            ),
        ),
        "a field renamed without an upcaster": (
            ("account.py", "    balance: Decimal\n    payee: str\n", "    balance: Decimal\n    recipient: str\n"),
            ("account.py", "payee=command.payee", "recipient=command.payee"),
            ("read_models.py", "event.payee", "event.recipient"),
        ),
        "an evolve that reads the clock": (
            ("account.py", "from decimal import", "from datetime import date\nfrom decimal import"),
            ("account.py", "self.owner = event.owner", "self.owner = f'{event.owner}, {date.today()}'"),
        ),
        "an evolve that depends on the order of a set": (
            ("account.py", "self.owner = event.owner", "self.owner = ''.join(set(event.owner))"),
        ),
    },
)
ORDERS = Sample(
    "samples.orders.fulfilment:domain",
    ("orders", "inventory"),
    """
[rules.order]
paid = "type != 'OrderPaid' or event.amount = sum(one.quantity * one.unit_price for one in state.items)"
[rules.order_summary]
counted = "row.item_count >= 0"
""",
    orders_history.write,
    {
        NOTHING: (),
        "a rule tightened": (
            (
                "order.py",
                "        taken: set[UUID] = set()\n",
                "        taken: set[UUID] = set()\n        if len(command.items) > 1:\n"
                '            raise Rejected("one product an order", code="too-many")\n',
            ),
        ),
        "a rule loosened": (
            ("order.py", "if not inventory.available(item.product_id, item.quantity):", "if item.quantity > 1_000:"),
        ),
        "a total miscalculated in an evolve": (
            (
                "order.py",
                'event.model_dump(exclude={"customer_id"}))',
                '(event.model_dump(exclude={"customer_id"}) | {"quantity": 1}))',
            ),
        ),
        "a projection changed": (("read_models.py", "self.item_count += 1", "self.item_count += event.quantity"),),
        "a field renamed without an upcaster": (
            ("order.py", "class OrderPaid(Event):\n    amount: Decimal", "class OrderPaid(Event):\n    total: Decimal"),
            ("order.py", "OrderPaid(amount=self.amount)", "OrderPaid(total=self.amount)"),
        ),
        "an evolve that reads the clock": (
            ("read_models.py", "from datetime import datetime\n", "from datetime import UTC, datetime\n"),
            ("read_models.py", "self.created_at = recorded.recorded_at", "self.created_at = datetime.now(UTC)"),
        ),
        "an evolve that depends on the order of a set": (
            (
                "read_models.py",
                "self.product_name = event.product_name",
                "self.product_name = ''.join(set(event.product_name))",
            ),
        ),
    },
)
SAMPLES = {"orders": ORDERS, "bank": BANK}
COMMANDS = {
    "check model": "--store histories check model",
    "check lock": "--store histories check lock",
    "check log": "--store histories check log",
    "check determinism": "--store histories check determinism",
    "check rules": "--store histories check rules",
    "test": "test",
    "rehearse": "--store histories rehearse",
    "impact": "--store histories impact --against git:HEAD",
    "project --check": "--store rows.db project --check",
}
"""What is asked, by its name in the docs."""
