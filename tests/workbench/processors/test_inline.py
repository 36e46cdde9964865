"""Inline projections: rows in the commit's own transaction, and rules over many rows that reject commands."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Aggregate, Command, Domain, Event, Projection, Rejected, Workbench, decide, evolve
from cqrs_cli.cli.shell.hints import say
from cqrs_cli.errors import DomainFailed, Misuse, NeedsRebuild, NotUnique
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.registry import open_store
from cqrs_cli.workbench.outcome import Request
from tests.limited import limited
from tests.members import ChangeEmail, Directory, Join, Joined, Leave, Member, Score, domain
from tests.tables import drop

ROOT = Path(__file__).resolve().parent.parent
TABLE = domain.projections["directory"].table


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path / "m.db"), domain) as bench:
        yield bench


def emails(bench: Workbench) -> dict[Any, Any]:
    return {row[0]: row[1] for row in bench.store.rows.select(TABLE)}


def test_rows_are_there_with_the_commit(bench: Workbench) -> None:
    bench.send(Join(member_id="a", email="a@x.org"))
    with open_store(bench.store.url, read_only=True) as other:
        assert list(other.rows.select(TABLE)) == [("a", "a@x.org")]
        checkpoint = other.rows.checkpoint("directory")
        assert checkpoint is not None
        assert checkpoint.position == other.head()


def test_a_value_that_is_taken_rejects_the_command_and_nothing_is_written(bench: Workbench) -> None:
    bench.send(Join(member_id="a", email="a@x.org"))
    bench.send(Join(member_id="b", email="b@x.org"))
    for command in (Join(member_id="c", email="a@x.org"), ChangeEmail(member_id="b", email="a@x.org")):
        head = bench.store.head()
        with pytest.raises(NotUnique, match=r"directory has a row with email 'a@x\.org' already") as caught:
            bench.send(command)
        assert isinstance(caught.value, Rejected)
        assert caught.value.details == {"table": "directory", "columns": ["email"]}
        assert bench.store.head() == head
        with pytest.raises(NotUnique) as dry:
            bench.send(command, dry_run=True)
        assert (dry.value.message, dry.value.details) == (caught.value.message, caught.value.details)
    assert emails(bench) == {"a": "a@x.org", "b": "b@x.org"}


def test_in_a_batch_each_commit_by_itself(bench: Workbench) -> None:
    commands = [
        Join(member_id="a", email="a@x.org"),
        Join(member_id="b", email="a@x.org"),
        ChangeEmail(member_id="a", email="new@x.org"),
        Join(member_id="b", email="a@x.org"),
        Join(member_id="c", email="new@x.org"),
        Leave(member_id="a"),
        Join(member_id="d", email="new@x.org"),
    ]
    outcomes = list(bench.send_batch(Request(n, command) for n, command in enumerate(commands, 1)))
    assert [outcome.status for outcome in outcomes] == [
        "committed", "rejected", "committed", "committed", "rejected", "committed", "committed",
    ]  # fmt: skip
    assert [outcome.error.code for outcome in outcomes if outcome.error] == ["not-unique"] * 2
    assert emails(bench) == {"b": "a@x.org", "d": "new@x.org"}
    assert bench.check("directory").ok


def test_a_dry_run_allows_what_would_be_allowed(bench: Workbench) -> None:
    bench.send(Join(member_id="a", email="a@x.org"))
    bench.send(ChangeEmail(member_id="a", email="b@x.org"))
    for command in (
        Join(member_id="b", email="a@x.org"),
        ChangeEmail(member_id="a", email="a@x.org"),
        Leave(member_id="a"),
    ):
        outcome = bench.send(command, dry_run=True)
        assert next(change.projection for change in outcome.changes) == "directory"
    assert emails(bench) == {"a": "b@x.org"}


def test_a_dry_run_sees_what_was_imported_and_is_not_projected(bench: Workbench) -> None:
    bench.send(Join(member_id="a", email="a@x.org"))
    bench.store.append(Commit("i1", (NewEvent("member-a", "EmailChanged", 1, b'{"email":"z@x.org"}'),)))
    bench.store.append(Commit("i2", (NewEvent("member-q", "Joined", 1, b'{"email":"q@x.org","city":"X"}'),)))
    assert bench.send(Join(member_id="b", email="a@x.org"), dry_run=True).status == "dry-run"
    for email in ("z@x.org", "q@x.org"):
        with pytest.raises(NotUnique):
            bench.send(Join(member_id="b", email=email), dry_run=True)
        with pytest.raises(NotUnique):
            bench.send(Join(member_id="b", email=email))
    bench.send(Join(member_id="b", email="a@x.org"))
    assert emails(bench) == {"a": "z@x.org", "b": "a@x.org", "q": "q@x.org"}


def test_a_dry_run_is_not_stopped_by_what_stopped_another_projection(bench: Workbench) -> None:
    bench.send(Join(member_id="a", email="a@x.org"))
    bench.send(Score(member_id="a", points=Decimal(13)))
    bench.send(Score(member_id="a", points=Decimal(1)))
    outcome = bench.send(Score(member_id="a", points=Decimal(2)), dry_run=True)
    assert [change.projection for change in outcome.changes] == ["standing"]


def test_the_first_commit_catches_a_new_inline_projection_up(bench: Workbench) -> None:
    for n in range(30):
        bench.store.append(
            Commit(
                f"i{n}", (NewEvent(f"member-{n}", "Joined", 1, json.dumps({"email": f"{n}", "city": "X"}).encode()),)
            )
        )
    with pytest.raises(NotUnique):
        bench.send(Join(member_id="late", email="7"))
    assert len(emails(bench)) == 30


def make_ready(bench: Workbench) -> None:
    """Members a and b: with the second command the workbench has caught its inline projections up, once and for all."""
    for name in "ab":
        bench.send(Join(member_id=name, email=f"{name}@x.org"))


def imported(bench: Workbench, *events: tuple[str, str, str]) -> None:
    """Commits of `(member, type, e-mail)`, appended without a domain: no rows change."""
    for name, type, email in events:
        data = json.dumps({"email": email, "city": "X"}).encode()
        bench.store.append(Commit(f"i{bench.store.head()}", (NewEvent(f"member-{name}", type, 1, data),)))


@pytest.mark.parametrize("also", [[], [("q", "Joined", "q@x.org"), ("q", "EmailChanged", "r@x.org")]])
def test_what_was_imported_since_the_last_command_is_in_the_rows_before_the_next(
    bench: Workbench, also: list[tuple[str, str, str]]
) -> None:
    make_ready(bench)
    imported(bench, *also, ("a", "EmailChanged", "z@x.org"))
    with pytest.raises(NotUnique):
        bench.send(Join(member_id="c", email="z@x.org"))
    bench.send(Join(member_id="c", email="a@x.org"))
    assert emails(bench) == {"a": "z@x.org", "b": "b@x.org", "c": "a@x.org"} | ({"q": "r@x.org"} if also else {})
    assert bench.check("directory").ok


def test_a_command_does_not_wait_for_many_events_that_were_imported(bench: Workbench) -> None:
    bench = limited(bench, inline_lag=4)
    make_ready(bench)
    imported(bench, *((f"i{n}", "Joined", f"{n}") for n in range(3)))
    bench.send(Join(member_id="c", email="c@x.org"))
    imported(bench, *((f"j{n}", "Joined", f"-{n}") for n in range(4)))
    head = bench.store.head()
    with pytest.raises(Misuse, match="the inline projection directory is 4 events behind") as caught:
        bench.send(Join(member_id="d", email="d@x.org"))
    assert (caught.value.code, say(caught.value)) == ("behind", "cqrs project directory")
    assert (bench.store.head(), len(emails(bench))) == (head, 6)
    bench.project("directory")
    bench.send(Join(member_id="d", email="d@x.org"))
    assert len(emails(bench)) == 11


def test_a_value_passes_in_one_commit_from_a_row_that_goes_to_a_new_one(bench: Workbench) -> None:
    make_ready(bench)
    joined = b'{"email":"a@x.org","city":"X"}'
    events = (NewEvent("member-a", "Left", 1, b'{"city":"X"}'), NewEvent("member-c", "Joined", 1, joined))
    bench.store.append(Commit("both", events), (), bench._sender.inline_hook())
    assert emails(bench) == {"b": "b@x.org", "c": "a@x.org"}


def test_rows_that_another_process_rebuilt_with_another_definition_refuse_commands(
    bench: Workbench, tmp_path: Path
) -> None:
    make_ready(bench)

    class Shouted(Projection, key="member_id", inline=True, unique="email", name="directory", version=2):
        member_id: str
        email: str | None = None

        @evolve
        def joined(self, event: Joined) -> None:
            self.email = event.email.upper()

    with Workbench.open(str(tmp_path / "m.db"), Domain("members", Member, Shouted)) as other:
        other.rebuild("directory")
    with pytest.raises(Misuse, match="directory needs a rebuild") as caught:
        bench.send(Join(member_id="c", email="c@x.org"))
    assert (caught.value.code, say(caught.value)) == ("needs-rebuild", "cqrs project directory --rebuild")
    assert emails(bench) == {"a": "A@X.ORG", "b": "B@X.ORG"}


def test_a_changed_inline_projection_refuses_commands_until_it_is_rebuilt(bench: Workbench, tmp_path: Path) -> None:
    bench.send(Join(member_id="a", email="a@x.org"))

    projection = domain.projections["directory"]
    definition = json.loads(projection.definition) | {"version": 9}
    with bench.store.transaction() as rows:
        old = rows.checkpoint("directory")
        assert old is not None
        rows.move("directory", old, old._replace(definition=json.dumps(definition)))
    with Workbench.open(str(tmp_path / "m.db"), domain) as other:
        for dry_run in (False, True):
            with pytest.raises(Misuse) as caught:
                other.send(Join(member_id="b", email="b@x.org"), dry_run=dry_run)
            assert caught.value.code == "needs-rebuild"
            assert say(caught.value) == "cqrs project directory --rebuild"
        other.rebuild("directory")
        other.send(Join(member_id="b", email="b@x.org"))
        assert emails(other) == {"a": "a@x.org", "b": "b@x.org"}


def test_a_table_that_is_gone_refuses_commands_until_it_is_rebuilt(bench: Workbench, tmp_path: Path) -> None:
    bench.send(Join(member_id="a", email="a@x.org"))
    drop(tmp_path / "m.db", "directory")
    for dry_run in (True, False):
        with pytest.raises(Misuse) as caught:
            bench.send(Join(member_id="b", email="a@x.org"), dry_run=dry_run)
        assert str(say(caught.value)).endswith("cqrs project directory --rebuild")
    bench.rebuild("directory")
    assert emails(bench) == {"a": "a@x.org"}


def test_an_evolve_that_fails_fails_the_command(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.send(Join(member_id="a", email="a@x.org"))
    wrong = ChangeEmail(member_id="a", email="b@x.org")
    monkeypatch.setattr(Directory, "__setattr__", lambda *_: (_ for _ in ()).throw(ValueError("no")))
    with pytest.raises(DomainFailed):
        bench.send(wrong)
    monkeypatch.undo()
    assert emails(bench) == {"a": "a@x.org"}
    assert bench.send(wrong).status == "committed"


RACE = """
import sys
from cqrs_cli import Aggregate, Command, Domain, Event, Projection, Rejected, Workbench, decide, evolve
from tests.members import Join, domain

