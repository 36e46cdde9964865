"""The users sample: the rules, one e-mail for one account whatever comes at once, and events of two versions."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cqrs_cli import Rejected, Scenario, Workbench
from cqrs_cli.stores.registry import open_store
from cqrs_cli.workbench.outcome import Request
from samples.users import domain, history
from samples.users.history import ADA, BOB, EVE
from samples.users.read_models import UserByEmail, UsersSince
from samples.users.user import (
    AccountClosed,
    ChangeEmail,
    CloseAccount,
    EmailChanged,
    RegisterUser,
    User,
    UserRegistered,
    as_written_before_2,
)
from tests.conftest import Shell

SOMEBODY = UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
REGISTERED = UserRegistered(email="ada@example.org", name="Ada")

# ── the rules of one user ─────────────────────────────────────────────────────────────────────


def test_an_email_is_kept_in_one_spelling() -> None:
    Scenario(domain).when(RegisterUser(email=" Ada@Example.ORG ", name=" Ada ")).then(REGISTERED)


@pytest.mark.parametrize("email", ["", "ada", "ada@", "@example.org", "ada@example", "a b@example.org", "a@b@c.org"])
def test_what_is_no_email_is_no_command(email: str) -> None:
    with pytest.raises(ValueError, match="email"):
        RegisterUser(email=email, name="Ada")


def test_an_email_changes() -> None:
    changed = EmailChanged(email="new@example.org")
    scenario = Scenario(domain).given(REGISTERED).when(ChangeEmail(user_id=SOMEBODY, email="NEW@example.org"))
    scenario.then(changed)
    assert isinstance(scenario.state, User)
    assert scenario.state.email == "new@example.org"


def test_the_same_email_is_no_change() -> None:
    same = ChangeEmail(user_id=SOMEBODY, email="ADA@example.org")
    Scenario(domain).given(REGISTERED).when(same).then_nothing()


def test_an_account_is_closed_once_and_for_all() -> None:
    close = CloseAccount(user_id=SOMEBODY)
    Scenario(domain).given(REGISTERED).when(close).then(AccountClosed())
    Scenario(domain).given(REGISTERED, AccountClosed()).when(close).then_nothing()
    change = ChangeEmail(user_id=SOMEBODY, email="new@example.org")
    Scenario(domain).given(REGISTERED, AccountClosed()).when(change).then_rejected("account-closed")


def test_nothing_is_left_to_check() -> None:
    assert domain.check() == []


# ── one e-mail, one account ───────────────────────────────────────────────────────────────────


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path / "users.db"), domain) as bench:
        yield bench


def register(bench: Workbench, email: str, name: str = "Somebody") -> UUID:
    key: UUID = bench.send(RegisterUser(email=email, name=name)).events[0].key
    return key


def accounts(bench: Workbench) -> dict[str, str]:
    """The names by e-mail, without catching up: the rows are there already."""
    return {row["email"]: row["name"] for row in (row.model_dump() for row in bench.rows("account"))}


def rebuilt_equal(bench: Workbench) -> bool:
    live = [row.model_dump() for row in bench.rows("account")]
    assert not bench.check("account").drift
    bench.rebuild("account")
    return [row.model_dump() for row in bench.rows("account")] == live


def test_an_email_that_is_taken_is_refused_and_nothing_is_written(bench: Workbench) -> None:
    register(bench, "ada@example.org", "Ada")
    bob = register(bench, "bob@example.org", "Bob")
    head = bench.store.head()
    taken = "ADA@example.org"
    for command in (RegisterUser(email=taken, name="Other"), ChangeEmail(user_id=bob, email=taken)):
        with pytest.raises(Rejected) as refused:
            bench.send(command)
        assert refused.value.code == "not-unique"
        assert refused.value.message == "account has a row with email 'ada@example.org' already"
    assert bench.store.head() == head
    assert accounts(bench) == {"ada@example.org": "Ada", "bob@example.org": "Bob"}
    assert rebuilt_equal(bench)


def test_an_email_that_was_given_up_is_free(bench: Workbench) -> None:
    ada, bob = register(bench, "team@example.org", "Ada"), register(bench, "bob@example.org", "Bob")
    bench.send(ChangeEmail(user_id=ada, email="ada@example.org"))
    bench.send(ChangeEmail(user_id=bob, email="team@example.org"))
    bench.send(CloseAccount(user_id=bob))
    register(bench, "team@example.org", "Eve")
    assert accounts(bench) == {"ada@example.org": "Ada", "team@example.org": "Eve"}
    assert rebuilt_equal(bench)


def test_a_batch_is_judged_commit_by_commit(bench: Workbench) -> None:
    ada = register(bench, "team@example.org", "Ada")
    commands = [
        RegisterUser(email="team@example.org", name="too early"),
        ChangeEmail(user_id=ada, email="ada@example.org"),
        RegisterUser(email="team@example.org", name="Bob"),
        RegisterUser(email="Team@example.org", name="too late"),
        CloseAccount(user_id=ada),
        RegisterUser(email="ada@example.org", name="Eve"),
    ]
    outcomes = list(bench.send_batch(Request(number, command) for number, command in enumerate(commands, 1)))
    assert [outcome.status for outcome in outcomes] == [
        "rejected", "committed", "committed", "rejected", "committed", "committed",
    ]  # fmt: skip
    assert {outcome.error.code for outcome in outcomes if outcome.error} == {"not-unique"}
    assert accounts(bench) == {"team@example.org": "Bob", "ada@example.org": "Eve"}
    assert rebuilt_equal(bench)


def test_of_many_at_once_one_gets_it(tmp_path: Path) -> None:
    url = str(tmp_path / "users.db")
    with Workbench.open(url, domain):
        pass

    def attempt(number: int) -> bool:
        with Workbench.open(url, domain) as bench:
            try:
                register(bench, "wanted@example.org", str(number))
            except Rejected:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(16))) == 1
    with Workbench.open(url, domain) as bench:
        assert bench.store.head() == 1
        assert len(accounts(bench)) == 1


def test_queries(bench: Workbench) -> None:
    register(bench, "ada@example.org", "Ada")
    register(bench, "bob@example.org", "Bob")
    found = bench.query(UserByEmail(email=" BOB@example.org"))
    assert found is not None
    assert found.name == "Bob"
    assert bench.query(UserByEmail(email="eve@example.org")) is None
    assert [row.name for row in bench.query(UsersSince())] == ["Bob", "Ada"]
    assert [row.name for row in bench.query(UsersSince(since=found.registered_at))] == ["Bob"]


# ── events of two versions ────────────────────────────────────────────────────────────────────


@pytest.fixture
def old_store(tmp_path: Path) -> str:
    """A store with events that were written before `UserRegistered` came to version 2."""
    path = tmp_path / "users.db"
    ran = write_history(str(path))
    assert (ran.returncode, ran.stderr) == (0, "5 of 5 old commits written\n")
    return str(path)


def write_history(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "samples.users.history", *words],
        cwd=Path(history.__file__).parents[2],
        capture_output=True,
        encoding="utf-8",
    )


def test_the_upcaster_makes_one_version_into_the_next() -> None:
    old, new = {"mail": " Ada@Example.org", "name": "Ada"}, {"email": "ada@example.org", "name": "Ada"}
    assert as_written_before_2(old) == new


def test_the_history_is_written_once(old_store: str) -> None:
    again = write_history(old_store)
    assert (again.returncode, again.stderr) == (0, "0 of 5 old commits written\n")
    assert write_history().returncode == 2
    Path(old_store).write_text("no database, but long enough to be looked at as one" * 100)
    broken = write_history(old_store)
    assert broken.returncode == 6, broken.stderr
    assert broken.stderr.startswith("error: ")


def test_both_versions_in_rows_and_states(old_store: str) -> None:
    with Workbench.open(old_store, domain) as bench:
        new = register(bench, "zoe@example.org", "Zoe")
        with open_store(old_store, read_only=True) as store:
            versions = [event.schema_version for event in store.read() if event.type == "UserRegistered"]
        assert versions == [1, 1, 1, 2]
        assert accounts(bench) == {
            "ada@example.org": "Ada", "team@example.org": "Bob", "eve@example.org": "Eve", "zoe@example.org": "Zoe",
        }  # fmt: skip
        assert rebuilt_equal(bench)
        states = {state.stream: state.state.model_dump() for state in bench.replay_all()}
        assert [states[f"user-{user}"]["email"] for user in (ADA, BOB, EVE, new)] == [
            "ada@example.org", "team@example.org", "eve@example.org", "zoe@example.org",
        ]  # fmt: skip
        assert bench.replay(f"user-{ADA}", at=1).state.model_dump()["email"] == "team@example.org"


def test_rules_hold_for_what_was_written_before(old_store: str) -> None:
    """The inline rows take the history in before the first command is judged."""
    with Workbench.open(old_store, domain) as bench:
        with pytest.raises(Rejected, match="eve@example"):
            register(bench, "eve@example.org")
        assert bench.store.head() == len(history.HISTORY)


# ── as users run it ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def shell(cqrs: Shell) -> Shell:
    cqrs.environ |= {"CQRS_APP": "samples.users:domain", "CQRS_STORE": "users.db"}
    return cqrs


def registered(shell: Shell, email: str, name: str) -> str:
    sent: dict[str, Any] = shell.json("send", "register-user", "--email", email, "--name", name)
    stream: str = sent["streams"][0]["stream"]
    return str(*domain.aggregate_of(stream).key_of(stream))


def test_accounts_in_the_shell(shell: Shell) -> None:
    ada = registered(shell, "Team@example.org", "Ada")
    refused = shell("send", "register-user", "--email", "team@example.org", "--name", "Bob", exit_code=1)
    assert "error[not-unique]: account has a row with email 'team@example.org' already" in refused.stderr
    shell("send", "change-email", "--user-id", ada, "--email", "ada@example.org")
    registered(shell, "team@example.org", "Bob")
    shell("send", "close-account", "--user-id", ada)
    assert shell.json("query", "user-by-email", "--email", "TEAM@example.org")["name"] == "Bob"
    assert [row["name"] for row in shell.json("query", "users-since")] == ["Bob"]
    before = shell("project", "--json").stdout
    shell("project", "--check")
    shell("project", "--rebuild")
    assert shell("project", "--json").stdout == before


def test_a_batch_in_the_shell(shell: Shell) -> None:
    names = ["Ada", "Bob", "Eve"]
    lines = [{"command": "register-user", "data": {"email": "one@example.org", "name": name}} for name in names]
    ran = shell("send", "--batch", "-", "--jsonl", exit_code=1, stdin="\n".join(map(json.dumps, lines)))
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [answer["status"] for answer in answers] == ["committed", "rejected", "rejected"]
    assert all("email 'one@example.org'" in answer["reason"] for answer in answers[1:])
    assert [row["name"] for row in shell.json("query", "account")] == ["Ada"]


def test_old_events_in_the_shell(shell: Shell, old_store: str) -> None:
    assert registered(shell, "zoe@example.org", "Zoe")
    logged = {event["schema_version"] for event in shell.json("log") if event["type"] == "UserRegistered"}
    assert logged == {1, 2}
    assert shell.json("replay", f"user-{BOB}", "--at", "1")["state"]["email"] == "bob@example.org"
    rows = shell.json("query", "account", "--order", "email")
    assert [row["email"] for row in rows] == [
        "ada@example.org", "eve@example.org", "team@example.org", "zoe@example.org",
    ]  # fmt: skip
    taken = shell("send", "register-user", "--email", "EVE@example.org", "--name", "Eve", exit_code=1)
    assert "email 'eve@example.org'" in taken.stderr
