"""Rows of the outbox that none of ours would be, and what is told of many without reading them."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.log import outbox
from cqrs_cli.stores.operational import OUTBOX
from cqrs_cli.stores.rows import Where
from cqrs_cli.workbench.processors.delivery import Courier
from tests import office
from tests.reacting import Clock, pay, sent


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An order is paid: a command waits, and a deadline."""
    with Workbench.open(str(tmp_path / "office.db"), office.domain) as opened:
        opened.runner().drain()
        pay(opened, "o1")
        with monkeypatch.context() as patch:
            patch.setattr(Courier, "send", lambda *_: [])
            opened.runner().drain()
        yield opened


def change(bench: Workbench, column: str, before: str) -> None:
    """Write something before a value in every row of the outbox, as another tool would."""
    names = [column.name for column in OUTBOX.columns]
    with bench.store.transaction() as rows:
        found = [dict(zip(names, row, strict=True)) for row in rows.select(OUTBOX)]
        rows.delete(OUTBOX, [tuple(row[name] for name in OUTBOX.key) for row in found])
        rows.put(
            OUTBOX, [tuple(f"{before}{row[name]}" if name == column else row[name] for name in names) for row in found]
        )


@pytest.mark.parametrize(
    ("column", "reason"), [("slot", "its row in the outbox is 'x"), ("metadata", "its metadata is no JSON")]
)
def test_a_row_that_is_none_of_ours_is_a_dead_letter_once(bench: Any, column: str, reason: str) -> None:
    change(bench, column, "x")
    clock = Clock()
    clock.forward(days=400)
    asked = itertools.count()
    done = bench.runner(clock=clock, stop=lambda: next(asked) > 200).drain()
    assert next(asked) < 200, "it never ends"
    letters = bench.failed()
    assert done.dead == len(letters) > 0
    assert {letter.code for letter in letters} == {"damaged"}
    assert all(letter.reason.startswith(reason) for letter in letters)
    assert bench.store.rows.count(OUTBOX) == 0
    assert bench.runner(clock=clock).drain().dead == 0


def test_a_letter_of_a_row_elsewhere_can_be_sent_again(bench: Any) -> None:
    change(bench, "slot", "x")
    bench.runner(stop=itertools.chain([False] * 200, itertools.repeat(True)).__next__).drain()
    (letter, *_) = bench.failed()
    assert bench.retry(letter.command_id).status == "sent"
    assert letter.outgoing.command in " ".join(sent(bench.store))


def test_status_counts_and_reads_no_command(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        name: [
            bench.store.rows.count(OUTBOX, [Where("reaction", "=", name), Where("due_us", operator, 0)])
            for operator in ("=", "!=")
        ]
        for name in bench.domain.reactions
    }
    monkeypatch.setattr(outbox, "_outgoing", lambda *_: pytest.fail("the outbox is read"))
    assert {one.name: [one.waiting, one.deadlines] for one in bench.reactions()} == known
    assert sum(map(sum, known.values())) > 0
