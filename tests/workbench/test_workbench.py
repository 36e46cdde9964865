"""The workbench as a user of Python holds it: opening, replaying, projecting."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import NotFound, Workbench
from cqrs_cli.errors import ConfigurationError, DomainFailed, InvalidInput, Unavailable, Undecodable
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.contract import Selection
from tests.bank import Account, Balance, Between, Close, Deposit, Kind, Open, Tag, domain


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path / "bank.db"), domain, services={Between: Between()}) as opened:
        yield opened


@pytest.fixture
def filled(bench: Workbench) -> Workbench:
    bench.send(Open(account_id="a"))
    bench.send(Deposit(account_id="a", amount=1))
    bench.send(Open(account_id="b"))
    bench.send(Deposit(account_id="a", amount=10))
    bench.send(Deposit(account_id="b", amount=5))
    return bench


def balance(state: Any) -> int:
    return int(state.state.balance)


def test_opening_what_is_not_there(tmp_path: Path) -> None:
    for how in ({"create": False}, {"read_only": True}):
        with pytest.raises(NotFound):
            Workbench.open(str(tmp_path / "none.db"), domain, **how)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_workbench_that_only_reads(filled: Workbench, tmp_path: Path) -> None:
    with Workbench.open(str(tmp_path / "bank.db"), domain, read_only=True) as reader:
        assert balance(reader.replay("account-a")) == 11
        with pytest.raises(Unavailable):
            reader.send(Open(account_id="z"))
    assert filled.store.head() == 5


def test_replay(filled: Workbench) -> None:
    state = filled.replay("account-a")
    assert (state.stream, state.version, state.position, balance(state)) == ("account-a", 3, 4, 11)
    assert balance(filled.replay("account-a", at=2)) == 1
    assert filled.replay("account-a", at_position=3).version == 2
    assert filled.replay("account-a", at=1, at_position=5).version == 1


@pytest.mark.parametrize(
    ("stream", "at", "code"),
    [
        ("account-z", {}, "stream-not-found"),
        ("account-a", {"at": 4}, "version-not-found"),
        ("account-a", {"at": 0}, "stream-not-found"),
        ("account-b", {"at_position": 2}, "stream-not-found"),
        ("acount-a", {}, "category-not-found"),
    ],
)
def test_replay_of_what_is_not_there(filled: Workbench, stream: str, at: dict[str, int], code: str) -> None:
    with pytest.raises(NotFound) as caught:
        filled.replay(stream, **at)
    assert caught.value.code == code


def test_replay_of_another_spelling(filled: Workbench) -> None:
    with pytest.raises(InvalidInput, match="another spelling"):
        filled.replay("account-%61")


def test_a_store_is_opened_by_path_or_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for url in (tmp_path / "one.db", "two.db", "sqlite:three.db", f"sqlite://{tmp_path}/four.db"):
        with Workbench.open(url, domain) as bench:
            bench.send(Open(account_id="a"))
    names = {path.name for path in tmp_path.glob("*.db")}
    assert names == {"one.db", "two.db", "three.db", "four.db"}
    for url in ("sqlite://five.db", "mysql://host/five"):  # a host, and not a file in the root
        with pytest.raises(ConfigurationError) as caught:
            Workbench.open(url, domain)
        assert "sqlite:shop.db" in (caught.value.hint or "")


def test_steps(filled: Workbench) -> None:
    steps = filled.steps("account-a")
    assert [(event.version, event.type, state.version, balance(state)) for event, state in steps] == [
        (1, "Opened", 1, 0), (2, "Deposited", 2, 1), (3, "Deposited", 3, 11),
    ]  # fmt: skip
    assert [event.version for event, _ in filled.steps("account-a", at=2)] == [1, 2]
    assert [event.version for event, _ in filled.steps("account-a", at_position=3)] == [1, 2]
    with pytest.raises(NotFound):
        list(filled.steps("account-z"))


def test_replay_all(filled: Workbench) -> None:
    filled.store.append(Commit("x", (NewEvent("ledger-1", "Foreign", 1, b"{}"),)))
    assert {state.stream: balance(state) for state in filled.replay_all()} == {"account-a": 11, "account-b": 5}
    assert {state.stream: (state.version, balance(state)) for state in filled.replay_all("account", at_position=3)} == {
        "account-a": (2, 1),
        "account-b": (1, 0),
    }
    with pytest.raises(NotFound):
        list(filled.replay_all("ledger"))


def test_a_stream_that_can_not_be_read_is_named(filled: Workbench) -> None:
    filled.store.append(Commit("x", (NewEvent("account-a", "Foreign", 1, b"{}"),)))
    for call in (lambda: filled.replay("account-a"), lambda: list(filled.replay_all())):
        with pytest.raises(Undecodable, match=r"event 6 \(account-a version 4\): no event of this domain"):
            call()
    assert balance(filled.replay("account-a", at=3)) == 11
    filled.store.append(Commit("y", (NewEvent("account-b", "Deposited", 3, b'{"amount":666}'),)))
    with pytest.raises(
        DomainFailed, match=r"Account.deposited \(event 7, account-b version 3\) raised ValueError"
    ) as caught:
        filled.replay("account-b")
    assert caught.value.details["position"] == 7


def test_states_share_nothing(filled: Workbench) -> None:
    first, second = filled.load(Account, "a"), filled.load(Account, "a")
    first.state.notes.append("mine")
    assert second.state.notes == ["", ""]
    (again,) = [state.state for state in filled.replay_all() if state.stream == "account-a"]
    assert isinstance(again, Account)
    assert again.notes == ["", ""]


def test_steps_may_be_kept(filled: Workbench) -> None:
    steps = [state for _, state in filled.steps(Account, "a")]
    assert [len(step.state.notes) for step in steps] == [0, 1, 2]
    steps[0].state.notes.append("mine")
    assert steps[2].state.notes == ["", ""]


def test_loading_by_key_and_by_stream(filled: Workbench) -> None:
    state = filled.load(Account, "a")
    assert (state.stream, state.state.balance, state) == ("account-a", 11, filled.load("account-a"))
    assert state == filled.replay("account-a")
    assert filled.load(Account, "a", at=2).state.balance == filled.load(Account, "a", at_position=2).state.balance == 1
    with pytest.raises(NotFound, match="account-nobody"):
        filled.load(Account, "nobody")
    for key in ((), ("a", "b")):
        with pytest.raises(InvalidInput, match=rf"the key of Account is \(account_id\), not {len(key)} values"):
            filled.load(Account, *key)

    class Other(Account):
        pass

    with pytest.raises(NotFound, match="Other is no part of the domain"):
        filled.load(Other, "a")


def test_the_log(filled: Workbench) -> None:
    events = list(filled.log(Selection(stream="account-a")))
    assert [(event.key, event.version) for event in events] == [("a", 1), ("a", 2), ("a", 3)]
    assert list(filled.log()) == list(filled.store.read())


def test_projecting_by_name(filled: Workbench) -> None:
    assert [status.name for status in filled.project("balance")] == ["balance"]
    assert [(status.name, status.status) for status in filled.statuses()] == [
        ("balance", "ready"),
        ("flow", "new"),
    ]
    assert [status.name for status in filled.project()] == ["balance", "flow"]
    with pytest.raises(NotFound) as caught:
        filled.project("balence")
    assert caught.value.hint == "did you mean balance?"


def test_json_ready(bench: Workbench) -> None:
    row = Balance(account_id="a", kind=Kind.FIRM, tags=frozenset({"b", "a"}))
    shown = bench.jsonable(row)
    assert (shown["kind"], shown["euros"], shown["tags"], shown["since"]) == ("firm", "0", ["a", "b"], None)


def test_a_returned_state_replaces_the_one_before(bench: Workbench) -> None:
    bench.send(Tag(account_id="a", tags={"x"}))
    bench.send(Tag(account_id="a", tags={"y"}))
    assert bench.load(Account, "a").state.tags == {"x", "y"}
    bench.send(Open(account_id="c"))
    bench.send(Close(account_id="c"))
    assert bench.send(Close(account_id="c")).status == "unchanged"
