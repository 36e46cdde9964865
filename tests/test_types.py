"""The public API as type checkers show it to users: the samples, the scaffold, and mistakes that must be seen."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Each line that ends in `# wrong` must be complained about, and no other.
MISTAKES = """
from decimal import Decimal
from typing import assert_type
from uuid import UUID

from datetime import timedelta

from cqrs_cli import (
    After,
    Cancel,
    CommandRejected,
    Event,
    Page,
    Policy,
    ProcessManager,
    Read,
    Rejected,
    Scenario,
    Where,
    Workbench,
    decide,
    evolve,
    react,
)
from samples.orders import domain
from samples.orders.fulfilment import Fulfilment
from samples.orders.order import CancelOrder, Order, OrderCreated, SubmitOrder
from samples.orders.read_models import OrderSummary
from samples.users.read_models import Account, UserByEmail, UsersSince

ID = UUID(int=1)


def read_models(read: Read) -> None:
    assert_type(read.get(OrderSummary, ID), OrderSummary | None)
    assert_type(read.page(OrderSummary, order="-created_at", customer_id=ID), Page[OrderSummary])
    for row in read.rows(OrderSummary, where=[Where("total_amount", ">", Decimal(1))]):
        assert_type(row.total_amount, Decimal)
        row.total  # wrong
    read.page(OrderSummary, order=1)  # wrong


def clauses_keep_their_types(order: Order, event: OrderCreated) -> None:
    order.created(event)
    order.created(CancelOrder(order_id=ID, reason="no"))  # wrong
    order.submit(SubmitOrder(order_id=ID)).amount  # wrong
    assert_type(decide(order, SubmitOrder(order_id=ID)), list[Event])


def messages() -> None:
    CancelOrder(order_id=ID)  # wrong
    CancelOrder(order_id="x", reason="no")  # wrong
    cancel = CancelOrder(order_id=ID, reason="no").with_meta(user_id="ada")
    assert_type(cancel, CancelOrder)
    assert_type(cancel.meta.user_id, str | None)
    raise Rejected("no", code=1)  # wrong


def work(bench: Workbench) -> None:
    outcome = bench.send(SubmitOrder(order_id=ID), expect=3)
    assert_type(outcome.stream, str | None)
    bench.send(OrderCreated)  # wrong
    bench.send(SubmitOrder(order_id=ID), expect="old")  # wrong
    Scenario(domain).given(ID)  # wrong


def questions(bench: Workbench) -> None:
    assert_type(bench.query(UserByEmail(email="ada@example.org")), Account | None)
    for row in bench.query(UsersSince()):
        assert_type(row, Account)
        row.mail  # wrong
    for process in bench.rows(Fulfilment):
        assert_type(process.wanted, dict[UUID, int])
        process.want  # wrong


class Reminder(ProcessManager, key="order_id", version=1):
    order_id: UUID

    @react
    def remind(self, event: OrderCreated) -> After:
        After(3600, SubmitOrder(order_id=ID))  # wrong
        After(timedelta(hours=1), event)  # wrong
        return After(timedelta(hours=1), SubmitOrder(order_id=self.order_id), name="submit")

    @react
    def give_up(self, event: CommandRejected) -> Cancel | None:
        event.was(OrderCreated)  # wrong
        return Cancel("submit") if event.was(SubmitOrder) else Cancel(1)  # wrong


class Mistaken(Policy, key="order_id"):  # wrong
    pass


def reactions_keep_their_types(reminder: Reminder, event: OrderCreated) -> None:
    assert_type(reminder.remind(event), After)
    reminder.remind(CancelOrder(order_id=ID, reason="no"))  # wrong


evolve(1)  # wrong
react(1)  # wrong
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Code of a user: the samples, the scaffold, and a file with mistakes, outside the checkout."""
    shutil.copytree(ROOT / "samples", tmp_path / "samples", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("shop.py", "test_shop.py"):
        shutil.copy(ROOT / "cqrs_cli" / "cli" / "commands" / "init" / "scaffold" / name, tmp_path)
    (tmp_path / "mistakes.py").write_text(MISTAKES)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (sample,) = [block for block in blocks if "import" in block]
    (tmp_path / "readme.py").write_text(sample)
    return tmp_path


def wrong_lines() -> set[int]:
    return {number for number, line in enumerate(MISTAKES.splitlines(), 1) if line.endswith("# wrong")}


def judge(complaints: list[tuple[str, int, str]]) -> None:
    """Complaints as (file, line from 1, text): all in mistakes.py, on its wrong lines and on all of them."""
    elsewhere = [complaint for complaint in complaints if Path(complaint[0]).name != "mistakes.py"]
    assert elsewhere == []
    seen = {line for _, line, _ in complaints}
    assert [complaint for complaint in complaints if complaint[1] not in wrong_lines()] == []
    missed = sorted(wrong_lines() - seen)
    assert missed == [], [MISTAKES.splitlines()[line - 1] for line in missed]


def test_mypy_strict(project: Path) -> None:
    words = ["--strict", "--follow-imports=silent", "--no-error-summary", "--hide-error-context", "--no-pretty"]
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", *words, "--cache-dir", str(project / ".cache"), "."],
        cwd=project,
        env={"MYPYPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        encoding="utf-8",
    )
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    found = re.findall(r"^(.+?):(\d+): error: (.*)$", ran.stdout, re.MULTILINE)
    judge([(file, int(line), text) for file, line, text in found])


def test_pyright_strict(project: Path) -> None:
    rules = {"reportUnusedExpression": "none", "reportPrivateUsage": "none"}
    config = {"extraPaths": [str(ROOT)], "pythonVersion": "3.11", "typeCheckingMode": "strict", **rules}
    (project / "pyrightconfig.json").write_text(json.dumps(config))
    ran = subprocess.run(
        [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", "-p", "."],
        cwd=project,
        capture_output=True,
        encoding="utf-8",
    )
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    report = json.loads(ran.stdout)
    judge(
        [(each["file"], each["range"]["start"]["line"] + 1, each["message"]) for each in report["generalDiagnostics"]]
    )
