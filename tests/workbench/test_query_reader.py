"""What queries read with: rows by key, filtered, ordered, page by page."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cqrs_cli import Page, Projection, Query, Read, Where, Workbench, evolve
from cqrs_cli.errors import CqrsError, DomainFailed, InvalidInput
from tests.bank import Balance, Between, Close, Deposit, Flow, Kind, Leg, Open, Opened, Richest, Split, Tag, domain

EUROS = {"a": 900, "b": 10_000, "c": 1_000, "d": 900, "e": 20}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path / "bank.db"), domain, services={Between: Between()}) as opened:
        for name, cents in EUROS.items():
            opened.send(Open(account_id=name, owner=name.upper(), kind=Kind.FIRM if cents > 500 else Kind.PRIVATE))
            opened.send(Deposit(account_id=name, amount=cents))
        opened.send(Tag(account_id="bare", tags={"x"}))
        opened.send(Split(account_id="a", legs=[Leg(to="b", amount=1), Leg(to="c", amount=2)]))
        yield opened


class Ask(Query[Balance]):
    """Whatever the test wants to ask."""

    def run(self, read: Read) -> Any:
        return self.question(read)  # type: ignore[attr-defined]


def ask(bench: Workbench, question: Any, **more: Any) -> Any:
    class Now(Ask):
        def question(self, read: Read) -> Any:
            return question(read)

    return bench.query(Now(), **more)


def names(rows: Any) -> list[str]:
    return [row.account_id for row in rows]


def test_get(bench: Workbench) -> None:
    found = ask(bench, lambda read: read.get(Balance, "b"))
    assert (found.account_id, found.euros, found.kind, found.since, found.day) == (
        "b", Decimal(100), Kind.FIRM, datetime(2026, 1, 1, 12, tzinfo=UTC), date(2026, 1, 1),
    )  # fmt: skip
    assert ask(bench, lambda read: read.get(Balance, "nobody")) is None


@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        ("", ["a", "b", "bare", "c", "d", "e"]),
        ("-account_id", ["e", "d", "c", "bare", "b", "a"]),
        ("euros", ["bare", "e", "a", "d", "c", "b"]),
        ("-euros", ["b", "c", "a", "d", "e", "bare"]),
        ("-euros,-account_id", ["b", "c", "d", "a", "e", "bare"]),
        (" kind , -balance ", ["b", "c", "a", "d", "e", "bare"]),
        ("since,-balance", ["bare", "b", "c", "a", "d", "e"]),
    ],
)
def test_order_with_decimals_as_numbers_and_ties_by_key(bench: Workbench, order: str, wanted: list[str]) -> None:
    assert names(ask(bench, lambda read: list(read.rows(Balance, order=order)))) == wanted
    pages = []
    cursor = None
    while True:
        page = ask(bench, lambda read: read.page(Balance, order=order), limit=2, cursor=cursor)
        pages.append(names(page))
        cursor = page.cursor
        if cursor is None:
            break
    assert [name for page in pages for name in page] == wanted
    assert [len(page) for page in pages] == [2, 2, 2]


@pytest.mark.parametrize(
    ("where", "equals", "wanted"),
    [
        ([], {"account_id": "a"}, ["a"]),
        ([], {"account_id": None, "kind": None}, ["a", "b", "bare", "c", "d", "e"]),
        ([], {"kind": Kind.FIRM}, ["a", "b", "c", "d"]),
        ([], {"owner": "A", "kind": Kind.FIRM}, ["a"]),
        ([("euros", ">", Decimal("9.0"))], {}, ["b", "c"]),
        ([("euros", ">=", 9)], {}, ["a", "b", "c", "d"]),
        ([("euros", "=", Decimal("9.00"))], {}, ["a", "d"]),
        ([("euros", "!=", Decimal(9))], {}, ["b", "bare", "c", "e"]),
        ([("euros", "in", [Decimal("9.000"), Decimal("0.2")])], {}, ["a", "d", "e"]),
        ([("account_id", "in", ("a", "z"))], {}, ["a"]),
        ([("account_id", "in", ())], {}, []),
        ([("since", "=", None)], {}, ["bare"]),
        ([("since", "!=", None), ("balance", "<", 100)], {}, ["e"]),
        ([("since", "<", datetime(2026, 1, 2, tzinfo=UTC))], {}, ["a", "b", "c", "d", "e"]),
        ([("day", "in", [None])], {}, ["bare"]),
        ([("rich", "=", True)], {}, ["b"]),
        ([("tags", "=", frozenset({"x"}))], {}, ["bare"]),
        ([("owner", "=", Kind.FIRM)], {}, []),
    ],
)
def test_conditions(bench: Workbench, where: list[Any], equals: dict[str, Any], wanted: list[str]) -> None:
    conditions = [Where(*one) for one in where]
    assert names(ask(bench, lambda read: list(read.rows(Balance, where=conditions, **equals)))) == wanted
    assert names(ask(bench, lambda read: read.page(Balance, where=conditions, **equals))) == wanted


@pytest.mark.parametrize(
    ("question", "error", "told"),
    [
        (lambda read: read.page(Balance, colour="red"), DomainFailed, "no column 'colour'"),
        (lambda read: read.page(Balance, order="-balence"), DomainFailed, "no column 'balence'"),
        (lambda read: read.page(Balance, where=[Where("x", "=", 1)]), DomainFailed, "no column 'x'"),
        (lambda read: read.page(Balance, where=[Where("balance", "LIKE", 1)]), DomainFailed, "LIKE"),
        (lambda read: read.page(Balance, where=[Where("balance", "<", None)]), DomainFailed, "null"),
        (lambda read: read.page(Balance, balance="1"), InvalidInput, "balance: '1' is no int"),
        (lambda read: read.page(Balance, balance=2**70), InvalidInput, "balance: .*64 bits"),
        (lambda read: read.page(Balance, where=[Where("account_id", "in", "ab")]), DomainFailed, "several values"),
        (lambda read: read.page(Balance, where=[Where("balance", "in", 5)]), DomainFailed, "several values"),
        (lambda read: read.get(Balance), DomainFailed, r"key of balance is \(account_id\), not 0"),
        (lambda read: read.get(Balance, "a", "b"), DomainFailed, "not 2 values"),
        (lambda read: read.get(Balance, 5), InvalidInput, "account_id: 5 is no plain str"),
        (lambda read: 1 // 0, DomainFailed, "Now.run raised ZeroDivisionError"),
    ],
)
def test_questions_that_are_mistakes(bench: Workbench, question: Any, error: type[CqrsError], told: str) -> None:
    with pytest.raises(error, match=told):
        ask(bench, question)


def test_a_misspelt_column_is_guessed(bench: Workbench) -> None:
    with pytest.raises(DomainFailed) as caught:
        ask(bench, lambda read: read.page(Balance, order="balence"))
    assert caught.value.hint == "did you mean balance?"


def test_a_projection_that_is_no_part(bench: Workbench) -> None:
    class Stranger(Projection, key="account_id"):
        account_id: str

        @evolve
        def opened(self, event: Opened) -> None: ...

    with pytest.raises(DomainFailed, match="Stranger is no part"):
        ask(bench, lambda read: read.get(Stranger, "a"))


def cursor_of(*content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "%%%",
        "ü",
        "a" * 7,
        cursor_of("balance", "a", "b"),
        cursor_of("flow", "a"),
        cursor_of("balance,-euros", "1", "a"),
        cursor_of("balance", ["a"]),
        cursor_of("balance", {"a": 1}),
        cursor_of("balance", True),
        cursor_of(),
        base64.urlsafe_b64encode(b"5").decode(),
        base64.urlsafe_b64encode(b'{"balance":1}').decode(),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
    ],
)
def test_a_cursor_that_is_not_of_this_query(bench: Workbench, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        ask(bench, lambda read: read.page(Balance), limit=2, cursor=cursor)


def test_a_cursor_with_half_a_character(bench: Workbench) -> None:
    page = ask(bench, lambda read: read.page(Balance), limit=2)
    signature, *values = json.loads(base64.urlsafe_b64decode(page.cursor + "=="))
    bad = base64.urlsafe_b64encode(json.dumps([signature, *["\ud800" for _ in values]]).encode()).decode()
    with pytest.raises(InvalidInput, match="not one of this query's"):
        ask(bench, lambda read: read.page(Balance), limit=2, cursor=bad)


def test_a_cursor_of_another_order(bench: Workbench) -> None:
    page = ask(bench, lambda read: read.page(Balance, order="euros"), limit=2)
    with pytest.raises(InvalidInput, match="cursor"):
        ask(bench, lambda read: read.page(Balance, order="-euros"), limit=2, cursor=page.cursor)


@pytest.mark.parametrize("limit", [0, -1, 2**63 - 1, 2**63])
def test_a_page_has_a_row_and_not_too_many(bench: Workbench, limit: int) -> None:
    with pytest.raises(InvalidInput, match="from one row to 999,999,999"):
        ask(bench, lambda read: read.page(Balance), limit=limit)


def test_a_query_that_yields_its_rows(bench: Workbench) -> None:
    def lazily(read: Read) -> Any:
        yield from read.rows(Balance, order="account_id")
        raise RuntimeError("too late")

    assert [row.account_id for row in ask(bench, lambda read: read.rows(Balance))] == ["a", "b", "bare", "c", "d", "e"]
    with pytest.raises(DomainFailed, match="too late"):
        ask(bench, lazily)


def test_pages_while_rows_come_and_go(bench: Workbench) -> None:
    first = ask(bench, lambda read: read.page(Balance), limit=2)
    assert names(first) == ["a", "b"]
    bench.send(Close(account_id="b"))
    bench.send(Open(account_id="aa"))
    bench.send(Open(account_id="bb"))
    assert names(ask(bench, lambda read: read.page(Balance), limit=9, cursor=first.cursor)) == [
        "bare",
        "bb",
        "c",
        "d",
        "e",
    ]


def test_what_a_query_may_answer(bench: Workbench) -> None:
    assert isinstance(bench.query(Richest()), Page)
    assert names(bench.query(Richest(least=Decimal(5)))) == ["b", "c", "a", "d"]
    assert len(bench.query(Richest())) == 6
    assert ask(bench, lambda read: None) is None
    assert names(ask(bench, lambda read: [read.get(Balance, "a")])) == ["a"]


def test_what_is_read_is_fresh_and_one_that_only_reads_moves_nothing(bench: Workbench, tmp_path: Path) -> None:
    assert ask(bench, lambda read: read.get(Balance, "a")).balance == 900
    bench.send(Deposit(account_id="a", amount=1))
    assert ask(bench, lambda read: read.get(Balance, "a")).balance == 901
    bench.send(Deposit(account_id="a", amount=1))
    with Workbench.open(str(tmp_path / "bank.db"), domain, read_only=True) as reader:
        assert ask(reader, lambda read: read.get(Balance, "a")).balance == 901


def test_each_read_model_of_a_query_is_fresh(bench: Workbench) -> None:
    def both(read: Read) -> Any:
        paid = [row.balance for row in read.rows(Balance, account_id="b")]
        return paid + [row.amount for row in read.rows(Flow, sender="a", receiver="b")]

    assert ask(bench, both) == [10_000, 1]
    bench.send(Deposit(account_id="b", amount=5))
    bench.send(Split(account_id="a", legs=[Leg(to="b", amount=20)]))
    assert ask(bench, both) == [10_005, 21]


@given(
    st.lists(
        st.decimals(allow_nan=False, allow_infinity=False, places=None) | st.decimals(-10, 10, places=3),
        max_size=8,
        unique=True,
    ),
    st.integers(1, 3),
    st.booleans(),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_pages_of_decimals_in_the_order_of_numbers(
    bench: Workbench, values: list[Decimal], limit: int, descending: bool
) -> None:
    kind = domain.projections["balance"]
    bench.project()
    given_rows = [Balance(account_id=str(UUID(int=n)), euros=value) for n, value in enumerate(values)]
    with bench.store.transaction() as rows:
        rows.delete(kind.table, [stored[:1] for stored in rows.select(kind.table)])
        rows.put(kind.table, [tuple(c.encode(getattr(row, c.column.name)) for c in kind.columns) for row in given_rows])
    found: list[Decimal] = []
    cursor = None
    while True:
        page = ask(
            bench,
            lambda read: read.page(Balance, order="-euros" if descending else "euros"),
            limit=limit,
            cursor=cursor,
        )
        found += [one.euros for one in page]
        cursor = page.cursor
        if cursor is None:
            break
    assert found == sorted(found, reverse=descending)
    assert sorted(map(repr, found)) == sorted(map(repr, values))