won = 0
with Workbench.open(sys.argv[1], domain) as bench:
    for n in range(60):
        try:
            bench.send(Join(member_id=f"{sys.argv[2]}-{n}", email=f"{n}@x.org"))
            won += 1
        except Rejected as error:
            assert error.code == "not-unique", error.code
print(won)
"""


def test_of_two_that_are_sent_at_once_one_is_rejected(bench: Workbench, tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(tmp_path / "m.db"), name], env=environ, stdout=subprocess.PIPE, text=True
        )
        for name in ("p", "q", "r")
    ]
    won = [int(racer.communicate(timeout=120)[0]) for racer in racers]
    assert sum(won) == 60
    assert sorted(emails(bench).values()) == sorted(f"{n}@x.org" for n in range(60))
    assert bench.check("directory").ok


class Priced(Event):
    lot_id: str
    price: Decimal


class SetPrice(Command):
    lot_id: str
    price: Decimal


class Lot(Aggregate):
    lot_id: str

    @decide(creates="either")
    def set_price(self, command: SetPrice) -> Priced:
        return Priced(lot_id=command.lot_id, price=command.price)

    @evolve
    def priced(self, event: Priced) -> None: ...


class LotPrice(Projection, key="lot_id", inline=True, unique="price"):
    lot_id: str
    price: Decimal | None = None

    @evolve
    def priced(self, event: Priced) -> None:
        self.price = event.price


def test_a_decimal_that_is_taken_is_taken_however_it_is_written(tmp_path: Path) -> None:
    with Workbench.open(str(tmp_path / "lots.db"), Domain("lots", Lot, LotPrice)) as bench:
        bench.send(SetPrice(lot_id="a", price=Decimal("1.0")))
        bench.send(SetPrice(lot_id="a", price=Decimal("1.00")))
        taken = SetPrice(lot_id="b", price=Decimal("1"))
        for dry_run in (True, False):
            with pytest.raises(NotUnique, match="lot_price has a row with price '1' already"):
                bench.send(taken, dry_run=dry_run)
        bench.send(SetPrice(lot_id="a", price=Decimal(2)))
        assert bench.send(taken, dry_run=True).changes
        bench.send(taken)
        bench.rebuild("lot_price")
        with pytest.raises(NotUnique):
            bench.send(SetPrice(lot_id="c", price=Decimal("2.0")))
        assert bench.check("lot_price").ok


def test_a_batch_that_breaks_a_rule_is_parted_between_commits(tmp_path: Path) -> None:
    """Within a commit a price may pass from one lot to another: half of it would break the rule, all of it does not."""

    def priced(id: str, *prices: tuple[str, str]) -> Commit:
        data = [(lot, json.dumps({"lot_id": lot, "price": price}).encode()) for lot, price in prices]
        return Commit(id, tuple(NewEvent(f"lot-{lot}", "Priced", 1, one) for lot, one in data))

    with Workbench.open(str(tmp_path / "lots.db"), Domain("lots", Lot, LotPrice)) as bench:
        bench.store.append(priced("one", ("a", "1"), ("b", "2"), ("b", "1"), ("a", "3")))
        bench.store.append(priced("two", ("c", "3")))
        with pytest.raises(NotUnique) as caught:
            bench.rebuild("lot_price")
        assert caught.value.details["position"] == 5


class Named(Event):
    tenant: str
    name: str


class SetName(Command):
    account_id: str
    tenant: str
    name: str


class Account(Aggregate):
    account_id: str

    @decide(creates="either")
    def set_name(self, command: SetName) -> Named:
        return Named(tenant=command.tenant, name=command.name)

    @evolve
    def named(self, event: Named) -> None: ...


class Names(Projection, key="account_id", inline=True, unique=("tenant", "name")):
    account_id: str
    tenant: str = ""
    name: str = ""

    @evolve
    def named(self, event: Named) -> None:
        self.tenant, self.name = event.tenant, event.name


def test_two_columns_are_unique_together(tmp_path: Path) -> None:
    with Workbench.open(str(tmp_path / "names.db"), Domain("names", Account, Names)) as bench:
        bench.send(SetName(account_id="1", tenant="a", name="ann"))
        bench.send(SetName(account_id="2", tenant="a", name="bob"))
        bench.send(SetName(account_id="3", tenant="b", name="ann"))
        taken = SetName(account_id="4", tenant="b", name="ann")
        for dry_run in (True, False):
            with pytest.raises(NotUnique, match="names has a row with tenant 'b', name 'ann' already"):
                bench.send(taken, dry_run=dry_run)


def test_two_rules_that_became_one_ask_for_a_rebuild(tmp_path: Path) -> None:
    class Stricter(Projection, key="account_id", name="names", inline=True, unique=["tenant", "name"]):
        account_id: str
        tenant: str = ""
        name: str = ""

        @evolve
        def named(self, event: Named) -> None:
            self.tenant, self.name = event.tenant, event.name

    path = str(tmp_path / "names.db")
    with Workbench.open(path, Domain("names", Account, Stricter)) as before:
        before.send(SetName(account_id="1", tenant="a", name="ann"))
    with Workbench.open(path, Domain("names", Account, Names)) as after:
        with pytest.raises(NeedsRebuild, match="the unique columns changed"):
            after.send(SetName(account_id="2", tenant="a", name="bob"))
        after.rebuild("names")
        after.send(SetName(account_id="2", tenant="a", name="bob"))
