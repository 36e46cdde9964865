"""What is addressed is the same through both faces; only the words of what is refused are theirs."""

from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.errors import Misuse, NotFound
from cqrs_cli.history.addresses import address_of, position_at
from cqrs_cli.history.folds import DomainFolds
from tests import bank


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    with Workbench.open(str(tmp_path / "cqrs.db"), bank.domain) as bench:
        bench.send(bank.Open(account_id="ada"))
        bench.send(bank.Deposit(account_id="ada", amount=5))
        yield bench


@pytest.mark.parametrize(
    ("text", "at", "version", "position"),
    [
        ("account-ada", None, None, None),
        ("account-ada@1", None, 1, None),
        ("account-ada", "1", 1, None),
        ("account-ada", "@2", None, 2),
        ("account-ada", "now", None, 2),
        ("account-ada", "2020-01-01", None, 0),
    ],
)
def test_a_stream_then_and_now(bench: Any, text: str, at: str | None, version: int, position: int) -> None:
    assert address_of(DomainFolds(bench), text, at, "at=") == ("account-ada", version, position)


@pytest.mark.parametrize(
    ("word", "both", "zero", "rows"),
    [
        ("--at ", "leave --at away", "--at 1 is the state after the first event", "--at @POSITION or --at TIME"),
        ("at=", "leave at away", "at=1 is the state after the first event", "at=@POSITION or at=TIME"),
    ],
)
def test_what_is_refused_is_said_in_the_words_of_the_face(
    bench: Any, word: str, both: str, zero: str, rows: str
) -> None:
    for text, at, hint in (("account-ada@1", "1", both), ("account-ada", "0", zero)):
        with pytest.raises(Misuse) as refused:
            address_of(DomainFolds(bench), text, at, word)
        assert refused.value.hint == hint
    with pytest.raises(Misuse, match=f"^{word}1 is a version, and a row has none$") as refused:
        position_at(bench.store, "1", word, "a row")
    assert refused.value.hint == rows


def test_rows_have_no_place_behind_the_head(bench: Any) -> None:
    assert [position_at(bench.store, at, "at=") for at in ("@1", "@99", "now")] == [1, 2, 2]


def test_a_stream_that_nobody_knows(bench: Any) -> None:
    with pytest.raises(NotFound) as missing:
        address_of(DomainFolds(bench), "user-1", None, "at=")
    assert (missing.value.code, missing.value.details) == ("category-not-found", {})
